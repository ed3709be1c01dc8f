"""Accuracy against cost: MSDNet, networks with classifiers put on, ensembles, single networks.

    python benchmarks/adaptive_curves.py RUNS [--data cifar10:DATA] [--out FILE]

RUNS has the runs msdnet, resnet_mc, densenet_mc, r8, r14 and r20, each trained by

    cladenet train NETWORK --recipe paper --data cifar10:DATA --out RUNS/NAME epochs=3 ...

    msdnet        msdnet_budget_5_cifar
    resnet_mc     resnet20_cifar model.depth=32 model.exits_after=EXITS["resnet_mc"]
    densenet_mc   densenet_40_12_cifar model.depth=28 model.growth_rate=6 model.exits_after=...
    r8, r14, r20  resnet20_cifar model.depth=8, 14, 20

All of one seed, so that all hold out the same images, which set the thresholds; the test images
measure. ResNet-MC and DenseNet-MC are half as deep as the paper's, with exits at the same shares.

Huang and others 2018, arXiv:1703.09844: Figure 5 gives every image the last answer within a budget,
Figure 7 a mean budget to all. An ordering of them comes again where the 95 % interval of the
difference, over the images that both answered, is above 0. What is written:
benchmarks/results/adaptive_curves.json; `adaptive_page.py` makes docs/adaptive.md of it.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from cladenet.adaptive.confidence import posteriors
from cladenet.adaptive.costs import Budget, Costs
from cladenet.adaptive.curve import Choice, Point, Recorded, curve, within
from cladenet.checkpoints import load
from cladenet.errors import BadArgument
from cladenet.evaluation.intervals import Z, wilson
from cladenet.evaluation.options import DEFAULT_PASS
from cladenet.runs.adaptive.images import ask
from cladenet.runs.adaptive.sequence import Cascade, Exits
from machine import machine

RESULT = Path(__file__).parent / "results" / "adaptive_curves.json"
EXITS = {
    "resnet_mc": "stages.0.1,stages.0.3,stages.1.1,stages.1.3,stages.2.1,stages.2.3",
    "densenet_mc": "stages.0.3,stages.0.6,stages.1.3,stages.1.6,stages.2.3,stages.2.6",
}
MSDNET, ENSEMBLE = "MSDNet", "ensemble of ResNets"
RUNS = {
    MSDNET: ("msdnet",),
    "ResNet-MC": ("resnet_mc",),
    "DenseNet-MC": ("densenet_mc",),
    ENSEMBLE: ("r8", "r14", "r20"),
}
SINGLE = "single ResNets"
BUDGETS = tuple(Budget(x * 1e6, "MACs", f"{x}M MACs") for x in (15, 30, 45, 60)) + tuple(
    Budget(x, "ms", f"{x} ms") for x in (1, 2, 3, 4)
)
Right = NDArray[np.bool_]
# The paper's orderings: the first is above the second; how the first and the second spend.
ORDERINGS = (
    ("Fig. 5", (MSDNET, "anytime"), ("ResNet-MC", "anytime")),
    ("Fig. 5", (MSDNET, "anytime"), ("DenseNet-MC", "anytime")),
    ("Fig. 5", (MSDNET, "anytime"), (ENSEMBLE, "anytime")),
    ("Fig. 5", (ENSEMBLE, "anytime"), ("ResNet-MC", "anytime")),
    ("Fig. 7", (MSDNET, "budgeted"), (MSDNET, "anytime")),
    ("Fig. 7", (MSDNET, "budgeted"), ("ResNet-MC", "budgeted")),
    ("Fig. 7", (MSDNET, "budgeted"), ("DenseNet-MC", "budgeted")),
    ("Fig. 7", (MSDNET, "budgeted"), (ENSEMBLE, "budgeted")),
    ("Fig. 7", (MSDNET, "budgeted"), (SINGLE, "anytime")),
)


class Side(NamedTuple):
    """What a network, or several, came to on the test images.

    Args:
        costs: to each answer.
        steps: of each answer, or of each single network, what it costs and which are right.
        points: sets of thresholds, the cheapest first.
        held: what the held-out images were answered with.
    """

    costs: Costs
    steps: list[tuple[float, float, Right]]
    points: list[Point]
    held: Recorded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--batch", type=int, default=1, help="images that come at a time")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    sides: dict[str, Side] = {}
    steps, notes = {}, []
    for name, names in RUNS.items():
        there = [
            folder for folder in names if (options.runs / folder / "checkpoints/last").exists()
        ]
        notes += [f"{folder} is missing" for folder in names if folder not in there]
        if len(there) < min(2, len(names)):
            continue
        folders = [options.runs / folder for folder in there]
        sides[name] = measured(folders, options.data, options.batch)
        for folder in folders:
            steps[folder.name] = load(folder).card.step
        print(f"{name}: {len(sides[name].points)} points", flush=True)
    if ENSEMBLE in sides:
        sides[SINGLE] = singles(sides[ENSEMBLE])
    result = {
        "machine": machine(),
        "batch": options.batch,
        "images": len(next(iter(sides.values())).steps[0][2]),
        "held_out_images": len(sides[MSDNET].held.labels),
        "training_steps": steps,
        "notes": notes,
        "sides": {name: to_json(side) for name, side in sides.items()},
        "orderings": list(orderings(sides)),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {options.out}")


def measured(folders: list[Path], data: str | None, batch: int) -> Side:
    """The exits of one run, or several runs one after the other."""
    loaded = [load(folder) for folder in folders]
    asked = ask(loaded, data, None, "stop")
    with torch.inference_mode():
        several = len(loaded) > 1
        answers = Cascade(loaded, "fp32", batch) if several else Exits(loaded[0], "fp32", batch)
        held = Recorded(answers.record(asked.held, DEFAULT_PASS), asked.held[0].labels)
        test = Recorded(answers.record(asked.measured, DEFAULT_PASS), asked.measured[0].labels)
        costs = answers.costs()
    shares = posteriors(test.logits)
    if several:  # an ensemble is the mean of all networks so far
        shares = shares.cumsum(0)
    rights = shares.argmax(-1) == test.labels
    steps = list(zip(map(float, costs.macs), costs.ms, rights, strict=True))
    steps += alone(costs, test) if several else []
    return Side(costs, steps, curve(held, test, Choice()), held)


def alone(costs: Costs, test: Recorded) -> list[tuple[float, float, Right]]:
    """Each network of an ensemble by itself."""
    macs, ms = np.diff(costs.macs, prepend=0), np.diff(costs.ms, prepend=0)
    return [
        (float(m), float(t), logits.argmax(-1) == test.labels)
        for m, t, logits in zip(macs, ms, test.logits, strict=True)
    ]


def singles(ensemble: Side) -> Side:
    count = len(ensemble.costs.macs)
    own = ensemble.steps[count:]
    del ensemble.steps[count:]
    return ensemble._replace(steps=own, points=[])


def answered(side: Side, how: str, budget: Budget) -> Right | None:
    """Which images are right within a budget; None where it does not reach so far."""
    if how == "anytime":
        by_ms = budget.unit == "ms"
        reached = [
            right for macs, ms, right in side.steps if (ms if by_ms else macs) <= budget.amount
        ]
        return reached[-1] if reached else None
    try:
        return within(side.points, side.costs, budget).right
    except BadArgument:
        return None


def orderings(sides: Mapping[str, Side]) -> Iterator[dict[str, Any]]:
    """Each ordering at each budget that both sides reach."""
    for figure, (first, how), (second, other) in ORDERINGS:
        for budget in BUDGETS:
            if first not in sides or second not in sides:
                continue
            better = answered(sides[first], how, budget)
            worse = answered(sides[second], other, budget)
            if better is None or worse is None:
                continue
            difference, low, high = paired(better, worse)
            verdict = "again" if low > 0 else "reversed" if high < 0 else "not told apart"
            yield {
                "figure": figure,
                "first": f"{first}, {how}",
                "second": f"{second}, {other}",
                "budget": budget.text,
                "points": difference,
                "points_95": [low, high],
                "verdict": verdict,
            }


def paired(first: Right, second: Right) -> tuple[float, float, float]:
    """By how many points the first is more often right, with a 95 % interval."""
    differ = first.astype(float) - second
    mean, reach = differ.mean(), Z * differ.std() / len(differ) ** 0.5
    return 100 * mean, 100 * (mean - reach), 100 * (mean + reach)


def to_json(side: Side) -> dict[str, Any]:
    return {
        "anytime": [row(macs, ms, right) for macs, ms, right in side.steps],
        "budgeted": [
            {
                "law_value": point.value,
                **row(
                    side.costs.mean("MACs", point.exits),
                    side.costs.mean("ms", point.exits),
                    point.right,
                ),
            }
            for point in side.points
        ],
    }


def row(macs: float, ms: float, right: Right) -> dict[str, Any]:
    hits, n = int(right.sum()), len(right)
    return {"macs": macs, "ms": ms, "accuracy": 100 * hits / n, "accuracy_95": wilson(hits, n)}


if __name__ == "__main__":
    main()
