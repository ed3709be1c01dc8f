"""The controller learns what the papers say it learns from, and its draws are its probabilities."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.search.config import decide, write_config
from cladenet.search.journal import ask_row, proposal_of
from cladenet.search.oracles.simple import Target
from cladenet.search.searchers.controller_search import ControllerSearch
from cladenet.search.searchers.lstm import Controller, Sampler
from cladenet.search.spaces.cell_pairs import CellPairs
from cladenet.search.spaces.edge_cells import EdgeCells


def test_a_draw_is_as_probable_as_torch_says() -> None:
    controller = Controller(CellPairs("nasnet").decisions)
    sampler, rng = Sampler(controller), np.random.default_rng(0)
    for _ in range(3):
        draw = sampler.draw(rng)
        log_probs, _ = controller(torch.tensor([draw.choices]))
        assert log_probs[0].tolist() == pytest.approx(draw.log_probs, abs=2e-6)


def test_one_softmax_a_decision_and_one_step_after_the_other_come_to_the_same() -> None:
    """Log-probabilities, entropies and gradients, beside a cell of torch fed decision by decision.

    The space's decisions have 2 to 13 choices: what a decision does not have must count nowhere.
    """
    space = CellPairs("nasnet", blocks=2)
    controller = Controller(space.decisions, hidden=7).double()
    cell = nn.LSTMCell(7, 7).double()
    for name, value in controller.lstm.named_parameters():
        getattr(cell, name.removesuffix("_l0")).data.copy_(value.data)
    vectors = controller.vectors.detach().clone().requires_grad_()
    rng = np.random.default_rng(0)
    choices = [space.choices_of(space.random(rng)) for _ in range(3)]
    weights = [w.detach().clone().requires_grad_() for w in controller.weights]
    biases = [b.detach().clone().requires_grad_() for b in controller.biases]
    log_probs, entropies = [], []
    for sequence in choices:
        row, begin = 0, 1
        state = (torch.zeros(1, 7).double(), torch.zeros(1, 7).double())
        for t, (choice, decision) in enumerate(zip(sequence, space.decisions, strict=True)):
            state = cell(vectors[row : row + 1], state)
            count = decision.choices
            logits = state[0][0] @ weights[t][:count].T + biases[t][0, :count]
            drawn = torch.distributions.Categorical(logits=logits)
            log_probs.append(drawn.log_prob(torch.tensor(choice)))
            entropies.append(drawn.entropy())
            row, begin = begin + choice, begin + count
    found = controller(torch.tensor(choices))
    expected = [torch.stack(values).reshape(3, -1) for values in (log_probs, entropies)]
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other)
    weighing = torch.from_numpy(rng.standard_normal((2, *found[0].shape)))
    (torch.stack(found) * weighing).sum().backward()
    (torch.stack(expected) * weighing).sum().backward()
    assert vectors.grad is not None
    torch.testing.assert_close(controller.vectors.grad, vectors.grad)
    torch.testing.assert_close(controller.weights.grad, torch.stack([w.grad for w in weights]))
    torch.testing.assert_close(controller.biases.grad, torch.stack([b.grad for b in biases]))
    torch.testing.assert_close(controller.lstm.weight_hh_l0.grad, cell.weight_hh.grad)


def test_choices_are_drawn_as_often_as_the_softmax_says() -> None:
    controller = Controller(EdgeCells().decisions)
    with torch.no_grad():
        controller.biases[0, 0].copy_(torch.tensor([0.0, 1.0, 2.0]))
    sampler, rng = Sampler(controller), np.random.default_rng(1)
    counts = np.bincount([sampler.draw(rng).choices[0] for _ in range(1_500)], minlength=3)
    log_probs, _ = controller(torch.tensor([[k, 0, 0, 0, 0, 0] for k in range(3)]))
    expected = log_probs[:, 0].exp().detach().numpy() * 1_500
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


def test_weights_begin_as_printed() -> None:
    """Uniform in [-0.1, 0.1]: their standard deviation is 0.1 / sqrt(3)."""
    values = torch.cat([p.flatten() for p in Controller(EdgeCells().decisions).parameters()])
    assert values.abs().max() <= 0.1
    assert values.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)


def trained(algorithm: str, trials: int, **numbers: Any) -> tuple[ControllerSearch, list[float]]:
    space = EdgeCells()
    oracle = Target(space, ["conv_3x3", "skip", "conv_1x1", "conv_3x3", "skip", "conv_3x3"])
    searcher, vals = ControllerSearch(space, 0, algorithm, **numbers), []
    for number in range(trials):
        proposal = searcher.ask(number)
        assert proposal is not None
        vals.append(oracle.val(number, proposal.architecture))
        searcher.tell(number, vals[-1])
    return searcher, vals


@pytest.mark.parametrize(("algorithm", "lr"), [("ppo", 0.005), ("reinforce", 0.01)])
def test_the_controller_learns_the_right_decisions(algorithm: str, lr: float) -> None:
    """The reward is the share of right decisions: a third by chance."""
    _, vals = trained(algorithm, 1_500, controller_lr=lr)
    assert np.mean(vals[:60]) < 0.5
    assert np.mean(vals[-100:]) > 0.95


def test_the_moving_average_begins_at_zero_and_keeps_95_percent() -> None:
    searcher, vals = trained("ppo", 20)
    expected = 0.0
    for val in vals:
        expected = 0.95 * expected + 0.05 * val
    assert searcher.baseline == pytest.approx(expected)


def test_reinforce_takes_one_step_along_the_gradient_of_the_expected_reward() -> None:
    """By hand: grad of (R - b) log p + w H, summed over decisions, averaged over the batch."""
    space = EdgeCells()
    searcher = ControllerSearch(space, 0, "reinforce", batch=2, baseline=0.0, entropy=0.1)
    draws = [searcher.ask(number) for number in (0, 1)]
    choices = torch.tensor([space.choices_of(d.architecture) for d in draws if d is not None])
    torch.manual_seed(0)
    twin = Controller(space.decisions)
    searcher.tell(0, 0.5)
    searcher.baseline = 0.3  # with no memory each reward is its own baseline: nothing is gained
    searcher.tell(1, 0.9)
    log_probs, entropies = twin(choices)
    (-(0.0 * log_probs + 0.1 * entropies).sum(1).mean()).backward()
    torch.optim.Adam(twin.parameters(), lr=0.00035).step()
    for mine, theirs in zip(searcher.controller.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_clipped_ratio_has_no_gradient() -> None:
    """PPO: what has become likelier by more than a fifth earns nothing more."""
    space = EdgeCells()
    searcher = ControllerSearch(space, 0, "ppo", batch=1, entropy=0.0, steps=1)
    proposal = searcher.ask(0)
    assert proposal is not None
    before = [p.clone() for p in searcher.controller.parameters()]
    searcher._open[0] = searcher._open[0]._replace(log_probs=[-9.0] * 6)  # now far likelier
    searcher.tell(0, 1.0)
    for mine, old in zip(searcher.controller.parameters(), before, strict=True):
        assert torch.equal(mine, old)


def test_ppo_makes_a_step_with_each_tell_and_draws_from_what_it_learnt_after_the_last() -> None:
    """Batches of 5, 4 steps: tells 5 to 8 step; the second batch is full at tell 10."""
    searcher = ControllerSearch(EdgeCells(), 0, "ppo", batch=5, steps=4, controller_lr=0.01)
    moved, renewed = [], []
    for number in range(10):
        before = searcher.controller.weights.detach().clone()
        searcher.ask(number)
        sampler = searcher._sampler
        searcher.tell(number, number / 10)
        moved.append(not torch.equal(before, searcher.controller.weights))
        renewed.append(searcher._sampler is not sampler)
    assert [k for k, yes in enumerate(moved, 1) if yes] == [5, 6, 7, 8, 10]
    assert [k for k, yes in enumerate(renewed, 1) if yes] == [8]


def test_a_lesson_of_many_is_taken_ten_at_a_time_and_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside one that takes all 25 at once: a step is the mean gradient of all of them."""
    controllers = []
    for at_a_time in (10, 25):
        monkeypatch.setattr("cladenet.search.searchers.controller_search.AT_A_TIME", at_a_time)
        searcher = ControllerSearch(EdgeCells(), 0, "ppo", batch=25, steps=1, controller_lr=0.01)
        for number in range(27):
            searcher.ask(number)
            searcher.tell(number, number / 25)
        assert searcher._lesson is None
        controllers.append(searcher.controller)
    ten, whole = (list(one.parameters()) for one in controllers)
    for mine, other in zip(ten, whole, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-4)


def test_steps_that_are_left_when_a_batch_is_full_are_made_before_it() -> None:
    """Batches of 2, 4 steps: at tell 4 two are left, and the next batch begins."""
    searcher = ControllerSearch(EdgeCells(), 0, "ppo", batch=2, steps=4)
    counts = []
    for number in range(6):
        searcher.ask(number)
        searcher.tell(number, number / 10)
        state = searcher.optimizer.state[searcher.controller.weights]
        counts.append(int(state["step"]) if state else 0)
    assert counts == [0, 1, 2, 5, 6, 9]


def test_a_search_of_another_version_of_its_method_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files from before there were versions have none: theirs is 1."""
    write_config(tmp_path, decide("nasnet", "digits", space="edges3", trials=3))
    path = tmp_path / "search.json"
    old = {k: v for k, v in json.loads(path.read_text()).items() if k != "version"}
    path.write_text(json.dumps(old))
    for arguments in (["--resume", str(tmp_path)], ["replay", str(tmp_path)]):
        assert main(["search", *arguments]) == 4
        assert "began with version 1 of nasnet; here is version 2" in capsys.readouterr().err


@pytest.mark.parametrize("batch", [4, 5])
def test_a_journal_read_again_makes_the_same_controller(batch: int) -> None:
    """Between two lessons, after 11 rewards in batches of 4, and in the middle of one, of 5."""
    first, again = (
        ControllerSearch(CellPairs("nasnet"), 4, batch=batch, controller_lr=0.01) for _ in range(2)
    )
    oracle = Target(first.space, first.space.random(np.random.default_rng(0)))
    for number in range(12):
        proposal = first.ask(number)
        assert proposal is not None
        val = None if number == 5 else oracle.val(number, proposal.architecture)
        again.restore(number, proposal_of(ask_row(number, proposal)))
        first.tell(number, val)
        again.tell(number, val)
    assert (first._lesson is None) == (batch == 4)
    assert first.ask(12) == again.ask(12)
    for mine, other in zip(
        first.controller.parameters(), again.controller.parameters(), strict=True
    ):
        assert torch.equal(mine, other)


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(BadArgument, match="expected ppo or reinforce"):
        ControllerSearch(EdgeCells(), 0, "sarsa")
