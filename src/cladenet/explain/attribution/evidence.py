"""What spoke for a class, beside each mistake of a report: a map and how it was made.

Grad-CAM at the last stage whose map is large enough to say where something is. Where no stage gives
one (tokens, several scales, a single point) gradient x input stands in.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.explain.attribution.maps import over_the_image, scaled, weighted
from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier

LEAST_SIDE = 4  # of a map that says where something is
TINT = np.array([235.0, 94.0, 40.0])  # RGB
DIMMED = 0.55  # what is left of a pixel that says nothing
STRONGEST = 0.75  # share of the tint where the evidence is largest


class Evidence(NamedTuple):
    """Evidence for one class in each image.

    Args:
        maps: (N, H, W) from 0 to 1, the largest of each image 1 unless all are 0.
        method: in words: "Grad-CAM at stages.2", "gradient x input".
    """

    maps: Tensor
    method: str


def evidence(network: Classifier, images: Tensor, classes: Tensor) -> Evidence:
    """Evidence for `classes[i]` in `images[i]`.

    Args:
        network: left as it was; it looks in evaluation mode.
        images: (N, C, H, W), normalised, on its device.
        classes: (N,), class numbers.
    """
    found: list[tuple[str, Tensor]] = []

    def cut(name: str, _module: Any, _inputs: Any, out: Any) -> Any:
        """Ask for gradients from here on: what came before a later map is forgotten."""
        if not (isinstance(out, Tensor) and out.ndim == 4 and min(out.shape[2:]) >= LEAST_SIDE):
            return out
        torch.set_grad_enabled(True)
        found[:] = [(name, out.detach().requires_grad_())]
        return found[0][1].clone()  # what follows works in place

    handles = []
    for number, stage in enumerate(network.stages):
        handles.append(stage.register_forward_hook(partial(cut, f"stages.{number}")))
    with frozen(network):
        try:
            with torch.no_grad():
                logits = network(images)
        finally:
            for handle in handles:
                handle.remove()
        if found:
            layer, maps = found[0]
            score = logits.gather(1, classes[:, None]).sum()
            (gradient,) = torch.autograd.grad(score, maps, materialize_grads=True)
            spoken = over_the_image(weighted(maps.detach(), gradient), images)
            return Evidence(scaled(spoken), f"Grad-CAM at {layer}")
        seen = images.detach().requires_grad_()
        logits = network(seen)
        (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), seen)
    return Evidence(scaled((gradient * seen).detach().abs().sum(1)), "gradient x input")


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
