"""Time of a training step with stochastic depth, beside the network of constant depth.

    python benchmarks/stochastic_depth.py

resnet110_cifar and resnet110_stochastic_depth_cifar take turns in one process: forward, backward
and SGD with momentum on the same random images, in fp32 and the memory layout of training. Each
step of stochastic depth draws anew which units it runs, from its number as a seed, so that all runs
of this script draw the same. The ratio is that of the means, since the savings differ by the draw;
its interval is a bootstrap's over the rounds, 95 %. The processor's time tells more than the
clock's on a machine that others use too. Huang and others 2016, Table 2, print 27 % less time for
110 layers on CIFAR-10, their README 20 %.
What is written: benchmarks/results/stochastic_depth.json.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cladenet.models.stochastic_depth import StochasticUnit
from cladenet.recipes import Recipe
from cladenet.registry import create_model
from cladenet.training.learner import Learner
from cladenet.world import World
from machine import machine

RESULT = Path(__file__).parent / "results" / "stochastic_depth.json"
CONSTANT, STOCHASTIC = "resnet110_cifar", "resnet110_stochastic_depth_cifar"
RECIPE = Recipe(source="Huang 2016", epochs=500, lr=0.1, nesterov=True, weight_decay=1e-4)
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    before = os.getloadavg()[0]
    sides = {name: Side(name) for name in (CONSTANT, STOCHASTIC)}
    images = torch.randn(options.batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (options.batch,))
    for number in range(-WARM_UP, options.rounds):
        for side in sides.values():
            side.step(images, labels, seed=number + WARM_UP)
    constant, stochastic = (side.timed() for side in sides.values())
    units = sides[STOCHASTIC].units_run[WARM_UP:]
    result = {
        "machine": machine(load_before=round(before, 2)),
        "batch": options.batch,
        "rounds": options.rounds,
        "units_run": {"mean": round(statistics.mean(units), 2), "expected": 40.25, "of": 54},
        CONSTANT: {clock: spread(times) for clock, times in constant.items()},
        STOCHASTIC: {clock: spread(times) for clock, times in stochastic.items()},
        "ratio": {clock: ratio(stochastic[clock], constant[clock]) for clock in constant},
    }
    print(json.dumps(result, indent=2))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


class Side:
    """A network in training, the seconds of its steps and the units that they ran."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        model = create_model(name).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.learner = Learner(model, RECIPE, World())
        self.seconds: dict[str, list[float]] = {"cpu": [], "wall": []}
        self.units_run: list[int] = []
        self.run = 0
        for unit in model.modules():
            if isinstance(unit, StochasticUnit):
                unit.residual.register_forward_hook(self._count)

    def step(self, images: Tensor, labels: Tensor, seed: int) -> None:
        """One step of training, timed."""
        self.run = 0
        torch.manual_seed(seed)
        wall, cpu = time.perf_counter(), time.process_time()
        self.learner.train_mode()
        F.cross_entropy(self.learner.net(images), labels).backward()
        self.learner.step()
        self.seconds["cpu"].append(time.process_time() - cpu)
        self.seconds["wall"].append(time.perf_counter() - wall)
        self.units_run.append(self.run)

    def timed(self) -> dict[str, list[float]]:
        """Seconds by clock, without those of warming up."""
        return {clock: seconds[WARM_UP:] for clock, seconds in self.seconds.items()}

    def _count(self, *_: Any) -> None:
        self.run += 1


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Of the milliseconds of a step."""
    ms = [1000 * value for value in seconds]
    found = {"mean": statistics.mean(ms), "median": statistics.median(ms)}
    return {
        name: round(value, 1)
        for name, value in {**found, "least": min(ms), "most": max(ms)}.items()
    }


def ratio(stochastic: Sequence[float], constant: Sequence[float]) -> dict[str, float]:
    """Of the mean times, with the interval that holds 95 % of it when rounds are drawn again."""
    pairs = list(zip(stochastic, constant, strict=True))
    draw = random.Random(0)
    again = sorted(_of_means(draw.choices(pairs, k=len(pairs))) for _ in range(2000))
    found = {"mean": _of_means(pairs), "low": again[50], "high": again[1949]}
    return {name: round(value, 3) for name, value in found.items()}


def _of_means(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(pair[0] for pair in pairs) / sum(pair[1] for pair in pairs)


if __name__ == "__main__":
    main()
