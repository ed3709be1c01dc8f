"""How often `--max-drop` breaks its promise: 1,000 simulated calibrations.

    python benchmarks/adaptive_promise.py [--run RUN --data cifar10:DATA]

A population of images is known whole, and so is the true drop of any thresholds in it. From it
1,000 sets of held-out images are drawn; each gives thresholds, as `evaluate --max-drop` sets them,
or none. A promise is broken where the true drop is larger; that may happen in 5 % at most.

The populations: 40,000 images of three made-up exits, of which the first two are wrong more often
the harder an image is, and, with --run, the validation and test images of a run, drawn with
replacement. What is written: benchmarks/results/adaptive_promise.json.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cladenet.adaptive.curve import Recorded, rightly
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.promise import ladder, promised
from cladenet.adaptive.thresholds import exits_taken
from cladenet.checkpoints import load
from cladenet.evaluation.intervals import wilson
from cladenet.evaluation.options import DEFAULT_PASS
from cladenet.runs.adaptive.images import ask
from cladenet.runs.adaptive.sequence import RECORDED_AT_A_TIME, Exits

RESULT = Path(__file__).parent / "results" / "adaptive_promise.json"
CALIBRATIONS = 1000
HOW = "fp32", "packed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    rows = []
    made_up = synthetic()
    for most, images in ((0.005, 2000), (0.01, 2000), (0.02, 1000)):
        rows.append(calibrated("three made-up exits", made_up, most, images))
        print(rows[-1], flush=True)
    if options.run is not None:
        network, real = of_run(options.run, options.data)
        for most, images in ((0.01, 2000), (0.02, 1000)):
            rows.append(calibrated(network, real, most, images))
            print(rows[-1], flush=True)
    options.out.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def synthetic(images: int = 40_000, classes: int = 10) -> Recorded:
    """Exits whose logit of the true class falls with how hard an image is."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, images)
    hard = rng.normal(0, 1, images)
    true = np.arange(classes) == labels[:, None]
    exits = [
        rng.normal(0, 1, (images, classes)) + true * np.clip(lead - 1.2 * hard, -1, None)[:, None]
        for lead in (3.0, 3.8, 4.4)
    ]
    return Recorded(np.stack(exits), labels)


def of_run(run: Path, data: str | None) -> tuple[str, Recorded]:
    """All images that a run has not been trained on."""
    loaded = load(run)
    asked = ask([loaded], data, None, "stop")
    with torch.inference_mode():
        exits = Exits(loaded, "fp32", RECORDED_AT_A_TIME)
        parts = [exits.record(splits, DEFAULT_PASS) for splits in (asked.held, asked.measured)]
    labels = [splits[0].labels for splits in (asked.held, asked.measured)]
    return loaded.card.network, Recorded(np.concatenate(parts, 1), np.concatenate(labels))


def calibrated(name: str, population: Recorded, most: float, images: int) -> dict[str, Any]:
    """How many of 1,000 calibrations chose thresholds, and how many of those lose too much."""
    begun = time.process_time()
    rng = np.random.default_rng(1)
    drops, costs = true_drops(population)
    count = len(population.labels)
    chosen = []
    for _ in range(CALIBRATIONS):
        drawn = rng.integers(0, count, images)
        held = Recorded(population.logits[:, drawn], population.labels[drawn])
        if (policy := promised(held, most, *HOW)) is not None:
            chosen.append(policy.thresholds.values)
    broken = sum(drops[values] > most for values in chosen)
    low, high = wilson(broken, CALIBRATIONS)
    return {
        "population": name,
        "images_in_it": count,
        "max_drop_points": 100 * most,
        "held_out_images": images,
        "calibrations": CALIBRATIONS,
        "chosen": len(chosen),
        "broken": broken,
        "broken_percent_95": [low, high],
        "mean_exit": float(np.mean([costs[v] for v in chosen])) if chosen else None,
        "cpu_seconds": round(time.process_time() - begun, 1),
    }


Of = dict[tuple[float, ...], float]


def true_drops(population: Recorded) -> tuple[Of, Of]:
    """Of all candidates: the drop in the whole population, and the mean exit, from 1."""
    exits, _, classes = population.logits.shape
    candidates: list[Policy] = ladder(exits, classes, *HOW)
    shares, sure = candidates[0].confidences(population.logits)
    whole = (shares[-1].argmax(-1) == population.labels).mean()
    drops, costs = {}, {}
    for policy in candidates:
        taken = exits_taken(sure, policy.thresholds)
        right = rightly(shares, taken, population.labels).mean()
        drops[policy.thresholds.values] = float(whole - right)
        costs[policy.thresholds.values] = float(taken.mean()) + 1
    return drops, costs


if __name__ == "__main__":
    main()
