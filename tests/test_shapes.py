"""Shapes known at once on the meta device are those that torch gives with values."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.shapes import QuickShapes, at_once

aten = torch.ops.aten
MAP = (2, 8, 11, 9)
LAYERS: dict[str, nn.Module] = {
    "convolution": nn.Conv2d(8, 6, (3, 2), (2, 1), (0, 3), (1, 2), groups=2),
    "padded": nn.Conv2d(8, 6, (2, 3), padding="same", dilation=2),
    "transposed": nn.ConvTranspose2d(8, 4, 3, stride=2, output_padding=1),
    "batch norm": nn.BatchNorm2d(8),
    "layer norm": nn.LayerNorm((11, 9)),
    "ReLU": nn.ReLU(),
    "ReLU in place": nn.ReLU(inplace=True),
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "hard swish": nn.Hardswish(inplace=True),
    "SiLU": nn.SiLU(inplace=True),
    "hard sigmoid": nn.Hardsigmoid(),
    "sigmoid": nn.Sigmoid(),
    "GELU": nn.GELU(),
    "tanh": nn.Tanh(),
    "average": nn.AdaptiveAvgPool2d(1),
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(8 * 11 * 9, 5)),
    "linear without a bias": nn.Sequential(nn.Flatten(), nn.Linear(8 * 11 * 9, 5, bias=False)),
}
CODE: dict[str, Callable[[Tensor], Any]] = {
    "sum": lambda x: x + x,
    "product": lambda x: x * x.mean((2, 3), keepdim=True),
    "product from the left": lambda x: x.mean((2, 3), keepdim=True) * x,
    "product with a row": lambda x: x * x[0, 0, 0],
    "sum with a number": lambda x: x + 1,
    "sum with others": lambda x: x + x.to(torch.float64),
    "turned": lambda x: x.transpose(2, 3) + x.transpose(2, 3),
    "turned and spread": lambda x: x.transpose(1, 2) * x[:, :1, :, :].transpose(1, 2),
    "stacked": lambda x: torch.cat([x, x[:, :3].contiguous(), x], 1),
    "stacked below": lambda x: torch.cat((x, x), -2),
    "stacked parts": lambda x: torch.cat(x.chunk(3, 1)[::-1], 1),
    "stacked tokens": lambda x: torch.cat([x.flatten(2), x.flatten(2)[:, :1]], 1),
    "channels last": lambda x: F.relu(x.to(memory_format=torch.channels_last)),
    "mean of all": lambda x: x.mean(),
    "mean of rows": lambda x: x.mean(-1),
    "mean of channels": lambda x: x.mean(1, keepdim=True),
    "mean of doubles": lambda x: x.mean((2, 3), dtype=torch.float64),
    "mean of turned": lambda x: x.transpose(1, 2).mean((2, 3), keepdim=True),
    "whole numbers": lambda x: torch.sigmoid(x.long()),
}


def traits(x: Tensor) -> tuple[Any, ...]:
    return x.shape, x.stride(), x.dtype


@pytest.mark.parametrize("what", [*LAYERS, *CODE])
def test_shapes_types_and_order_in_memory_are_torchs(what: str) -> None:
    with torch.no_grad():
        model = LAYERS[what].eval() if what in LAYERS else None
        given = model(torch.zeros(MAP)) if model else CODE[what](torch.zeros(MAP))
        on_meta = model.to("meta") if model else CODE[what]
        with QuickShapes():
            known = on_meta(torch.zeros(MAP, device="meta"))
    assert known.is_meta
    assert traits(known) == traits(given)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Conv2d(3, 4, 5), (1, 3, 4, 9)),
        (nn.Conv2d(3, 4, 5, stride=3), (1, 3, 9, 2)),
        (nn.Conv2d(3, 4, 1), (1, 2, 9, 9)),
        (nn.Linear(3, 4), (2, 5)),
    ],
)
def test_what_does_not_fit_is_refused_as_torch_refuses_it(
    model: nn.Module, shape: tuple[int, ...]
) -> None:
    with pytest.raises(RuntimeError):
        model(torch.zeros(shape))
    with QuickShapes(), pytest.raises(RuntimeError):
        model.to("meta")(torch.zeros(shape, device="meta"))


def test_maps_that_do_not_fit_are_not_stacked() -> None:
    maps = [torch.zeros(1, 2, size, 5, device="meta") for size in (4, 3)]
    with QuickShapes(), pytest.raises(RuntimeError):
        torch.cat(maps, 1)


def test_activations_in_place_share_memory_and_others_do_not() -> None:
    x = torch.zeros(MAP, device="meta")
    with QuickShapes():
        assert F.relu(x, inplace=True).untyped_storage()._cdata == x.untyped_storage()._cdata
        assert F.relu(x).untyped_storage()._cdata != x.untyped_storage()._cdata


def test_values_are_computed_as_ever() -> None:
    x = torch.full(MAP, -1.0)
    with QuickShapes():
        assert F.relu(x).abs().max() == 0
    assert at_once(aten.relu.default, (x,), {}) is None
