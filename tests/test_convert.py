"""A run of CondenseNet to its end, then the inference network."""

import json
from pathlib import Path

import pytest

import cladenet
from cladenet.checkpoints import load
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, StorageError
from saved_run import save_run

SMALL = {"layers": (2, 2), "growth": (8, 16), "stem_stride": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("convert") / "run"
    cladenet.train(
        "condensenet_50_cifar",
        "digits",
        out=str(folder),
        recipe="condensenet_imagenet",  # for its group lasso
        steps=24,
        batch_size=16,
        quiet=True,
        options={f"model.{name}": value for name, value in SMALL.items()},
    )
    return folder


def test_a_trained_network_is_converted_and_predicts_the_same(run: Path) -> None:
    last = run / "checkpoints" / "last"
    done = cladenet.convert(last, run / "converted")
    assert done.difference < 1e-5
    assert done.params[1] < done.params[0]
    assert done.macs[1] < done.macs[0]
    assert load(done.folder).card.arguments["converted"]
    images = ["examples/digits"]
    before, after = (cladenet.predict(folder, images) for folder in (last, done.folder))
    for one, other in zip(before, after, strict=True):
        assert one.best.name == other.best.name
        assert one.best.probability == pytest.approx(other.best.probability, abs=1e-5)
    old, new = (cladenet.evaluate(folder) for folder in (last, done.folder))
    assert old.top1_error == new.top1_error
    with pytest.raises(StorageError, match="already exists; remove it, or give another --out"):
        cladenet.convert(last, run / "converted")


def test_the_command_prints_what_was_saved(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = str(run / "checkpoints" / "last")
    assert main(["convert", last, "--out", str(tmp_path / "a"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert main(["convert", last, "--out", str(tmp_path / "b")]) == 0
    lines = capsys.readouterr().out
    assert f"{printed['params'][0]:,}" in lines
    assert f"{printed['macs'][1]:,}" in lines


def test_networks_with_one_form_and_unfinished_ones_are_refused(tmp_path: Path) -> None:
    plain = save_run(tmp_path / "plain", open_dataset("digits"))
    with pytest.raises(
        BadArgument, match="lenet5_relu is the same network in training and in inference"
    ):
        cladenet.convert(plain)
    early = save_run(tmp_path / "early", open_dataset("digits"), network="condensenet_50_cifar")
    with pytest.raises(BadArgument, match="pruned inputs 0 times of 3; condensing ends in"):
        cladenet.convert(early)
    assert not (early / "converted").exists()
