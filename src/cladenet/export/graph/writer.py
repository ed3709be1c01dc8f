"""The operations that preprocessing needs of a graph; one class for each kind of graph."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Value = Any  # a tensor of the graph: its name in ONNX, an output of a node in OpenVINO


class Writer(ABC):
    """Adds nodes to a graph. Lengths are int64 tensors of one element; images are (N, C, H, W)."""

    @abstractmethod
    def constant(self, values: NDArray[Any]) -> Value:
        """Fixed values."""

    @abstractmethod
    def planes(self, images: Value) -> Value:
        """(N, H, W, C) -> (N, C, H, W)."""

    @abstractmethod
    def size(self, images: Value) -> tuple[Value, Value]:
        """Height and width."""

    @abstractmethod
    def binary(self, operation: str, a: Value, b: Value) -> Value:
        """`Add`, `Sub`, `Mul`, `Div` (whole numbers: rounded down), `Mod`, `Min` or `Max`."""

    @abstractmethod
    def in_proportion(self, length: Value, longest: Value, side: int) -> Value:
        """max(1, round(length / (longest / side))), the quotients in float64."""

    @abstractmethod
    def resized(self, images: Value, height: Value, width: Value, interpolation: str) -> Value:
        """Resampled as Pillow does, one of the two sides changing; uint8."""

    @abstractmethod
    def window(self, images: Value, top: Value, left: Value, height: Value, width: Value) -> Value:
        """`height` rows from `top` on, `width` columns from `left` on."""

    @abstractmethod
    def bordered(self, images: Value, edges: tuple[Value, Value, Value, Value]) -> Value:
        """With copies of its outermost pixels: so many above, left, below and right."""

    @abstractmethod
    def on_colour(
        self,
        images: Value,
        edges: tuple[Value, Value, Value, Value],
        colour: NDArray[np.uint8],
    ) -> Value:
        """With so many pixels of a colour above, left, below and right."""

    @abstractmethod
    def shaped(self, images: Value, channels: int, height: int, width: int, name: str) -> Value:
        """The same images, called `name`; an error when the file runs if their size is another."""

    @abstractmethod
    def floats(self, images: Value) -> Value:
        """As float32."""

    @abstractmethod
    def mean(self, values: Value) -> Value:
        """(N, C, H, W) -> (N, 1, 1, 1)."""

    @abstractmethod
    def root(self, values: Value) -> Value:
        """Square roots."""

    @abstractmethod
    def named(self, values: Value, name: str) -> Value:
        """The same values, called `name`."""

    def number(self, value: int) -> Value:
        """A fixed length."""
        return self.constant(np.array([value], np.int64))

    def add(self, a: Value, b: Value) -> Value:
        """a + b."""
        return self.binary("Add", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        """a - b."""
        return self.binary("Sub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """a b."""
        return self.binary("Mul", a, b)

    def div(self, a: Value, b: Value) -> Value:
        """a / b, of whole numbers rounded down."""
        return self.binary("Div", a, b)
