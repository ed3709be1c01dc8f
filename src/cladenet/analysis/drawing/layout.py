"""Where the boxes of a drawing go: rows by the longest path, few crossings, straight lines.

Sugiyama, Tagawa, Toda. Methods for Visual Understanding of Hierarchical System Structures. IEEE
Trans. SMC 11(2), 1981: rows, places within them by the mean of their neighbours, and a place of its
own for a line in every row that it passes. The coordinates make the weighted sum of squares of the
horizontal distances that lines go smallest, row by row, each an isotonic regression.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 12  # down and up, by which places within rows settle
ROUNDS = 150  # by which coordinates settle
GAP = 22.0  # between neighbours of a row
LINE_WIDTH = 4.0  # what a line that passes takes
PASSING, CHAIN = 8.0, 4.0  # pull of a line within its way, and between boxes in a chain


@dataclass(eq=False)
class Place:
    """A box, or where a line passes a row.

    Attributes:
        box: number of the box; for a line, of the one that it comes from.
        passes: it is such a line.
        row: counted from the top.
        width: that it takes.
        above, below: the places that it is joined with in the rows beside.
        x: its middle.
    """

    box: int
    passes: bool
    row: int
    width: float
    above: list["Place"] = field(default_factory=list)
    below: list["Place"] = field(default_factory=list)
    x: float = 0.0


def arrange(reads: Sequence[Sequence[int]], widths: Sequence[float]) -> list[list[Place]]:
    """Rows of places with their x; all x are positive.

    Args:
        reads: for each box the numbers of those that it reads, which come before it.
        widths: of the boxes.
    """
    rows = _rows(reads, widths)
    _order(rows)
    _settle(rows)
    return rows


def _rows(reads: Sequence[Sequence[int]], widths: Sequence[float]) -> list[list[Place]]:
    depth: list[int] = []
    for numbers in reads:
        depth.append(1 + max((depth[number] for number in numbers), default=-1))
    rows: list[list[Place]] = [[] for _ in range(max(depth) + 1)]
    places = [
        Place(number, False, row, width)
        for number, (row, width) in enumerate(zip(depth, widths, strict=True))
    ]
    for place in places:
        rows[place.row].append(place)
    passing: dict[tuple[int, int], Place] = {}  # by source and row: one line for all its readers
    for number, numbers in enumerate(reads):
        for read in numbers:
            above = places[read]
            for row in range(depth[read] + 1, depth[number]):
                if (read, row) not in passing:
                    passing[read, row] = Place(read, True, row, LINE_WIDTH)
                    rows[row].append(passing[read, row])
                    _join(above, passing[read, row])
                above = passing[read, row]
            _join(above, places[number])
    return rows


def _join(above: Place, below: Place) -> None:
    above.below.append(below)
    below.above.append(above)


def _order(rows: list[list[Place]]) -> None:
    """Sort each row by the mean place of its neighbours, down and up; keep the fewest crossings."""
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            index = {place: i for other in rows for i, place in enumerate(other)}

            def wanted(
                place: Place, index: Mapping[Place, int] = index, down: bool = down
            ) -> float:
                beside = place.above if down else place.below
                if not beside:
                    return index[place]
                return sum(index[other] for other in beside) / len(beside)

            row.sort(key=wanted)
        if (count := _crossings(rows)) < fewest:
            best, fewest = [list(row) for row in rows], count
    rows[:] = best


def _crossings(rows: Sequence[Sequence[Place]]) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        index = {place: i for i, place in enumerate(lower)}
        ends = [sorted(index[other] for other in place.below) for place in upper]
        for i, first in enumerate(ends):
            for second in ends[i + 1 :]:
                count += sum(a > b for a in first for b in second)
    return count


def _settle(rows: Sequence[Sequence[Place]]) -> None:
    """Give each place the mean x of its neighbours, as far as its row has room for it."""
    for row in rows:
        left = 0.0
        for place in row:
            place.x = left + place.width / 2
            left += place.width + GAP
    for _ in range(ROUNDS):
        for order in (rows, reversed(rows)):
            for row in order:
                _place(row)
    left = min(place.x - place.width / 2 for row in rows for place in row)
    for row in rows:
        for place in row:
            place.x -= left


def _place(row: Sequence[Place]) -> None:
    """Each place as near to its neighbours as its row allows: in order and apart."""
    offsets, offset, before = [], 0.0, 0.0
    for place in row:
        offset += (before + place.width) / 2 + (GAP if before else 0.0)
        offsets.append(offset)
        before = place.width
    pools: list[list[float]] = []  # sum of weight x wish, weight, members
    for place, offset in zip(row, offsets, strict=True):
        pulls = [(_pull(other, place), other.x) for other in place.above]
        pulls += [(_pull(place, other), other.x) for other in place.below]
        weight = sum(pull for pull, _ in pulls) or 1.0
        wish = sum(pull * x for pull, x in pulls) if pulls else place.x
        pools.append([wish - weight * offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    shifts = [total / weight for total, weight, count in pools for _ in range(int(count))]
    for place, offset, shift in zip(row, offsets, shifts, strict=True):
        place.x = offset + shift


def _pull(upper: Place, lower: Place) -> float:
    """Weight of the line between two places."""
    if upper.passes and lower.passes:
        return PASSING
    return CHAIN if len(upper.below) == len(lower.above) == 1 else 1.0
