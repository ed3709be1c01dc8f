"""Images per second out of tar shards: cladenet, webdataset with torchvision, and packing.

    pip install webdataset==1.0.2
    CLADENET_TEST_DATA=... python benchmarks/shards.py

The same photographs, each several times, lie in shards and as files. All sides make random boxes of
224 pixels, mirrored or not, and end with normalised float32 batches in memory; they take turns in
one process. Worker processes live across epochs, so their start is not counted. "packing" is the
first epoch of a run on the files, which decodes them and keeps them in the cache. On a
machine that others use too, look at the images per CPU second, given for sides that work in one
process, threads included, as so many times those of webdataset without processes.
What is written: benchmarks/results/shards.json.
"""

import argparse
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from torch import Tensor

from cladenet.allocator import keep_freed_memory
from cladenet.data.augment.crops import Augment
from cladenet.data.batches import TrainBatches
from cladenet.data.dataset import Split
from cladenet.data.images.jpeg import agrees
from cladenet.data.preprocess import Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.vision import torchvision
from input_pipeline import PHOTOS_ALIKE, spread, statistics_of
from input_sides import BATCH, PROCESS, SIDE, Epoch, inputs
from machine import announced

RESULT = Path(__file__).parent / "results" / "shards.json"
BOXES = Augment(crop="resized", flip=0.5)
SHARDS, COPIES = 8, 3
WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_freed_memory()  # as `cladenet train` does; for all sides, since they share the process
    if "CLADENET_TEST_DATA" not in os.environ:
        raise SystemExit("set CLADENET_TEST_DATA to a folder with hymenoptera/")
    photos = open_dataset(str(Path(os.environ["CLADENET_TEST_DATA"]) / "hymenoptera")).train
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLADENET_CACHE"] = f"{folder}/cache"
        spec = write_shards(photos, Path(folder))
        vision = torchvision().__version__
        import webdataset

        found = announced(
            torchvision=vision,
            webdataset=webdataset.__version__,
            numpy=np.__version__,
            pillow=PIL.__version__,
            simplejpeg=agrees(),
        )
        result = {"machine": found, **compare(sides(spec, photos, folder), options.rounds)}
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


def write_shards(photos: Split, folder: Path) -> str:
    """Each photograph `COPIES` times, dealt to `SHARDS` archives; the request for them."""
    for shard in range(SHARDS):
        with tarfile.open(folder / f"train-{shard:06}.tar", "w") as tar:
            for place in range(shard, COPIES * len(photos), SHARDS):
                index = place % len(photos)
                source = photos.images.source(index)  # type: ignore[union-attr]
                data = source if isinstance(source, bytes) else Path(source).read_bytes()
                for field, content in (("jpg", data), ("cls", b"%d" % photos.labels[index])):
                    member = tarfile.TarInfo(f"{place:05}.{field}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return f"wds:{folder}/train-{{000000..{SHARDS - 1:06}}}.tar"


def sides(spec: str, photos: Split, folder: str) -> dict[str, Epoch]:
    """By name, what gives the batches of an epoch."""
    dataset = open_dataset(spec)
    view = Preprocess.for_dataset(dataset, (3, SIDE, SIDE))
    found: dict[str, Epoch] = {}
    for workers in (0, WORKERS):
        found[f"webdataset, {workers} {PROCESS}es"] = rivals(spec, view, workers)

    def packing(number: int) -> Iterable[Tensor]:
        for copy in range(COPIES):
            cache = f"{folder}/packed-{number}-{copy}"
            batches = TrainBatches(photos, view, BOXES, BATCH, 0, cache_dir=cache)
            for batch in batches.epoch(0):
                yield view.to_input(batch.images)

    found["packing"] = packing
    for shuffle in ("all", "windows"):
        train = open_dataset(f"{spec},shuffle={shuffle}").train
        for workers in (0, WORKERS):
            batches = TrainBatches(train, view, BOXES, BATCH, 0, workers=workers, cache_limit=0)
            name = f"cladenet, shuffle={shuffle}, {workers} threads"
            found[name] = inputs(batches, view)
    return found


def rivals(spec: str, view: Preprocess, workers: int) -> Epoch:
    """webdataset as its documentation has it: shards shuffled, a buffer, Pillow, torchvision."""
    import webdataset
    from torchvision import transforms

    chain = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIDE),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(view.mean, view.std),
        ]
    )
    data = (
        webdataset.WebDataset(spec.removeprefix("wds:"), shardshuffle=SHARDS)
        .shuffle(1000)
        .decode("pil")
        .to_tuple("jpg", "cls")
        .map_tuple(chain, int)
        .batched(BATCH)
    )
    loader = webdataset.WebLoader(
        data, batch_size=None, num_workers=workers, persistent_workers=workers > 0
    )
    return lambda number: (images for images, _ in loader)


def compare(found: dict[str, Epoch], rounds: int) -> dict[str, Any]:
    """Rates of all sides, taking turns, after one epoch of each that warms up and is looked at."""
    baseline = f"webdataset, {WORKERS} {PROCESS}es"
    looks = {name: statistics_of(epoch(0)) for name, epoch in found.items() if name != "packing"}
    for name, look in looks.items():
        difference = max(abs(a - b) for a, b in zip(look, looks[baseline], strict=True))
        if difference > PHOTOS_ALIKE:
            raise SystemExit(f"{name}: pixel statistics differ by {difference:.3f}: other images")
    wall: dict[str, list[float]] = {name: [] for name in found}
    cpu: dict[str, list[float]] = {name: [] for name in found}
    for number in range(1, rounds + 1):
        for name, epoch in found.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            images = count(epoch, number)
            wall[name].append(images / (time.perf_counter() - start))
            cpu[name].append(images / (time.process_time() - cpu_start))
    result: dict[str, Any] = {name: {"wall": spread(wall[name], wall[baseline])} for name in found}
    alone = f"webdataset, 0 {PROCESS}es"
    for name in found:
        if PROCESS not in name or name == alone:
            result[name]["cpu"] = spread(cpu[name], cpu[alone])
        for clock, figures in result[name].items():
            print(
                f"{name}: {figures['median']:,} images per {clock} second "
                f"({figures['least']:,} to {figures['most']:,}), {figures['times']}x",
                flush=True,
            )
    return result


def count(epoch: Callable[[int], Iterable[Tensor]], number: int) -> int:
    """Run an epoch; the images in it."""
    return sum(len(batch) for batch in epoch(number))


if __name__ == "__main__":
    main()
