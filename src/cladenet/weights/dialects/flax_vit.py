"""The vision transformer's official .npz files: google-research/vision_transformer.

The authors' code is Flax: kernels are (in, out), those of images (height, width, in, out), and
queries, keys and values are three arrays split into heads, (width, heads, width / heads). Its GELU
is the one by tanh, and it interpolates positions linearly: `released`.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from cladenet.errors import CheckpointError
from cladenet.weights.source import Source, sources_of
from cladenet.weights.spellings import vit

BLOCK = "Transformer/encoderblock_"
# vit_jax/input_pipeline.py: the whole image is resized, bilinearly, to (x - 127.5) / 127.5.
IMAGES = {"fit": "stretch", "mean": (0.5,) * 3, "std": (0.5,) * 3}
NAMES = {
    "Ti_16": "ti_16",
    "S_16": "s_16",
    "S_32": "s_32",
    "B_16": "b_16",
    "B_32": "b_32",
    "L_16": "l_16",
    "L_32": "l_32",
    "H_14": "h_14",
    "B_16-384": "b_16_384",
    "B_32-384": "b_32_384",
    "L_16-384": "l_16_384",
    "L_32-384": "l_32_384",
    "H_14-392": "h_14_392",
    "L_16-512": "l_16_512",
    "H_14-518": "h_14_518",
}


def flax_sources() -> Iterator[Source]:
    """The networks here that the authors' code has; a size behind a dash is that of its images."""
    source = sources_of("vision_transformer")
    for theirs, ours in NAMES.items():
        found = source(f"ViT-{theirs}", f"vit_{ours}", vit.timm, released=True)
        yield found._replace(read=in_timms_names, images=IMAGES)


def in_timms_names(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as timm's network has them; nothing where they are no such file's.

    A hidden layer of pre-training is left out.

    Raises:
        CheckpointError: an array is missing.
    """
    if not any(name.startswith(BLOCK) for name in arrays):
        return {}
    try:
        return _renamed(arrays)
    except KeyError as error:
        raise CheckpointError(
            f"the file begins as a vision transformer of the authors' code, but has no {error}"
        ) from error


def _renamed(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
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
