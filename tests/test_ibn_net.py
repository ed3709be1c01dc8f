from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.instance_norm import InstanceBatchNorm, InstanceNorm
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.registry import create_model
from overfit import sgd, steps_to_learn
from parity import randomised, worst

EPS = 1e-5


def on_meta(name: str, **arguments: Any) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, **arguments)


def random_instance_norms(model: nn.Module) -> None:
    torch.manual_seed(4)
    for module in model.modules():
        if isinstance(module, InstanceNorm) and module.affine:
            nn.init.uniform_(module.weight, 0.3, 0.7)
            nn.init.uniform_(module.bias, -0.1, 0.1)


class Written:
    """Sec. 3.2, Fig. 3 and the authors' choice of units in functional calls, weights in order."""

    def __init__(self, model: nn.Module, kind: str, groups: int = 1, excited: bool = False) -> None:
        self.values = iter(model.state_dict().values())
        self.kind, self.groups, self.excited = kind, groups, excited

    def conv(self, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
        w = next(self.values)
        return F.conv2d(x, w, stride=stride, padding=w.shape[2] // 2, groups=groups)

    def batch_norm(self, x: Tensor) -> Tensor:
        scale, offset, mean, variance, _ = (next(self.values) for _ in range(5))
        return F.batch_norm(x, mean, variance, scale, offset)

    def instance_norm(self, x: Tensor) -> Tensor:
        scale, offset = next(self.values), next(self.values)
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
        y = (x - mean) / (variance + EPS).sqrt()
        return y * scale[:, None, None] + offset[:, None, None]

    def ibn(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return torch.cat([self.instance_norm(x[:, :half]), self.batch_norm(x[:, half:])], 1)

    def residual(self, x: Tensor, stride: int, mixed: bool, bottleneck: bool) -> Tensor:
        first = self.ibn if mixed else self.batch_norm
        if not bottleneck:
            y = first(self.conv(x, stride)).relu()
            return self.batch_norm(self.conv(y))
        y = first(self.conv(x)).relu()
        y = self.batch_norm(self.conv(y, stride, self.groups)).relu()
        y = self.batch_norm(self.conv(y))
        if self.excited:
            squeezed = y.mean((2, 3))
            hidden = (squeezed @ next(self.values).flatten(1).T).relu()
            y = y * torch.sigmoid(hidden @ next(self.values).flatten(1).T)[:, :, None, None]
        return y

    def logits(self, x: Tensor, units: tuple[int, ...], bottleneck: bool) -> Tensor:
        stem_norm = self.instance_norm if self.kind == "b" else self.batch_norm
        x = F.max_pool2d(stem_norm(self.conv(x, 2)).relu(), 3, 2, 1)
        for number, count in enumerate(units):
            for unit in range(count):
                stride = 2 if number and not unit else 1
                mixed = self.kind == "a" and number < 3
                y = self.residual(x, stride, mixed, bottleneck)
                projected = not unit and (bottleneck or number > 0)
                y = y + (self.batch_norm(self.conv(x, stride)) if projected else x)
                if self.kind == "b" and number < 2 and unit == count - 1:
                    y = self.instance_norm(y)
                x = y.relu()
        out = x.mean((2, 3)) @ next(self.values).T + next(self.values)
        assert next(self.values, None) is None
        return out


@pytest.mark.parametrize(
    ("name", "units", "bottleneck", "more"),
    [
        ("resnet18_ibn_a", (2, 2, 2, 2), False, {}),
        ("resnet50_ibn_a", (3, 4, 6, 3), True, {}),
        ("resnet50_ibn_b", (3, 4, 6, 3), True, {}),
        ("resnext101_ibn_a", (2, 2, 3, 2), True, {"groups": 32}),
        ("se_resnet101_ibn_a", (2, 2, 3, 2), True, {"excited": True}),
    ],
)
def test_logits_are_those_of_the_network_written_out(
    name: str, units: tuple[int, ...], bottleneck: bool, more: dict[str, Any]
) -> None:
    ours = randomised(name, units=units)
    random_instance_norms(ours)
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        expected = Written(ours, name[-1], **more).logits(x, units, bottleneck)
        assert worst(ours(x), expected) < 1e-10


@pytest.mark.parametrize(
    "name", ["resnet18_ibn_a", "resnet50_ibn_a", "resnext101_ibn_a", "se_resnet101_ibn_a"]
)
def test_instance_norm_is_in_the_first_norm_of_units_of_the_first_three_stages_alone(
    name: str,
) -> None:
    model = on_meta(name)
    mixed = [n for n, part in model.named_modules() if isinstance(part, InstanceBatchNorm)]
    wanted = [
        f"stages.{i}.{j}.residual.1.0"
        for i in range(3)
        for j, _ in enumerate(model.get_submodule(f"stages.{i}").children())
    ]
    assert mixed == wanted
    for place in mixed:
        halves = model.get_submodule(place).children()
        widths = {half.get_parameter("weight").numel() for half in halves}
        assert len(widths) == 1


def test_ibn_b_normalises_the_stem_and_two_sums_by_instance() -> None:
    model = on_meta("resnet50_ibn_b")
    found = [n for n, part in model.named_modules() if isinstance(part, InstanceNorm)]
    assert found == ["stem.1.0", "stages.0.2.act.0", "stages.1.3.act.0"]


def test_densenet_mixes_every_third_layers_first_norm_with_batch_norm_first() -> None:
    """The authors' code: i % 3 == 0 from 0, three blocks, 40 % instance norm behind."""
    model = on_meta("densenet121_ibn_a")
    mixed = {n: part for n, part in model.named_modules() if isinstance(part, InstanceBatchNorm)}
    wanted = [
        f"stages.{i}.{j}.read.0.0"
        for i, count in enumerate((6, 12, 24))
        for j in range(1, count + 1, 3)
    ]
    assert list(mixed) == wanted
    first = mixed["stages.0.4.read.0.0"]  # reads 64 + 3 * 32 maps
    assert isinstance(first.first, nn.BatchNorm2d)
    assert isinstance(first.last, InstanceNorm)
    assert (first.first.num_features, first.last.num_features) == (96, 64)


def test_blocks_of_squeeze_and_excitation_have_no_biases() -> None:
    blocks = [m for m in on_meta("se_resnet101_ibn_a").modules() if isinstance(m, SqueezeExcite)]
    assert len(blocks) == 33
    assert all(name.endswith("weight") for block in blocks for name, _ in block.named_parameters())


def test_shallow_features_forget_half_of_a_change_of_contrast() -> None:
    """Sec. 1: IN "filters out" appearance. In a unit of IBN-a half the inner maps never see it."""
    unit = create_model("resnet50_ibn_a").double().eval().stages[1].get_submodule("1")
    first, norm = list(unit.get_submodule("residual").children())[:2]
    x = 1e3 * torch.randn(2, 512, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        before, after = norm(first(x)), norm(first(2 * x))
    torch.testing.assert_close(after[:, :64], before[:, :64], rtol=0, atol=1e-6)
    torch.testing.assert_close(after[:, 64:], 2 * before[:, 64:])


def test_the_other_half_is_whatever_norm_the_network_is_built_with() -> None:
    model = on_meta("resnet18_ibn_a", norm="group")
    mixed = [part for part in model.modules() if isinstance(part, InstanceBatchNorm)]
    assert {type(part.last) for part in mixed} == {nn.GroupNorm}
    dense = on_meta("densenet121_ibn_a", norm="layer")
    mixed = [part for part in dense.modules() if isinstance(part, InstanceBatchNorm)]
    assert {type(part.first) for part in mixed} == {nn.GroupNorm}


@pytest.mark.parametrize(("name", "least"), [("resnet18_ibn_a", 17), ("resnet50_ibn_b", 9)])
def test_images_that_leave_one_pixel_to_normalise_are_too_small(name: str, least: int) -> None:
    model = create_model(name, num_classes=2).eval()
    assert model(torch.zeros(1, 3, least, least)).shape == (1, 2)
    with pytest.raises(BadArgument, match=f"needs at least {least}x{least}"):
        model(torch.zeros(1, 3, least - 1, least))
    model.least_size = 1
    with pytest.raises(BadArgument, match="a map of 1x1"):
        model(torch.zeros(1, 3, least - 1, least - 1))


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(BadArgument, match="kind is 'c'; expected one of a, b"):
        on_meta("resnet50_ibn_a", kind="c")


@pytest.mark.parametrize("kind", ["a", "b"])
def test_eight_real_images_are_overfitted(kind: str) -> None:
    torch.manual_seed(0)
    model = create_model("resnet18_ibn_a", units=(1, 1, 1, 1), kind=kind, num_classes=10)
    assert 0 < steps_to_learn(model, sgd(0.02), 64) < 200
