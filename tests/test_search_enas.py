"""ENAS: shared weights, controllers, the alternation, and the last step."""

from pathlib import Path
from typing import Any

import pytest
import torch

from cladenet.cli import main
from cladenet.errors import BadArgument, CheckpointError, Interrupted
from cladenet.search.config import decide
from cladenet.search.enas.controllers import MacroController, MicroController
from cladenet.search.enas.settings import SETTINGS
from cladenet.search.enas.shared import SharedNetwork
from cladenet.search.enas.training import FILE, SharedTraining, shared_seconds
from cladenet.search.journal import read_journal
from cladenet.search.run import JOURNAL, search, settings_of
from cladenet.search.spaces.cell_pairs import CellPairs
from cladenet.search.spaces.edge_cells import EdgeCells
from cladenet.search.spaces.macro import Macro
from cladenet.search.spaces.named import space_named
from cladenet.search.spaces.space import Scale, Space
from cladenet.search.trials.data import open_trial_data
from cladenet.training.signals import StopRequest

TINY = {
    "size": "8",
    "train_images": "64",
    "val_images": "50",
    "test_images": "40",
    "width": "4",
    "epochs": "1",
    "batch_size": "32",
    "shared_epochs": "2",
    "shared_batch_size": "32",
    "controller_steps": "2",
    "children": "2",
    "candidates": "3",
}
SPACES: list[Space] = [CellPairs("enas_micro", 3), Macro(3), EdgeCells()]


def quiet(_line: str) -> None:
    pass


def training(space: Space | None = None, **options: str) -> SharedTraining:
    config = decide("enas_macro", "digits", options=TINY | options)
    data = open_trial_data("digits", config.fidelity)
    scale = Scale(width=4, in_channels=1)
    return SharedTraining(space or Macro(3), data, scale, settings_of(config), seed=0)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_child_computes_with_its_own_weights_and_no_others(space: Space) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    model = SharedNetwork(space, Scale(width=4, in_channels=1), drop_rate=0.0)
    one, other = space.random(rng), space.random(rng)
    x = torch.randn(4, 1, 8, 8)
    outputs = {}
    for name, child in (("one", one), ("other", other), ("again", one)):
        model.choose(child)
        outputs[name] = model(x)
    assert torch.equal(outputs["one"], outputs["again"])
    assert not torch.equal(outputs["one"], outputs["other"])
    model.choose(one)
    model.zero_grad()
    model(x).sum().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert 0 < len(silent) < len(list(model.parameters()))
    with torch.no_grad():  # what got no gradient has no say
        for name, parameter in model.named_parameters():
            if name in silent:
                parameter.add_(1.0)
    assert torch.equal(model(x), outputs["one"])


def test_each_place_and_input_and_operation_has_weights_of_its_own() -> None:
    """Two separable operations of 5, for two sides and 2 + 3 + 4 inputs in each of five cells."""
    space = CellPairs("enas_micro", 3)
    model = SharedNetwork(space, Scale(n=1, width=4))
    depthwise = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1]
    assert len(depthwise) == 5 * 2 * 2 * (2 + 3 + 4) * 2  # each applied twice


def test_a_skip_adds_a_layer_before_the_norm() -> None:
    """By hand, for three layers: x3 = norm(op(x2) + x0)."""
    torch.manual_seed(0)
    model = SharedNetwork(Macro(3), Scale(width=4, in_channels=1), drop_rate=0.0).eval()
    model.choose([["conv_3x3", []], ["max_pool_3x3", []], ["avg_pool_3x3", [0]]])
    tower: Any = model.stages[0]
    x = torch.randn(2, 1, 8, 8)
    states = [model.stem(x)]
    states.append(tower.operations[0]["conv_3x3"](states[0]))
    states = [r(s) for r, s in zip(tower.reductions["1"], states, strict=True)]
    states.append(tower.norms[0](tower.operations[1]["max_pool_3x3"](states[1])))
    states = [r(s) for r, s in zip(tower.reductions["2"], states, strict=True)]
    last = tower.norms[1](tower.operations[2]["avg_pool_3x3"](states[2]) + states[0])
    torch.testing.assert_close(model(x), model.head(last))


def test_the_micro_controller_prefers_separable_convolutions_at_first() -> None:
    """Biases of 10, tanh 1.1 / 2.5 and fixed 0.25: 0.69 against 0.31 / 3 by hand, in one cell."""
    torch.manual_seed(0)
    controller = MicroController(CellPairs("enas_micro"), tanh=1.1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        cells = [controller.sample(generator).architecture for _ in range(60)]
    for name, extra in (("normal", 0.25), ("reduction", 0.0)):
        likely = 2 * torch.exp(torch.tensor(0.44 + extra))
        share = float(likely / (likely + 3 * torch.exp(torch.tensor(-extra))))
        found = [n for c in cells for block in c[name] for n in (block[0], block[2])]
        measured = sum("separable" in n for n in found) / len(found)
        assert abs(measured - share) < 5 * (share * (1 - share) / len(found)) ** 0.5


@pytest.mark.parametrize("kind", ["micro", "macro"])
def test_a_replayed_choice_is_as_probable_as_it_was(kind: str) -> None:
    torch.manual_seed(0)
    controller: Any = (
        MicroController(CellPairs("enas_micro", 2))
        if kind == "micro"
        else MacroController(Macro(6))
    )
    sampled = controller.sample(torch.Generator().manual_seed(3))
    space = controller.space
    space.validate(sampled.architecture)
    assert float(sampled.log_prob.detach()) < 0 < float(sampled.entropy)
    if kind == "macro":
        choices = space.choices_of(sampled.architecture)
        again = controller.replay(choices)
        assert again.architecture == sampled.architecture
        torch.testing.assert_close(again.log_prob, sampled.log_prob)


def test_the_penalty_is_the_divergence_of_skips_from_their_prior() -> None:
    """At first q is about 0: sigmoids of 0.5 against 0.6 and 0.4, summed over pairs, by hand."""
    torch.manual_seed(0)
    controller = MacroController(Macro(3), skip_target=0.4)
    with torch.no_grad():
        controller.v.weight.zero_()
        sampled = controller.sample(torch.Generator().manual_seed(0))
    pair = 0.5 * torch.log(torch.tensor(0.5 / 0.6)) + 0.5 * torch.log(torch.tensor(0.5 / 0.4))
    torch.testing.assert_close(sampled.penalty, (1 * pair + 2 * pair) / 2)


def test_the_controller_learns_what_earns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewarded for the share of 3x3 convolutions, it comes to draw little else."""
    shared = training(EdgeCells(), controller_steps="60", children="8")
    monkeypatch.setattr(shared, "_train_shared", lambda: 0.0)
    monkeypatch.setattr(shared, "score", lambda cell, number: cell.count("conv_3x3") / len(cell))
    for group in shared.optimizer.param_groups:
        group["lr"] = 0.02
    first, last = shared.one_epoch(), shared.one_epoch()
    assert first["reward"] < 0.9 < last["reward"]


def test_validation_images_alone_give_rewards(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = training()
    shared.data.test.images.array[:] = 0  # type: ignore[union-attr]
    before = shared.score([["conv_3x3", []]] * 3, 5)
    shared.data.train.images.array[:] = 0  # type: ignore[union-attr]
    assert shared.score([["conv_3x3", []]] * 3, 5) == before
    shared.data.val.labels[:] = 10
    assert shared.score([["conv_3x3", []]] * 3, 5) == 0.0


def test_a_resumed_search_ends_as_another(tmp_path: Path) -> None:
    whole, first, second = training(), training(), training()
    stop = StopRequest()
    expected = whole.run(tmp_path, stop, quiet)
    (tmp_path / FILE).rename(tmp_path / "whole")
    stop.number = 2
    with pytest.raises(Interrupted, match="after epoch 1 of 2"):
        first.run(tmp_path, stop, quiet)
    assert second.run(tmp_path, StopRequest(), quiet) == expected
    figures = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in one.history]
        for one in (second, whole)
    ]
    assert figures[0] == figures[1]
    assert shared_seconds(tmp_path) == sum(row["seconds"] for row in second.history) > 0
    (tmp_path / FILE).write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="is damaged"):
        training().restore(tmp_path)


@pytest.mark.slow
def test_children_are_ranked_by_one_minibatch_and_the_best_is_trained_again(tmp_path: Path) -> None:
    config = decide("enas_macro", "digits", trials=2, options=TINY)
    search(config, tmp_path, say=quiet)
    rows = list(read_journal(tmp_path / JOURNAL))
    asked = [row for row in rows if "ask" in row]
    shared = [row["notes"]["shared_val"] for row in asked]
    assert len(asked) == 2
    assert shared == sorted(shared, reverse=True)
    assert all(row["val"] is not None for row in rows if "tell" in row)


def test_presets_are_the_papers_and_the_releases() -> None:
    release, paper = SETTINGS["enas_micro", "release"], SETTINGS["enas_micro", "paper"]
    assert (release.controller_lr, release.tanh, release.entropy) == (0.0035, 1.1, 0.0001)
    assert (paper.controller_lr, paper.temperature, paper.tanh, paper.entropy) == (
        0.00035,
        5.0,
        2.5,
        0.1,
    )
    assert release.recipe.lr * release.recipe.final_lr == pytest.approx(0.0005)
    assert paper.recipe.lr * paper.recipe.final_lr == pytest.approx(0.001)
    macro = SETTINGS["enas_macro", "release"]
    assert (macro.controller_lr, macro.tanh, macro.controller_steps, macro.children) == (
        0.001,
        1.5,
        50,
        20,
    )
    assert macro.recipe.epochs == 310 == 10 * (2**macro.recipe.cycles - 1)
    assert release.recipe.epochs == 150 == 10 * (2**release.recipe.cycles - 1)


@pytest.mark.slow
def test_the_command_runs_a_micro_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"{key}={value}" for key, value in (TINY | {"shared_epochs": "1"}).items()]
    folder = str(tmp_path / "s")
    assert (
        main(["search", "enas_micro", "--data", "digits", "--trials", "1", "--out", folder, *words])
        == 0
    )
    printed = capsys.readouterr()
    assert "epoch 1/1" in printed.err
    assert "best of 1 trials" in printed.out


@pytest.mark.parametrize("name", ["amoebanet", "nasnet", "dna", "bits100"])
def test_weights_of_other_spaces_are_not_shared(name: str) -> None:
    """A nasnet cell may concatenate: with shared weights it would be another network's accuracy."""
    with pytest.raises(BadArgument, match=f"no weights are shared in the space {name}"):
        SharedNetwork(space_named(name), Scale())
