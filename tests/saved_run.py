"""A run folder with a small untrained network, as training would leave it; for tests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cladenet.checkpoints import Card
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.data.dataset import DataSet
from cladenet.data.preprocess import Preprocess
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model


def small_network(classes: int, channels: int, network: str = "lenet5_relu") -> Classifier:
    """LeNet-5 with fresh weights, the same at every call, that prefers no class too much."""
    torch.manual_seed(5)
    return create_model(network, num_classes=classes, in_channels=channels).eval()


def save_run(
    folder: Path,
    dataset: DataSet,
    *,
    classes: tuple[str, ...] = (),
    fit: str = "stretch",
    network: str = "lenet5_relu",
    size: int = 32,
) -> Path:
    """Write checkpoints/best of a network for small images and return the run's folder."""
    names = classes or dataset.classes
    channels = dataset.channels
    model = small_network(len(names), channels, network)
    preprocess = Preprocess(
        height=size,
        width=size,
        channels=channels,
        fit=fit,
        resize=size * 8 // 7 if fit == "crop" else None,
        mean=(0.4,) * channels,
        std=(0.3,) * channels,
    )
    arguments = {"num_classes": len(names), "in_channels": channels}
    data = {"spec": dataset.spec, "name": dataset.name, "fingerprint": dataset.fingerprint()}
    return write_checkpoint(folder, network, model, names, preprocess, arguments, data)


def write_checkpoint(
    folder: Path,
    network: str,
    model: Classifier,
    classes: tuple[str, ...],
    preprocess: Preprocess,
    arguments: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> Path:
    """Write checkpoints/best of a run and return its folder."""
    card = Card(network, arguments or {}, classes, preprocess, data or {}, step=3)
    card = replace(card, self_test=fixed_logits(model, preprocess))
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(parents=True)
    target = folders.step_folder(checkpoints, "best", card.step)
    folders.save(target, model.state_dict(), card)
    folders.point(checkpoints / "best", target)
    return folder


def noise(seed: int, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """uint8 pixels."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
