"""Nodes of an ONNX graph, opset 18."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.export.graph.writer import Value, Writer

PREFIX = "cladenet/"  # of names that no exporter gives
OPSET = 18  # the first one whose Resize has `antialias`


class OnnxWriter(Writer):
    """Collects nodes and constants; `nodes` and `constants` go before those of the network."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._numbers: dict[str, int] = {}

    def node(self, kind: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        """A node with one output, which it is called by."""
        from onnx import helper

        name = name or f"{PREFIX}{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"{name}/node", **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> Value:
        """See `Writer`."""
        from onnx import numpy_helper

        name = f"{PREFIX}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, value: int) -> Value:
        """See `Writer`."""
        name = super().number(value)
        self._numbers[name] = value
        return name

    def planes(self, images: Value) -> Value:
        """See `Writer`."""
        return self.node("Transpose", [images], perm=[0, 3, 1, 2])

    def size(self, images: Value) -> tuple[Value, Value]:
        """See `Writer`."""
        return (
            self.node("Shape", [images], start=2, end=3),
            self.node("Shape", [images], start=3, end=4),
        )

    def binary(self, operation: str, a: Value, b: Value) -> Value:
        """See `Writer`."""
        return self.node(operation, [a, b])

    def in_proportion(self, length: Value, longest: Value, side: int) -> Value:
        """See `Writer`."""
        double = 11  # TensorProto.DOUBLE
        ratio = self.node(
            "Div",
            [self.node("Cast", [longest], to=double), self.constant(np.array([side], np.float64))],
        )
        quotient = self.node("Div", [self.node("Cast", [length], to=double), ratio])
        whole = self.node("Cast", [self.node("Round", [quotient])], to=7)  # TensorProto.INT64
        return self.node("Max", [whole, self.number(1)])

    def resized(self, images: Value, height: Value, width: Value, interpolation: str) -> Value:
        """See `Writer`."""
        # All four sizes, not two with `axes`: where a Transpose comes before, ONNX Runtime 1.32
        # moves it behind the Resize, picks the sizes by its order, and finds too few.
        first = self.node("Shape", [images], start=0, end=2)
        return self.node(
            "Resize",
            [images, "", "", self.node("Concat", [first, height, width], axis=0)],
            mode={"bilinear": "linear", "bicubic": "cubic"}[interpolation],
            antialias=1,
            exclude_outside=1,
            cubic_coeff_a=-0.5,
            coordinate_transformation_mode="half_pixel",
        )

    def window(self, images: Value, top: Value, left: Value, height: Value, width: Value) -> Value:
        """See `Writer`."""
        starts = self._together(top, left)
        ends = self._together(self.add(top, height), self.add(left, width))
        axes = self.constant(np.array([2, 3], np.int64))
        return self.node("Slice", [images, starts, ends, axes])

    def bordered(self, images: Value, edges: tuple[Value, Value, Value, Value]) -> Value:
        """See `Writer`."""
        return self._padded(images, edges, "edge")

    def on_colour(
        self,
        images: Value,
        edges: tuple[Value, Value, Value, Value],
        colour: NDArray[np.uint8],
    ) -> Value:
        """See `Writer`."""
        ones = self.node(
            "Expand", [self.constant(np.ones((1, 1, 1, 1), np.uint8)), self.node("Shape", [images])]
        )
        inside = self.node("Cast", [self._padded(ones, edges, "constant")], to=9)  # BOOL
        padded = self._padded(images, edges, "constant")
        return self.node("Where", [inside, padded, self.constant(colour[None, :, None, None])])

    def shaped(self, images: Value, channels: int, height: int, width: int, name: str) -> Value:
        """See `Writer`."""
        shape = self.constant(np.array([0, channels, height, width], np.int64))
        return self.node("Reshape", [images, shape], name)

    def floats(self, images: Value) -> Value:
        """See `Writer`."""
        return self.node("Cast", [images], to=1)  # TensorProto.FLOAT

    def mean(self, values: Value) -> Value:
        """See `Writer`."""
        axes = self.constant(np.array([1, 2, 3], np.int64))
        return self.node("ReduceMean", [values, axes], keepdims=1)

    def root(self, values: Value) -> Value:
        """See `Writer`."""
        return self.node("Sqrt", [values])

    def named(self, values: Value, name: str) -> Value:
        """See `Writer`."""
        return self.node("Identity", [values], name)

    def _padded(self, images: Value, edges: tuple[Value, ...], mode: str) -> Value:
        pads = self._together(*edges)
        axes = self.constant(np.array([2, 3], np.int64))
        return self.node("Pad", [images, pads, "", axes], mode=mode)

    def _together(self, *lengths: Value) -> Value:
        """Lengths as one tensor; a constant if they are known."""
        if all(length in self._numbers for length in lengths):
            return self.constant(np.array([self._numbers[each] for each in lengths], np.int64))
        return self.node("Concat", list(lengths), axis=0)
