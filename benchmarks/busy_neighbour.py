"""How much longer one image takes beside a process that keeps one of our cores busy.

    python benchmarks/busy_neighbour.py [--networks resnet50,mobilenet_v3_large] [--threads 2]

Each network is asked with no neighbour and with one, in turns, in one run: `auto` after it has
settled, and each engine by itself. The `auto` that is asked beside a neighbour has answered for
some seconds without one and with one, as in a long job, so that it could give threads up. The
neighbour is Python in a loop, bound to the last of our cores. What is printed: milliseconds alone
and beside it, their ratio, and how much faster than torchvision's eager float32 the network is
alone. What is written: benchmarks/results/busy_neighbour.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import cladenet
from cladenet import processor
from cladenet.allocator import keep_freed_memory
from cladenet.bench.inference import example_images
from cladenet.bench.paired import repeated
from cladenet.inference.engines import ENGINES
from cladenet.vision import torchvision
from machine import machine

RESULT = Path(__file__).parent / "results" / "busy_neighbour.json"
PLAIN = "torchvision"
ENGINES_APART = ("packed", "onnxruntime", "openvino")
PAUSE, VISIT = 0.15, 0.5  # seconds: until the last side's threads sleep, and of a visit
MINDING = 4.0  # seconds of answers in which `auto` gets to know a neighbour


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default="resnet50,mobilenet_v3_large")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    result: dict[str, Any] = {
        "machine": machine(threads=options.threads, **processor.abilities()._asdict()),
        "networks": {},
    }
    for name in options.networks.split(","):
        result["networks"][name] = rows = measured(name, options.rounds)
        for side, row in rows.items():
            print(name, side, json.dumps(row), flush=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {options.out}")


def measured(name: str, rounds: int) -> dict[str, dict[str, Any]]:
    """A row for each side, the plain network of torchvision first."""
    sides = {PLAIN: plain(name)}
    model, shape = cladenet.create_model(name).eval(), cladenet.find(name).input
    images = example_images(1, shape)
    facts: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as cache:
        fast, minding = (
            cladenet.for_inference(model, size=shape, cache=Path(cache)) for _ in range(2)
        )
        for each in (fast, minding):
            each.settle()
    sides["auto"] = fast
    for engine in ENGINES_APART:
        if ENGINES[engine].installed:
            sides[engine] = cladenet.for_inference(model, size=shape, engine=engine)
    sides_beside = sides | {"auto": minding}
    answer_for(minding, images, MINDING)
    with busy():
        answer_for(minding, images, MINDING)
    alone: dict[str, list[float]] = {side: [] for side in sides}
    beside: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        visit(sides, images, alone)
        with busy():
            visit(sides_beside, images, beside)
    facts["auto"] = {
        "engine": fast.engine,
        "threads": fast.threads,
        "threads_beside": minding.threads,
    }
    quick = statistics.median(alone[PLAIN])
    rows = {}
    for side in sides:
        quiet, held_up = statistics.median(alone[side]), statistics.median(beside[side])
        rows[side] = {
            "ms": round(1000 * quiet, 2),
            "ms_beside": round(1000 * held_up, 2),
            "ratio": round(held_up / quiet, 2),
            "times": round(quick / quiet, 2),
            **facts.get(side, {}),
        }
    return rows


def answer_for(answer: Callable[[Tensor], Any], images: Tensor, seconds: float) -> None:
    """One call after the other."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        answer(images)


def visit(
    sides: dict[str, Callable[[Tensor], Any]], images: Tensor, into: dict[str, list[float]]
) -> None:
    """Seconds of a call of each side, added to its list."""
    for side, answer in sides.items():
        time.sleep(PAUSE)
        with torch.inference_mode():
            into[side].append(repeated(partial(answer, images), VISIT)())


def plain(name: str) -> Callable[[Tensor], Any]:
    torchvision()
    from torchvision import models

    network: Callable[[Tensor], Any] = models.get_model(name).eval()
    return network


@contextmanager
def busy() -> Iterator[None]:
    """While inside, a process keeps the last core that is ours busy."""
    core = max(os.sched_getaffinity(0))
    loop = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    neighbour = subprocess.Popen([sys.executable, "-c", loop])
    try:
        time.sleep(2 * PAUSE)
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


if __name__ == "__main__":
    main()
