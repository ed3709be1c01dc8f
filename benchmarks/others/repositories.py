"""Networks of repositories that are no packages, from a folder of checkouts.

checkout                    commit of          its network
pytorch_resnet_cifar10      akamaster          resnet.resnet20
pytorch-classification      bearpaw            models.cifar.densenet, models.cifar.resnext
WideResNet-pytorch          xternalz           wideresnet.WideResNet
IBN-Net                     XingangPan         ibnnet
ShuffleNet-Series           megvii-model       network.ShuffleNetV1, network.ShuffleNetV2
MSDNet-PyTorch              kalviny            models.msdnet.MSDNet
CondenseNet                 ShichenLiu         models.condensenet.CondenseNet
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from cladenet.registry import create_model
from cladenet.vision import torchvision
from cladenet.weights.source import Source


def from_repository(library: str, name: str, source: Source, checkouts: Path | None) -> nn.Module:
    """A network of a checkout, whose code is run.

    Raises:
        ImportError: there is no such checkout.
    """
    if checkouts is None or not (checkouts / library).is_dir():
        raise ImportError(f"no checkout of {library}: give --checkouts a folder that has one")
    torchvision()
    return REPOSITORIES[library](checkouts / library, name, source)


@contextmanager
def _modules_of(folder: Path) -> Iterator[None]:
    """Inside, `import` finds what lies in `folder`; afterwards all that was found is forgotten."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[name], "__file__", "") or ""):
                del sys.modules[name]


def _akamaster(folder: Path, name: str, source: Source) -> nn.Module:
    with _modules_of(folder):
        return getattr(import_module("resnet"), name)()


def _bearpaw(folder: Path, name: str, source: Source) -> nn.Module:
    with _modules_of(folder / "models" / "cifar"):
        if name.startswith("densenet"):
            depth, growth = (int(part[1:]) for part in name.split("-")[2:])
            return import_module("densenet").densenet(
                depth=depth, growthRate=growth, compressionRate=2, num_classes=10
            )
        cardinality = int(name.split("-")[1].partition("x")[0])
        return import_module("resnext").resnext(
            cardinality=cardinality, depth=29, num_classes=10, widen_factor=4
        )


def _xternalz(folder: Path, name: str, source: Source) -> nn.Module:
    depth, width = map(int, name.split("-")[1:])
    with _modules_of(folder):
        return import_module("wideresnet").WideResNet(depth, 10, width)


def _ibn(folder: Path, name: str, source: Source) -> nn.Module:
    with _modules_of(folder):
        ibnnet = import_module("ibnnet")
        if name == "resnext101_ibn_a":
            return ibnnet.resnext101_ibn_a()
        return getattr(ibnnet, name)()


def _megvii(folder: Path, name: str, source: Source) -> nn.Module:
    version, size, *group = name.split("_")
    with _modules_of(folder / f"ShuffleNet{version.upper()}"):
        network = import_module("network")
        if version == "v2":
            return network.ShuffleNetV2(model_size=size)
        return network.ShuffleNetV1(model_size=size, group=int(group[0][1:]))


def _msdnet(folder: Path, name: str, source: Source) -> nn.Module:
    """As the README's commands build them: steps of 1, 2, ... or steps of one length."""
    if name.startswith("msdnet_k"):
        k = int(name[-1])
        sizes: dict[str, Any] = {
            "data": "ImageNet", "nBlocks": 5, "base": k, "step": k, "stepmode": "even",
            "nChannels": 32, "growthRate": 16, "nScales": 4, "grFactor": [1, 2, 4, 4],
            "bnFactor": [1, 2, 4, 4],
        }  # fmt: skip
    else:
        exits = int(name.split("_")[2])
        anytime = "anytime" in name
        sizes = {
            "data": "cifar10", "nBlocks": exits, "base": 4 if anytime else 1,
            "step": 2 if anytime else 1, "stepmode": "even" if anytime else "lin_grow",
            "nChannels": 16, "growthRate": 6, "nScales": 3, "grFactor": [1, 2, 4],
            "bnFactor": [1, 2, 4],
        }  # fmt: skip
    with _modules_of(folder):
        arguments = Namespace(**sizes, prune="max", reduction=0.5, bottleneck=True)
        return import_module("models.msdnet").MSDNet(arguments)


def _condensenet(folder: Path, name: str, source: Source) -> nn.Module:
    """The sizes are the network's here: the repository takes them from its command line."""
    ours: Any = create_model(source.network)
    blocks = [[m for m in stage if hasattr(m, "read")] for stage in ours.stages]
    growth = [block[0].write[1].out_channels for block in blocks]
    groups = blocks[0][0].write[1].groups
    arguments = Namespace(
        stages=[len(block) for block in blocks], growth=growth, bottleneck=4, group_1x1=groups,
        group_3x3=groups, condense_factor=groups, dropout_rate=0, num_classes=ours.num_classes,
        data="cifar10" if ours.num_classes == 10 else "imagenet",
    )  # fmt: skip
    with _modules_of(folder):
        return import_module("models.condensenet").CondenseNet(arguments)


REPOSITORIES: dict[str, Callable[[Path, str, Source], nn.Module]] = {
    "pytorch_resnet_cifar10": _akamaster,
    "pytorch-classification": _bearpaw,
    "WideResNet-pytorch": _xternalz,
    "IBN-Net": _ibn,
    "ShuffleNet-Series": _megvii,
    "MSDNet-PyTorch": _msdnet,
    "CondenseNet": _condensenet,
}
