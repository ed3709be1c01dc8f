import copy
import os
import signal
import time
from dataclasses import replace
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import psutil
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from cladenet.data import shared_memory
from cladenet.data.augment import views
from cladenet.data.augment.crops import Augment
from cladenet.data.batches import Batch, EvalBatches, TrainBatches, eval_batches
from cladenet.data.cache.segments import ENTRY
from cladenet.data.dataset import Split
from cladenet.data.images import jpeg, plain_jpeg
from cladenet.data.images.decode import decode
from cladenet.data.loading import WorkerProcesses
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, DataError, OutOfSpace
from cladenet.world import World
from faults.workers import LOOK_FOR_THE_DEAD
from pictures import array_split, default_preprocess, photo_split

SEED, EPOCH = 5, 2
POLICY = Augment(crop="pad", policy="trivialaugment", erasing=0.5)
BOXES = Augment(crop="resized", pca_colour=0.1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return photo_split(tmp_path_factory.mktemp("photos"), 24)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def noticed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """DataLoader looks for dead workers every 5 seconds."""
    monkeypatch.setattr(LOOK_FOR_THE_DEAD, "__defaults__", (0.1,))


def train_batches(split: Split, augment: Augment, batch_size: int = 8, **more: Any) -> TrainBatches:
    return TrainBatches(split, default_preprocess(split, 32), augment, batch_size, SEED, **more)


def assert_same(found: list[Batch], expected: list[Batch]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.indices, other.indices)


def test_an_epoch_holds_each_image_at_most_once_in_an_order_of_its_own() -> None:
    split = array_split(50)
    batches = train_batches(split, Augment(), 16)
    assert batches.steps_per_epoch == 3
    orders = []
    for epoch in range(3):
        of_epoch = list(batches.epoch(epoch))
        assert [len(batch.labels) for batch in of_epoch] == [16, 16, 16]
        order = torch.cat([batch.indices for batch in of_epoch]).tolist()
        assert len(set(order)) == 48
        orders.append(order)
        for batch in of_epoch:
            np.testing.assert_array_equal(batch.labels, split.labels[batch.indices])
    left_out = [set(range(50)) - set(order) for order in orders]
    assert len({frozenset(left) for left in left_out}) == 3
    assert orders[0] != orders[1]


def test_batches_are_bytes_in_one_block() -> None:
    (batch,) = train_batches(array_split(8), Augment(crop="pad")).epoch(0)
    assert (batch.images.dtype, batch.labels.dtype) == (torch.uint8, torch.int64)
    assert batch.images.is_contiguous()
    assert batch.images.shape == (8, 32, 32, 3)


def test_a_split_smaller_than_a_batch_is_one_batch() -> None:
    batches = train_batches(array_split(5), Augment(), 128)
    (batch,) = batches.epoch(0)
    assert batches.steps_per_epoch == 1
    assert sorted(batch.indices.tolist()) == [0, 1, 2, 3, 4]


def test_each_epoch_changes_an_image_anew() -> None:
    batches = train_batches(array_split(8), Augment(crop="pad"))
    views = []
    for epoch in range(4):
        (batch,) = batches.epoch(epoch)
        views.append(batch.images[batch.indices.argsort()])
    for i, view in enumerate(views):
        assert all(not torch.equal(view, other) for other in views[:i])


@pytest.mark.parametrize("augment", [Augment(crop="pad"), POLICY])
@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_array_batches(augment: Augment, workers: int) -> None:
    split = array_split(40)
    expected = list(train_batches(split, augment).epoch(EPOCH))
    assert_same(list(train_batches(split, augment, workers=workers).epoch(EPOCH)), expected)


@pytest.mark.parametrize(("free", "shared"), [(0, False), (5 * 8 * 3072, True)])
def test_workers_hand_over_the_same_batches_whatever_the_shared_memory(
    free: int, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers hold two batches each, and one is trained on."""
    split = array_split(40)
    expected = list(train_batches(split, POLICY).epoch(EPOCH))
    monkeypatch.setattr(shared_memory, "free_shared_memory", lambda: free)
    found = list(train_batches(split, POLICY, workers=2).epoch(EPOCH))
    assert_same(found, expected)
    assert {batch.images.is_shared() for batch in found} == {shared}


def test_where_processes_cannot_share_anything_batches_are_made_here_with_a_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_semaphores(*_: object) -> NoReturn:
        raise FileNotFoundError(2, "No such file or directory")

    split = array_split(40)
    expected = list(train_batches(split, POLICY).epoch(EPOCH))
    monkeypatch.setattr(BaseContext, "Lock", no_semaphores)
    batches = train_batches(split, POLICY, workers=2)
    (note,) = batches.notes
    assert note.startswith("processes cannot share memory here (/dev/shm: No such file")
    assert "as by workers=0" in note
    assert_same(list(batches.epoch(EPOCH)), expected)


@pytest.mark.parametrize(
    "augment",
    [
        Augment(),
        Augment(crop="pad", pad=3),
        Augment(crop="pad", pad_mode="reflect", flip=1.0),
        Augment(crop="pad", flip=0.3, pca_colour=0.1),
    ],
)
def test_an_array_too_large_to_be_kept_twice_gives_the_same_batches(
    augment: Augment, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = array_split(40)
    found = [list(train_batches(split, augment).epoch(epoch)) for epoch in (0, 1, 0)]
    monkeypatch.setattr(views, "WINDOWS_LIMIT", 0)
    batches = train_batches(split, augment)
    assert batches._views._array is None
    for epoch, of_epoch in zip((0, 1, 0), found, strict=True):
        assert_same(of_epoch, list(batches.epoch(epoch)))


def test_worker_processes_decode_each_image_once_between_them(
    photos: Split, tmp_path: Path
) -> None:
    """A policy works in processes; from the second epoch on each finds what the others decoded."""
    batches = train_batches(
        photos, Augment(crop="resized", policy="trivialaugment"), cache_dir=tmp_path, workers=2
    )
    assert len(photos) % batches.batch_size == 0
    for epoch in range(3):
        for _ in batches.epoch(epoch):
            pass
    rows = [path.stat().st_size // ENTRY.itemsize for path in tmp_path.glob("images-*/*.rows")]
    assert len(rows) == 2
    assert sum(rows) == len(photos)


@pytest.mark.parametrize("augment", [BOXES, POLICY, Augment(crop="jitter", short_side=(40, 80))])
def test_workers_and_caches_give_the_same_photo_batches(
    photos: Split, cache: Path, augment: Augment
) -> None:
    expected = list(train_batches(photos, augment, cache_limit=0).epoch(EPOCH))
    for more in ({}, {"workers": 1}, {"workers": 2}, {"workers": 2, "cache_limit": 0}):
        found = train_batches(photos, augment, cache_dir=cache, **more)
        assert_same(list(found.epoch(EPOCH)), expected)


@pytest.mark.parametrize("augment", [BOXES, Augment(crop="jitter", short_side=(40, 80))])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_boxes_of_files_are_those_of_whole_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, augment: Augment, interpolation: str
) -> None:
    """Some files are shrunk before they are cut; of others rows below a box are not decoded."""
    pytest.importorskip("simplejpeg")
    monkeypatch.setattr(jpeg, "WORTH_TRYING", 0)
    left, whole = [], jpeg.unpacked

    def counted(data: bytes, *rest: Any, **more: Any) -> NDArray[np.uint8] | None:
        left.append(not more.get("strict", True))
        return whole(data, *rest, **more)

    monkeypatch.setattr(plain_jpeg, "unpacked", counted)
    random = np.random.default_rng(0)
    for number in range(24):
        height, width = ((50, 90), (54, 54), (100, 140), (200, 300), (60, 500))[number % 5]
        folder = tmp_path / "photos" / "train" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    split = open_dataset(str(tmp_path / "photos")).train
    view = replace(default_preprocess(split, 32), interpolation=interpolation)
    kept = TrainBatches(split, view, augment, 8, SEED, cache_dir=tmp_path / "cache")
    expected = list(kept.epoch(EPOCH))
    assert not any(left)
    each_time = TrainBatches(split, view, augment, 8, SEED, cache_limit=0)
    assert_same(list(each_time.epoch(EPOCH)), expected)
    assert any(left)
    assert not all(left)


@pytest.mark.parametrize("augment", [BOXES, POLICY])
def test_what_workers_do_travels_to_processes_that_are_not_forked(
    photos: Split, cache: Path, augment: Augment
) -> None:
    """As on macOS; a copy goes through the same state as a pickle."""
    batches = train_batches(photos, augment, cache_dir=cache)
    job = (EPOCH, np.arange(6))
    assert torch.equal(copy.deepcopy(batches._views)(job), batches._views(job))


@pytest.mark.parametrize("augment", [Augment(crop="pad"), POLICY])
@pytest.mark.parametrize("world", [2, 4])
def test_the_parts_of_all_processes_are_the_batch_of_one(augment: Augment, world: int) -> None:
    split = array_split(40)
    parts = [
        train_batches(split, augment, 16, world=World(rank, world)).epoch(EPOCH)
        for rank in range(world)
    ]
    for whole, *of_ranks in zip(
        train_batches(split, augment, 16).epoch(EPOCH), *parts, strict=True
    ):
        joined = Batch(*(torch.cat(values) for values in zip(*of_ranks, strict=True)))
        assert_same([joined], [whole])


def test_the_parts_of_a_split_smaller_than_a_batch_are_of_one_size() -> None:
    split = array_split(7)
    seen = []
    for rank in range(3):
        (batch,) = train_batches(split, Augment(), 15, world=World(rank, 3)).epoch(0)
        assert len(batch.labels) == 2
        seen += batch.indices.tolist()
    assert len(set(seen)) == 6


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("first", [1, 4, 5])
def test_an_epoch_may_be_entered_at_any_step(first: int, workers: int) -> None:
    split = array_split(40)
    whole = list(train_batches(split, POLICY).epoch(EPOCH))
    batches = train_batches(split, POLICY, workers=workers)
    abandoned = batches.epoch(EPOCH)
    next(abandoned)
    assert_same(list(batches.epoch(EPOCH, first_step=first)), whole[first:])
    assert_same(list(batches.epoch(EPOCH)), whole)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_leave_global_random_state_and_signals_alone(workers: int) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    list(train_batches(array_split(16), POLICY, workers=workers).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL  # DataLoader's raises anywhere


@pytest.mark.usefixtures("noticed_soon")
@pytest.mark.parametrize("at", [3, 9])
def test_a_killed_worker_costs_no_batch(at: int) -> None:
    split = array_split(200)
    expected = list(train_batches(split, POLICY).epoch(EPOCH))
    others = set(psutil.Process().children())
    found = []
    for batch in train_batches(split, POLICY, workers=2).epoch(EPOCH):
        found.append(batch)
        if len(found) == at:
            (worker, _) = set(psutil.Process().children()) - others
            worker.kill()
    assert_same(found, expected)


@pytest.mark.usefixtures("noticed_soon")
def test_a_worker_killed_again_and_again_stops_the_run() -> None:
    results = WorkerProcesses(die_at_two, 1).map(list(range(4)))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(OutOfSpace, match="killed twice at the same batch"):
        next(results)


def test_only_what_draws_globally_or_keeps_the_lock_is_done_by_processes(photos: Split) -> None:
    """Starting a process and handing batches over cost more than decoding in a thread."""
    before = set(psutil.Process().children())
    for augment, count in ((BOXES, 0), (POLICY, 2)):
        batches = train_batches(photos, augment, workers=2, cache_limit=0)
        next(batches.epoch(EPOCH))
        assert len(set(psutil.Process().children()) - before) == count


def die_at_two(job: int) -> int:
    if job == 2:
        time.sleep(0.2)  # until what came before has been handed over
        os.kill(os.getpid(), signal.SIGKILL)
    return job


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_breaks_during_training_is_named(tmp_path: Path, workers: int) -> None:
    split = photo_split(tmp_path, 8)
    batches = train_batches(split, BOXES, workers=workers, cache_limit=0)
    (tmp_path / "003.jpg").write_bytes(b"no picture any more")
    with pytest.raises(DataError, match=r"003\.jpg: is not an image") as caught:
        list(batches.epoch(0))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_evaluation_sees_each_image_once(world: int, batch_size: int) -> None:
    split = array_split(10)
    seen = [
        index
        for rank in range(world)
        for batch in eval_batches(
            split, default_preprocess(split, 32), batch_size, World(rank, world)
        )
        for index in batch.indices.tolist()
    ]
    assert seen == list(range(10))


@pytest.mark.parametrize("size", [28, 32, 20, 40])
def test_prediction_sees_of_an_array_what_evaluation_saw(size: int) -> None:
    split = array_split(9, size, size)
    preprocess = default_preprocess(split, 32)
    for batch in eval_batches(split, preprocess, 4):
        for image, index in zip(batch.images, batch.indices, strict=True):
            alone = preprocess.prepare(split.images.read(int(index)))
            np.testing.assert_array_equal(image, alone)


@pytest.mark.parametrize("more", [{}, {"cache_limit": 0}, {"cache_limit": 0, "workers": 2}])
def test_prediction_sees_of_a_file_what_evaluation_saw(
    photos: Split, cache: Path, more: dict[str, Any]
) -> None:
    preprocess = default_preprocess(photos, 32)
    batches = EvalBatches(photos, preprocess, 10, cache_dir=cache, **more)
    assert [len(batch.labels) for batch in batches] == [10, 10, 4]
    for batch in batches:
        for image, index in zip(batch.images, batch.indices, strict=True):
            alone = preprocess.prepare(decode(photos.images.source(index)))  # type: ignore[union-attr]
            np.testing.assert_array_equal(image, alone)


@pytest.mark.parametrize("size", [28, 20])
def test_training_without_changes_sees_what_evaluation_sees(size: int) -> None:
    split = array_split(6, size, size)
    (batch,) = train_batches(split, Augment(flip=0.0), 6).epoch(0)
    (whole,) = eval_batches(split, default_preprocess(split, 32), 6)
    assert torch.equal(batch.images, whole.images[batch.indices])


def test_changing_a_batch_in_place_does_not_change_the_data() -> None:
    split = array_split(4)
    before = split.images.read(0).copy()
    for batch in (
        *eval_batches(split, default_preprocess(split, 32), 4),
        *train_batches(split, Augment(flip=0.0), 4).epoch(0),
    ):
        batch.images.zero_()
    np.testing.assert_array_equal(split.images.read(0), before)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"batch_size": 9, "world": World(0, 2)},
            "batch_size is 9 for 2 processes; expected a multiple of 2",
        ),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"workers": -1}, "workers is -1"),
        (
            {"batch_size": 32, "world": World(0, 16)},
            "10 images for 16 processes; use fewer processes",
        ),
    ],
)
def test_shares_that_do_not_work_out_are_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        train_batches(array_split(10), Augment(), **more)


def test_an_empty_split_is_refused() -> None:
    split = array_split(1)
    with pytest.raises(BadArgument, match="no images"):
        TrainBatches(split.subset([]), default_preprocess(split, 32), Augment(), 8, SEED)


def test_images_opened_for_another_network_are_refused(photos: Split) -> None:
    for split in (photos, array_split(9)):
        with pytest.raises(BadArgument, match=r"channels=3.*preprocessing is for channels=1"):
            TrainBatches(split, default_preprocess(photos, 32, channels=1), Augment(), 8, SEED)
