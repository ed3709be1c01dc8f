"""Small runs for the fault tests: their pictures, their words, what they say and how they end."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cladenet.cli import main
from cladenet.runs.train.progress import TrainingSums
from cladenet.training.engine import Report
from cladenet.vision import torchvision
from forking import kill, start, wait

STEPS = 8  # of the small run: 2 epochs of 4


class Outcome(NamedTuple):
    """Exit status of a command and all that it printed."""

    status: int | None
    text: str


def warm(folder: Path) -> Path:
    """Import what every child would import for itself, keep caches in `folder`, make pictures."""
    for module in ("train.train_run", "evaluate.evaluate_run", "predict.predict_images"):
        import_module(f"cladenet.runs.{module}")
    import_module("torch.utils.tensorboard")
    torchvision()
    os.environ["CLADENET_CACHE"] = str(folder / "cache")
    return pictures(folder / "pictures")


def pictures(folder: Path, classes: tuple[str, ...] = ("ant", "bee"), each: int = 20) -> Path:
    """Class folders of PNGs, a colour for each class under noise."""
    random = np.random.default_rng(3)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            pixels = random.integers(0, 100, (20, 18, 3), dtype=np.uint8)
            pixels[..., label % 3] += 100
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder


def small_run(run: Path, data: Path, *more: str) -> list[str]:
    """The words of a run of `STEPS` steps, saved every second one; `more` may replace some."""
    given = {"batch_size": "8", "epochs": "2", "save_steps": "2", "threads": "1", "device": "cpu"}
    given |= dict(word.split("=", 1) for word in more)
    network = given.pop("network", "lenet5_relu")
    pairs = [f"{key}={value}" for key, value in given.items()]
    return ["train", network, "--data", str(data), "--out", str(run), "--quiet", *pairs]


def resumed(run: Path, *more: str) -> list[str]:
    """The words that go on with a run."""
    return ["train", "--resume", str(run), "--quiet", *more]


def child(
    words: list[str], output: Path, before: Callable[[], None] = lambda: None, limit: float = 60
) -> Outcome:
    """Run the command line in a fork, after `before`; all that it printed goes to `output`."""

    def action() -> int:
        before()
        return main(words)

    return ended(start(action, output), output, limit)


def ended(pid: int, output: Path, limit: float = 60) -> Outcome:
    """Wait for a child; one that takes longer than `limit` seconds has hung."""
    status = wait(pid, limit)
    if status is None:
        kill(pid)
    text = output.read_text(errors="replace") if output.exists() else ""
    output.unlink(missing_ok=True)
    return Outcome(status, text)


def check_refusal(outcome: Outcome, status: int, *phrases: str) -> None:
    """The exit status, a short message with all of `phrases` (patterns), and no traceback."""
    assert outcome.status == status, outcome
    lines = outcome.text.splitlines()
    assert 0 < len(lines) <= 5, outcome.text
    assert any(line.startswith("cladenet: ") for line in lines), outcome.text
    assert "Traceback" not in outcome.text
    for phrase in phrases:
        assert re.search(phrase, outcome.text), f"{phrase!r} is not in: {outcome.text}"


def overwrite(owner: Any, name: str, value: Any) -> None:
    """Change this process for good: what a child does before its command."""
    setattr(owner, name, value)


def at_step(step: int, then: Callable[[], None]) -> Callable[[], None]:
    """What makes a process call `then` as soon as that optimiser step is taken."""

    def arm() -> None:
        count = TrainingSums.add

        def counting(sums: TrainingSums, report: Report) -> None:
            count(sums, report)
            if report.step == step:
                then()

        overwrite(TrainingSums, "add", counting)

    return arm


def final_state(run: Path) -> dict[str, object]:
    """What has to be equal: the sums of all tensors, the numbers, the choice, the metrics."""
    checkpoints = run / "checkpoints"
    last = json.loads((checkpoints / "last" / "manifest.json").read_text())
    best = json.loads((checkpoints / "best" / "manifest.json").read_text())
    return {
        "last": {name: seal["sha256"] for name, seal in last["files"].items()},
        "progress": last["progress"],
        "best": {name: seal["sha256"] for name, seal in best["files"].items()},
        "metrics": (run / "metrics.jsonl").read_text(),
        "result": (run / "result.json").read_text(),
    }


def reference(folder: Path, data: Path, *more: str) -> dict[str, object]:
    """How the undisturbed run ends."""
    outcome = child(small_run(folder / "reference", data, *more), folder / "output")
    assert outcome.status == 0, outcome
    return final_state(folder / "reference")


def steps_of(run: Path) -> list[int]:
    """The steps of the checkpoints that one can resume from, newest first."""
    names = sorted(path.name for path in (run / "checkpoints").glob("step-*"))
    return [int(name.split("-")[1]) for name in reversed(names)]


def contents(folder: Path) -> dict[str, str]:
    """Each path below `folder` with what is in it: a SHA-256, a link's target, or nothing."""
    return {str(path.relative_to(folder)): _content(path) for path in sorted(folder.rglob("*"))}


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
