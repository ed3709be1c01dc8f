"""Networks as their authors released them, where no Python library has them: the layer lists.

Each reference is written in functional calls from the released definition that it names, and takes
the weights of ours. Weights, images and biases are large enough that every ReLU is shut somewhere;
sizes are odd and even, so that windows that hang over an edge do.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.vit import resize_positions
from cladenet.registry import create_model
from parity import randomised, worst


def layers(module: nn.Module) -> Iterator[Any]:
    """What holds weights, in the order of definition."""
    return (m for m in module.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.Linear))


def with_biases(model: Any) -> Any:
    """Biases of convolutions and norms up to 2, so that where there is nothing to see counts."""
    for layer in layers(model):
        if layer.bias is not None:
            nn.init.uniform_(layer.bias, -2, 2)
    return model


def conv(x: Tensor, layer: Any, stride: int = 1, pad: int = 0, groups: int = 1) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias, stride, pad, groups=groups)


def norm(x: Tensor, layer: Any, eps: float = 1e-5) -> Tensor:
    values = layer.running_mean, layer.running_var, layer.weight, layer.bias
    return F.batch_norm(x, *values, eps=eps)


def caffe_pool(x: Tensor) -> Tensor:
    """Pooling MAX, kernel_size 3, stride 2: no pad, and Caffe rounds up."""
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


@pytest.mark.parametrize("name", ["alexnet_caffe", "caffenet"])
def test_caffes_alexnets(name: str) -> None:
    """BVLC/caffe, models/bvlc_alexnet and bvlc_reference_caffenet, train_val.prototxt.

    LRN is Caffe's: local_size 5, alpha 1e-4 over the size, beta 0.75, k 1 by default.
    """
    ours: Any = with_biases(randomised(name, input_size=67, num_classes=9))
    x = images = 50 * torch.randn(2, 3, 67, 67, dtype=torch.float64)
    left = layers(ours)

    def lrn_and_pool(x: Tensor) -> Tensor:
        if name == "caffenet":
            return F.local_response_norm(caffe_pool(x), 5, 1e-4, 0.75, 1.0)
        return caffe_pool(F.local_response_norm(x, 5, 1e-4, 0.75, 1.0))

    x = lrn_and_pool(F.relu(conv(x, next(left), stride=4)))
    x = lrn_and_pool(F.relu(conv(x, next(left), pad=2, groups=2)))
    x = F.relu(conv(x, next(left), pad=1))
    x = F.relu(conv(x, next(left), pad=1, groups=2))
    x = caffe_pool(F.relu(conv(x, next(left), pad=1, groups=2))).flatten(1)
    for linear in left:
        x = F.linear(F.relu(x), linear.weight, linear.bias)
    with torch.no_grad():
        assert worst(ours(images), x) < 1e-12


def test_caffes_alexnets_are_made_for_227_pixels() -> None:
    with torch.device("meta"):
        assert create_model("bvlc_alexnet").input_size == 227
        model: Any = create_model("caffenet")
        assert model.head[1].weight.shape == (4096, 256 * 6 * 6)


@pytest.mark.parametrize(
    ("name", "biases"),
    [
        ("alexnet_caffe", [0, 0.1, 0, 0.1, 0.1, 0.1, 0.1, 0]),
        ("caffenet", [0, 1, 0, 1, 1, 1, 1, 0]),
    ],
)
def test_caffes_fillers(name: str, biases: list[float]) -> None:
    torch.manual_seed(0)
    found = list(layers(create_model(name, input_size=67)))
    assert [layer.bias.unique().tolist() for layer in found] == [[pytest.approx(b)] for b in biases]
    deviations = [layer.weight.std().item() for layer in found]
    assert deviations == pytest.approx([0.01] * 5 + [0.005] * 2 + [0.01], rel=0.03)


def test_without_padding_four_pixels_more_are_needed() -> None:
    with pytest.raises(BadArgument, match="input_size is 66; AlexNet needs at least 67"):
        create_model("alexnet_caffe", input_size=66)


def test_lrns_window_is_odd() -> None:
    with pytest.raises(BadArgument, match="lrn_size is 4; expected an odd number"):
        create_model("alexnet", lrn_size=4)


@pytest.mark.parametrize("size", [64, 95])
def test_squeezenet_1_0(size: int) -> None:
    """forresti/SqueezeNet, SqueezeNet_v1.0/train_val.prototxt: conv10 has kernel 1 and pad 1."""
    ours = with_biases(randomised("squeezenet1_0", released=True))
    images = torch.randn(3, 3, size, size, dtype=torch.float64)
    left = layers(ours)
    x = caffe_pool(F.relu(conv(images, next(left), stride=2)))
    for number in range(2, 10):
        squeezed = F.relu(conv(x, next(left)))
        x = F.relu(torch.cat([conv(squeezed, next(left)), conv(squeezed, next(left), pad=1)], 1))
        if number in (4, 8):
            x = caffe_pool(x)
    expected = F.relu(conv(x, next(left), pad=1)).mean((2, 3))
    with torch.no_grad():
        assert worst(ours(images), expected) < 1e-12
        ours.padding = 0
        ours.head[-1].maps[0].padding = (0, 0)
        other = ours(images)  # torchvision's: other answers, same weights
    assert not torch.allclose(other, expected, rtol=0.01)


def test_squeezenet_1_1_pads_nothing_released_or_not() -> None:
    with torch.device("meta"):
        one, other = (create_model("squeezenet1_1", released=released) for released in (0, 1))
    assert str(one) == str(other)


@pytest.mark.parametrize("size", [64, 75])
def test_caffes_resnet_50(size: int) -> None:
    """KaimingHe/deep-residual-networks, prototxt/ResNet-50-deploy.prototxt: pool1 has no pad."""
    ours: Any = with_biases(randomised("resnet50", units=(2, 1, 2, 1), released=True))
    images = torch.randn(3, 3, size, size, dtype=torch.float64)
    stem = layers(ours.stem)
    x = caffe_pool(F.relu(norm(conv(images, next(stem), 2, 3), next(stem))))
    for i, stage in enumerate(ours.stages):
        for j, unit in enumerate(stage):
            stride = 2 if i and not j else 1
            left, right = layers(unit.residual), layers(unit.shortcut)
            y = F.relu(norm(conv(x, next(left), stride), next(left)))
            y = F.relu(norm(conv(y, next(left), pad=1), next(left)))
            y = norm(conv(y, next(left)), next(left))
            x = F.relu(y + (x if j else norm(conv(x, next(right), stride), next(right))))
    last = ours.head[-1]
    expected = F.linear(x.mean((2, 3)), last.weight, last.bias)
    with torch.no_grad():
        assert worst(ours(images), expected) < 1e-12


def shuffled(x: Tensor) -> tuple[Tensor, Tensor]:
    """blocks.py, `channel_shuffle`: the even channels, and the odd ones."""
    n, channels, height, width = x.shape
    pairs = x.reshape(n * channels // 2, 2, height * width).permute(1, 0, 2)
    even, odd = pairs.reshape(2, -1, channels // 2, height, width)
    return even, odd


@pytest.mark.parametrize("name", ["x0_5", "x1_0", "x2_0"])
def test_megviis_shufflenet_v2(name: str) -> None:
    """megvii-model/ShuffleNet-Series, ShuffleNetV2/{network,blocks}.py; no bias at the end."""
    ours: Any = randomised(f"shufflenet_v2_{name}", released=True, num_classes=20)
    images = 3 * torch.randn(2, 3, 65, 65, dtype=torch.float64)

    def main(x: Tensor, branch: nn.Module, stride: int) -> Tensor:
        left = layers(branch)
        x = F.relu(norm(conv(x, next(left)), next(left)))
        depthwise = next(left)
        x = norm(conv(x, depthwise, stride, 1, depthwise.groups), next(left))
        return F.relu(norm(conv(x, next(left)), next(left)))

    stem = layers(ours.stem)
    x = F.max_pool2d(F.relu(norm(conv(images, next(stem), 2, 1), next(stem))), 3, 2, 1)
    for stage in ours.stages:
        for j, unit in enumerate(stage):
            if j:
                passed, seen = shuffled(x)
                x = torch.cat([passed, main(seen, unit.branch, 1)], 1)
                continue
            left = layers(unit.shortcut)
            proj = norm(conv(x, next(left), 2, 1, x.shape[1]), next(left))
            proj = F.relu(norm(conv(proj, next(left)), next(left)))
            assert proj.shape[1] == x.shape[1]  # the width of what it reads
            x = torch.cat([proj, main(x, unit.branch, 2)], 1)
    head = layers(ours.head)
    x = F.relu(norm(conv(x, next(head)), next(head)))
    last = ours.head[-1]
    nn.init.zeros_(last.bias)
    with torch.no_grad():
        assert worst(ours(images), x.mean((2, 3)) @ last.weight.T) < 1e-12
    assert ours.stages[0][0].shortcut[2].out_channels == 24


def test_megviis_shufflenet_v2_has_the_size_that_was_counted() -> None:
    with torch.device("meta"):
        model = create_model("shufflenet_v2_x1_0", released=True)
    theirs = 2_278_760  # of network.py, built and counted
    assert sum(p.numel() for p in model.parameters()) == theirs + 1000  # the last layer's bias
    with pytest.raises(BadArgument, match="choose a wider first stage"):
        create_model("shufflenet_v2_x0_5", released=True, channels=(24, 48, 96))


def reorder(x: Tensor, branch_factor: int) -> Tensor:
    """src/reorder-inl.h: channels as (branch_factor, others), the two axes exchanged."""
    n, channels, height, width = x.shape
    split = x.reshape(n, branch_factor, channels // branch_factor, height, width)
    return split.transpose(1, 2).reshape(x.shape)


@pytest.mark.parametrize(("primary", "secondary"), [(4, 2), (3, 4)])
def test_igcnets_residual_form(primary: int, secondary: int) -> None:
    """hellozting/InterleavedGroupConvolutions, network/resnet_igc.py; `kin / primary_partition`."""
    ours: Any = randomised(
        "igcv1_l24m2_d20_ident_cifar",
        primary=primary,
        secondary=secondary,
        depth=14,
        released=True,
    )
    images = torch.randn(3, 3, 17, 17, dtype=torch.float64)

    def igc(x: Tensor, left: Iterator[Any], stride: int, groups: int) -> Tensor:
        x = reorder(conv(x, next(left), stride, 1, primary), primary)
        x = reorder(conv(x, next(left), groups=groups), groups)
        return norm(x, next(left), 2e-5)

    stem = layers(ours.stem)
    x = F.relu(norm(conv(images, next(stem), 1, 1), next(stem), 2e-5))
    for i, stage in enumerate(ours.stages):
        for j, unit in enumerate(stage):
            kin, stride = x.shape[1], 2 if i and not j else 1
            left, right = layers(unit.residual), layers(unit.shortcut)
            y = F.relu(igc(x, left, stride, kin // primary))
            y = igc(y, left, 1, y.shape[1] // primary)
            if stride == 2:
                x = norm(conv(x, next(right), 2, 0, primary), next(right), 2e-5)
            x = F.relu(x + y)
    last = ours.head[-1]
    expected = F.linear(x.mean((2, 3)), last.weight, last.bias)
    with torch.no_grad():
        assert worst(ours(images), expected) < 1e-12


def test_igcnets_other_form_is_for_residual_units() -> None:
    with pytest.raises(BadArgument, match="differs from the paper with ident=True alone"):
        create_model("igcv1_l24m2_d20_cifar", released=True)


def zoomed(maps: np.ndarray[Any, Any], sides: tuple[int, int]) -> np.ndarray[Any, Any]:
    """scipy.ndimage.zoom(maps, ..., order=1) over both axes: corners stay, lines between."""
    for axis, side in enumerate(sides):
        old = maps.shape[axis]
        places = np.linspace(0, old - 1, side)

        def line(values: Any, at: Any = places, old: int = old) -> Any:
            return np.interp(at, np.arange(old), values)

        maps = np.apply_along_axis(line, axis, maps)
    return maps


@pytest.mark.parametrize("grid", [(9, 9), (5, 3), (7, 7), (14, 21)])
def test_positions_go_to_another_size_as_the_flax_code_takes_them(grid: tuple[int, int]) -> None:
    """google-research/vision_transformer, vit_jax/checkpoint.py, `load_pretrained`."""
    positions = torch.randn(1, 1 + 7 * 7, 5, dtype=torch.float64)
    found = resize_positions(positions, grid, linear=True)
    expected = zoomed(positions[0, 1:].unflatten(0, (7, 7)).numpy(), grid)
    assert found[:, 0].equal(positions[:, 0])
    difference = found[0, 1:].unflatten(0, grid).numpy() - expected
    assert np.abs(difference).max() < 1e-12


def test_the_flax_codes_gelu_is_the_one_by_tanh() -> None:
    """flax.linen.gelu, approximate=True by default: Hendrycks, Gimpel, arXiv:1606.08415, Sec. 2."""
    exact, released = (
        next(
            m for m in create_model("vit_ti_16", depth=1, released=by_tanh).modules() if is_gelu(m)
        )
        for by_tanh in (False, True)
    )
    x = torch.linspace(-5, 5, 41, dtype=torch.float64)
    by_hand = 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    torch.testing.assert_close(released(x), by_hand)
    assert 1e-4 < (exact(x) - by_hand).abs().max() < 1e-3


def is_gelu(module: nn.Module) -> bool:
    return isinstance(module, nn.GELU)
