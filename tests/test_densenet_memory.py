"""`memory_efficient`: the same numbers of a step from less than a quarter of the memory."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.methods.checkpointing import checkpoint_activations
from cladenet.layers.norm import group_norm
from cladenet.models.densenet import DenseNet, DenseNetCifar
from cladenet.surgery.excited import add_squeeze_excite

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from densenet_memory import bytes_kept

SMALL = partial(DenseNet, layers=(3, 2, 2, 2), growth_rate=8, num_classes=5)


def step(model: nn.Module, images: Tensor, precision: str = "fp32") -> dict[str, Tensor]:
    """Gradients and running statistics after one step."""
    torch.manual_seed(1)  # of dropout
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        out = model(images)
    F.cross_entropy(out.to(images.dtype), torch.arange(len(images)) % 5).backward()
    gradients = {f"d {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {"out": out.detach(), **gradients, **dict(model.named_buffers())}


def both(build: Callable[..., Any]) -> tuple[Any, Any]:
    """The plain form and the one that keeps little, of the same weights."""
    plain, efficient = build(), build(memory_efficient=True)
    efficient.load_state_dict(plain.state_dict())
    return plain, efficient


@pytest.mark.parametrize(
    "build",
    [
        SMALL,
        partial(SMALL, drop_rate=0.3),
        partial(SMALL, norm=partial(group_norm, groups=4)),
        partial(DenseNetCifar, depth=16, growth_rate=8, bottleneck=True, num_classes=5),
        partial(DenseNetCifar, depth=10, growth_rate=8, num_classes=5),
    ],
)
def test_gradients_and_statistics_are_those_of_the_plain_form(build: Callable[..., Any]) -> None:
    plain, efficient = both(build)
    images = torch.randn(3, 3, 40, 40, dtype=torch.float64)
    expected, found = step(plain.double(), images), step(efficient.double(), images)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_in_either_precision_the_bits_are_the_same(
    precision: str, layout: torch.memory_format
) -> None:
    plain, efficient = (model.to(memory_format=layout) for model in both(SMALL))
    images = torch.randn(4, 3, 64, 64).contiguous(memory_format=layout)
    expected, found = step(plain, images, precision), step(efficient, images, precision)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("every", ["block", "stage"])
def test_it_goes_with_checkpoints_and_with_squeeze_and_excitation(every: Any) -> None:
    plain, efficient = both(SMALL)
    torch.manual_seed(2)
    add_squeeze_excite(plain)
    add_squeeze_excite(efficient)
    efficient.load_state_dict(plain.state_dict())
    checkpoint_activations(efficient, every)
    images = torch.randn(4, 3, 64, 64)
    expected, found = step(plain, images), step(efficient, images)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_densenet121_keeps_less_than_a_quarter_of_the_bytes() -> None:
    build = partial(DenseNet, (6, 12, 24, 16))
    plain, efficient = (bytes_kept(model, torch.randn(2, 3, 64, 64)) for model in both(build))
    assert 0 < efficient < 0.25 * plain
