"""An outcome as an SVG that stands alone: a row for each network, a dot for each seed."""

from html import escape
from statistics import fmean

from cladenet.experiments.measures import MEASURES
from cladenet.experiments.outcome import Outcome
from cladenet.report.charts import short, ticks

WIDTH, LEFT, RIGHT = 560, 170, 24
ROW, HEAD, FOOT, GAP = 24, 26, 22, 10
DOT, MEAN, GRID, INK, SOFT = "#0072b2", "#d55e00", "#dddddd", "#1c1d1f", "#5d6067"


def plot(found: Outcome) -> str:
    """A panel for each measure that was compared; empty if there are no figures.

    Networks stand in the order in which they are compared; the mean of the seeds is a line.
    """
    panels: dict[str, dict[str, list[float]]] = {}
    for one in found.compared:
        for arm, figures in one.figures.items():
            if figures:
                panels.setdefault(one.measure, {})[arm] = figures
    if not panels:
        return ""
    parts, top = [], 30.0
    for measure, rows in panels.items():
        parts.append(_panel(measure, rows, top))
        top += HEAD + ROW * len(rows) + FOOT + GAP
    title = f"{found.claim}: {found.verdict}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:g}" '
        f'font-family="sans-serif" font-size="13" role="img"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="white"/>{_text(14, 20, title, size=14)}'
        f"{''.join(parts)}</svg>\n"
    )


def _panel(measure: str, rows: dict[str, list[float]], top: float) -> str:
    everything = [value for figures in rows.values() for value in figures]
    marks = ticks(min(everything), max(everything), 5)
    scale = (WIDTH - LEFT - RIGHT) / (marks[-1] - marks[0])
    bottom = top + HEAD + ROW * len(rows)
    named = MEASURES[measure]
    parts = [_text(LEFT, top + 14, f"{named.words}{named.unit and f', {named.unit}'}", SOFT)]
    for mark in marks:
        x = LEFT + scale * (mark - marks[0])
        parts.append(_line(x, top + HEAD - 4, bottom, GRID))
        parts.append(_text(x, bottom + 15, short(mark), SOFT, "middle"))
    for number, (arm, figures) in enumerate(rows.items()):
        y = top + HEAD + ROW * (number + 0.5)
        x = LEFT + scale * (fmean(figures) - marks[0])
        parts.append(_text(LEFT - 10, y + 4, arm, anchor="end"))
        parts.append(_line(x, y - 9, y + 9, MEAN, 2.5))
        for value in figures:
            x = LEFT + scale * (value - marks[0])
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:g}" r="4.5" fill="{DOT}" fill-opacity="0.75"/>'
            )
    return "".join(parts)


def _text(
    x: float, y: float, words: str, colour: str = INK, anchor: str = "start", size: int = 13
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" '
        f'font-size="{size}">{escape(words)}</text>'
    )


def _line(x: float, top: float, bottom: float, colour: str, width: float = 1) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{top:g}" x2="{x:.1f}" y2="{bottom:g}" stroke="{colour}" '
        f'stroke-width="{width:g}"/>'
    )
