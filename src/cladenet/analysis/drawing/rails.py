"""A drawing as text: one line a box, with rails on the left for the values that are on their way.

    ●    x                                256x28x28
    ├─╮
    │ ●  1x1 conv 64, batch norm, ReLU    64x28x28
    │ ●  3x3 conv 64, batch norm, ReLU
    │ ●  1x1 conv 256, batch norm         256x28x28
    ├─╯
    ●    +
    ●    ReLU

Rails that a crossing line meets without a corner or a tee pass below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cladenet.analysis.drawing.boxes import Box

NODE, RAIL, ACROSS = "●", "│", "─"
CORNERS = {  # up, down, left, right
    (0, 1, 1, 0): "╮", (0, 1, 0, 1): "╭", (1, 0, 1, 0): "╯", (1, 0, 0, 1): "╰",
    (1, 1, 0, 1): "├", (1, 1, 1, 0): "┤", (0, 1, 1, 1): "┬", (1, 0, 1, 1): "┴",
    (1, 1, 1, 1): "┼",
}  # fmt: skip


def as_text(boxes: Sequence[Box]) -> str:
    """The drawing; shapes stand where they change."""
    last_reader = {read: number for number, box in enumerate(boxes) for read in box.reads}
    rails = _Rails()
    lines: list[tuple[str, str, str]] = []
    for number, box in enumerate(boxes):
        done = [read for read in box.reads if last_reader[read] == number]
        joint = rails.step(number, box.reads, done)
        if joint:
            lines.append((joint, "", ""))
        before = boxes[box.reads[0]].shape if box.reads else ()
        size = box.size if box.shape != before else ""
        lines.append((rails.row(number), ", ".join(box.lines), size))
    width = max(len(rail) for rail, _, _ in lines)
    text_width = max(len(text) for _, text, _ in lines)
    return "\n".join(
        f"{rail:<{width}}  {text:<{text_width}}  {size}".rstrip() for rail, text, size in lines
    )


class _Rails:
    """Which column carries the output of which box."""

    def __init__(self) -> None:
        self.columns: list[int | None] = []

    def step(self, number: int, reads: Sequence[int], done: Sequence[int]) -> str:
        """Put a box in its column, and end the rails of what is `done`; the line above it."""
        before = list(self.columns)
        sources = [before.index(read) for read in reads]
        ended = {before.index(read) for read in done}
        for column in ended:
            self.columns[column] = None
        beyond = max(sources, default=-1) + 1
        free = [i for i, held in enumerate(before) if held is None and i >= beyond]
        target = min(ended) if ended else (free[0] if free else len(before))
        if target == len(self.columns):
            self.columns.append(None)
        self.columns[target] = number
        while self.columns and self.columns[-1] is None:
            self.columns.pop()
        if all(source == target for source in sources):
            return ""
        return _joint(before, _Joint(target, set(sources), ended))

    def row(self, number: int) -> str:
        """The line of a box: its node, and the rails beside it."""
        cells = [" " if held is None else RAIL for held in self.columns]
        cells[self.columns.index(number)] = NODE
        return " ".join(cells)


@dataclass(frozen=True)
class _Joint:
    """Rails that come together, or part: columns of the target and the sources, which end here."""

    target: int
    sources: set[int]
    ended: set[int]

    def corner(self, column: int) -> str | None:
        """The sign where a rail turns; None where the line only passes."""
        ends = self.sources | {self.target}
        if column not in ends:
            return None
        up = column in self.sources
        down = column == self.target or column not in self.ended
        left, right = min(ends) < column, max(ends) > column
        return CORNERS[(up, down, left, right)]


def _joint(before: Sequence[int | None], joint: _Joint) -> str:
    ends = joint.sources | {joint.target}
    first, last = min(ends), max(ends)
    line = ""
    for column in range(max(len(before), last + 1)):
        held = column < len(before) and before[column] is not None
        inside = first <= column <= last
        passing = RAIL if held else (ACROSS if inside else " ")
        line += joint.corner(column) or passing
        line += ACROSS if first <= column < last else " "
    return line.rstrip()
