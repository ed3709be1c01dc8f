import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import binomtest
from torch import Tensor

from cladenet.errors import BadArgument, DataError, Diverged
from cladenet.evaluation.intervals import wilson
from cladenet.evaluation.tally import Tally
from cladenet.world import World
from ranks import in_ranks

N, K = 403, 7


def answers(n: int = N, classes: int = K) -> tuple[Tensor, Tensor]:
    """Logits that are often right, and labels."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, classes, n)
    logits = rng.normal(0, 2, (n, classes)).astype(np.float32)
    logits[np.arange(n), labels] += 2
    return torch.from_numpy(logits), torch.from_numpy(labels)


def tally_of(logits: Tensor, labels: Tensor, places: Tensor, worst: int = 0) -> Tally:
    tally = Tally(logits.shape[1], worst=worst)
    tally.add(logits[places], labels[places], places)
    return tally


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 2), (7, 357), (50, 50), (999, 1000)])
def test_the_interval_is_wilsons(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-10)


def test_an_interval_worked_out_by_hand() -> None:
    """One of two, z^2 = 3.8415: centre 1/2, reach sqrt(z^2 / 8 + z^4 / 16) / (1 + z^2 / 2)."""
    reach = (3.841459 / 8 + 3.841459**2 / 16) ** 0.5 / (1 + 3.841459 / 2)
    assert wilson(1, 2) == pytest.approx((100 * (0.5 - reach), 100 * (0.5 + reach)), abs=1e-4)


def test_an_interval_never_leaves_0_to_100_percent() -> None:
    assert wilson(0, 3)[0] == 0.0
    assert wilson(3, 3)[1] == 100.0


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_an_interval_of_impossible_counts_is_refused(hits: int, n: int) -> None:
    with pytest.raises(BadArgument, match=f"{hits} hits of {n}"):
        wilson(hits, n)


def test_errors_loss_and_confusion_are_those_of_plain_numpy() -> None:
    logits, labels = answers()
    found = tally_of(logits, labels, torch.arange(N)).result()
    order = np.argsort(-logits.numpy(), axis=1)
    truth = labels.numpy()
    top1 = np.mean(order[:, 0] != truth)
    top5 = np.mean([label not in row[:5] for row, label in zip(order, truth, strict=True)])
    confusion = np.zeros((K, K), dtype=int)
    for label, guess in zip(truth, order[:, 0], strict=True):
        confusion[label, guess] += 1
    losses = -log_softmax(logits.numpy().astype(np.float64), axis=1)[np.arange(N), truth]
    assert found.n == N
    assert found.top1_error == pytest.approx(100 * top1)
    assert found.top5_error == pytest.approx(100 * top5)
    assert (found.confusion == confusion).all()
    assert found.loss == pytest.approx(losses.mean(), abs=1e-7)


def test_the_figures_of_a_class_worked_out_by_hand() -> None:
    """Truth 0 0 0 1 1 2 with answers 0 2 2 1 0 2."""
    guesses = torch.tensor([0, 2, 2, 1, 0, 2])
    tally = Tally(4)
    tally.add(torch.eye(4)[guesses], torch.tensor([0, 0, 0, 1, 1, 2]))
    found = tally.result()
    zero, one, two, three = found.per_class
    assert zero.recall == pytest.approx(100 / 3)
    assert (zero.n, zero.precision) == (3, 50.0)
    assert (zero.confused_with, zero.confused, zero.predicted) == (2, 2, 2)
    assert (one.recall, one.precision, one.confused_with) == (50.0, 100.0, 0)
    assert two.precision == pytest.approx(100 / 3)
    assert (two.recall, two.confused_with) == (100.0, None)
    assert (three.n, three.recall, three.recall_interval, three.precision) == (0, None, None, None)
    assert found.wrong == 3
    assert found.confused_pairs(9) == [(0, 2, 2), (1, 0, 1)]
    assert zero.recall_interval == wilson(1, 3)


def test_equal_logits_count_as_the_first_classes_and_not_as_right() -> None:
    tally = Tally(10)
    tally.add(torch.zeros(10, 10), torch.arange(10))
    assert tally.result().top1_error == 90.0
    assert tally.result().top5_error == 50.0


@pytest.mark.parametrize(("classes", "has_top5"), [(2, False), (5, False), (6, True)])
def test_a_top5_error_is_given_from_six_classes_on(classes: int, has_top5: bool) -> None:
    found = tally_of(*answers(classes=classes), torch.arange(N)).result()
    assert (found.top5_error is not None) == has_top5
    assert (found.top5_interval is not None) == has_top5


@pytest.mark.parametrize("cuts", [[0, N], [0, 1, 2, N], [0, 100, 100, 250, N]])
def test_processes_together_count_exactly_as_one_does(cuts: list[int]) -> None:
    """Loss and worst mistakes too, whoever counted what, in whatever order."""
    logits, labels = answers()
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    parts = [tally_of(logits, labels, order[low:high], worst=9) for low, high in pairwise(cuts)]
    shared = in_ranks(len(parts), lambda world: share(parts[world.rank], world))
    whole = tally_of(logits, labels, torch.arange(N), worst=9)
    assert shared == [whole.result().to_json()] * len(parts)


def share(tally: Tally, world: World) -> object:
    tally.share(world)
    return tally.result().to_json()


def test_the_worst_mistakes_are_those_of_a_full_sort() -> None:
    logits, labels = answers()
    tally = Tally(K, worst=6)
    for places in torch.arange(N).split(50):
        tally.add(logits[places], labels[places], places)
    log_probability = log_softmax(logits.numpy().astype(np.float64), axis=1)
    losses = -log_probability[np.arange(N), labels.numpy()]
    guesses = logits.numpy().argmax(1)
    wrong = [place for place in range(N) if guesses[place] != labels[place]]
    expected = sorted(wrong, key=lambda place: -losses[place])[:6]
    found = tally.result().mistakes
    assert [mistake.index for mistake in found] == expected
    assert [mistake.guess for mistake in found] == [guesses[place] for place in expected]
    assert [mistake.truth for mistake in found] == [int(labels[place]) for place in expected]
    sure = [np.exp(log_probability[place].max()) for place in expected]
    assert [mistake.probability for mistake in found] == pytest.approx(sure)


def test_a_hopeless_answer_has_a_finite_loss() -> None:
    tally = Tally(2)
    tally.add(torch.tensor([[1e30, -1e30]]), torch.tensor([1]))
    assert tally.result().loss == 2.0**14


def test_answers_that_are_not_finite_are_no_result() -> None:
    tally = Tally(3)
    tally.add(torch.tensor([[0.0, float("nan"), 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 1]))
    with pytest.raises(Diverged, match="1 of 2 images are not finite numbers"):
        tally.result()


def test_nothing_counted_is_no_result() -> None:
    with pytest.raises(DataError, match="the split has no images"):
        Tally(3).result()


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 3]), "labels run from 0 to 3; expected 0 to 2"),
        (torch.zeros(2, 3), torch.tensor([-1, 0]), "labels run from -1 to 0"),
        (torch.zeros(2, 4), torch.tensor([0, 1]), r"shape \(2, 4\); expected \(2, 3\)"),
        (torch.zeros(3, 3), torch.tensor([0, 1]), r"shape \(3, 3\); expected \(2, 3\)"),
    ],
)
def test_answers_that_do_not_fit_are_refused(logits: Tensor, labels: Tensor, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        Tally(3).add(logits, labels)


def test_keeping_mistakes_needs_to_know_which_images_they_are() -> None:
    with pytest.raises(BadArgument, match="pass the index of each sample"):
        Tally(3, worst=1).add(torch.zeros(2, 3), torch.tensor([0, 1]))


def test_the_figures_are_plain_json_with_the_names_of_the_classes() -> None:
    tally = Tally(3, worst=2)
    tally.add(torch.eye(3)[[0, 1]], torch.tensor([0, 0]), torch.tensor([8, 9]))
    text = json.dumps(tally.result().to_json(["ant", "bee", "wasp"]), allow_nan=False)
    values = json.loads(text)
    assert values["n"] == 2
    assert values["top1_error"] == 50.0
    assert values["top5_error"] is None
    assert values["per_class"][0]["confused_with"] == "bee"
    assert values["per_class"][2]["recall"] is None
    assert values["confusion"] == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert values["mistakes"][0]["index"] == 9
    assert values["mistakes"][0]["guess"] == "bee"
