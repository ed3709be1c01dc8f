"""Who leaves where: against the released evaluation restated in loops, and arithmetic by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import beta, binom

from cladenet.adaptive.averages import averaged, greedy_starts
from cladenet.adaptive.confidence import CONFIDENCES, largest_posterior, posteriors, temperature
from cladenet.adaptive.guarantee import (
    binomial_tail,
    cheapest_within,
    drop_is_excluded,
    upper_bound,
)
from cladenet.adaptive.shares import LAWS, paper_shares, released_shares
from cladenet.adaptive.thresholds import NOBODY, Thresholds, exits_taken, thresholds_for
from cladenet.errors import BadArgument

Array = NDArray[np.float64]


def released_thresholds(confidences: Array, shares: Array) -> list[float]:
    """The loop of the released evaluation: walk down the sorted images, count those still here."""
    exits, images = confidences.shape
    order = np.argsort(-confidences, axis=1, kind="stable")
    gone = np.zeros(images)
    found = [NOBODY] * exits
    for k in range(exits - 1):
        counted, wanted = 0, math.floor(images * shares[k])
        for image in order[k]:
            if gone[image] == 0:
                counted += 1
                if counted == wanted:
                    found[k] = confidences[k][image]
                    break
        gone += confidences[k] >= found[k]
    found[-1] = -NOBODY
    return found


def released_exits(confidences: Array, found: list[float]) -> list[int]:
    return [
        next(k for k in range(len(found)) if confidences[k][image] >= found[k])
        for image in range(confidences.shape[1])
    ]


@pytest.mark.parametrize("seed", range(60))
def test_thresholds_and_exits_are_those_of_the_released_loop(seed: int) -> None:
    """Random logits and shares; every third case rounds confidences to a few, so that many tie."""
    rng = np.random.default_rng(seed)
    exits, images, classes = rng.integers(1, 7), rng.integers(1, 60), rng.integers(2, 8)
    confidences = largest_posterior(posteriors(rng.normal(0, 3, (exits, images, classes))))
    if seed % 3 == 0:
        confidences = np.round(confidences, 1)
    shares = rng.dirichlet(np.full(exits, 0.5))
    thresholds = thresholds_for(confidences, shares)
    assert list(thresholds.values) == released_thresholds(confidences, shares)
    assert list(exits_taken(confidences, thresholds)) == released_exits(
        confidences, list(thresholds.values)
    )


def test_a_share_that_cannot_be_met_lets_all_pass_on_and_says_so() -> None:
    """All 4 images tie and leave at the first exit, which was to take 2: the second finds none."""
    confidences = np.array([[0.9] * 4, [0.8, 0.7, 0.6, 0.5], [1.0] * 4])
    thresholds = thresholds_for(confidences, np.array([0.5, 0.25, 0.25]))
    assert thresholds.values == (0.9, NOBODY, -NOBODY)
    assert thresholds.notes == ("exit 2: its share is 1 image, 0 are left; all images pass on",)
    assert list(exits_taken(confidences, thresholds)) == [0, 0, 0, 0]


def test_a_share_that_rounds_to_no_image_lets_all_pass_on_and_says_so() -> None:
    thresholds = thresholds_for(np.array([[0.9, 0.8], [0.5, 0.5]]), np.array([0.4, 0.6]))
    assert thresholds.values == (NOBODY, -NOBODY)
    assert "0.4 of 2 images is none" in thresholds.notes[0]


def test_one_exit_takes_all() -> None:
    assert thresholds_for(np.array([[0.3, 0.2]]), np.array([1.0])).values == (-NOBODY,)


def test_an_image_exactly_at_the_threshold_leaves() -> None:
    taken = exits_taken(np.array([[0.5, 0.4999], [0.0, 0.0]]), Thresholds((0.5, -NOBODY)))
    assert list(taken) == [0, 1]


def test_no_image_at_all_is_no_trouble_for_those_who_only_apply_thresholds() -> None:
    assert len(exits_taken(np.zeros((2, 0)), Thresholds((0.5, -NOBODY)))) == 0
    with pytest.raises(BadArgument, match="N of 1 or more"):
        thresholds_for(np.zeros((2, 0)), np.array([0.5, 0.5]))


def test_thresholds_that_trap_an_image_are_refused() -> None:
    with pytest.raises(BadArgument, match="last exit has to let all leave"):
        Thresholds((0.5, 0.9))


def test_the_laws_by_hand() -> None:
    """p = 1/2 and 3 exits: 1/2, 1/4, 1/8 of 7/8; q = 1/2 is the same law."""
    np.testing.assert_allclose(released_shares(0.5, 3), [4 / 7, 2 / 7, 1 / 7])
    np.testing.assert_allclose(paper_shares(0.5, 3), [4 / 7, 2 / 7, 1 / 7])
    np.testing.assert_allclose(released_shares(2, 3), [1 / 7, 2 / 7, 4 / 7])


@pytest.mark.parametrize("law", LAWS)
def test_each_law_spends_more_and_more_along_its_grid(law: str) -> None:
    shares, grid = LAWS[law]
    means = [float(shares(value, 5) @ np.arange(5)) for value in grid]
    assert means == sorted(means)
    assert all(abs(shares(value, 5).sum() - 1) < 1e-12 for value in grid)


def test_the_laws_refuse_what_they_do_not_mean() -> None:
    with pytest.raises(BadArgument, match="p above 0"):
        released_shares(0, 3)
    with pytest.raises(BadArgument, match="0 < q < 1"):
        paper_shares(1, 3)


def test_averages_are_of_the_released_form() -> None:
    """The released choice judges exits before k alone; restated in loops."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 50)
    shares = posteriors(rng.normal(0, 1, (5, 50, 4)) + 2 * (np.arange(4) == labels[:, None]))
    starts = [0]
    for k in range(1, 5):
        best = (math.inf, 0)
        for start in range(k):
            total = sum(shares[j] for j in range(start, k))
            best = min(best, (int((np.argmax(total, -1) != labels).sum()), start))
        starts.append(best[1])
    assert greedy_starts(shares, labels, released=True) == tuple(starts)
    means = averaged(shares, tuple(starts))
    for k, start in enumerate(starts):
        expected = sum(shares[j] for j in range(start, k + 1)) / (k + 1 - start)
        np.testing.assert_allclose(means[k], expected)


def test_an_exit_that_harms_the_average_is_left_out_of_it() -> None:
    """Exit 1 is always wrong and sure of it, exits 2 and 3 are right: their averages begin at 2."""
    labels = np.array([0, 1, 0])
    right = np.where(np.arange(2) == labels[:, None], 0.7, 0.3)
    shares = np.stack([1 - np.where(right > 0.5, 0.99, 0.01), right, right])
    assert greedy_starts(shares, labels) == (0, 1, 1)


def test_confidences_by_hand() -> None:
    """Posteriors 0.7, 0.2, 0.1: entropy 0.8018 nats of at most log 3 = 1.0986."""
    shares = np.array([[[0.7, 0.2, 0.1]]])
    found = {name: float(measure(shares)[0, 0]) for name, measure in CONFIDENCES.items()}
    assert found == pytest.approx(
        {"posterior": 0.7, "margin": 0.5, "entropy": 1 - 0.8018 / 1.0986}, abs=1e-4
    )


@pytest.mark.parametrize("name", CONFIDENCES)
def test_a_confidence_is_least_where_all_classes_are_alike_and_1_where_one_is_certain(
    name: str,
) -> None:
    shares = np.array([[[0.25] * 4, [0.4, 0.2, 0.2, 0.2], [1.0, 0, 0, 0]]])
    low, middle, high = CONFIDENCES[name](shares)[0]
    assert low < middle < high == 1


def test_the_temperature_of_logits_that_were_multiplied_is_the_factor() -> None:
    """Labels drawn from the posteriors of logits; those logits times 2.5 need T = 2.5."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20_000, 5))
    chances = posteriors(logits[None])[0]
    labels = (chances.cumsum(1) < rng.random((20_000, 1))).sum(1)
    assert temperature(2.5 * logits, labels) == pytest.approx(2.5, rel=0.03)


def test_a_temperature_stays_within_bounds_where_there_is_no_best_one() -> None:
    always_right = np.array([[5.0, 0.0], [0.0, 5.0]])
    assert temperature(always_right, np.array([0, 1])) == pytest.approx(0.05)
    assert temperature(always_right, np.array([1, 0])) == pytest.approx(20)


def test_logits_that_are_not_finite_are_refused() -> None:
    with pytest.raises(BadArgument, match="NaN or infinite"):
        posteriors(np.array([[[np.nan, 1.0]]]))


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (9, 10), (40, 5000)])
def test_exact_bounds_are_scipys(successes: int, n: int) -> None:
    for share in (0.003, 0.2, 0.9):
        assert binomial_tail(successes, n, share) == pytest.approx(binom.cdf(successes, n, share))
    assert upper_bound(successes, n, 0.05) == pytest.approx(
        beta.ppf(0.95, successes + 1, n - successes), rel=1e-9
    )


def test_a_drop_is_excluded_by_hand() -> None:
    """No disagreement on 1,000 images: at most 0.46 % can disagree, so a drop of 0.5 % is excluded.

    (1 - d)^1000 = 0.01 at d = 0.0046; on 500 images at d = 0.0092.
    """
    assert drop_is_excluded(0, 0, 1000, 0.005)
    assert not drop_is_excluded(0, 0, 500, 0.005)
    assert not drop_is_excluded(20, 0, 1000, 0.005)


def test_the_first_candidate_that_fails_ends_the_search() -> None:
    whole = np.ones(1000, dtype=bool)
    bad = np.zeros(1000, dtype=bool)
    assert cheapest_within([whole, whole, bad, whole], whole, 0.01) == 1
    assert cheapest_within([bad, whole], whole, 0.01) is None


def test_at_most_one_calibration_in_twenty_loses_more_than_was_promised() -> None:
    """1,000 simulated calibrations of 2,000 images: of a network whose candidates lose 0 to 2
    points, those that lose more than 0.5 are chosen in at most 5 %."""
    rng = np.random.default_rng(0)
    n, most = 2000, 0.005
    losses = np.linspace(0, 0.02, 11)  # true drops of the candidates, the most careful first
    won = 0.005
    violated = chosen_any = 0
    for _ in range(1000):
        draws = rng.random(n)
        whole = np.ones(n, dtype=bool)
        whole[rng.random(n) < 0.1] = False
        candidates = []
        for loss in losses:
            # Of all images loss + won are right in the whole network alone, won in the other alone.
            turned = np.where(whole, draws < (loss + won) / 0.9, draws < won / 0.1)
            candidates.append(whole ^ turned)
        chosen = cheapest_within(candidates, whole, most)
        chosen_any += chosen is not None
        violated += chosen is not None and losses[chosen] > most
    assert violated <= 50
    assert chosen_any > 100, "a guarantee that never says yes is not an use"
