"""A network with several exits as one program that is run from exit to exit.

Between two exits whoever runs it says which images go on: those are taken out of every tensor that
a later step reads. So an image costs what it needs, whatever the batch that it came in.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from cladenet.inference.graph.program import Program, Slot, Step
from cladenet.inference.graph.running import Held, blank, executor
from cladenet.inference.request import CannotPrepare


class AllExits(nn.Module):
    """The logits of all exits side by side: what a network with exits is recorded as."""

    def __init__(self, exits: Callable[[Tensor], Iterator[Tensor]], model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._exits = exits

    def forward(self, x: Tensor) -> Tensor:
        """Images -> logits (N, exits K), the earliest exit first."""
        return torch.cat(list(self._exits(x)), 1)


def exit_slots(program: Program) -> tuple[Slot, ...]:
    """Where a program of `AllExits` has the logits of each exit.

    Raises:
        CannotPrepare: it does not end in putting them side by side.
    """
    last = program.steps[-1]
    if last.function is not torch.cat or last.output != program.logits:
        raise CannotPrepare("its exits are not the last thing that it computes")
    return cast(tuple[Slot, ...], tuple(last.args[0]))


def exits_first(program: Program) -> None:
    """Move what an exit does not need behind it: an image that leaves there never pays for it.

    The last layer before an exit of MSDNet computes maps of all scales, of which the exit reads the
    coarsest; the others are for the layers after it.

    Raises:
        CannotPrepare: as `exit_slots` does.
    """
    written = {slot: place for place, step in enumerate(program.steps) for slot in step.outputs()}
    ordered: dict[int, Step] = {}
    for logits in exit_slots(program):
        needed, asked = set(), [logits]
        while asked:
            place = written.get(asked.pop())
            if place is not None and place not in needed and place not in ordered:
                needed.add(place)
                asked += program.steps[place].reads()
        ordered |= {place: program.steps[place] for place in sorted(needed)}
    ordered[len(program.steps) - 1] = program.steps[-1]
    program.steps = list(ordered.values())


class Segments:
    """A program of `AllExits` in parts, each from the exit before it to its own.

    Between two parts images are a list with a place for each slot; what no later step reads is
    None there.

    Args:
        program: ready to run.

    Raises:
        CannotPrepare: as `exit_slots` does.
    """

    def __init__(self, program: Program) -> None:
        self._exits = exit_slots(program)
        self._parts = [
            executor(program, steps, set(self._exits))
            for steps in _parted(program.steps[:-1], self._exits)
        ]
        self._start, self._images = blank(program), program.images.number
        self._moving = [number for number, value in enumerate(self._start) if value is None]

    def __len__(self) -> int:
        """As many as exits."""
        return len(self._parts)

    def begin(self, images: Tensor) -> Held:
        """Images (N, C, H, W) before the first part."""
        held = self._start.copy()
        held[self._images] = images
        return held

    def run(self, number: int, held: Held) -> Tensor:
        """One part, from 0: images as the part before it left them -> logits (N, K)."""
        self._parts[number](held)
        place = self._exits[number].number
        logits: Tensor = held[place]
        held[place] = None
        return logits

    def gathered(self, sources: Sequence[tuple[Held, Tensor]]) -> Held:
        """The images at some places of each of these, which are at the same exit, as one batch."""
        first = sources[0][0]
        held = self._start.copy()
        for number in self._moving:
            if first[number] is not None:
                held[number] = taken([(source[number], places) for source, places in sources])
        return held


def taken(sources: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Rows (n, ...) of tensors (N, ...) at places (n,), one after the other.

    In the memory format of the first, which `index_select` alone loses where channels come last:
    what comes after would put them last again, step by step.
    """
    x = sources[0][0]
    last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    if last:
        sources = [(each.permute(0, 2, 3, 1), places) for each, places in sources]
    found = _rows(sources)
    return found.permute(0, 3, 1, 2) if last else found


def _rows(sources: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    x, places = sources[0]
    if len(sources) == 1:
        return x.index_select(0, places)
    counts = [len(places) for _, places in sources]
    whole = x.new_empty(sum(counts), *x.shape[1:])
    for (each, places), part in zip(sources, whole.split(counts), strict=True):
        torch.index_select(each, 0, places, out=part)
    return whole


def _parted(steps: list[Step], exits: tuple[Slot, ...]) -> list[list[Step]]:
    """The steps up to the logits of each exit; those after the last one are nobody's."""
    parts: list[list[Step]] = []
    rest = steps
    for logits in exits:
        end = next((i for i, step in enumerate(rest) if logits in step.outputs()), -1) + 1
        parts.append(rest[:end])
        rest = rest[end:]
    return parts
