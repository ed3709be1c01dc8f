"""Line charts and intervals as inline SVG: no script, no network, colours from the page's style.

A chart is drawn at the size it has on a wide screen, and its text is large enough to survive
being scaled down to a phone's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

Point = tuple[float, float]

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 118, 14, 40
MOST_POINTS = 240
LABEL_HEIGHT = 42.0  # a name and a value below it


@dataclass(frozen=True)
class Line:
    """One curve.

    Args:
        name: printed at its end, where its last value goes too.
        points: (x, y), x ascending; those that are not finite are left out.
        style: class of the page's style: `train`, `val` or `rate`.
        dots: mark each point, where there are few.
        ring: a point to put a ring around, such as the best.
    """

    name: str
    points: Sequence[Point]
    style: str
    dots: bool = False
    ring: Point | None = None


def line_chart(title: str, lines: Sequence[Line], *, x_label: str, unit: str = "") -> str:
    """An SVG of the lines on a common scale that begins at 0; empty if there is nothing to draw.

    Args:
        title: read by screen readers; the page prints its own heading.
        lines: drawn in this order, the last on top.
        x_label: below the horizontal axis.
        unit: after the values at the ends of the lines: " %".
    """
    drawn = []
    for line in lines:
        finite = [(x, y) for x, y in line.points if isfinite(x) and isfinite(y)]
        if finite:
            drawn.append((line, thin(finite)))
    if not drawn:
        return ""
    everything = [point for _, points in drawn for point in points]
    x_ticks = ticks(min(0.0, min(x for x, _ in everything)), max(x for x, _ in everything), 5)
    y_ticks = ticks(0.0, max(y for _, y in everything), 5)
    scale = _Scale(x_ticks[0], max(x for x, _ in everything) or 1.0, y_ticks[0], y_ticks[-1])
    parts = [_axes(scale, x_ticks, y_ticks, x_label)]
    parts += [_curve(line, points, scale) for line, points in drawn]
    parts.append(_end_labels(drawn, scale, unit))
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def interval_bar(value: float, low: float, high: float, style: str = "") -> str:
    """A bar from 0 to `value` of 100 with a whisker from `low` to `high`, all in percent."""
    return (
        f'<span class="bar {style}" role="img" aria-label="{low:.1f} to {high:.1f} percent">'
        f'<i style="width:{value:.2f}%"></i>'
        f'<b style="left:{low:.2f}%;width:{max(high - low, 0.4):.2f}%"></b></span>'
    )


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from `low` or below to `high` or above, `about` many: steps 1, 2, 2.5 or 5."""
    if not high > low:
        high = low + 1.0
    rough = (high - low) / about
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first, count = floor(low / step), 0
    while (first + count) * step < high * (1 - 1e-9):
        count += 1
    return [(first + number) * step for number in range(count + 1)]


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points: means of neighbours; the last point stays as it is."""
    if len(points) <= most:
        return list(points)
    means = []
    for number in range(most - 1):
        start = number * (len(points) - 1) // (most - 1)
        stop = (number + 1) * (len(points) - 1) // (most - 1)
        group = points[start:stop]
        means.append((sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)))
    return [*means, points[-1]]


def short(value: float) -> str:
    """A number in the space of an axis label: 0, 0.25, 12, 1.5k, 64k, 2M, 3e-05."""
    size = abs(value)
    for limit, suffix in ((1e6, "M"), (1e4, "k")):
        if size >= limit:
            return f"{value / (1e6 if suffix == 'M' else 1e3):g}{suffix}"
    return "0" if size < 1e-12 else f"{value:.4g}"


@dataclass(frozen=True)
class _Scale:
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _axes(scale: _Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str) -> str:
    base, end = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in y_ticks:
        y = scale.y(tick)
        parts.append(_rule("grid", LEFT, y, end, y))
        parts.append(_label("end", LEFT - 9, y + 4.5, short(tick)))
    for tick in x_ticks:
        if tick <= scale.x_high * (1 + 1e-9):
            x = scale.x(tick)
            parts.append(_rule("axis", x, base, x, base + 5))
            parts.append(_label("mid", x, base + 21, short(tick)))
    parts.append(_rule("axis", LEFT, base, end, base))
    parts.append(_label("", end + 12, base + 21, x_label))
    return "".join(parts)


def _rule(style: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _label(style: str, x: float, y: float, words: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _curve(line: Line, points: Sequence[Point], scale: _Scale) -> str:
    places = [f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in points]
    parts = [f'<polyline class="line {line.style}" points="{" ".join(places)}"/>']
    if (line.dots and len(points) <= 40) or len(points) == 1:
        for place in places:
            x, y = place.split(",")
            parts.append(f'<circle class="dot {line.style}" cx="{x}" cy="{y}" r="3"/>')
    if line.ring is not None:
        x, y = f"{scale.x(line.ring[0]):.1f}", f"{scale.y(line.ring[1]):.1f}"
        parts.append(f'<circle class="ring {line.style}" cx="{x}" cy="{y}" r="7"/>')
    return "".join(parts)


def _end_labels(drawn: Sequence[tuple[Line, Sequence[Point]]], scale: _Scale, unit: str) -> str:
    """Name and last value at the end of each line, moved apart where they would overlap."""
    heights = [scale.y(points[-1][1]) for _, points in drawn]
    order = sorted(range(len(drawn)), key=heights.__getitem__)
    parts = []
    x = WIDTH - RIGHT + 12
    for place, number in zip(spread(sorted(heights)), order, strict=True):
        line, points = drawn[number]
        value = points[-1][1]
        parts.append(_label(f"label {line.style}", x, place - 2, line.name))
        parts.append(_label(f"value {line.style}", x, place + 15, f"{value:.3g}{unit}"))
    return "".join(parts)


def spread(wanted: Sequence[float]) -> list[float]:
    """Heights of labels, ascending, as near to `wanted` as room between them allows."""
    places: list[float] = []
    for height in wanted:
        free = places[-1] + LABEL_HEIGHT if places else TOP + 10.0
        places.append(max(height, free))
    limit = HEIGHT - BOTTOM - 17.0
    for number in reversed(range(len(places))):
        places[number] = min(places[number], limit)
        limit = places[number] - LABEL_HEIGHT
    return places
