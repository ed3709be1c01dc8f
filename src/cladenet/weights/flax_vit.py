"""The vision transformer's official .npz files, in timm's names.

The authors' code is Flax: kernels are (in, out), those of images (height, width, in, out), and
queries, keys and values are three arrays split into heads, (width, heads, width / heads).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

BLOCK = "Transformer/encoderblock_"
# vit_jax/input_pipeline.py: the whole image is resized, bilinearly, to (x - 127.5) / 127.5.
FLAX_IMAGES = {"fit": "stretch", "mean": (0.5,) * 3, "std": (0.5,) * 3}


def is_flax_vit(names: Mapping[str, Tensor]) -> bool:
    """Are these the arrays of such a file?"""
    return any(name.startswith(BLOCK) for name in names)


def in_timms_names(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as timm's network has them; a hidden layer of pre-training is left out."""
    found = {
        "cls_token": arrays["cls"],
        "pos_embed": arrays["Transformer/posembed_input/pos_embedding"],
        "patch_embed.proj.weight": arrays["embedding/kernel"].permute(3, 2, 0, 1),
        "patch_embed.proj.bias": arrays["embedding/bias"],
        "norm.weight": arrays["Transformer/encoder_norm/scale"],
        "norm.bias": arrays["Transformer/encoder_norm/bias"],
    }
    if "head/kernel" in arrays:
        found |= {"head.weight": arrays["head/kernel"].T, "head.bias": arrays["head/bias"]}
    count = len({name.split("/")[1] for name in arrays if name.startswith(BLOCK)})
    for i in range(count):
        found |= {f"blocks.{i}.{k}": v for k, v in _block(arrays, f"{BLOCK}{i}/").items()}
    return {name: value.contiguous() for name, value in found.items()}


def _block(arrays: Mapping[str, Tensor], place: str) -> dict[str, Tensor]:
    attention = f"{place}MultiHeadDotProductAttention_1/"
    three = [f"{attention}{part}/" for part in ("query", "key", "value")]
    out = arrays[f"{attention}out/kernel"]
    found = {
        "attn.qkv.weight": torch.cat([arrays[f"{each}kernel"].flatten(1).T for each in three]),
        "attn.qkv.bias": torch.cat([arrays[f"{each}bias"].flatten() for each in three]),
        "attn.proj.weight": out.flatten(0, 1).T,
        "attn.proj.bias": arrays[f"{attention}out/bias"],
    }
    for ours, theirs in (("norm1", "LayerNorm_0"), ("norm2", "LayerNorm_2")):
        found[f"{ours}.weight"] = arrays[f"{place}{theirs}/scale"]
        found[f"{ours}.bias"] = arrays[f"{place}{theirs}/bias"]
    for number in (0, 1):
        layer = f"{place}MlpBlock_3/Dense_{number}/"
        found[f"mlp.fc{number + 1}.weight"] = arrays[f"{layer}kernel"].T
        found[f"mlp.fc{number + 1}.bias"] = arrays[f"{layer}bias"]
    return found
