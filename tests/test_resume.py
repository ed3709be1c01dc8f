"""Kill -9 at any instant: the resumed run ends as the undisturbed one, bit for bit."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from cladenet.cli import main
from cladenet.vision import torchvision
from forking import cladenet, finished, kill, start, wait

RECIPES = {
    # moving average, mixup, policy of torchvision, class weights: all that draws or remembers
    "lenet5_relu": ["epochs=3", "mixup=0.2", "policy=trivialaugment", "class_weights=true"],
    # batch norm, momentum, a schedule that remembers, accumulation
    "resnet20_cifar": [
        "--recipe", "paper", "steps=36", "size=8", "schedule=plateau", "patience=1", "accumulate=2",
    ],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What every child would import for itself: seconds each."""

    torchvision()


def command(network: str, out: Path, data: Path) -> list[str | Path]:
    return [
        "train", network, "--data", data, "--out", out, *RECIPES[network],
        "batch_size=32", "save_steps=5", "threads=1", "device=cpu", "--quiet",
    ]  # fmt: skip


def final_state(run: Path) -> dict[str, object]:
    """What has to be equal: the sums of every tensor file, the metrics, the choice of the best."""
    last = json.loads((run / "checkpoints" / "last" / "manifest.json").read_text())
    best = json.loads((run / "checkpoints" / "best" / "manifest.json").read_text())
    return {
        "last": {name: seal["sha256"] for name, seal in last["files"].items()},
        "progress": last["progress"],
        "best": {name: seal["sha256"] for name, seal in best["files"].items()},
        "metrics": (run / "metrics.jsonl").read_text(),
        "result": (run / "result.json").read_text(),
    }


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the digits as image files in class folders: quick, and with every kind of step."""
    from PIL import Image

    from cladenet import open_dataset

    folder = tmp_path_factory.mktemp("digits")
    data = open_dataset("digits")
    for index in range(240):
        label = data.classes[int(data.train.labels[index])]
        (folder / label).mkdir(exist_ok=True)
        picture = data.train.images.read(index)
        Image.fromarray(picture.repeat(2, 0).repeat(2, 1)[..., 0]).save(
            folder / label / f"{index}.png"
        )
    return folder


@pytest.fixture(scope="module", params=sorted(RECIPES))
def reference(
    request: pytest.FixtureRequest, digits: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, object], float]:
    """A network, the end of its undisturbed run, and how long that took."""
    network = str(request.param)
    run = tmp_path_factory.mktemp("reference") / "run"
    begun = time.monotonic()
    output = run.parent / "output"
    assert finished(*command(network, run, digits), output=output) == 0, output.read_text()
    return network, final_state(run), time.monotonic() - begun


def disturbed(
    network: str, run: Path, data: Path, duration: float, kills: int, seed: int
) -> tuple[int, list[str]]:
    """Train with `kills` kills at random instants; how many struck, and what went wrong."""
    draw = random.Random(seed)
    struck = 0
    output = run.parent / "output"
    while True:
        workers = f"workers={draw.choice((0, 1, 2))}"
        started = (run / "config.yaml").exists()
        words = ["train", "--resume", run, "--quiet"] if started else command(network, run, data)
        pid = cladenet(*words, workers, output=output)
        status = wait(pid, draw.uniform(0, duration) if struck < kills else None)
        if status is None:
            struck += 1
            kill(pid)
        elif status == 0:
            return struck, []
        else:
            return struck, [f"exit status {status}: {output.read_text()[-2000:]}"]


def check_kills(
    reference: tuple[str, dict[str, object], float], data: Path, folder: Path, kills: int, seed: int
) -> int:
    network, expected, duration = reference
    run = folder / "run"
    struck, errors = disturbed(network, run, data, duration, kills, seed)
    assert not errors, errors
    assert final_state(run) == expected
    return struck


def many_kills(
    reference: tuple[str, dict[str, object], float], data: Path, folder: Path, kills: int, seed: int
) -> int:
    """How many runs it took for `kills` to strike; each is compared with the reference."""
    struck = runs = 0
    while struck < kills:
        place = folder / str(runs)
        place.mkdir()
        struck += check_kills(reference, data, place, min(5, kills - struck), seed + runs)
        shutil.rmtree(place)
        runs += 1
    return runs


def test_killed_runs_end_bit_identical(
    reference: tuple[str, dict[str, object], float], digits: Path, tmp_path: Path
) -> None:
    """Five kills at random instants, with another number of workers after each."""
    assert many_kills(reference, digits, tmp_path, kills=5, seed=7) >= 1


@pytest.mark.slow
def test_fifty_kills_end_bit_identical(
    reference: tuple[str, dict[str, object], float],
    digits: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`make test-kills`: 25 kills for each of the two networks."""
    runs = many_kills(reference, digits, tmp_path, kills=25, seed=100)
    assert runs >= 5
    with capsys.disabled():
        print(f"\n{reference[0]}: 25 random kill -9 in {runs} runs, all bit-identical")


@pytest.mark.parametrize(
    "point",
    ["fsync", "rename", "replace", "symlink_to", "rmtree"],
)
def test_a_kill_inside_a_save_loses_nothing(
    point: str,
    reference: tuple[str, dict[str, object], float],
    digits: Path,
    tmp_path: Path,
) -> None:
    """Die just before and just after the second call of each system call that saving is made of."""
    network, expected, _ = reference
    for after in (False, True):
        run = tmp_path / f"run-{after}"

        def doomed(run: Path = run, after: bool = after) -> int:
            arm(point, call=9 if point == "fsync" else 2, after=after)
            return main([str(word) for word in command(network, run, digits)])

        assert wait(start(doomed, tmp_path / "output")) == -signal.SIGKILL
        assert finished("train", "--resume", run, "--quiet", output=tmp_path / "output") == 0, (
            tmp_path / "output"
        ).read_text()
        assert final_state(run) == expected


def arm(point: str, call: int, after: bool) -> None:
    """In this process, let call number `call` of a function kill it, before or after its work."""
    owner = {"fsync": os, "rmtree": shutil}.get(point, Path)
    original = getattr(owner, point)
    calls = 0

    def deadly(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += "checkpoints" in str(arguments[0]) or point == "fsync"
        strikes = calls == call
        if strikes and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if strikes:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, point, deadly)
