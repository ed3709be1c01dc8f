"""What a pass is made of, against what the modules' code says."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.layer_table import layer_table
from cladenet.analysis.recording import recording
from cladenet.registry import create_model


class Mixed(nn.Module):
    """A pool, a grouped convolution and products that are no layers, between two that are."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 4, 1)
        self.weight = nn.Parameter(torch.ones(4, 2, 3, 3))
        self.last = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        y = F.conv2d(F.avg_pool2d(x, 2), self.weight, stride=(2, 1), padding=1, groups=2)
        left, right = y.flatten(2).unflatten(2, (-1, y.shape[3])).chunk(2, dim=1)
        y = torch.cat([left, right], 1)
        y *= 1 - torch.sigmoid(y)
        return self.last(y)


def test_functions_between_layers_are_steps_and_reshaping_is_none() -> None:
    model, images = Mixed(), torch.zeros(2, 4, 8, 8)
    with recording(model, images) as seen:
        model(images)
    assert [step.kind for step in seen.steps] == [
        "Conv2d", "avg_pool2d", "conv2d", "split", "cat", "sigmoid", "sub", "mul", "Conv2d",
    ]  # fmt: skip
    assert [step.reads for step in seen.steps] == [
        (-1,), (0,), (1,), (2,), (3, 3), (4,), (5,), (4, 6), (7,),
    ]  # fmt: skip
    pool, conv = seen.steps[1].window, seen.steps[2].window
    assert pool is not None
    assert conv is not None
    assert (pool.kernel, pool.stride) == ((2, 2), (2, 2))
    assert (conv.kernel, conv.stride, conv.groups) == ((3, 3), (2, 1), 2)
    assert seen.steps[2].out_shape == (4, 2, 4)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_what_is_computed_outside_layers_has_its_cost() -> None:
    """By hand: 4 maps of 2x4 from 2 maps in windows of 3x3."""
    (row,) = (row for row in layer_table(Mixed(), (4, 8, 8)) if row.kind == "conv2d")
    assert (row.macs, row.params, row.memory) == (4 * 2 * 4 * 18, 0, 4 * 4 * 2 * 4)


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("resnet50", "add", 16),
        ("googlenet", "cat", 9),
        ("densenet121", "cat", 58 + 4),  # a stack before each layer, one at each block's end
        ("shufflenet_v2_x1_0", "split", 13),
        ("vit_ti_16", "add", 24),
        ("seresnet50", "mul", 16),
        ("nasnet_a_mobile", "cat", 12 + 2 + 2 + 4),  # of cells, and of halved inputs
    ],
)
def test_sums_products_and_stacks_are_as_many_as_the_papers_draw(
    name: str, kind: str, count: int
) -> None:
    with torch.device("meta"):
        model = create_model(name)
    size = 64 if name != "vit_ti_16" else 224
    assert sum(row.kind == kind for row in layer_table(model, (3, size, size))) == count


def test_spans_are_the_steps_of_a_module() -> None:
    model, images = create_model("resnet20_cifar").eval(), torch.zeros(1, 3, 32, 32)
    with recording(model, images) as seen, torch.no_grad():
        model(images)
    first, end = seen.spans["stages.1.0"]
    assert [step.kind for step in seen.steps[first:end]] == [
        "Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ZeroPad", "add", "ReLU",
    ]  # fmt: skip
    add = seen.steps[end - 2]
    assert add.name == "stages.1.0"
    assert add.reads == (first + 4, first + 5)
    assert seen.steps[first].reads == seen.steps[first + 5].reads
