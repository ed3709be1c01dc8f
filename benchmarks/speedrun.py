"""Seconds of training to 80 % and to 85 % on CIFAR-10, for recipes that were made for it.

    python benchmarks/speedrun.py --data cifar10:ROOT             # all sides, several seeds
    python benchmarks/speedrun.py --data cifar10:ROOT --only speedrun
    python benchmarks/speedrun.py --data cifar10:ROOT --quick     # one epoch of each, one seed

The sides run one after another, so the machine has to be idle:

    speedrun            what `cladenet train --recipe speedrun` trains
    speedrun, short     the same in 3 epochs: a rate that falls sooner passes the first mark sooner
    airbench94, paper   the settings of arXiv:2404.00498 (Nesterov SGD, Lookahead), all its epochs
    resnet20, paper     resnet20_cifar with the settings of its paper, until both marks are passed
                        or `--most` seconds are over

All with bf16 autocast, channels-last, the same images. A tenth of the training images is held out;
"reached" is the end of the first epoch after which the network gets that share of them right, in
the plain single view. The clock runs while batches are made and steps are taken, and while filters
are computed from images; building the network, reading the data, and measuring accuracy are outside
of it. Test accuracy is measured beside it, decides nothing, and comes with its 95 % interval.

What is written: benchmarks/results/speedrun.json, of which other sides and seeds stay as they were.
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from cladenet.allocator import keep_freed_memory
from cladenet.data.batches import TrainBatches
from cladenet.evaluation.ensemble import evaluate as evaluate_protocols
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.protocol import ViewOptions, protocols_for
from cladenet.evaluation.single_scale import evaluate
from cladenet.evaluation.viewer import EnsembleMember
from cladenet.recipes.schedule import lr_at
from cladenet.runs.train.decide import decide
from cladenet.runs.train.first_batch import fit_to_data
from cladenet.runs.train.first_weights import build
from cladenet.runs.train.setup import Setting, prepare
from cladenet.training.engine import train
from cladenet.training.learner import Learner
from cladenet.training.objective import make_objective
from cladenet.world import World
from machine import machine

RESULT = Path(__file__).parent / "results" / "speedrun.json"
MARKS = (80.0, 85.0)
PRECISION = "bf16"


@dataclass(frozen=True)
class Side:
    """A network and a recipe; `options` as on the command line."""

    network: str
    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict)
    stops: bool = False  # where both marks are passed


SIDES = {
    "speedrun": Side("", "speedrun"),
    "speedrun, short": Side("", "speedrun", {"epochs": 3}),
    "airbench94, paper": Side("airbench94", "paper"),
    "resnet20, paper": Side("resnet20_cifar", "paper", stops=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", default="", help="sides whose name begins so")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--most", type=float, default=420.0, help="seconds of a side that stops")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    seeds = options.seeds[:1] if options.quick else options.seeds
    runs = json.loads(options.out.read_text())["runs"] if options.out.exists() else []
    for name in (name for name in SIDES if name.startswith(options.only)):
        side = SIDES[name]
        for seed in seeds[:1] if side.stops else seeds:
            epochs = 1 if options.quick else 0
            found = run(side, options.data, seed, most=options.most, epochs=epochs)
            runs = [each for each in runs if (each["side"], each["seed"]) != (name, seed)]
            runs.append({"side": name, "machine": machine(), **found})
            shown = {key: found[key] for key in ("seed", "reached", "seconds", "end")}
            print(name, json.dumps(shown), flush=True)
            if not options.quick:
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps({"runs": ordered(runs)}, indent=2) + "\n")
    print("nothing is written" if options.quick else f"written: {options.out}")


def ordered(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Side by side and seed by seed, whenever each was measured."""
    return sorted(runs, key=lambda run: (list(SIDES).index(run["side"]), run["seed"]))


def run(side: Side, data: str, seed: int, *, most: float, epochs: int = 0) -> dict[str, Any]:
    """One training: its curve, and when it reached the marks. `epochs` are all that it may take."""
    config = decide(side.network, data, side.recipe, "", {"seed": seed, **side.options})
    setting = prepare(config, None, Path("nowhere"), leads=False)
    recipe, dataset, world = setting.recipe, setting.dataset, World()
    model, _ = build(config, setting, None, None)
    batches = TrainBatches(
        dataset.train, setting.preprocess, setting.augment, recipe.batch_size, seed
    )
    begun = time.perf_counter()
    notes = fit_to_data(model, batches, setting.preprocess, world.device)
    seconds = time.perf_counter() - begun
    total = recipe.total_steps(batches.steps_per_epoch)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = Learner(model, recipe, world, steps=total)

    def stream() -> Any:
        for epoch in range(epochs or -(-total // batches.steps_per_epoch)):
            yield from batches.epoch(epoch)

    steps = train(
        learner,
        stream(),
        objective=make_objective(recipe.label_smoothing),
        preprocess=setting.preprocess,
        rate=lambda step: lr_at(recipe, step, total),
        seed=seed,
        precision=PRECISION,
    )
    curve: list[dict[str, Any]] = []
    begun = time.perf_counter()
    for report in steps:
        if report.step % batches.steps_per_epoch and report.step != total:
            continue
        seconds += time.perf_counter() - begun
        curve.append(
            {
                "epoch": round(report.step / batches.steps_per_epoch, 2),
                "seconds": round(seconds, 2),
                "val": accuracy(learner, setting, "val"),
                "test": accuracy(learner, setting, "test"),
            }
        )
        if report.step == total or (side.stops and done(curve, most)):
            break
        begun = time.perf_counter()
    return {
        "network": config.network,
        "recipe": asdict(recipe),
        "seed": seed,
        "images": len(dataset.train),
        "notes": notes,
        "reached": {f"{mark:g} %": reached(curve, mark) for mark in MARKS},
        "seconds": curve[-1]["seconds"],
        "end": {split: at_the_end(learner, setting, split) for split in ("val", "test")},
        "curve": curve,
    }


def done(curve: list[dict[str, Any]], most: float) -> bool:
    """Has it passed the last mark, or taken too long?"""
    return curve[-1]["seconds"] > most or reached(curve, MARKS[-1]) is not None


def reached(curve: list[dict[str, Any]], mark: float) -> dict[str, Any] | None:
    """The first epoch's end with that accuracy on the images held out."""
    return next((row for row in curve if row["val"] >= mark), None)


def accuracy(learner: Learner, setting: Setting, split: str) -> float:
    """Of the plain single view, in percent."""
    images = setting.dataset.splits()[split]
    found = evaluate(
        learner.predictor, images, setting.preprocess, PassOptions(precision=PRECISION)
    )
    return round(100 - found.top1_error, 2)


def at_the_end(learner: Learner, setting: Setting, split: str) -> dict[str, Any]:
    """Accuracy with its interval under both protocols."""
    side = setting.preprocess.height
    found = {}
    for name in ("single-scale", "mirror-shift"):
        chosen = protocols_for(
            [name], learner.predictor, setting.preprocess, (side, side), ViewOptions()
        )
        member = EnsembleMember(learner.predictor, setting.preprocess, chosen)
        (((evaluation,),), _) = evaluate_protocols(
            [member], setting.dataset.splits()[split], PassOptions(precision=PRECISION)
        )
        low, high = evaluation.top1_interval
        found[name] = {
            "accuracy": round(100 - evaluation.top1_error, 2),
            "interval": [round(100 - high, 2), round(100 - low, 2)],
            "images": evaluation.n,
        }
    return found


if __name__ == "__main__":
    main()
