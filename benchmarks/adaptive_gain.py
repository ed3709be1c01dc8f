"""What leaving early saves by the clock, beside what it saves in multiply-accumulates.

    python benchmarks/adaptive_gain.py RUN [--batches 1 64] [--rounds 15]

The thresholds are the cheapest within 0.3 points of the last exit on the run's validation images.
Two sides in one process, at each `--batches` images of the test images: images that leave, and the
whole network as `for_inference` makes it ready, packed, without its early exits. In each round one
side answers batch after batch, as whoever uses it would have it do, then the other; of each batch
the median over the rounds. `batch_by_batch` is the same with the sides taking turns at each batch,
where each finds the caches as the other has left them. The gain in MACs is that against the same
whole network: once by the paper's count of whole layers, by which budgets go, and once of what runs
before an image leaves, as maps that an exit does not need run after it. Where `predict` has many
images, those that are left of several batches go on together: a row for that, too, with as many
batches as it reads at once. What is written: benchmarks/results/adaptive_gain.json.

The commands set GOMP_SPINCOUNT, so that threads which wait sleep after 50 us; set it to see that.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adaptive_curves import Side, measured, paired
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.stepping import SteppedExits
from cladenet.adaptive.walking import answer
from cladenet.allocator import keep_freed_memory
from cladenet.analysis.cost import count_cost, counting, macs_to_exits, one_image
from cladenet.checkpoints import load
from cladenet.errors import BadArgument
from cladenet.evaluation.options import DEFAULT_PASS
from cladenet.inference import for_inference
from cladenet.inference.graph.recording import record_for_any_number
from cladenet.inference.graph.stepwise import AllExits, Segments, exits_first
from cladenet.layers.classifier import Classifier
from cladenet.runs.adaptive.images import ask
from cladenet.runs.adaptive.predictors import BATCHES_TOGETHER
from cladenet.runs.adaptive.sequence import inputs, size_of
from machine import machine

RESULTS = Path(__file__).parent / "results"
IMAGES = {1: 128}  # of a round; all where many come at a time


class Whole(nn.Module):
    """The network as it predicts, for counting."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--data")
    parser.add_argument("--out", type=Path, default=RESULTS / "adaptive_gain.json")
    options = parser.parse_args()
    keep_freed_memory()  # as `cladenet predict` does
    near = near_the_whole(measured([options.run], options.data, 1))
    policy = Policy.from_json(near["policy"])
    loaded = load(options.run)
    split = ask([loaded], options.data, None, "stop").measured[0]
    images = torch.cat(list(inputs(split, loaded.card, DEFAULT_PASS)))
    size = size_of(loaded.card)
    whole_macs = count_cost(Whole(loaded.model), size)[1]
    to_exits = np.array(macs_to_exits(loaded.model, size))
    run_to_exits = np.array(macs_run(loaded.model, size))
    rows = []
    for batch in options.batches:
        shown = images[: IMAGES.get(batch, len(images))]
        stepped = SteppedExits(loaded.model, size, batch_size=batch)
        whole = for_inference(loaded.model, batch_size=batch, size=size, engine="packed")
        exits = answer(stepped, policy, shown).exits
        gain_in_macs = whole_macs / float(to_exits[exits].mean())
        for together in (1, BATCHES_TOGETHER) if batch > 1 else (1,):
            parts = shown.split(batch * together)
            sides: dict[str, Callable[[Tensor], Any]] = {
                "whole": whole,
                "leaving": partial(answer, stepped, policy),
            }
            found = row(parts, sides, options.rounds, gain_in_macs)
            found["batch_by_batch"] = row(parts, sides, options.rounds, gain_in_macs, by_batch=True)
            found["gain_in_macs_run"] = whole_macs / float(run_to_exits[exits].mean())
            rows.append({"batch": batch, "batches_together": together, **found})
            print(rows[-1], flush=True)
    result = {
        "machine": machine(),
        "spin_count": os.environ.get("GOMP_SPINCOUNT", "OpenMP's own"),
        "network": loaded.card.network,
        "training_steps": loaded.card.step,
        "near_the_whole": near,
        "rows": rows,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")


def near_the_whole(side: Side, points_below: float = 0.3) -> dict[str, Any]:
    """The cheapest thresholds that stay within so many points of the last exit, on held-out images.

    And what they come to on the test images.

    Raises:
        BadArgument: there are none.
    """
    whole = (side.held.logits[-1].argmax(-1) == side.held.labels).mean()
    for point in side.points:
        shares, _ = point.policy.confidences(side.held.logits)
        answers = shares[point.held_exits, np.arange(shares.shape[1])].argmax(-1)
        if (answers == side.held.labels).mean() >= whole - points_below / 100:
            drop, low, high = paired(side.steps[-1][2], point.right)
            macs = side.costs.mean("MACs", point.exits)
            return {
                "points_below": points_below,
                "law_value": point.value,
                "macs": macs,
                "share_of_whole": macs / side.costs.macs[-1],
                "test_drop": drop,
                "test_drop_95": [low, high],
                "exits": np.bincount(point.exits, minlength=len(side.costs.macs)).tolist(),
                "policy": point.policy.to_json(),
            }
    raise BadArgument(f"no thresholds stay within {points_below} points of the last exit")


def macs_run(model: Classifier, size: tuple[int, int, int]) -> list[int]:
    """Multiply-accumulates that are run before each exit answers, those before it included."""
    program = record_for_any_number(AllExits(model.exits, model), one_image(model, size))
    exits_first(program)
    segments = Segments(program)
    counts = []
    with torch.inference_mode(), counting(model) as so_far:
        held = segments.begin(one_image(model, size))
        for number in range(model.num_exits):
            segments.run(number, held)
            counts.append(so_far())
    return counts


def row(
    parts: tuple[Tensor, ...],
    sides: dict[str, Callable[[Tensor], Any]],
    rounds: int,
    gain_in_macs: float,
    *,
    by_batch: bool = False,
) -> dict[str, Any]:
    """All parts by one side, then by the other, `rounds` times after a first that warms up.

    Of each part and side the median over the rounds. Whatever else the machine does disturbs both.

    Args:
        parts: the batches.
        sides: what answers them.
        rounds: that are measured.
        gain_in_macs: that the gain by the clock is a share of.
        by_batch: each part by both sides, before the next part.
    """
    seconds = {name: np.zeros((rounds, len(parts))) for name in sides}
    turns = list(product(sides, range(len(parts))))
    if by_batch:
        turns.sort(key=lambda turn: turn[1])
    for number in range(-1, rounds):
        for name, place in turns:
            begun = time.perf_counter()
            sides[name](parts[place])
            if number >= 0:
                seconds[name][number, place] = time.perf_counter() - begun
    count = sum(len(part) for part in parts)
    ms = {name: 1e3 * float(np.median(all_, 0).sum()) / count for name, all_ in seconds.items()}
    ratios = seconds["whole"].sum(1) / seconds["leaving"].sum(1)
    gain = ms["whole"] / ms["leaving"]
    return {
        "images": count,
        "ms_whole": ms["whole"],
        "ms_leaving": ms["leaving"],
        "gain_in_macs": gain_in_macs,
        "gain_by_the_clock": gain,
        "of_single_rounds": [float(ratios.min()), float(np.median(ratios)), float(ratios.max())],
        "share_of_the_gain": gain / gain_in_macs,
    }


if __name__ == "__main__":
    main()
