"""A network at one input size as a list of steps, which can be read, changed and run.

Slots number the tensors: the images, the constants (weights and statistics), and the output of each
step. A step never changes a tensor, unless it is marked so.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

Function = Callable[..., Any]


class Slot(NamedTuple):
    """Stands for a tensor among the arguments of a step."""

    number: int


@dataclass(frozen=True, eq=False)
class Step:
    """output = function(*args, **kwargs), with tensors for the slots among the arguments.

    Args:
        function: what is called.
        args: plain values, slots, and tuples of them.
        kwargs: the same by name.
        output: the slot of what it returns.
        parts: how many tensors it returns, in slots from `output` on; 0 for a single one.
    """

    function: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Slot
    parts: int = 0

    def reads(self) -> Iterator[Slot]:
        """The slots among its arguments, as often as they occur."""
        yield from slots_in((self.args, tuple(self.kwargs.values())))

    def outputs(self) -> tuple[Slot, ...]:
        """All slots that it fills."""
        return tuple(Slot(self.output.number + i) for i in range(max(1, self.parts)))


@dataclass(eq=False)
class Program:
    """The steps of a network, from the images to the logits.

    Args:
        images: the slot of the input.
        logits: the slot of the result.
        steps: in the order in which they run.
        constants: the tensors that do not depend on the images.
        shapes: of the tensors in other slots.
        slots: how many there are.
    """

    images: Slot
    logits: Slot
    steps: list[Step]
    constants: dict[Slot, Tensor] = field(default_factory=dict)
    shapes: dict[Slot, torch.Size] = field(default_factory=dict)
    slots: int = 1

    def new_slot(self) -> Slot:
        """One more."""
        self.slots += 1
        return Slot(self.slots - 1)

    def new_constant(self, value: Tensor) -> Slot:
        """One more, which holds `value`."""
        slot = self.new_slot()
        self.constants[slot] = value
        return slot

    def readers(self) -> Counter[Slot]:
        """How often each slot is read, the logits by the caller."""
        count = Counter(slot for step in self.steps for slot in step.reads())
        count[self.logits] += 1
        return count

    def writers(self) -> dict[Slot, Step]:
        """The step that fills each slot."""
        return {slot: step for step in self.steps for slot in step.outputs()}

    def forget(self, gone: set[int]) -> None:
        """Leave out the steps with these places, and what only they needed."""
        self.steps = [step for place, step in enumerate(self.steps) if place not in gone]
        self.drop_unread()

    def drop_unread(self) -> None:
        """Leave out steps and constants that nothing reads."""
        wanted, kept = {self.logits}, []
        for step in reversed(self.steps):
            if wanted.intersection(step.outputs()):
                kept.append(step)
                wanted.update(step.reads())
        self.steps = kept[::-1]
        self.constants = {slot: value for slot, value in self.constants.items() if slot in wanted}


def renamed(step: Step, names: dict[Slot, Slot]) -> Step:
    """The step with other slots for some that it reads."""
    args = tuple(mapped(value, lambda slot: names.get(slot, slot)) for value in step.args)
    kwargs = {k: mapped(v, lambda slot: names.get(slot, slot)) for k, v in step.kwargs.items()}
    return replace(step, args=args, kwargs=kwargs)


def slots_in(value: Any) -> Iterator[Slot]:
    """The slots in nested tuples and lists."""
    if isinstance(value, Slot):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from slots_in(part)


def mapped(value: Any, to: Callable[[Slot], Any]) -> Any:
    """The same with something else in the place of each slot in nested tuples and lists."""
    if isinstance(value, Slot):
        return to(value)
    if isinstance(value, tuple | list):
        return type(value)(mapped(part, to) for part in value) if _plain(value) else value
    return value


def _plain(value: Sequence[Any]) -> bool:
    """A tuple or list, and no `torch.Size` or named tuple, which hold no tensors."""
    return type(value) in (tuple, list) and not isinstance(value, torch.Size)
