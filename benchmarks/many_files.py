"""How long many small files keep `check` and `train` waiting, beside another build of the package.

    python benchmarks/many_files.py OTHER/src [--images 100000] [--folder FOLDER]

Makes a folder of 32x32 JPEGs in 100 classes, and runs `cladenet check`, a training of one step, and
the same training again (with what the first has left in the cache), by this build and by the one in
OTHER/src. Seconds of wall clock and of the processor, and the peak of memory, are printed for each.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

CLASSES = 100
SIDE = 32
OURS = Path(__file__).parents[1] / "src"
TRAIN = "lenet5_relu --data {data} --out {out} --quiet steps=1 batch_size=64 threads=1 device=cpu"
RUN = """
import resource, sys, time
start = time.perf_counter()
sys.path.insert(0, sys.argv[1])
from cladenet.cli import main
first = []
if sys.argv[2] == "train":
    from cladenet.training import engine
    train = engine.train
    def watched(*args, **more):
        for report in train(*args, **more):
            first.append(time.perf_counter() - start)
            yield report
    engine.train = watched  # before anything has imported it by name
status = main(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"RESULT {(first or [time.perf_counter() - start])[0]:.2f} {peak:.0f}", file=sys.stderr)
sys.exit(status)
"""


class Took(NamedTuple):
    """Seconds until the first step, or to the end of a check; seconds of the processor; MB."""

    seconds: float
    processor: float
    peak: float


def make(folder: Path, images: int) -> None:
    """Noise over a colour of the class, no two files alike."""
    draw = np.random.default_rng(0)
    for label in range(CLASSES):
        place = folder / f"class{label:03}"
        place.mkdir(parents=True)
        shape = (images // CLASSES, SIDE // 4, SIDE // 4, 3)
        noise = draw.integers(0, 80, shape, np.uint8) + draw.integers(0, 176, 3, np.uint8)
        for number, small in enumerate(noise):
            picture = Image.fromarray(small).resize((SIDE, SIDE))
            picture.save(place / f"{number:05}.jpg", quality=90)


def run(source: Path, words: str, cache: Path) -> Took:
    """One command by the build in `source`."""
    start = os.times()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(source), *words.split()],
        env={**os.environ, "CLADENET_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    end = os.times()
    found = re.search(r"RESULT (\S+) (\S+)", done.stderr)
    if done.returncode or found is None:
        raise SystemExit(f"{words} failed: {done.stderr[-2000:]}")
    used = end.children_user + end.children_system - start.children_user - start.children_system
    return Took(float(found[1]), used, float(found[2]))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="src/ of another build")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="of the images, which is kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="many-files-") as name:
        root = Path(name)
        data = arguments.folder or root / "data"
        if not data.exists():
            make(data, arguments.images)
        time.sleep(3)  # a file that has just changed is not remembered
        print(f"{arguments.images:,} images of {SIDE}x{SIDE}, {os.cpu_count()} processors")
        print(f"{'':16} {'build':6} {'seconds':>8} {'processor':>10} {'peak MB':>8}")
        for label, source in (("other", arguments.other), ("this", OURS)):
            cache = root / f"cache-{label}"
            commands = {"check": f"check {data}"}
            for again in ("first step", "second start"):
                out = root / f"run-{label}-{again[:6]}"
                commands[again] = "train " + TRAIN.format(data=data, out=out)
            for command, words in commands.items():
                took = run(source, words, cache)
                figures = f"{took.seconds:8.1f} {took.processor:10.1f} {took.peak:8.0f}"
                print(f"{command:16} {label:6} {figures}", flush=True)
            shutil.rmtree(cache, ignore_errors=True)


if __name__ == "__main__":
    main()
