"""`cladenet export RUN --format onnx`: from a checkpoint to a file that was verified."""

import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from cladenet import __version__
from cladenet.checkpoints import Loaded, load
from cladenet.checkpoints.atomic import explain
from cladenet.errors import BadArgument, CheckpointError, StorageError
from cladenet.export.canvas import canvas_size, drawn_image
from cladenet.export.description import Description, SelfTest
from cladenet.export.formats.order import Order
from cladenet.export.request import FORMATS, Format, Request, check_request
from cladenet.export.runtime import ExportedModel, open_exported
from cladenet.export.sessions.session import CannotRunHere
from cladenet.export.verify.against_network import check_against
from cladenet.export.verify.as_converted import as_converted
from cladenet.export.verify.checks import Checked, Disagreement, allowed_for
from cladenet.export.verify.images import Trials, trials_for
from cladenet.export.verify.measure import measurement
from cladenet.export.verify.measured import Measured
from cladenet.export.verify.reference import Reference
from cladenet.export.verify_file import Tried, try_all
from cladenet.inference.request import CannotPrepare
from cladenet.keywords import refuse_unknown
from cladenet.runs.evaluate.calibration import calibration_images


class ExportedFile(NamedTuple):
    """What was written.

    Args:
        path: of the file.
        size: in bytes, with all that belongs to it.
        seconds: that writing took, without verification.
        tried: in each runtime.
        measured: its accuracy beside the network's, of int8 and where there are images.
        notes: sentences for the user.
    """

    path: Path
    size: int
    seconds: float
    tried: tuple[Tried, ...]
    measured: Measured | None
    notes: tuple[str, ...]


def export_run(run: str | Path, request: Request | str = "onnx", **options: Any) -> ExportedFile:
    """Write a checkpoint's network in a format, verified before it gets its name.

    Args:
        run: run or checkpoint folder.
        request: what is wanted, or the name of a format.
        options: further fields of the request, where a format is named, such as `precision`.

    Raises:
        BadArgument: it cannot be had.
        CheckpointError: the checkpoint is damaged.
        Disagreement: the file does not give the network's answers; it is not left behind.
        MissingExtra: a package of the format is not installed.
        StorageError: `out` is there already, or the disk fails.
    """
    refuse_unknown("export_run", options, [each.name for each in fields(Request)[1:]])
    if isinstance(request, str):
        request = Request(format=request, **options)
    form = check_request(request)
    loaded = load(run)
    target = Path(request.out) if request.out else Path(run) / f"{loaded.card.network}{form.suffix}"
    if target.suffix != form.suffix:
        raise BadArgument(f"out is {target}; expected a name that ends in {form.suffix}")
    if target.exists():
        raise StorageError(f"{target} already exists; remove it, or give another --out")
    if request.any_size and loaded.model.input_size is not None:
        side = loaded.model.input_size
        raise BadArgument(
            f"the head of {loaded.card.network} is tied to images of {side}x{side}; leave out "
            "--any-size"
        )
    trials = trials_for(loaded, request.data)
    reference = Reference(loaded.model, loaded.card.preprocess)
    return write_verified(loaded, request, target, trials, reference)


def write_verified(
    loaded: Loaded, request: Request, target: Path, trials: Trials, reference: Reference
) -> ExportedFile:
    """See `export_run`; the file is written into a folder of its own, tried, and moved.

    Args:
        loaded: the network and what is known of it.
        request: what is wanted.
        target: the file.
        trials: images to try it on.
        reference: the network's answers to them, which several files may share.
    """
    form = FORMATS[request.format]
    description = _described(loaded, request, form, reference)
    seen = None
    if request.precision == "int8":
        seen = calibration_images(loaded, request.calibration, request.data)
    order = Order(loaded.model, description, seen)
    folder = target.with_name(f".writing-{target.name}-{os.getpid()}")
    start = time.perf_counter()
    try:
        folder.mkdir(parents=True)
        path = folder / target.name
        _write(order, form, path)
        seconds = time.perf_counter() - start
        with _not_kept(request):
            measured = None
            if request.precision == "int8" and (measure := measurement(loaded, reference, trials)):
                measured = measure.of(open_exported(path))
                _describe(form, path, replace(description, measured=measured.to_json()))
            tried = _tries(path, order, reference, trials)
        size = _move(folder, target)
    except OSError as error:
        raise explain(error, target, 0) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return ExportedFile(target, size, seconds, tried, measured, trials.notes)


def _write(order: Order, form: Format, path: Path) -> None:
    write: Callable[[Order, Path], None] = import_module(
        f"cladenet.export.formats.{form.module}"
    ).write
    try:
        write(order, path)
    except CannotPrepare as error:
        wanted = order.description
        raise BadArgument(
            f"{wanted.network} cannot be written in {form.suffix} as {wanted.precision}: {error}"
        ) from error


def _describe(form: Format, path: Path, description: Description) -> None:
    describe: Callable[[Path, Description], None] = import_module(
        f"cladenet.export.formats.{form.module}"
    ).describe
    describe(path, description)


def _tries(path: Path, order: Order, reference: Reference, trials: Trials) -> tuple[Tried, ...]:
    """The file in each runtime that is installed; where it has none here, what it was made of.

    Raises:
        CheckpointError: it is not right in the one that it is for.
    """

    def check(model: ExportedModel, runtime: str) -> Checked:
        return Checked(check_against(model, runtime, reference, trials.batches))

    try:
        return try_all(path, check)
    except CannotRunHere as error:
        found = check(as_converted(order, path), "").found
        return (Tried(str(error), None, "not run on this machine", converted=found),)


@contextmanager
def _not_kept(request: Request) -> Iterator[None]:
    """What is found wrong with a file inside, with what may have led to it.

    Raises:
        Disagreement: for any CheckpointError.
    """
    try:
        yield
    except CheckpointError as error:
        if request.any_size:
            raise Disagreement(
                f"the file was not kept: {error}. The network may have its size written down, as "
                "in padding or positions; leave out --any-size"
            ) from error
        raise Disagreement(
            f"the file was not kept: {error}. The exporter may not know what the network does; try "
            "another --format or --precision"
        ) from error


def _move(folder: Path, target: Path) -> int:
    """All that was written takes its place, the file itself at last; bytes."""
    files = sorted(folder.iterdir(), key=lambda file: file.name == target.name)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    for file in files:
        file.replace(target.with_name(file.name))
    return size


def _described(loaded: Loaded, request: Request, form: Format, reference: Reference) -> Description:
    card = loaded.card
    versions = {
        "cladenet": __version__,
        "torch": torch.__version__,
        form.package: version(form.package),
    }
    return Description(
        network=card.network,
        arguments=card.arguments,
        classes=card.classes,
        preprocess=card.preprocess,
        input=request.input or form.inputs[0],
        precision=request.precision,
        any_size=request.any_size,
        step=card.step,
        data=card.data,
        metrics=card.metrics,
        licence=request.licence,
        versions=versions,
        self_test=_self_test(loaded, request.precision, reference),
    )


def _self_test(loaded: Loaded, precision: str, reference: Reference) -> SelfTest:
    preprocess = loaded.card.preprocess
    image = drawn_image(*canvas_size(preprocess), preprocess.channels)
    exact = reference.answer(preprocess.prepare(image)[None])
    file = io.BytesIO()
    Image.fromarray(image if preprocess.channels == 3 else image[:, :, 0]).save(file, "PNG")
    posteriors = tuple(np.exp(exact.log_posteriors[0]).tolist())
    allowed = allowed_for(precision, exact.largest, exact.own)
    return SelfTest(file.getvalue(), posteriors, allowed)
