"""How an exported file is held against the network, its preprocessing and its own claims."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import CheckpointError
from cladenet.export.description import Description
from cladenet.export.normalise import normalised
from cladenet.export.runtime import ExportedModel
from cladenet.export.verify.measured import Differing, Measured, differing
from cladenet.export.verify.taps import Tap

Pixels = NDArray[np.uint8]

# Of 255, from Pillow's. Two passes round, and the second one of "bicubic" weighs the first one's by
# more than 1 in sum; on photographs it differs by 1, too.
MOST_LEVELS = {"bilinear": 1, "bicubic": 2}
# Of the largest logit, beside 1: as `inference.comparing` has it. float16 has 3 bits more than
# bfloat16.
MOST_DIFFERENT = {"fp32": 1e-5, "fp16": 0.02, "bf16": 0.15, "int8": 0.125}
NO_WORSE = 4  # times the rounding error of the network in float32
LEAST_LOG = -60.0  # of a posterior that is compared; smaller ones round to nothing in float32
NORMALISED_BY = 1e-5  # of the largest normalised value, beside 1


class Disagreement(CheckpointError):
    """A file that does not do what it should."""


class Found(NamedTuple):
    """The largest differences.

    Args:
        levels: of prepared pixels, of 255; None where a file is not asked for them.
        logs: of logarithms of posteriors.
        allowed: for `logs`.
        images: that were compared.
        differing: of them, whose most probable class was another.
    """

    levels: int | None
    logs: float
    allowed: float
    images: int
    differing: tuple[Differing, ...] = ()

    def joined(self, other: "Found") -> "Found":
        """Of both."""
        seen = [found.levels for found in (self, other) if found.levels is not None]
        return Found(
            max(seen, default=None),
            max(self.logs, other.logs),
            max(self.allowed, other.allowed),
            self.images + other.images,
            (*self.differing, *other.differing),
        )

    @property
    def agreed(self) -> int:
        """Images whose most probable class was the same."""
        return self.images - len(self.differing)


class Checked(NamedTuple):
    """The largest differences, and accuracies where they were asked for."""

    found: Found
    measured: Measured | None = None


def check_preparing(tap: Tap, images: Pixels, description: Description) -> tuple[Pixels, int]:
    """What a file makes of decoded images before its network, and by how many levels it differs.

    Args:
        tap: of the file.
        images: of one size, uint8 (N, H, W, C).
        description: what the file says.

    Raises:
        Disagreement: it resizes, crops or normalises differently from what the file says.
    """
    preprocess = description.preprocess
    wanted = preprocess.prepare_all(images)
    prepared, found = tap(images)
    size = f"{images.shape[1]}x{images.shape[2]}"
    if prepared.shape != wanted.shape:
        raise Disagreement(
            f"images of {size} are prepared to {prepared.shape[1:]} instead of {wanted.shape[1:]}"
        )
    levels = int(np.abs(prepared.astype(np.int16) - wanted).max())
    allowed = MOST_LEVELS[preprocess.interpolation]
    if levels > allowed:
        raise Disagreement(
            f"images of {size} are prepared differently from Pillow: pixels differ by {levels} of "
            f"255, {allowed} is allowed"
        )
    exact = normalised(prepared, preprocess, np.float64)
    off = float(np.abs(found - exact).max())
    if not off <= NORMALISED_BY * (1 + float(np.abs(exact).max())):
        raise Disagreement(
            f"pixels are not normalised by the mean and std of training: values differ by {off:.2g}"
        )
    return prepared, levels


def allowed_for(precision: str, largest: float, own: float) -> float:
    """By how much logarithms of posteriors may differ.

    Args:
        precision: of the file.
        largest: logit, without sign.
        own: difference of the network in float32 from that in float64.
    """
    bound = MOST_DIFFERENT[precision] * (1 + largest)
    return max(bound, NO_WORSE * own) if precision == "fp32" else bound


def compare(
    posteriors: NDArray[np.float32],
    log_posteriors: NDArray[np.float64],
    allowed: float,
    names: Sequence[str],
    classes: Sequence[str],
    what: str = "",
) -> Found:
    """Answers of a file beside those that it should give, both (N, K).

    Args:
        posteriors: of the file.
        log_posteriors: that it should give.
        allowed: difference of logarithms.
        names: of the N images.
        classes: K names.
        what: the images in a word; by default their names.

    Raises:
        Disagreement: they differ by more than `allowed`.
    """
    what = what or ", ".join(names)
    if posteriors.shape != log_posteriors.shape:
        raise Disagreement(
            f"answers to {what} have the shape {posteriors.shape}, expected {log_posteriors.shape}"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(posteriors.astype(np.float64))
    counted = log_posteriors > LEAST_LOG
    off = float(np.abs(logs[counted] - log_posteriors[counted]).max())
    if not off <= allowed:
        raise Disagreement(
            f"logarithms of the posteriors of {what} differ by {off:.2g}, {allowed:.2g} is allowed"
        )
    others = differing(log_posteriors, posteriors, names, classes)
    return Found(None, off, allowed, len(logs), others)


def check_self_test(model: ExportedModel) -> Found:
    """The image in the file's metadata, beside the answer there.

    Raises:
        Disagreement: the file answers otherwise.
        UnreadableImage: the image is damaged.
    """
    description = model.description
    test = description.self_test
    pixels = description.preprocess.prepare(description.preprocess.decoding.read(test.image))
    with np.errstate(divide="ignore"):
        wanted = np.log(np.array(test.posteriors, np.float64))[None]
    found = model.answer(pixels[None])
    return compare(found, wanted, test.tolerance, ("the self-test image",), description.classes)
