"""The eleven mutations of large-scale evolution: Real et al. 2017, arXiv:1703.01041, Sec. 3.3.

    alter-learning-rate        identity (keep training)    reset-weights
    insert-convolution         remove-convolution          alter-stride
    alter-number-of-channels   filter-size                 insert-one-to-one
    add-skip                   remove-skip

A gene that is altered is drawn uniformly between half and twice its old value, a stride so on the
scale of its logarithm to base 2. What the paper leaves open: where something is inserted, all
places of the backbone are equally likely, before the global average too; what is removed, altered
or joined is drawn uniformly among what there is.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from cladenet.search.architecture import Architecture
from cladenet.search.spaces.space import Generator

Places = list[Any]
Mutation = tuple[
    Callable[[Architecture], Places], Callable[[Architecture, Generator], Architecture]
]


def newest_id(architecture: Architecture) -> int:
    """The highest id in the graph."""
    vertices = architecture["vertices"]
    edges = (edge["id"] for vertex in vertices for edge in vertex["edges"])
    own = max([0, architecture["head"], *(vertex["id"] for vertex in vertices), *edges])
    return max(own, architecture.get("newest", 0))


def _fresh(architecture: Architecture, how_many: int) -> list[int]:
    """Ids that neither this graph nor one that it descends from has had."""
    first = newest_id(architecture) + 1
    architecture["newest"] = first + how_many - 1
    return list(range(first, first + how_many))


def _redrawn(value: float, rng: Generator) -> float:
    return float(value * rng.uniform(0.5, 2.0))


def _anywhere(_architecture: Architecture) -> Places:
    return [0]


def _choice(places: Places, rng: Generator) -> Any:
    return places[rng.integers(len(places))]


def _convolutions(architecture: Architecture) -> Places:
    """(vertex, edge) of every convolution, by position."""
    return [
        (v, e)
        for v, vertex in enumerate(architecture["vertices"])
        for e, edge in enumerate(vertex["edges"])
        if "half_height" in edge
    ]


def _skips(architecture: Architecture) -> Places:
    """(vertex, edge) of every edge after the first, by position."""
    return [
        (v, e)
        for v, vertex in enumerate(architecture["vertices"])
        for e in range(1, len(vertex["edges"]))
    ]


def _absent_skips(architecture: Architecture) -> Places:
    """(id of a source, position of a later vertex) that are not joined."""
    ids = [0, *(vertex["id"] for vertex in architecture["vertices"])]
    return [
        (source, v)
        for v, vertex in enumerate(architecture["vertices"])
        for source in ids[: v + 1]
        if source not in {edge["source"] for edge in vertex["edges"]}
    ]


def alter_learning_rate(architecture: Architecture, rng: Generator) -> Architecture:
    """The rate."""
    changed = deepcopy(architecture)
    changed["learning_rate"] = _redrawn(changed["learning_rate"], rng)
    return changed


def identity(architecture: Architecture, _rng: Generator) -> Architecture:
    """Nothing: the child goes on with its parent's training."""
    return deepcopy(architecture)


def reset_weights(architecture: Architecture, _rng: Generator) -> Architecture:
    """All ids are new, so that no weight is found again."""
    changed = deepcopy(architecture)
    vertices = changed["vertices"]
    total = 1 + len(vertices) + sum(len(vertex["edges"]) for vertex in vertices)
    ids = iter(_fresh(changed, total))
    changed["head"] = next(ids)
    renamed = {0: 0}
    for vertex in vertices:
        renamed[vertex["id"]] = vertex["id"] = next(ids)
        for edge in vertex["edges"]:
            edge["id"], edge["source"] = next(ids), renamed[edge["source"]]
    return changed


def insert_convolution(architecture: Architecture, rng: Generator) -> Architecture:
    """3x3, stride 1 or 2, as many channels as it reads, with norm and ReLU or linear."""
    genes = {"half_height": 1.0, "half_width": 1.0, "depth_factor": 1.0}
    return _inserted(architecture, {**genes, "stride_scale": float(rng.integers(2))}, rng)


def insert_one_to_one(architecture: Architecture, rng: Generator) -> Architecture:
    """A vertex that reads the one before it as it is."""
    return _inserted(architecture, {}, rng)


def _inserted(architecture: Architecture, genes: dict[str, float], rng: Generator) -> Architecture:
    changed = deepcopy(architecture)
    vertices = changed["vertices"]
    at = int(rng.integers(len(vertices) + 1))
    vertex_id, edge_id = _fresh(changed, 2)
    source = vertices[at - 1]["id"] if at else 0
    edge = {"id": edge_id, "source": source, **genes}
    vertices.insert(at, {"id": vertex_id, "norm_relu": bool(rng.integers(2)), "edges": [edge]})
    if at + 1 < len(vertices):
        vertices[at + 1]["edges"][0]["source"] = vertex_id
    return changed


def _backbone_convolutions(architecture: Architecture) -> Places:
    return [v for v, e in _convolutions(architecture) if e == 0]


def remove_convolution(architecture: Architecture, rng: Generator) -> Architecture:
    """A vertex of the backbone that is a convolution; who has read it reads what it read."""
    at = _choice(_backbone_convolutions(architecture), rng)
    changed = deepcopy(architecture)
    removed = changed["vertices"].pop(at)
    source = removed["edges"][0]["source"]
    for vertex in changed["vertices"]:
        kept: dict[int, dict[str, Any]] = {}
        for edge in vertex["edges"]:
            if edge["source"] == removed["id"]:
                edge["source"] = source
            kept.setdefault(edge["source"], edge)  # the first edge comes first
        vertex["edges"] = list(kept.values())
    return changed


def alter_stride(architecture: Architecture, rng: Generator) -> Architecture:
    """Of a convolution: from half to twice the old one, uniformly in its logarithm."""
    changed, edge = _some_convolution(architecture, rng)
    edge["stride_scale"] = max(0.0, float(edge["stride_scale"] + rng.uniform(-1.0, 1.0)))
    return changed


def alter_number_of_channels(architecture: Architecture, rng: Generator) -> Architecture:
    """Of a convolution, as a multiple of what it reads."""
    changed, edge = _some_convolution(architecture, rng)
    edge["depth_factor"] = _redrawn(edge["depth_factor"], rng)
    return changed


def filter_size(architecture: Architecture, rng: Generator) -> Architecture:
    """Of a convolution, its height or its width; it stays odd."""
    changed, edge = _some_convolution(architecture, rng)
    gene = ("half_height", "half_width")[rng.integers(2)]
    edge[gene] = _redrawn(edge[gene], rng)
    return changed


def _some_convolution(
    architecture: Architecture, rng: Generator
) -> tuple[Architecture, dict[str, Any]]:
    v, e = _choice(_convolutions(architecture), rng)
    changed = deepcopy(architecture)
    return changed, changed["vertices"][v]["edges"][e]


def add_skip(architecture: Architecture, rng: Generator) -> Architecture:
    """An identity between two vertices that are not joined yet."""
    source, v = _choice(_absent_skips(architecture), rng)
    changed = deepcopy(architecture)
    (edge_id,) = _fresh(changed, 1)
    changed["vertices"][v]["edges"].append({"id": edge_id, "source": source})
    return changed


def remove_skip(architecture: Architecture, rng: Generator) -> Architecture:
    """One of the edges after a vertex's first."""
    v, e = _choice(_skips(architecture), rng)
    changed = deepcopy(architecture)
    del changed["vertices"][v]["edges"][e]
    return changed


# Name -> where it may act, and what it does.
MUTATIONS: dict[str, Mutation] = {
    "alter-learning-rate": (_anywhere, alter_learning_rate),
    "identity": (_anywhere, identity),
    "reset-weights": (_anywhere, reset_weights),
    "insert-convolution": (_anywhere, insert_convolution),
    "remove-convolution": (_backbone_convolutions, remove_convolution),
    "alter-stride": (_convolutions, alter_stride),
    "alter-number-of-channels": (_convolutions, alter_number_of_channels),
    "filter-size": (_convolutions, filter_size),
    "insert-one-to-one": (_anywhere, insert_one_to_one),
    "add-skip": (_absent_skips, add_skip),
    "remove-skip": (_skips, remove_skip),
}
