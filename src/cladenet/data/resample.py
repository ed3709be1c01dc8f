"""Resizing of uint8 images, antialiased.

What a network is judged by is resized by Pillow, as torchvision's and timm's transforms do: to the
same bits. What it is trained on, by PyTorch's kernel for uint8 channels-last images, which agrees
to one level of 255 (two for bicubic) and takes 0.10 ms from 300x400 to 224x224 RGB where Pillow
takes 0.68 (one core, AVX-512). One level in a thousandth of the pixels changes a near tie: of 50
photographs EfficientNet-Lite0 named 44 with Pillow and 43 with PyTorch's kernel.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

INTERPOLATIONS = ("bilinear", "bicubic")
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
LONGEST = 8  # sides; what a centre crop would cut off anyway is not resized


def resize(
    images: NDArray[np.uint8], height: int, width: int, interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """(N, H, W, C) -> (N, height, width, C), each image by itself, aspect ratio not kept."""
    n, *size, channels = images.shape
    if size == [height, width]:
        return images
    resized = np.empty((n, height, width, channels), dtype=np.uint8)
    for image, into in zip(images, resized, strict=True):
        pillow = Image.fromarray(image if channels == 3 else image[..., 0])
        into[:] = np.asarray(pillow.resize((width, height), FILTERS[interpolation])).reshape(
            into.shape
        )
    return resized


def quick_resize(
    images: NDArray[np.uint8], height: int, width: int, interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """`resize` by PyTorch's kernel, within one level of it, two for bicubic."""
    from torch import from_numpy  # prediction by exported files does without torch
    from torch.nn import functional as F

    if images.shape[1:3] == (height, width):
        return images
    # A length of 1 may come with any stride, and an odd one hides from PyTorch that the channels
    # are innermost: it would repack the image before and after. `view` gives it the usual one.
    tensor = from_numpy(_writable(images)).view(images.shape).permute(0, 3, 1, 2)
    resized = F.interpolate(tensor, size=(height, width), mode=interpolation, antialias=True)
    return np.ascontiguousarray(resized.permute(0, 2, 3, 1).numpy())


def resize_short_side(
    images: NDArray[np.uint8],
    side: int,
    interpolation: str = "bilinear",
    by: Callable[..., NDArray[np.uint8]] = resize,
) -> NDArray[np.uint8]:
    """(N, H, W, C) -> short side `side`, long side in proportion and rounded down.

    Of a strip longer than 8 times its short side the middle is kept. `by` is `resize` or
    `quick_resize`.
    """
    height, width = images.shape[1:3]
    short = min(height, width)
    images = centre_crop(images, min(height, LONGEST * short), min(width, LONGEST * short))
    height, width = images.shape[1:3]
    return by(images, *size_with_short_side(height, width, side), interpolation)


def size_with_short_side(height: int, width: int, side: int) -> tuple[int, int]:
    """(height, width) in proportion, the short one `side`, the long one rounded down."""
    short = min(height, width)
    return side * height // short, side * width // short


def size_with_long_side(height: int, width: int, side: int) -> tuple[int, int]:
    """(height, width) in proportion, the long one `side`, the short one rounded: timm's rule."""
    ratio = max(height, width) / side
    return max(1, round(height / ratio)), max(1, round(width / ratio))


def centre_crop(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """(N, H, W, C) -> the middle (N, height, width, C), a view.

    An odd remainder goes as in torchvision: to the even one of the two possible offsets.
    """
    top = round((images.shape[1] - height) / 2)
    left = round((images.shape[2] - width) / 2)
    return images[:, top : top + height, left : left + width]


def shrink(image: NDArray[np.uint8], side: int, interpolation: str) -> NDArray[np.uint8]:
    """(H, W, C) with its short side brought down to `side`; a smaller image stays as it is.

    For training: by PyTorch's kernel.
    """
    if min(image.shape[:2]) <= side:
        return image
    return resize_short_side(image[None], side, interpolation, quick_resize)[0]


def _writable(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As one writable block, which `from_numpy` asks for: a copy where it is not."""
    if images.flags.c_contiguous and images.flags.writeable:
        return images
    return images.copy()
