"""DNA: graphs that grow from a linear classifier by mutations, and hand down their weights.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin. Large-Scale Evolution of Image Classifiers.
ICML 2017. arXiv:1703.01041, Sec. 3.2 and 3.3. An architecture:

    {"learning_rate": 0.1, "head": 0, "vertices": [
        {"id": 2, "norm_relu": true, "edges": [
            {"id": 1, "source": 0, "half_height": 1.0, "half_width": 1.0, "depth_factor": 1.0,
             "stride_scale": 0.0},
            {"id": 4, "source": 0}]}, ...]}

The first edge of a vertex reads the vertex before it, 0 being the images: these are the backbone.
Further edges are skips, which bring their source as it is. Ids are never used twice in a line of
descent: what has the same id in parent and child has the same weights, as far as the shapes agree.
"""

from typing import Any

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.models.large_scale_evolution import (
    DNA,
    Convolution,
    Edge,
    EvolvedNetwork,
    Identity,
    Vertex,
)
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.dna_mutations import MUTATIONS
from cladenet.search.spaces.space import Generator, Mutated, Scale

GENES = ("half_height", "half_width", "depth_factor", "stride_scale")
MOST_MUTATIONS = 30  # of a random architecture
MOST_CHANNELS = 1_024  # of a vertex: beyond, a graph that drifts would fill the memory


class Dna:
    """The space."""

    name = "dna"

    def first(self) -> Architecture:
        """The individual that all descend from: global average and linear, 0.1 as rate."""
        return {"learning_rate": 0.1, "head": 0, "vertices": []}

    def random(self, rng: Generator) -> Architecture:
        """The first individual after 0 to 30 mutations, their number drawn uniformly.

        The paper has no such draw; its control lets a coin decide who reproduces.
        """
        architecture = self.first()
        for _ in range(int(rng.integers(MOST_MUTATIONS + 1))):
            architecture = self.mutate(architecture, rng).architecture
        return architecture

    def mutate(self, architecture: Architecture, rng: Generator) -> Mutated:
        """One of the paper's eleven mutations, uniformly among those that this graph allows."""
        possible = {
            name: changed for name, (places, changed) in MUTATIONS.items() if places(architecture)
        }
        name = list(possible)[rng.integers(len(possible))]
        return Mutated(possible[name](architecture, rng), name)

    def validate(self, architecture: Architecture) -> None:
        """Raise BadArgument unless the backbone is a chain and the ids are unique."""
        try:
            graph = dna_of(architecture)
            ids = [architecture["head"], *_ids(architecture)]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise BadArgument(f"architecture is not valid DNA: {error!r}") from error
        if len(set(ids)) != len(ids) or not graph.learning_rate > 0:
            raise BadArgument(
                f"ids are {ids}, the learning rate {graph.learning_rate}; expected ids that differ "
                "and a rate above 0"
            )
        for number, vertex in enumerate(graph.vertices, 1):
            chained = bool(vertex.edges) and vertex.edges[0].source == number - 1
            skips = all(isinstance(edge, Identity) for edge in vertex.edges[1:])
            if not chained or not skips or not all(e.source < number for e in vertex.edges):
                raise BadArgument(
                    f"vertex {number} is {vertex}; expected a first edge from vertex {number - 1}, "
                    "then identities from earlier vertices"
                )

    def build(self, architecture: Architecture, scale: Scale) -> Classifier:
        """The network for images of any size; its widths are genes, so that the scale has no say.

        Raises:
            BadArgument: it is no DNA, or a vertex would have more than 1,024 channels.
        """
        self.validate(architecture)
        graph = dna_of(architecture)
        width = scale.in_channels
        widest = width
        for vertex in graph.vertices:
            first = vertex.edges[0]
            if isinstance(first, Convolution):
                width = max(1, round(width * first.depth_factor))
            widest = max(widest, width)
        if widest > MOST_CHANNELS:
            raise BadArgument(
                f"a vertex has {widest:,} channels; at most {MOST_CHANNELS:,} are built"
            )
        return EvolvedNetwork(graph, scale.num_classes, scale.in_channels)

    def describe(self, architecture: Architecture) -> list[str]:
        """A line for each vertex, after the rate."""
        lines = [f"learning rate {architecture['learning_rate']:.4g}"]
        for number, vertex in enumerate(dna_of(architecture).vertices, 1):
            text = " + ".join(map(_edge_text, vertex.edges))
            lines.append(f"v{number} = {f'relu(norm({text}))' if vertex.norm_relu else text}")
        return lines


def dna_of(architecture: Architecture) -> DNA:
    """What `EvolvedNetwork` builds."""
    number = {0: 0}
    vertices = []
    for position, vertex in enumerate(architecture["vertices"], 1):
        edges = tuple(_edge(edge, number) for edge in vertex["edges"])
        vertices.append(Vertex(edges, bool(vertex["norm_relu"])))
        number[vertex["id"]] = position
    return DNA(tuple(vertices), float(architecture["learning_rate"]))


def positions(architecture: Architecture) -> dict[str, Any]:
    """The DNA without ids, sources by position: what `EvolvedNetwork` takes."""
    graph = dna_of(architecture)
    vertices = [
        {"norm_relu": vertex.norm_relu, "edges": [edge._asdict() for edge in vertex.edges]}
        for vertex in graph.vertices
    ]
    return {"learning_rate": graph.learning_rate, "vertices": vertices}


def weight_keys(architecture: Architecture) -> dict[str, str]:
    """Beginnings of tensor names in the network -> names that a line of descent has in common."""
    keys = {"head.": f"head{architecture['head']}."}
    for v, vertex in enumerate(architecture["vertices"]):
        keys[f"stages.0.activations.{v}."] = f"vertex{vertex['id']}."
        for e, edge in enumerate(vertex["edges"]):
            keys[f"stages.0.edges.{v}.{e}."] = f"edge{edge['id']}."
    return keys


def _edge(edge: dict[str, Any], number: dict[int, int]) -> Edge:
    source = number[edge["source"]]
    if "half_height" not in edge:
        return Identity(source)
    return Convolution(source, *(float(edge[gene]) for gene in GENES))


def _edge_text(edge: Edge) -> str:
    if isinstance(edge, Identity):
        return f"v{edge.source}"
    rows, columns = (2 * max(0, round(half)) + 1 for half in (edge.half_height, edge.half_width))
    stride = 2 ** max(0, round(edge.stride_scale))
    return (
        f"conv_{rows}x{columns}(v{edge.source}, channels x{edge.depth_factor:.3g}, stride {stride})"
    )


def _ids(architecture: Architecture) -> list[int]:
    vertices = architecture["vertices"]
    return [v["id"] for v in vertices] + [e["id"] for v in vertices for e in v["edges"]]
