"""A module as a TorchScript program of what it did with one batch of images."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cladenet.errors import first_line
from cladenet.inference.request import CannotPrepare
from cladenet.layers.classifier import Classifier
from cladenet.layers.feature_maps import FeatureMap


def traced(module: nn.Module, images: Tensor) -> Any:
    """The program; `verify` holds it against the module, so tracing does not.

    Raises:
        CannotPrepare: torch cannot trace the module.
    """
    try:
        with (
            warnings.catch_warnings(),
            torch.inference_mode(False),
            torch.no_grad(),
            _nothing_measured(module),
        ):
            warnings.simplefilter("ignore")
            return torch.jit.trace(module, images, check_trace=False)
    except Exception as error:  # the tracer raises what its parts raise
        reason = first_line(error)
        raise CannotPrepare(f"TorchScript failed: {reason}") from error


@contextmanager
def _nothing_measured(module: nn.Module) -> Iterator[None]:
    """Networks whose `feature_maps` were not measured before have one of nothing meanwhile.

    The tracer asks every module for all its attributes, and keeps none that is no tensor. Measuring
    maps took a third of the time in which a DenseNet was written for OpenVINO.
    """
    name = "feature_maps"
    given = [
        vars(each)
        for each in module.modules()
        if isinstance(each, Classifier) and name not in vars(each)
    ]
    for attributes in given:
        attributes[name] = (FeatureMap("", 0, 1),)
    try:
        yield
    finally:
        for attributes in given:
            del attributes[name]
