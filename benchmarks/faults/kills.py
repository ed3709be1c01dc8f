"""SIGKILL at any instant of a run, resumed with another number of workers, and compared."""

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from cladenet import open_dataset
from cladenet.checkpoints import atomic
from cladenet.cli import main
from forking import cladenet, finished, kill, start, wait
from trials import final_state

# The calls that a save is made of.
SAVING = ("write_durably", "fsync", "rename", "replace", "symlink_to", "rmtree")

# Between them all that draws, remembers or averages, each as small as it can be.
RECIPES = {
    # moving average, mixup, policy of torchvision, class weights
    "lenet5_relu": ["epochs=3", "mixup=0.2", "policy=trivialaugment", "class_weights=true"],
    # batch norm, momentum, a schedule that remembers, accumulation
    "resnet20_cifar": [
        "--recipe", "paper", "steps=36", "size=8", "model.depth=8", "schedule=plateau",
        "patience=1", "accumulate=2",
    ],
    # units left out at random
    "resnet110_stochastic_depth_cifar": [
        "steps=24", "size=8", "model.depth=8", "model.last_survival=0.5",
    ],
    # dropout, mixup, moving average, AdamW
    "vit_ti_16": [
        "epochs=3", "size=16", "model.input_size=16", "model.patch_size=4", "model.depth=2",
        "model.width=32", "model.heads=2", "mixup=0.2", "ema=0.9", "policy=trivialaugment",
    ],
    # several exits, each with a loss
    "msdnet_budget_4_cifar": [
        "steps=16", "size=16", "model.layers=[1,1]", "model.growth_rate=4", "model.width=8",
    ],
}  # fmt: skip


class Reference(NamedTuple):
    """A network, the end of its undisturbed run, how many seconds that took, and more words."""

    network: str
    state: dict[str, object]
    seconds: float
    more: tuple[str, ...] = ()


def digits(folder: Path) -> Path:
    """A part of the digits as image files in class folders: quick, and with every kind of step."""
    data = open_dataset("digits")
    for index in range(240):
        label = data.classes[int(data.train.labels[index])]
        (folder / label).mkdir(parents=True, exist_ok=True)
        picture = data.train.images.read(index).repeat(2, 0).repeat(2, 1)[..., 0]
        Image.fromarray(picture).save(folder / label / f"{index}.png")
    return folder


def command(network: str, out: Path, data: str | Path, *more: str) -> list[str | Path]:
    """The words of a run."""
    return [
        "train", network, "--data", data, "--out", out, *RECIPES[network],
        "batch_size=32", "save_steps=5", "threads=1", "device=cpu", "--quiet", *more,
    ]  # fmt: skip


def undisturbed(network: str, data: str | Path, folder: Path, *more: str) -> Reference:
    """Train without a fault; `folder` is new."""
    folder.mkdir(parents=True, exist_ok=True)
    output, begun = folder / "output", time.monotonic()
    status = finished(*command(network, folder / "run", data, *more), output=output)
    assert status == 0, output.read_text()
    return Reference(network, final_state(folder / "run"), time.monotonic() - begun, more)


def check_kills(reference: Reference, data: str | Path, folder: Path, kills: int, seed: int) -> int:
    """A run with up to `kills` kills ends as the undisturbed one; how many of them struck."""
    draw = random.Random(seed)
    run, output, struck = folder / "run", folder / "output", 0
    while True:
        workers = f"workers={draw.choice((0, 1, 2))}"
        new = command(reference.network, run, data, *reference.more)
        goes_on = (run / "config.yaml").exists()
        words = ["train", "--resume", run, "--quiet"] if goes_on else new
        pid = cladenet(*words, workers, output=output)
        status = wait(pid, draw.uniform(0, reference.seconds) if struck < kills else None)
        if status is None:
            struck += 1
            kill(pid)
            continue
        assert status == 0, f"exit status {status}: {output.read_text()[-2000:]}"
        assert final_state(run) == reference.state, "the run ended otherwise"
        return struck


def many_kills(reference: Reference, data: str | Path, folder: Path, kills: int, seed: int) -> int:
    """How many runs it took for `kills` to strike; each is compared with the reference."""
    struck = runs = 0
    while struck < kills:
        place = folder / str(runs)
        place.mkdir(parents=True)
        struck += check_kills(reference, data, place, min(5, kills - struck), seed + runs)
        shutil.rmtree(place)
        runs += 1
    return runs


def die_at(point: str, call: int, after: bool) -> None:
    """In this process, let call number `call` of one of `SAVING` kill it, before or after its work.

    A write is half done before it strikes.
    """
    owner: Any = {"fsync": os, "rmtree": shutil, "write_durably": atomic}.get(point, Path)
    original = getattr(owner, point)
    calls = 0

    def deadly(*arguments: Any, **named: object) -> object:
        nonlocal calls
        calls += "checkpoints" in str(arguments[0]) or point == "fsync"
        strikes = calls == call
        if strikes and not after:
            if point == "write_durably":
                path, data = arguments
                path.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if strikes:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, point, deadly)


def random_death(number: int) -> tuple[str, int, bool]:
    """For `check_death`: all points in turn, before and after, at any call of the first few."""
    point, after = SAVING[number // 2 % len(SAVING)], bool(number % 2)
    return point, random.Random(number).randrange(1, 30 if point == "fsync" else 4), after


def check_death(
    reference: Reference, data: Path, folder: Path, point: str, call: int, after: bool
) -> None:
    """Death before or after call number `call` of one of `SAVING`; the run is resumed once."""
    run, output = folder / "run", folder / "output"

    def doomed() -> int:
        die_at(point, call, after)
        return main([str(word) for word in command(reference.network, run, data)])

    assert wait(start(doomed, output)) == -signal.SIGKILL, output.read_text()[-2000:]
    begun = (run / "config.yaml").exists()
    new = command(reference.network, run, data)
    words = ["train", "--resume", run, "--quiet"] if begun else new
    assert finished(*words, output=output) == 0, output.read_text()[-2000:]
    assert final_state(run) == reference.state, f"{point}, call {call}, after: {after}"
