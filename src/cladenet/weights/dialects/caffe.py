"""Caffe's zoo: AlexNet, CaffeNet, GoogLeNet, VGG, SqueezeNet, ResNet and LeNet.

Names are those of the prototxts beside the weights (BVLC's models/, VGG's on its page, the authors'
repositories of SqueezeNet and ResNet). Images are blue, green, red in levels of 255 less a mean:
the first kernel's channels are turned round, so that red comes first here. Where training took off
a mean image (AlexNet, CaffeNet, ResNet), its mean colour stands for it, as in Caffe's own examples.
BVLC's and SqueezeNet's images are squashed to 256x256 before the middle is cut out.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.weights.files.caffe_file import CAFFE, READS
from cladenet.weights.source import Source, sources_of
from cladenet.weights.spelling import parts
from cladenet.weights.spellings import resnet as resnet_names
from cladenet.weights.spellings.walk import units

LEVELS = {"std": (1 / 255,) * 3}
SQUASHED = {"fit": "stretch", "resize": 256}
MEAN_IMAGE = {**LEVELS, "mean": (122.679 / 255, 116.669 / 255, 104.007 / 255)}
ROUNDED = {**LEVELS, "mean": (123 / 255, 117 / 255, 104 / 255)}
VGG_MEAN = {**LEVELS, "mean": (123.68 / 255, 116.779 / 255, 103.939 / 255)}
HANDWRITING = {"mean": (0.0,), "std": (256 / 255,), "fit": "stretch"}  # scale: 0.00390625
AUXILIARY = ("loss1/", "loss2/")


def caffe_sources() -> Iterator[Source]:
    """The networks here whose weights Caffe's users have published."""
    library = sources_of("caffe")

    def source(
        theirs: str, ours: str, spelling: Any, read: Any, images: dict[str, Any], **arguments: Any
    ) -> Source:
        return library(theirs, ours, spelling, **arguments)._replace(images=images, read=read)

    towers = {**MEAN_IMAGE, **SQUASHED}
    yield source("bvlc_alexnet", "alexnet_caffe", alexnet, read_alexnet, towers)
    yield source("bvlc_reference_caffenet", "caffenet", alexnet, read_caffenet, towers)
    squashed = {**ROUNDED, **SQUASHED}
    yield source("bvlc_googlenet", "googlenet", googlenet, read_googlenet, squashed)
    for depth in (16, 19):
        yield source(f"vgg{depth}", f"vgg{depth}", vgg, read_vgg, VGG_MEAN)
    for version in ("1_0", "1_1"):
        name = f"squeezenet_v{version.replace('_', '.')}"
        released = {"released": True} if version == "1_0" else {}
        images = {**squashed, "size": 227}
        ours = f"squeezenet{version}"
        yield source(name, ours, squeezenet, read_squeezenet, images, **released)
    for depth in (50, 101, 152):
        ours = f"resnet{depth}"
        yield source(f"ResNet-{depth}", ours, resnet, read_resnet, MEAN_IMAGE, released=True)
    yield source("lenet", "lenet_caffe", lenet, read_lenet, HANDWRITING)


def _read(first: str, last: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A file's tensors by its layers' names: red first, the last layer by the zoo's name.

    Whoever fine-tunes in Caffe has to give the last layer another name.
    """
    found = {
        name.removeprefix(CAFFE): value
        for name, value in tensors.items()
        if name.startswith(CAFFE) and READS not in name
    }
    for name in [name for name in found if name.startswith(AUXILIARY)]:
        del found[name]
    kernel = found.get(f"{first}.weight")
    if kernel is not None and kernel.ndim == 4 and kernel.shape[1] == 3:
        found[f"{first}.weight"] = kernel.flip(1)
    layers = [name.removesuffix(".weight") for name, v in found.items() if v.ndim > 1]
    if layers and f"{last}.weight" not in found:
        theirs = layers[-1]
        for leaf in ("weight", "bias"):
            if f"{theirs}.{leaf}" in found:
                found[f"{last}.{leaf}"] = found.pop(f"{theirs}.{leaf}")
    return found


def _read_towers(norm_reads: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """AlexNet normalises what conv1 gives, CaffeNet what pool1 gives; the rest is alike."""
    known = [
        name.partition(READS)[2] for name in tensors if name.startswith(f"{CAFFE}norm1{READS}")
    ]
    return {} if known not in ([], [norm_reads]) else _read("conv1", "fc8", tensors)


read_alexnet = partial(_read_towers, "conv1")
read_caffenet = partial(_read_towers, "pool1")
read_vgg = partial(_read, "conv1_1", "fc8")
read_googlenet = partial(_read, "conv1/7x7_s2", "loss3/classifier")
read_squeezenet = partial(_read, "conv1", "conv10")
read_lenet = partial(_read, "conv1", "ip2")


def read_resnet(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As the others, with the bias of ResNet-50's first convolution in its norm."""
    found = _read("conv1", "fc1000", tensors)
    mean = found.get("bn_conv1.running_mean")
    if "conv1.bias" in found and mean is not None:
        found["bn_conv1.running_mean"] = mean - found.pop("conv1.bias")
    return found


def alexnet(_model: Classifier) -> Iterator[str]:
    """conv1 ... conv5 fc6 fc7 fc8."""
    yield from (f"conv{number}" for number in range(1, 6))
    yield from ("fc6", "fc7", "fc8")


def vgg(model: Classifier) -> Iterator[str]:
    """conv1_1 conv1_2 conv2_1 ... conv5_3 fc6 fc7 fc8."""
    counts = (2, 2, 3, 3, 3) if len(parts(model)) == 16 else (2, 2, 4, 4, 4)
    for block, count in enumerate(counts, 1):
        yield from (f"conv{block}_{number}" for number in range(1, count + 1))
    yield from ("fc6", "fc7", "fc8")


def googlenet(model: Classifier) -> Iterator[str]:
    """conv1/7x7_s2 conv2/3x3_reduce conv2/3x3 inception_3a/1x1 ... loss3/classifier."""
    yield from ("conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3")
    branches = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
    for name, unit in units(model, "{} {}", stage=3):
        if parts(unit):
            stage, place = name.split()
            yield from (f"inception_{stage}{'abcde'[int(place)]}/{branch}" for branch in branches)
    yield "loss3/classifier"


def squeezenet(model: Classifier) -> Iterator[str]:
    """conv1 fire2/squeeze1x1 fire2/expand1x1 fire2/expand3x3 ... conv10."""
    yield "conv1"
    fires = [unit for stage in model.stages for unit in stage.children() if parts(unit)]
    for number, _ in enumerate(fires, 2):
        for part in ("squeeze1x1", "expand1x1", "expand3x3"):
            yield f"fire{number}/{part}"
    yield "conv10"


def resnet(model: Classifier) -> Iterator[str]:
    """conv1 bn_conv1, res2a_branch2a bn2a_branch2a ... res2a_branch1 bn2a_branch1, fc1000.

    A stage of up to six units counts them a to f, but in the 101 and 152 layers a, b1, b2, ...
    """
    numbered = len(list(model.stages[2].children())) > 6
    for name in resnet_names.torchvision(model):
        words = name.split(".")
        if len(words) == 1:
            yield {"conv1": "conv1", "bn1": "bn_conv1", "fc": "fc1000"}[name]
            continue
        stage, unit = int(words[0][-1]) + 1, int(words[1])
        by_number = numbered and stage in (3, 4) and unit
        place = f"{stage}b{unit}" if by_number else f"{stage}{'abcdef'[unit]}"
        if words[2] == "downsample":
            is_conv, branch = words[3] == "0", "branch1"
        else:
            is_conv, branch = words[2].startswith("conv"), f"branch2{'abc'[int(words[2][-1]) - 1]}"
        yield f"{'res' if is_conv else 'bn'}{place}_{branch}"


def lenet(_model: Classifier) -> Iterator[str]:
    """conv1 conv2 ip1 ip2."""
    yield from ("conv1", "conv2", "ip1", "ip2")
