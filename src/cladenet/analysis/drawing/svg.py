"""A drawing as SVG that stands alone, light and dark; also to be put into a page."""

from collections.abc import Sequence
from html import escape
from math import ceil

from cladenet.analysis.drawing.boxes import Box
from cladenet.analysis.drawing.layout import Place, arrange

LETTER = 7.3  # mean width of a letter at 13 px
LINE = 18.0
PADDING = 7.0
BETWEEN = 30.0  # rows
MARGIN = 14.0
ROUND = 13.0  # radius of a sum or product
TITLE = 26.0
WIDTH_STEP = 40.0  # few different widths, so that chains stand straight
ONE_LETTER = 2  # longest text of a round box

STYLE = """
.cn { font: 13px ui-sans-serif, system-ui, "Segoe UI", "Noto Sans", "Helvetica Neue", Arial,
  sans-serif; --ink: #1c1d1f; --soft: #5d6067; --line: #8a8f99; --conv: #dce8fb;
  --depthwise: #d8f0e6; --linear: #e6e0f8; --pool: #fbe7d3; --light: #eeeeea;
  --join: #ffffff; --sheet: #fbfaf7 }
@media (prefers-color-scheme: dark) { .cn { --ink: #eceae4; --soft: #a0a3aa; --line: #7d838e;
  --conv: #22344f; --depthwise: #1d3d33; --linear: #332c4d; --pool: #4b3522; --light: #2a2d33;
  --join: #1a1c20; --sheet: #131417 } }
.cn text { fill: var(--ink); text-anchor: middle }
.cn .shape { fill: var(--soft); font-size: 11px; text-anchor: start;
  paint-order: stroke; stroke: var(--sheet); stroke-width: 3px }
.cn .title { font-weight: 600; text-anchor: start }
.cn rect, .cn circle { stroke: var(--line); fill: var(--light) }
.cn .sheet { stroke: none; fill: var(--sheet) }
.cn .conv { fill: var(--conv) } .cn .depthwise { fill: var(--depthwise) }
.cn .linear { fill: var(--linear) } .cn .pool { fill: var(--pool) }
.cn .join, .cn .input { fill: var(--join) }
.cn .wire { fill: none; stroke: var(--line); stroke-width: 1.4 }
.cn .tip { fill: var(--line); stroke: none }
"""


def as_svg(drawings: Sequence[tuple[str, Sequence[Box]]], *, alone: bool = True) -> str:
    """Drawings below each other, each under its title.

    Args:
        drawings: titles and boxes; an empty title takes no room.
        alone: a file of its own, with its style and a background.
    """
    parts: list[str] = []
    top, width = MARGIN, 0.0
    for title, boxes in drawings:
        if title:
            parts.append(
                f'<text class="title" x="{MARGIN}" y="{top + 13:.1f}">{escape(title)}</text>'
            )
            top += TITLE
            width = max(width, LETTER * len(title))
        body, own_width, height = _drawing(boxes, top)
        parts.append(body)
        top += height + MARGIN
        width = max(width, own_width)
    width += 2 * MARGIN
    style = f"<style>{STYLE}</style>" if alone else ""
    sheet = '<rect class="sheet" width="100%" height="100%"/>' if alone else ""
    name = escape(", ".join(title for title, _ in drawings if title) or "block")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cn" role="img" width="{width:.0f}" '
        f'height="{top:.0f}" viewBox="0 0 {width:.0f} {top:.0f}"><title>{name}</title>{style}'
        f"{sheet}{''.join(parts)}</svg>\n"
    )


def _drawing(boxes: Sequence[Box], top: float) -> tuple[str, float, float]:
    """Wires and boxes from `top` on, their width and height."""
    sizes = [_size(box) for box in boxes]
    rows = arrange([box.reads for box in boxes], [width for width, _ in sizes])
    heights = [
        max((sizes[place.box][1] for place in row if not place.passes), default=0.0) for row in rows
    ]
    tops = [top + sum(heights[:i]) + BETWEEN * i for i in range(len(rows))]
    middles = [y + height / 2 for y, height in zip(tops, heights, strict=True)]

    def edges(place: Place) -> tuple[float, float]:
        """Top and bottom: of a box, or of the row that a line passes."""
        half = (heights[place.row] if place.passes else sizes[place.box][1]) / 2
        return middles[place.row] - half, middles[place.row] + half

    wires, shapes = [], []
    right = 0.0
    for row in rows:
        for place in row:
            x = place.x + MARGIN
            for other in place.below:
                wires.append(_wire(place, other, edges(place)[1], edges(other)))
            right = max(right, place.x + place.width / 2)
            if not place.passes:
                box, middle = boxes[place.box], middles[place.row]
                shapes.append(_box(box, x, middle, sizes[place.box]))
                before = boxes[box.reads[0]].shape if box.reads else ()
                if box.shape != before:
                    below = edges(place)[1] + 13
                    shapes.append(
                        f'<text class="shape" x="{x + 7:.1f}" y="{below:.1f}">{box.size}</text>'
                    )
                    right = max(right, place.x + 7 + 6.2 * len(box.size))
    return "".join(wires + shapes), right, tops[-1] + heights[-1] - top + 16


def _size(box: Box) -> tuple[float, float]:
    """Width and height; a column of lines needs room for its shape beside the wire."""
    if _is_round(box):
        return 2 * ROUND, 2 * ROUND
    longest = max(len(line) for line in box.lines)
    steps = ceil((LETTER * longest + 2 * PADDING + 6) / WIDTH_STEP)
    return WIDTH_STEP * steps, LINE * len(box.lines) + 2 * PADDING - 4


def _is_round(box: Box) -> bool:
    return box.role == "join" and len(box.lines[0]) < ONE_LETTER


def _box(box: Box, x: float, middle: float, size: tuple[float, float]) -> str:
    width, height = size
    if _is_round(box):
        shape = f'<circle class="{box.role}" cx="{x:.1f}" cy="{middle:.1f}" r="{ROUND}"/>'
    else:
        shape = (
            f'<rect class="{box.role}" x="{x - width / 2:.1f}" y="{middle - height / 2:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}" rx="6"/>'
        )
    first = middle - LINE * (len(box.lines) - 1) / 2 + 4.5
    lines = "".join(
        f'<text x="{x:.1f}" y="{first + LINE * i:.1f}">{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    )
    return shape + lines


def _wire(place: Place, other: Place, y1: float, edges: tuple[float, float]) -> str:
    """From the lower edge of one to the upper of the other, with a tip where it arrives.

    A line that passes goes straight down to the lower edge of the row.
    """
    x1, x2, (y2, through) = place.x + MARGIN, other.x + MARGIN, edges
    bend = (y2 - y1) / 2
    end = y2 if other.passes else y2 - 5
    path = (
        f"M{x1:.1f} {y1:.1f}C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {end:.1f}"
    )
    if other.passes:
        return f'<path class="wire" d="{path}V{through:.1f}"/>'
    tip = f"{x2 - 3.5:.1f},{y2 - 6:.1f} {x2 + 3.5:.1f},{y2 - 6:.1f} {x2:.1f},{y2:.1f}"
    return f'<path class="wire" d="{path}"/><polygon class="tip" points="{tip}"/>'
