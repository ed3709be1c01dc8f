"""Checkpoints and runs from before a network's defaults changed mean what they meant."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import nn

import cladenet
from cladenet.checkpoints.atomic import to_json, write_folder
from cladenet.checkpoints.card import Card
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError
from cladenet.ledger.defaults import DEFAULTS, as_today
from cladenet.registry import create_model
from cladenet.runs.folder.config import RunConfig, decided_before, decisions, from_yaml, to_yaml
from cladenet.weights.sources import SOURCES

# What the networks computed with before: the epsilon of their batch norms.
OLD = [
    ("igcv1_l24m2_d20_cifar", {"depth": 8}, 1e-5, 2e-5),
    ("xception", {}, 1e-5, 1e-3),
    ("mobilenet_v1_x0_25", {}, 1e-5, 1e-3),
    ("cliquenet_36_12_cifar", {"k": 4, "T": 6}, 1e-5, 1e-3),
    ("nasnet_a_cifar", {"n": 1, "width": 8}, 1e-3, 1e-5),
]
SEEN = Preprocess(32, 32, 3, "stretch", (0.5,) * 3, (0.5,) * 3)


def epsilons(model: nn.Module) -> set[float]:
    return {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)}


def written_before(folder: Path, network: str, arguments: dict[str, Any], eps: float) -> None:
    """A checkpoint as the version before wrote it: without the number, without the epsilon."""
    torch.manual_seed(0)
    model = create_model(network, **arguments, norm_eps=eps, num_classes=3).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # of variances so small that an epsilon counts
            variance = nn.init.uniform_(module.get_buffer("running_var"), 1e-5, 1e-3)
            module.weight.data = (variance + eps).sqrt()
    card = Card(
        network=network, arguments={**arguments, "num_classes": 3}, classes=("a", "b", "c"),
        preprocess=SEEN, data={}, step=0, self_test=fixed_logits(model, SEEN),
    )  # fmt: skip
    values = card.to_json()
    del values["defaults"]
    files = {"weights.safetensors": save(dict(model.state_dict())), "card.json": to_json(values)}
    write_folder(folder, files, {"format": 1, "step": 0})


@pytest.mark.parametrize(("network", "arguments", "before", "today"), OLD)
def test_a_checkpoint_from_before_gives_the_logits_that_it_gave(
    network: str, arguments: dict[str, Any], before: float, today: float, tmp_path: Path
) -> None:
    """Loading replays the self-test, whose logits another epsilon changes."""
    written_before(tmp_path / "old", network, arguments, before)
    loaded = cladenet.load(tmp_path / "old")
    assert loaded.card.arguments["norm_eps"] == before
    assert loaded.card.defaults == DEFAULTS
    assert epsilons(loaded.model) == {before}
    with torch.device("meta"):
        assert epsilons(create_model(network, **arguments)) == {today}
    model = create_model(network, **arguments, num_classes=3).eval()
    model.load_state_dict(loaded.model.state_dict())
    other = torch.tensor(fixed_logits(model, loaded.card.preprocess))
    same = torch.tensor(fixed_logits(loaded.model, loaded.card.preprocess))
    assert not torch.allclose(other, same, rtol=1e-2)


def test_what_is_written_today_says_so_and_is_left_alone() -> None:
    card = Card("xception", {"num_classes": 3}, ("a", "b", "c"), SEEN, {}, 0)
    again = Card.from_json(json.loads(to_json(card.to_json())))
    assert again == replace(card, self_test=())
    assert "norm_eps" not in again.arguments
    later = {**json.loads(to_json(card.to_json())), "defaults": DEFAULTS + 1}
    with pytest.raises(CheckpointError, match="defaults cannot be '3'"):
        Card.from_json(later)


def test_another_norm_keeps_its_epsilon_and_an_argument_that_was_given_stays() -> None:
    assert as_today("xception", {"norm": "group"}, 1) == {"norm": "group"}
    assert as_today("xception", {"norm": "batch"}, 1) == {"norm": "batch", "norm_eps": 1e-5}
    assert as_today("xception", {"norm_eps": 0.1}, 1) == {"norm_eps": 0.1}
    assert as_today("xception_cifar", {}, 1) == as_today("resnet50", {}, 1) == {}


def test_enas_keeps_the_auxiliary_classifier_that_it_was_trained_with() -> None:
    assert as_today("enas_micro_cifar", {}, 1) == {"auxiliary_padded": False}
    with torch.device("meta"):
        old: Any = create_model("enas_micro_cifar", auxiliary=True, auxiliary_padded=False)
    assert old.auxiliary[0][-1].bias is not None


def test_a_run_from_before_is_resumed_with_what_it_began_with(tmp_path: Path) -> None:
    from cladenet.recipes import RECIPES

    recipe = RECIPES["default_small"]
    config = RunConfig("mobilenet_v1_x0_25", "digits", "default_small", recipe)
    lines = to_yaml(config).splitlines(keepends=True)
    before = "".join(line for line in lines if not line.startswith("defaults:"))
    assert len(before.splitlines()) == len(lines) - 1
    resumed = from_yaml(before.encode(), tmp_path / "config.yaml")
    assert resumed.arguments == {"norm_eps": 1e-5}
    assert from_yaml(to_yaml(config).encode(), tmp_path / "config.yaml") == config
    facts = {k: v for k, v in decisions(config).items() if k != "defaults"}
    assert decided_before(facts) == decisions(resumed)
    assert decided_before(decisions(config)) == decisions(config)


@pytest.mark.parametrize("name", ["timm/legacy_xception", "pretrainedmodels/xception"])
def test_ports_have_the_epsilon_of_torch(name: str) -> None:
    assert SOURCES[name].arguments == {"norm_eps": 1e-5}


def test_a_momentum_for_all_norms() -> None:
    with torch.device("meta"):
        model = create_model("nasnet_a_mobile", norm_momentum=3e-4)
    momenta = {m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {3e-4}
    with pytest.raises(BadArgument, match="norm_momentum is 1; expected a small number such as"):
        create_model("nasnet_a_mobile", norm_momentum=1)
