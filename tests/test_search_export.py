"""What a search has found: networks by name, and the page."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cladenet
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.models.amoebanet import NORMAL_A
from cladenet.models.cells import as_cell, cell_text
from cladenet.models.enas import MACRO_ARC, read_arc
from cladenet.models.macro_network import OPERATIONS, read_layers
from cladenet.search.config import decide
from cladenet.search.export import exported
from cladenet.search.page.graphs import graphs_of
from cladenet.search.page.history import read_history
from cladenet.search.page.page import render
from cladenet.search.run import JOURNAL, search
from cladenet.search.spaces.named import space_named
from cladenet.search.spaces.space import Scale
from small_search import SEARCH

TINY = {**SEARCH, "batch_size": "64"}


@pytest.mark.parametrize("name", ["amoebanet", "nasnet", "enas_micro", "enas_macro", "dna"])
def test_an_exported_network_is_the_one_that_was_trained(name: str) -> None:
    """The same parameters and, with the same weights, the same logits."""
    space, rng = space_named(name), np.random.default_rng(3)
    architecture = space.random(rng)
    made = exported(space, architecture, Scale(n=1, width=4))
    arguments = json.loads(json.dumps(made.arguments))  # as a checkpoint keeps them
    torch.manual_seed(0)
    trained = space.build(architecture, Scale(n=1, width=4)).eval()
    found = cladenet.create_model(made.network, **arguments).eval()
    found.load_state_dict(trained.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(found(x), trained(x))


def test_toys_have_no_name() -> None:
    space = space_named("edges3")
    with pytest.raises(BadArgument, match="no name to build them by"):
        exported(space, space.random(np.random.default_rng(0)), Scale())


def test_cells_and_layers_are_read_from_their_texts() -> None:
    assert as_cell("; ".join(cell_text(NORMAL_A))) == NORMAL_A
    assert read_layers(MACRO_ARC.replace("\n", "; ")) == read_arc(MACRO_ARC, OPERATIONS)


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        ("nasnet_a_cifar", {"normal": "nonsense"}, "Expected lines such as"),
        (
            "nasnet_a_cifar",
            {"normal": "s2 = none(s2) + none(s0); out = concat(s2)"},
            "before it is",
        ),
        ("nasnet_a_cifar", {"normal": "s2 = foo(s0) + none(s0); out = concat(s2)"}, "called 'foo'"),
        ("enas_macro_cifar", {"layers": "0; 9 1; 0"}, "Expected parts such as"),
        ("lse_initial_cifar", {"dna": {"vertices": []}}, "expected learning_rate and vertices"),
        ("found:nothing", {}, "no found network is called 'nothing'"),
        ("found:../x y", {}, "is missing"),
    ],
)
def test_what_is_no_architecture_is_refused(network: str, arguments: Any, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        cladenet.create_model(network, **arguments)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny search by evolution, and one at random beside it."""
    folder = tmp_path_factory.mktemp("searches")
    for method in ("random", "evolution"):
        own = {k: v for k, v in TINY.items() if method == "evolution" or k not in ("population",)}
        own = {k: v for k, v in own.items() if k not in ("sample", "width")}
        own |= {"steps": "2"} if method == "evolution" else {}
        own.pop("epochs" if method == "evolution" else "", None)
        config = decide(method, "digits", space="dna", trials=8, options=own)
        search(config, folder / method, say=lambda line: None)
    return folder


def test_a_found_network_trains_by_its_name_at_any_scale(
    searched: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", "export", str(searched / "evolution"), "--name", "oak"]) == 0
    assert "found:oak is lse_initial_cifar" in capsys.readouterr().out
    assert main(["search", "export", str(searched / "evolution"), "--name", "oak"]) == 2
    assert "exists already" in capsys.readouterr().err
    kept = json.loads((tmp_path / "networks" / "oak.json").read_text())
    history = read_history(searched / "evolution", JOURNAL)
    assert history.best is not None
    assert kept["search"]["trial"] == history.best.number
    model = cladenet.create_model("found:oak", num_classes=4, in_channels=1)
    assert model(torch.zeros(2, 1, 12, 12)).shape == (2, 4)
    run = cladenet.train("found:oak", "digits", out="run", steps=2, size=8, quiet=True)
    assert run.evaluation.n == 355
    (tmp_path / "networks" / "oak.json").unlink()
    again = cladenet.load("run").model  # the checkpoint needs the file no more
    assert type(again).__name__ == "EvolvedNetwork"


def test_the_page_shows_course_descent_and_the_best(searched: Path) -> None:
    page = (searched / "evolution" / "search.html").read_text()
    history = read_history(searched / "evolution", JOURNAL)
    assert history.best is not None
    assert "Large-scale evolution on digits" in page
    assert f"Trial {history.best.number}: validation accuracy" in page
    parents = sum(trial.parent is not None for trial in history.trials)
    descent = page[page.index('class="descent"') :]
    assert len(re.findall(r"<circle", descent)) == len(history.trials) == 8
    assert len(re.findall(r"<path", descent)) == parents == 5
    assert "<script" not in page
    assert "http" not in page
    vals = [y for _, y in history.course()]
    assert vals == sorted(vals)


def test_a_random_search_beside_it_is_drawn_too(searched: Path, tmp_path: Path) -> None:
    random = read_history(searched / "random", JOURNAL)
    history = read_history(searched / "evolution", JOURNAL)
    assert page_lines(render(history)) == ["evolution"]
    assert page_lines(render(history, random)) == ["evolution", "random"]
    assert page_lines(render(random)) == ["random"]


def page_lines(page: str) -> list[str]:
    """Names at the ends of the curves."""
    return sorted(re.findall(r'<text class="label \w+"[^>]*>(\w+)</text>', page))


@pytest.mark.parametrize(
    "name", ["amoebanet", "nasnet", "enas_micro", "enas_macro", "dna", "edges3"]
)
def test_every_operation_is_an_edge_of_the_drawing(name: str) -> None:
    space, rng = space_named(name), np.random.default_rng(5)
    for graph in graphs_of(space, space.random(rng)):
        reached = {0} | {edge.target for edge in graph.edges}
        assert all(edge.source < edge.target for edge in graph.edges)
        assert reached >= set(range(2, len(graph.nodes)))
        if name == "amoebanet":
            assert sum(bool(edge.label) for edge in graph.edges) == 10
