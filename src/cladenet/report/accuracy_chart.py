"""Accuracy against cost as an SVG that stands alone: one panel for each kind of cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from cladenet.report.charts import short, ticks

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
WIDTH, HEIGHT = 470, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 34, 46
ROW = 18  # of the legend

Place = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """One network, or one way to set its thresholds.

    Args:
        name: in the legend.
        points: (cost, accuracy, lowest, highest), the last two of its interval, in percent.
        joined: drawn as a line; else as single points with their intervals.
    """

    name: str
    points: Sequence[tuple[float, float, float, float]]
    joined: bool = True


@dataclass(frozen=True)
class Panel:
    """All series against one kind of cost, named below the axis."""

    x_label: str
    series: Sequence[Series]


def accuracy_chart(title: str, panels: Sequence[Panel]) -> str:
    """An SVG with the panels side by side and one legend, that every viewer shows alike."""
    names = list(dict.fromkeys(series.name for panel in panels for series in panel.series))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    columns = 2 * len(panels)
    rows = -(-len(names) // columns)
    width, height = WIDTH * len(panels), HEIGHT + ROW * rows + 8
    parts = [_text(width / 2, 18, title, "middle", 14)]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({WIDTH * number} 0)">{_panel(panel, colours)}</g>')
    for i, name in enumerate(names):
        x, y = LEFT + (i % columns) * (width - LEFT) / columns, HEIGHT + ROW * (i // columns) + 6
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4.5" fill="{colours[name]}"/>')
        parts.append(_text(x + 10, y, name))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" role="img"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _panel(panel: Panel, colours: dict[str, str]) -> str:
    everything = [point for series in panel.series for point in series.points]
    if not everything:
        return ""
    ys = [y for series in panel.series for y in _heights(series)]
    x_ticks = ticks(0.0, max(point[0] for point in everything), 5)
    y_ticks = ticks(min(ys), max(ys), 6)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )

    base, end = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in y_ticks:
        y = place(0, tick)[1]
        parts.append(_line([(LEFT, y), (end, y)], "#ddd", 1))
        parts.append(_text(LEFT - 7, y + 4, short(tick), "end"))
    for tick in x_ticks:
        parts.append(_text(place(tick, 0)[0], base + 17, short(tick), "middle"))
    parts.append(_text((LEFT + end) / 2, base + 36, panel.x_label, "middle"))
    parts.append(_text(LEFT, TOP - 8, "accuracy, %"))
    for series in panel.series:
        parts.append(_series(series, colours[series.name], place))
    return "".join(parts)


def _heights(series: Series) -> list[float]:
    if series.joined:
        return [y for _, y, _, _ in series.points]
    return [y for _, _, low, high in series.points for y in (low, high)]


def _series(series: Series, colour: str, place: Place) -> str:
    parts = []
    at = [place(x, y) for x, y, _, _ in series.points]
    if series.joined and len(at) > 1:
        parts.append(_line(at, colour, 2))
    for (x, y), (cost, _, low, high) in zip(at, series.points, strict=True):
        if not series.joined:
            parts.append(_line([place(cost, low), place(cost, high)], colour, 1))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>')
    return "".join(parts)


def _line(points: Sequence[tuple[float, float]], colour: str, width: int) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="#222">'
        f"{escape(words)}</text>"
    )
