"""Budgets, promises and cascades of runs, against arithmetic on logits of the plain networks."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cladenet import train
from cladenet.adaptive.confidence import posteriors
from cladenet.adaptive.costs import Costs, in_words, parse_budget
from cladenet.adaptive.curve import Recorded
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.promise import fewest_images, promised
from cladenet.adaptive.thresholds import exits_taken
from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import Loaded, load
from cladenet.cli import main
from cladenet.data.dataset import Split
from cladenet.errors import BadArgument, CheckpointError
from cladenet.runs.adaptive.evaluate_budget import evaluate_budget
from cladenet.runs.adaptive.images import ask
from cladenet.runs.adaptive.predictors import predictor_for
from cladenet.runs.evaluate.scored import opened, scored

SIZE = (1, 32, 32)  # of digits
OPTIONS = {"batch_size": 32, "steps": 25, "threads": 1, "cache_gb": 0, "precision": "fp32"}


class Seen(NamedTuple):
    """Logits (K, N, C) and labels (N,) of one split."""

    logits: NDArray[np.float64]
    labels: NDArray[np.int64]


def trained(folder: Path, **options: Any) -> Path:
    return train("resnet20_cifar", "digits", out=folder, options={**OPTIONS, **options}).folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    early = {"model.depth": 8, "model.exits_after": "stages.0,stages.1"}
    return trained(tmp_path_factory.mktemp("exits") / "run", **early)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("larger") / "run", **{"model.depth": 14, "seed": 0})


def seen(loaded: Loaded, split: str) -> Seen:
    """By the plain network, image by image of the split."""
    images: Split = scored(opened(loaded, None, "stop"), loaded, split, given=False).split
    pixels = torch.from_numpy(np.stack([images.images.read(i) for i in range(len(images))]))
    prepared = np.stack([loaded.card.preprocess.prepare(x) for x in pixels.numpy()])
    inputs = loaded.card.preprocess.to_input(torch.from_numpy(prepared), torch.device("cpu"))
    with torch.inference_mode():
        logits = torch.stack(list(loaded.model.exits(inputs)))
    return Seen(logits.double().numpy(), images.labels)


def left_at(policy: Policy, logits: NDArray[np.float64]) -> NDArray[np.intp]:
    return exits_taken(policy.confidences(logits)[1], policy.thresholds)


def test_a_curve_is_the_released_loop_on_the_plain_networks_logits(run: Path) -> None:
    """p = 0.5 restated: floor(n share) most confident of the held-out images leave, exit by exit.

    Confidences of the packed network are within rounding; an image may pass for another at most.
    """
    found = evaluate_budget(run, averages="none")
    loaded = load(run)
    held, test = seen(loaded, "val"), seen(loaded, "test")
    assert (found.held, found.n) == (len(held.labels), len(test.labels))
    assert found.costs.macs == macs_to_exits(loaded.model, SIZE)
    shares = np.array([0.5, 0.25, 0.125]) / 0.875
    sure = posteriors(held.logits).max(-1)
    stays = np.ones(len(held.labels), bool)
    thresholds = []
    for k in range(2):
        wanted = int(np.floor(len(stays) * shares[k]))
        thresholds.append(np.sort(sure[k][stays])[-wanted])
        stays &= sure[k] < thresholds[-1]
    point = next(p for p in found.points if p.value == 0.5)
    np.testing.assert_allclose(point.policy.thresholds.values[:2], thresholds, rtol=1e-4)
    sure = posteriors(test.logits).max(-1)
    taken = np.where(sure[0] >= thresholds[0], 0, np.where(sure[1] >= thresholds[1], 1, 2))
    right = test.logits[taken, np.arange(len(taken))].argmax(-1) == test.labels
    assert (taken != point.exits).sum() <= 1
    assert (right != point.right).sum() <= 1
    assert found.costs.mean("MACs", point.exits) == pytest.approx(
        np.mean([found.costs.macs[k] for k in point.exits])
    )


def test_a_budget_is_kept_and_predicts_as_saved_logits_say(run: Path, tmp_path: Path) -> None:
    whole = evaluate_budget(run)
    amount = (whole.costs.macs[0] + whole.costs.macs[-1]) / 2e6
    found = evaluate_budget(run, budget=f"{amount:.3f}M")
    assert found.kept is not None
    point = found.points[0]
    assert found.costs.mean("MACs", point.held_exits) <= amount * 1e6
    dearer = [p for p in whole.points if whole.costs.mean("MACs", p.held_exits) <= amount * 1e6]
    best = max(whole.costs.mean("MACs", p.held_exits) for p in dearer)
    assert found.costs.mean("MACs", point.held_exits) == best
    loaded = load(run)
    test = scored(opened(loaded, None, "stop"), loaded, "test", given=False).split
    pictures = [test.images.read(i) for i in range(40)]
    found_by = list(predictor_for([run], "kept", False, batch_size=7)(pictures))
    assert [int(p.answered_by.split()[-1]) - 1 for p in found_by] == list(point.exits[:40])
    rights = [p.best.label == label for p, label in zip(found_by, test.labels, strict=False)]
    assert rights == list(point.right[:40])


def test_a_budget_above_the_whole_lets_nobody_leave_early(run: Path) -> None:
    found = evaluate_budget(run, budget="1G")
    assert set(found.points[0].exits) == {2}


def test_anytime_gives_the_logits_of_the_last_exit_within_the_budget(run: Path) -> None:
    loaded = load(run)
    macs = macs_to_exits(loaded.model, SIZE)
    test = scored(opened(loaded, None, "stop"), loaded, "test", given=False).split
    pictures = [test.images.read(i) for i in range(12)]
    logits = seen(loaded, "test").logits[:, :12]
    for budget, last in ((macs[0], 0), (macs[1] + 1, 1), (10 * macs[2], 2)):
        predictor = predictor_for([run], f"{budget / 1e6:.6f}M", False, note=lambda _: None)
        found = np.stack([prediction.logits for prediction in predictor(pictures)])
        np.testing.assert_allclose(found, logits[last], atol=1e-4)


@pytest.mark.parametrize("budget", ["1G", "5000ms"])
def test_the_command_predicts_within_a_budget(run: Path, budget: str, capsys: Any) -> None:
    words = ["predict", str(run), "examples/digits/seven.png", "--budget", budget, "--json"]
    assert main(words) == 0
    quiet = capsys.readouterr()
    assert len(json.loads(quiet.out)[0]["top"]) == 5
    assert "exit 3 of 3" not in quiet.err
    assert main([*words, "--verbose"]) == 0
    talking = capsys.readouterr()
    assert talking.out == quiet.out
    assert "exit 3 of 3 answers" in talking.err


def test_images_that_cannot_be_read_and_batches_of_none(run: Path, tmp_path: Path) -> None:
    evaluate_budget(run, budget="1G")
    (tmp_path / "bad.png").write_bytes(b"no image")
    predictor = predictor_for([run], "kept", False)
    found = list(predictor([str(tmp_path / "bad.png")]))
    assert len(found) == 1
    assert found[0].error
    assert list(predictor([])) == []


def test_thresholds_are_of_one_precision_and_one_set_of_weights(
    run: Path, larger: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "run"
    shutil.copytree(run, mine, symlinks=True)
    kept = evaluate_budget(mine, budget="1G").kept
    assert kept is not None
    with pytest.raises(BadArgument, match="were set in fp32, not in int8; set them with"):
        predictor_for([mine], "kept", False, precision="int8")
    with pytest.raises(BadArgument, match="engine packed on cpu"):
        predictor_for([mine], "kept", False, engine="eager")
    values = json.loads(kept.read_text())
    kept.write_text(json.dumps({**values, "weights": ["another"]}))
    with pytest.raises(CheckpointError, match="belongs to other weights"):
        predictor_for([mine], "kept", False)
    kept.write_text(json.dumps(values)[:-40])
    with pytest.raises(CheckpointError, match=r"adaptive-fp32.json is damaged"):
        predictor_for([mine], "kept", False)
    kept.unlink()
    with pytest.raises(BadArgument, match="were never set in fp32"):
        predictor_for([mine], "kept", False)


def test_a_cascade_is_the_arithmetic_of_its_runs(run: Path, larger: Path) -> None:
    """The first run, if sure enough; else the mean of both where the held-out images like it."""
    found = evaluate_budget([run, larger], cascade=True, budget="30M")
    first, second = load(run), load(larger)
    whole = first.model.eval()
    firsts, seconds = seen(first, "test"), seen(second, "test")
    logits = np.stack([firsts.logits[-1], seconds.logits[-1]])
    point = found.points[0]
    taken = left_at(point.policy, logits)
    assert (taken != point.exits).sum() <= 1
    assert 0 < point.exits.mean() < 1
    own = macs_to_exits(second.model, SIZE)[-1]
    assert found.costs.macs[1] - found.costs.macs[0] == own
    assert found.costs.macs[0] < macs_to_exits(whole, SIZE)[-1], "early exits are not asked"
    test = scored(opened(first, None, "stop"), first, "test", given=False).split
    pictures = [test.images.read(i) for i in range(40)]
    predictor = predictor_for([run, larger], None, True, batch_size=7)
    by = [prediction.answered_by for prediction in predictor(pictures)]
    assert [name.endswith("(2)") for name in by] == [bool(k) for k in point.exits[:40]]


def test_validation_images_set_thresholds_and_test_images_measure(run: Path) -> None:
    loaded = load(run)
    asked = ask([loaded], None, None, "stop")
    whole = opened(loaded, None, "stop")
    val = scored(whole, loaded, "val", given=False).split
    test = scored(whole, loaded, "test", given=False).split
    assert asked.held[0].digest() == val.digest()
    assert asked.measured[0].digest() == test.digest()


def test_a_run_that_held_out_nothing_sets_no_thresholds(tmp_path: Path) -> None:
    early = {"model.depth": 8, "model.exits_after": "stages.0", "val": 0, "steps": 2}
    with pytest.raises(BadArgument, match="never set on test images"):
        evaluate_budget(trained(tmp_path / "run", **early), budget="20M")


def test_a_promise_of_too_few_images_is_refused_in_words(run: Path) -> None:
    with pytest.raises(BadArgument, match=r"not with so few images: 143 .* 919 would do"):
        evaluate_budget(run, max_drop=0.5)


def test_a_promise_by_hand() -> None:
    """Two exits that agree on all 1,000 images exclude a drop of 0.5 points: all leave at once.

    (1 - 0.005)^919 = 0.00999, below the 0.01 that may go wrong there; 918 images give 0.01004.
    """
    assert 0.995**919 < 0.01 < 0.995**918
    assert fewest_images(0.005) == 919
    logits = np.random.default_rng(0).normal(size=(1, 1000, 4)).repeat(2, 0)
    held = Recorded(logits, logits[0].argmax(-1))
    policy = promised(held, 0.005, "fp32", "packed")
    assert policy is not None
    assert set(left_at(policy, logits)) == {0}
    assert promised(Recorded(logits[:, :900], held.labels[:900]), 0.005, "fp32", "packed") is None


def test_a_promise_refuses_exits_that_lose_too_much() -> None:
    """The first exit is sure and wrong on a tenth: only thresholds that nobody reaches would do."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 2000)
    sure = 12.0 * (np.arange(4) == labels[:, None])
    first = np.where(rng.random((2000, 1)) < 0.1, np.roll(sure, 1, axis=1), sure)
    assert promised(Recorded(np.stack([first, sure]), labels), 0.02, "fp32", "packed") is None


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [("20M", 20e6, "MACs"), ("1.5G", 1.5e9, "MACs"), ("800k", 8e5, "MACs"), ("5 ms", 5, "ms")],
)
def test_budgets_in_words(text: str, amount: float, unit: str) -> None:
    found = parse_budget(text)
    assert (found.amount, found.unit) == (amount, unit)
    assert parse_budget(in_words(amount, unit).removesuffix(" MACs")).amount == amount


@pytest.mark.parametrize("text", ["", "M", "0M", "-5ms", "5s", "5 M ms", "nan", "1e6"])
def test_budgets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="expected multiply-accumulates per image, such as 20M"):
        parse_budget(text)


def test_the_last_exit_within_a_budget() -> None:
    costs = Costs((10, 20, 40), (1.0, 2.0, 4.0), 1, 1)
    assert costs.last_within(parse_budget("20")) == 1
    assert costs.last_within(parse_budget("3.9ms")) == 1
    assert costs.last_within(parse_budget("1G")) == 2
    with pytest.raises(BadArgument, match="the first answer costs 1 ms, the last 4 ms"):
        costs.last_within(parse_budget("0.5ms"))


def test_the_command_prints_writes_and_draws(run: Path, tmp_path: Path, capsys: Any) -> None:
    output, picture = tmp_path / "found.json", tmp_path / "found.svg"
    words = ["evaluate", str(run), "--budget", "curve", "--output", str(output)]
    assert main([*words, "--svg", str(picture)]) == 0
    text = capsys.readouterr().out
    values = json.loads(output.read_text())
    assert len(values["points"]) == 40
    assert len(values["compared"]) == 7
    assert f"{values['points'][0]['macs']:,.0f}" in text
    assert picture.read_text().startswith("<svg")
    assert "every image to one answer" in picture.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "curve", "--exits"], "--exits is for another evaluation"),
        (["--budget", "curve", "--protocol", "dense"], "--protocol is for another evaluation"),
        (["--budget", "curve", "--engine", "eager"], "cannot be stopped between exits"),
        (["--budget", "curve", "--max-drop", "101"], "expected points between 0 and 100"),
        (["--budget", "20M", "--max-drop", "1"], "give one of them"),
        (["--law", "paper"], "--law is for --budget"),
        (["--budget", "curve", "--law", "mine"], "law is 'mine'; expected one of released, paper"),
        (["--cascade"], "a cascade needs two runs or more"),
        (["--budget", "curve", "--split", "val"], "validation images and measured on test images"),
        (["--budget", "2"], "the cheapest thresholds cost"),
    ],
)
def test_what_contradicts_is_refused(
    run: Path, words: list[str], message: str, capsys: Any
) -> None:
    assert main(["evaluate", str(run), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_network_of_one_exit_leaves_no_choice(larger: Path, capsys: Any) -> None:
    assert main(["evaluate", str(larger), "--budget", "curve"]) == 2
    assert "has one exit, so there is nothing to decide" in capsys.readouterr().err
    assert main(["predict", str(larger), "examples/digits/seven.png", "--budget", "20M"]) == 2
    assert "has one exit, so a budget leaves no choice" in capsys.readouterr().err
