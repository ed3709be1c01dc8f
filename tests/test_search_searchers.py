"""Searchers: what the papers print, and that a search is a function of its seed and history."""

from typing import Any

import numpy as np
import pytest

from cladenet.search.journal import ask_row, proposal_of
from cladenet.search.oracles.simple import NoisyOnes, Target
from cladenet.search.searchers.aging import AgingEvolution
from cladenet.search.searchers.random_search import RandomSearch
from cladenet.search.searchers.searcher import Searcher
from cladenet.search.spaces.bits import Bits
from cladenet.search.spaces.cell_pairs import CellPairs


def best_of(searcher: Searcher, oracle: Any, trials: int) -> float:
    """True score of the architecture that was measured best."""
    found = []
    for number in range(trials):
        proposal = searcher.ask(number)
        assert proposal is not None
        val = oracle.val(number, proposal.architecture)
        searcher.tell(number, val)
        found.append((val, oracle.truth(proposal.architecture)))
    return max(found)[1]


def test_aging_evolution_finds_what_random_search_does_not() -> None:
    """100 bits, noise 0.01, 1,000 models: 0.943 and 0.653 by an independent implementation."""
    aging = [best_of(AgingEvolution(Bits(), s), NoisyOnes(seed=s), 1_000) for s in range(4)]
    random = [best_of(RandomSearch(Bits(), s), NoisyOnes(seed=s), 1_000) for s in range(4)]
    assert 0.88 < np.mean(aging) < 0.98
    assert 0.61 < np.mean(random) < 0.72


@pytest.mark.slow
def test_the_twin_without_age_is_as_good_on_bits() -> None:
    twin = [
        best_of(AgingEvolution(Bits(), s, aging=False), NoisyOnes(seed=s), 1_000) for s in (0, 1)
    ]
    assert 0.88 < np.mean(twin) < 0.98


def test_the_oldest_by_birth_leaves_whatever_ends_first() -> None:
    searcher = AgingEvolution(Bits(8), 0, population=3, sample=2)
    for number in range(5):
        searcher.ask(number)
    for number in (4, 2, 3):
        searcher.tell(number, 0.5)
    assert {one.number for one in searcher.population} == {2, 3, 4}
    searcher.tell(0, 0.99)  # older than all: it leaves at once, however good
    assert {one.number for one in searcher.population} == {2, 3, 4}
    searcher.ask(5)
    searcher.tell(5, 0.1)
    assert {one.number for one in searcher.population} == {3, 4, 5}


def test_a_sample_may_be_larger_than_the_population() -> None:
    """Drawn with replacement: 25 of 3."""
    searcher = AgingEvolution(Bits(8), 0, population=3, sample=25)
    assert best_of(searcher, NoisyOnes(noise=0.0), 40) > 0.5
    assert len(searcher.population) == 3


def test_only_parents_that_are_alive_have_children() -> None:
    searcher = AgingEvolution(Bits(20), 1, population=5, sample=3)
    for number in range(60):
        alive = {one.number for one in searcher.population}
        proposal = searcher.ask(number)
        assert proposal is not None
        assert (proposal.parent in alive) == (number >= 5) == (proposal.mutation == "bit")
        searcher.tell(number, NoisyOnes(noise=0.0).truth(proposal.architecture))


def test_failed_trials_join_nothing_and_others_take_their_place() -> None:
    searcher = AgingEvolution(Bits(8), 0, population=4, sample=2)
    for number in range(12):
        proposal = searcher.ask(number)
        assert proposal is not None
        assert (proposal.parent is None) == (number < 8)  # every other one fails
        searcher.tell(number, 0.5 if number % 2 else None)
    assert len(searcher.population) == 4


@pytest.mark.parametrize("aging", [True, False])
def test_a_journal_read_again_makes_the_same_searcher(aging: bool) -> None:
    """With trials that end in another order than they began, and some that fail."""
    space, rng = CellPairs("amoebanet"), np.random.default_rng(0)
    oracle = Target(space, space.random(rng))

    def fresh() -> AgingEvolution:
        return AgingEvolution(space, 3, population=6, sample=3, aging=aging)

    first, events, running = fresh(), list[tuple[str, int, Any]](), list[tuple[int, float]]()
    for number in range(50):
        proposal = first.ask(number)
        assert proposal is not None
        events.append(("ask", number, ask_row(number, proposal)))
        running.append((number, oracle.val(number, proposal.architecture)))
        while len(running) > 3:
            told, val = running.pop(int(rng.integers(len(running))))
            first.tell(told, None if told % 9 == 8 else val)
            events.append(("tell", told, None if told % 9 == 8 else val))
    again = fresh()
    for kind, number, value in events:
        if kind == "ask":
            again.restore(number, proposal_of(value))
        else:
            again.tell(number, value)
    assert again.population == first.population
    assert again.ask(50) == first.ask(50)
