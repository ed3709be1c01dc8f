"""A deep VGG that starts from a shallow one: Simonyan and Zisserman 2015, Sec. 3.1."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from cladenet.cli import main
from forking import finished, start, wait
from trials import at_step

FIRST_FOUR = ("stem.0", "stages.0.0", "stages.1.0", "stages.1.2")
LINEAR = ("head.1", "head.4", "head.7")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images to train on and two to test with, at the least size of a VGG."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for split, each in (("train", 4), ("test", 1)):
        for label in ("ant", "bee"):
            (folder / split / label).mkdir(parents=True)
            for number in range(each):
                pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / label / f"{number}.png")
    return folder


def words(network: str, data: Path | str, out: Path, *more: str) -> list[str]:
    """A rate of zero, so that weights stay as they were at the start; `more` may replace some."""
    given = {
        "size": "32", "crop": "none", "steps": "1", "batch_size": "8", "lr": "0", "momentum": "0",
        "val": "0", "threads": "1", "device": "cpu", "cache_dir": f"{out.parent / 'cache'}",
    }  # fmt: skip
    given |= dict(word.split("=", 1) for word in more if "=" in word)
    options = [word for word in more if "=" not in word]
    pairs = [f"{key}={value}" for key, value in given.items()]
    named = ["--data", str(data), "--out", str(out), "--recipe", "vgg_s256"]
    return ["train", network, *named, *options, *pairs]


def weights(run: Path) -> dict[str, Tensor]:
    return load_file(run / "checkpoints" / "last" / "weights.safetensors")


@pytest.fixture(scope="module")
def shallow(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "A"
    assert main([*words("vgg11", data, run), "--quiet"]) == 0
    return run


def test_the_papers_layers_come_along_and_the_others_are_drawn(
    shallow: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Net B from net A, with the folder of A gone when the run is resumed."""
    gone = Path(shutil.copytree(shallow, tmp_path / "A", symlinks=True))
    run, output = tmp_path / "B", tmp_path / "output"
    line = words("vgg13", data, run, f"init_from={gone}", "save_steps=1", "steps=2")

    def doomed() -> int:
        at_step(2, lambda: os.kill(os.getpid(), signal.SIGKILL))()
        return main(line)

    assert wait(start(doomed, output)) == -signal.SIGKILL
    printed = output.read_text()
    assert f"{', '.join((*FIRST_FOUR, *LINEAR))} start from vgg11 in {gone}" in printed
    shutil.rmtree(gone)
    assert finished("train", "--resume", run, output=output) == 0, output.read_text()
    assert yaml.safe_load((run / "config.yaml").read_text())["init_from"] == str(gone)
    ours, theirs = weights(run), weights(shallow)
    taken = {
        name
        for name, value in ours.items()
        if any(
            value.shape == other.shape and torch.equal(value, other) for other in theirs.values()
        )
    }
    of_weight = {f"{layer}.weight" for layer in (*FIRST_FOUR, *LINEAR)}
    assert {name for name in taken if name.endswith("weight")} == of_weight
    assert json.loads((run / "result.json").read_text())["n"] == 2


def test_a_run_that_was_killed_before_its_first_save_needs_the_shallow_net_again(
    shallow: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, output = tmp_path / "B", tmp_path / "output"

    def doomed() -> int:
        at_step(1, lambda: os.kill(os.getpid(), signal.SIGKILL))()
        return main(words("vgg13", data, run, f"init_from={tmp_path / 'A'}"))

    (tmp_path / "A").symlink_to(shallow)
    assert wait(start(doomed, output)) == -signal.SIGKILL
    (tmp_path / "A").unlink()
    assert main(["train", "--resume", str(run)]) == 4
    assert f"{tmp_path / 'A'} does not exist" in capsys.readouterr().err
    assert (run / "config.yaml").exists()


@pytest.mark.parametrize(
    ("network", "more", "status", "message"),
    [
        ("resnet20_cifar", (), 2, r"resnet20_cifar cannot start from another network's layers; "
         r"init_from is for vgg11, vgg11_lrn, .*vgg19_bn. To train on from weights"),
        ("vgg_cifar", (), 2, "vgg_cifar cannot start from another network's layers"),
        ("vgg13", ("--weights", "RUN"), 2, "weights and init_from are both given"),
        ("vgg13_5x5", (), 2, r"vgg13_5x5 cannot start from vgg11 in .*: weights of shape "
         r"\(64, 3, 3, 3\) do not fit a layer of \(64, 3, 5, 5\)"),
        ("vgg13", ("size=64",), 2, r"do not fit a layer of \(4096, 2048\)"),
        ("vgg13", ("--data", "digits"), 2, "has 2 classes, the data have 10: the last "
         "layer is used too, so both must have the same. Train vgg11 on these data first"),
    ],
)  # fmt: skip
def test_what_cannot_start_so_is_refused_and_leaves_no_trace(
    network: str,
    more: tuple[str, ...],
    status: int,
    message: str,
    shallow: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = words(network, data, tmp_path / "run", *more, f"init_from={shallow}")
    assert main([str(shallow) if word == "RUN" else word for word in line]) == status
    printed = capsys.readouterr().err
    assert re.search(message, printed), printed
    assert "Traceback" not in printed
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_keeps_what_it_started_from(
    shallow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--resume", str(shallow), "init_from=elsewhere"]) == 2
    assert "a resumed run keeps its init_from" in capsys.readouterr().err
