"""`norm="group"`: one word for any network, in Python, on the command line, in checkpoints."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cladenet
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.instance_norm import InstanceBatchNorm, InstanceNorm
from cladenet.layers.norm import NoNorm
from cladenet.registry import create_model, find
from cladenet.surgery.cosine_norm import CosineConv2d
from cladenet.surgery.normalisation import NORMALISATIONS
from cladenet.surgery.weight_norm import (
    MeanOnlyBatchNorm,
    WeightNormConv2d,
    initialise_from_data,
    weight_normalised,
)
from cladenet.training.sync_norm import share_statistics
from overfit import adam, eight_digits, sgd, steps_to_learn
from trials import at_step, check_refusal, child, final_state, resumed, small_run, warm

KINDS: dict[str, type[nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": nn.GroupNorm,
    "instance": InstanceNorm,
    "group": nn.GroupNorm,
    "ibn": InstanceBatchNorm,
    "weight": WeightNormConv2d,
    "weight_mean_only": MeanOnlyBatchNorm,
    "cosine": CosineConv2d,
    "none": NoNorm,
}
# One network of each build, small; and one of each further family.
BUILDS: dict[str, dict[str, Any]] = {
    "resnet20_cifar": {"depth": 8},
    "preact_resnet164_cifar": {"depth": 20},
    "wrn_16_4_cifar": {"depth": 10, "width": 1},
    "densenet_40_12_cifar": {"depth": 13},
    "vgg_cifar": {},
}
FAMILIES = {
    "googlenet": 224, "inception_v4": 96, "inception_resnet_v1": 96, "xception_cifar": 32,
    "mobilenet_v1_x0_25": 96, "mnasnet_small": 96, "shufflenet_v2_x0_5": 96, "igcv3_d_x1_0": 96,
    "efficientnet_b0": 96, "dpn68": 96, "resnext29_8x64d_cifar": 32, "seresnet50": 64,
    "resnet18_ibn_a": 64, "densenet121_ibn_a": 64, "nin_mnist": 28,
}  # fmt: skip


def small(norm: object, **overrides: Any) -> Classifier:
    torch.manual_seed(0)
    return create_model("resnet20_cifar", depth=8, norm=norm, **overrides)


def count(model: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in model.modules())


def test_every_name_has_a_layer() -> None:
    assert list(NORMALISATIONS) == list(KINDS)


def check(name: str, norm: str, side: int, **overrides: Any) -> None:
    with torch.device("meta"):
        model = create_model(name, norm=norm, **overrides).eval()
        plain = create_model(name, norm="batch", **overrides)
    logits = model(torch.empty(2, model.in_channels, side, side, device="meta"))
    assert isinstance(logits, Tensor)
    assert logits.shape == (2, model.num_classes)
    places, convolutions = count(plain, nn.BatchNorm2d), count(plain, nn.Conv2d)
    if norm in ("weight", "cosine"):  # all convolutions but those that excite, or give logits
        assert places - 1 <= count(model, KINDS[norm]) <= convolutions
    else:
        assert count(model, KINDS[norm]) == places
    if norm not in ("batch", "ibn"):
        assert count(model, nn.BatchNorm2d) == 0


@pytest.mark.parametrize("name", list(BUILDS))
@pytest.mark.parametrize("norm", list(KINDS))
def test_networks_of_every_build_take_every_norm(name: str, norm: str) -> None:
    check(name, norm, 32, **BUILDS[name])
    with torch.device("meta"):
        plain, model = (create_model(name, norm=n, **BUILDS[name]) for n in ("batch", norm))
    if norm in ("weight", "cosine"):
        assert count(model, KINDS[norm]) == count(plain, nn.Conv2d)


@pytest.mark.parametrize(("name", "side"), FAMILIES.items())
@pytest.mark.parametrize("norm", ["group", "cosine"])
def test_every_family_takes_a_norm_by_name(name: str, side: int, norm: str) -> None:
    check(name, norm, side)


def test_groups_are_those_of_the_name() -> None:
    groups = {
        name: {part.num_groups for part in small(name).modules() if isinstance(part, nn.GroupNorm)}
        for name in ("layer", "group")
    }
    assert groups == {"layer": {1}, "group": {8, 16, 32}}


def test_batch_leaves_a_family_the_constants_of_its_paper() -> None:
    with torch.device("meta"):
        own, named = create_model("inception_v3"), create_model("inception_v3", norm="batch")
        vgg = create_model("vgg11", norm="batch")
    constants = {
        (part.eps, part.momentum)
        for model in (own, named)
        for part in model.modules()
        if isinstance(part, nn.BatchNorm2d)
    }
    assert constants == {(1e-3, 0.1)}
    assert count(vgg, nn.BatchNorm2d) == 8


def test_a_constructor_goes_on_as_before() -> None:
    model = small(lambda channels: nn.GroupNorm(2, channels))
    assert {part.num_groups for part in model.modules() if isinstance(part, nn.GroupNorm)} == {2}
    with torch.device("meta"):
        assert count(create_model("vgg11", norm=None), NoNorm) == 0


@pytest.mark.parametrize(
    ("norm", "message"),
    [
        ("grop", r"norm is 'grop'; nearest: group. expected one of batch, layer, .*, none$"),
        ("Batch", r"norm is 'Batch'; nearest: batch"),
        ("zzz", r"norm is 'zzz'; expected one of batch, layer, instance, group, ibn, weight, "),
        (3, "norm is 3; expected one of"),
        (False, "norm is False; expected one of"),
        (None, "norm is None; .*expected one of"),
    ],
)
def test_a_norm_that_is_none_is_answered_with_the_names_there_are(
    norm: object, message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        small(norm)


@pytest.mark.parametrize(("name", "norms"), [("alexnet", 5), ("lenet5_relu", 2), ("zfnet", 5)])
def test_a_network_without_norms_gets_one_after_each_convolution(name: str, norms: int) -> None:
    model = create_model(name, norm="batch")
    modules = list(model.modules())
    pairs = [m for m in modules if isinstance(m, nn.Sequential) and len(m) == 2]
    found = [m for m in pairs if isinstance(m[0], nn.Conv2d) and isinstance(m[1], nn.BatchNorm2d)]
    assert len(found) == norms
    assert sum(isinstance(m, nn.Conv2d) for m in modules) == norms
    assert not any(isinstance(m, nn.LocalResponseNorm) for m in modules)
    seen: dict[nn.Module, Tensor] = {}
    for m in found:
        m[1].register_forward_hook(lambda own, _, out: seen.update({own: out.clone()}))
    model.train()(torch.randn(4, *find(name).input) * 7 + 3)
    for out in seen.values():
        torch.testing.assert_close(out.std((0, 2, 3)), torch.ones(out.shape[1]), rtol=0.1, atol=0)
    assert len(seen) == norms


def test_a_constructor_will_do_and_gates_are_left_alone() -> None:
    model = create_model("highway19_cifar10", norm=nn.BatchNorm2d)
    names = [name for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert names
    assert not any(".gate." in name for name in names)
    plain = create_model("alexnet_cifar", norm=None).state_dict()
    assert list(plain) == list(create_model("alexnet_cifar", norm="none").state_dict())


@pytest.mark.parametrize("name", ["vit_ti_16", "highway_fc10_mnist"])
def test_a_network_with_no_place_for_a_norm_of_maps_says_so(name: str) -> None:
    with torch.device("meta"), pytest.raises(BadArgument, match="has no place for a norm of maps"):
        create_model(name, norm="group")


def test_without_a_norm_the_shortcut_of_a_preactivation_unit_keeps_what_is_negative() -> None:
    """Eq. (4) there: x_L = x_l + sum of F; an activation in place of x would cut it off."""
    model = create_model("preact_resnet164_cifar", depth=20, norm="none")
    unit = model.stages[1].get_submodule("1")
    last = list(unit.get_submodule("residual").children())[-1]
    nn.init.zeros_(last.get_parameter("weight"))
    x = torch.randn(2, 128, 8, 8)
    torch.testing.assert_close(unit(x.clone()), x, rtol=0, atol=0)


# At 0.02 weight normalisation is at the edge: the order of a processor's sums decides.
STEPS = {"none": sgd(0.005), "weight": sgd(0.005), "cosine": adam(0.01)}


@pytest.mark.parametrize("norm", list(KINDS))
def test_eight_real_images_are_overfitted_with_each(norm: str) -> None:
    model = small(norm)
    if weight_normalised(model):
        initialise_from_data(model, eight_digits(3, 32)[0])
    assert 0 < steps_to_learn(model, STEPS.get(norm, sgd(0.02)), 32) < 200


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


def words(run: Path, data: Path, norm: str, *more: str) -> list[str]:
    return small_run(
        run, data, "network=resnet20_cifar", "model.depth=8", f"model.norm={norm}", "size=16", *more
    )


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("norm", ["group", "weight", "weight_mean_only", "cosine"])
def test_a_run_with_a_named_norm_is_resumed_evaluated_and_fine_tuned(
    norm: str, data: Path, tmp_path: Path
) -> None:
    """The name travels as JSON; a run that is killed on its way ends as the undisturbed one."""
    whole, cut, output = tmp_path / "whole", tmp_path / "cut", tmp_path / "output"
    assert child(words(whole, data, norm), output).status == 0
    assert child(words(cut, data, norm), output, at_step(5, die)).status == -signal.SIGKILL
    assert child(resumed(cut), output).status == 0
    assert final_state(cut) == final_state(whole)

    card = json.loads((whole / "checkpoints" / "best" / "card.json").read_text())
    assert card["arguments"]["norm"] == norm
    assert count(cladenet.load(whole).model, KINDS[norm]) > 5
    assert child(["evaluate", str(whole), "--device", "cpu"], output).status == 0
    tuned = words(tmp_path / "tuned", data, norm, "epochs=1")
    assert child([*tuned, "--weights", str(whole)], output).status == 0


def test_a_killed_run_that_had_saved_nothing_takes_the_same_first_batch_again(
    data: Path, tmp_path: Path
) -> None:
    whole, cut, output = tmp_path / "whole", tmp_path / "cut", tmp_path / "output"
    assert child(words(whole, data, "weight"), output).status == 0
    assert child(words(cut, data, "weight"), output, at_step(1, die)).status == -signal.SIGKILL
    assert child(resumed(cut), output).status == 0
    assert final_state(cut) == final_state(whole)


def test_scales_come_from_the_first_batch_and_the_run_says_so(data: Path, tmp_path: Path) -> None:
    """With a rate of 0 the weights stay as they started: outputs of variance 1 on that batch."""
    output = tmp_path / "output"
    still = [*words(tmp_path / "run", data, "weight", "lr=0", "epochs=1", "ema=0", "batch_size=40")]
    still.remove("--quiet")
    outcome = child(still, output)
    assert outcome.status == 0, outcome
    assert "the scales of 7 weight-normalised convolutions come from the first 32" in outcome.text
    model = cladenet.load(tmp_path / "run").model
    for layer in weight_normalised(model):
        assert not torch.allclose(layer.scale, layer.weight.flatten(1).norm(dim=1), rtol=0.1)


def test_a_name_that_is_none_ends_a_command_with_the_list(data: Path, tmp_path: Path) -> None:
    outcome = child(words(tmp_path / "run", data, "grop"), tmp_path / "output")
    check_refusal(outcome, 2, "norm is 'grop'; nearest: group. expected one of batch, layer")
    assert not (tmp_path / "run").exists()


def test_means_that_stay_with_each_process_are_refused_where_all_are_to_be_shared() -> None:
    with pytest.raises(BadArgument, match="sync_bn is on, and the means of a mean-only"):
        share_statistics(small("weight_mean_only"), torch.device("cpu"))
