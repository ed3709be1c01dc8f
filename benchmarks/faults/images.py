"""Image files with seeded damage: each is decoded or refused by name, and none takes the place of
another."""

import random
import resource
import signal
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from cladenet.data.file_images import FileImages
from cladenet.data.images.decode import UnreadableImage, decode
from cladenet.data.sources.open import open_dataset
from forking import start, wait

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
HANG = 2.0  # seconds of the processor, so that a busy machine makes no fault
LARGE = 10_000_000  # pixels; damage can make a header say 48 million, whose decoding is no hang
MEMORY = 1 << 30  # bytes that a decoder may take beyond what the process has


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """Flips, insertions and cuts over every format, half of them in the first 64 bytes."""
    draw = random.Random(seed)
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    whole = [encoded(Image.fromarray(noise), form) for form in FORMATS]
    for _ in range(count):
        data = bytearray(draw.choice(whole))
        for _ in range(draw.choice((1, 2, 10))):
            at = draw.randrange(min(len(data), draw.choice((64, 10_000))))
            data[at : at + draw.choice((0, 1, 1, 5))] = bytes([draw.randrange(256)])
        yield bytes(data[: draw.randrange(1, len(data))] if draw.random() < 0.1 else data)


def check_mutants(seed: int, count: int, folder: Path) -> int:
    """All are decoded or refused in a child with little memory; how many were refused."""
    log = folder / "decoded"

    def action() -> int:
        limit_memory()
        # The system's default: it ends the process, also in the middle of a decoder.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        with log.open("w", buffering=1) as file:
            for data in mutants(seed, count):
                signal.setitimer(signal.ITIMER_PROF, HANG)
                try:
                    pixels = decode(data, max_pixels=LARGE)
                    word = "decoded" if pixels.dtype == np.uint8 else "wrong"
                except UnreadableImage:
                    word = "refused"
                signal.setitimer(signal.ITIMER_PROF, 0)
                print(word, file=file)
        return 0

    status = wait(start(action, folder / "output"))
    words = log.read_text().split()
    assert status == 0, f"mutant {len(words)} of seed {seed}: status {status}, {printed(folder)}"
    assert len(words) == count
    assert set(words) <= {"decoded", "refused"}
    return words.count("refused")


def check_none_is_replaced(seed: int, count: int, folder: Path) -> None:
    """As a data set of two classes: what is left out is named, all others are themselves."""
    for number, data in enumerate(mutants(seed, count)):
        place = folder / "images" / ("ant", "bee")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:06}.jpg").write_bytes(data)

    def action() -> int:
        limit_memory()
        data = open_dataset(str(folder / "images"), on_unreadable="skip")
        kept: set[str] = set()
        for split in data.splits().values():
            assert isinstance(split.images, FileImages)
            paths = split.images.paths
            for index, (path, label) in enumerate(zip(paths, split.labels, strict=True)):
                assert data.classes[label] == Path(path).parent.name, path
                assert np.array_equal(split.images.read(index), decode(path)), path
                kept.add(str(path))
        left_out = {str(path) for path, _ in data.unreadable}
        assert not kept & left_out
        assert len(kept) + len(left_out) == count
        return 0

    status = wait(start(action, folder / "output"), 60)
    assert status == 0, f"seed {seed}: status {status}, {printed(folder)}"


def limit_memory() -> None:
    """In this process, from now on."""
    largest = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (largest, largest))


def printed(folder: Path) -> str:
    """The end of what a child printed."""
    return (folder / "output").read_text(errors="replace")[-2000:]
