"""The engine that needs nothing but torch: a list of steps with packed weights, in chunks.

A chunk is so many images that the largest map between layers stays below 32 MiB: glibc gives larger
blocks back to the system at every free and gets them anew, page by page, which doubles the time of
ResNet-50 at 32 images. What is left fits the processor's caches better, too.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.inference.graph.packing import overwrite_where_possible, pack, sum_in_place
from cladenet.inference.graph.program import Program
from cladenet.inference.graph.quantised import quantise
from cladenet.inference.graph.ranges import seen_on
from cladenet.inference.graph.recording import Signature, record, record_for_any_number, signature
from cladenet.inference.graph.running import runner
from cladenet.inference.graph.side_by_side import shares, side_by_side
from cladenet.inference.graph.simplify import simplify, to_precision
from cladenet.inference.graph.single_pixels import quicken_single_pixels
from cladenet.inference.graph.tiles import convolved
from cladenet.inference.nearness import held_against
from cladenet.inference.request import DTYPES, CannotPrepare, Request, Run

LARGEST_BLOCK = 2**25  # bytes
MOST_KEPT = 4  # programs of a network that takes other steps for images of other sizes


def make(request: Request) -> Run:
    """Any network whose steps do not depend on what it sees, nor on how many images it sees.

    In tiles, where those are faster and as near to the network itself as has to be.
    """
    what = request.model, request.images, request.precision, request.calibration
    run = Packed(*what, tiles=True)
    if run.in_tiles:
        try:
            held_against(request.reference, run(request.checked), "packed", request)
        except CannotPrepare:
            return Packed(*what)
    return run


class _AtSize(NamedTuple):
    """What images of one size meet.

    Args:
        steps: of the program that runs them.
        chunk: how many are run at a time.
        numbers: in all maps of one of them.
    """

    steps: Signature
    chunk: int
    numbers: int


class Packed:
    """Answers for batches of any length and images of any size.

    Args:
        model: in evaluation mode.
        images: normalised (N, C, H, W), as many as there will usually be.
        precision: `fp32`, `bf16` or `int8`.
        calibration: normalised images, for `int8`.
        tiles: whether convolutions may be computed in tiles.

    Attributes:
        chunk: how many of such images are run at a time, so that their maps stay in the caches.
        in_tiles: whether any convolution is.

    Raises:
        CannotPrepare: the network does something that a list of steps cannot say.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        precision: str,
        calibration: Tensor | None,
        *,
        tiles: bool = False,
    ) -> None:
        self.in_tiles = False
        self._tiles = tiles
        self._model = model
        self._dtype = DTYPES[precision]
        self._calibration = calibration
        self._runs: dict[Signature, Run] = {}
        self._at: dict[torch.Size, _AtSize] = {}
        self._usual = len(images)
        self.chunk = self._add(record_for_any_number(model, images), images.shape[1:]).chunk

    def __call__(self, images: Tensor) -> Tensor:
        """Normalised images float32 (N, C, H, W) -> logits float32 (N, K)."""
        size = images.shape[1:]
        at = self._at.get(size) or self._add(record(self._model, images[:1]), size)
        run = self._runs[at.steps]
        logits = []
        for chunk in images.split(at.chunk):
            x = chunk.to(self._dtype, memory_format=torch.channels_last)
            count = shares(len(x), at.numbers)
            if count == 1:
                logits.append(run(x))
            else:
                logits += side_by_side([partial(run, part) for part in x.tensor_split(count)])
        return (logits[0] if len(logits) == 1 else torch.cat(logits)).float()

    def _add(self, program: Program, size: torch.Size) -> _AtSize:
        """One program does for all sizes at which the network takes the same steps."""
        numbers = sum(shape.numel() for shape in program.shapes.values())
        chunk = min(self._usual, fitting(program, self._dtype))
        at = _AtSize(signature(program), chunk, numbers)
        if at.steps not in self._runs:
            if len(self._runs) == MOST_KEPT:
                oldest = next(iter(self._runs))
                del self._runs[oldest]
                self._at = {size: kept for size, kept in self._at.items() if kept.steps != oldest}
            each = chunk // shares(chunk, numbers)
            fold_and_pack(program, self._dtype, self._calibration, each, tiles=self._tiles)
            self.in_tiles |= any(step.function is convolved for step in program.steps)
            self._runs[at.steps] = runner(program)
        self._at[size] = at
        return at


def fold_and_pack(
    program: Program,
    dtype: torch.dtype,
    calibration: Tensor | None,
    images: int,
    *,
    tiles: bool = False,
) -> None:
    """Fold, fuse and pack the steps, in place.

    Args:
        program: as recorded.
        dtype: of the feature maps.
        calibration: normalised images, for 8-bit products; None for none.
        images: that will usually come at a time.
        tiles: see `graph.packing.pack`.
    """
    given = {_memory(value) for value in program.constants.values()} - {None}
    simplify(program)
    to_precision(program, dtype)
    quicken_single_pixels(program)
    if calibration is None:
        pack(program, images, tiles=tiles)
    else:
        quantise(program, seen_on(program, calibration), images)
    sum_in_place(program)
    overwrite_where_possible(program)
    for slot, value in program.constants.items():
        if _memory(value) in given:  # the network's own, which may change later
            program.constants[slot] = value.clone()


def fitting(program: Program, dtype: torch.dtype) -> int:
    """How many images, a power of two, keep every map of a program for one in `LARGEST_BLOCK`."""
    largest = max(shape.numel() for shape in program.shapes.values()) * dtype.itemsize
    return 2 ** (max(1, LARGEST_BLOCK // largest).bit_length() - 1)


def _memory(value: Tensor) -> int | None:
    """Where its numbers lie, which its views share; None for what oneDNN has packed."""
    return value.untyped_storage().data_ptr() if value.layout == torch.strided else None
