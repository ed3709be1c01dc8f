"""Batches of uint8 images: random ones to train on, each image once to evaluate.

Which images a batch holds and how they are changed is a function of (seed, epoch, step), whatever
the number of workers and processes, and whether the images come from an array, a cache or files.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.data.augment.crops import Augment
from cladenet.data.augment.views import Job, TrainViews
from cladenet.data.cache.memory import ArrayStore, in_memory
from cladenet.data.dataset import ArrayImages, Images, Split
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.world import ALONE, World

if TYPE_CHECKING:  # arrays are not read ahead, nor kept
    from cladenet.data.augment.colour import PrincipalColours
    from cladenet.data.cache.file_store import FileStore
    from cladenet.data.cache.kept import KeptImages
    from cladenet.data.cache.store import Store

Indices = NDArray[np.int64]
CacheDir = str | os.PathLike[str] | None


class Batch(NamedTuple):
    """`images` uint8 (n, H, W, C), `labels` int64 (n,), `indices` int64 (n,) into the split."""

    images: Tensor
    labels: Tensor
    indices: Tensor


class TrainBatches:
    """Batches in random order, augmented.

    An epoch is `steps_per_epoch` batches of one global size: what is left over is left out, other
    images each epoch. A split smaller than a batch is one batch, but for what does not divide by
    the number of processes.

    Args:
        split: images and labels.
        preprocess: the network's view.
        augment: the random changes.
        batch_size: of all processes together.
        seed: of the order and of the changes.
        world: the processes, each of which gets its part of every batch.
        workers: threads that work ahead, or processes where `augment` has a policy; 0 works when a
            batch is asked for. Batches from an array without a policy take less time than handing
            them over would.
        cache_dir: where decoded images are kept, see `store.open_store`.
        cache_limit: see `store.open_store`.
        colours: for `augment.pca_colour`; measured on up to 2,048 of the images if None.

    Raises:
        BadArgument: sizes that do not fit each other.
        DataError: a file cannot be decoded.
        OutOfSpace: the disk is full.
    """

    def __init__(
        self,
        split: Split,
        preprocess: Preprocess,
        augment: Augment,
        batch_size: int,
        seed: int,
        world: World = ALONE,
        workers: int = 0,
        cache_dir: CacheDir = None,
        *,
        cache_limit: int | None = None,
        colours: "PrincipalColours | None" = None,
    ) -> None:
        _check_work(len(split), workers)
        size = world.size
        if batch_size < 1 or batch_size % size:
            raise BadArgument(
                f"batch_size is {batch_size} for {counted(size, 'process')}; "
                f"expected a multiple of {size}"
            )
        if len(split) < size:
            raise BadArgument(
                f"{counted(len(split), 'image')} for {counted(size, 'process')}; "
                "use fewer processes"
            )
        self.split = split
        self.batch_size = min(batch_size, len(split) // size * size)
        self.seed = seed
        self.world = world
        side = augment.stored_side(preprocess) if augment.cuts_boxes else None
        store, self._files, self.notes = _opened(
            split.images, preprocess, side, cache_dir, cache_limit
        )
        self._views = TrainViews(store, preprocess, augment, seed, colours)
        share = preprocess.channels * preprocess.height * preprocess.width * self.batch_size
        self._run, notes = _runner(self._views, self._files, workers, augment, share // size)
        self.notes += notes
        self._labels = split.labels.astype(np.int64)
        self._told = ""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch, at least 1."""
        return len(self.split) // self.batch_size

    def news(self) -> str:
        """A sentence about what has gone wrong with the cache since this was last asked."""
        problem = self._files.problem if self._files else ""
        if problem == self._told:
            return ""
        self._told, folder = problem, cast("KeptImages", self._files).segments.folder
        return (
            f"the image cache {folder} cannot grow: {self._told}. What is not in it is decoded "
            "again in each epoch"
        )

    def first(self) -> Tensor:
        """The images that all processes together get first: uint8 (batch_size, H, W, C)."""
        order, size = self.split.images.order(self.seed, 0), self.batch_size
        (images,) = self._run([(0, order.samples[:size], order.ahead(0, size))])
        return images

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `first_step` on, this process's part of each."""
        order = self.split.images.order(self.seed, epoch)
        part, size = self.world.part(self.batch_size), self.batch_size
        jobs: list[Job] = []
        for at in range(first_step * size, self.steps_per_epoch * size, size):
            samples = order.samples[at:][part.start : part.stop]
            jobs.append((epoch, samples, order.ahead(at, at + size)))
        for (_, samples, *_), images in zip(jobs, self._run(jobs), strict=True):
            labels = torch.from_numpy(self._labels[samples])
            yield Batch(images, labels, torch.from_numpy(samples))


class EvalBatches:
    """The evaluation views of a split in order, each image once; may be iterated again and again.

    Args:
        split: images and labels.
        preprocess: the network's view.
        batch_size: of this process; the last batch is short.
        world: the processes, each of which gets its part of the split.
        workers: threads that work ahead where files are decoded.
        cache_dir: where decoded images are kept, see `store.open_store`.
        cache_limit: see `store.open_store`.

    Raises:
        BadArgument: sizes that do not fit each other.
        DataError: a file cannot be decoded.
        OutOfSpace: the disk is full.
    """

    def __init__(
        self,
        split: Split,
        preprocess: Preprocess,
        batch_size: int,
        world: World = ALONE,
        workers: int = 0,
        cache_dir: CacheDir = None,
        *,
        cache_limit: int | None = None,
    ) -> None:
        _check_work(len(split), workers)
        if batch_size < 1:
            raise BadArgument(f"batch_size is {batch_size}; expected at least 1")
        self.split = split
        self.preprocess = preprocess
        self.workers = workers
        part = world.part(len(split))
        starts = range(batch_size, len(part), batch_size)  # of all batches but the first
        self._ranges = np.split(np.arange(part.start, part.stop), starts) if part else []
        self.notes: tuple[str, ...] = ()
        self._files: FileStore | KeptImages | None = None
        if isinstance(split.images, ArrayImages):
            self._store: Store = ArrayStore(split.images.array)  # a view is made when asked for
        else:
            self._store, self._files, self.notes = _opened(
                split.images, preprocess, None, cache_dir, cache_limit
            )

    def __len__(self) -> int:
        return len(self._ranges)

    def __iter__(self) -> Iterator[Batch]:
        views: Iterator[NDArray[np.uint8]] = map(self._view, self._ranges)
        if self._files is not None:
            self._files.refresh()
            if self.workers and not self._files.is_complete:
                from cladenet.data.ahead import in_threads

                views = in_threads(self._view, self._ranges, self.workers)
        for chosen, images in zip(self._ranges, views, strict=True):
            labels = torch.from_numpy(self.split.labels[chosen].astype(np.int64))
            yield Batch(torch.from_numpy(images), labels, torch.from_numpy(chosen))

    def _view(self, indices: Indices) -> NDArray[np.uint8]:
        images = self._store.stack(indices)
        return images if self._files is not None else self.preprocess.prepare_all(images)


def eval_batches(
    split: Split,
    preprocess: Preprocess,
    batch_size: int,
    world: World = ALONE,
    workers: int = 0,
    cache_dir: CacheDir = None,
) -> Iterator[Batch]:
    """One pass of `EvalBatches`."""
    return iter(EvalBatches(split, preprocess, batch_size, world, workers, cache_dir))


def _check_work(images: int, workers: int) -> None:
    if images == 0:
        raise BadArgument("the split has no images")
    if workers < 0:
        raise BadArgument(f"workers is {workers}; expected 0 or more")


def _opened(
    images: Images, preprocess: Preprocess, side: int | None, folder: CacheDir, limit: int | None
) -> "tuple[Store, FileStore | KeptImages | None, tuple[str, ...]]":
    """Where images come from, the same where they are files, and notes for the user."""
    if isinstance(images, ArrayImages):
        return in_memory(images.array, preprocess, side), None, ()
    from cladenet.data.cache.store import open_store
    from cladenet.data.cache.view import View

    store, notes = open_store(images, View(preprocess, side), folder, limit)
    return store, cast("FileStore | KeptImages", store), notes


def _runner(
    views: TrainViews,
    files: "FileStore | KeptImages | None",
    workers: int,
    augment: Augment,
    batch_bytes: int,
) -> tuple[Callable[[list[Job]], Iterator[Tensor]], tuple[str, ...]]:
    """How the batches of an epoch are made: here, in threads, or in processes; and a note about it.

    Decoders and resizing leave Python's lock; torchvision's policies keep it, and draw from the
    global generator. Each process works on two batches ahead.
    """
    make: Callable[[Job], Tensor] = views
    if files is not None:
        from cladenet.data.making import Making

        make = Making(views, files)
    notes: tuple[str, ...] = ()
    if workers and augment.has_policy:
        from cladenet.data.loading import WorkerProcesses
        from cladenet.data.shared_memory import free_shared_memory, why_no_processes

        if not (reason := why_no_processes()):
            pipes = free_shared_memory() < (2 * workers + 1) * batch_bytes
            return WorkerProcesses(make, workers, pipes=pipes).map, ()
        notes = (f"{reason}: images are prepared by the training process itself, as by workers=0",)
    elif workers and (augment.cuts_boxes or files is not None):
        from cladenet.data.ahead import in_threads

        return lambda jobs: in_threads(make, jobs, workers), ()
    return partial(map, make), notes
