"""docs/fidelity.md, `cladenet info --fidelity` and the results say one thing, and of today."""

import json
import re
import shlex
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from cladenet.cli import main
from cladenet.cli.text.fidelity import HEADINGS, line
from cladenet.ledger.fidelity.compared import FILE, MISMATCH, comparisons, read
from cladenet.ledger.fidelity.on_purpose import (
    arguments,
    differences,
    differing,
    unexplained,
)
from cladenet.registry import create_model, find, list_models
from cladenet.weights.sources import SOURCES
from faults.mutations import MUTATIONS
from fidelity_page import PAGE, page
from initial_std import TABLE
from others.fingerprint import fingerprint


def test_the_page_is_made_from_the_files() -> None:
    """`python benchmarks/fidelity_page.py --write` makes it anew."""
    assert PAGE.read_text() == page()


def test_the_results_are_of_known_networks_and_none_differs_without_a_reason() -> None:
    rows = {row.theirs: row for row in comparisons() if not row.is_test}
    assert set(rows) <= set(SOURCES)
    for name, row in rows.items():
        source = SOURCES[name]
        assert (row.ours, dict(row.arguments)) == (source.network, dict(source.arguments))
    assert not [row.theirs for row in comparisons() if "logits" in unexplained(row)]


def test_what_is_known_and_not_compared_is_listed() -> None:
    content, text = json.loads(FILE.read_text()), PAGE.read_text()
    rows = {row.theirs for row in comparisons()}
    assert set(SOURCES) - rows == set(content["missing"])
    assert all(f" {name}," in text for name in content["missing"])


def test_everything_that_the_results_show_to_differ_has_its_reason() -> None:
    assert not [(row.theirs, lacking) for row in comparisons() if (lacking := unexplained(row))]
    assert set(arguments()) == {key for source in SOURCES.values() for key in source.arguments}
    for row in differences():
        assert any(row.is_about(name) for name in list_models()), row


ROWS = {row.theirs: row for row in comparisons()}
# One of each family, and all of them among the slow tests.
QUICK = {find(row.ours).family: name for name, row in ROWS.items() if find(row.ours).macs < 1e9}
OF_TODAY = [
    name if name in QUICK.values() else pytest.param(name, marks=pytest.mark.slow) for name in ROWS
]


@pytest.mark.parametrize("theirs", OF_TODAY)
def test_the_results_are_of_todays_networks(theirs: str) -> None:
    """Else `python benchmarks/same_logits.py --extended --stale` compares them again."""
    row = ROWS[theirs]
    assert row.fingerprint == fingerprint(row.ours, row.arguments)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model.stem[1][0], "eps", 1e-3),
        lambda model: setattr(model.stem[1][0], "momentum", 0.01),
        lambda model: setattr(model.stem[2], "ceil_mode", True),
    ],
)
def test_another_epsilon_momentum_or_pad_is_another_fingerprint(
    change: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint("resnet18")

    def changed(name: str, **arguments: Any) -> Any:
        model = create_model(name, **arguments)
        change(model)
        return model

    monkeypatch.setattr("others.fingerprint.create_model", changed)
    assert fingerprint("resnet18") != before


def test_a_network_tied_to_another_size_has_a_fingerprint_of_its_own() -> None:
    assert fingerprint("alexnet", {"input_size": 67}) != fingerprint("alexnet")


def test_the_command_prints_the_rows_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "resnet50", "--fidelity"]) == 0
    shown = capsys.readouterr().out
    rows = [row for row in comparisons() if row.ours == "resnet50"]
    assert rows
    for row in rows:
        assert " ".join(word for word in line(row) if word) in " ".join(shown.split())
    assert all(heading in shown for heading in HEADINGS)
    for what, *_ in differing("resnet50"):
        assert f"differs       {what}. Here:" in shown
    assert main(["info", "resnet50", "--fidelity", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["fidelity"]
    assert [row["theirs"] for row in facts["compared"]] == [row.theirs for row in rows]
    assert facts["compared"][0]["differences"] == dict(rows[0].differences)


def test_a_network_without_comparison_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "airbench94", "--fidelity"]) == 0
    assert "compared with no other implementation" in capsys.readouterr().out


def test_a_difference_beyond_rounding_is_a_mismatch() -> None:
    content = json.loads(FILE.read_text())
    row = next(row for row in content["pairs"] if row["nominal"]["dtype"] == "float32")
    for mode, dtype in (("odd", "float64"), ("nominal", "float32")):
        for difference, found in ((0.9, ()), (1.1, (mode,)), (float("nan"), (mode,))):
            changed = row | {mode: row[mode] | {"difference": difference * MISMATCH[dtype]}}
            (comparison,) = read({"pairs": [changed], "tests": []})
            assert comparison.mismatches == found


def commands() -> list[str]:
    """Of the last column of the last table of docs/releases.md."""
    rows = (PAGE.parent / "releases.md").read_text().rpartition("\n|---|---|---|\n")[2]
    return [c for row in rows.splitlines() for c in re.findall(r"`([^`]+)`", row.split("|")[3])]


@pytest.mark.parametrize("command", commands())
def test_what_shows_the_state_of_a_release_is_there(command: str) -> None:
    tool, *words = shlex.split(command)
    if tool == "pytest":
        file, *rest = words
        text = (Path(__file__).parent / file).read_text() + str(list(TABLE))
        sought = rest[1].split(" or ") if rest else ["def test_"]
        assert all(word in text for word in sought)
    elif tool == "same_logits":
        assert [name for name in SOURCES if fnmatchcase(name, words[0])]
    elif tool == "python":
        assert [mutation for mutation in MUTATIONS if words[1] in mutation.what]
    else:
        assert main(words) == 0
