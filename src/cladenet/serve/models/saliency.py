"""Where in an image the evidence for a class lies, as a picture to lay over it.

Selvaraju et al. Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization.
ICCV 2017. arXiv:1610.02391. Sec. 3: maps of the last stage, weighted by the mean gradient of the
class's logit, and what is negative left out.
"""

import io
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier

Saliency = Callable[[Classifier, Tensor, int], Tensor]
SIDE = 448  # of the pictures, at least, as far as whole pixels allow
# A scale that people without red or green see, too: from nothing over violet to yellow.
COLOURS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])


def grad_cam(model: Classifier, images: Tensor, label: int) -> Tensor:
    """Normalised images (N, C, H, W) -> maps (N, h, w), 0 to 1 each.

    Raises:
        BadArgument: the last stage has no maps with height and width.
    """
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> Tensor:
        kept.append(output)
        return output.clone()  # what follows may work in place

    hook = model.stages[-1].register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = model(images.requires_grad_())
            if not isinstance(kept[0], Tensor) or kept[0].ndim != 4:
                raise BadArgument(
                    f"the last stage of {type(model).__name__} gives no maps to show; networks of "
                    "convolutions do"
                )
            (gradient,) = torch.autograd.grad(logits[:, label].sum(), kept[0])
    finally:
        hook.remove()
    weights = gradient.mean((2, 3), keepdim=True)
    found = (weights * kept[0]).sum(1).clamp_min(0).detach()
    return found / found.amax((1, 2), keepdim=True).clamp_min(1e-30)


def overlay(
    model: Classifier,
    pixels: NDArray[np.uint8],
    preprocess: Preprocess,
    label: int,
    saliency: Saliency = grad_cam,
) -> tuple[bytes, bytes]:
    """What the network sees of an image, and the evidence for a class over it: two PNG files.

    Args:
        model: in evaluation mode.
        pixels: prepared, uint8 (H, W, C).
        preprocess: that prepared them.
        label: of the class.
        saliency: from normalised images to maps.

    Raises:
        BadArgument: the network has nothing to show.
    """
    device = next(model.parameters()).device
    images = preprocess.to_input(torch.from_numpy(pixels[None]), device)
    heat = saliency(model, images, label)[0].float().cpu().numpy()
    height, width = pixels.shape[:2]
    scale = max(1, -(-SIDE // max(height, width)))
    size = width * scale, height * scale
    grey = Image.fromarray(np.rint(heat * 255).astype(np.uint8))
    grey = grey.resize(size, Image.Resampling.BICUBIC)
    level = np.asarray(grey, np.float32) / 255
    steps = np.linspace(0, 1, len(COLOURS))
    colours = [np.interp(level, steps, COLOURS[:, channel]) for channel in range(3)]
    rgba = np.stack([*colours, 255 * np.sqrt(level)], -1)
    view = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    smooth = Image.Resampling.NEAREST if max(height, width) < 100 else Image.Resampling.BICUBIC
    return _png(view.resize(size, smooth)), _png(Image.fromarray(rgba.round().astype(np.uint8)))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()
