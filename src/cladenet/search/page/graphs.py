"""Architectures as graphs: what is drawn of them."""

from collections.abc import Sequence
from typing import NamedTuple

from cladenet.models.large_scale_evolution import Convolution
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.cell_pairs import CELLS, CellPairs
from cladenet.search.spaces.dna import Dna, dna_of
from cladenet.search.spaces.edge_cells import EDGES, NODES, EdgeCells
from cladenet.search.spaces.macro import Macro
from cladenet.search.spaces.space import Space


class Edge(NamedTuple):
    """From one node to another, by their places; `label` is what is done on the way."""

    source: int
    target: int
    label: str = ""


class Graph(NamedTuple):
    """Nodes by their labels, each reading earlier ones alone."""

    title: str
    nodes: Sequence[str]
    edges: Sequence[Edge]


def graphs_of(space: Space, architecture: Architecture) -> list[Graph]:
    """One graph, or one for each cell; none for what has no shape."""
    if isinstance(space, CellPairs):
        return [_cell(space, architecture, place) for place in range(len(CELLS))]
    if isinstance(space, Macro):
        return [_macro(architecture)]
    if isinstance(space, Dna):
        return [_dna(architecture)]
    if isinstance(space, EdgeCells):
        named = zip(EDGES, architecture, strict=True)
        edges = [Edge(i, j, plain(name)) for (i, j), name in named if name != "zero"]
        return [Graph("cell", ["in", *map(str, range(1, NODES - 1)), "out"], edges)]
    return []


def _cell(space: CellPairs, architecture: Architecture, place: int) -> Graph:
    cell = space.cells(architecture)[place]
    nodes = ["h(i)", "h(i-1)"]
    edges = []
    for number, block in enumerate(cell.blocks, 2):
        nodes.append(block.combine)
        edges.append(Edge(block.left, number, plain(block.left_operation)))
        edges.append(Edge(block.right, number, plain(block.right_operation)))
    nodes.append("concat")
    edges += [Edge(state, len(nodes) - 1) for state in cell.output]
    return Graph(f"{CELLS[place]} cell", nodes, edges)


def _macro(architecture: Architecture) -> Graph:
    nodes, edges = ["stem"], []
    for k, (name, skips) in enumerate(architecture, 1):
        nodes.append(plain(name))
        edges.append(Edge(k - 1, k))
        edges += [Edge(skip, k, "skip") for skip in skips]
    return Graph("layers", nodes, edges)


def _dna(architecture: Architecture) -> Graph:
    nodes, edges = ["images"], []
    for number, vertex in enumerate(dna_of(architecture).vertices, 1):
        first = vertex.edges[0]
        label = "identity"
        if isinstance(first, Convolution):
            rows, columns = (
                2 * max(0, round(h)) + 1 for h in (first.half_height, first.half_width)
            )
            label = f"{rows}x{columns} /{2 ** max(0, round(first.stride_scale))}"
        nodes.append(label + (" relu" if vertex.norm_relu else ""))
        edges.append(Edge(number - 1, number))
        edges += [Edge(edge.source, number, "skip") for edge in vertex.edges[1:]]
    nodes.append("linear")
    edges.append(Edge(len(nodes) - 2, len(nodes) - 1))
    return Graph("graph", nodes, edges)


def plain(name: str) -> str:
    """`separable_3x3_2` as `sep 3x3`."""
    short = {"separable": "sep", "dilated": "dil", "pool": "", "none": "identity"}
    words = [short.get(word, word) for word in name.split("_") if word != "2"]
    return " ".join(word for word in words if word)
