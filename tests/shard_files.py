"""Small shards for tests: tar archives and Parquet files with images in two classes."""

import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Files = Sequence[tuple[str, bytes]]


def picture(number: int, height: int = 20, width: int = 18) -> bytes:
    """A PNG whose colour tells its class: red for even numbers, green for odd ones, under noise."""
    pixels = np.random.default_rng(number).integers(0, 100, (height, width, 3), dtype=np.uint8)
    pixels[..., number % 2] += 100
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def samples(numbers: Iterable[int]) -> Files:
    """`0003.png` and `0003.cls` for each number; its class is whether it is odd."""
    files = []
    for number in numbers:
        files.append((f"{number:04}.png", picture(number)))
        files.append((f"{number:04}.cls", b"%d" % (number % 2)))
    return files


def tar_bytes(files: Files, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """An archive of these files, in their order."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=form) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()


def write_shards(folder: Path, shards: int = 4, each: int = 10, pack: Any = None) -> str:
    """Shards `train-000000.tar`, ... of `each` samples; the request that means all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        content = tar_bytes(samples(range(shard * each, (shard + 1) * each)))
        suffix = "tar" if pack is None else f"tar.{pack.__name__}"
        path = folder / f"train-{shard:06}.{suffix}"
        path.write_bytes(content if pack is None else pack.compress(content))
    return f"wds:{folder}/train-*"
