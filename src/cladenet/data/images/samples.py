"""Samples of more than 8 bits as the bytes that a viewer shows: what is white, and which colours.

    samples                     white
    unsigned, up to 16 bits     2^n - 1 for n bits, where n is what the file declares, else 16
    float                       what the file declares, else 1
    signed, or of 32 bits       what the file declares; else the user has to

`white_level` says it for files that declare nothing. The rule is one for all files: never the
largest value of a picture, which would make a dark picture as bright as a light one.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.kinds import Refused

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Colours = Literal["grey", "rgb", "cmyk", "lab"]

COUNT = {"grey": 1, "rgb": 3, "cmyk": 4, "lab": 3}
ROUNDING = 0.5 / 255  # a sample may lie half a level above white
AT_ONCE = 1 << 18  # samples that are scaled at a time, so that they stay in the core's cache


class Assumed(NamedTuple):
    """White by the rule alone.

    Args:
        kind: of the samples.
        peak: the largest of them.
    """

    kind: Literal["16-bit", "float"]
    peak: float


class Samples(NamedTuple):
    """A picture of more than 8 bits a sample.

    Args:
        values: (H, W, S): the colours, alpha if there is one, and whatever else.
        colours: of the first samples.
        bits: of a sample as stored.
        declared: the value of white by the file itself; None where it says nothing.
        white_is_zero: 0 is white.
        alpha: whether the sample after the colours is one, and if they are multiplied by it.
        clear: a colour that is transparent wherever it occurs.
    """

    values: Array
    colours: Colours
    bits: int
    declared: float | None = None
    white_is_zero: bool = False
    alpha: Literal["none", "straight", "multiplied"] = "none"
    clear: tuple[int, ...] | None = None

    @property
    def is_float(self) -> bool:
        """Whether the samples are floats."""
        return self.values.dtype.kind == "f"

    def assumed(self) -> Assumed | None:
        """What the rule assumes about these samples; None where the file says it."""
        if self.declared is not None or self.colours == "lab":
            return None
        if self.is_float:
            return Assumed("float", float(self.values.max()))
        fills = self.values.dtype.kind == "u" and self.bits == 16
        return Assumed("16-bit", float(self.values.max())) if fills else None


def as_white(value: float, is_float: bool = False) -> float | None:
    """A declared largest sample if it is the white of 8, 9, 10, ... bits, or 1 of floats; or None.

    What a file gives as its largest sample may be just that, a figure of this one picture (TIFF
    calls MaxSampleValue a statistic), and scaling by it would change the brightness from picture
    to picture. Only 255, 1023, 4095 and their like say what white is.
    """
    if is_float and value == 1:
        return 1.0
    whole = 255 <= value < 2**53 and value == int(value) and (int(value) + 1) & int(value) == 0
    return float(value) if whole else None


def white_of(samples: Samples, white_level: float) -> float:
    """The value that is white; `white_level` is 0 where nobody has set it.

    Raises:
        Refused: nothing defines it.
    """
    if samples.declared is not None:
        return samples.declared
    if white_level:
        return white_level
    if samples.is_float:
        return 1.0
    if samples.values.dtype.kind == "u" and samples.bits <= 16:
        return float(2**samples.bits - 1)
    kind = "signed" if samples.values.dtype.kind == "i" else "unsigned"
    raise Refused(
        f"has {kind} samples of {samples.bits} bits, whose white is not defined; set it with "
        "white_level=VALUE, or save it with 8 or 16 bits"
    )


def to_bytes(samples: Samples, white_level: float = 0) -> tuple[Bytes, Bytes | None]:
    """The colours (H, W, 1 or 3) with 255 for white, and alpha (H, W, 1), straight, or None.

    Args:
        samples: what was read.
        white_level: the value of white where the file does not declare it; 0 leaves it to the rule.

    Raises:
        Refused: samples outside black to white.
    """
    count = COUNT[samples.colours]
    values = samples.values[..., :count]
    if samples.colours == "lab":
        shown = lab_to_rgb(values)
    else:
        shown = _scaled(values, white_of(samples, white_level))
        shown = 255 - shown if samples.white_is_zero else shown
        shown = _without_inks(shown) if samples.colours == "cmyk" else shown
    if samples.clear is not None:
        seen = (values != np.array(samples.clear, values.dtype)).any(axis=2, keepdims=True)
        return shown, seen.astype(np.uint8) * np.uint8(255)
    if samples.alpha == "none":
        return shown, None
    alpha = _alpha(samples, samples.values[..., count : count + 1], white_level)
    if samples.alpha == "multiplied":
        whole = shown.astype(np.uint32) * 255 // np.maximum(alpha, 1)
        shown = np.minimum(whole, 255).astype(np.uint8)
    return shown, alpha


def _scaled(values: Array, white: float) -> Bytes:
    """round(255 v / white), exactly for integers."""
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise Refused("has samples that are not finite numbers; save it with 8 or 16 bits")
    if not (low >= 0 and high <= white * (1 + ROUNDING)):
        way_out = "set the value of white with white_level=VALUE, or " if low >= 0 else ""
        kind = "float samples" if values.dtype.kind == "f" else "samples"
        raise Refused(
            f"has {kind} from {low:g} to {high:g}; expected 0 to {white:g}, which is taken for "
            f"white. {way_out.capitalize() or 'Shift and scale them, or '}save it with 8 or 16 bits"
        )
    exact = values.dtype.kind != "f" and white == int(white) and white < 2**32
    wide: Any = np.uint32 if white < 2**23 else np.uint64
    scaled = np.empty(values.shape, np.uint8)
    step = max(1, AT_ONCE // values[0].size)
    for start in range(0, len(values), step):
        part = values[start : start + step]
        if exact:
            twice = part.astype(wide) * wide(510) + wide(white)
            scaled[start : start + step] = twice // wide(2 * white)
        else:
            scaled[start : start + step] = np.rint(part.astype(np.float64) * (255 / white))
    return scaled


def _alpha(samples: Samples, values: Array, white_level: float) -> Bytes:
    """Opaque is the white of the colours, or the largest value of the type if that is in use."""
    white = white_of(samples, white_level)
    full = 1.0 if samples.is_float else float(2**samples.bits - 1)
    in_use = values.max() > white or (samples.is_float and values.max() <= 1)
    return _scaled(values, full if in_use else white)


def _without_inks(inks: Bytes) -> Bytes:
    """CMYK (H, W, 4) as RGB: (255 - C)(255 - K) / 255 and so on."""
    paper = 255 - inks.astype(np.uint16)
    return ((paper[..., :3] * paper[..., 3:] + 127) // 255).astype(np.uint8)


def lab_to_rgb(values: Array) -> Bytes:
    """CIE L*a*b* of a TIFF (Sec. 23) under D50, (H, W, 3), as sRGB.

    L* of 0 to 100 fills the type; a* and b* are signed, in 8 bits whole, in 16 bits 256ths.
    """
    unit = 1.0 if values.dtype.itemsize == 1 else 256.0
    signed = values[..., 1:].astype(f"i{values.dtype.itemsize}") / unit
    lightness = values[..., 0] / (2.0 ** (8 * values.dtype.itemsize) - 1) * 100
    fy = (lightness + 16) / 116
    f = np.stack([fy + signed[..., 0] / 500, fy, fy - signed[..., 1] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    linear = np.clip(xyz @ TO_LINEAR.T, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(curved * 255).astype(np.uint8)


D50 = np.array([0.9642, 1.0, 0.8249])  # the white of ICC's profile connection space
# From XYZ under D50, adapted after Bradford, to linear sRGB (IEC 61966-2-1).
TO_LINEAR = np.array([
    [3.1338561, -1.6168667, -0.4906146],
    [-0.9787684, 1.9161415, 0.0334540],
    [0.0719453, -0.2289914, 1.4052427],
])  # fmt: skip
