"""OpenVINO's files, and ONNX files, in OpenVINO."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import CheckpointError, MissingExtra, last_line
from cladenet.export.description import KEY, Description
from cladenet.export.names import NORMALISED, PREPARED
from cladenet.export.sessions.session import Array, Session
from cladenet.processes import status_of

# Compile a file. OpenVINO 2026.4 ends the process that compiles DenseNet-121 in 8 bits (a
# segmentation fault), so such files are tried in a process of their own.
TRIAL = """
import sys, openvino
core = openvino.Core()
core.compile_model(core.read_model(sys.argv[1]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
"""


def opened(path: Path, threads: int, lean: bool = False) -> Session:
    """The file, ready to run; `lean` changes nothing here.

    Raises:
        CheckpointError: it is damaged, or was not written here.
        MissingExtra: OpenVINO is not installed.
    """
    core, model = read(path)
    description = description_of(model, path)
    if description.precision == "int8" and (status := status_of(TRIAL, [str(path)])):
        raise CheckpointError(
            f"{path} cannot be run by OpenVINO, which ends with status {status} on it in 8 bits; "
            "use fp32, or --format onnx"
        )
    return OpenVinoSession(core, model, description, threads)


def read(path: Path) -> tuple[Any, Any]:
    """(core, model) of OpenVINO.

    Raises:
        CheckpointError: the file is damaged, or its weights are not beside it.
        MissingExtra: OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError:
        raise MissingExtra("openvino", "engines", str(path)) from None

    core = openvino.Core()
    try:
        return core, core.read_model(path)
    except Exception as error:  # it has no class of its own for what it cannot read
        reason = last_line(error)
        raise CheckpointError(f"{path} cannot be read by OpenVINO: {reason}") from error


def description_of(model: Any, path: Path) -> Description:
    """What the file says of itself; an ONNX file says it under `framework`.

    Raises:
        CheckpointError: nothing.
    """
    for place in ([KEY], ["framework", KEY]):
        if model.has_rt_info(place):
            return Description.from_text(str(model.get_rt_info(place).astype(str)))
    raise CheckpointError(
        f"{path} does not say how images are prepared for it: it was not written by "
        "`cladenet export`"
    )


class OpenVinoSession(Session):
    """A model compiled for the CPU.

    Where the processor has bfloat16, OpenVINO would compute in it unless it is asked for float32.

    Args:
        core: of OpenVINO.
        model: as it was read.
        description: what the file says of itself.
        threads: that it may take.
    """

    reason = staticmethod(last_line)

    def __init__(self, core: Any, model: Any, description: Description, threads: int) -> None:
        sides = [side.get_length() if side.is_static else None for side in
                 model.input(0).partial_shape]  # fmt: skip
        super().__init__(description, sides)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # the system may move a thread from a busy core
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            self._request = core.compile_model(model, "CPU", settings).create_infer_request()
        except Exception as error:  # it has no class of its own for what it cannot compile
            reason = last_line(error)
            raise CheckpointError(f"the file cannot be run by OpenVINO: {reason}") from error

    def _run(self, images: Array) -> NDArray[np.float32]:
        found = self._request.infer([images], share_inputs=True, share_outputs=False)
        answer: NDArray[np.float32] = next(iter(found.values()))
        return answer


def tap(path: Path, session: Session) -> Callable[[Array], list[Array]]:
    """What the file's nodes called `PREPARED` and `NORMALISED` give, without what follows them."""
    import openvino

    core, model = read(path)
    added = model.add_outputs([PREPARED, NORMALISED])
    ends = [output.get_node().input_value(0) for output in added]
    part = openvino.Model(ends, model.get_parameters())
    request = core.compile_model(
        part, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    ).create_infer_request()

    def run(images: Array) -> list[Array]:
        return list(request.infer([images]).values())

    return run
