"""Nodes of an OpenVINO graph, opset 13."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument
from cladenet.export.graph.writer import Value, Writer

BINARY = {
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "Mod": "mod",
    "Min": "minimum",
    "Max": "maximum",
}
SIDES = (2, 3)


class OpenVinoWriter(Writer):
    """Makes nodes; what they give are values."""

    def __init__(self) -> None:
        from openvino import opset13

        self._ops: Any = opset13

    def constant(self, values: NDArray[Any]) -> Value:
        """See `Writer`."""
        return self._ops.constant(np.ascontiguousarray(values))

    def planes(self, images: Value) -> Value:
        """See `Writer`."""
        return self._ops.transpose(images, self.constant(np.array([0, 3, 1, 2])))

    def size(self, images: Value) -> tuple[Value, Value]:
        """See `Writer`."""
        shape = self._ops.shape_of(images, "i64")
        axis = self.constant(np.array(0))
        height, width = (
            self._ops.gather(shape, self.constant(np.array([side])), axis) for side in SIDES
        )
        return height, width

    def binary(self, operation: str, a: Value, b: Value) -> Value:
        """See `Writer`."""
        return getattr(self._ops, BINARY[operation])(a, b)

    def in_proportion(self, length: Value, longest: Value, side: int) -> Value:
        """See `Writer`: OpenVINO computes no float64."""
        raise BadArgument(
            "fit is border, whose sizes OpenVINO does not round as in training; export with "
            "--input tensor, or --format onnx"
        )

    def resized(self, images: Value, height: Value, width: Value, interpolation: str) -> Value:
        """See `Writer`; halves are rounded up as in Pillow, where OpenVINO takes even levels."""
        values = self._ops.interpolate(
            self.floats(images),
            self._ops.concat([height, width], 0),
            f"{interpolation}_pillow",
            "sizes",
            axes=self.constant(np.array(SIDES)),
            cube_coeff=-0.5,
        )
        up = self._ops.floor(self.add(values, self.constant(np.array(0.5, np.float32))))
        return self._ops.convert(self._ops.clamp(up, 0.0, 255.0), "u8")

    def window(self, images: Value, top: Value, left: Value, height: Value, width: Value) -> Value:
        """See `Writer`."""
        starts = self._ops.concat([top, left], 0)
        ends = self._ops.concat([self.add(top, height), self.add(left, width)], 0)
        ones, axes = self.constant(np.array([1, 1])), self.constant(np.array(SIDES))
        return self._ops.slice(images, starts, ends, ones, axes)

    def bordered(self, images: Value, edges: tuple[Value, Value, Value, Value]) -> Value:
        """See `Writer`."""
        none = self.constant(np.array([0, 0]))
        before = self._ops.concat([none, edges[0], edges[1]], 0)
        after = self._ops.concat([none, edges[2], edges[3]], 0)
        return self._ops.pad(images, before, after, "edge")

    def on_colour(
        self,
        images: Value,
        edges: tuple[Value, Value, Value, Value],
        colour: NDArray[np.uint8],
    ) -> Value:
        """See `Writer`; no fit that gets here has sizes that are known."""
        raise NotImplementedError

    def shaped(self, images: Value, channels: int, height: int, width: int, name: str) -> Value:
        """See `Writer`."""
        shape = self.constant(np.array([0, channels, height, width]))
        return self.named(self._ops.reshape(images, shape, special_zero=True), name)

    def floats(self, images: Value) -> Value:
        """See `Writer`."""
        return self._ops.convert(images, "f32")

    def mean(self, values: Value) -> Value:
        """See `Writer`."""
        return self._ops.reduce_mean(values, self.constant(np.array([1, 2, 3])), keep_dims=True)

    def root(self, values: Value) -> Value:
        """See `Writer`."""
        return self._ops.sqrt(values)

    def named(self, values: Value, name: str) -> Value:
        """See `Writer`."""
        values.output(0).set_names({name})
        values.set_friendly_name(name)
        return values
