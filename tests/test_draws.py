import numpy as np
import pytest
from scipy.stats import chi2, chisquare

from cladenet.data.augment.draws import absorb, permutation, sample_seeds, step_seed, uniform

N = 40_000


def test_the_generator_is_splitmix64() -> None:
    """Its first outputs for the seed 1234567, as published with the reference code in C."""
    state = np.array([1234567], dtype=np.uint64)
    assert absorb(state, np.arange(5)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_draws_do_not_change_between_releases() -> None:
    """A run that is resumed by a newer version must see the same images."""
    draws = uniform(7, 3, [0, 1, 49_999], 2, "crop")
    assert draws.tolist() == [
        [0.02440113998291482, 0.3182938899245764],
        [0.020909842815220347, 0.8690954895396865],
        [0.3973192147502389, 0.5347671586477416],
    ]
    assert permutation(7, 3, 10).tolist() == [6, 3, 7, 8, 4, 9, 5, 1, 0, 2]
    assert step_seed(7, 1000, 1) == 229399024833401256


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (1, 0), (0, 1), (2**63, 10_000), (-1, 3)])
def test_draws_are_uniform(seed: int, epoch: int) -> None:
    draws = uniform(seed, epoch, np.arange(N), 2, "crop")
    assert draws.min() >= 0
    assert draws.max() < 1
    for column in draws.T:
        counts = np.histogram(column, bins=100, range=(0, 1))[0]
        assert chisquare(counts).pvalue > 1e-4


def neighbours() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    def draw(seed: int = 5, epoch: int = 5, first: int = 0, purpose: str = "crop") -> np.ndarray:
        return uniform(seed, epoch, np.arange(first, first + N), 2, purpose)

    here = draw()
    return {
        "seeds": (here[:, 0], draw(seed=6)[:, 0]),
        "epochs": (here[:, 0], draw(epoch=6)[:, 0]),
        "samples": (here[:, 0], draw(first=1)[:, 0]),
        "draws": (here[:, 0], here[:, 1]),
        "purposes": (here[:, 0], draw(purpose="flip")[:, 0]),
        "seed and epoch exchanged": (draw(seed=6)[:, 0], draw(epoch=6)[:, 0]),
    }


@pytest.mark.parametrize("which", list(neighbours()))
def test_neighbours_are_independent(which: str) -> None:
    """Chi-square of the joint counts in 16 x 16 cells."""
    first, second = neighbours()[which]
    counts = np.histogram2d(first, second, bins=16, range=[[0, 1], [0, 1]])[0]
    statistic = ((counts - N / 256) ** 2 / (N / 256)).sum()
    assert chi2.sf(statistic, 255) > 1e-4


def test_each_bit_of_a_sample_number_changes_half_of_the_bits() -> None:
    samples = np.arange(2000)
    before = sample_seeds(0, 0, samples, "crop")
    for bit in range(16):
        changed = before ^ sample_seeds(0, 0, samples ^ (1 << bit), "crop")
        share = np.unpackbits(changed.view(np.uint8)).mean()
        assert share == pytest.approx(0.5, abs=0.01)


def test_a_sample_draws_the_same_in_any_company() -> None:
    together = uniform(1, 2, np.arange(100), 5, "crop")
    np.testing.assert_array_equal(uniform(1, 2, [42], 5, "crop"), together[[42]])
    np.testing.assert_array_equal(uniform(1, 2, np.arange(100), 2, "crop"), together[:, :2])


def test_a_permutation_holds_each_sample_once_and_is_new_each_epoch() -> None:
    first, second = permutation(0, 0, 1000), permutation(0, 1, 1000)
    assert sorted(first.tolist()) == list(range(1000))
    assert (first == second).sum() < 20  # one on average


def test_each_sample_is_equally_often_at_each_place() -> None:
    places = np.array([permutation(3, epoch, 8) for epoch in range(4000)])
    for place in places.T:
        assert chisquare(np.bincount(place, minlength=8)).pvalue > 1e-5


def test_step_seeds_differ_between_seeds_steps_and_ranks() -> None:
    seeds = {
        step_seed(seed, step, rank)
        for seed in range(10)
        for step in range(100)
        for rank in range(8)
    }
    assert len(seeds) == 8000
    assert min(seeds) >= 0
    assert max(seeds) < 2**63
