"""Images per second of the input pipeline, beside torchvision's datasets and DataLoader.

    CLADENET_TEST_DATA=... python benchmarks/input_pipeline.py

Both sides end with normalised float32 batches in memory, do the same augmentation, and take turns
in one process. Pixel statistics are compared before speed. Workers live across epochs, so their
start is not counted, on either side. On a machine that others use too, look at the images per CPU
second, which is given for sides that work in one process, threads included.
What is written: benchmarks/results/input_pipeline.json.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from machine import machine
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

import cladenet
from cladenet.data.augment import Augment
from cladenet.data.batches import TrainBatches
from cladenet.data.open import open_dataset
from cladenet.data.preprocess import Preprocess
from cladenet.vision import torchvision

Epoch = Callable[[int], Iterable[Tensor]]  # the number of an epoch -> its batches
RESULT = Path(__file__).parent / "results" / "input_pipeline.json"
# In standard deviations: two epochs of 20,000 images, and of 160, differ by their random crops.
CIFAR_ALIKE, PHOTOS_ALIKE = 0.01, 0.2
BASELINE = "torchvision, 0 workers"
PROCESSES = "worker processes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if "CLADENET_TEST_DATA" not in os.environ:
        raise SystemExit(
            "set CLADENET_TEST_DATA to a folder with cifar-10-batches-py/ and hymenoptera/"
        )
    data = Path(os.environ["CLADENET_TEST_DATA"])
    with tempfile.TemporaryDirectory() as cache:
        result = {
            "machine": described(),
            "cifar": compare(cifar_sides(data), options.rounds, CIFAR_ALIKE),
            "step": share_of_a_step(data, options.rounds),
            "photographs": compare(photo_sides(data, cache), options.rounds, PHOTOS_ALIKE),
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


def described() -> dict[str, Any]:
    """The machine and the libraries that read images, printed as well."""
    found = machine(
        torchvision=torchvision().__version__, numpy=np.__version__, pillow=PIL.__version__
    )
    print(*(f"{key} {value}" for key, value in found.items()), sep=", ")
    return found


def cifar_sides(data: Path) -> dict[str, Epoch]:
    dataset = open_dataset(f"cifar10:{data}")
    preprocess = Preprocess.for_dataset(dataset, (3, 32, 32))
    batches = TrainBatches(dataset.train, preprocess, Augment(crop="pad", flip=0.5), 128, seed=0)
    torchvision()
    from torchvision import datasets, transforms

    class CIFAR10Part(datasets.CIFAR10):  # type: ignore[misc]
        """The two batches that are here."""

        train_list = [  # noqa: RUF012
            ["data_batch_1", "cbda46cd6b302f5d443d3cd20ce8b97e"],
            ["data_batch_2", "e452a8833dcbadd5b59b46ac2d17b1d5"],
        ]
        test_list = [["test_batch", "b3f5e288144dcd9e81e35c9b0213bbee"]]  # noqa: RUF012
        meta = {  # noqa: RUF012
            "filename": "batches.meta",
            "key": "label_names",
            "md5": "56a2023d12d9afdf5284508eeb834c17",
        }

    chain = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4, fill=tuple(preprocess.mean_colour().tolist())),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(preprocess.mean, preprocess.std),
        ]
    )
    theirs = CIFAR10Part(data, train=True, transform=chain)
    return {"cladenet": ours(batches, preprocess), **loaders(theirs, 128)}


def photo_sides(data: Path, cache: str) -> dict[str, Epoch]:
    dataset = open_dataset(f"{data / 'hymenoptera'}")
    preprocess = Preprocess.for_dataset(dataset, (3, 224, 224))
    sides: dict[str, Epoch] = {}
    for name, workers, limit in (
        ("cladenet packed", 0, None),
        ("cladenet packed, 2 threads", 2, None),
        ("cladenet decoding", 0, 0),
        (f"cladenet decoding, 2 {PROCESSES}", 2, 0),
    ):
        start = time.perf_counter()
        batches = TrainBatches(
            dataset.train,
            preprocess,
            Augment(crop="resized", flip=0.5),
            32,
            seed=0,
            workers=workers,
            cache_dir=cache,
            cache_limit=limit,
        )
        if not sides:
            rate = len(dataset.train) / (time.perf_counter() - start)
            print(f"packing once: {rate:,.0f} images/s")
        sides[name] = ours(batches, preprocess)
    torchvision()
    from torchvision import datasets, transforms

    chain = transforms.Compose(
        [
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(preprocess.mean, preprocess.std),
        ]
    )
    theirs = datasets.ImageFolder(str(data / "hymenoptera" / "train"), chain)
    return {**sides, **loaders(theirs, 32)}


def ours(batches: TrainBatches, preprocess: Preprocess) -> Epoch:
    return lambda epoch: (preprocess.to_input(batch.images) for batch in batches.epoch(epoch))


def loaders(dataset: Any, batch_size: int) -> dict[str, Epoch]:
    return {
        BASELINE: loader(dataset, batch_size, 0),
        f"torchvision, 2 {PROCESSES}": loader(dataset, batch_size, 2),
    }


def loader(dataset: Any, batch_size: int, workers: int) -> Epoch:
    batches: DataLoader[Any] = DataLoader(
        dataset,
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return lambda epoch: (images for images, _ in batches)


def compare(sides: dict[str, Epoch], rounds: int, alike: float) -> dict[str, Any]:
    """Rates of all sides, taking turns, after one epoch each that warms up and is looked at."""
    looks = {name: statistics_of(epoch(0)) for name, epoch in sides.items()}
    for name, look in looks.items():
        difference = max(abs(a - b) for a, b in zip(look, looks[BASELINE], strict=True))
        print(f"{name}: pixel mean and deviation differ from {BASELINE} by {difference:.4f}")
        if difference > alike:
            raise SystemExit("these are not the same images: the comparison would say nothing")
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
        result[name] = {"wall": spread(rates[name], rates[BASELINE])}
        if not name.endswith(PROCESSES):
            result[name]["cpu"] = spread(cpu_rates[name], cpu_rates[BASELINE])
        for clock, found in result[name].items():
            print(
                f"{name}: {found['median']:,} images per {clock} second "
                f"({found['least']:,} to {found['most']:,}), {found['times']}x"
            )
    return result


def spread(rates: list[float], baseline: list[float]) -> dict[str, float]:
    median = statistics.median(rates)
    return {
        "median": round(median),
        "least": round(min(rates)),
        "most": round(max(rates)),
        "times": round(median / statistics.median(baseline), 1),
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


def share_of_a_step(data: Path, rounds: int) -> dict[str, Any]:
    """What waiting for input takes of a training step of resnet20_cifar, batch 128, float32."""
    dataset = open_dataset(f"cifar10:{data}")
    preprocess = Preprocess.for_dataset(dataset, (3, 32, 32))
    batches = TrainBatches(dataset.train, preprocess, Augment(crop="pad", flip=0.5), 128, seed=0)
    model: Any = cladenet.create_model("resnet20_cifar", num_classes=10)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)

    def inputs() -> Iterator[tuple[Tensor, Tensor]]:
        for batch in batches.epoch(0):
            yield preprocess.to_input(batch.images), batch.labels

    waits, steps = [], []
    stream = inputs()
    for _ in range(3 + 6 * rounds):
        start = time.perf_counter()
        images, labels = next(stream)
        got = time.perf_counter()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        waits.append(got - start)
        steps.append(time.perf_counter() - start)
    wait, step = statistics.median(waits[3:]), statistics.median(steps[3:])
    print(
        f"input {1000 * wait:.2f} ms of a step of {1000 * step:.1f} ms: {100 * wait / step:.2f} %"
    )
    return {"input_ms": 1000 * wait, "step_ms": 1000 * step, "share_percent": 100 * wait / step}


if __name__ == "__main__":
    main()
