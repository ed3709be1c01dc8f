"""450 workers in simulated time, and searches side by side on the exact table."""

import numpy as np
import pytest

from cladenet.errors import BadArgument
from cladenet.search.architecture import Architecture
from cladenet.search.comparison.on_table import compare, table_text
from cladenet.search.comparison.ranks import rank_correlation
from cladenet.search.oracles.simple import NoisyOnes
from cladenet.search.oracles.table import ExactTable
from cladenet.search.searchers.aging import AgingEvolution
from cladenet.search.searchers.large_scale import LargeScaleEvolution
from cladenet.search.searchers.random_search import RandomSearch
from cladenet.search.simulation.events import simulate
from cladenet.search.spaces.bits import Bits
from cladenet.search.spaces.edge_cells import isomorphic_key
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.fidelity import DIGITS
from cladenet.search.trials.train import train_candidate


def one_second(_number: int, _architecture: Architecture) -> float:
    return 1.0


def drawn(number: int, _architecture: Architecture) -> float:
    """Trials whose lengths differ by a factor of ten now and then."""
    return float(np.random.default_rng(number).lognormal(0.0, 0.8))


def test_equal_trials_keep_all_workers_busy() -> None:
    """900 trials of a second on 450 workers: two seconds, by hand."""
    found = simulate(RandomSearch(Bits(8), 0), NoisyOnes(), 450, 900, one_second)
    assert found.makespan == 2.0
    assert found.speed_up == 450
    assert found.idle == 0
    assert set(found.lateness) == {0}


def test_one_worker_is_the_search_without_simulation() -> None:
    oracle = NoisyOnes(noise=0.0)
    found = simulate(AgingEvolution(Bits(20), 3, 10, 5), oracle, 1, 100, drawn)
    searcher, best = AgingEvolution(Bits(20), 3, 10, 5), 0.0
    for number in range(100):
        proposal = searcher.ask(number)
        assert proposal is not None
        val = oracle.val(number, proposal.architecture)
        searcher.tell(number, val)
        best = max(best, val)
    assert found.val[-1] == best
    assert found.speed_up == pytest.approx(1.0)


@pytest.mark.slow
def test_with_450_workers_the_population_is_the_youngest_by_birth() -> None:
    """Not those that ended last: at any time the P highest numbers of all that have ended."""
    searcher = AgingEvolution(Bits(30), 0, 100, 25)
    ended: list[int] = []
    tell, differs = searcher.tell, 0

    def watched(number: int, val: float | None) -> None:
        nonlocal differs
        tell(number, val)
        ended.append(number)
        alive = {one.number for one in searcher.population}
        assert alive == set(sorted(ended)[-100:])
        differs += alive != set(ended[-100:])

    searcher.tell = watched  # type: ignore[method-assign]
    found = simulate(searcher, NoisyOnes(), 450, 2_500, drawn)
    assert differs > 500  # so that the order of ends would have shown
    assert max(found.lateness) > 450
    longest = max(drawn(number, None) for number in range(2_500))
    # Graham 1966: whoever is free takes the next one.
    assert found.work / 450 <= found.makespan <= found.work / 450 + longest


def test_a_pair_that_is_not_there_makes_workers_wait() -> None:
    """Large-scale evolution with as many workers as individuals: some wait for the first two."""
    found = simulate(LargeScaleEvolution(Bits(8), 0, 4), NoisyOnes(), 8, 60, drawn)
    assert sorted(number for _, number in found.ends) == list(range(60))
    assert found.idle > 0


def test_the_exact_table_is_whole_and_tells_cells_apart() -> None:
    table = ExactTable()
    cells = table.space.all()
    assert table.truths.shape == (729,)
    assert table.table.networks == len({isomorphic_key(cell) for cell in cells}) == 484
    assert table.table.trainings >= 484
    assert [table.index(cell) for cell in cells] == list(range(729))
    assert table.truth(["skip"] * 6) < 0.5 < table.optimum
    vals = [table.val(k, cell) for k, cell in enumerate(cells)]
    assert rank_correlation(vals, table.truths.tolist()) > 0.6


def test_a_row_of_the_table_is_what_training_gives() -> None:
    """The cheapest network, trained here: within what its seeds differ by."""
    table, data = ExactTable(), open_trial_data("digits", DIGITS)
    cell = ["skip"] * 6
    score = train_candidate(table.space, cell, data, DIGITS, 0).score
    assert abs((score.test or 0.0) - table.truth(cell)) < 0.1


def test_evolution_has_less_regret_than_random_search() -> None:
    found = {one.method: one for one in compare(["aging"], seeds=6, trials=150)}
    assert set(found) == {"aging", "random"}
    assert found["aging"].regrets.shape == (6, 150)
    assert (np.diff(found["random"].regrets) >= -1).all()
    assert found["aging"].quartiles(150)[1] <= found["random"].quartiles(150)[1]
    assert "150 trials" in table_text(list(found.values()))
    again = compare(["aging"], seeds=2, trials=150)[0]
    assert (again.regrets == found["aging"].regrets[:2]).all()


def test_what_no_table_has_is_refused() -> None:
    with pytest.raises(BadArgument, match="weights that are shared"):
        compare(["enas_micro"], 1, 10)
    with pytest.raises(BadArgument, match="seeds is 0"):
        compare(["aging"], 0, 10)


def test_kendalls_tau_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = rng.integers(6, size=30).tolist(), rng.integers(9, size=30).tolist()
        assert rank_correlation(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)
    with pytest.raises(BadArgument, match="no order"):
        rank_correlation([1, 1], [1, 2])
