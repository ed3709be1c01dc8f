"""Comparisons by real trials: budgets, quartiles, last trainings, resume."""

import json
import re
import shutil
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cladenet.cli import main
from cladenet.errors import BadArgument, DataError, Interrupted, ProcessLost
from cladenet.evaluation.intervals import of_difference, of_mean
from cladenet.search.comparison.carry_out import carry_out, in_its_own_process
from cladenet.search.comparison.curves import Band, band_chart
from cladenet.search.comparison.figures import read_figures
from cladenet.search.comparison.page import render, results_text
from cladenet.search.comparison.plan import Plan, planned, read_plan
from cladenet.search.config import decide, read_config, write_config
from cladenet.search.journal import Journal, read_journal
from cladenet.search.run import JOURNAL
from cladenet.training.signals import StopRequest, stop_requests
from small_search import TRIAL, quiet

OPTIONS = {**TRIAL, "batch": "2", "final_width": "5"}


def without_clock(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Every journal below the folder."""
    return {
        path.parent.name: [
            {k: v for k, v in row.items() if k != "seconds"} for row in read_journal(path)
        ]
        for path in sorted(folder.glob(f"*/{JOURNAL}"))
    }


def test_a_comparison_trains_the_same_for_all_and_goes_on_where_it_was_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole"
    words = [f"{key}={value}" for key, value in OPTIONS.items()]
    arguments = [
        "search",
        "compare",
        "nasnet",
        "--data",
        "digits",
        "--space",
        "edges3",
        "--seeds",
        "1",
    ]
    arguments += ["--trials", "2", "--repeats", "2", "--quiet", "--out", str(whole), *words]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert f"page: {whole / 'comparison.html'}" in printed
    journals = without_clock(whole)
    names = ["nasnet-0", "random-0"]
    assert sorted(journals) == sorted([*names, *(f"{name}-final" for name in names)])
    assert all(sum("tell" in row for row in rows) == 2 for rows in journals.values())
    found = json.loads((whole / "results.json").read_text())["searches"]
    for name in names:
        rows = {row["tell"]: row for row in journals[name] if "tell" in row}
        best = max(rows, key=lambda k: (rows[k]["val"], -k))
        asked = {row["ask"]: row["architecture"] for row in journals[name] if "ask" in row}
        last = journals[f"{name}-final"]
        assert {str(row["architecture"]) for row in last if "ask" in row} == {str(asked[best])}
        assert read_config(whole / f"{name}-final").fidelity.scale.width == 5
        one = found[name[:-2]]["searches"][int(name[-1])]
        assert one["architecture"] == asked[best]
        assert one["last"] == [100 * row["test"] for row in last if "tell" in row]
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "random-0-final")
    for name in ("nasnet-0-final", "random-0"):
        lines = (cut / name / JOURNAL).read_bytes().splitlines(keepends=True)
        (cut / name / JOURNAL).write_bytes(b"".join(lines[:1]) + lines[1][:7])
    assert main(["search", "compare", "--resume", str(cut), "--json", "--quiet"]) == 0
    assert without_clock(cut) == journals
    again = json.loads(capsys.readouterr().out)["searches"]
    assert [one["last"] for one in again["nasnet"]["searches"]] == [
        one["last"] for one in found["nasnet"]["searches"]
    ]
    assert main(arguments) == 7
    assert "compare --resume" in capsys.readouterr().err


def written(
    folder: Path, name: str, seed: int, trials: Sequence[tuple[float, float, float]]
) -> None:
    """A search whose journal has these (val, test, seconds)."""
    method = name.partition("-")[0]
    own = folder / f"{name.replace('-final', '')}-{seed}{'-final' if 'final' in name else ''}"
    own.mkdir()
    write_config(own, decide(method, "digits", space="edges3", trials=len(trials), seed=seed))
    journal = Journal(own / JOURNAL)
    for number, (val, test, seconds) in enumerate(trials):
        cell = ["skip", "conv_1x1", "conv_3x3"] * 2
        cell[0] = ["skip", "conv_3x3"][number % 2]
        journal.append(
            {"ask": number, "architecture": cell, "parent": None, "mutation": "", "notes": {}}
        )
        sizes = {"params": 10, "macs": 20, "failed": None, "attempts": 1}
        journal.append({"tell": number, "val": val, "test": test, "seconds": seconds, **sizes})
    journal.close()


@pytest.fixture
def by_hand(tmp_path: Path) -> tuple[Path, Plan]:
    """Three seeds of aging and of random search, of two trials each."""
    courses = {
        "aging": [  # after one and two trials: 10, 30; 20, 20; 30, 60
            [(0.5, 0.1, 1), (0.6, 0.3, 2)],
            [(0.5, 0.2, 1), (0.4, 0.9, 1)],
            [(0.5, 0.3, 4), (0.6, 0.6, 4)],
        ],
        # 20, 40; 20, 40; 20, 40
        "random": [[(0.3, 0.2, 1), (0.4, 0.4, 2)]] * 3,
    }  # fmt: skip
    for name, seeds in courses.items():
        for seed, trials in enumerate(seeds):
            written(tmp_path, name, seed, trials)
    lasts = {
        "aging": [(0.5, 0.7), (0.4, 0.6), (0.9, 0.8)],
        "random": [(0.5, 0.5), (0.5, 0.7), (0.6, 0.6)],
    }
    for name, pairs in lasts.items():  # two trainings each: means of 60, 50, 85 and 50, 60, 60
        for seed, pair in enumerate(pairs):
            written(tmp_path, f"{name}-final", seed, [(0.1, test, 1.0) for test in pair])
    return tmp_path, planned(["aging"], "digits", 3, space="edges3", trials=2)


def test_courses_follow_validation_and_their_quartiles_are_those_of_the_seeds(
    by_hand: tuple[Path, Plan],
) -> None:
    figures = read_figures(*by_hand)
    assert figures.by_trials("aging") == [
        pytest.approx((15, 20, 25)),  # of 10, 20, 30
        pytest.approx((25, 30, 45)),  # of 30, 20, 60: linear between the middle and its neighbours
    ]
    assert figures.by_trials("random")[-1] == pytest.approx((40, 40, 40))
    assert figures.common_seconds == 2
    # After two seconds: the first has one trial, the second both, the third none.
    assert figures.by_seconds("aging", [2.0]) == [pytest.approx((5, 10, 15))]


def test_what_was_found_is_compared_seed_by_seed_with_intervals(by_hand: tuple[Path, Plan]) -> None:
    """Means 60, 50, 85 against 50, 60, 60: Welch's arithmetic by hand."""
    figures = read_figures(*by_hand)
    assert figures.last("aging") == pytest.approx([60, 50, 85])
    assert figures.last("random") == pytest.approx([50, 60, 60])
    difference = figures.difference("aging")
    assert difference is not None
    value, low, high = difference
    assert value == pytest.approx(65 - 170 / 3)
    # Variances 325 and 100/3, error 119.444, 119.444^2 / (108.333^2/2 + 11.111^2/2) = 2.4 degrees.
    assert (low, high) == pytest.approx(
        (value - 4.303 * 119.4444**0.5, value + 4.303 * 119.4444**0.5)
    )
    assert figures.difference("random") is None


def test_page_and_text_show_what_the_figures_are(by_hand: tuple[Path, Plan]) -> None:
    folder, plan = by_hand
    figures = read_figures(folder, plan)
    page, shown = render(figures, plan), results_text(figures)
    assert page.count('class="bands"') == 2
    assert page.count('<circle class="fill') == 4  # random search is in both plots
    assert "<b>65.00" in page
    assert "30.00 (25.00 45.00)" in shown
    assert "+8.33" in shown


def test_a_band_lies_between_the_quartiles() -> None:
    chart = band_chart("x", [Band("a", [(0, 0, 50, 100), (10, 0, 50, 100)])], "trials")
    outline, middle = (
        [
            float(point.split(",")[1])
            for point in re.findall(rf'{style} n0" points="([^"]*)"', chart)[0].split()
        ]
        for style in ("fill", "median")
    )
    low, high = max(outline), min(outline)  # SVG counts downwards
    assert outline == [low, low, high, high]
    assert middle == pytest.approx([(low + high) / 2] * 2)


def test_what_is_low_at_the_beginning_lies_on_the_axis() -> None:
    """The axis begins at 80, not at 0, and nothing is drawn below it."""
    points = [(0.0, 0.0, 0.0, 0.0), (5.0, 80.0, 85.0, 90.0), (10.0, 80.0, 85.0, 90.0)]
    chart = band_chart("x", [Band("a", points)], "trials")
    heights = [float(y) for y in re.findall(r"\d,([\d.]+)", chart)]
    axis = float(re.findall(r'class="grid"[^>]*y1="([\d.]+)"', chart)[0])
    assert ">80<" in chart
    assert ">0<" in chart  # of the other axis
    assert chart.count(">0<") == 1
    assert max(heights) == axis


def test_means_of_seeds_have_students_interval() -> None:
    assert of_mean([1.0, 2.0, 3.0]) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5))
    assert of_mean([5.0]) == (-float("inf"), float("inf"))
    # Equal variances and sizes: Student's own interval of four degrees of freedom.
    reach = 2.776 * (2 / 3) ** 0.5
    assert of_difference([4.0, 5.0, 6.0], [1.0, 2.0, 3.0]) == pytest.approx((3 - reach, 3 + reach))


class OnceItListens(StopRequest):
    """A signal that comes when a file is there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def number(self) -> int:  # type: ignore[override]
        return int(signal.SIGTERM) if self.path.exists() else 0


def waiting(path: Path) -> None:
    with stop_requests() as stop:
        path.touch()
        while not stop.number:
            time.sleep(0.01)
    raise Interrupted("ended in order", stop.number)


def deaf(path: Path) -> None:
    path.touch()
    time.sleep(60)


def refused() -> None:
    raise DataError("the data is at fault")


def dead() -> None:
    signal.raise_signal(signal.SIGKILL)


def test_a_process_hands_signals_on_and_errors_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cladenet.search.comparison.carry_out.POLL", 0.02)
    in_its_own_process(int, StopRequest())
    with pytest.raises(DataError, match="the data is at fault"):
        in_its_own_process(refused, StopRequest())
    with pytest.raises(ProcessLost, match="resume the comparison"):
        in_its_own_process(dead, StopRequest())
    path = tmp_path / "listens"
    with pytest.raises(Interrupted, match="ended in order"):
        in_its_own_process(partial(waiting, path), OnceItListens(path))
    path = tmp_path / "does not"
    with pytest.raises(Interrupted, match="before the search began"):
        in_its_own_process(partial(deaf, path), OnceItListens(path))


def test_a_comparison_that_is_stopped_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes before the first search; the comparison is there to be resumed."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line == "random-0: search 1 of 1":
            signal.raise_signal(signal.SIGTERM)

    plan = planned(["random"], "digits", 1, space="edges3", trials=2, options=TRIAL)
    with pytest.raises(Interrupted, match=r"compare --resume .*c`"):
        carry_out(plan, tmp_path / "c", say=say)
    assert read_plan(tmp_path / "c") == plan
    page, _ = carry_out(None, tmp_path / "c", say=quiet)
    assert page.exists()


def test_each_search_takes_the_options_that_it_has_and_all_the_rest() -> None:
    plan = planned(["aging", "nasnet"], "digits", 1, options={"sample": "2", "epochs": "9"})
    assert [config.space for configs in plan.searches.values() for config in configs] == [
        "amoebanet"
    ] * 3
    assert plan.searches["aging"][0].numbers["sample"] == 2
    assert "sample" not in plan.searches["nasnet"][0].numbers
    assert {c[0].fidelity.recipe.epochs for c in plan.searches.values()} == {9}


def test_enas_trains_the_best_of_its_candidates_and_no_more() -> None:
    assert decide("enas_micro", "digits", options={"retrain": "5"}).trials == 5
    with pytest.raises(BadArgument, match="draws 10 candidates and trains the best"):
        decide("enas_micro", "digits", trials=11)
    plan = planned(["enas_micro", "aging"], "digits", 1, trials=20)
    assert {name: configs[0].trials for name, configs in plan.searches.items()} == {
        "enas_micro": 3,
        "aging": 20,
        "random": 20,
    }


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--data", "digits"], 2, "name the searches"),
        (["aging", "--data", "digits", "--seeds", "-1"], 2, "seeds is -1"),
        (["aging", "--data", "digits", "--repeats", "0"], 2, "repeats is 0"),
        (["aging", "--data", "digits", "final_population=3"], 2, "numbers of the search"),
        (["aging", "--data", "digits", "final_epoch=3"], 2, "a search has no option 'epoch'"),
        (["aging", "--data", "digits", "populaton=3"], 2, "a search has no option 'populaton'"),
        (["enas_micro", "--data", "digits", "--space", "dna"], 2, "it cannot search dna"),
        (["nasnet", "--data", "digits", "--space", "dna"], 2, "has no such number"),
        (["--resume", "nowhere"], 4, "holds no comparison"),
        (["aging", "population=5"], 2, "on a table nothing is trained"),
        (["aging", "--data", "digits", "--table", "x.npz"], 2, "leave out --table"),
        (["aging", "--table", "x.npz"], 3, "x.npz is missing"),
        (["aging", "--resume", "nowhere"], 2, "begin another comparison"),
        (["aging", "--data", "digits", "--workers", "0"], 2, "workers is 0"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_leaves_nothing(
    arguments: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", "compare", *arguments]) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*"))
