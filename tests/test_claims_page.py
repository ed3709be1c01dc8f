"""docs/claims.md is made from the results, and the results are of today's claims."""

import json
import re
from itertools import pairwise
from math import inf
from typing import Any

import pytest

from cladenet.experiments.claims import CLAIMS
from cladenet.experiments.differences import Difference, difference, paired_difference
from cladenet.experiments.measures import MEASURES
from cladenet.experiments.outcome import Compared, Outcome, from_json
from cladenet.experiments.plot import plot
from claims_page import DOCS, RESULTS, files, page

STORED: dict[str, Any] = json.loads(RESULTS.read_text())
FOUND = {name: from_json(json.dumps(one)) for name, one in STORED["claims"].items()}


def test_the_page_and_its_plots_are_made_from_the_results() -> None:
    """`python benchmarks/claims_page.py` makes them anew."""
    made = files(STORED)
    assert {path: (DOCS / path).read_text() for path in made} == made
    plots = {f"claims/{path.name}" for path in (DOCS / "claims").iterdir()}
    assert plots == made.keys() - {"claims.md"}


@pytest.mark.parametrize("name", FOUND)
def test_results_are_of_the_claims_of_today(name: str) -> None:
    found, claim = FOUND[name], CLAIMS[name]
    assert found.claim == name
    assert 2 <= found.seeds <= claim.seeds
    assert found.seconds > 0
    stated = [(one.better, one.worse, one.measure, one.printed, one.margin)
              for one in found.compared]  # fmt: skip
    assert stated == [tuple(comparison) for comparison in claim.comparisons]
    for one in found.compared:
        assert {len(figures) for figures in one.figures.values()} == {found.seeds}
        compare = paired_difference if one.paired else difference
        better, worse = one.figures[one.better], one.figures[one.worse]
        assert one.difference == compare(better, worse, MEASURES[one.measure].lower)


def test_no_place_of_a_machine_is_published() -> None:
    assert not re.search(r"/(work|tmp|home|root)/", RESULTS.read_text())


def test_the_page_counts_and_links() -> None:
    text = (DOCS / "claims.md").read_text()
    for name in FOUND:
        assert f"[{name}](#{name})" in text
        assert f"\n## {name}\n" in text
        assert f"](claims/{name}.svg)" in text
    waiting = text.partition("## Not run yet")[2]
    assert all((f"| {name} |" in waiting) != (name in FOUND) for name in CLAIMS)


def test_a_plot_has_a_dot_for_each_seed_and_escapes_names() -> None:
    compared = Compared(
        "a & b", "<c>", "error", "", 0.0, {"a & b": [1.0, 2.0], "<c>": [3.0, 4.0, 5.0]},
        Difference(2.5, 1.0, 4.0), False,
    )  # fmt: skip
    drawn = plot(Outcome("depth", "laptop", "digits", 3, 1.0, (compared,)))
    assert drawn.count("<circle") == 5
    assert "a &amp; b" in drawn
    assert "&lt;c&gt;" in drawn
    spots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn)]
    steps = [b - a for a, b in pairwise(spots)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.11)  # 1 to 5 in equal steps
    nothing = Compared("a", "b", "error", "", 0.0, {"a": [], "b": []}, None, False)
    assert plot(Outcome("depth", "laptop", "digits", 3, 0.0, (nothing,))) == ""
    same = Compared("a", "b", "error", "", 0.0, {"a": [0.0], "b": [0.0]},
                    Difference(0, -inf, inf), False)  # fmt: skip
    assert plot(Outcome("depth", "laptop", "digits", 1, 1.0, (same,))).count("<circle") == 2


def test_a_claim_that_is_not_seen_has_its_likely_reason() -> None:
    machine = {"processor": "a processor", "torch": "2"}
    compared = Compared(
        "plain, 10", "plain, 50", "training loss", "", 0.0,
        {"plain, 10": [1.0, 3.0], "plain, 50": [2.0, 1.0]}, Difference(-0.5, -3, 2), False,
    )  # fmt: skip
    outcome = Outcome("degradation", "laptop", "digits", 2, 60.0, (compared,))
    text = page({"degradation": outcome}, machine, {"degradation": "a processor"})
    assert f"Likely reason: {CLAIMS['degradation'].if_not}." in text
    assert "-0.5 (-3 to +2)" in text
    assert f"Of {len(CLAIMS)} claims 1 have been run: 0 seen, 1 not at this size" in text
