"""The vision transformer of its authors' code in Flax: google-research/vision_transformer.

Built from `vit_jax/configs/models.py` of a checkout, given random values, which are written as the
published `.npz` files are: `vit_jax/checkpoint.py` renames those (`convert_pre_linen`), whose parts
of a block are numbered throughout, where today's Flax counts each kind. Its blocks compute in
float32.
"""

import math
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cladenet.weights.files.reading import read_tensors
from cladenet.weights.source import Source
from others.foreign import Foreign, kernel, large, small

PUBLISHED = {
    "LayerNorm_1": "LayerNorm_2",
    "MultiHeadDotProductAttention_0": "MultiHeadDotProductAttention_1",
    "MlpBlock_0": "MlpBlock_3",
}


class FlaxNetwork(Foreign):
    """A network of Flax that takes and gives tensors of torch: (N, 3, H, W) -> logits.

    Args:
        source: of the library "vision_transformer".
        side: of the images.
        checkouts: folder that holds the checkout.

    Raises:
        ImportError: jax, flax, ml_collections or the checkout is not there.
    """

    dtype = torch.float32

    def __init__(self, source: Source, side: int, checkouts: Path | None) -> None:
        super().__init__()
        if checkouts is None or not (checkouts / "vision_transformer").is_dir():
            raise ImportError("no checkout of vision_transformer: give --checkouts its folder")
        sys.path.insert(0, str(checkouts / "vision_transformer"))
        try:
            configs = import_module("vit_jax.configs.models").MODEL_CONFIGS
            build = import_module("vit_jax.models_vit").VisionTransformer
        finally:
            sys.path.pop(0)
        import jax
        from flax.traverse_util import flatten_dict, unflatten_dict

        name = "-".join(source.name.partition("/")[2].split("-")[:2])  # without an image's size
        self._network = build(num_classes=1000, **configs[name])
        image = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
        shapes = jax.eval_shape(
            lambda key, x: self._network.init(key, x, train=False), jax.random.key(0), image
        )
        torch.manual_seed(0)
        self._arrays = {
            place: _value(place, value.shape).numpy()
            for place, value in flatten_dict(shapes["params"], sep="/").items()
        }
        self._parameters_of_flax: Any = {"params": unflatten_dict(self._arrays, sep="/")}

    def forward(self, images: Tensor) -> Tensor:
        """Images -> logits."""
        seen = images.permute(0, 2, 3, 1).contiguous().numpy()
        logits = self._network.apply(self._parameters_of_flax, seen, train=False)
        return torch.from_numpy(np.array(logits))

    def tensors(self) -> dict[str, Tensor]:
        """As the release's `.npz` files are read here."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.npz"
            arrays: dict[str, Any] = {_published(k): v for k, v in self._arrays.items()}
            np.savez(file, **arrays)
            return read_tensors(file).tensors


def _published(place: str) -> str:
    return "/".join(PUBLISHED.get(word, word) for word in place.split("/"))


def _value(place: str, shape: tuple[int, ...]) -> Tensor:
    *_, layer, leaf = ["", *place.split("/")]
    if leaf == "scale":
        return small(shape, 0.5, 1.5)
    if leaf == "kernel":
        outputs = shape[1:] if layer in ("query", "key", "value") else shape[-1:]
        return kernel(shape, math.prod(shape) // math.prod(outputs))
    if leaf == "bias" and "norm" not in layer.lower():
        return large(shape)
    return small(shape, -0.5, 0.5)
