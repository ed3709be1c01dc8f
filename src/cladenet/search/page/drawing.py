"""Graphs and descent as inline SVG, in the colours of the page."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape

from cladenet.report.charts import ticks
from cladenet.search.page.graphs import Edge, Graph
from cladenet.search.page.history import History, Trial

COLUMN, ROW, NODE_WIDTH, NODE_HEIGHT, MARGIN = 190, 64, 74, 30, 18
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 1_040, 420, 52, 40, 14
MOST_TRIALS = 1_500  # dots in the picture of descent; of more the latest are shown

OWN_STYLE = """
.drawing text { fill: var(--ink); font-size: 12px }
.drawing .what { fill: var(--soft); font-size: 11px; paint-order: stroke;
  stroke: var(--paper); stroke-width: 4px }
section pre { white-space: pre-wrap }
.drawing rect { fill: var(--card); stroke: var(--grey); rx: 6 }
.drawing path, .descent path { fill: none; stroke: var(--grey); stroke-width: 1.3 }
.drawing .end rect { stroke: var(--blue); stroke-width: 2 }
.descent path { stroke: var(--faint); stroke-width: 1 }
.descent path.best { stroke: var(--blue); stroke-width: 2 }
.descent circle { fill: var(--grey) } .descent circle.best { fill: var(--blue) }
.descent text { fill: var(--soft); font-size: 12px } .descent line { stroke: var(--faint) }
"""


def draw_graph(graph: Graph) -> str:
    """The nodes in columns by their longest way from an input, the edges between them."""
    depth: dict[int, int] = {}
    for node in range(len(graph.nodes)):
        sources = [depth[edge.source] for edge in graph.edges if edge.target == node]
        depth[node] = 1 + max(sources) if sources else 0
    columns: dict[int, list[int]] = defaultdict(list)
    for node, column in depth.items():
        columns[column].append(node)
    most = max(map(len, columns.values()))
    place: dict[int, tuple[float, float]] = {}
    for column, nodes in columns.items():
        for at, node in enumerate(nodes):
            shift = (most - len(nodes)) / 2 + (0.18 if column % 2 else 0.0)
            place[node] = MARGIN + column * COLUMN, MARGIN + (at + shift) * ROW
    last = len(graph.nodes) - 1
    lines = [_edge(edge, place, k) for k, edge in enumerate(graph.edges)]
    boxes = [_box(label, *place[node], node == last) for node, label in enumerate(graph.nodes)]
    width = 2 * MARGIN + max(columns) * COLUMN + NODE_WIDTH
    height = 2 * MARGIN + (most - 1 + 0.18) * ROW + NODE_HEIGHT + 20
    return (
        f'<svg class="drawing" viewBox="0 0 {width} {height:.0f}" style="max-width:{width}px" '
        f'width="100%" role="img" aria-label="{escape(graph.title)}">'
        f"{''.join(line for line, _ in lines)}{''.join(boxes)}"
        f"{''.join(words for _, words in lines)}</svg>"
    )


def _box(label: str, x: float, y: float, last: bool) -> str:
    style = ' class="end"' if last else ""
    return (
        f'<g{style}><rect x="{x:.0f}" y="{y:.0f}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}"/>'
        f'<text x="{x + NODE_WIDTH / 2:.0f}" y="{y + 19:.0f}" text-anchor="middle">'
        f"{escape(label)}</text></g>"
    )


def _edge(edge: Edge, place: dict[int, tuple[float, float]], number: int) -> tuple[str, str]:
    """Its line, and its words; two edges between the same nodes lie apart."""
    (x1, y1), (x2, y2) = place[edge.source], place[edge.target]
    apart = (number % 2 - 0.5) * 14
    x1, y1 = x1 + NODE_WIDTH, y1 + NODE_HEIGHT / 2
    y2 += NODE_HEIGHT / 2 + apart / 2
    bend = max(30.0, (x2 - x1) / 2)
    far = (x2 - x1) > COLUMN  # passes other columns: it swings around them
    lift = -26.0 if far and number % 2 else (26.0 if far else 0.0)
    path = (
        f'<path d="M{x1:.0f} {y1:.0f} C{x1 + bend:.0f} {y1 + lift:.0f} {x2 - bend:.0f} '
        f'{y2 + lift + apart:.0f} {x2:.0f} {y2:.0f}"/>'
    )
    words = ""
    if edge.label and edge.label != "skip":
        x, y = x2 - 8, y2 + (-5 if apart < 0 else 13)
        words = _words("what", x, y, edge.label)
    return path, words


def _words(style: str, x: float, y: float, words: str) -> str:
    return f'<text class="{style}" x="{x:.0f}" y="{y:.0f}" text-anchor="end">{escape(words)}</text>'


def draw_descent(history: History) -> str:
    """Each trial by number and accuracy, joined to its parent; the line of the best stands out."""
    shown = [trial for trial in history.trials if trial.val is not None][-MOST_TRIALS:]
    if not shown:
        return ""
    vals = [100 * (trial.val or 0.0) for trial in shown]
    first, last = min(t.number for t in shown), max(t.number for t in shown)
    y_ticks = ticks(min(vals), max(vals), 5)
    low, high = min(y_ticks[0], min(vals)), max(y_ticks[-1], max(vals))

    def at(trial: Trial) -> tuple[float, float]:
        across = (trial.number - first) / max(1, last - first)
        up = (100 * (trial.val or 0.0) - low) / max(1e-9, high - low)
        return LEFT + across * (WIDTH - LEFT - 20), TOP + (1 - up) * (HEIGHT - TOP - BOTTOM)

    places = {trial.number: at(trial) for trial in shown}
    line = {trial.number for trial in history.lineage()}
    parts = []
    for tick in y_ticks:
        y = TOP + (1 - (tick - low) / max(1e-9, high - low)) * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g} %</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 10}">trial {first}</text>')
    parts.append(f'<text x="{WIDTH - 20}" y="{HEIGHT - 10}" text-anchor="end">trial {last}</text>')
    parts += _joined(shown, places, line)
    return (
        f'<svg class="descent" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" '
        f'aria-label="descent">{"".join(parts)}</svg>'
    )


def _joined(
    shown: Sequence[Trial], places: dict[int, tuple[float, float]], line: set[int]
) -> list[str]:
    plain: list[str] = []
    best: list[str] = []
    for trial in shown:
        x, y = places[trial.number]
        bright = trial.number in line
        into = best if bright else plain
        style = ' class="best"' if bright else ""
        if trial.parent in places:
            px, py = places[trial.parent]
            into.append(f'<path{style} d="M{px:.1f} {py:.1f}L{x:.1f} {y:.1f}"/>')
        title = f"trial {trial.number}: {100 * (trial.val or 0):.2f} %, {trial.mutation}"
        into.append(
            f'<circle{style} cx="{x:.1f}" cy="{y:.1f}" r="{4 if bright else 2.5}">'
            f"<title>{escape(title)}</title></circle>"
        )
    return plain + best
