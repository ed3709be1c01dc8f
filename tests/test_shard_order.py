"""The order of shards that are read forward: random, the same everywhere, and in bounded memory."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cladenet.data.augment.draws import permutation
from cladenet.data.shards import catalogue, forward, order, streams
from cladenet.data.shards.catalogue import Blocks
from cladenet.data.shards.images import ShardImages
from cladenet.data.shards.order import Windows, classes_seen, windows
from cladenet.data.sources.open import open_dataset
from shard_files import picture, tar_bytes, write_shards

MB = 1 << 20


def blocks_of(units: int, blocks: int, samples: int, size: int = MB, open_bytes: int = 0) -> Blocks:
    """`units` of `blocks` blocks of `samples` samples each; every block has `size` bytes."""
    count = units * blocks
    return Blocks(
        starts=np.arange(count + 1) * samples,
        sizes=np.full(count, size),
        unit=np.repeat(np.arange(units), blocks),
        shard=np.arange(units),
        unit_starts=np.arange(units + 1) * blocks * samples,
        open_bytes=open_bytes,
    )


def numbers(count: int) -> "np.typing.NDArray[np.int64]":
    return np.arange(count, dtype=np.int64)


def window_of_place(found: Windows) -> "np.typing.NDArray[np.int64]":
    return np.searchsorted(found.starts, numbers(len(found.samples)), side="right") - 1


def test_an_epoch_has_every_sample_once_in_an_order_of_its_own() -> None:
    blocks = blocks_of(50, 20, 10)
    found = [windows(blocks, numbers(10_000), 3, epoch).samples for epoch in range(2)]
    for samples in found:
        assert sorted(samples.tolist()) == list(range(10_000))
    assert (found[0] != found[1]).mean() > 0.99
    assert (windows(blocks, numbers(10_000), 3, 1).samples == found[1]).all()
    assert (windows(blocks, numbers(10_000), 4, 1).samples != found[1]).mean() > 0.99


def test_what_fits_one_window_is_shuffled_as_if_it_could_be_read_at_any_place() -> None:
    blocks = blocks_of(5, 4, 10)
    found = windows(blocks, numbers(200), 7, 2)
    np.testing.assert_array_equal(found.samples, permutation(7, 2, 200))


@pytest.mark.parametrize("subset", [1, 3])
def test_a_window_needs_its_own_blocks_alone_and_no_block_is_in_two(subset: int) -> None:
    blocks = blocks_of(40, 30, 8)
    chosen = numbers(9_600)[::subset]
    found = windows(blocks, chosen, 1, 0)
    of_place = window_of_place(found)
    used = np.concatenate(found.blocks)
    assert sorted(used.tolist()) == list(range(1_200))
    for window, here in enumerate(found.blocks):
        samples = chosen[found.samples[of_place == window]]
        assert set((samples // 8).tolist()) == set(here.tolist())
        assert blocks.sizes[here].sum() <= order.WINDOW_BYTES
    assert len(found.blocks) == 5  # 1,200 MB


def test_units_are_read_forward_and_thirty_two_are_open_at_most() -> None:
    blocks = blocks_of(100, 12, 4)
    read = np.concatenate(windows(blocks, numbers(4_800), 1, 0).blocks)
    last: dict[int, int] = {}
    for block in read.tolist():
        unit, place = divmod(block, 12)
        assert place == last.get(unit, -1) + 1
        last[unit] = place
        assert sum(0 <= at < 11 for at in last.values()) <= 32


def test_a_window_mixes_units() -> None:
    """A set that is sorted by class, one to a shard, is not trained on class by class."""
    blocks = blocks_of(64, 32, 8)
    found = windows(blocks, numbers(64 * 256), 1, 0)
    labels = found.samples // 256
    for begin, end in zip(found.starts[:-1], found.starts[1:], strict=True):
        assert len(set(labels[begin:end].tolist())) == 32


def test_units_that_need_much_memory_to_stay_open_are_few() -> None:
    blocks = blocks_of(20, 8, 4, open_bytes=100 * MB)
    read = np.concatenate(windows(blocks, numbers(640), 1, 0).blocks) // 8
    first: dict[int, int] = {}
    final: dict[int, int] = {}
    for place, unit in enumerate(read.tolist()):
        first.setdefault(unit, place)
        final[unit] = place
    assert max(sum(first[u] <= at <= final[u] for u in first) for at in range(160)) == 2


@pytest.mark.parametrize("step", [1, 7, 64, 5_000])
def test_what_comes_is_fetched_step_by_step(step: int) -> None:
    blocks = blocks_of(40, 30, 8)
    found = windows(blocks, numbers(9_600), 1, 0)
    fetched = set(found.blocks[0].tolist())
    of_place = window_of_place(found)
    for start in range(0, 9_600, step):
        stop = min(start + step, 9_600)
        ahead = found.ahead(start, stop).tolist()
        own = range(of_place[start], of_place[stop - 1] + 1)
        needed = {block for window in own for block in found.blocks[window].tolist()}
        assert needed <= set(ahead)
        new = set(ahead) - fetched
        if step < 1_000:  # what a window needs is there when it begins
            assert not new & needed or len(own) == 2
            assert len(new) <= -(-256 * step // 2_000) + 1
        fetched |= new
    assert len(fetched) == 1_200


def test_an_epoch_reads_each_packed_shard_once_and_keeps_a_few_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(catalogue, "BLOCK_BYTES", 3_000)
    monkeypatch.setattr(order, "WINDOW_BYTES", 20_000)
    monkeypatch.setattr(forward, "KEPT_BYTES", 60_000)
    dataset = open_dataset(write_shards(tmp_path / "data", shards=8, each=10, pack=gzip))
    images = dataset.train.images
    assert isinstance(images, ShardImages)
    opened: list[str] = []

    def watched(path: str) -> Any:
        opened.append(path)
        return streams.opened(path)

    monkeypatch.setattr(forward, "opened", watched)
    found = images.order(0, 0)
    cache = images.reader._blocks
    for start in range(0, 80, 4):
        images.bring(found.ahead(start, start + 4))
        for sample in found.samples[start : start + 4].tolist():
            assert images.source(sample) == picture(sample)
        assert sum(len(data) for block in cache._blocks.values() for data in block) <= 60_000
    assert sorted(opened) == sorted(shard.path for shard in images.catalogue.shards)
    assert not cache._units  # all are closed


def test_classes_of_a_window_are_counted() -> None:
    """100 classes of 100 samples each; a window has 256 of the 1,000 blocks of 10."""
    blocks = blocks_of(100, 10, 10)
    found = windows(blocks, numbers(10_000), 1, 0)
    mixed = permutation(0, 0, 10_000) % 100
    seen, at_random = classes_seen(found, mixed)
    assert seen == pytest.approx(at_random, rel=0.01)
    assert at_random == pytest.approx(100, rel=0.01)
    seen, _ = classes_seen(found, numbers(10_000) // 100)
    # Rounds of 320, 320, 320 and 40 blocks, from 32, 32, 32 and 4 classes, in windows of 256.
    assert seen == (32 + 64 + 64 + 36) / 4


def test_shards_that_are_sorted_by_class_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(catalogue, "BLOCK_BYTES", 3_000)
    monkeypatch.setattr(order, "WINDOW_BYTES", 6_000)
    monkeypatch.setattr(order, "MOST_UNITS", 1)
    files = [
        (f"{n:03}.{field}", data)
        for n in range(80)
        for field, data in (("png", picture(n)), ("cls", b"%d" % (n // 10)))
    ]
    for shard in range(8):
        (tmp_path / f"{shard}.tar").write_bytes(tar_bytes(files[20 * shard : 20 * shard + 20]))
    sentence = "the shards are sorted by class: a window of images that is shuffled holds"
    in_windows = open_dataset(f"wds:{tmp_path},shuffle=windows")
    assert any(note.startswith(sentence) for note in in_windows.notes)
    anywhere = open_dataset(f"wds:{tmp_path}")
    assert not any(note.startswith(sentence) for note in anywhere.notes)


def test_threads_that_ask_out_of_turn_do_not_start_a_shard_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(catalogue, "BLOCK_BYTES", 3_000)
    spec = write_shards(tmp_path / "data", shards=1, each=20, pack=gzip)
    images = open_dataset(spec).train.images
    assert isinstance(images, ShardImages)
    opened: list[str] = []

    def watched(path: str) -> Any:
        opened.append(path)
        return streams.opened(path)

    monkeypatch.setattr(forward, "opened", watched)
    for number in (0, 7, 4, 2, 12, 19, 15):
        assert images.source(number) == picture(number)
    assert len(opened) == 1
