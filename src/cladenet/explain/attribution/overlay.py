"""A saliency map drawn over its image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Colours of the map from 0 to 1. They grow darker, so that they stay apart in grey and in print.
STOPS = np.array([(255, 214, 10), (245, 120, 20), (200, 20, 60), (110, 0, 90)], np.float32)
COVERS = 0.72  # of the picture, at most
FAINT = 0.15  # of the map is not drawn


def overlay(pixels: NDArray[np.uint8], saliency: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The image in grey, with what is salient in colours: uint8 (H, W, 3).

    Args:
        pixels: uint8 (H, W, 1 or 3).
        saliency: 0 to 1, of any size; it is stretched over the image.
    """
    height, width = pixels.shape[:2]
    stretched = Image.fromarray(np.asarray(saliency, np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    strength = np.clip(np.asarray(stretched), 0, 1)[:, :, None]
    grey = pixels.astype(np.float32).mean(2, keepdims=True) * 0.75 + 50
    share = COVERS * np.clip((strength - FAINT) / (1 - FAINT), 0, 1) ** 0.5
    return (grey * (1 - share) + colours(strength[:, :, 0]) * share).astype(np.uint8)


def colours(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """0 to 1 (H, W) -> RGB of 0 to 255, (H, W, 3)."""
    places = np.linspace(0, 1, len(STOPS))
    channels = [np.interp(values, places, stops) for stops in STOPS.T]
    return np.stack(channels, 2).astype(np.float32)
