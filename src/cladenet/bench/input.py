"""How fast a data set becomes batches: by the input pipeline of a run, with all threads or one."""

import time
from typing import Any, NamedTuple

from cladenet.bench.paired import Measure, Spread, paired, spread
from cladenet.data.augment.crops import Augment
from cladenet.data.batches import TrainBatches
from cladenet.data.dataset import ArrayImages
from cladenet.data.preprocess import Preprocess
from cladenet.data.sources.open import open_dataset

PHOTOGRAPHS = (3, 224, 224)  # the network's input where images differ in size


class InputRow(NamedTuple):
    """Images a second of one way; `way` says which, `notes` what the pipeline says of itself."""

    way: str
    images_s: Spread
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, the spread by name."""
        figures = {name: round(value) for name, value in self.images_s._asdict().items()}
        return {**self._asdict(), "images_s": figures}


def input_speed(
    data: str,
    *,
    batch: int = 64,
    workers: int = 2,
    rounds: int = 3,
    cache_dir: str | None = None,
) -> list[InputRow]:
    """Measure whole epochs of training batches, normalised, in float32.

    Photographs are cut to random boxes of 224 pixels, images of one size shifted by up to 4, and
    every second one mirrored. "packed" reads the memory-mapped cache that a run makes of
    photographs; its making is not counted.

    Args:
        data: as for `cladenet train --data`.
        batch: images a batch.
        workers: threads or processes of the ways that have some.
        rounds: epochs of each way that count.
        cache_dir: where packed images live; by default where a run has them.

    Raises:
        BadArgument, DataError: as `open_dataset` and `TrainBatches` do.
    """
    dataset = open_dataset(data)
    images = dataset.train.images
    of_one_size = isinstance(images, ArrayImages)
    shape = PHOTOGRAPHS
    if isinstance(images, ArrayImages):
        shape = (dataset.channels, *images.array.shape[1:3])
    preprocess = Preprocess.for_dataset(dataset, shape)
    augment = Augment(crop="pad" if of_one_size else "resized", flip=0.5)
    limits = {"in memory": None} if of_one_size else {"packed": None, "decoding": 0}
    batches = {
        f"{what}, {count} workers" if count else what: TrainBatches(
            dataset.train,
            preprocess,
            augment,
            batch,
            seed=0,
            workers=count,
            cache_dir=cache_dir,
            cache_limit=limit,
        )
        for what, limit in limits.items()
        for count in sorted({0, workers} if not of_one_size else {0})
    }

    def epoch(source: TrainBatches) -> Measure:
        def measure() -> float:
            start = time.perf_counter()
            for part in source.epoch(1):
                preprocess.to_input(part.images)
            return time.perf_counter() - start

        return measure

    seconds = paired({way: epoch(source) for way, source in batches.items()}, rounds)
    rows = []
    for way, source in batches.items():
        seen = source.steps_per_epoch * source.batch_size
        rates = spread([seen / taken for taken in seconds[way]])
        rows.append(InputRow(way, rates, tuple(source.notes)))
    return rows
