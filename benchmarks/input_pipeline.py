"""Images per second of the input pipeline, beside torchvision's and timm's transforms.

    CLADENET_TEST_DATA=... python benchmarks/input_pipeline.py [cifar jpeg packed ...]

Ours and theirs (`input_sides.py`) end with normalised float32 batches in memory, make the same
random changes, and take turns in one process. Pixel statistics are compared before speed. Workers
live across epochs, so their start is not counted, on either side. On a machine that others use
too, look at the images per CPU second, given for sides that work in one process, threads included.
What is written: benchmarks/results/input_pipeline.json, of which other parts stay as they were.
"""

import argparse
import importlib.util
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from torch import Tensor
from torch.nn import functional as F

import cladenet
from cladenet.data.augment.crops import Augment
from cladenet.data.batches import TrainBatches
from cladenet.data.images.jpeg import agrees
from cladenet.data.preprocess import Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.vision import torchvision
from input_sides import PROCESS, Photographs, Sides, cifar
from machine import announced

RESULT = Path(__file__).parent / "results" / "input_pipeline.json"
# In standard deviations: two epochs of 20,000 images, and of 160, differ by their random crops.
CIFAR_ALIKE, PHOTOS_ALIKE = 0.01, 0.2
WARM_UP = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="which to measure; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch, but for the steps")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if "CLADENET_TEST_DATA" not in os.environ:
        raise SystemExit(
            "set CLADENET_TEST_DATA to a folder with cifar-10-batches-py/ and hymenoptera/"
        )
    data, rounds = Path(os.environ["CLADENET_TEST_DATA"]), options.rounds
    found = described()
    with tempfile.TemporaryDirectory() as cache:
        photos = Photographs(data, cache)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "cifar": lambda: compare(cifar(data), rounds, CIFAR_ALIKE),
            "jpeg": lambda: compare(photos.from_files(), rounds, PHOTOS_ALIKE),
            "packed": lambda: compare(photos.from_pixels(), rounds, PHOTOS_ALIKE),
            "crops alone": lambda: compare(photos.crops_alone(), rounds, PHOTOS_ALIKE),
            "policies": lambda: compare(photos.policies(), rounds, PHOTOS_ALIKE),
            "step of resnet20_cifar": lambda: small_step(data, rounds),
            "step of resnet18": lambda: photo_step(photos, rounds),
        }
        if unknown := set(options.parts) - parts.keys():
            raise SystemExit(f"{sorted(unknown)}: the parts are {', '.join(parts)}")
        before = json.loads(options.out.read_text()) if options.out.exists() else {}
        result = {name: before[name] for name in parts if name in before}
        for name in options.parts or parts:
            print(f"-- {name}", flush=True)
            result[name] = {"machine": found, **parts[name]()}
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


def described() -> dict[str, Any]:
    """The machine and the libraries that read images, printed as well."""
    vision = torchvision().__version__
    if importlib.util.find_spec("timm") is None:
        raise SystemExit("timm's transform is one of the sides: pip install timm")
    import timm

    return announced(
        torchvision=vision,
        timm=timm.__version__,
        numpy=np.__version__,
        pillow=PIL.__version__,
        simplejpeg=agrees(),
    )


def compare(sides: Sides, rounds: int, alike: float) -> dict[str, Any]:
    """Rates of all sides, taking turns, after one epoch each that warms up and is looked at.

    The first side is what the others are so many times as fast as.
    """
    baseline = next(iter(sides))
    looks = {name: statistics_of(epoch(0)) for name, epoch in sides.items()}
    for name, look in looks.items():
        difference = max(abs(a - b) for a, b in zip(look, looks[baseline], strict=True))
        if difference > alike:
            raise SystemExit(
                f"{name}: pixel mean or std differs from that of {baseline} by "
                f"{difference:.4f}: these are not the same images"
            )
    rates: dict[str, list[float]] = {name: [] for name in sides}
    cpu_rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(1, rounds + 1):
        for name, epoch in sides.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            images = sum(len(batch) for batch in epoch(number))
            rates[name].append(images / (time.perf_counter() - start))
            cpu_rates[name].append(images / (time.process_time() - cpu_start))
    result = {}
    for name in sides:
        result[name] = {"wall": spread(rates[name], rates[baseline])}
        if PROCESS not in name:
            result[name]["cpu"] = spread(cpu_rates[name], cpu_rates[baseline])
        for clock, found in result[name].items():
            print(
                f"{name}: {found['median']:,} images per {clock} second "
                f"({found['least']:,} to {found['most']:,}), {found['times']}x",
                flush=True,
            )
    return result


def spread(rates: list[float], baseline: list[float]) -> dict[str, float]:
    median = statistics.median(rates)
    return {
        "median": round(median),
        "least": round(min(rates)),
        "most": round(max(rates)),
        "times": round(median / statistics.median(baseline), 2),
    }


def statistics_of(batches: Iterable[Tensor]) -> list[float]:
    """Mean and standard deviation of each channel over an epoch."""
    count, total, squares = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3).double()
    for batch in batches:
        pixels = batch.double().transpose(0, 1).flatten(1)
        count += pixels.shape[1]
        total += pixels.sum(dim=1)
        squares += pixels.square().sum(dim=1)
    mean = total / count
    return [*mean.tolist(), *(squares / count - mean**2).sqrt().tolist()]


def small_step(data: Path, rounds: int) -> dict[str, Any]:
    """resnet20_cifar, batches of 128."""
    dataset = open_dataset(f"cifar10:{data}")
    preprocess = Preprocess.for_dataset(dataset, (3, 32, 32))
    batches = TrainBatches(dataset.train, preprocess, Augment(crop="pad", flip=0.5), 128, seed=0)
    return share_of_a_step("resnet20_cifar", batches, preprocess, 4 * rounds)


def photo_step(photos: Photographs, rounds: int) -> dict[str, Any]:
    """resnet18 at 224 pixels, batches of 32 from the packed file."""
    return share_of_a_step("resnet18", photos.batches(photos.boxes), photos.preprocess, 2 * rounds)


def share_of_a_step(
    network: str, batches: TrainBatches, preprocess: Preprocess, steps: int
) -> dict[str, Any]:
    """What making the input takes of a training step: bf16 autocast, channels-last, every core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model: Any = cladenet.create_model(network, num_classes=10)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    stream = (batch for epoch in range(steps) for batch in batches.epoch(epoch))
    waits, whole = [], []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        batch = next(stream)
        images = preprocess.to_input(batch.images)
        waits.append(time.perf_counter() - start)
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(model(images), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        whole.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    wait, step = (1000 * statistics.median(times[WARM_UP:]) for times in (waits, whole))
    print(f"input {wait:.2f} ms of a step of {step:.1f} ms: {100 * wait / step:.2f} %", flush=True)
    return {
        "threads": len(os.sched_getaffinity(0)),
        "input_ms": round(wait, 3),
        "step_ms": round(step, 1),
        "share_percent": round(100 * wait / step, 2),
    }


if __name__ == "__main__":
    main()
