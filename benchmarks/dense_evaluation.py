"""What dense evaluation saves: VGG-16 on whole images, beside the same network on their crops.

    python benchmarks/dense_evaluation.py

Two comparisons, of fresh weights on one image of noise, the sides taking turns in one process:

    positions   512x512, 100 positions 32 pixels apart: the class-score map, and 100 crops of 224
    protocol    VGG's Table 5, three scales and mirror images: 6 maps, and 150 crops

Before speed the answers are compared: without the padding of its convolutions, a position of the
map is the network's answer for the crop there (404 pixels, from which 7x7 are left); with it, the
head's answer for the window there. On a machine that others use too, look at the CPU seconds.
What is written: benchmarks/results/dense_evaluation.json.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from cladenet.evaluation.protocol import ViewOptions, protocols_for
from cladenet.evaluation.scales import at_scale
from cladenet.evaluation.viewer import EnsembleMember, Viewer
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model
from cladenet.surgery.fully_convolutional import to_fully_convolutional
from machine import machine

RESULT = Path(__file__).parent / "results" / "dense_evaluation.json"
SIDE, CROP, STEP, BATCH = 512, 224, 32, 20
UNPADDED_CROP = 404  # 7 14 20 40 46 92 98 196 200 400 404, from the last pool upwards
SCALES = (256, 384, 512)
# Largest difference of two logits, in units of the largest: float32 sums of 25,088 terms.
ALIKE = 1e-4

Side = Callable[[], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = create_model("vgg16").eval()
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    with torch.inference_mode():
        result: dict[str, Any] = {
            "machine": machine(),
            "rounds": options.rounds,
            "largest difference of logits": differences(model, normalised(pixels)),
            "positions": compare(positions(model, normalised(pixels)), options.rounds),
            "protocol": compare(protocol(model, pixels), options.rounds),
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


def preprocess() -> Preprocess:
    return Preprocess(
        height=CROP,
        width=CROP,
        channels=3,
        fit="crop",
        resize=256,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


def normalised(pixels: NDArray[np.uint8]) -> Tensor:
    return preprocess().to_input(torch.from_numpy(pixels)[None])


def differences(model: Classifier, image: Tensor) -> dict[str, float]:
    """Map and crops, in units of the largest logit; what is not alike ends the script."""
    dense = to_fully_convolutional(model)
    scores = dense(image)
    maps = model.forward_features(image)
    windows = windows_of(maps, 7, 1)
    found = {"map and windows": worst(rows_of(scores), model.head(windows))}
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        layer.padding = (0, 0)
    crops = windows_of(image, UNPADDED_CROP, STEP)
    answers = torch.cat([model.head(model.forward_features(crop)) for crop in crops.split(4)])
    found["map and crops, without padding"] = worst(rows_of(dense(image)), answers)
    for layer in convolutions:
        layer.padding = (1, 1)
    for name, difference in found.items():
        print(f"{name}: logits differ by {difference:.1e} of the largest")
        if difference > ALIKE:
            raise SystemExit("these are not the same answers: the comparison would say nothing")
    padded = torch.cat([model(crop) for crop in windows_of(image, CROP, STEP).split(BATCH)])
    found["map and crops, with padding"] = worst(rows_of(scores), padded)
    return found


def positions(model: Classifier, image: Tensor) -> dict[str, Side]:
    """Scores at 10x10 places, (100, K)."""
    dense = to_fully_convolutional(model)
    crops = windows_of(image, CROP, STEP)
    assert len(crops) == 100
    return {
        "100 crops": lambda: torch.cat([model(batch) for batch in crops.split(BATCH)]),
        "1 map": lambda: rows_of(dense(image)),
    }


def protocol(model: Classifier, pixels: NDArray[np.uint8]) -> dict[str, Side]:
    """Posteriors as an evaluation makes them, from the image at its three scales."""
    seen = preprocess()
    scaled = {(seen, scale): at_scale(seen, pixels, scale) for scale in SCALES}
    sides: dict[str, Side] = {}
    for name in ("multi-crop", "multi-scale"):
        protocols = protocols_for([name], model, seen, (256, 512), ViewOptions())
        viewer = Viewer(EnsembleMember(model, seen, protocols), 256, "fp32")
        sides[protocols[0].views] = lambda viewer=viewer: viewer.posteriors([scaled])[0]  # type: ignore[misc]
    return sides


def windows_of(images: Tensor, side: int, step: int) -> Tensor:
    """(1, C, H, W) -> (windows, C, side, side), row by row."""
    windows = images.unfold(2, side, step).unfold(3, side, step)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).contiguous()


def rows_of(scores: Tensor) -> Tensor:
    """(1, K, h, w) -> (h * w, K)."""
    return scores.permute(0, 2, 3, 1).flatten(0, 2)


def worst(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def compare(sides: dict[str, Side], rounds: int) -> dict[str, Any]:
    """Seconds of all sides, taking turns, after one turn each that warms up."""
    clocks = {"wall": time.perf_counter, "cpu": time.process_time}
    taken: dict[str, dict[str, list[float]]] = {name: {c: [] for c in clocks} for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            starts = {clock: now() for clock, now in clocks.items()}
            side()
            if number:
                for clock, now in clocks.items():
                    taken[name][clock].append(now() - starts[clock])
    first = next(iter(sides))
    result: dict[str, Any] = {}
    for name, by_clock in taken.items():
        result[name] = {}
        for clock, seconds in by_clock.items():
            median = statistics.median(seconds)
            times = statistics.median(taken[first][clock]) / median
            found = {
                "median": round(median, 3),
                "least": round(min(seconds), 3),
                "most": round(max(seconds), 3),
                "times": round(times, 2),
            }
            result[name][clock] = found
            print(
                f"{name}: {found['median']} {clock} seconds "
                f"({found['least']} to {found['most']}), {found['times']}x"
            )
    return result


if __name__ == "__main__":
    main()
