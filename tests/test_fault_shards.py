"""Kill -9 while training from shards: the resumed run ends as the undisturbed one, bit for bit."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from cladenet import open_dataset
from cladenet.data.shards import catalogue, order
from cladenet.vision import torchvision
from faults.kills import Reference, digits, many_kills, undisturbed
from shard_files import tar_bytes

NETWORK = "lenet5_relu"
STREAMED = "cache_gb=0"  # no packed cache: every epoch reads the shards
SHARDS = 50


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What every child would import for itself; blocks so small that there are many windows."""
    torchvision()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLADENET_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(catalogue, "BLOCK_BYTES", 600)
        patch.setattr(order, "WINDOW_BYTES", 6_000)
        yield


def shards_of_digits(folder: Path, kind: str) -> str:
    """240 digits in 50 shards; the request that means them."""
    data = open_dataset(str(digits(folder / "digits")))
    place = folder / kind
    place.mkdir()
    for shard in range(SHARDS):
        chosen = range(shard, len(data.train), SHARDS)
        images = [Path(data.train.ids[n]).read_bytes() for n in chosen]
        labels = [data.classes[int(data.train.labels[n])] for n in chosen]
        path = place / f"train-{shard:06}.{kind}"
        if kind == "parquet":
            _write_table(path, images, labels)
            continue
        files = [
            (f"{shard:02}-{n:02}.{field}", content)
            for n, (image, label) in enumerate(zip(images, labels, strict=True))
            for field, content in (("png", image), ("cls", label.encode()))
        ]
        content = tar_bytes(files)
        path.write_bytes(gzip.compress(content) if kind == "tar.gz" else content)
    reader = "parquet" if kind == "parquet" else "wds"
    return f"{reader}:{place}/train-{{000000..{SHARDS - 1:06}}}.{kind}"


def _write_table(path: Path, images: list[bytes], labels: list[str]) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"image": pa.array(images, pa.binary()), "label": labels})
    pq.write_table(table, path, row_group_size=3)


@pytest.fixture(scope="module")
def shards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return shards_of_digits(tmp_path_factory.mktemp("shards"), request.param)


@pytest.fixture(scope="module")
def reference(shards: str, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return undisturbed(NETWORK, shards, tmp_path_factory.mktemp("reference"), STREAMED)


@pytest.mark.parametrize("shards", ["tar.gz"], indirect=True)
def test_killed_runs_end_bit_identical(reference: Reference, shards: str, tmp_path: Path) -> None:
    """Two kills at random instants, with another number of workers after each."""
    assert many_kills(reference, shards, tmp_path, kills=2, seed=3) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("shards", ["tar", "tar.gz", "parquet"], indirect=True)
def test_twenty_kills_end_bit_identical(
    reference: Reference, shards: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make test-kills`: of each kind of shards."""
    runs = many_kills(reference, shards, tmp_path, kills=20, seed=200)
    assert runs >= 4
    with capsys.disabled():
        print(f"\n{Path(shards).name}: 20 random kill -9 in {runs} runs, all bit-identical")
