"""What a network sees of an image: size, fit, resampling, mean and standard deviation.

A checkpoint keeps these values, and evaluation and prediction replay them with the same code:
`prepare` gives the pixels, `to_input` the normalised batch.

    fit      the image becomes (height, width) by
    none     nothing: it must have that size
    pad      a border of its own edge pixels, as LeNet-5 sees 28x28 digits in 32x32
    stretch  a resize that does not keep the aspect ratio; with `resize`, to a square of that side,
             then the middle (timm's "squash")
    crop     a resize of its short side to `resize`, then the middle, as for ImageNet
    border   a resize of its long side to `resize`, a border of the mean colour, then the middle
             (timm's "border")
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.decode import MAX_PIXELS, Decoding
from cladenet.data.resample import (
    INTERPOLATIONS,
    centre_crop,
    resize,
    resize_short_side,
    size_with_long_side,
)
from cladenet.errors import BadArgument
from cladenet.ledger import imagenet
from cladenet.plural import counted

if TYPE_CHECKING:  # exported files need no torch, and prediction no data set
    import torch
    from torch import Tensor

    from cladenet.data.dataset import DataSet

FITS = ("none", "pad", "stretch", "crop", "border")
IMAGENET_MEAN, IMAGENET_STD, IMAGENET_GREY = imagenet.MEAN, imagenet.STD, imagenet.GREY
_ADDED = {"white_level": 0.0, "max_megapixels": MAX_PIXELS / 1e6}  # by later versions


@dataclass(frozen=True)
class Preprocess:
    """From an image to the network's input.

    Args:
        height: of the input, in pixels.
        width: of the input, in pixels.
        channels: 1 (grey) or 3 (RGB).
        fit: one of `FITS`, as in the table above.
        resize: the side before the centre crop: the short one where `fit` is "crop", the long one
            where it is "border", both where it is "stretch" (None: no crop); else None.
        interpolation: "bilinear" or "bicubic", always antialiased.
        mean: of each channel, for values in [0, 1].
        std: of each channel, for values in [0, 1].
        exif: images are turned upright as their EXIF orientation says.
        white_level: see `Decoding`.
        max_megapixels: files of which more would be decoded are refused.
        per_image: an image is normalised by the mean and std of all its own values (global
            contrast normalisation) instead of `mean` and `std`.

    Raises:
        BadArgument: a value is out of its range, or they contradict each other.
    """

    height: int
    width: int
    channels: int
    fit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None = None
    interpolation: str = "bilinear"
    antialias: bool = True
    exif: bool = True
    per_image: bool = False
    white_level: float = 0.0
    max_megapixels: float = MAX_PIXELS / 1e6

    def __post_init__(self) -> None:
        sizes = (self.height, self.width, 1 if self.resize is None else self.resize)
        if set(map(type, sizes)) != {int}:
            raise BadArgument(f"height, width and resize are {sizes}; expected whole numbers")
        if min(self.height, self.width) < 1 or self.channels not in (1, 3):
            raise BadArgument(
                f"input is {self.channels}x{self.height}x{self.width}; "
                "expected 1 or 3 channels and at least 1x1"
            )
        Decoding(self.channels, self.exif, self.white_level, self.max_megapixels * 1e6)
        if self.fit not in FITS:
            raise BadArgument(f"fit is {self.fit!r}; expected one of {', '.join(FITS)}")
        if self.interpolation not in INTERPOLATIONS or not self.antialias:
            raise BadArgument(
                f"interpolation is {self.interpolation!r}, antialias={self.antialias}; "
                f"expected {' or '.join(INTERPOLATIONS)} with antialias=True"
            )
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise BadArgument(
                f"mean is {self.mean} and std {self.std}; expected "
                f"{counted(self.channels, 'value')} of each"
            )
        if not (np.isfinite([self.mean, self.std]).all() and min(self.std) > 0):
            raise BadArgument(
                f"mean is {self.mean} and std {self.std}; expected numbers, and std above 0"
            )
        wrong = self.fit in ("none", "pad") if self.resize else self.fit in ("crop", "border")
        if wrong:
            raise BadArgument(
                f"resize is {self.resize} with fit {self.fit!r}; crop and border have one, stretch "
                "may, none and pad have none"
            )
        if self.resize is not None and self.resize < max(self.height, self.width):
            raise BadArgument(
                f"resize is {self.resize}, smaller than the {self.height}x{self.width} cut out of "
                "it"
            )

    @property
    def decoding(self) -> Decoding:
        """How image files become the pixels that `prepare` takes."""
        pixels = self.max_megapixels * 1e6
        return Decoding(self.channels, self.exif, self.white_level, pixels)

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The evaluation view of one decoded image: uint8 (H, W, C) -> (height, width, C).

        Raises:
            BadArgument: other channels, or another size where `fit` is "none" or "pad".
        """
        return self.prepare_all(image[None])[0]

    def prepare_all(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`prepare` for N images of one size: uint8 (N, H, W, C) -> (N, height, width, C)."""
        _, height, width, channels = images.shape
        if channels != self.channels:
            raise BadArgument(
                f"an image has {counted(channels, 'channel')}, the network takes {self.channels}; "
                f"open it with channels={self.channels}"
            )
        if self.resize is not None:
            resized = self._resized(images, self.resize)
            return np.ascontiguousarray(centre_crop(resized, self.height, self.width))
        if self.fit == "stretch":
            return resize(images, self.height, self.width, self.interpolation)
        if (height, width) == (self.height, self.width):
            return images
        if self.fit == "none" or height > self.height or width > self.width:
            raise BadArgument(
                f"an image is {height}x{width}, the network's input {self.height}x{self.width}; "
                f"fit {self.fit!r} cannot change that, use stretch or crop"
            )
        return np.pad(images, ((0, 0), *self.borders(height, width), (0, 0)), mode="edge")

    def _resized(self, images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """What the middle is cut from."""
        if self.fit == "crop":
            return resize_short_side(images, side, self.interpolation)
        if self.fit == "stretch":
            return resize(images, side, side, self.interpolation)
        height, width = size_with_long_side(images.shape[1], images.shape[2], side)
        resized = resize(images, height, width, self.interpolation)
        n, channels = len(images), self.channels
        size = max(height, self.height), max(width, self.width)
        bordered = np.empty((n, *size, channels), dtype=np.uint8)
        bordered[:] = self.mean_colour()
        top, left = (size[0] - height) // 2, (size[1] - width) // 2
        bordered[:, top : top + height, left : left + width] = resized
        return bordered

    def borders(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """((above, below), (left, right)) of an image that is padded, in pixels."""
        rows, columns = self.height - height, self.width - width
        return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)

    def mean_colour(self) -> NDArray[np.uint8]:
        """The mean as a pixel, uint8 (C,): normalised it is 0 within half a level of 255."""
        return np.rint(np.array(self.mean) * 255).clip(0, 255).astype(np.uint8)

    def to_input(
        self,
        images: "Tensor",
        device: "torch.device | str" = "cpu",
        dtype: "torch.dtype | None" = None,
    ) -> "Tensor":
        """uint8 (N, H, W, C) -> (x / 255 - mean) / std as `dtype` (N, C, H, W), channels-last.

        `dtype` is float32 unless another one is given.

        With `per_image` (x - m) / s, m and s being the image's own; s is at least one level of 255,
        so that a blank image becomes zeros.

        The images travel to `device` as bytes.
        """
        import torch

        from cladenet.data.normalise import normalised, normalised_by_itself

        dtype = dtype or torch.float32
        if self.per_image:
            return normalised_by_itself(images, device, dtype)
        return normalised(images, self.mean, self.std, device, dtype)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `from_json`."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Preprocess":
        """What `to_json` gave.

        Raises:
            BadArgument: a key is missing or unknown, or a value cannot be used.
        """
        expected = cls.__dataclass_fields__.keys()
        values = {**_ADDED, **values}
        if values.keys() != expected:
            missing, unknown = sorted(expected - values.keys()), sorted(values.keys() - expected)
            raise BadArgument(
                f"preprocessing lacks {missing} and has the unknown {unknown}; "
                "it was written by another version"
            )
        try:
            mean, std = tuple(map(float, values["mean"])), tuple(map(float, values["std"]))
            return cls(**{**values, "mean": mean, "std": std})
        except TypeError as error:
            raise BadArgument(f"preprocessing {dict(values)} cannot be read: {error}") from None

    @classmethod
    def for_dataset(
        cls,
        dataset: "DataSet",
        net_input: tuple[int, int, int],
        *,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        interpolation: str = "bilinear",
        per_image: bool = False,
    ) -> "Preprocess":
        """The default preprocessing of a data set's images for a network.

        Images of one size: as they are where they have the network's size, padded where they have
        at least 7/8 of it (28 in 32), else stretched. Photographs: short side to 256/224 of the
        input's, then its middle.

        Args:
            dataset: whose training images count.
            net_input: (C, H, W) of the network.
            mean: by default measured on the training images; ImageNet's for photographs.
            std: as `mean`.
            interpolation: "bilinear" or "bicubic".
            per_image: normalise each image by its own mean and std.
        """
        from cladenet.data.dataset import ArrayImages
        from cladenet.data.statistics import channel_statistics

        channels, height, width = net_input
        images = dataset.train.images
        if isinstance(images, ArrayImages):
            measured = channel_statistics(images.array)
            fit, resize_to = fit_of(images.shape[:2], (height, width)), None
            decoding = Decoding(channels)
        else:
            grey = ((IMAGENET_GREY[0],), (IMAGENET_GREY[1],))
            measured = grey if channels == 1 else (IMAGENET_MEAN, IMAGENET_STD)
            fit, resize_to = "crop", resize_for(height, width)
            decoding = images.decoding
        return cls(
            height=height,
            width=width,
            channels=channels,
            fit=fit,
            resize=resize_to,
            interpolation=interpolation,
            mean=tuple(mean) if mean is not None else measured[0],
            std=tuple(std) if std is not None else measured[1],
            exif=decoding.exif,
            per_image=per_image,
            white_level=decoding.white_level,
            max_megapixels=decoding.max_pixels / 1e6,
        )


def fit_of(image: tuple[int, int], target: tuple[int, int]) -> str:
    """How images of one size (H, W) come to the size of the input."""
    if image == target:
        return "none"
    nearly = all(
        8 * have >= 7 * want and have <= want for have, want in zip(image, target, strict=True)
    )
    return "pad" if nearly else "stretch"


def resize_for(height: int, width: int) -> int:
    """Short side before the centre crop: 256 for 224, and in proportion."""
    return round(max(height, width) * 256 / 224)
