"""Images around prepared pixels: a file that resizes and crops gives exactly these to its network.

A file with its preprocessing inside takes images of one size in a batch. Photographs have many:
they are prepared by Pillow to the pixels that the network was trained and judged with, and laid in
the middle of an image of the size at which the file resamples nothing.
"""

import numpy as np
from numpy.typing import NDArray

from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import centre_crop

Pixels = NDArray[np.uint8]


def canvas_size(preprocess: Preprocess) -> tuple[int, int]:
    """(height, width) of an image that is cropped and not resampled."""
    if preprocess.resize is not None:
        return preprocess.resize, preprocess.resize
    return preprocess.height, preprocess.width


def on_canvas(pixels: Pixels, preprocess: Preprocess) -> Pixels:
    """Prepared (N, height, width, C) -> images (N, H, W, C) that are prepared to the same."""
    if preprocess.resize is None:
        return pixels
    canvas = np.zeros((len(pixels), *canvas_size(preprocess), pixels.shape[3]), np.uint8)
    centre_crop(canvas, preprocess.height, preprocess.width)[:] = pixels
    return canvas


def drawn_image(height: int, width: int, channels: int) -> Pixels:
    """uint8 (height, width, channels): coloured rectangles, a gradient and a disc.

    Edges show how an image was resampled, and no two channels or halves are alike. It compresses
    well.
    """
    y, x = np.mgrid[0:height, 0:width]
    across, down = x * 8 // width, y * 8 // height
    planes = [
        (37 * across + 91 * down + 60 * c * ((across + c * down) % 3)) % 256
        for c in range(1, channels + 1)
    ]
    image = np.stack(planes, axis=2).astype(np.uint8)
    radius = (y / height - 0.6) ** 2 + (x / width - 0.35) ** 2
    image[radius < 0.06] = (230, 40, 120)[:channels]
    image[:, width * 7 // 8 :] = (255 * y[:, width * 7 // 8 :, None] // height).astype(np.uint8)
    return image


def drawn_sizes(preprocess: Preprocess) -> tuple[tuple[int, int], ...]:
    """(height, width) of images that need no data: of two sizes where any will do."""
    height, width = canvas_size(preprocess)
    if preprocess.fit in ("none", "pad"):
        return ((height, width),)
    return (height * 5 // 3 + 1, width * 2 + 1), (height * 7 // 4, width * 3 // 2 + 1)
