"""IGCNet, IGCV2's block and IGCV3: dense kernels as products of sparse ones."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.interleaved import StructuredSparseConv, composed_kernel, interleaved_conv
from cladenet.registry import create_model
from overfit import sgd, steps_to_learn
from parity import randomised, worst


def on_meta(name: str, **overrides: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **overrides)


def test_a_pair_of_interleaved_convolutions_is_one_dense_structured_one() -> None:
    """V1, Sec. 3: their product, convolved with the image, is what the pair gives."""
    torch.manual_seed(0)
    pair = interleaved_conv(12, 12, primary=3).double()
    dense = composed_kernel(pair, 12)
    x = torch.randn(2, 12, 9, 9, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(pair(x), F.conv2d(x, dense, padding=1), rtol=1e-12, atol=1e-12)
    # every output channel sees every input channel, through exactly one channel of its group
    assert (dense.abs().amax((2, 3)) > 0).all()
    pointwise: Any = pair[2]
    for out in range(12):
        # permuted back, channel `out` lies in partition out // 4 and is member out % 4 of it
        weights = pointwise.weight[(out % 4) * 3 + out // 4].flatten()
        for source in range(12):
            kernel = dense[out, source]
            middle = (source // 4) * 4 + out % 4
            primary: Any = pair[0]
            expected = weights[source // 4] * primary.weight[middle, source % 4]
            torch.testing.assert_close(kernel, expected, rtol=1e-12, atol=1e-12)


def test_the_sparse_pair_has_far_fewer_weights_than_the_dense_kernel_it_makes() -> None:
    """V1, Sec. 3.2: L M^2 9 + M L^2 against (L M)^2 9."""
    pair = interleaved_conv(48, 48, primary=24)
    assert sum(p.numel() for p in pair.parameters()) == 24 * 2**2 * 9 + 2 * 24**2
    assert composed_kernel(pair, 48).numel() == 48**2 * 9


def paths(layers: nn.Module, channels: int) -> Tensor:
    """How many paths lead from each input channel to each output channel: all weights are 1."""
    for parameter in layers.parameters():
        nn.init.ones_(parameter)
    return composed_kernel(layers.double(), channels)[:, :, 1, 1].detach()


@pytest.mark.parametrize(("channels", "group_size"), [(16, 4), (27, 3), (64, 8), (64, 4)])
def test_one_path_leads_from_every_channel_to_every_other(channels: int, group_size: int) -> None:
    """V2, the complementary condition: no zero in the product, and no two ways."""
    assert torch.equal(
        paths(StructuredSparseConv(channels, group_size), channels),
        torch.ones(channels, channels, dtype=torch.float64),
    )


def test_every_group_of_a_structured_sparse_convolution_is_as_large() -> None:
    """V2, the balance condition."""
    layers = StructuredSparseConv(64, 4)
    pointwise = [m for m in layers if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    assert [(m.groups, m.weight.shape[1]) for m in pointwise] == [(16, 4)] * 3


def test_channels_that_no_power_reaches_are_refused() -> None:
    with pytest.raises(BadArgument, match="channels is 48; expected a power of the group size 4"):
        StructuredSparseConv(48, 4)
    with pytest.raises(BadArgument, match="primary is 5; expected a number that divides 12 and 24"):
        interleaved_conv(12, 24, primary=5)


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Written out: output a * groups + b is input b * (C / groups) + a."""
    per_group = x.shape[1] // groups
    return x[:, [b * per_group + a for a in range(per_group) for b in range(groups)]]


def igcnet_by_the_paper(images: Tensor, state: dict[str, Tensor], primary: int) -> Tensor:
    """The residual CIFAR network of depth 20 as plain functions, reading our tensors in order."""
    values = iter(value for key, value in state.items() if "num_batches" not in key)

    def norm(x: Tensor) -> Tensor:
        weight, bias, mean, var = (next(values) for _ in range(4))
        return F.batch_norm(x, mean, var, weight, bias, eps=2e-5)

    def igc(x: Tensor, stride: int = 1) -> Tensor:
        x = F.conv2d(x, next(values), stride=stride, padding=1, groups=primary)
        secondary = x.shape[1] // primary
        x = F.conv2d(shuffled(x, primary), next(values), groups=secondary)
        return shuffled(x, secondary)

    x = F.relu(norm(F.conv2d(images, next(values), padding=1)))
    for stage in range(3):
        for unit in range(3):
            stride = 2 if stage > 0 and unit == 0 else 1
            f = norm(igc(F.relu(norm(igc(x, stride)))))
            if stride == 2:
                x = norm(F.conv2d(x, next(values), stride=2, groups=primary))
            x = F.relu(x + f)
    return x.mean((2, 3)) @ next(values).T + next(values)


def test_logits_are_those_of_the_papers_block_as_functions() -> None:
    ours = randomised("igcv1_l24m2_d20_ident_cifar")
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), igcnet_by_the_paper(images, ours.state_dict(), 24)) < 1e-10


def test_width_doubles_by_m_but_in_l100m2_by_l() -> None:
    def groups(name: str) -> list[tuple[int, int]]:
        convs = [stage[1].residual[0] for stage in on_meta(name).stages]
        return [(conv[0].groups, conv[2].groups) for conv in convs]

    assert groups("igcv1_l4m32_ident") == [(4, 32), (4, 64), (4, 128), (4, 256)]
    assert groups("igcv1_l100m2_ident") == [(100, 2), (200, 2), (400, 2), (800, 2)]


def test_a_silent_residual_unit_is_the_rectified_identity_and_a_plain_one_is_zero() -> None:
    x = torch.randn(2, 48, 8, 8)
    for name, expected in (("_ident", x.relu()), ("", torch.zeros_like(x))):
        unit: Any = create_model(f"igcv1_l24m2_d20{name}_cifar").stages[0]
        unit = unit[1]
        nn.init.zeros_(unit.residual[-1].weight)
        assert torch.equal(unit(x), expected)


def igcv3_unit_by_the_paper(x: Tensor, state: dict[str, Tensor], adds: bool) -> Tensor:
    values = iter(value for key, value in state.items() if "num_batches" not in key)

    def conv(x: Tensor, **options: Any) -> Tensor:
        x = F.conv2d(x, next(values), **options)
        weight, bias, mean, var = (next(values) for _ in range(4))
        return F.batch_norm(x, mean, var, weight, bias)

    f = shuffled(conv(x, groups=2), 2)
    f = F.relu6(conv(f, padding=1, groups=f.shape[1]))
    f = conv(f, groups=2)
    return x + f if adds else f


def test_igcv3s_unit_is_the_papers_figure_as_functions() -> None:
    ours: Any = randomised("igcv3_d_x1_0_cifar")
    unit = ours.stages[2][1]
    x = torch.randn(2, 32, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        assert worst(unit(x), igcv3_unit_by_the_paper(x, unit.state_dict(), adds=True)) < 1e-12


def test_igcv3_spends_what_the_groups_save_on_twice_the_units() -> None:
    """Table of the paper: IGCV3-D has as many parameters as MobileNetV2, and twice its blocks."""
    deep, v2 = on_meta("igcv3_d_x1_0"), on_meta("mobilenet_v2_x1_0")
    units = [[len(stage) for stage in net.stages] for net in (deep, v2)]
    assert units == [[1, 4, 6, 8, 6, 6, 1], [1, 2, 3, 4, 3, 3, 1]]
    sizes = [sum(p.numel() for p in net.parameters()) for net in (deep, v2)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.005)


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("igcv1_l24m2_d20_cifar", {"depth": 21}, r"depth is 21; expected 6n \+ 2"),
        ("igcv3_d_x1_0", {"width": 0}, "width is 0; expected a number above 0"),
    ],
)
def test_impossible_arguments_are_refused(
    name: str, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model(name, **overrides)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("igcv1_l24m2_d20_ident_cifar", {}),
        pytest.param(
            *("igcv3_d_x1_0_cifar", {"width": 0.5, "num_classes": 10}), marks=pytest.mark.slow
        ),
    ],
)
def test_eight_real_images_are_overfitted(name: str, overrides: dict[str, Any]) -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model(name, **overrides), sgd(0.02), size=16) < 200
