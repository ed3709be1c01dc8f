"""Line charts and intervals as inline SVG: no script, no network, colours from the page's style.

A chart is drawn at the size it has on a wide screen, and its text is large enough to survive
being scaled down to a phone's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from math import floor, isfinite, log10
from typing import Any

import numpy as np

Point = tuple[float, float]
Scale = Callable[[Any], Any]  # from values, one or many, to places on the page

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 118, 14, 40
MOST_POINTS = 240
LABEL_HEIGHT = 42.0  # a name and a value below it

RULE = '<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'.format
LABEL = '<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>'.format


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
    drawn: list[tuple[Line, list[Point]]] = []
    everything: list[Point] = []
    for line in lines:
        finite = [(x, y) for x, y in line.points if isfinite(x) and isfinite(y)]
        if finite:
            drawn.append((line, thin(finite)))
            everything += drawn[-1][1]
    if not drawn:
        return ""
    xs, ys = zip(*everything, strict=True)
    x_ticks, y_ticks = ticks(min(0.0, *xs), max(xs), 5), ticks(0.0, max(ys), 5)
    x_end = max(xs) or 1.0
    across = partial(np.interp, xp=(x_ticks[0], x_end), fp=(LEFT, WIDTH - RIGHT))
    down = partial(np.interp, xp=(y_ticks[0], y_ticks[-1]), fp=(HEIGHT - BOTTOM, TOP))
    while x_ticks[-1] > x_end * (1 + 1e-9):
        x_ticks.pop()
    parts = [_axes(across, down, x_ticks, y_ticks, x_label)]
    for line, points in drawn:
        parts.append(_curve(line, points, across, down))
    parts.append(_end_labels(drawn, down, unit))
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
    for factor in (1, 2, 2.5, 5, 10):
        step = size * factor
        if step >= rough * 0.999:
            break
    number = floor(low / step)
    found = [number * step]
    while found[-1] < high * (1 - 1e-9):
        number += 1
        found.append(number * step)
    return found


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


def _axes(
    across: Scale, down: Scale, x_ticks: list[float], y_ticks: list[float], x_label: str
) -> str:
    base, end = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts: list[str] = []
    for tick in y_ticks:
        y = down(tick)
        parts += RULE("grid", LEFT, y, end, y), LABEL("end", LEFT - 9, y + 4.5, short(tick))
    for tick in x_ticks:
        x = across(tick)
        parts += RULE("axis", x, base, x, base + 5), LABEL("mid", x, base + 21, short(tick))
    parts += RULE("axis", LEFT, base, end, base), LABEL("", end + 12, base + 21, escape(x_label))
    return "".join(parts)


def _curve(line: Line, points: list[Point], across: Scale, down: Scale) -> str:
    xs, ys = zip(*points, strict=True)
    dotted = (line.dots and len(points) <= 40) or len(points) == 1
    places, marks = [], ""
    for x, y in zip(across(xs), down(ys), strict=True):
        places.append(f"{x:.1f},{y:.1f}")
        if dotted:
            marks += f'<circle class="dot {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    if line.ring is not None:
        x, y = across(line.ring[0]), down(line.ring[1])
        marks += f'<circle class="ring {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="7"/>'
    return f'<polyline class="line {line.style}" points="{" ".join(places)}"/>{marks}'


def _end_labels(drawn: Sequence[tuple[Line, list[Point]]], down: Scale, unit: str) -> str:
    """Name and last value at the end of each line, moved apart where they would overlap."""
    lasts = np.array([points[-1][1] for _, points in drawn])
    order = np.argsort(down(lasts), kind="stable")
    parts: list[str] = []
    x = WIDTH - RIGHT + 12
    for place, number in zip(spread(down(lasts[order])), order, strict=True):
        style, name = drawn[number][0].style, escape(drawn[number][0].name)
        value = escape(f"{lasts[number]:.3g}{unit}")
        parts += LABEL("label " + style, x, place - 2, name)
        parts += LABEL("value " + style, x, place + 15, value)
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
