"""What a network sees of an image, and the evidence for a class to lay over it, as PNG files."""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.preprocess import Preprocess
from cladenet.explain.attribution.overlay import FAINT, colours
from cladenet.explain.attribution.saliency import saliency
from cladenet.layers.classifier import Classifier

SIDE = 448  # pixels of the longer side at least, as far as whole multiples allow
SMALL = 100  # pixels; smaller images are shown as the squares that they are


def evidence(
    model: Classifier, preprocess: Preprocess, pixels: NDArray[np.uint8], label: int
) -> tuple[bytes, bytes]:
    """The view, and a layer of one size with it that is clear where nothing speaks for the class.

    Args:
        model: in evaluation mode.
        preprocess: that prepared the pixels.
        pixels: prepared, uint8 (H, W, C).
        label: of the class.
    """
    device = next(model.parameters()).device
    images = preprocess.to_input(torch.from_numpy(pixels[None]), device)
    heat = saliency(model, images, label)[0].numpy()
    height, width = pixels.shape[:2]
    scale = max(1, -(-SIDE // max(height, width)))
    size = width * scale, height * scale
    smooth, squares = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
    view = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    view = view.resize(size, squares if max(height, width) < SMALL else smooth)
    strength = np.asarray(Image.fromarray(heat).resize(size, smooth)).clip(0, 1)
    cover = 255 * ((strength - FAINT) / (1 - FAINT)).clip(0, 1) ** 0.7
    layer = np.concatenate([colours(strength), cover[:, :, None]], 2)
    return _png(view), _png(Image.fromarray(layer.astype(np.uint8)))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()
