"""Programs that are run: step by step from Python, or many steps at a time from TorchScript."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from torch import Tensor
from torch.jit import optimized_execution  # type: ignore[attr-defined]

from cladenet.inference.graph.program import Program, Slot, Step, mapped, slots_in
from cladenet.inference.graph.script import compiled, written

Held = list[Any]  # a place for each slot of a program
Call = Callable[[Held], None]
FEWEST = 2  # steps that are run from TorchScript; a call of it costs as much as one of a step


def watched(program: Program, images: Tensor, observe: Callable[[Slot, Tensor], None]) -> None:
    """Run the program and show every tensor on the way."""
    values = blank(program)
    values[program.images.number] = images
    observe(program.images, images)
    for step in program.steps:
        args, kwargs = _fetcher(step)(values)
        result = step.function(*args, **kwargs)
        for slot, value in zip(step.outputs(), result if step.parts else [result], strict=True):
            values[slot.number] = value
            observe(slot, value)


def runner(program: Program, *, from_python: bool = False) -> Callable[[Tensor], Tensor]:
    """What runs the program; a tensor is let go when no later step reads it.

    Args:
        program: not changed from then on.
        from_python: every step, for those who look on, such as an exporter.
    """
    start = blank(program)
    run_steps = executor(program, program.steps, {program.logits}, from_python=from_python)
    images, logits = program.images.number, program.logits.number

    def run(x: Tensor) -> Tensor:
        held = start.copy()
        held[images] = x
        run_steps(held)
        answer: Tensor = held[logits]
        return answer

    return run


def blank(program: Program) -> Held:
    """A place for each slot, with the constants in theirs."""
    values: Held = [None] * program.slots
    for slot, constant in program.constants.items():
        values[slot.number] = constant
    return values


def executor(
    program: Program, steps: Sequence[Step], keep: set[Slot], *, from_python: bool = False
) -> Call:
    """What runs some of a program's steps on a list as `blank` gives it.

    A tensor is let go when none of all steps reads it any more, but for those in `keep`.

    Args:
        program: not changed from then on.
        steps: that follow each other.
        keep: what is read by others.
        from_python: every step.
    """
    last = {slot: step for step in program.steps for slot in step.reads()}
    stay = keep.union(program.constants)
    calls: list[Call] = []
    for stretch in _stretches(steps, from_python=from_python):
        read = {slot for step in stretch for slot in step.reads()}
        made = {slot for step in stretch for slot in step.outputs()}
        inside = set(map(id, stretch))
        ends = {slot for slot in read - stay if id(last[slot]) in inside}
        calls += _calls(stretch, sorted(read - made), sorted(made - ends), sorted(ends - made))

    def run(held: Held) -> None:
        for call in calls:
            call(held)

    def run_script(held: Held) -> None:
        with optimized_execution(False):  # else it would be optimised for each size
            run(held)

    return run if from_python else run_script


def _stretches(steps: Sequence[Step], *, from_python: bool) -> Iterator[list[Step]]:
    """The steps, as many together as TorchScript knows."""
    stretch: list[Step] = []
    for step in steps:
        if not from_python and written(step, _name):
            stretch.append(step)
            continue
        if stretch:
            yield stretch
        stretch = []
        yield [step]
    if stretch:
        yield stretch


def _calls(
    stretch: list[Step], given: list[Slot], made: list[Slot], done: list[Slot]
) -> list[Call]:
    """What runs these steps.

    Args:
        stretch: the steps.
        given: what they read of others.
        made: what others read of them.
        done: of what is given, what nobody reads any more.
    """
    if len(stretch) >= FEWEST:
        lines = [line for step in stretch for line in written(step, _name)]
        function = compiled(lines, [_name(slot) for slot in given], [_name(slot) for slot in made])
        if function is not None:
            return [_of_script(function, given, made, done)]
    let_go = {slot: step for step in stretch for slot in step.reads()}
    inner = {slot for step in stretch for slot in step.outputs()} - set(made)
    gone = inner.union(done)
    return [
        _of_step(step, [slot for slot in set(step.reads()) & gone if let_go[slot] is step])
        for step in stretch
    ]


def _of_script(
    function: Callable[..., Any], given: list[Slot], made: list[Slot], done: list[Slot]
) -> Call:
    reads = [slot.number for slot in given]
    fetch = itemgetter(*reads)
    alone = len(reads) == 1
    writes, gone = [slot.number for slot in made], [slot.number for slot in done]

    def call(held: Held) -> None:
        result = function(fetch(held)) if alone else function(*fetch(held))
        for number, value in zip(writes, result if len(writes) > 1 else [result], strict=True):
            held[number] = value
        for number in gone:
            held[number] = None

    return call


def _of_step(step: Step, done: list[Slot]) -> Call:
    function, fetch = step.function, _fetcher(step)
    output, parts, gone = step.output.number, step.parts, [slot.number for slot in done]

    def call(held: Held) -> None:
        args, kwargs = fetch(held)
        result = function(*args, **kwargs)
        if parts:
            held[output : output + parts] = result
        else:
            held[output] = result
        for number in gone:
            held[number] = None

    return call


def _fetcher(step: Step) -> Callable[[Held], tuple[list[Any], dict[str, Any]]]:
    """What takes the arguments of a step from the slots, with as little work as can be."""
    plain = [None if isinstance(value, Slot) else value for value in step.args]
    direct = [(i, value.number) for i, value in enumerate(step.args) if isinstance(value, Slot)]
    nested = [
        (i, value)
        for i, value in enumerate(step.args)
        if isinstance(value, tuple | list) and any(True for _ in slots_in(value))
    ]
    named = step.kwargs
    deep = any(True for _ in slots_in(tuple(named.values())))

    def fetch(held: Held) -> tuple[list[Any], dict[str, Any]]:
        args = plain.copy()
        for i, number in direct:
            args[i] = held[number]
        for i, value in nested:
            args[i] = mapped(value, lambda slot: held[slot.number])
        if not deep:
            return args, named
        return args, {k: mapped(v, lambda slot: held[slot.number]) for k, v in named.items()}

    return fetch


def _name(slot: Slot) -> str:
    return f"v{slot.number}"
