"""What condensing buys: the network of training beside the inference network, on this machine.

    python benchmarks/condensenet.py

Both forms take turns in one process, in evaluation mode, on the same images; the converted one has
the weights of the other, condensed as in the middle of training, and their logits are compared
first. Medians and quartiles of the ratio of each round's two times, by the processor's clock.
What is written: benchmarks/results/condensenet.json.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.models.condensenet import CondenseNet
from cladenet.models.progress import followers
from cladenet.registry import create_model, find
from machine import machine

RESULT = Path(__file__).parent / "results" / "condensenet.json"
NAMES = ("condensenet_86_cifar", "condensenet_182_cifar", "condensenet_74_g4", "condensenet_74_g8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [row for name in NAMES for row in compare(name, options.rounds)]
    result = {"machine": machine(), "rounds": options.rounds, "rows": rows}
    print(json.dumps(result, indent=2))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")


def compare(name: str, rounds: int) -> list[dict[str, object]]:
    """One row for each batch size."""
    entry = find(name)
    torch.manual_seed(0)
    trained = cast(CondenseNet, create_model(name).eval())
    converted = cast(CondenseNet, create_model(name, converted=True).eval())
    for layer in followers(trained):
        layer.at_progress(0.5)
    trained.convert_into(converted)
    rows: list[dict[str, object]] = []
    for batch in (1, 32):
        images = torch.randn(batch, *entry.input)
        with torch.inference_mode():
            difference = float((trained(images) - converted(images)).abs().max())
            times = [(seconds(trained, images), seconds(converted, images)) for _ in range(rounds)]
        ratios = sorted(slow / fast for slow, fast in times)
        quartiles = statistics.quantiles(ratios, n=4)
        rows.append(
            {
                "network": name,
                "batch": batch,
                "logits_differ_by": difference,
                "macs": [entry.train_macs, entry.macs],
                "macs_ratio": round((entry.train_macs or 0) / entry.macs, 2),
                "trained_ms": round(1e3 * statistics.median(t for t, _ in times), 2),
                "converted_ms": round(1e3 * statistics.median(t for _, t in times), 2),
                "speed_up": round(quartiles[1], 2),
                "quartiles": [round(quartiles[0], 2), round(quartiles[2], 2)],
            }
        )
    return rows


def seconds(model: Classifier, images: Tensor) -> float:
    """Of the processor, for one forward pass."""
    start = time.process_time()
    model(images)
    return time.process_time() - start


if __name__ == "__main__":
    main()
