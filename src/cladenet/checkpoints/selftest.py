"""A fixed image and the logits it gave when the weights were saved.

Wrong weights, a wrong stride or a wrong normalisation give other logits, so a checkpoint that is
used in another way than it was trained is refused before its first answer.
"""

import numpy as np
import torch
from torch import Tensor, nn

from cladenet.data.preprocess import Preprocess
from cladenet.errors import CheckpointError

# Convolution kernels of another processor add in another order; a wrong mean is far above this.
TOLERANCE = 1e-3


def fixed_image(preprocess: Preprocess) -> Tensor:
    """uint8 (1, height, width, channels): the top bytes of a multiplicative hash of the place."""
    count = preprocess.height * preprocess.width * preprocess.channels
    hashed = (np.arange(count, dtype=np.uint64) * np.uint64(2_654_435_761)) % np.uint64(1 << 32)
    pixels = (hashed >> np.uint64(24)).astype(np.uint8)
    shape = (1, preprocess.height, preprocess.width, preprocess.channels)
    return torch.from_numpy(pixels.reshape(shape))


def fixed_logits(model: nn.Module, preprocess: Preprocess) -> tuple[float, ...]:
    """Logits of the fixed image in evaluation mode; the model's mode is left as it was."""
    training = model.training
    device = next(model.parameters()).device
    model.eval()
    try:
        with torch.inference_mode():
            logits = model(preprocess.to_input(fixed_image(preprocess), device))
    finally:
        model.train(training)
    return tuple(logits.float().cpu()[0].tolist())


def check(model: nn.Module, preprocess: Preprocess, expected: tuple[float, ...]) -> None:
    """Compare with the logits in the metadata.

    Raises:
        CheckpointError: they differ by more than rounding, or there were none.
    """
    if not expected:
        raise CheckpointError(
            "the network had no finite answers yet when it was saved; use a later checkpoint"
        )
    found = np.asarray(fixed_logits(model, preprocess))
    wanted = np.asarray(expected)
    if found.shape != wanted.shape:
        raise CheckpointError(
            f"the network gives {found.size} logits, the metadata's self-test has {wanted.size}; "
            "the metadata belong to other weights"
        )
    difference = float(np.abs(found - wanted).max())
    allowed = TOLERANCE * (1.0 + float(np.abs(wanted).max()))
    if not difference <= allowed:
        raise CheckpointError(
            f"the self-test of the checkpoint fails: its logits differ by {difference:.3g}, "
            f"{allowed:.3g} is allowed. The weights, the network or the preprocessing are not the "
            "ones that were saved; get the checkpoint again from its source"
        )
