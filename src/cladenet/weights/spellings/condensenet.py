"""CondenseNet: the names of the authors' PyTorch code, as it is trained.

    features.init_conv  features.denseblock_{1..}.denselayer_{1..}.conv_1.norm  conv_1.conv
    conv_1._mask  conv_2.norm  conv_2.conv  features.norm_last  classifier

Their mask has the shape of the kernel, ours a row for each group: output channels of a group lie
G apart there, so that the first G rows are those of the G groups. Their classifier has no mask; it
prunes its inputs when it is converted, and reads all of them until then.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts

MASK, COUNTERS = "._mask", ("._count", "._stage")


def authors(model: Classifier) -> Iterator[str]:
    """ShichenLiu/CondenseNet."""
    yield "features.init_conv"
    for block, stage in enumerate(model.stages, 1):
        layers = [layer for layer in stage.children() if parts(layer)]
        for number in range(1, len(layers) + 1):
            name = f"features.denseblock_{block}.denselayer_{number}"
            yield from (f"{name}.conv_1.{part}" for part in ("norm", "conv", "_mask"))
            yield from (f"{name}.conv_2.{part}" for part in ("norm", "conv"))
    yield from ("features.norm_last", "classifier", "classifier._mask")


def read_masks(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A file's tensors with masks as ours are, and without counters of the stages."""
    found = {k: v for k, v in tensors.items() if not k.endswith(COUNTERS)}
    for name in [name for name in found if name.endswith(MASK)]:
        layer = name.removesuffix(f".conv_1{MASK}")
        outputs = found[f"{layer}.conv_1.conv.weight"].shape[0]
        groups = outputs // found[f"{layer}.conv_2.conv.weight"].shape[1]
        found[name] = found[name].flatten(1)[:groups].to(torch.uint8)
    if "classifier.weight" in found:
        inputs = found["classifier.weight"].shape[1]
        found[f"classifier{MASK}"] = torch.ones(1, inputs, dtype=torch.uint8)
    return found
