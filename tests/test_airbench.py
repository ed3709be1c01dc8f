"""airbench94: its beginning from data, its course, and the recipes that are made for it."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cladenet
from cladenet.cli import main
from cladenet.data.augment.draws import permutation
from cladenet.errors import BadArgument
from cladenet.models.airbench import Airbench
from cladenet.models.whitening import WhiteningConv2d, whitening_layers
from cladenet.recipes import RECIPES
from cladenet.recipes.schedule import lr_at
from cladenet.registry import create_model, find
from cladenet.training.learner import Learner
from cladenet.training.sync_norm import share_statistics
from cladenet.world import World
from forking import finished, start, wait
from overfit import sgd, steps_to_learn


def whitening(model: nn.Module) -> WhiteningConv2d:
    """Its first convolution."""
    (layer,) = whitening_layers(model)
    return layer


def second_moments(outputs: Tensor) -> Tensor:
    """Mean of y y^T over images and places, (channels, channels)."""
    flat = outputs.double().permute(1, 0, 2, 3).flatten(1)
    return flat @ flat.T / flat.shape[1]


@pytest.mark.parametrize("kernel_size", [2, 3])
def test_whitened_patches_of_real_images_have_the_identity_for_second_moments(
    kernel_size: int, real_data: Path
) -> None:
    """Where images vary; a direction of variance l comes out with l / (l + eps)."""
    train = cladenet.open_dataset(f"cifar10:{real_data}").train
    pixels = np.stack([train.images.read(index) for index in range(256)])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    images = (images - images.mean((0, 2, 3), keepdim=True)) / images.std((0, 2, 3), keepdim=True)
    layer = WhiteningConv2d(3, kernel_size)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    half = layer.out_channels // 2
    layer.fit(images)
    after = second_moments(layer(images))
    patches = F.unfold(images.double(), kernel_size).transpose(1, 2).flatten(0, 1)
    spread = torch.linalg.eigvalsh(patches.T @ patches / len(patches)).flip(0)
    expected = torch.diag(spread / (spread + 5e-4))
    torch.testing.assert_close(after[:half, :half], expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(after[half:, :half], -expected, rtol=1e-3, atol=1e-3)
    varied = spread > 100 * 5e-4
    assert varied.sum() >= half // 3
    identity = torch.eye(int(varied.sum()), dtype=torch.float64)
    whitened = after[:half, :half][varied][:, varied]
    torch.testing.assert_close(whitened, identity, rtol=0, atol=0.01)


def test_the_filters_do_not_depend_on_signs_or_on_how_the_images_are_cut_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    images = torch.randn(40, 3, 16, 16).cumsum(2)
    whole, parts = WhiteningConv2d(3, 2), WhiteningConv2d(3, 2)
    whole.fit(images)
    monkeypatch.setattr("cladenet.models.whitening.MOST_VALUES", 10_000)
    parts.fit(images)
    torch.testing.assert_close(whole.weight, parts.weight)
    largest = whole.weight[:12].flatten(1)
    assert (largest.gather(1, largest.abs().argmax(1, keepdim=True)) > 0).all()


def test_convolutions_begin_by_handing_their_channels_on() -> None:
    torch.manual_seed(0)
    model = create_model("airbench94_slim")
    for stage in model.stages:
        convs = [m for m in stage.children() if isinstance(m, nn.Conv2d)]
        for conv in convs:
            images = torch.randn(2, conv.in_channels, 9, 9)
            given = conv(images)[:, : conv.in_channels]
            torch.testing.assert_close(given, images[:, : given.shape[1]])
            assert conv.weight[conv.in_channels :].numel() == 0 or bool(
                (conv.weight[conv.in_channels :] != 0).all()
            )


def test_the_head_reads_the_maximum_and_starts_a_ninth_as_large_as_torchs() -> None:
    model = create_model("airbench94_slim").eval()
    maps = torch.randn(2, 128, 3, 3)
    weight = model.get_parameter("head.2.weight")
    torch.testing.assert_close(model.head(maps), F.max_pool2d(maps, 3).flatten(1) @ weight.T)
    assert 0.9 < weight.abs().max() * 9 * 128**0.5 <= 1


def test_a_ninth_of_the_weights_at_an_81st_of_the_rate_is_the_logits_times_a_ninth() -> None:
    """The code's head and ours, step by step, with decay and momentum."""
    torch.manual_seed(0)
    recipe = RECIPES["airbench94"]
    model = create_model("airbench94_slim")
    learner = Learner(model, recipe, World())
    ours = model.get_parameter("head.2.weight")
    theirs = nn.Parameter(9 * ours.detach())
    decay, momentum = recipe.weight_decay, recipe.momentum
    sgd = torch.optim.SGD([theirs], 1.5, momentum=momentum, nesterov=True, weight_decay=decay)
    for group in learner.optimizer.param_groups:
        group["lr"] = 1.5 * group["scale"]
    for _ in range(3):
        features, labels = torch.randn(16, 128), torch.arange(16) % 10
        F.cross_entropy(features @ ours.T, labels).backward()
        F.cross_entropy(features @ theirs.T / 9, labels).backward()
        learner.step()
        sgd.step()
        sgd.zero_grad()
        torch.testing.assert_close(9 * ours, theirs, rtol=1e-4, atol=1e-5)


def test_what_is_fixed_is_known_to_no_optimizer_and_saved_with_the_network() -> None:
    model = create_model("airbench94")
    fixed = {"stem.0.weight", *(f"stages.{i}.{j}.weight" for i in range(3) for j in (2, 5))}
    learned = {name for name, _ in model.named_parameters()}
    assert fixed <= set(model.state_dict()) - learned
    assert sum(p.numel() for p in model.parameters()) == find("airbench94").params


def test_the_bias_of_the_first_convolution_is_learned_in_three_tenths_of_the_run() -> None:
    layer = whitening(create_model("airbench94"))
    learned = []
    for step in range(10):
        layer.at_progress(step / 10)
        learned.append(layer.get_parameter("bias").requires_grad)
    assert learned == [True] * 3 + [False] * 7


def test_a_bias_that_is_no_longer_learned_stays_where_it_is() -> None:
    model = create_model("airbench94_slim")
    learner = Learner(model, RECIPES["airbench94"], World())
    for group in learner.optimizer.param_groups:
        group["lr"] = 0.1 * group["scale"]
    layer = whitening(model)
    bias = model.get_parameter("stem.0.bias")
    images, labels = torch.randn(8, 3, 32, 32), torch.arange(8)
    kept = []
    for progress in (0.0, 0.2, 0.3, 0.6):
        layer.at_progress(progress)
        F.cross_entropy(learner.net(images), labels).backward()
        learner.step()
        kept.append(bias.detach().clone())
    assert not torch.equal(kept[0], kept[1])
    assert torch.equal(kept[1], kept[2])
    assert torch.equal(kept[2], kept[3])


def test_shared_statistics_leave_the_scale_fixed() -> None:
    model = create_model("airbench94_slim")
    names = {name for name, _ in model.named_parameters()}
    shared = share_statistics(model, torch.device("cpu"))
    assert {name for name, _ in shared.named_parameters()} == names
    assert type(shared.get_submodule("stages.0.2")).__name__ == "SharedBatchNorm2d"


def test_it_overfits_eight_images() -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model("airbench94_slim", num_classes=8), sgd(0.05), 32) < 100


def test_widths_that_are_not_three_are_refused() -> None:
    with pytest.raises(BadArgument, match=r"widths is \(64, 256\); expected three numbers"):
        Airbench(widths=(64, 256))  # type: ignore[arg-type]


# ------------------------------------------------------------------ the recipes


def test_the_paper_s_rates_are_those_of_its_code() -> None:
    """airbench94.py: per 1,024 summed losses 11.5 / (1024 x 7.667), 64 times for norms'
    biases; decay 0.0153 a thousand; 0.2, 1 and 0.07 of it at 0, 23 and 100 % of 9.9 epochs
    of 48 steps."""
    recipe = RECIPES["airbench94"]
    total = recipe.total_steps(48)
    assert total == 475
    kilostep = 1024 * (1 + 1 / (1 - 0.85))
    per_sum = 11.5 / kilostep
    assert recipe.lr == pytest.approx(1024 * per_sum)
    assert recipe.weight_decay * recipe.lr == pytest.approx(0.0153 * 1024 / kilostep)
    peak = round(0.23 * total)
    found = [lr_at(recipe, step, total) / recipe.lr for step in (0, peak, total)]
    assert found == pytest.approx([0.2, 1.0, 0.07], abs=0.01)
    assert recipe.lookahead_decay == pytest.approx(0.7737809)


@pytest.mark.parametrize("recipe", ["speedrun", "airbench94"])
def test_no_network_is_the_one_that_the_recipe_was_made_for(recipe: str, tmp_path: Path) -> None:
    result = cladenet.train(
        "", "digits", recipe=recipe, out=tmp_path / "run", quiet=True, threads=1, steps=1,
        batch_size=8, val=0,
    )  # fmt: skip
    assert cladenet.load(result.folder).card.network == RECIPES[recipe].made_for


def test_a_recipe_made_for_no_network_needs_one_to_be_named() -> None:
    with pytest.raises(BadArgument, match="needs a network, and the recipe fine_tune was made for"):
        cladenet.train("", "digits", recipe="fine_tune")


@pytest.mark.parametrize(("network", "size"), [("airbench94_slim", 16), ("resnet20_cifar", 8)])
def test_the_speed_run_learns_the_digits(
    network: str, size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = cladenet.train(
        network, "digits", recipe="speedrun", out=tmp_path / "run", threads=1, steps=30,
        batch_size=128, size=size,
    )  # fmt: skip
    assert result.evaluation.top1_error < 12
    printed = capsys.readouterr().err
    assert "images of digits are not mirrored" in printed
    whitens = "the 8 filters of the first convolution whiten the patches of the first 128 images"
    made_for = "the recipe was made for"
    assert (whitens in printed, made_for in printed) == (
        (True, False) if network == "airbench94_slim" else (False, True)
    )


def test_the_filters_come_from_the_first_batch_of_the_run(tmp_path: Path) -> None:
    """No step changes them, so that they can be computed again from the images themselves."""
    result = cladenet.train(
        "airbench94_slim", "digits", recipe="speedrun", out=tmp_path / "run", quiet=True,
        threads=1, steps=2, batch_size=64, size=8 + 8, val=0, crop="none",
    )  # fmt: skip
    loaded = cladenet.load(result.folder)
    split = cladenet.open_dataset("digits").train
    chosen = permutation(0, 0, len(split))[:64]
    images = np.stack([loaded.card.preprocess.prepare(split.images.read(i)) for i in chosen])
    layer = WhiteningConv2d(1, 2)
    layer.fit(loaded.card.preprocess.to_input(torch.from_numpy(images), torch.device("cpu")))
    torch.testing.assert_close(loaded.model.get_submodule("stem.0").weight, layer.weight)


def ends(run: Path) -> dict[str, Any]:
    """The sums of all tensor files, and the metrics."""
    manifest = json.loads((run / "checkpoints" / "last" / "manifest.json").read_text())
    sums = {name: seal["sha256"] for name, seal in manifest["files"].items()}
    return {"last": sums, "metrics": (run / "metrics.jsonl").read_text()}


@pytest.mark.parametrize("recipe", ["speedrun", "airbench94"])
def test_a_killed_run_ends_bit_identical(recipe: str, tmp_path: Path) -> None:
    """Between two returns of Lookahead, with momentum on the way, and the bias still learned."""

    def words(run: Path) -> list[str]:
        return [
            "train", "airbench94_slim", "--data", "digits", "--recipe", recipe, "--out", str(run),
            "--quiet", "threads=1", "steps=14", "batch_size=64", "size=16", "save_steps=3", "val=0",
        ]  # fmt: skip

    def doomed() -> int:
        step, count = Learner.step, 0

        def deadly(self: Learner) -> None:
            nonlocal count
            count += 1
            if count == 8:
                os.kill(os.getpid(), signal.SIGKILL)
            step(self)

        Learner.step = deadly  # type: ignore[method-assign]
        return main(words(tmp_path / "killed"))

    assert main(words(tmp_path / "whole")) == 0
    assert wait(start(doomed, tmp_path / "output")) == -signal.SIGKILL
    resume = ["train", "--resume", str(tmp_path / "killed"), "--quiet"]
    assert finished(*resume, output=tmp_path / "output") == 0, (tmp_path / "output").read_text()
    assert ends(tmp_path / "killed") == ends(tmp_path / "whole")
