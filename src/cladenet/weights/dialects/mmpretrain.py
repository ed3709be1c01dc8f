"""OpenMMLab's mmpretrain: its networks, and what their images go through.

Values are those of its configurations. Its images are resized by OpenCV, whose bilinear filter does
not smooth, where ours is Pillow's.
"""

from collections.abc import Iterator
from typing import Any

from cladenet.weights.source import TENSORFLOW, Source, sources_of
from cladenet.weights.spellings import mmpretrain as names

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
EFFICIENTNET_SIDES = (224, 240, 260, 300, 380, 456, 528, 600)
BORDER = 32  # pixels that EfficientNetCenterCrop leaves out of the side


def mmpretrain_sources() -> Iterator[Source]:
    """The networks here that mmpretrain has."""
    for source in _networks():
        yield source if source.images else source._replace(images=IMAGENET)


def _networks() -> Iterator[Source]:
    source = sources_of("mmpretrain")
    se: dict[str, Any] = {"se": 16}
    for depth in (18, 34, 50, 101, 152):
        ours = f"resnet{depth}" if depth < 50 else f"resnet{depth}_v1_5"
        yield source(f"resnet{depth}", ours, names.resnet)
        if depth in (50, 101):
            yield source(f"seresnet{depth}", ours, names.resnet, **se)
    for depth in (50, 101):
        ours = f"resnext{depth}_32x4d"
        yield source(f"resnext{depth}-32x4d", ours, names.resnet)
        yield source(f"seresnext{depth}-32x4d", ours, names.resnet, **se)
    for depth in (11, 13, 16, 19):
        for norm in ("", "_bn"):
            yield source(f"vgg{depth}{norm.replace('_', '')}", f"vgg{depth}{norm}", names.vgg)
    for depth in (121, 161, 169, 201):
        yield source(f"densenet{depth}", f"densenet{depth}", names.densenet)
    for width in ("x0_35", "x0_5", "x0_75", "x1_0", "x1_4"):
        theirs = f"mobilenet-v2-{width.removeprefix('x').replace('_', '.')}"
        yield source(theirs, f"mobilenet_v2_{width}", names.mobilenet_v2)
    for theirs, ours in (("large", "large"), ("small", "small"), ("small-075", "small_x0_75")):
        yield source(f"mobilenet-v3-{theirs}", f"mobilenet_v3_{ours}", names.mobilenet_v3)
    for width in ("0_5", "1_0", "1_5", "2_0"):
        theirs = f"shufflenet-v2-{width.replace('_', '.')}x"
        yield source(theirs, f"shufflenet_v2_x{width}", names.shufflenet_v2)
    for b, side in enumerate(EFFICIENTNET_SIDES):
        images = {**IMAGENET, "size": side, "resize": side + BORDER, "interpolation": "bicubic"}
        found = source(f"efficientnet-b{b}", f"efficientnet_b{b}", names.efficientnet, **TENSORFLOW)
        yield found._replace(images=images)
    for size, patch in (("base", 16), ("base", 32), ("large", 16), ("large", 32)):
        ours = f"vit_{size[0]}_{patch}"
        yield source(f"vit-{size}-p{patch}", ours, names.vit)
        high = source(f"vit-{size}-p{patch}-384px", f"{ours}_384", names.vit)
        yield high._replace(images={**HALF, "size": 384, "resize": 384})
