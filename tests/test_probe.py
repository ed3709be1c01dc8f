"""The linear probe against another solver's conditions, and as a run."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import cladenet
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.registry import create_model
from cladenet.runs.train.probe import WITHOUT_VALIDATION, fit
from cladenet.training.learner import frozen_modules, frozen_parts
from faults.kills import digits


def test_the_fit_is_where_the_penalised_loss_is_flat() -> None:
    """On centred features of one scale the mean loss has the gradient -decay times the weights."""
    torch.manual_seed(0)
    x = torch.randn(60, 5) * torch.tensor([1.0, 10, 0.1, 3, 1]) + 2
    labels = torch.randint(3, (60,))
    found = fit(x, labels, 3, None)
    assert found.decay == WITHOUT_VALIDATION
    mean = x.mean(0)
    std = (x - mean).square().mean().sqrt()
    standard = (x - mean) / std
    weight = (found.weight * std).requires_grad_()
    bias = (found.bias + found.weight @ mean).requires_grad_()
    F.cross_entropy(standard @ weight.T + bias, labels).backward()
    assert weight.grad is not None
    assert bias.grad is not None
    torch.testing.assert_close(weight.grad, -found.decay * weight.detach(), atol=1e-4, rtol=0)
    torch.testing.assert_close(bias.grad, torch.zeros(3), atol=1e-4, rtol=0)


def test_held_out_images_choose_the_decay() -> None:
    """One feature says a little of the class, forty are noise: a strong decay is better there."""
    torch.manual_seed(0)
    labels, truth = torch.arange(40) % 2, torch.arange(400) % 2
    x, noise = torch.randn(40, 41), torch.randn(400, 41)
    x[:, 0] += labels - 0.5
    noise[:, 0] += truth - 0.5
    chosen, plain = fit(x, labels, 2, (noise, truth)), fit(x, labels, 2, None)
    losses = [F.cross_entropy(noise @ p.weight.T + p.bias, truth) for p in (chosen, plain)]
    assert chosen.decay > plain.decay
    assert losses[0] < losses[1]


def test_a_probe_moves_the_last_layer_and_nothing_else(tmp_path: Path) -> None:
    """Statistics of the norms in MobileNetV2's head stay too; and it tells digits apart."""
    torch.manual_seed(0)
    data = str(digits(tmp_path / "digits"))
    brief: dict[str, Any] = {"threads": 1, "device": "cpu", "quiet": True}
    cladenet.train("mobilenet_v2_x0_35", data, out=tmp_path / "a", steps=2, size=32, **brief)
    run = cladenet.train(
        weights=tmp_path / "a", data=data, recipe="linear_probe", out=tmp_path / "b", **brief
    )
    first, second = cladenet.load(tmp_path / "a").model, cladenet.load(tmp_path / "b").model
    moved = [
        name
        for name, value in second.state_dict().items()
        if not torch.equal(value, first.state_dict()[name])
    ]
    assert moved == ["head.6.weight", "head.6.bias"]
    errors = [json.loads((tmp_path / n / "result.json").read_text()) for n in "ab"]
    assert run.evaluation.top1_error < 60
    assert errors[0] != errors[1]


def test_features_are_all_but_the_last_layer() -> None:
    model = create_model("mobilenet_v2_x0_35")
    frozen = frozen_modules(model, frozen_parts("features", model))
    names = {id(p): n for n, p in model.named_parameters()}
    still = {names[id(p)] for module in frozen for p in module.parameters()}
    assert set(names.values()) - still == {"head.6.weight", "head.6.bias"}


def test_a_probe_needs_weights_and_a_linear_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", "digits", "--out", str(tmp_path / "x"), "threads=1", "device=cpu"]
    assert main(["train", "resnet20_cifar", *words, "probe=true"]) == BadArgument.exit_status
    assert "a network without weights has none: give --weights" in capsys.readouterr().err
    base = ["train", "nin_mnist", *words[:2], "--out", str(tmp_path / "n"), "steps=1", "threads=1"]
    assert main(base) == 0
    again = ["train", "--weights", str(tmp_path / "n"), *words, "--recipe", "linear_probe"]
    capsys.readouterr()
    assert main(again) == BadArgument.exit_status
    assert "a probe fits a linear one" in capsys.readouterr().err


def test_features_that_hardly_ever_stir_weigh_little() -> None:
    """Sixty of tiny noise beside two that tell: the noise stays as small as it came."""
    torch.manual_seed(0)
    labels = torch.arange(40) % 2
    telling = torch.randn(40, 2) + 2 * labels[:, None]
    x = torch.cat([telling, 1e-3 * torch.randn(40, 60)], 1)
    weight = fit(x, labels, 2, None).weight
    assert weight[:, 2:].abs().max() < 0.1 * weight[:, :2].abs().max()
