"""Large-scale evolution: networks as DNA, a graph that mutations grow from almost nothing.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin. Large-Scale Evolution of Image Classifiers.
ICML 2017. arXiv:1703.01041, Sec. 3.2 to 3.4. Vertices are feature maps, edges are what makes them:

    part      out               layers of the first individual
    stem      3x32x32           the images themselves, vertex 0
    stages.0  3x32x32           no vertices: the images go on
    head      num_classes       global average, linear

A vertex adds what its edges bring and is then linear, or norm and ReLU. The first edge says what
size the vertex has; what others bring is brought to it, its grid by taking the nearest pixel, its
channels by leaving out the last or adding zeros (Sec. 3.2). Genes are real numbers, rounded when
the network is built. The released figures give the layers of the best networks but neither widths
nor strides, so that the first individual is the one that can be named; a `DNA` builds any other.
Weights are drawn by He's rule, which the paper does not print.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, norm_relu


class Identity(NamedTuple):
    """An edge that brings a vertex as it is."""

    source: int


class Convolution(NamedTuple):
    """An edge that convolves a vertex.

    Args:
        source: the vertex it reads; 0 are the images.
        half_height: the kernel has 2 half_height + 1 rows.
        half_width: and 2 half_width + 1 columns.
        depth_factor: channels made for each channel read.
        stride_scale: the stride is 2 to its power.
    """

    source: int
    half_height: float = 1.0
    half_width: float = 1.0
    depth_factor: float = 1.0
    stride_scale: float = 0.0


Edge = Identity | Convolution


class Vertex(NamedTuple):
    """A map: its edges, the one that says its size first, and whether norm and ReLU follow."""

    edges: tuple[Edge, ...]
    norm_relu: bool = True


class DNA(NamedTuple):
    """What evolves: the vertices after the images, each reading earlier ones, and a rate."""

    vertices: tuple[Vertex, ...] = ()
    learning_rate: float = 0.1


FIRST_INDIVIDUAL = DNA()


def read_dna(values: Mapping[str, Any]) -> DNA:
    """A DNA from plain values: the fields of its parts by name.

    Raises:
        BadArgument: a field is missing or unknown.
    """
    try:
        vertices = tuple(
            Vertex(
                tuple(
                    Convolution(**edge) if "half_height" in edge else Identity(**edge)
                    for edge in vertex["edges"]
                ),
                bool(vertex["norm_relu"]),
            )
            for vertex in values["vertices"]
        )
        return DNA(vertices, float(values["learning_rate"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadArgument(
            f"dna is {values}: {error!r}; expected learning_rate and vertices"
        ) from error


class Fitted(nn.Module):
    """What an edge after the first brings, in the size of the first."""

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """(N, C, H, W) -> the shape of `like`."""
        if x.shape[2:] != like.shape[2:]:
            x = F.interpolate(x, like.shape[2:], mode="nearest")
        return F.pad(x, (0, 0, 0, 0, 0, like.shape[1] - x.shape[1]))


class Graph(nn.Module):
    """All vertices of a DNA; the last one goes on."""

    def __init__(self, vertices: tuple[Vertex, ...], in_channels: int, norm: Norm) -> None:
        super().__init__()
        self.sources = [[edge.source for edge in vertex.edges] for vertex in vertices]
        self.widths = [in_channels]
        self.edges = nn.ModuleList()
        self.activations = nn.ModuleList()
        for vertex in vertices:
            made = [self._edge(edge) for edge in vertex.edges]
            self.edges.append(nn.ModuleList(layer for layer, _ in made))
            _, width = made[0]
            self.widths.append(width)
            self.activations.append(norm_relu(norm, width) if vertex.norm_relu else nn.Identity())
        self.fit = Fitted()

    def forward(self, images: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, channels, h, w) of the last vertex."""
        maps = [images]
        for sources, edges, activation in zip(
            self.sources, self.edges, self.activations, strict=True
        ):
            first, *others = (
                edge(maps[source])
                for edge, source in zip(edges, sources, strict=True)  # type: ignore[call-overload]
            )
            for other in others:
                first = first + self.fit(other, first)
            maps.append(activation(first))
        return maps[-1]

    def _edge(self, edge: Edge) -> tuple[nn.Module, int]:
        """The layer and the channels it makes."""
        width = self.widths[edge.source]
        if isinstance(edge, Identity):
            return nn.Identity(), width
        out_channels = max(1, round(width * edge.depth_factor))
        padding = max(0, round(edge.half_height)), max(0, round(edge.half_width))
        kernel = 2 * padding[0] + 1, 2 * padding[1] + 1
        stride = 2 ** max(0, round(edge.stride_scale))
        return nn.Conv2d(width, out_channels, kernel, stride, padding), out_channels


class EvolvedNetwork(Classifier):
    """The network of a DNA.

    Args:
        dna: its vertices, or its plain values; the learning rate is for whoever trains it.

    Raises:
        BadArgument: a vertex has no edges, or reads one that is not before it.
    """

    def __init__(
        self,
        dna: DNA | Mapping[str, Any] = FIRST_INDIVIDUAL,
        num_classes: int = 10,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        dna = dna if isinstance(dna, DNA) else read_dna(dna)
        for number, vertex in enumerate(dna.vertices, 1):
            if not vertex.edges or not all(0 <= edge.source < number for edge in vertex.edges):
                raise BadArgument(
                    f"vertex {number} is {vertex}; expected edges from vertices 0 to {number - 1}"
                )
        super().__init__(in_channels, num_classes)
        graph = Graph(dna.vertices, in_channels, norm)
        self.stem = nn.Identity()
        self.stages = nn.Sequential(graph)
        self.head = self.average_head(graph.widths[-1])
        self.initialise(self)


VARIANTS = {"lse_initial_cifar": partial(EvolvedNetwork, dna=FIRST_INDIVIDUAL)}
