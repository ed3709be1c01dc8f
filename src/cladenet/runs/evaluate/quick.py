"""A run's network as it answers: made ready by `for_inference`."""

import torch

from cladenet.checkpoints import Loaded
from cladenet.inference import FastClassifier, for_inference
from cladenet.paths import optional_cache
from cladenet.plural import counted
from cladenet.runs.evaluate.calibration import calibration_images

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
    calibration: str | None = None,
) -> FastClassifier:
    """The network of a checkpoint, ready for batches of its own input's size.

    Args:
        loaded: its network is moved to `device`.
        precision: `fp32`, `bf16` or `int8`.
        batch_size: images in one call, usually.
        device: where it runs.
        engine: see `for_inference`.
        threads: for the engine, see `for_inference`.
        data: has training images for `int8`; by default what the network was trained on.
        calibration: data with images such as those to come, for `int8`; by default training images.

    Raises:
        BadArgument, DataError: as `for_inference` and `calibration_images` do.
    """
    model, preprocess = loaded.model.to(device), loaded.card.preprocess
    seen = None
    if precision == "int8":
        seen = calibration_images(loaded, calibration, data).to(device)
    return for_inference(
        model,
        precision,
        batch_size=batch_size,
        size=(preprocess.channels, preprocess.height, preprocess.width),
        engine=engine,
        calibration=seen,
        cache=optional_cache(ENGINES),
        threads=threads,
    )


def as_sentence(network: FastClassifier) -> str:
    """What runs the network, and how far its answers are from the plain one's."""
    return (
        f"engine {network.engine}, {network.precision}, {counted(network.threads, 'thread')}: "
        f"{network.why}; logits within "
        f"{network.difference:.1e} of the largest; ready in {network.seconds:.2f} s"
    )
