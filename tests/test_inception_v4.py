from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cladenet.analysis.layer_table import layer_table
from cladenet.layers.branches import Branches
from cladenet.models.inception import reduction_a, stem_v4
from cladenet.models.inception_v4 import reduction_b
from cladenet.registry import create_model, find
from overfit import quick_norm, sgd, steps_to_learn
from parity import from_timm, randomised, wear, worst


def test_logits_and_maps_are_those_of_timm() -> None:
    ours = randomised("inception_v4")
    theirs = wear(from_timm("inception_v4"), ours)
    images = torch.randn(2, 3, 107, 107, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs(images)) < 1e-10
        maps = ours.forward_features(images)
        assert worst(maps, theirs.forward_features(images)) < 1e-10
        hidden = ours.forward_head(maps, pre_logits=True)
        assert worst(hidden, theirs.forward_head(maps, pre_logits=True)) < 1e-10


def test_grids_are_those_of_the_figures() -> None:
    """Fig. 3 and 9: 147, 71, 35, 17 and 8 pixels a side from 299."""
    with torch.device("meta"):
        maps = create_model("inception_v4", features_only=True).eval()(torch.empty(1, 3, 299, 299))
    sides = [(147, 64), (71, 192), (35, 384), (17, 1024), (8, 1536)]
    assert [tuple(m.shape) for m in maps] == [(1, width, side, side) for side, width in sides]


def test_modules_of_one_grid_are_of_one_kind() -> None:
    """Sec. 3.1: "uniform choices for the Inception blocks for each grid size", 4, 7 and 3 of them;
    the first module at 17x17 and at 8x8 is the reduction."""
    with torch.device("meta"):
        model: Any = create_model("inception_v4")
    for stage, reductions, count in zip(model.stages, (0, 1, 1), (4, 7, 3), strict=True):
        shapes = [[p.shape for p in module.parameters()] for module in stage]
        assert len(shapes) == reductions + count
        assert all(shape == shapes[-1] for shape in shapes[reductions:])
        assert all(shape != shapes[-1] for shape in shapes[:reductions])


def test_no_path_goes_around_a_module() -> None:
    """ "Pure" Inception: silence all convolutions of one module and nothing passes; the residual
    networks of the same paper would pass their input on."""
    model: Any = create_model("inception_v4", num_classes=3).eval()
    module = model.stages[1][3]
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.zeros_(norm.weight)
        nn.init.zeros_(norm.bias)
    assert module(torch.randn(1, 1024, 3, 3)).abs().max() == 0


@pytest.mark.parametrize(
    ("module", "channels"),
    [
        (reduction_a(384, 192, 224, 256, 384, nn.BatchNorm2d), 384),
        (reduction_b(nn.BatchNorm2d), 1024),
    ],
    ids=["A", "B"],
)
def test_a_grid_is_reduced_without_a_bottleneck(module: nn.Module, channels: int) -> None:
    """Fig. 7 and 8: the pool passes all maps on, beside convolutions that read the full grid."""
    maps = torch.randn(1, channels, 17, 17)
    out = module.eval()(maps)
    torch.testing.assert_close(out[:, -channels:], F.max_pool2d(maps, 3, 2), rtol=0, atol=0)
    assert out.shape[1] > channels
    table = [row for row in layer_table(module, (channels, 17, 17)) if row.kind == "Conv2d"]
    assert all(row.in_shape[1:] == (17, 17) for row in table)


def test_the_stem_shrinks_with_a_pool_beside_a_convolution() -> None:
    """Fig. 3: 64 maps and 96 at 73x73, 96 and 96 at 71x71, 192 and 192 at 35x35."""
    with torch.device("meta"):
        stem = stem_v4(3, nn.BatchNorm2d)
        x = torch.empty(1, 3, 299, 299)
        outputs = []
        for layer in stem:
            if isinstance(layer, Branches):
                outputs.append([tuple(branch(x).shape[1:]) for branch in layer.children()])
            x = layer(x)
    assert outputs == [
        [(64, 73, 73), (96, 73, 73)],
        [(96, 71, 71), (96, 71, 71)],
        [(192, 35, 35), (192, 35, 35)],
    ]


def test_it_costs_twice_what_v3_costs() -> None:
    ratio = find("inception_v4").macs / find("inception_v3").macs
    assert ratio == pytest.approx(2, abs=0.2)


@pytest.mark.slow
def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = create_model("inception_v4", num_classes=10, norm=quick_norm)
    assert 0 < steps_to_learn(model, sgd(0.001), 107) < 200
