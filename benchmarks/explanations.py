"""Seconds an image of each explanation, beside captum and grad-cam, in forward passes.

    python benchmarks/explanations.py [NETWORK...]

What is not installed of captum and grad-cam is left out. One image of 224x224, one thread, medians
of processor time of rounds in turn; maps of the same method are compared before.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from cladenet.explain.attribution.grad_cam import grad_cam
from cladenet.explain.attribution.guided import guided_backpropagation
from cladenet.explain.attribution.integrated import integrated_gradients
from cladenet.explain.attribution.occlusion import occlusion
from cladenet.explain.deconvnet import Deconvnet, reconstructions
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model
from cladenet.vision import torchvision
from machine import announced

ROUNDS = 4
STEPS = 8
WINDOW, STRIDE = 112, 56
RESULTS = Path(__file__).parent / "results" / "explanations.json"
Call = Callable[[], Any]


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    measured: dict[str, Any] = {"machine": announced(), "rounds": ROUNDS, "networks": {}}
    for name in names:
        torch.manual_seed(0)
        network = create_model(name).eval()
        images = torch.randn(1, 3, 224, 224)
        calls = {**ours(network, images), **captums(network, images), **grad_cams(network, images)}
        differences = compared(calls)
        seconds = timed(calls)
        forward = seconds["forward"]
        measured["networks"][name] = {"seconds": seconds, "differences": differences}
        print(f"\n{name}: forward {1000 * forward:.0f} ms")
        for call, value in seconds.items():
            apart = f"   {differences[call]:.1e} from ours" if call in differences else ""
            print(f"  {call:34}{1000 * value:8.0f} ms {value / forward:7.2f} passes{apart}")
    RESULTS.write_text(json.dumps(measured, indent=1) + "\n")


def ours(network: Classifier, images: Tensor) -> dict[str, Call]:
    def forward() -> Tensor:
        with torch.no_grad():
            return network(images)

    def deconvnet() -> Tensor:
        seen = Deconvnet(network, "stages", images)
        return seen.project(seen.seeds(seen.maps.amax((2, 3)).argmax(1)))

    with torch.no_grad():
        strongest = Deconvnet(network, "stages", images).maps.amax((2, 3)).argmax(1)
    return {
        "forward": forward,
        "grad_cam": lambda: grad_cam(network, images, 7),
        "deconvnet": deconvnet,
        "deconvnet and its field": lambda: reconstructions(network, "stages", images, strongest),
        "guided_backpropagation": lambda: guided_backpropagation(network, images, 7),
        "integrated_gradients": lambda: integrated_gradients(network, images, 7, steps=STEPS),
        "occlusion": lambda: occlusion(network, images, 7, window=WINDOW, stride=STRIDE),
    }


def captums(network: Classifier, images: Tensor) -> dict[str, Call]:
    try:
        attr = import_module("captum.attr")
    except ImportError:
        return {}
    cam = attr.LayerGradCam(network, network.stages)
    gradients = attr.IntegratedGradients(network)
    covering = {"sliding_window_shapes": (3, WINDOW, WINDOW), "strides": (3, STRIDE, STRIDE)}
    squares = 9  # in one pass
    return {
        "captum grad_cam": lambda: cam.attribute(images, target=7, relu_attributions=True)[:, 0],
        "captum guided_backpropagation": lambda: attr.GuidedBackprop(network).attribute(
            images, target=7
        ),
        "captum deconvolution": lambda: attr.Deconvolution(network).attribute(images, target=7),
        "captum integrated_gradients": lambda: gradients.attribute(images, target=7, n_steps=STEPS),
        "captum occlusion": lambda: attr.Occlusion(network).attribute(
            images, target=7, perturbations_per_eval=squares, **covering
        )[:, 0],
    }


def grad_cams(network: Classifier, images: Tensor) -> dict[str, Call]:
    torchvision()  # which it imports, where its operators may be missing
    try:
        library = import_module("pytorch_grad_cam")
        target = import_module("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget(7)
    except ImportError:
        return {}
    cam = library.GradCAM(network, [network.stages])
    return {"grad-cam grad_cam": lambda: cam(images, [target])}


def compared(calls: dict[str, Call]) -> dict[str, float]:
    """The largest difference from ours, in units of the largest value, of methods of one name."""
    found = {}
    for name, call in calls.items():
        library, _, method = name.partition(" ")
        if library == "captum" and method in calls:
            mine, theirs = calls[method]().detach(), call().detach()
            found[name] = float((mine - theirs).abs().max() / mine.abs().max())
    return found


def timed(calls: dict[str, Call]) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.process_time()
            call()
            spent[name].append(time.process_time() - start)
    return {name: median(values[1:]) for name, values in spent.items()}


if __name__ == "__main__":
    main(sys.argv[1:] or ["resnet18", "zfnet", "vgg11"])
