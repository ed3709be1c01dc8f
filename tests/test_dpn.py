from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.dpn import DPN, Bottleneck, DualPathStage, DualPathUnit, FirstUnit
from cladenet.registry import create_model
from cladenet.surgery.features import FeatureMaps
from cladenet.vision import torchvision
from overfit import sgd, steps_to_learn
from parity import from_timm, randomised, wear, worst

SIZE = (2, 3, 64, 64)
SMALL = partial(
    DPN,
    units=(2, 1, 1, 1),
    inc=(4, 4, 4, 4),
    inner=8,
    groups=4,
    stem_width=6,
    width=16,
    num_classes=5,
)


@pytest.mark.parametrize(
    "name",
    ["dpn68", *(pytest.param(f"dpn{d}", marks=pytest.mark.slow) for d in (92, 98, 131, 107))],
)
def test_logits_and_maps_are_those_of_timm(name: str) -> None:
    ours, images = randomised(name), torch.randn(SIZE, dtype=torch.float64)
    theirs = wear(from_timm(name), ours)
    with torch.no_grad():
        maps = ours.forward_features(images)
        assert worst(ours.head[0](maps), theirs.forward_features(images)) < 1e-10
        assert worst(ours(images), theirs(images)) < 1e-10


def test_features_only_is_timms() -> None:
    ours, images = randomised("dpn68"), torch.randn(SIZE, dtype=torch.float64)
    mine = FeatureMaps(ours)
    theirs = wear(from_timm("dpn68", features_only=True), nn.Sequential(ours.stem, ours.stages))
    with torch.no_grad():
        for map_of_ours, map_of_theirs in zip(mine(images), theirs(images), strict=True):
            assert worst(map_of_ours, map_of_theirs) < 1e-10
    assert mine.feature_info.channels() == theirs.feature_info.channels()
    assert mine.feature_info.reduction() == theirs.feature_info.reduction()


def test_timms_dpn68b_is_dpn68_with_the_last_1x1_of_each_unit_in_two() -> None:
    ours, images = randomised("dpn68"), torch.randn(SIZE, dtype=torch.float64)
    theirs = from_timm("dpn68b")
    tensors: list[Tensor] = []
    for name, tensor in ours.state_dict().items():
        unit, last, _ = name.partition(".residual.5.weight")
        if last:
            tensors += tensor.split(cast(DualPathUnit | FirstUnit, ours.get_submodule(unit)).parts)
        else:
            tensors.append(tensor)
    given = zip(theirs.state_dict().items(), tensors, strict=True)
    theirs.load_state_dict({key: t.view(o.shape) for (key, o), t in given}, assign=True)
    with torch.no_grad():
        assert worst(ours(images), theirs.eval()(images)) < 1e-10


def test_mean_max_pooling_is_timms_test_time_pooling() -> None:
    """Last maps of 8x10: 2 x 4 windows of 7x7."""
    ours = randomised("dpn68", mean_max=True)
    theirs = wear(from_timm("dpn68"), ours)
    torchvision()
    from timm.layers import TestTimePoolHead

    images = torch.randn(1, 3, 256, 320, dtype=torch.float64)
    with torch.no_grad():
        logits = ours(images)
        plain = ours.head(ours.forward_features(images))
        assert worst(logits, TestTimePoolHead(theirs, original_pool=7)(images)) < 1e-10
    assert not torch.allclose(logits, plain, rtol=0.01)


@pytest.mark.parametrize(
    ("size", "training"), [((224, 224), False), (SIZE[2:], False), ((256, 256), True)]
)
def test_mean_max_pooling_is_for_larger_images_in_evaluation_mode(
    size: tuple[int, int], training: bool
) -> None:
    torch.manual_seed(0)
    plain = SMALL().train(training)
    mean_max = SMALL(mean_max=True).train(training)
    mean_max.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, *size)
    torch.testing.assert_close(mean_max(images), plain(images))


def resnext_unit(x: Tensor, unit: DualPathUnit) -> Tensor:
    """Pre-activated, as a sum over its branches: arXiv:1611.05431, Eq. (3) and Fig. 3(a)."""
    residual: Any = unit.residual
    first, reduce, second, grouped, third, expand = residual
    width, groups = x.shape[1], grouped.groups
    each = reduce.out_channels // groups

    def norm_relu(x: Tensor, layer: Any, channels: slice) -> Tensor:
        norm = layer[0]
        parts = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        mean, variance, scale, offset = (part[channels] for part in parts)
        return F.relu(F.batch_norm(x, mean, variance, scale, offset, eps=norm.eps))

    y = x
    activated = norm_relu(x, first, slice(width))
    for branch in range(groups):
        own = slice(branch * each, (branch + 1) * each)
        z = F.conv2d(activated, reduce.weight[own, :width])
        z = F.conv2d(norm_relu(z, second, own), grouped.weight[own], padding=1)
        y = y + F.conv2d(norm_relu(z, third, own), expand.weight[:width, own])
    return y


def unit_of(inner: int = 8) -> tuple[DualPathUnit, Tensor, Tensor]:
    torch.manual_seed(0)
    f = partial(Bottleneck, inner=inner, groups=4, norm=nn.BatchNorm2d)
    unit = DualPathUnit(16, 6, 3, f).double()
    for module in unit.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(values, 0.5, 1.5)  # type: ignore[arg-type]
    res, dense = torch.randn(2, 22, 5, 5, dtype=torch.float64).split([16, 6], 1)
    return unit.eval(), res, dense


def test_the_residual_path_alone_is_a_resnext() -> None:
    """Sec. 3.2: with the dense path cut, the sum over G branches of a pre-activated ResNeXt."""
    unit, res, dense = unit_of()
    with torch.no_grad():
        assert not torch.allclose(unit(res, dense)[0], resnext_unit(res, unit))
        unit.residual.get_parameter("1.weight")[:, 16:] = 0
        torch.testing.assert_close(unit(res, dense)[0], resnext_unit(res, unit))


def test_the_dense_path_alone_is_a_densenet() -> None:
    """What is there stays as it is, inc maps are appended; they see the residual path too."""
    unit, res, dense = unit_of()
    grown = unit(res, dense)[1]
    assert torch.equal(grown[:, :6], dense)
    assert grown.shape[1] == 6 + 3
    res, dense = res.requires_grad_(), dense.requires_grad_()
    for gradient in torch.autograd.grad(unit(res, dense)[1][:, 6:].sum(), (res, dense)):
        assert gradient.abs().max() > 0


def test_the_residual_path_keeps_its_width_and_the_dense_path_grows_by_inc() -> None:
    """DPN-92, by hand: 256 wide and 16 a unit, 512 and 32, 1024 and 24, 2048 and 128."""
    with torch.device("meta"):
        model = create_model("dpn92")
    found: list[list[tuple[int, int]]] = []
    for stage in cast(Iterable[DualPathStage], model.stages):
        found.append([])
        first = cast(FirstUnit, stage[0])
        for unit in stage:
            unit.register_forward_hook(
                lambda _unit, _paths, out: found[-1].append((out[0].shape[1], out[1].shape[1]))
            )
        reads = first.project.get_parameter("1.weight").shape[1]
        stage(torch.empty(1, reads, 8, 8, device="meta"))
    sizes = ((256, 16, 3), (512, 32, 4), (1024, 24, 20), (2048, 128, 3))
    for paths, (width, inc, n) in zip(found, sizes, strict=True):
        assert [res for res, _ in paths] == [width] * n
        assert paths[0][1] == 3 * inc
        assert all(after - before == inc for (_, before), (_, after) in pairwise(paths))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"units": (3, 4, 20)}, r"units is \(3, 4, 20\); expected four numbers, each 1 or more"),
        ({"inc": (16, 0, 24, 128)}, r"inc is \(16, 0, 24, 128\); expected four numbers"),
        ({"groups": 0}, "groups is 0; expected 1 or more"),
        ({"inner": 100}, "inner is 100; expected a multiple of 32, the groups"),
    ],
)
def test_impossible_arguments_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model("dpn92", **overrides)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("dpn68", {"units": (1, 1, 2, 1)}),
        pytest.param("dpn68", {}, marks=pytest.mark.slow),
    ],
)
def test_eight_real_images_are_overfitted(name: str, overrides: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10, **overrides)
    assert 0 < steps_to_learn(model, sgd(0.02), 64) < 200
