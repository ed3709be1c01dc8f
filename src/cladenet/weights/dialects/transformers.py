"""Hugging Face's transformers: ViT, ResNet, MobileNet 1 and 2, of its releases 4 and 5.

ViT in timm's names (queries, keys and values are one layer there), the others in torchvision's or
timm's. Their ViT has an epsilon of 1e-12; their MobileNets have TensorFlow's padding and epsilon.
"""

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.weights.dialects.rename import renaming
from cladenet.weights.source import TENSORFLOW, Source, sources_of
from cladenet.weights.spelling import parts
from cladenet.weights.spellings import resnet as resnet_names
from cladenet.weights.spellings import vit as vit_names
from cladenet.weights.spellings.walk import running

# As ViTImageProcessor, ConvNextImageProcessor (of ResNet) and MobileNet's have them.
HALF = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
VITS = (
    *(("tiny", "ti", 16), ("small", "s", 16), ("base", "b", 16), ("large", "l", 16)),
    *(("base", "b", 32), ("large", "l", 32), ("huge", "h", 14)),
)


def transformers_sources() -> Iterator[Source]:
    """The networks here that transformers has."""
    source = sources_of("transformers")
    for size, letter, patch in VITS:
        for side in (224, 384):
            if side == 384 and (size, patch) not in (
                ("base", 16),
                ("base", 32),
                ("large", 16),
                ("large", 32),
            ):
                continue
            ours = f"vit_{letter}_{patch}" + ("_384" if side == 384 else "")
            found = source(f"vit-{size}-patch{patch}-{side}", ours, vit_names.timm, norm_eps=1e-12)
            yield found._replace(read=vit, images={**HALF, "fit": "stretch"})
    for depth in (18, 34, 50, 101, 152):
        ours = f"resnet{depth}" if depth < 50 else f"resnet{depth}_v1_5"
        found = source(f"resnet-{depth}", ours, resnet_names.torchvision)
        yield found._replace(read=resnet, images={"interpolation": "bicubic"})
    for width, ours in (("1.0", "x1_0"), ("0.75", "x0_75"), ("0.5", "x0_5"), ("0.25", "x0_25")):
        arguments = {**TENSORFLOW, "activation": "relu6"}
        found = source(
            f"mobilenet_v1_{width}_224", f"mobilenet_v1_{ours}", mobilenet_v1, **arguments
        )
        yield found._replace(images=HALF)
    for width, ours in (
        ("1.4", "x1_4"),
        ("1.0", "x1_0"),
        ("0.75", "x0_75"),
        ("0.5", "x0_5"),
        ("0.35", "x0_35"),
    ):
        arguments = {**TENSORFLOW, "norm_eps": 1e-3}
        found = source(
            f"mobilenet_v2_{width}_224", f"mobilenet_v2_{ours}", mobilenet_v2, **arguments
        )
        yield found._replace(images=HALF)


_LAYER = r"vit\.(?:encoder\.layer|layers)\.(\d+)\."
_vit_names = renaming(
    "vit.embeddings.",
    (r"vit\.embeddings\.cls_token", "cls_token"),
    (r"vit\.embeddings\.position_embeddings", "pos_embed"),
    (r"vit\.embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (_LAYER + r"layernorm_before", r"blocks.\1.norm1"),
    (_LAYER + r"layernorm_after", r"blocks.\1.norm2"),
    (_LAYER + r"attention\.(?:attention\.)?q(?:uery|_proj)\b", r"blocks.\1.attn.query"),
    (_LAYER + r"attention\.(?:attention\.)?k(?:ey|_proj)\b", r"blocks.\1.attn.key"),
    (_LAYER + r"attention\.(?:attention\.)?v(?:alue|_proj)\b", r"blocks.\1.attn.value"),
    (_LAYER + r"attention\.(?:output\.dense|o_proj)", r"blocks.\1.attn.proj"),
    (_LAYER + r"(?:intermediate\.dense|mlp\.fc1)", r"blocks.\1.mlp.fc1"),
    (_LAYER + r"(?:output\.dense|mlp\.fc2)", r"blocks.\1.mlp.fc2"),
    (r"vit\.layernorm", "norm"),
    (r"classifier", "head"),
)
PARTS = ("query", "key", "value")
_QUERY = re.compile(r"(.*\.attn\.)query\.(weight|bias)")


def vit(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ViTForImageClassification's tensors in timm's names; nothing where it is none."""
    found = _vit_names(tensors)
    for name in list(found):
        match = _QUERY.fullmatch(name)
        three = [f"{match[1]}{part}.{match[2]}" for part in PARTS] if match else []
        if match and all(part in found for part in three):
            found[f"{match[1]}qkv.{match[2]}"] = torch.cat([found.pop(part) for part in three])
    return {name: value for name, value in found.items() if not name.startswith("vit.pooler.")}


_UNIT = r"resnet\.encoder\.stages\.{}\.layers\.(\d+)\."


def resnet(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ResNetForImageClassification's tensors in torchvision's names."""
    found: dict[str, Tensor] = {}
    for name, value in _resnet_names(tensors).items():
        match = re.fullmatch(
            r"layer(\d)\.(\d+)\.layer\.(\d)\.(convolution|normalization)\.(.*)", name
        )
        if match:
            stage, unit, layer, kind, leaf = match.groups()
            part = f"{'conv' if kind == 'convolution' else 'bn'}{int(layer) + 1}"
            name = f"layer{stage}.{unit}.{part}.{leaf}"
        found[name] = value
    return found


_resnet_names = renaming(
    "resnet.embedder.",
    (r"resnet\.embedder\.embedder\.convolution", "conv1"),
    (r"resnet\.embedder\.embedder\.normalization", "bn1"),
    *(
        pair
        for stage in range(4)
        for pair in (
            (_UNIT.format(stage) + r"shortcut\.convolution", rf"layer{stage + 1}.\1.downsample.0"),
            (
                _UNIT.format(stage) + r"shortcut\.normalization",
                rf"layer{stage + 1}.\1.downsample.1",
            ),
            (_UNIT.format(stage), rf"layer{stage + 1}.\1."),
        )
    ),
    (r"classifier\.1", "fc"),
)


def mobilenet_v1(_model: Classifier) -> Iterator[str]:
    """MobileNetV1ForImageClassification's names: a layer each for depthwise and pointwise."""
    for part in ("conv_stem", *(f"layer.{number}" for number in range(26))):
        yield from (f"mobilenet_v1.{part}.{kind}" for kind in ("convolution", "normalization"))
    yield "classifier"


def mobilenet_v2(model: Classifier) -> Iterator[str]:
    """MobileNetV2ForImageClassification's names: the first unit belongs to the stem."""
    steps = ["mobilenet_v2.conv_stem.first_conv"]
    for name, unit in running(model, "mobilenet_v2.layer.{}", first=-1):
        first = name.endswith("-1")
        convs = ("conv_3x3", "reduce_1x1") if first else ("expand_1x1", "conv_3x3", "reduce_1x1")
        place = "mobilenet_v2.conv_stem" if first else name
        steps += [f"{place}.{conv}" for conv in convs[-len(parts(unit)) // 2 :]]
    for step in (*steps, "mobilenet_v2.conv_1x1"):
        yield from (f"{step}.{kind}" for kind in ("convolution", "normalization"))
    yield "classifier"
