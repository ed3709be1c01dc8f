"""What training changes at random in an image: plain numbers, and the geometry drawn from them.

Every draw is a function of (seed, epoch, sample), see `draws`. Boxes are cut out of the stored
image, so no pixel is resampled that the crop does not show.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cladenet.data.augment.draws import uniform
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument

CROPS = ("none", "pad", "resized", "jitter")
PAD_MODES = ("constant", "reflect")
POLICIES = (
    "none",
    "autoaugment_imagenet",
    "autoaugment_cifar10",
    "autoaugment_svhn",
    "randaugment",
    "trivialaugment",
)
FLIPS = ("random", "alternating")


@dataclass(frozen=True)
class Augment:
    """Random changes, in the order in which they are made.

    Args:
        crop: "none"; "pad": a border of `pad` pixels, then a crop of the input's size; "resized": a
            box of random area and aspect, resized (Szegedy et al. 2015, arXiv:1409.4842, Sec. 6);
            "jitter": short side drawn from `short_side`, then a crop of the input's size (Simonyan
            and Zisserman 2015, arXiv:1409.1556, Sec. 3.1).
        pad: border in pixels.
        pad_mode: "constant" (the mean colour, 0 after normalisation) or "reflect".
        scale: smallest and largest area of the box, as a part of the image's.
        ratio: smallest and largest width / height of the box.
        short_side: smallest and largest short side, in pixels, both included.
        flip: probability of a mirror image, left to right.
        flips: "random", drawn anew in each epoch; "alternating", drawn for epoch 0, from then on
            the other way round in each epoch (Jordan 2024, arXiv:2404.00498, Sec. 3.6).
        pca_colour: standard deviation of AlexNet's colour noise (Krizhevsky et al. 2012, Sec. 4.1;
            0.1 there), 0 for none.
        colour_jitter: brightness, contrast and saturation change by a factor from
            [1 - colour_jitter, 1 + colour_jitter].
        policy: one of `POLICIES`, of torchvision.
        operations: how many "randaugment" makes.
        magnitude: of what "randaugment" makes, 0 to 30.
        erasing: probability that a box of 2 to 33 % of the image becomes the mean colour.

    Raises:
        BadArgument: a value is out of its range.
    """

    crop: str = "none"
    pad: int = 4
    pad_mode: str = "constant"
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    short_side: tuple[int, int] = (256, 480)
    flip: float = 0.5
    flips: str = "random"
    pca_colour: float = 0.0
    colour_jitter: float = 0.0
    policy: str = "none"
    operations: int = 2
    magnitude: int = 9
    erasing: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in (
            *(("crop", CROPS), ("pad_mode", PAD_MODES), ("policy", POLICIES)),
            ("flips", FLIPS),
        ):
            if getattr(self, name) not in allowed:
                raise BadArgument(
                    f"{name} is {getattr(self, name)!r}; expected one of {', '.join(allowed)}"
                )
        for name in ("flip", "erasing", "colour_jitter"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadArgument(f"{name} is {getattr(self, name)}; expected 0 to 1")
        if not (0 < self.scale[0] <= self.scale[1] <= 1 and 0 < self.ratio[0] <= self.ratio[1]):
            raise BadArgument(
                f"scale is {self.scale} and ratio {self.ratio}; expected (smallest, largest) of "
                "each, above 0, and areas up to 1"
            )
        if not 1 <= self.short_side[0] <= self.short_side[1]:
            raise BadArgument(f"short_side is {self.short_side}; expected (smallest, largest)")
        if self.pad < 0 or self.pca_colour < 0 or self.operations < 1:
            raise BadArgument(
                f"pad is {self.pad}, pca_colour {self.pca_colour}, operations {self.operations}; "
                "expected at least 0, 0 and 1"
            )
        if not 0 <= self.magnitude <= 30:
            raise BadArgument(f"magnitude is {self.magnitude}; expected 0 to 30")

    @property
    def cuts_boxes(self) -> bool:
        """Crops come from the image as it is stored, not from its evaluation view."""
        return self.crop in ("resized", "jitter")

    @property
    def has_policy(self) -> bool:
        """Some change is made by torchvision, one image at a time."""
        return self.policy != "none" or self.colour_jitter > 0 or self.erasing > 0

    def stored_side(self, preprocess: Preprocess) -> int:
        """The short side that boxes need: what is larger is stored at this size.

        "jitter" needs its largest. "resized" gets 3/2 of the short side of evaluation (384 for an
        input of 224), so that a box of a third of the area is not enlarged.
        """
        if self.crop == "jitter":
            return self.short_side[1]
        return 3 * (preprocess.resize or max(preprocess.height, preprocess.width)) // 2


def flips(augment: Augment, seed: int, epoch: int, samples: ArrayLike) -> NDArray[np.bool_]:
    """Which of the samples are mirrored, bool (N,)."""
    if augment.flips == "alternating" and augment.flip > 0:
        first = uniform(seed, 0, samples, 1, "flip")[:, 0] < augment.flip
        return first ^ (epoch % 2 == 1)
    return uniform(seed, epoch, samples, 1, "flip")[:, 0] < augment.flip


def offsets(augment: Augment, seed: int, epoch: int, samples: ArrayLike) -> NDArray[np.int64]:
    """(top, left) of each crop in the padded image, int64 (N, 2), 0 to 2 x pad."""
    draws = uniform(seed, epoch, samples, 2, "crop")
    return (draws * (2 * augment.pad + 1)).astype(np.int64)
