"""The boxes of a drawing: steps that follow each other and belong together share one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from cladenet.analysis.drawing.words import Words, is_inactive, words_of
from cladenet.analysis.recording import Step

WEIGHTED = ("conv", "depthwise", "linear")
LIGHT = ("norm", "act")


@dataclass(frozen=True)
class Box:
    """What is drawn as one.

    Args:
        lines: what is in it, in the order in which it runs: "1x1 conv 64", "batch norm", "ReLU".
        role: of the line that matters most; a key of `words.ROLES`.
        reads: numbers of the boxes whose outputs it reads, each once.
        shape: of what it gives for one image.
    """

    lines: tuple[str, ...]
    role: str
    reads: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> str:
        """`64x56x56`."""
        return "x".join(map(str, self.shape))


def boxes_of(steps: Sequence[Step]) -> list[Box]:
    """The boxes of some steps that ran one after the other; the first ones are what comes in.

    A convolution or linear layer has its norm and activation in its box, those before it where
    they come first, those behind it otherwise. Layers that do nothing when a network predicts,
    such as dropout, are left out.
    """
    drawn, source = _without_inactive(steps)
    within = {step.number for step in drawn}
    reads = {
        step.number: tuple(dict.fromkeys(source.get(read, read) for read in step.reads))
        for step in drawn
    }
    readers = Counter(read for numbers in reads.values() for read in numbers)
    open_boxes: list[_Growing] = []
    box_of: dict[int, int] = {}
    for step in drawn:
        for read, shape in zip(step.reads, (step.in_shape, *[()] * len(step.reads)), strict=False):
            read = source.get(read, read)
            if read not in within and read not in box_of:
                box_of[read] = len(open_boxes)
                open_boxes.append(_Growing([], "input", [], shape))
        words, before = words_of(step), reads[step.number]
        only = before[0] if len(before) == 1 and readers[before[0]] == 1 else None
        if only is not None and open_boxes[box_of[only]].takes(words):
            box_of[step.number] = box_of[only]
            open_boxes[box_of[only]].take(words, step.out_shape)
        else:
            box_of[step.number] = len(open_boxes)
            numbers = list(dict.fromkeys(box_of[read] for read in before))
            open_boxes.append(_Growing([words], words.role, numbers, step.out_shape))
    return _named(open_boxes)


@dataclass
class _Growing:
    words: list[Words]
    role: str
    reads: list[int]
    shape: tuple[int, ...]
    pre_activated: bool = field(init=False)

    def __post_init__(self) -> None:
        self.pre_activated = self.role in LIGHT

    def takes(self, words: Words) -> bool:
        """May that go into this box, behind what is there?"""
        if words.role in LIGHT:
            return self.role in LIGHT or (self.role in WEIGHTED and not self.pre_activated)
        return words.role in WEIGHTED and self.role in LIGHT

    def take(self, words: Words, shape: tuple[int, ...]) -> None:
        self.words.append(words)
        self.shape = shape
        if words.role in WEIGHTED:
            self.role = words.role


def _without_inactive(steps: Sequence[Step]) -> tuple[list[Step], dict[int, int]]:
    """The steps that do something, and for each other one the step that it passes on."""
    source: dict[int, int] = {}
    drawn = []
    for step in steps:
        if is_inactive(step):
            source[step.number] = source.get(step.reads[0], step.reads[0])
        else:
            drawn.append(step)
    return drawn, source


def _named(boxes: Sequence[_Growing]) -> list[Box]:
    """Inputs are called x; x1, x2, ... where there are several."""
    inputs = [box for box in boxes if box.role == "input"]
    for number, box in enumerate(inputs, 1):
        box.words = [Words(f"x{number}" if len(inputs) > 1 else "x", "input")]
    return [
        Box(tuple(words.text for words in box.words), box.role, tuple(box.reads), box.shape)
        for box in boxes
    ]
