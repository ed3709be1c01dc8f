"""Claims as experiments: every network of a claim exists, and verdicts follow from intervals."""

import json
import subprocess
from dataclasses import replace
from math import inf, log
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import cladenet.experiments.pool as pool
import cladenet.experiments.scores as scores
from cladenet.checkpoints import load
from cladenet.cli import main
from cladenet.data.dataset import Split
from cladenet.errors import BadArgument, DataError, Diverged
from cladenet.evaluation.intervals import T
from cladenet.experiments.claim import SCALES, Arm, Claim, Comparison, Scale
from cladenet.experiments.claims import CLAIMS
from cladenet.experiments.differences import Difference, difference, paired_difference
from cladenet.experiments.diverged import keep
from cladenet.experiments.measures import MEASURES
from cladenet.experiments.outcome import from_json, outcome, to_json
from cladenet.experiments.run import find_claims
from cladenet.experiments.scores import response, score
from cladenet.experiments.subject import subjects
from cladenet.experiments.trial import Trial, trials
from cladenet.recipes import RECIPES
from cladenet.registry import accepts, find
from cladenet.runs.evaluate.evaluate_run import evaluate
from cladenet.runs.evaluate.scored import opened, scored
from cladenet.runs.folder.config import option_kinds
from cladenet.runs.train.train_run import train

TINY = Claim(
    "tiny",
    "A rate above 0 learns more than one of 0.",
    "arithmetic",
    (Arm("learns", "lenet5_relu", {"lr": 0.05}), Arm("stays", "lenet5_relu", {"lr": 1e-9})),
    (Comparison("learns", "stays", "training loss"),),
    {"size": 32, "epochs": 1, "val": 0.5, "recipe": "lenet", "precision": "fp32"},
    laptop_data="digits",
    seeds=2,
)


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_training_of_a_claim_can_be_asked_for(claim: Claim, scale: Scale) -> None:
    options = option_kinds()
    for trial in trials(claim, scale, 1):
        assert find(trial.network)
        assert trial.recipe in ("paper", "default", *RECIPES)
        assert trial.recipe != "paper" or find(trial.network).recipe
        for key in trial.options:
            name = key.removeprefix("model.")
            assert accepts(trial.network, name) if name != key else key in options
    asked = [
        (trial.network, trial.recipe, trial.options, arm.scored, arm.joined)
        for arm, trial in zip(claim.arms, trials(claim, scale, 1), strict=True)
    ]
    assert all(one not in asked[:i] for i, one in enumerate(asked))  # arms differ at both scales
    arms = {arm.name for arm in claim.arms}
    assert len(arms) == len(claim.arms)
    for comparison in claim.comparisons:
        assert {comparison.better, comparison.worse} <= arms
        assert comparison.measure in MEASURES


def test_student_s_table_is_scipys() -> None:
    assert [round(float(stats.t.ppf(0.975, n)), 3) for n in range(1, len(T) + 1)] == list(T)


@pytest.mark.parametrize("more", [[], [20.0]])  # 4 degrees of freedom, and 4.17, taken as 4
def test_the_interval_is_welchs(more: list[float]) -> None:
    better, worse = [10.0, 11.0, 12.5], [14.0, 13.0, 15.5, *more]
    found = difference(better, worse, lower=True)
    theirs = stats.ttest_ind(worse, better, equal_var=False).confidence_interval()
    assert found.value == pytest.approx((theirs.low + theirs.high) / 2)
    assert found.low == pytest.approx(theirs.low, abs=0.1 if more else 1e-3)
    assert found.high == pytest.approx(theirs.high, abs=0.1 if more else 1e-3)
    if more:
        assert found.low < theirs.low
    assert difference(worse, better, lower=False) == found


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [
        ([1.0, 1.1], [5.0, 5.2], "seen"),
        ([5.0, 5.2], [1.0, 1.1], "contradicted"),
        ([1.0, 5.0], [2.0, 4.5], "not at this size"),
        ([1.0], [5.0], "not at this size"),
    ],
)
def test_the_verdict_follows_from_the_interval(
    better: list[float], worse: list[float], verdict: str
) -> None:
    assert difference(better, worse, lower=True).verdict() == verdict


def test_claims_that_need_the_same_training_share_it(tmp_path: Path) -> None:
    same = Trial("one", "lenet5_relu", "lenet", {"epochs": 1, "seed": 0})
    renamed = same._replace(arm="another")
    assert same.folder(tmp_path, "digits") == renamed.folder(tmp_path, "digits")
    others = [
        same._replace(options={"epochs": 1, "seed": 1}),
        same._replace(recipe="default"),
        same._replace(network="lenet5"),
    ]
    folders = {trial.folder(tmp_path, "digits") for trial in (same, *others)}
    assert len(folders | {same.folder(tmp_path, "mnist:here")}) == 5


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Trainings that write what a run writes, without training."""

    def write(folder: Path, trial: Trial, data: str) -> str:
        if trial.options["seed"] == 7:
            return "the disk is full"
        if trial.options["lr"] > 1:
            keep(folder, "the loss of step 2 is not finite")
            return "the loss of step 2 is not finite"
        folder.mkdir(parents=True)
        loss = trial.options["lr"] * 10 + trial.options["seed"] / 1000
        rows = [{"step": 5, "train_loss": loss + 1}, {"step": 10, "train_loss": loss}]
        (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
        # The second epoch was interrupted, and trained again.
        times = [
            {"step": 5, "since": 0, "seconds": 8.0, "processor_seconds": 2.0},
            {"step": 10, "since": 5, "seconds": 20.0, "processor_seconds": 9.0},
            {"step": 10, "since": 5, "seconds": 9.0, "processor_seconds": 3.0},
        ]
        (folder / "timing.jsonl").write_text("\n".join(map(json.dumps, times)))
        (folder / "result.json").write_text(json.dumps({"per_class": [{}] * 10}))
        return ""

    monkeypatch.setattr(pool, "train_one", write)
    return tmp_path / "experiments"


def test_what_is_there_is_not_trained_again(recorded: Path) -> None:
    lines: list[str] = []
    wanted = trials(TINY, "laptop", 2)
    assert set(pool.run_all(wanted, "digits", recorded, 2, lines.append).values()) == {""}
    assert lines[0] == "4 trainings, 0 done already"
    lines.clear()
    pool.run_all(wanted, "digits", recorded, 2, lines.append)
    assert lines == ["4 trainings, 4 done already"]
    found = outcome(TINY, "laptop", "digits", 2, recorded)
    (compared,) = found.compared
    assert compared.figures["learns"] == [0.5, 0.501]
    assert found.verdict == "contradicted"  # the figures written above say so
    assert found.seconds == 4 * 5
    assert from_json(json.dumps(to_json(found))) == found


def test_a_training_that_fails_is_named_and_leaves_the_claim_without_a_result(
    recorded: Path,
) -> None:
    wanted = [t._replace(options={**t.options, "seed": 7}) for t in trials(TINY, "laptop", 1)]
    ended = pool.run_all(wanted, "digits", recorded, 1, lambda line: None)
    assert set(ended.values()) == {"the disk is full"}
    assert outcome(TINY, "laptop", "digits", 1, recorded).verdict == "no result"


def test_a_training_that_diverges_counts_as_guessing_and_is_not_repeated(recorded: Path) -> None:
    arms = (TINY.arms[0], Arm("explodes", "lenet5_relu", {"lr": 50.0}))
    compare = Comparison("learns", "explodes", "training loss")
    claim = replace(TINY, arms=arms, comparisons=(compare,))
    wanted = trials(claim, "laptop", 2)
    ended = pool.run_all(wanted, "digits", recorded, 2, lambda line: None)
    assert sorted(ended.values()) == ["", "", *["the loss of step 2 is not finite"] * 2]
    lines: list[str] = []
    pool.run_all(wanted, "digits", recorded, 2, lines.append)
    assert lines == ["4 trainings, 4 done already"]
    found = outcome(claim, "laptop", "digits", 2, recorded)
    (compared,) = found.compared
    assert compared.figures["explodes"] == pytest.approx([log(10)] * 2)
    assert compared.diverged == {"explodes": 2}
    assert found.verdict == "seen"
    assert from_json(json.dumps(to_json(found))) == found


def test_where_every_training_diverges_nothing_is_compared(recorded: Path) -> None:
    arms = tuple(Arm(name, "lenet5_relu", {"lr": lr}) for name, lr in (("a", 50.0), ("b", 60.0)))
    claim = replace(TINY, arms=arms, comparisons=(Comparison("a", "b", "training loss"),))
    pool.run_all(trials(claim, "laptop", 1), "digits", recorded, 1, lambda line: None)
    with pytest.raises(Diverged, match="nothing to compare"):
        outcome(claim, "laptop", "digits", 1, recorded)


@pytest.mark.parametrize(("status", "kept"), [(Diverged.exit_status, True), (3, False)])
def test_the_exit_status_tells_what_diverged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, kept: bool
) -> None:
    def end(*_: object, **__: object) -> CompletedProcess[str]:
        return CompletedProcess([], status, "", "cladenet: why it ended\n")

    monkeypatch.setattr(subprocess, "run", end)
    (trial, *_) = trials(TINY, "laptop", 1)
    folder = trial.folder(tmp_path, "digits")
    assert pool.train_one(folder, trial, "digits") == "why it ended"
    assert pool.done(folder) == kept


def test_scores_of_the_same_networks_are_compared_seed_by_seed() -> None:
    one, other = [70.0, 50.0, 61.0], [71.0, 51.5, 62.5]  # far apart by seed, always about 1 better
    theirs = stats.ttest_rel(other, one).confidence_interval()
    found = paired_difference(one, other, lower=True)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-3)
    assert found.verdict() == "seen"
    assert difference(one, other, lower=True).verdict() == "not at this size"
    assert paired_difference(other, one, lower=False) == found
    assert paired_difference([1.0], [2.0], lower=True) == (1.0, -inf, inf)


def test_no_worse_than_by_a_margin() -> None:
    alike = Difference(-0.2, -0.8, 0.4)
    assert [alike.verdict(margin) for margin in (0.0, 0.5, 1.0)] == [
        *("not at this size", "not at this size", "seen")
    ]
    assert Difference(-3, -4, -2).verdict(1.0) == "contradicted"


def held_out(run: Path) -> Split:
    loaded = load(run)
    return scored(opened(loaded, None, "stop"), loaded, "val", given=False).split


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Claim, Path]:
    """Two small networks on the digits, each scored in several ways."""
    arms = (
        Arm("a", "lenet5_relu", scored={"split": "val"}),
        Arm("a, darker", "lenet5_relu", scored={"shift": (-255,)}),
        Arm("a, dense", "lenet5_relu", scored={"protocol": "mirror-shift", "split": "test"}),
        Arm("b", "lenet5_relu", {"lr": 0.02}),
        Arm("a and b", "lenet5_relu", joined="b"),
    )
    claim = replace(
        TINY,
        arms=arms,
        comparisons=(
            Comparison("a", "a, darker", "score"),
            Comparison("a and b", "b", "score"),
            Comparison("b", "a", "response"),
        ),
        laptop={**TINY.laptop, "epochs": 2, "lr": 0.05},
        seeds=1,
    )
    root = tmp_path_factory.mktemp("scored")
    for trial in {str(t.options): t for t in trials(claim, "laptop", 1)}.values():
        train(
            trial.network, "digits", recipe="lenet", out=trial.folder(root, "digits"),
            options=trial.options, quiet=True,
        )  # fmt: skip
    return claim, root


def test_networks_are_scored_as_evaluate_scores_them(trained: tuple[Claim, Path]) -> None:
    claim, root = trained
    assert len(list(root.iterdir())) == 2  # arms that are scored differently share a training
    by_arm = {arm: seeds[0] for arm, seeds in subjects(claim, "laptop", "digits", 1, root).items()}
    own, both = by_arm["a"], by_arm["a and b"]
    assert score(own) == evaluate(own.run, split="val").top1_error
    assert score(both) == evaluate(both.runs, split="val").top1_error
    assert both.runs == (own.run, by_arm["b"].run)
    moved = evaluate(own.run, split="test", protocol="mirror-shift").top1_error
    assert score(by_arm["a, dense"]) == moved
    # All black: every image gets the same answer, which is right for its class alone.
    counts = np.bincount(held_out(own.run).labels, minlength=10)
    assert score(by_arm["a, darker"]) in [100 * (1 - n / counts.sum()) for n in counts]


def test_scores_are_kept_and_compared_in_pairs(
    trained: tuple[Claim, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, root = trained
    found = outcome(claim, "laptop", "digits", 1, root)
    assert [one.paired for one in found.compared] == [True, True, False]
    assert from_json(json.dumps(to_json(found))).compared == found.compared

    def again(*_: object, **__: object) -> None:
        raise AssertionError("it was measured before")

    for name in ("evaluate", "evaluate_images", "responses"):
        monkeypatch.setattr(scores, name, again)
    assert outcome(claim, "laptop", "digits", 1, root) == found


def test_responses_are_those_of_the_layers(trained: tuple[Claim, Path]) -> None:
    claim, root = trained
    subject = subjects(claim, "laptop", "digits", 1, root)["b"][0]
    loaded = load(subject.run)
    how, images = loaded.card.preprocess, held_out(subject.run).images
    first = np.stack([how.prepare(images.read(i)) for i in range(scores.IMAGES)])
    batch = how.to_input(torch.from_numpy(first))
    maps: list[torch.Tensor] = []
    for module in loaded.model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size != (1, 1):
            module.register_forward_hook(lambda _, __, output: maps.append(output.clone()))
    loaded.model.eval()(batch)
    stds = [float(m.detach().double().std(correction=0)) for m in maps]
    assert response(subject) == pytest.approx(sum(stds) / len(stds), rel=1e-4)


def test_one_seed_has_no_interval_and_survives_the_file(recorded: Path) -> None:
    pool.run_all(trials(TINY, "laptop", 1), "digits", recorded, 1, lambda line: None)
    found = outcome(TINY, "laptop", "digits", 1, recorded)
    difference = found.compared[0].difference
    assert difference is not None
    assert (difference.low, difference.high) == (-inf, inf)
    assert from_json(json.dumps(to_json(found))) == found


@pytest.mark.parametrize("text", ["", "[]", '{"claim": "x"}'])
def test_a_file_that_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no result of an experiment"):
        from_json(text)


def test_an_unknown_claim_suggests() -> None:
    with pytest.raises(BadArgument, match=r"called 'degradtion'; .*degradation"):
        find_claims(["degradtion"])


def test_the_command_lists_and_trains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in CLAIMS)
    monkeypatch.setitem(CLAIMS, "tiny", TINY)
    words: list[Any] = ["experiment", "tiny", "--seeds", "1", "--out", tmp_path, "--workers", "1"]
    assert main([str(word) for word in words]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tiny: not at this size")  # one seed decides nothing
    assert "one seed" in out
    picture = tmp_path / "tiny-laptop.svg"
    assert f"plot: {picture}" in out
    assert picture.read_text().count("<circle") == 2
