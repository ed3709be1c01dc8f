"""How long many small files keep `check` and `train` waiting, beside another build of the package.

    python benchmarks/many_files.py OTHER/src [check train] [--images 100000] [--folder FOLDER]

Makes a folder of 32x32 JPEGs in 100 classes, and runs `cladenet check`, a training up to its first
step, and the same again (with what the first has left in the cache), by this build and by the one
in OTHER/src. For each: seconds of wall clock; seconds of the processor, with those of processes
that it has started; the peak of memory, and what of it one image takes, by a run on some of them.
On a machine that others use too, look at the seconds of the processor. This build shares the work
among all processors, so that an idle machine waits for less than those.
What is written: benchmarks/results/many_files.json, of which other parts stay as they were.
"""

import argparse
import json
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

from machine import announced

RESULT = Path(__file__).parent / "results" / "many_files.json"
CLASSES = 100
SIDE = 32
FEW = 10  # of each class
OURS = Path(__file__).parents[1] / "src"
TRAIN = (
    "train lenet5_relu --data {data} --out {out} --quiet steps=1 batch_size=64 threads=1 device=cpu"
)
PARTS = {
    "check": {"check": "check {data}"},
    "train": {"first step": TRAIN, "second start": TRAIN},
}
RUN = """
import os, re, sys, time
start = time.perf_counter()
sys.path.insert(0, sys.argv[1])
from cladenet.cli import main
def end(status=0):
    seconds = time.perf_counter() - start
    status_of = open("/proc/self/status").read()  # getrusage counts what forked this process, too
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status_of)[1]) * 1.024 / 1000
    print(f"RESULT {seconds:.2f} {sum(os.times()[:4]):.2f} {peak:.1f}", file=sys.stderr, flush=True)
    os._exit(status)
if sys.argv[2] == "train":
    from cladenet.training import engine
    train = engine.train
    def up_to_first(*args, **more):
        next(iter(train(*args, **more)))
        end()
    engine.train = up_to_first  # before anything has imported it by name
end(main(sys.argv[2:]))
"""


class Took(NamedTuple):
    """Up to the first step, or the end of a check: seconds, those of processors, peak in MB."""

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


def some_of(data: Path, few: Path) -> None:
    """Copy the first images of each class."""
    for folder in sorted(data.iterdir()):
        (few / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:FEW]:
            shutil.copy2(path, few / folder.name)


def run(source: Path, words: str, cache: Path) -> Took:
    """One command by the build in `source`."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(source), *words.split()],
        env={**os.environ, "CLADENET_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"RESULT (\S+) (\S+) (\S+)", done.stderr)
    if done.returncode or found is None:
        raise SystemExit(f"{words} failed: {done.stderr[-2000:]}")
    return Took(*map(float, found.groups()))


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="src/ of another build")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="of the images, which is kept")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    result = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    with tempfile.TemporaryDirectory(prefix="many-files-") as name:
        root = Path(name)
        data = arguments.folder or root / "data"
        if not data.exists():
            make(data, arguments.images)
        some_of(data, root / "few")
        result |= {"machine": announced(), "images": sum(1 for _ in data.glob("*/*.jpg"))}
        time.sleep(3)  # a file that has just changed is not remembered
        print(f"{result['images']:,} images of {SIDE}x{SIDE}; seconds, of the processor, peak, kB")
        for build, source in (("this", OURS), ("other", arguments.other)):
            for part in arguments.parts or PARTS:
                cache = root / f"cache-{build}-{part}"
                for command, words in PARTS[part].items():
                    out = root / f"{build}-{command.replace(' ', '-')}"
                    few = run(source, words.format(data=root / "few", out=f"{out}-few"), cache)
                    took = run(source, words.format(data=data, out=out), cache)
                    each = 1000 * (took.peak - few.peak) / (result["images"] - FEW * CLASSES)
                    figures = {**took._asdict(), "kB an image": round(each, 2)}
                    result.setdefault(command, {})[build] = figures
                    print(f"{command:13} {build:6}", *figures.values(), flush=True)
                    if build == "other":
                        ours = result[command]["this"]
                        for clock in ("seconds", "processor"):
                            times = round(figures[clock] / ours[clock], 2)
                            result[command][f"times by {clock}"] = times
                            print(f"{command}: {times} times as fast by {clock}")
                    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
