"""Auxiliary classifiers: trained along, saved along, and no part of what predicts."""

import json
import os
import signal
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

import cladenet
from checkpoint_tools import forge
from cladenet.cli import main
from cladenet.data.batches import Batch
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError, Diverged
from cladenet.recipes import Recipe
from cladenet.runs.train.finish import RunResult
from cladenet.training.engine import train
from cladenet.training.learner import Learner
from cladenet.training.non_finite import first_non_finite
from cladenet.training.objective import main_logits, make_objective, wrong_answers
from cladenet.training.optimizers import make_optimizer
from cladenet.world import World
from forking import finished, join, start, wait
from tiny import Tiny, registered
from trials import at_step

HEADS = 2
BRIEF: dict[str, Any] = {
    "batch_size": 64, "device": "cpu", "threads": 1, "quiet": True, "auxiliary": 0.3,
}  # fmt: skip
SMALL = {**BRIEF, "epochs": 1}
TOLD = {**BRIEF, "steps": 1, "quiet": False}


@pytest.fixture(scope="module")
def tiny() -> Iterator[str]:
    with registered() as name:
        yield name


@pytest.fixture(scope="module")
def with_heads(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return cladenet.train(tiny, "digits", out=tmp_path_factory.mktemp("runs") / "with", **SMALL)


@pytest.fixture(scope="module")
def without(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    out = tmp_path_factory.mktemp("runs") / "without"
    return cladenet.train(tiny, "digits", out=out, **{**SMALL, "auxiliary": 0})


def saved(run: RunResult, which: str = "best") -> dict[str, Tensor]:
    return load_file(run.folder / "checkpoints" / which / "weights.safetensors")


def of_heads(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if name.startswith("auxiliary.")}


def batch(size: int = 12) -> Batch:
    draw = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (size, 8, 8, 1), dtype=torch.uint8, generator=draw)
    return Batch(pixels, torch.arange(size) % 10, torch.arange(size))


PREPROCESS = Preprocess(8, 8, 1, "none", mean=(0.5,), std=(0.25,))


def one_step(model: Tiny, recipe: Recipe, world: World, data: Batch, **more: Any) -> Learner:
    learner = Learner(model, recipe, world, **more)
    reports = train(
        learner, iter([data]), objective=make_objective(auxiliary=recipe.auxiliary),
        preprocess=PREPROCESS, rate=lambda step: recipe.lr,
    )  # fmt: skip
    assert len(list(reports)) == 1
    return learner


def without_dropout(auxiliary: bool = True) -> Tiny:
    torch.manual_seed(3)
    model = Tiny(auxiliary=auxiliary)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def test_the_loss_is_that_of_the_logits_and_a_part_of_each_other() -> None:
    """Szegedy et al. 2015, Sec. 5: added with a discount weight of 0.3. By hand for two images."""
    first = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    second = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    labels = torch.tensor([0, 1])
    # -log softmax: 0.126928 and 0.693147; then 0.693147 and 1.313262; then the first again
    by_hand = (0.126928 + 0.693147) / 2 + 0.3 * (0.693147 + 1.313262) / 2
    by_hand += 0.3 * (0.126928 + 0.693147) / 2
    loss = make_objective(auxiliary=0.3)((first, second, first), labels)
    assert float(loss) == pytest.approx(by_hand, abs=1e-5)
    assert float(make_objective(auxiliary=0.3)(first, labels)) == pytest.approx(0.410038, abs=1e-5)


def test_a_mixed_and_smoothed_label_counts_for_every_classifier() -> None:
    torch.manual_seed(0)
    outputs = (torch.randn(4, 3), torch.randn(4, 3))
    labels = torch.rand(4, 3).softmax(1)
    both = make_objective(0.1, auxiliary=0.5)(outputs, labels)
    each = [float(make_objective(0.1)(logits, labels)) for logits in outputs]
    assert float(both) == pytest.approx(each[0] + 0.5 * each[1])
    assert int(wrong_answers(main_logits(outputs), labels)) == int(
        wrong_answers(outputs[0], labels)
    )


def test_a_step_is_that_of_plain_torch() -> None:
    recipe = Recipe(source="", steps=1, lr=0.1, weight_decay=0.01, auxiliary=0.3)
    model = without_dropout()
    twin = deepcopy(model)
    data = batch()
    one_step(model, recipe, World(), data)
    optimizer = torch.optim.SGD(twin.parameters(), 0.1, momentum=0.9, weight_decay=0.01)
    logits, *others = twin.train()(PREPROCESS.to_input(data.images))
    loss = F.cross_entropy(logits, data.labels)
    for other in others:
        loss = loss + 0.3 * F.cross_entropy(other, data.labels)
    loss.backward()
    optimizer.step()
    assert len(others) == HEADS
    torch.testing.assert_close(model.state_dict(), twin.state_dict())


def test_all_parameters_are_trained_whatever_part_they_are_in() -> None:
    model = Tiny(auxiliary=True)
    optimizer = make_optimizer(model, Recipe(source="", steps=1), layer_decay=0.5)
    scales = {id(p): group["scale"] for group in optimizer.param_groups for p in group["params"]}
    assert scales.keys() == {id(p) for p in model.parameters()}
    heads = model.auxiliary
    assert heads is not None
    assert {scales[id(p)] for p in heads.parameters()} == {1.0}


def test_a_compiled_network_takes_the_same_step() -> None:
    recipe = Recipe(source="", steps=1, lr=0.1, auxiliary=0.3, ema=0.9)
    plain = one_step(without_dropout(), recipe, World(), batch())
    compiled = without_dropout()
    learner = Learner(compiled, recipe, World())
    learner.net = torch.compile(compiled, backend="eager")  # type: ignore[assignment]
    reports = train(
        learner, iter([batch()]), objective=make_objective(auxiliary=0.3),
        preprocess=PREPROCESS, rate=lambda step: 0.1,
    )  # fmt: skip
    assert len(list(reports)) == 1
    torch.testing.assert_close(learner.weights(), plain.weights())


@pytest.mark.filterwarnings("ignore:Grad strides do not match")
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """With shared batch statistics; gradients of all classifiers are averaged over both."""
    recipe = Recipe(source="", steps=1, lr=0.1, auxiliary=0.3, optimizer="rmsprop")
    whole = batch(8)

    def rank_of(rank: int) -> int:
        join(rank, 2, tmp_path)
        share = Batch(*(values[4 * rank : 4 * rank + 4] for values in whole))
        learner = one_step(without_dropout(), recipe, World(rank, 2), share, sync_bn=True)
        torch.save(learner.weights(), tmp_path / f"{rank}.pt")
        torch.distributed.destroy_process_group()
        return 0

    children = [start(partial(rank_of, rank), tmp_path / f"{rank}.txt") for rank in range(2)]
    assert [wait(child) for child in children] == [0, 0], (tmp_path / "0.txt").read_text()
    alone = one_step(without_dropout(), recipe, World(), whole).weights()
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(found, dict(alone))


def test_a_broken_auxiliary_classifier_is_named() -> None:
    model = Tiny(auxiliary=True)
    assert first_non_finite(model, torch.zeros(2, 1, 8, 8)) is None
    with torch.no_grad():
        model.get_parameter("auxiliary.1.4.weight")[0, 0] = float("nan")
    recipe = Recipe(source="", steps=1, auxiliary=0.3)
    with pytest.raises(Diverged, match=r"first value that is not is in the output of auxiliary\.1"):
        one_step(model, recipe, World(), batch())


def test_what_predicts_has_none_and_counts_none(with_heads: RunResult, tiny: str) -> None:
    assert of_heads(saved(with_heads))
    loaded = cladenet.load(with_heads.folder)
    assert loaded.model.auxiliary is None
    assert "auxiliary" not in loaded.card.arguments
    plain = sum(p.numel() for p in Tiny().parameters())
    assert sum(p.numel() for p in loaded.model.parameters()) == plain
    report = (with_heads.folder / "report.html").read_text()
    assert f"{plain:,}" in report
    assert "auxiliary classifiers are trained as well, each with 0.3 of its loss" in report
    evaluated = cladenet.evaluate(with_heads.folder)
    assert evaluated.evaluation.top1_error == with_heads.evaluation.top1_error


def test_the_training_error_is_that_of_the_logits(with_heads: RunResult) -> None:
    """An error in percent of the images: a third of it would be above 100 with three to count."""
    rows = (with_heads.folder / "metrics.jsonl").read_text().splitlines()
    row = json.loads(rows[-1])
    assert 0 < row["train_top1_error"] < 100
    assert row["train_loss"] > 1.3 * row["val_loss"], "the training loss counts all classifiers"


def test_predicting_does_not_read_what_is_wrong_with_a_head(
    with_heads: RunResult, tmp_path: Path
) -> None:
    """Its tensors are left aside, but what belongs to the network must still be there."""
    best = (with_heads.folder / "checkpoints" / "best").resolve()
    tensors = saved(with_heads)
    stripped = {n: v for n, v in tensors.items() if not n.startswith("auxiliary.0.")}
    first, second = (
        cladenet.load(folder).model(torch.zeros(1, 1, 8, 8))
        for folder in (best, forge(best, tmp_path / "stripped", weights=stripped))
    )
    assert torch.equal(first, second)
    lacking = {n: v for n, v in tensors.items() if n != "stem.0.weight"}
    with pytest.raises(CheckpointError, match=r"1 of \d+ are missing, such as stem.0.weight"):
        cladenet.load(forge(best, tmp_path / "lacking", weights=lacking))


def test_fine_tuning_goes_on_with_the_heads(
    with_heads: RunResult, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rate of zero leaves them as they came; the running statistics alone move on."""
    options = {**TOLD, "lr": 0, "ema": 0}
    tuned = cladenet.train(
        tiny, "digits", out=tmp_path / "run", weights=with_heads.folder, **options
    )
    before, after = saved(with_heads), saved(tuned)
    assert before.keys() == after.keys()
    for name in after:
        if "running" not in name and "batches" not in name:
            assert torch.equal(after[name], before[name]), name
    assert "all of them" in capsys.readouterr().err


def test_weights_without_heads_get_fresh_ones_and_say_so(
    without: RunResult, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not of_heads(saved(without))
    tuned = cladenet.train(tiny, "digits", out=tmp_path / "run", weights=without.folder, **TOLD)
    assert of_heads(saved(tuned))
    assert "these weights have no auxiliary classifiers: those are newly initialised" in (
        capsys.readouterr().err
    )


def test_heads_are_left_aside_where_the_recipe_has_none(
    with_heads: RunResult, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {**TOLD, "auxiliary": 0}
    tuned = cladenet.train(
        tiny, "digits", out=tmp_path / "run", weights=with_heads.folder, **options
    )
    assert not of_heads(saved(tuned))
    assert "auxiliary classifiers of these weights are not used" in capsys.readouterr().err


def test_other_classes_give_every_classifier_a_new_last_layer(
    with_heads: RunResult, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three of the digits: the norms of the heads stay, what gives logits starts afresh."""
    from PIL import Image

    data = cladenet.open_dataset("digits")
    for index in range(60):
        label = int(data.train.labels[index])
        if label < 3:
            (tmp_path / "data" / str(label)).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(data.train.images.read(index)[..., 0])
            picture.save(tmp_path / "data" / str(label) / f"{index}.png")
    options = {**TOLD, "lr": 0, "batch_size": 4, "ema": 0}
    tuned = cladenet.train(
        tiny, str(tmp_path / "data"), out=tmp_path / "run", weights=with_heads.folder,
        cache_dir=str(tmp_path / "cache"), val=0, test=0, **options,
    )  # fmt: skip
    before, after = saved(with_heads), saved(tuned, "last")
    assert {name for name in after if after[name].shape != before[name].shape} == {
        f"{head}.{kind}"
        for head in ("head.3", "auxiliary.0.4", "auxiliary.1.4")
        for kind in ("weight", "bias")
    }
    assert torch.equal(after["auxiliary.1.0.0.weight"], before["auxiliary.1.0.0.weight"])
    printed = capsys.readouterr().err
    assert "auxiliary.0.4.weight, auxiliary.0.4.bias" in printed
    assert "are newly initialised for 3 classes (it had 10)" in printed


def test_a_resumed_run_has_its_heads_back_bit_for_bit(tiny: str, tmp_path: Path) -> None:
    """RMSProp, averaging, mixup and dropout in the heads; killed in the second epoch."""
    words = [
        "train", tiny, "--data", "digits", "--quiet", "optimizer=rmsprop", "auxiliary=0.4",
        "ema=0.9", "mixup=0.2", "clip_norm=2", "schedule=exponential", "drop_parts=3", "epochs=2",
        "batch_size=128", "save_steps=4", "threads=1", "device=cpu",
    ]  # fmt: skip
    output = tmp_path / "output"
    assert finished(*words, "--out", tmp_path / "whole", output=output) == 0, output.read_text()

    def doomed() -> int:
        at_step(14, lambda: os.kill(os.getpid(), signal.SIGKILL))()
        return main([*words, "--out", str(tmp_path / "cut")])

    assert wait(start(doomed, output)) == -9
    assert finished("train", "--resume", tmp_path / "cut", "--quiet", output=output) == 0
    ends = [
        json.loads((tmp_path / run / "checkpoints" / "last" / "manifest.json").read_text())
        for run in ("whole", "cut")
    ]
    for end in ends:
        assert end["files"].keys() == {
            "card.json", "weights.safetensors", "state.safetensors",
        }  # fmt: skip
    assert ends[0]["files"] == ends[1]["files"]
    state = load_file(tmp_path / "cut" / "checkpoints" / "last" / "state.safetensors")
    assert "optimizer/auxiliary.0.4.weight/square" in state
    assert "model/auxiliary.0.4.weight" in state


def test_a_network_without_auxiliary_classifiers_says_that_a_weight_has_no_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "run", **TOLD)
    printed = capsys.readouterr().err
    assert "lenet5_relu has no auxiliary classifiers: auxiliary=0.3 has no effect" in printed


def test_the_weight_alone_decides_whether_they_are_built(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match=r"model\.auxiliary is True; give auxiliary=WEIGHT"):
        cladenet.train(
            tiny, "digits", out=tmp_path / "run", options={"model.auxiliary": "true"}, **SMALL
        )
