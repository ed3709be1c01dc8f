"""A dozen commands from an installed cladenet, one after another, as a new user might type them.

    python tests/smoke/commands.py ENVIRONMENT/bin/python

Each has to end with the status and to print the words that stand beside it. Nothing is imported
from the checkout: the commands run in a folder of their own, through the environment's `cladenet`.
Standard library alone, so that any Python starts it. The last line is a count, for CI to read.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SCANS = Path(__file__).parents[2] / "examples" / "digits"

PHOTOGRAPHS = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image

draw = np.random.default_rng(0)
for split, count in (("train", 12), ("val", 4)):
    for brightness, name in ((40, "night"), (200, "day")):
        folder = Path("photos") / split / name
        folder.mkdir(parents=True)
        for number in range(count):
            coarse = draw.integers(brightness, brightness + 50, (6, 6, 3), dtype=np.uint8)
            size = (110 + number, 90 + 2 * number)
            Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(
                folder / f"{number}.jpg", quality=92
            )
print("photographs made")
"""

LIBRARY = """
import sys, torch, cladenet
assert "site-packages" in cladenet.__file__, cladenet.__file__
model = cladenet.create_model("mobilenet_v3_small", num_classes=5).eval()
images = torch.rand(2, 3, 64, 64)
ready = cladenet.for_inference(model, size=(3, 64, 64), batch_size=2)
difference = (ready(images) - model(images)).abs().max().item()
assert difference < 1e-3, difference
import torchvision
print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, python {sys.version}")
"""

VISION = "from cladenet.vision import torchvision; torchvision(); "


class Command(NamedTuple):
    """Words for the environment's `cladenet`, or a program for its Python, and what must come."""

    words: tuple[str, ...]
    prints: str
    status: int = 0
    program: str = ""


def cladenet(line: str, prints: str, status: int = 0) -> Command:
    return Command(tuple(line.split()), prints, status)


def program(text: str, prints: str) -> Command:
    return Command((), prints, program=text)


PHOTO_RUN = "train resnet20_cifar --data photos size=64 steps=4"
DIGITS = (  # a training, an evaluation, a prediction: what each dependency is first needed for
    cladenet("--version", "cladenet "),
    cladenet("env", "torch"),
    cladenet("info resnet50", "25,557,032"),
    cladenet("train lenet5_relu --data digits steps=60 --out runs/digits", "report:"),
    cladenet("evaluate runs/digits", "top-1 error"),
    cladenet(f"predict runs/digits {SCANS} --csv", "seven.png"),
)
COMMANDS = (
    *DIGITS,
    program(VISION + LIBRARY, "torchvision"),
    program(PHOTOGRAPHS, "photographs made"),
    cladenet("check photos", "24"),
    cladenet(f"{PHOTO_RUN} workers=0 --out runs/photos", "report:"),
    cladenet(f"{PHOTO_RUN} workers=2 --out runs/photos2", "report:"),
    cladenet("train --resume runs/photos", "report:"),
    cladenet("evaluate runs/photos runs/photos2 --split val", "runs/photos2"),
    cladenet("predict runs/photos photos/val -v", "engine"),
    cladenet("train resnet18 --data photos size=64 steps=2 --out runs/export", "report:"),
    cladenet("export runs/export --format torchvision --out others.pth", "others.pth"),
    cladenet("import others.pth --as resnet18 --out again", "again"),
    cladenet("train no_such_network --data digits", "no model is called", status=2),
)


def run(python: Path, command: Command, folder: Path) -> str:
    """What is wrong with what came of a command; empty if nothing is."""
    start = [python, "-c", command.program] if command.program else [python.with_name("cladenet")]
    began = time.monotonic()
    done = subprocess.run(
        [*map(str, start), *command.words],
        cwd=folder,
        env={**os.environ, "CLADENET_CACHE": str(folder / "cache")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    shown = " ".join(command.words) or "a program of the library"
    print(f"  {time.monotonic() - began:6.1f} s  {shown}", flush=True)
    output = done.stdout + done.stderr
    if done.returncode == command.status and command.prints in output:
        return ""
    return (
        f"{shown}: ended with {done.returncode}, expected {command.status} and {command.prints!r}"
        f"\n{output[-4000:]}"
    )


def run_all(python: Path, commands: tuple[Command, ...] = COMMANDS) -> tuple[int, int]:
    """Run commands with the environment of `python`; how many passed and failed."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cladenet-smoke-") as folder:
        for command in commands:
            if complaint := run(python, command, Path(folder)):
                failed += 1
                print(f"FAILED {complaint}", flush=True)
    return len(commands) - failed, failed


if __name__ == "__main__":
    passed, failed = run_all(Path(sys.argv[1]).absolute())
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
