"""A run's network as it answers: made ready by `for_inference`."""

import numpy as np
import torch
from torch import Tensor

from cladenet.checkpoints import Loaded
from cladenet.data.batches import eval_batches
from cladenet.inference import FastClassifier, for_inference
from cladenet.paths import optional_cache
from cladenet.runs.evaluate.scored import opened, scored

CALIBRATED_ON = 64  # training images, drawn once for all
ENGINES = (
    "engines"  # in the folder of caches, and not beside the checkpoint, which may be another's
)


def quick(
    loaded: Loaded,
    precision: str,
    batch_size: int,
    device: torch.device,
    engine: str,
    threads: int | None = None,
    data: str | None = None,
) -> FastClassifier:
    """The network of a checkpoint, ready for batches of its own input's size.

    Args:
        loaded: its network is moved to `device`.
        precision: `fp32`, `bf16`, or `int8`, for which training images are looked at.
        batch_size: images in one call, usually.
        device: where it runs.
        engine: see `for_inference`.
        threads: for the engine, see `for_inference`.
        data: what has the training images; by default what the network was trained on.

    Raises:
        BadArgument, DataError: as `for_inference` and `opened` do.
    """
    model, preprocess = loaded.model.to(device), loaded.card.preprocess
    calibration = training_images(loaded, data).to(device) if precision == "int8" else None
    return for_inference(
        model,
        precision,
        batch_size=batch_size,
        size=(preprocess.channels, preprocess.height, preprocess.width),
        engine=engine,
        calibration=calibration,
        cache=optional_cache(ENGINES),
        threads=threads,
    )


def as_sentence(network: FastClassifier) -> str:
    """What runs the network, and how far its answers are from the plain one's."""
    return (
        f"engine {network.engine}, {network.precision}, {network.threads} "
        f"thread{'s' * (network.threads > 1)}: {network.why}; logits within "
        f"{network.difference:.1e} of the largest; ready in {network.seconds:.2f} s"
    )


def training_images(loaded: Loaded, data: str | None) -> Tensor:
    """Normalised images that the network has learnt from, the same ones each time."""
    dataset = opened(loaded, data, "skip")
    images = scored(dataset, loaded, "train", given=data is not None).split
    count = min(CALIBRATED_ON, len(images))
    chosen = np.random.default_rng(0).permutation(len(images))[:count]
    batches = eval_batches(images.subset(np.sort(chosen)), loaded.card.preprocess, count)
    return loaded.card.preprocess.to_input(next(batches).images, torch.device("cpu"))
