"""Large-scale evolution: pairs, and weights that are handed down."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cladenet.search.config import WEIGHTS, decide
from cladenet.search.journal import ask_row, proposal_of, read_journal
from cladenet.search.oracles.simple import NoisyOnes
from cladenet.search.run import JOURNAL, search
from cladenet.search.searchers.large_scale import LargeScaleEvolution
from cladenet.search.spaces.bits import Bits
from cladenet.search.spaces.dna import Dna
from cladenet.search.spaces.dna_mutations import MUTATIONS
from cladenet.search.spaces.space import Scale
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.train import inherit
from cladenet.search.trials.work import Job, TrainTrials, recipe_for

TINY = {
    "population": "3",
    "size": "8",
    "train_images": "64",
    "val_images": "50",
    "test_images": "40",
    "batch_size": "16",
    "steps": "3",
}


def test_of_a_pair_the_worse_leaves_when_it_is_drawn_and_the_better_has_a_child() -> None:
    searcher = LargeScaleEvolution(Bits(8), 0, population=2)
    for number, val in enumerate((0.3, 0.6)):
        searcher.ask(number)
        searcher.tell(number, val)
    proposal = searcher.ask(2)
    assert proposal is not None
    assert (proposal.parent, proposal.notes["left"]) == (1, 0)
    assert [one.number for one in searcher.population] == [1]
    assert searcher.ask(3) is None  # one individual is no pair
    searcher.tell(2, 0.1)
    assert [one.number for one in searcher.population] == [1, 2]


def test_a_failed_child_brings_back_who_left_for_it() -> None:
    searcher = LargeScaleEvolution(Bits(8), 0, population=2)
    for number in range(2):
        searcher.ask(number)
        searcher.tell(number, 0.1 * number)
    searcher.ask(2)
    assert searcher.needed() == {0, 1}
    searcher.tell(2, None)
    assert {one.number for one in searcher.population} == {0, 1}


def test_evolution_climbs_and_its_journal_makes_the_same_population() -> None:
    first, again = (LargeScaleEvolution(Bits(20), 1, population=10) for _ in range(2))
    oracle = NoisyOnes(noise=0.0)
    for number in range(150):
        proposal = first.ask(number)
        assert proposal is not None
        again.restore(number, proposal_of(ask_row(number, proposal)))
        for searcher in (first, again):
            searcher.tell(number, oracle.truth(proposal.architecture))
    assert first.population == again.population
    assert len(first.population) == 10
    assert np.mean([one.val for one in first.population]) > 0.8


def grown() -> Any:
    space, rng = Dna(), np.random.default_rng(0)
    architecture = space.first()
    for name in ("insert-convolution", "insert-convolution", "insert-one-to-one"):
        architecture = MUTATIONS[name][1](architecture, rng)
    return architecture


@pytest.mark.parametrize("mutation", ["identity", "insert-one-to-one", "reset-weights"])
def test_a_child_has_the_weights_of_what_it_has_kept(tmp_path: Path, mutation: str) -> None:
    space, parent = Dna(), grown()
    config = decide("evolution", "digits", options=TINY)
    work = TrainTrials(space, open_trial_data("digits", config.fidelity), config.fidelity, tmp_path)
    torch.manual_seed(0)
    model = space.build(parent, Scale(in_channels=1))
    work._hand_down(Job(0, parent, None, 0), model)
    child = MUTATIONS[mutation][1](parent, np.random.default_rng(3))
    torch.manual_seed(1)
    grown_child = space.build(child, Scale(in_channels=1))
    kept = inherit(grown_child, work._inherited(Job(1, child, 0, 0)) or {})
    tensors, old = grown_child.state_dict(), model.state_dict()
    if mutation == "reset-weights":
        assert kept == []
    else:  # a vertex that brings its input along has no tensors but its norm's
        assert set(tensors) - set(kept) <= {k for k in tensors if "activations" in k}
        assert len(kept) == len(old)
    values = {tuple(value.flatten().tolist()) for value in old.values()}
    assert all(tuple(tensors[name].flatten().tolist()) in values for name in kept)
    before = {name: value.clone() for name, value in old.items()}
    with torch.no_grad():
        for value in tensors.values():
            value.add_(1)
    assert all(torch.equal(old[name], before[name]) for name in old), "shared with the parent"


def test_tensors_of_another_shape_begin_anew() -> None:
    space, parent = Dna(), grown()
    wider = MUTATIONS["alter-number-of-channels"][1](parent, np.random.default_rng(1))
    wide = space.build(wider, Scale(in_channels=1))
    old = space.build(parent, Scale(in_channels=1)).state_dict()
    expected = {name for name, value in wide.state_dict().items() if value.shape == old[name].shape}
    assert set(inherit(wide, old)) == expected < set(old)


def test_the_learning_rate_is_a_gene() -> None:
    config = decide("evolution", "digits", options=TINY)
    architecture = {**Dna().first(), "learning_rate": 0.37}
    assert recipe_for(Dna(), architecture, config.fidelity.recipe).lr == 0.37
    assert recipe_for(Bits(), "0", config.fidelity.recipe).lr == config.fidelity.recipe.lr


def test_a_search_keeps_the_weights_of_the_living_alone(tmp_path: Path) -> None:
    config = decide("evolution", "digits", trials=9, options=TINY)
    found = search(config, tmp_path, say=lambda line: None)
    rows = list(read_journal(tmp_path / JOURNAL))
    assert [row["mutation"] for row in rows if "ask" in row][:3] == ["first"] * 3
    assert all(row["parent"] is not None for row in rows if row.get("ask", 0) >= 3)
    searcher = found.state.searcher
    assert isinstance(searcher, LargeScaleEvolution)
    files = {int(path.stem) for path in (tmp_path / WEIGHTS).glob("*.safetensors")}
    assert files == searcher.needed() == {one.number for one in searcher.population}
    assert len(files) == 3
