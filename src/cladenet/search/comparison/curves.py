"""Medians with their quartiles as inline SVG, in the colours of the page."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from cladenet.report.accuracy_chart import COLOURS
from cladenet.report.charts import short, ticks

WIDTH, HEIGHT = 560, 330
LEFT, RIGHT, TOP, BOTTOM, ROW = 50, 16, 14, 58, 20
MOST_POINTS = 160
BEGINNING = 0.1  # of the x axis: what is lower there lies on the axis, so that the rest is seen

STYLE = "\n".join(
    [
        ".bands text { fill: var(--soft); font-size: 13px } .bands .name { fill: var(--ink) }",
        ".bands .grid { stroke: var(--faint) } .bands .median { fill: none; stroke-width: 2.2 }",
        ".bands .between { opacity: .16 }",
        *(
            f".bands .median.n{n} {{ stroke: {colour} }} .bands .fill.n{n} {{ fill: {colour} }}"
            for n, colour in enumerate(COLOURS)
        ),
    ]
)


class Band(NamedTuple):
    """One search.

    Args:
        name: in the legend.
        points: (x, lower quartile, median, upper quartile), x ascending.
    """

    name: str
    points: Sequence[tuple[float, float, float, float]]


def band_chart(title: str, bands: Sequence[Band], x_label: str) -> str:
    """An SVG of the medians, what lies between the quartiles shaded; empty without points.

    Args:
        title: read by screen readers.
        bands: in the order of their colours.
        x_label: below the horizontal axis.
    """
    drawn = [band._replace(points=_thin(band.points)) for band in bands]
    everything = [point for band in drawn for point in band.points]
    if not everything:
        return ""
    end = max(point[0] for point in everything)
    x_ticks = ticks(0.0, end, 5)
    lows = [low for x, low, _, _ in everything if x >= BEGINNING * end]
    y_ticks = ticks(min(lows), max(p[3] for p in everything), 5)
    across = (WIDTH - LEFT - RIGHT) / (x_ticks[-1] - x_ticks[0])
    up = (HEIGHT - TOP - BOTTOM) / (y_ticks[-1] - y_ticks[0])

    def place(x: float, y: float) -> str:
        return f"{LEFT + across * (x - x_ticks[0]):.1f},{_y(y):.1f}"

    def _y(y: float) -> float:
        return HEIGHT - BOTTOM - up * max(0.0, y - y_ticks[0])

    parts = []
    for tick in y_ticks:
        y = _y(tick)
        parts.append(
            f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        )
        parts.append(_text(LEFT - 8, y + 4.5, short(tick), "end"))
    for tick in x_ticks:
        parts.append(_text(LEFT + across * tick, HEIGHT - BOTTOM + 19, short(tick), "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 39, x_label, "middle"))
    for number, band in enumerate(drawn):
        colour = f"n{number % len(COLOURS)}"
        below = [place(x, low) for x, low, _, _ in band.points]
        above = [place(x, high) for x, _, _, high in reversed(band.points)]
        median = [place(x, middle) for x, _, middle, _ in band.points]
        parts.append(f'<polygon class="between fill {colour}" points="{" ".join(below + above)}"/>')
        parts.append(f'<polyline class="median {colour}" points="{" ".join(median)}"/>')
        y = HEIGHT + ROW * (number // 3)
        x = LEFT + (number % 3) * (WIDTH - LEFT) / 3
        parts.append(f'<circle class="fill {colour}" cx="{x:.0f}" cy="{y - 4.5}" r="5"/>')
        parts.append(_text(x + 11, y, band.name, "start", "name"))
    height = HEIGHT + ROW * (-(-len(drawn) // 3)) - 8
    return (
        f'<svg class="bands" viewBox="0 0 {WIDTH} {height}" width="100%" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _thin(
    points: Sequence[tuple[float, float, float, float]],
) -> Sequence[tuple[float, float, float, float]]:
    """At most `MOST_POINTS`, the last among them."""
    step = -(-len(points) // MOST_POINTS)
    kept = list(points[::step])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _text(x: float, y: float, words: str, anchor: str, style: str = "") -> str:
    own = f' class="{style}"' if style else ""
    return f'<text{own} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
