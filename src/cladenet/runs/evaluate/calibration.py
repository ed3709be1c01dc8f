"""Images that 8-bit products are calibrated on: which they are, and how the network sees them."""

import numpy as np
import torch
from torch import Tensor

from cladenet.checkpoints import Loaded
from cladenet.data.batches import eval_batches
from cladenet.data.dataset import DataSet, Split
from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument
from cladenet.runs.evaluate.scored import as_divided, opened

CALIBRATED_ON = 64  # images, drawn once for all


def calibration_images(loaded: Loaded, calibration: str | None, data: str | None = None) -> Tensor:
    """Normalised images (n, C, H, W), the same ones each time.

    Args:
        loaded: the network.
        calibration: the data set to draw them from, with any classes; its training images if it has
            some, else all.
        data: the data set to draw them from without `calibration`: its training images; by default
            those of what the network was trained on.

    Raises:
        BadArgument: nothing was named, and the checkpoint does not say what it was trained on; or
            `data` has no training images.
        DataError: the data cannot be opened, or are not the ones that the run divided.
    """
    named = calibration if calibration is not None else data
    if named is None and not loaded.card.data.get("spec"):
        raise BadArgument(
            f"int8 is calibrated on training images, and {readable(str(loaded.folder))} does not "
            "say what it was trained on; give images like those to be predicted with "
            "--calibration DATA"
        )
    dataset = as_divided(opened(loaded, named, "skip"), loaded, given=named is not None)
    images = _drawn_from(dataset, any_split=calibration is not None)
    count = min(CALIBRATED_ON, len(images))
    chosen = np.random.default_rng(0).permutation(len(images))[:count]
    batches = eval_batches(images.subset(np.sort(chosen)), loaded.card.preprocess, count)
    return loaded.card.preprocess.to_input(next(batches).images, torch.device("cpu"))


def _drawn_from(dataset: DataSet, *, any_split: bool) -> Split:
    splits = dataset.splits()
    names = ("train", "val", "test") if any_split else ("train",)
    for name in names:
        if name in splits and len(splits[name]):
            return splits[name]
    raise BadArgument(
        f"int8 is calibrated on training images, and {readable(dataset.spec)} has none; give "
        "images like those to be predicted with --calibration DATA"
    )
