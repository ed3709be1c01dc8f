"""Colour JPEGs through simplejpeg, where it is installed and gives Pillow's bits.

Both are libjpeg-turbo, set here to the same inverse transform and upsampling. They come as wheels
of their own, so whether their builds agree is tried once in a process, on pictures that differ in
subsampling, scan order and scale. Where they do not agree, or simplejpeg is not there, or it finds
anything odd in a file, the file is Pillow's: what is installed shows in the speed alone. The trial
takes 40 ms of a processor, so the first files of a process are Pillow's, too.
"""

import io
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
COLOURS = {"RGB": "YCbCr", "L": "Gray"}  # as simplejpeg calls what is stored
SMALLEST = 16  # below, two scales of the transform may give one size
WORTH_TRYING = 32  # JPEGs after which the trial is made
_seen = count()


def fast_pixels(image: Image.Image) -> NDArray[np.uint8] | None:
    """An opened colour JPEG, not yet loaded, as uint8 (H, W, 3), as stored; None: ask Pillow.

    A size that `draft` has set is kept to.
    """
    if image.format != "JPEG" or image.mode != "RGB" or not wanted():
        return None
    file: Any = image.fp  # type: ignore[attr-defined]
    at = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(at)
    return decoded(data, image.size, "RGB")


def wanted() -> bool:
    """Whether the next JPEG is for simplejpeg: there are many, and it `agrees`."""
    return next(_seen) >= WORTH_TRYING and agrees()


@lru_cache(maxsize=1)
def agrees() -> bool:
    """Whether simplejpeg is there and decodes the pictures of `_trials` as Pillow does."""
    try:
        import simplejpeg  # noqa: F401
    except ImportError:
        return False
    return all(map(_same, *zip(*_trials(), strict=True)))


def decoded(data: bytes, size: tuple[int, int], mode: str) -> NDArray[np.uint8] | None:
    """Pixels of `size` (width, height), the whole or 1/2, 1/4, 1/8 of it; None if odd.

    Args:
        data: a JPEG, where `agrees` holds.
        size: what is wanted.
        mode: `RGB` of three components in YCbCr, or `L` of one.
    """
    import simplejpeg

    width, height = size
    try:
        full_height, full_width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except Exception:  # Pillow says what is wrong, or reads it
        return None
    # Two parsers read the header: what Pillow's did not see has not been judged.
    parts = [(-(-full_height // part), -(-full_width // part)) for part in (1, 2, 4, 8)]
    if colours != COLOURS[mode] or (height, width) not in parts:
        return None
    return unpacked(data, size, mode, is_scaled=(height, width) != parts[0])


def unpacked(
    data: bytes,
    size: tuple[int, int],
    mode: str,
    *,
    is_scaled: bool,
    strict: bool = True,
    into: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8] | None:
    """As `decoded`, of a JPEG whose header is known: `size` is a part of it, `mode` its colours.

    With `strict` a warning, which Pillow may forgive, is Pillow's to judge. `into` is filled.
    """
    import simplejpeg

    width, height = size
    if is_scaled and min(size) < SMALLEST:
        return None
    try:
        pixels = simplejpeg.decode_jpeg(
            data,
            "GRAY" if mode == "L" else "RGB",
            fastdct=False,
            fastupsample=False,
            min_height=height if is_scaled else 0,
            min_width=width if is_scaled else 0,
            buffer=into,
            strict=strict,
        )
    except MemoryError:
        raise
    except Exception:  # Pillow says what is wrong, or reads it
        return None
    return pixels if pixels.shape == (height, width, 1 if mode == "L" else 3) else None


def _trials() -> list[tuple[bytes, int]]:
    """JPEGs of noise over a ramp, 118x86, and the parts (1, 1/2, 1/4) to decode them at."""
    ramp = np.add.outer(np.arange(86), np.arange(118))[:, :, None] + np.array([0, 20, 40])
    # Upper bits of Knuth's multiplicative hash: numpy's generators take 15 ms to import.
    noise = (np.arange(ramp.size, dtype=np.uint64) * 2654435761 % 2**32 >> 16) % 40
    picture = Image.fromarray((ramp + noise.reshape(ramp.shape)).clip(0, 255).astype("u1"))
    files = []
    for subsampling in SUBSAMPLINGS:
        for progressive in (False, True):
            file = io.BytesIO()
            picture.save(file, "JPEG", subsampling=subsampling, progressive=progressive)
            files.append(file.getvalue())
    file = io.BytesIO()
    picture.convert("L").save(file, "JPEG")
    files.append(file.getvalue())
    return [(data, part) for data in files for part in (1, 2, 4)]


def _same(data: bytes, part: int) -> bool:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        if part > 1:
            image.draft(None, (image.width // part, image.height // part))
        ours = decoded(data, image.size, image.mode)
        return ours is not None and np.array_equal(ours.squeeze(), np.asarray(image))
