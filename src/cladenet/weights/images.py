"""What the images of somebody else's weights go through: their source says, unless the user does.

In this order: what the user says, what the file itself says, the published set whose file it is,
the library's default preprocessing for that network, ImageNet's as torchvision's reference has
them.
"""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from cladenet.data.preprocess import (
    IMAGENET_GREY,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocess,
)
from cladenet.errors import BadArgument
from cladenet.registry import find
from cladenet.weights.known import Weights, preferred_weights
from cladenet.weights.recognise import Recognised

CROP = 0.875  # of the short side that the middle keeps: 224 of 256
SMALL = 64  # pixels; smaller images have no border to cut off
KEYS = ("size", "resize", "mean", "std", "interpolation", "fit")
IMAGENETS = "ImageNet's"


def images_of(
    found: Recognised, declared: Mapping[str, Any], published: Weights | None
) -> tuple[dict[str, Any], str]:
    """`size`, `mean` and so on as far as they are known, and their source.

    Args:
        found: the network, and whose names its file has.
        declared: by the file itself, such as the values of a config.json beside it.
        published: the set whose file it is, where that is known.
    """
    source = found.source
    if declared:
        return dict(declared), "the file's own"
    if published:
        return published.preprocess, f"those of {published.name}"
    if source.images:
        return dict(source.images), f"those of {source.name}"
    preferred = preferred_weights(source.name)
    if preferred is None:
        return {}, IMAGENETS
    images, tied = dict(preferred.preprocess), found.model.input_size
    if tied not in (None, preferred.size):  # positions of a transformer say otherwise
        images |= {"size": tied, "resize": round(preferred.resize * tied / preferred.size)}
    return images, f"those of {preferred.name}"


def preprocess_of(
    found: Recognised, images: Mapping[str, Any], given: Mapping[str, Any]
) -> Preprocess:
    """The preprocessing that `images` and, before them, the user's `given` make.

    Raises:
        BadArgument: a value is impossible, or the network's images have 2 or more than 3 channels.
    """
    channels = found.model.in_channels
    if channels not in (1, 3):
        raise BadArgument(
            f"in_channels is {channels}; a checkpoint's images have 1 (grey) or 3 (colour). "
            "`cladenet.create_model` gives the network itself"
        )
    unknown = sorted(set(given) - set(KEYS))
    if unknown:
        raise BadArgument(f"preprocess has no {unknown[0]}; it has {', '.join(KEYS)}")
    grey = ((IMAGENET_GREY[0],), (IMAGENET_GREY[1],))
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else grey
    values: dict[str, Any] = {"mean": mean, "std": std, **images}
    if channels == 1:
        values |= {k: (fmean(images[k]),) for k in ("mean", "std") if k in images}
    crop = values.pop("crop", CROP)
    if "size" in given and "resize" in values:  # another size, the same share of the image
        crop = values["size"] / values.pop("resize")
    values |= given
    size = values.pop("size", found.model.input_size or find(found.network).input[1])
    if type(size) is not int:
        raise BadArgument(f"size is {size!r}; expected pixels, such as 224")
    values.setdefault("fit", "crop" if size >= SMALL else "stretch")
    if values["fit"] in ("crop", "border"):
        values.setdefault("resize", round(size / crop))
    elif values["fit"] in ("none", "pad"):
        values.pop("resize", None)
    for key in ("mean", "std"):
        numbers = values[key] if isinstance(values[key], tuple | list) else (values[key],)
        if not all(isinstance(number, int | float) for number in numbers):
            raise BadArgument(f"{key} is {values[key]!r}; expected a number for each channel")
        values[key] = tuple(float(number) for number in numbers)
    return Preprocess(size, size, channels, **values)


def described(seen: Preprocess) -> str:
    """x."""
    size = f"{seen.height}x{seen.width}"
    if seen.fit == "border":
        how = f"long side {seen.resize} pixels, a border, the middle {size}"
    elif seen.fit == "stretch" and seen.resize not in (None, seen.height):
        how = f"the whole image as {seen.resize}x{seen.resize}, of which the middle {size}"
    elif seen.resize is None or seen.fit == "stretch":
        how = f"the whole image as {size}"
    else:
        how = f"{seen.resize} pixels, of which the middle {size}"
    mean, std = (" ".join(f"{value:.4g}" for value in row) for row in (seen.mean, seen.std))
    return f"{how}, {seen.interpolation}, mean {mean}, std {std}"
