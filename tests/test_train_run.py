"""Whole runs, from data to report, in the shortest form that still goes through every part."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import cladenet
from cladenet.errors import BadArgument, CheckpointError
from cladenet.registry import find
from cladenet.runs.train.decide import decide
from cladenet.runs.train.finish import RunResult
from html_page import Page
from processors import needs_bf16

QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 64, "device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """LeNet in its ReLU form, two passes over the embedded digits."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    return cladenet.train("lenet5_relu", "digits", out=out, quiet=True, **QUICK)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of plain photographs, in colour, of two sizes, with no split."""
    folder = tmp_path_factory.mktemp("shapes")
    for label, colour in (
        ("red", (200, 30, 30)),
        ("green", (30, 200, 30)),
        ("blue", (30, 30, 200)),
    ):
        (folder / label).mkdir()
        for number in range(12):
            shade = tuple(min(255, channel + 4 * number) for channel in colour)
            picture = Image.new("RGB", (40 + 8 * (number % 2), 36), shade)
            picture.save(folder / label / f"{number}.png")
    return folder


def weights_of(result: RunResult) -> dict[str, torch.Tensor]:
    return load_file(result.folder / "checkpoints" / "best" / "weights.safetensors")


def test_a_run_folder_holds_all_that_was_decided_and_found(digits_run: RunResult) -> None:
    folder = digits_run.folder
    present = {path.name for path in folder.iterdir()}
    assert {"config.yaml", "env.json", "metrics.jsonl", "report.html", "result.json"} <= present
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["network"], config["recipe_name"]) == ("lenet5_relu", "default_small")
    assert config["recipe"]["epochs"] == 2
    assert config["recipe"]["source"]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    # 1,442 training images, a tenth of each class held out, whole batches of 64
    assert [row["step"] for row in rows] == [20, 40]
    result = json.loads((folder / "result.json").read_text())
    assert (result["split"], result["n"]) == ("test", 355)
    assert result["top1_error"] == digits_run.evaluation.top1_error
    ledger = find("lenet5_relu")  # digits are seen as the paper's 32x32 in grey, in 10 classes
    assert result["cost"] == {"params": ledger.params, "macs": ledger.macs, "input": [1, 32, 32]}


def test_each_mistake_of_the_report_has_its_picture_and_what_spoke_for_the_answer(
    digits_run: RunResult,
) -> None:
    found = Page((digits_run.folder / "report.html").read_text())
    shown = len(digits_run.evaluation.mistakes)
    assert shown
    assert len(found.of("figure")) == shown
    assert len(found.of("img")) == 2 * shown
    assert "Grad-CAM at stages." in found.text


def test_a_report_links_the_run_that_it_began_with_and_those_beside_it(
    digits_run: RunResult, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        cladenet.train(
            "lenet5_relu", "digits", out=tmp_path / name, quiet=True, steps=2,
            weights=str(digits_run.folder) if name == "b" else "", device="cpu", threads=1,
        )  # fmt: skip
    links = [a["href"] for a in Page((tmp_path / "b" / "report.html").read_text()).of("a")]
    inside = os.path.relpath(digits_run.folder / "report.html", tmp_path / "b")
    assert {"../a/report.html", inside} <= set(links)
    first = Page((tmp_path / "a" / "report.html").read_text())
    assert "Other runs" not in first.text


def test_the_best_weights_are_those_of_the_lowest_validation_error(digits_run: RunResult) -> None:
    rows = [
        json.loads(line) for line in (digits_run.folder / "metrics.jsonl").read_text().splitlines()
    ]
    best = min(rows, key=lambda row: (row["val_top1_error"], row["val_loss"]))
    card = cladenet.load(digits_run.folder).card
    assert card.step == best["step"]
    assert card.metrics["val_loss"] == best["val_loss"]


def test_digits_are_not_mirrored_and_the_report_says_so(digits_run: RunResult) -> None:
    config = yaml.safe_load((digits_run.folder / "config.yaml").read_text())
    assert config["recipe"]["flip"] == 0.5  # what the recipe says ...
    assert "not mirrored" in (digits_run.folder / "report.html").read_text()  # ... and what is done


def test_training_twice_gives_the_same_bits(digits_run: RunResult, tmp_path: Path) -> None:
    again = cladenet.train("lenet5_relu", "digits", out=tmp_path / "again", quiet=True, **QUICK)
    other = cladenet.train(
        "lenet5_relu", "digits", out=tmp_path / "other", quiet=True, seed=1, **QUICK
    )
    first = weights_of(digits_run)
    assert all(torch.equal(value, first[name]) for name, value in weights_of(again).items())
    assert not torch.equal(weights_of(other)["stem.0.weight"], first["stem.0.weight"])


def test_evaluating_a_run_repeats_its_figures(digits_run: RunResult) -> None:
    evaluated = cladenet.evaluate(digits_run.folder)
    assert evaluated.evaluation.top1_error == digits_run.evaluation.top1_error
    assert evaluated.evaluation.loss == pytest.approx(digits_run.evaluation.loss, rel=1e-6)


def test_a_flat_folder_is_divided_once_and_for_all(shapes: Path, tmp_path: Path) -> None:
    """36 images: 12 of each class, of which one each for test and for validation."""
    result = cladenet.train(
        "resnet20_cifar", str(shapes), out=tmp_path / "run", quiet=True, crop="resized",
        cache_dir=str(tmp_path / "cache"), **{**QUICK, "batch_size": 10},
    )  # fmt: skip
    index = json.loads((result.folder / "split.json").read_text())
    parts = {name: set(indices) for name, indices in index["parts"].items()}
    assert {name: len(part) for name, part in parts.items()} == {"train": 30, "val": 3, "test": 3}
    assert set.union(*parts.values()) == set(range(36))
    assert result.split == "test"
    assert not list(shapes.glob("*.json")), "the data folder is never written to"


@pytest.mark.parametrize(("cache_gb", "kept"), [(0, False), ("auto", True)])
def test_the_cache_of_decoded_images_is_off_for_all_parts_or_on(
    cache_gb: float | str, kept: bool, shapes: Path, tmp_path: Path
) -> None:
    cladenet.train(
        "lenet5_relu", str(shapes), out=tmp_path / "run", quiet=True, cache_gb=cache_gb,
        cache_dir=str(tmp_path / "cache"), **{**QUICK, "batch_size": 10, "epochs": 1},
    )  # fmt: skip
    assert bool(list(tmp_path.glob("cache/images-*/*.pixels"))) == kept


def test_without_validation_all_images_train_and_the_last_weights_count(tmp_path: Path) -> None:
    result = cladenet.train(
        "lenet5_relu", "digits", out=tmp_path / "run", quiet=True, val=0, **QUICK
    )
    assert cladenet.load(result.folder).card.step == 44  # 2 passes of 1,442 // 64 steps
    assert not (result.folder / "checkpoints" / "best").exists()
    assert "val_loss" not in (result.folder / "metrics.jsonl").read_text()


def test_fine_tuning_keeps_all_but_the_last_layer(
    digits_run: RunResult, shapes: Path, tmp_path: Path
) -> None:
    """A frozen backbone ends as it began; the head has the new classes; statistics are the old."""
    tuned = cladenet.train(
        "lenet5_relu", str(shapes), out=tmp_path / "run", quiet=True, weights=digits_run.folder,
        freeze="backbone", cache_dir=str(tmp_path / "cache"), **{**QUICK, "batch_size": 10},
    )  # fmt: skip
    before, after = weights_of(digits_run), weights_of(tuned)
    for name, value in before.items():
        if not name.startswith("head."):
            assert torch.equal(after[name], value), name
    old, new = cladenet.load(digits_run.folder).card, cladenet.load(tuned.folder).card
    assert new.classes == ("blue", "green", "red")
    last = max(name for name in after if name.startswith("head.") and name.endswith("weight"))
    assert after[last].shape[0] == 3
    assert (new.preprocess.mean, new.preprocess.std) == (old.preprocess.mean, old.preprocess.std)
    assert new.preprocess.channels == 1, "colour photographs are read as the weights expect them"


def test_weights_of_another_network_are_refused(digits_run: RunResult, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds weights of lenet5_relu, not of resnet20"):
        cladenet.train(
            "resnet20_cifar", "digits", out=tmp_path / "run", quiet=True, weights=digits_run.folder
        )


def test_a_batch_of_one_with_batch_norm_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(
        BadArgument, match=r"stem\.1\S* normalises over the batch; raise batch_size"
    ):
        cladenet.train(
            "resnet20_cifar", "digits", out=tmp_path / "run", quiet=True, batch_size=1, size=8
        )


def test_a_network_asked_for_by_an_alias_is_recorded_by_its_name() -> None:
    assert decide("inception_v2", "digits", "default", "", {}).network == "bn_inception"


def test_a_misspelt_option_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="'batchsize' is not an option; nearest: batch_size"):
        cladenet.train("lenet5", "digits", out=tmp_path / "run", batchsize=3)


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw"])
def test_every_option_of_the_step_runs_together(
    precision: str, optimizer: str, tmp_path: Path
) -> None:
    """Mixup, cutmix, smoothing, averages, weights of classes, accumulation, clipping, plateau."""
    result = cladenet.train(
        "resnet20_cifar", "digits", out=tmp_path / "run", quiet=True, size=8, steps=12,
        batch_size=32, accumulate=2, optimizer=optimizer, lr=0.01, mixup=0.2, cutmix=1.0,
        label_smoothing=0.1, ema=0.9, class_weights=True, clip_norm=1.0, schedule="plateau",
        patience=1, precision=precision, layer_decay=0.8, nesterov=optimizer == "sgd", device="cpu",
        filter_rms=0.1, erasing=0.2, colour_jitter=0.2, crop="pad", pad=1, threads=1,
    )  # fmt: skip
    assert result.evaluation.n == 355
    assert 0 < result.evaluation.loss < 10


def test_one_command_learns_the_digits(tmp_path: Path) -> None:
    """The default recipe, a third of its length: far above chance, at the level of the field."""
    result = cladenet.train(
        "lenet5_relu", "digits", out=tmp_path / "run", quiet=True, epochs=20, threads=1
    )
    assert result.evaluation.top1_error < 4.0


def test_a_plateau_is_that_of_the_training_error_where_nothing_is_held_out(tmp_path: Path) -> None:
    """A rate of nearly zero learns nothing: it falls after each second epoch that is no better."""
    result = cladenet.train(
        "lenet5_relu", "digits", out=tmp_path / "run", quiet=True, val=0, schedule="plateau",
        patience=1, max_drops=2, lr=1e-12, warmup=0, epochs=4, batch_size=256, device="cpu",
        crop="none", label_smoothing=0, threads=1,
    )  # fmt: skip
    rows = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    errors, rates = ([row[key] for row in rows] for key in ("train_top1_error", "lr"))
    assert rates == pytest.approx(plateau_of_torch(errors, 1e-12, drops=2))
    assert rates[-1] < rates[0]


def plateau_of_torch(errors: list[float], lr: float, drops: int) -> list[float]:
    """The rate of each epoch; torch waits for one epoch more than its patience."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.1, patience=0, threshold=0.0, min_lr=lr / 10**drops, eps=0.0
    )
    rates = []
    for error in errors:
        rates.append(float(optimizer.param_groups[0]["lr"]))
        schedule.step(error)
    return rates
