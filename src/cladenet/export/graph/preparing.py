"""`Preprocess` as a graph: from the pixels of decoded images to what the network reads.

Each step is that of `Preprocess.prepare_all` and of `resample`, for images whose size is known only
when the file runs. Two values have names, so that a file can be asked for them when it is verified:
the prepared pixels and the normalised ones.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import LONGEST
from cladenet.export.graph.writer import Value, Writer
from cladenet.export.names import NORMALISED, PREPARED
from cladenet.export.normalise import weights_and_biases

BICUBIC = Image.Resampling.BICUBIC


def add_preprocessing(graph: Writer, images: Value, preprocess: Preprocess) -> Value:
    """uint8 (N, H, W, C) -> normalised float32 (N, C, height, width)."""
    planes = graph.planes(images)
    pixels = _fitted(graph, planes, preprocess)
    size = preprocess.channels, preprocess.height, preprocess.width
    return _normalised(graph, graph.shaped(pixels, *size, PREPARED), preprocess)


def _fitted(graph: Writer, planes: Value, p: Preprocess) -> Value:
    if p.resize is not None:
        return _middle(graph, _resized(graph, planes, p, p.resize), p.height, p.width)
    height, width = graph.number(p.height), graph.number(p.width)
    if p.fit == "stretch":
        return _resampled(graph, planes, height, width, p.interpolation)
    if p.fit == "none":
        return planes
    return graph.bordered(planes, _edges(graph, planes, height, width))


def _resized(graph: Writer, planes: Value, p: Preprocess, side: int) -> Value:
    wanted = graph.number(side)
    if p.fit == "stretch":
        return _resampled(graph, planes, wanted, wanted, p.interpolation)
    if p.fit == "crop":
        planes = _without_ends(graph, planes)
        height, width = graph.size(planes)
        short = graph.binary("Min", height, width)
        to_height, to_width = (graph.div(graph.mul(wanted, s), short) for s in (height, width))
        return _resampled(graph, planes, to_height, to_width, p.interpolation)
    return _with_border(graph, planes, p, side)


def _resampled(
    graph: Writer, planes: Value, height: Value, width: Value, interpolation: str
) -> Value:
    """In two passes with whole levels between them, as Pillow does."""
    old_height, old_width = graph.size(planes)
    if not columns_may_come_first():
        wide = graph.resized(planes, old_height, width, interpolation)
        return graph.resized(wide, height, width, interpolation)
    none, one, two = (graph.number(count) for count in range(3))
    lost, wider = graph.sub(old_height, height), graph.sub(old_width, width)

    def positive(length: Value) -> Value:
        """1 or 0."""
        return graph.binary("Min", graph.binary("Max", length, none), one)

    columns_first = graph.mul(positive(lost), positive(graph.sub(lost, graph.mul(two, wider))))
    between = (
        graph.sub(old_height, graph.mul(columns_first, lost)),
        graph.add(width, graph.mul(columns_first, wider)),
    )
    half_way = graph.resized(planes, between[0], between[1], interpolation)
    return graph.resized(half_way, height, width, interpolation)


@lru_cache(maxsize=1)
def columns_may_come_first() -> bool:
    """Whether Pillow resizes columns first where these lose more than twice what rows lose.

    Pillow 13 does, earlier ones never; levels are rounded between the passes, so pixels differ.
    """
    image = Image.fromarray((np.arange(1800) * 89 % 256).astype(np.uint8).reshape(60, 30))
    columns_first = image.resize((30, 9), BICUBIC).resize((29, 9), BICUBIC)
    return columns_first.tobytes() == image.resize((29, 9), BICUBIC).tobytes()


def _without_ends(graph: Writer, planes: Value) -> Value:
    """The middle of a strip longer than 8 times its short side."""
    height, width = graph.size(planes)
    longest = graph.mul(graph.number(LONGEST), graph.binary("Min", height, width))
    rows, columns = (graph.binary("Min", side, longest) for side in (height, width))
    top, left = _half(graph, graph.sub(height, rows)), _half(graph, graph.sub(width, columns))
    return graph.window(planes, top, left, rows, columns)


def _with_border(graph: Writer, planes: Value, p: Preprocess, side: int) -> Value:
    """The long side brought to `side`, at least the network's size by a border of the mean."""
    height, width = graph.size(planes)
    longest = graph.binary("Max", height, width)
    to_height, to_width = (graph.in_proportion(s, longest, side) for s in (height, width))
    resized = _resampled(graph, planes, to_height, to_width, p.interpolation)
    whole = graph.number(p.height), graph.number(p.width)
    return graph.on_colour(resized, _edges(graph, resized, *whole), p.mean_colour())


def _edges(
    graph: Writer, planes: Value, height: Value, width: Value
) -> tuple[Value, Value, Value, Value]:
    """How many pixels are missing above, left, below and right; the odd one below or right."""
    none, two = graph.number(0), graph.number(2)
    missing = [
        graph.binary("Max", graph.sub(want, have), none)
        for want, have in zip((height, width), graph.size(planes), strict=True)
    ]
    top, left = (graph.div(count, two) for count in missing)
    return top, left, graph.sub(missing[0], top), graph.sub(missing[1], left)


def _middle(graph: Writer, planes: Value, height: int, width: int) -> Value:
    have = graph.size(planes)
    rows, columns = graph.number(height), graph.number(width)
    top, left = _half(graph, graph.sub(have[0], rows)), _half(graph, graph.sub(have[1], columns))
    return graph.window(planes, top, left, rows, columns)


def _half(graph: Writer, length: Value) -> Value:
    """Half of a length, and of an odd one the even neighbour, as Python rounds."""
    two = graph.number(2)
    half = graph.div(length, two)
    return graph.add(
        half, graph.mul(graph.binary("Mod", length, two), graph.binary("Mod", half, two))
    )


def _normalised(graph: Writer, pixels: Value, p: Preprocess) -> Value:
    values = graph.floats(pixels)
    if not p.per_image:
        weight, bias = (v.astype(np.float32)[None, :, None, None] for v in weights_and_biases(p))
        scaled = graph.mul(values, graph.constant(weight))
        return graph.named(graph.add(scaled, graph.constant(bias)), NORMALISED)
    centred = graph.sub(values, graph.mean(values))
    spread = graph.root(graph.mean(graph.mul(centred, centred)))
    one = graph.constant(np.ones((1, 1, 1, 1), np.float32))
    return graph.named(graph.div(centred, graph.binary("Max", spread, one)), NORMALISED)
