"""Where in an image a network sees what speaks for a class.

Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra. Grad-CAM: Visual Explanations from Deep Networks
via Gradient-based Localization. ICCV 2017. arXiv:1610.02391, Eq. (1) and (2). Where no stage gives
a map of some size (tokens, several scales, a single point) gradient x input stands in.
"""

from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere

LEAST_SIDE = 4  # of a map that says where something is
TINT = np.array([235.0, 94.0, 40.0])  # RGB
DIMMED = 0.55  # what is left of a pixel that says nothing
STRONGEST = 0.75  # share of the tint where the evidence is largest


class Saliency(NamedTuple):
    """Evidence for one class in each image.

    Args:
        maps: (N, H, W) from 0 to 1, the largest of each image 1 unless all are 0.
        method: in words: "Grad-CAM at stages.2", "gradient x input".
    """

    maps: Tensor
    method: str


def saliency(model: Classifier, images: Tensor, classes: Tensor) -> Saliency:
    """Evidence for `classes[i]` in `images[i]`.

    Args:
        model: left as it was; it looks in evaluation mode.
        images: (N, C, H, W), normalised, on its device.
        classes: (N,), class numbers.
    """
    given: dict[int, Tensor] = {}

    def keep(stage: int) -> Any:
        def hook(module: Any, inputs: Any, out: Any) -> Any:
            if not isinstance(out, Tensor) or out.ndim != 4 or min(out.shape[2:]) < LEAST_SIDE:
                return None
            given[stage] = out
            return out.clone()  # the next layer may write over its input

        return hook

    with training_nowhere(model), torch.enable_grad(), ExitStack() as stack:
        for number, stage in enumerate(model.stages):
            stack.callback(stage.register_forward_hook(keep(number)).remove)
        seen = images.detach().requires_grad_()
        scores = model(seen).gather(1, classes[:, None]).sum()
        number = max(given, default=-1)
        read = given.get(number, seen)
        (gradient,) = torch.autograd.grad(scores, read)
    if not given:
        return Saliency(_scaled((gradient * seen).detach().abs().sum(1)), "gradient x input")
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    coarse = (weights * read).detach().sum(1, keepdim=True).relu()
    maps = F.interpolate(coarse, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return Saliency(_scaled(maps), f"Grad-CAM at stages.{number}")


def tinted(view: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A view in grey, darker where nothing speaks for the class, tinted where something does.

    Args:
        view: uint8 (H, W, 1 or 3).
        evidence: (H, W) from 0 to 1.

    Returns:
        uint8 (H, W, 3).
    """
    grey = view.astype(np.float32).mean(axis=2, keepdims=True)
    share = STRONGEST * evidence[:, :, None]
    shown = (DIMMED + (1 - DIMMED) * evidence[:, :, None]) * grey * (1 - share) + TINT * share
    return shown.clip(0, 255).astype(np.uint8)


def _scaled(maps: Tensor) -> Tensor:
    largest = maps.flatten(1).amax(1).clamp(min=torch.finfo(maps.dtype).tiny)
    return maps / largest[:, None, None]
