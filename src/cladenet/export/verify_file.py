"""`cladenet verify FILE`: a file held against what it says of itself, or against its run."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument, CheckpointError
from cladenet.export.canvas import drawn_image, drawn_sizes
from cladenet.export.description import Description
from cladenet.export.names import SUFFIXES
from cladenet.export.runtime import ExportedModel, open_exported
from cladenet.export.verify.checks import (
    Checked,
    Disagreement,
    Found,
    check_preparing,
    check_self_test,
)
from cladenet.export.verify.measured import Measured
from cladenet.export.verify.taps import tapped

PACKAGES = {
    "onnx_runtime": "onnxruntime",
    "openvino_runtime": "openvino",
    "torch_program": "torch",
    "torchscript": "torch",
    "litert_runtime": "ai-edge-litert",
    "coreml_runtime": "coremltools",
}


class Tried(NamedTuple):
    """A file in a runtime.

    Args:
        runtime: name and version.
        found: the largest differences; None where the file does not run right in it.
        why_not: the reason then, else empty.
        measured: its accuracy beside the network's, where that was asked for.
        converted: of what the file was made of, where it has no runtime here.
    """

    runtime: str
    found: Found | None
    why_not: str = ""
    measured: Measured | None = None
    converted: Found | None = None


def verify(
    path: str | Path, run: str | Path | None = None, data: str | None = None
) -> tuple[Tried, ...]:
    """What was found in each runtime that is installed; torch is needed for `run` alone.

    Args:
        path: of a file that `cladenet export` wrote.
        run: the run that it was made of; by default it is held against its own metadata.
        data: images to compare with `run` on, instead of its own.

    Raises:
        BadArgument: `data` without `run`, or the name is not that of an exported file.
        CheckpointError: the file is missing, damaged, or was not written here.
        Disagreement: it does not hold in the runtime that it was written for.
        MissingExtra: that runtime is not installed.
    """
    path = Path(path)
    if run is None:
        if data is not None:
            raise BadArgument("--data is for --run RUN: answers are compared with the run's")
        return try_all(path, against_itself)
    from cladenet.export.verify.against_network import against_run

    return try_all(path, against_run(run, data))


def try_all(path: Path, check: Callable[[ExportedModel, str], Checked]) -> tuple[Tried, ...]:
    """The file in its first runtime, and in the others that are installed.

    Args:
        path: of the file.
        check: of an opened file and the module of `sessions` that opened it.

    Raises:
        CheckpointError: it does not run, or is not right, in the first one.
    """
    runtimes = SUFFIXES.get(path.suffix, ("",))
    tried = []
    for runtime in runtimes:
        package = PACKAGES.get(runtime, "")
        if runtime != runtimes[0] and find_spec(package) is None:
            continue
        try:
            model = open_exported(path, runtime=runtime)
            name = f"{package} {version(package)}"
            found, measured = check(model, runtime)
            tried.append(Tried(name, found, measured=measured))
        except Disagreement as error:
            if runtime == runtimes[0]:
                raise Disagreement(f"in {name} {error}") from error
            tried.append(Tried(name, None, str(error)))
        except CheckpointError as error:
            if runtime == runtimes[0]:
                raise
            tried.append(Tried(f"{package} {version(package)}", None, str(error)))
    return tuple(tried)


def against_itself(model: ExportedModel, runtime: str) -> Checked:
    """The self-test, and images of two sizes and two numbers beside Pillow's preparation.

    Raises:
        Disagreement: the file does not do what its metadata say.
    """
    found = check_self_test(model)
    description = model.description
    if not description.takes_pixels:
        return Checked(found)
    tap = tapped(model, runtime)
    for images in drawn_batches(description):
        _, levels = check_preparing(tap, images, description)
        found = found.joined(found._replace(levels=levels, images=0, differing=()))
    return Checked(found)


def drawn_batches(description: Description) -> Sequence[NDArray[np.uint8]]:
    """Drawn images, (N, H, W, C) each."""
    sizes = drawn_sizes(description.preprocess)
    images = [drawn_image(*size, description.preprocess.channels) for size in sizes]
    return [images[0][None], np.stack([images[-1][::-1], images[-1], images[-1][:, ::-1]])]
