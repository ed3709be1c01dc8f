"""Networks of other libraries by the names that `cladenet.weights.sources` has for them.

    library                 package                          what is built
    torchvision, timm       torchvision, timm                get_model, create_model
    pretrainedmodels        pretrainedmodels 0.7.4           its functions, without weights
    EfficientNet-PyTorch    efficientnet_pytorch 0.7.1,      EfficientNet.from_name
                            efficientnet_lite_pytorch 0.1.0
    transformers            transformers                     ...ForImageClassification(config)
    others                  a checkout of the repository     see `repositories`
    mmpretrain              mmpretrain 1.2.0, mmengine,      its base configurations
                            mmcv-lite
    keras                   keras, tensorflow                see `keras_networks`
    caffe                   opencv-python-headless 4.12      see `caffe_networks`
    vision_transformer      jax, flax, ml_collections        see `flax_networks`

Those of torch are on the meta device, where the library can build there, in training mode as fresh
modules are, and without weights.
"""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cladenet.layers.init import Undrawn
from cladenet.registry import create_model, find
from cladenet.vision import torchvision
from cladenet.weights.source import Source
from others.foreign import Foreign
from others.repositories import REPOSITORIES, from_repository

DROP, DROP_PATH = 0.5, 0.2  # where a library's default is to drop nothing


def build(source: Source, side: int | None = None, checkouts: Path | None = None) -> nn.Module:
    """The network that `source` names, on the meta device.

    Args:
        source: of a library of torch.
        side: of the images, for networks that are made for one size.
        checkouts: folder of checkouts of repositories, each by the repository's name.

    Raises:
        ImportError: the package, or the checkout, is not there.
    """
    library, _, name = source.name.partition("/")
    with torch.device("meta"), Undrawn(), contextlib.redirect_stdout(io.StringIO()):
        if library in REPOSITORIES:
            return from_repository(library, name, source, checkouts)
        return _LIBRARIES[library](name, source, side)


def build_foreign(source: Source, side: int, checkouts: Path | None) -> Foreign | None:
    """A network that torch does not compute, for images of that side; None where it is of torch.

    Raises:
        ImportError: the framework, or the checkout, is not there.
    """
    library = source.name.partition("/")[0]
    if library == "keras":
        from others.keras_networks import KerasNetwork

        return KerasNetwork(source, side)
    if library == "caffe":
        from others.caffe_networks import CaffeNetwork

        return CaffeNetwork(source, side, checkouts)
    if library == "vision_transformer":
        from others.flax_networks import FlaxNetwork

        return FlaxNetwork(source, side, checkouts)
    return None


def _torchvision(name: str, source: Source, side: int | None) -> nn.Module:
    torchvision()
    from torchvision import models

    more: dict[str, Any] = {}
    if name.startswith("vit"):
        more = {"image_size": side or 224, "dropout": 0.1}
    elif name in ("googlenet", "inception_v3"):
        more = {"init_weights": False}
    return models.get_model(name, **more)


def _timm(name: str, source: Source, side: int | None) -> nn.Module:
    torchvision()
    import timm

    more: dict[str, Any] = {"drop_rate": DROP}
    if name.startswith("vit"):
        more |= {"img_size": side or find(source.network).input[1], "proj_drop_rate": 0.1}
        more |= {"pos_drop_rate": 0.1, "drop_rate": 0.0}
    elif "efficientnet" in name:
        more |= {"drop_path_rate": DROP_PATH}
    return timm.create_model(name, num_classes=1000, **more)


def _pretrainedmodels(name: str, source: Source, side: int | None) -> nn.Module:
    torchvision()
    from pretrainedmodels import models

    return getattr(models, name)(num_classes=1000, pretrained=None)


def _efficientnet_pytorch(name: str, source: Source, side: int | None) -> nn.Module:
    """Their padding is fixed for one size; drop connect is a function there, and left out."""
    if "lite" in name:
        from efficientnet_lite_pytorch import EfficientNet
    else:
        from efficientnet_pytorch import EfficientNet
    size = side or find(source.network).input[1]
    return EfficientNet.from_name(name, image_size=size, drop_connect_rate=0.0)


def _transformers(name: str, source: Source, side: int | None) -> nn.Module:
    torchvision()  # which transformers imports
    import transformers

    if name.startswith("vit"):
        width, depth, heads, mlp = VITS[name.split("-")[1]]
        patch = int(name.split("-patch")[1].partition("-")[0])
        config: Any = transformers.ViTConfig(
            hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads,
            intermediate_size=mlp, patch_size=patch, hidden_dropout_prob=0.1,
            image_size=side or int(name.rpartition("-")[2]), num_labels=1000,
        )  # fmt: skip
        return Logits(transformers.ViTForImageClassification(config))
    if name.startswith("resnet"):
        depths, kind = RESNETS[int(name.partition("-")[2])]
        sizes = [64, 128, 256, 512] if kind == "basic" else [256, 512, 1024, 2048]
        config = transformers.ResNetConfig(
            depths=depths, hidden_sizes=sizes, layer_type=kind, num_labels=1000
        )
        return Logits(transformers.ResNetForImageClassification(config))
    kind, version, width_text, size_text = name.split("_")
    parts = {"v1": "MobileNetV1", "v2": "MobileNetV2"}[version]
    config = getattr(transformers, f"{parts}Config")(
        depth_multiplier=float(width_text), image_size=int(size_text), num_labels=1000
    )
    return Logits(getattr(transformers, f"{parts}ForImageClassification")(config))


def _mmpretrain(name: str, source: Source, side: int | None) -> nn.Module:
    """By the base configurations that lie in the package; widths of MobileNetV2 by argument."""
    torchvision()
    import mmpretrain
    from mmengine import Config

    kind, _, width = name.partition("-v2-")
    width = width.removesuffix("x")
    vit_sized = name.startswith("vit") and name.endswith("-384px")
    file = {"mobilenet": "mobilenet_v2_1x", "shufflenet": "shufflenet_v2_1x"}.get(kind)
    if name.startswith("mobilenet-v3"):
        file = f"mobilenet_v3/{name.replace('-', '_')}_imagenet"
    elif name.startswith("densenet"):
        file = f"densenet/{name}"
    elif file is None:
        file = name.removesuffix("-384px") if name.startswith("vit") else name.replace("-", "_")
    folder = Path(mmpretrain.__file__).parent / ".mim" / "configs" / "_base_" / "models"
    model = Config.fromfile(folder / f"{file}.py").model
    if width:
        model.backbone.widen_factor = float(width)
        last: Any = create_model(source.network).head[-1]
        model.head.in_channels = last.in_features
    if name.startswith("vit"):
        model.backbone.img_size = side or (384 if vit_sized else 224)
    mmpretrain.utils.register_all_modules()
    with torch.device("cpu"):  # it reads numbers from tensors while it builds
        return mmpretrain.registry.MODELS.build(model)


class Logits(nn.Module):
    """A network of transformers that gives its logits and nothing else."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images -> logits."""
        return self.network(images).logits


VITS = {  # width, depth, heads, width of the perceptron
    "tiny": (192, 12, 3, 768),
    "small": (384, 12, 6, 1536),
    "base": (768, 12, 12, 3072),
    "large": (1024, 24, 16, 4096),
    "huge": (1280, 32, 16, 5120),
}
RESNETS = {
    18: ([2, 2, 2, 2], "basic"),
    34: ([3, 4, 6, 3], "basic"),
    50: ([3, 4, 6, 3], "bottleneck"),
    101: ([3, 4, 23, 3], "bottleneck"),
    152: ([3, 8, 36, 3], "bottleneck"),
}
_LIBRARIES: dict[str, Callable[[str, Source, int | None], nn.Module]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "pretrainedmodels": _pretrainedmodels,
    "EfficientNet-PyTorch": _efficientnet_pytorch,
    "transformers": _transformers,
    "mmpretrain": _mmpretrain,
}
