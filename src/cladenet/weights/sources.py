"""Which network of ours another library's is, and how that library spells it.

The bare names are not the same networks everywhere: torchvision's and timm's `resnet50` strides in
its 3x3, theirs is our `resnet50_v1_5`; their `alexnet` is the one of one tower; their `googlenet`
has 3x3 where the paper has 5x5. `arguments` hold what is left: the epsilon of the norms, where the
zeros of padding go, whether average pools count them, ReLU6 for ReLU.
"""

from collections.abc import Callable, Iterator
from typing import Any

from cladenet.errors import BadArgument
from cladenet.suggest import hint
from cladenet.weights.dialects import dialect_sources
from cladenet.weights.source import TENSORFLOW, TORCH_EPS, Source, sources_of
from cladenet.weights.spelling import Spelling
from cladenet.weights.spellings import (
    condensenet,
    densenet,
    dpn,
    inception,
    mobile,
    msdnet,
    nasnet,
    plain,
    resnet,
    shufflenet,
    vit,
)
from cladenet.weights.spellings.walk import ending_in

_SE: dict[str, Any] = {"se": 16}
_COUNTS_BORDER: dict[str, Any] = {"count_include_pad": True}
_LITE_IMAGES = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
_DPN_IMAGES = {"mean": (124 / 255, 117 / 255, 104 / 255), "std": (1 / (0.0167 * 255),) * 3}
_SENETS = (
    *("seresnet50", "seresnet101", "seresnet152"),
    *("seresnext50_32x4d", "seresnext101_32x4d", "senet154"),
)


def _torchvision() -> Iterator[Source]:
    source = sources_of("torchvision")
    yield source("alexnet", "alexnet_owt", plain.alexnet)
    for depth in (11, 13, 16, 19):
        for norm in ("", "_bn"):
            yield source(f"vgg{depth}{norm}", f"vgg{depth}{norm}", plain.vgg)
    for depth in (18, 34):
        yield source(f"resnet{depth}", f"resnet{depth}", resnet.torchvision)
    for depth in (50, 101, 152):
        yield source(f"resnet{depth}", f"resnet{depth}_v1_5", resnet.torchvision)
    for name in ("resnext50_32x4d", "resnext101_64x4d"):
        yield source(name, name, resnet.torchvision)
    yield source("wide_resnet50_2", "wrn_50_2", resnet.torchvision)
    for depth in (121, 161, 169, 201):
        yield source(f"densenet{depth}", f"densenet{depth}", densenet.torchvision)
    for name in ("squeezenet1_0", "squeezenet1_1"):
        yield source(name, name, plain.squeezenet)
    googlenet = source("googlenet", "googlenet_bn", inception.googlenet, kernel5=3, pool4=2)
    yield googlenet._replace(leaves_out=("aux1.", "aux2."))
    v3 = source("inception_v3", "inception_v3", inception.v3, **_COUNTS_BORDER)
    yield v3._replace(leaves_out=("AuxLogits.",))
    yield source("mobilenet_v2", "mobilenet_v2_x1_0", mobile.torchvision_v2)
    for size in ("large", "small"):
        name = f"mobilenet_v3_{size}"
        yield source(name, name, mobile.torchvision_v3)
    for theirs, ours in (("0_5", "_x0_5"), ("0_75", "_x0_75"), ("1_0", ""), ("1_3", "_x1_3")):
        name = f"mnasnet{theirs}"
        yield source(name, f"mnasnet_b1{ours}", mobile.torchvision_mnasnet, **TORCH_EPS)
    for width in ("0_5", "1_0", "1_5", "2_0"):
        name = f"shufflenet_v2_x{width}"
        yield source(name, name, shufflenet.torchvision)
    for b in range(8):
        arguments = TORCH_EPS if b < 5 else {}
        name = f"efficientnet_b{b}"
        yield source(name, name, mobile.torchvision_efficientnet, **arguments)
    for name in ("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14"):
        yield source(name, name, vit.torchvision)


def _timm() -> Iterator[Source]:
    source = sources_of("timm")
    for depth in (11, 13, 16, 19):
        for norm in ("", "_bn"):
            yield source(f"vgg{depth}{norm}", f"vgg{depth}{norm}", plain.vgg_timm)
    for depth in (18, 34, 50, 101, 152):
        ours = f"resnet{depth}" if depth < 50 else f"resnet{depth}_v1_5"
        yield source(f"resnet{depth}", ours, resnet.torchvision)
        if depth >= 50:
            yield source(f"seresnet{depth}", ours, resnet.torchvision, **_SE)
    for name in ("resnext50_32x4d", "resnext101_32x4d", "resnext101_64x4d"):
        yield source(name, name, resnet.torchvision)
    for name in ("resnext50_32x4d", "resnext101_32x4d"):
        yield source(f"se{name}", name, resnet.torchvision, **_SE)
    yield source("wide_resnet50_2", "wrn_50_2", resnet.torchvision)
    for name in _SENETS:
        yield source(f"legacy_{name}", name, resnet.legacy)
    for depth in (121, 161, 169, 201):
        yield source(f"densenet{depth}", f"densenet{depth}", densenet.torchvision)
    for depth in (68, 92, 98, 131, 107):
        yield source(f"dpn{depth}", f"dpn{depth}", dpn.timm)
    yield source("inception_v3", "inception_v3", inception.v3, **_COUNTS_BORDER)
    yield source("inception_v4", "inception_v4", inception.v4)
    name = "inception_resnet_v2"
    yield source(name, name, inception.inception_resnet_v2)
    yield source("legacy_xception", "xception", inception.xception, **TORCH_EPS)
    yield source("nasnetalarge", "nasnet_a_large", nasnet.timm, **TENSORFLOW)
    yield from _timm_mobile(source)
    for size, letter in (("tiny", "ti"), ("small", "s"), ("base", "b"), ("large", "l")):
        yield source(f"vit_{size}_patch16_224", f"vit_{letter}_16", vit.timm)
    for size, letter, patch in (("small", "s", 32), ("base", "b", 32), ("large", "l", 32)):
        yield source(f"vit_{size}_patch{patch}_224", f"vit_{letter}_{patch}", vit.timm)
    yield source("vit_large_patch14_224", "vit_l_14", vit.timm)
    yield source("vit_huge_patch14_224", "vit_h_14", vit.timm)
    for size, letter, patch in (("base", "b", 16), ("base", "b", 32), ("large", "l", 16)):
        yield source(f"vit_{size}_patch{patch}_384", f"vit_{letter}_{patch}_384", vit.timm)
    yield source("vit_large_patch32_384", "vit_l_32_384", vit.timm)


def _timm_mobile(source: Callable[..., Source]) -> Iterator[Source]:
    """Theirs have torch's epsilon and padding, or, with "tf_" before their names, TensorFlow's."""
    widths = {"035": "x0_35", "050": "x0_5", "075": "x0_75", "100": "x1_0", "140": "x1_4"}
    six: dict[str, Any] = {**TORCH_EPS, "activation": "relu6"}
    yield source("mobilenetv1_100", "mobilenet_v1_x1_0", mobile.timm_v1, **six)
    for theirs, width in widths.items():
        ours = f"mobilenet_v2_{width}"
        yield source(f"mobilenetv2_{theirs}", ours, mobile.timm)
    for size in ("large", "small"):
        for theirs, width in (("075", "_x0_75"), ("100", ""), ("minimal_100", "_minimal")):
            ours, name = f"mobilenet_v3_{size}{width}", f"mobilenetv3_{size}_{theirs}"
            if width != "_minimal":
                yield source(name, ours, mobile.timm_v3, **TORCH_EPS)
            yield source(f"tf_{name}", ours, mobile.timm_v3, **TENSORFLOW)
    for theirs, width in (("050", "_x0_5"), ("075", "_x0_75"), ("100", ""), ("140", "_x1_4")):
        if theirs != "140":
            name = f"mnasnet_{theirs}"
            yield source(name, f"mnasnet_b1{width}", mobile.timm, **TORCH_EPS)
        name = f"semnasnet_{theirs}"
        yield source(name, f"mnasnet_a1{width}", mobile.timm, **TORCH_EPS)
    yield source("mnasnet_small", "mnasnet_small", mobile.timm, **TORCH_EPS)
    for b in range(8):
        ours = f"efficientnet_b{b}"
        yield source(ours, ours, mobile.timm, **TORCH_EPS)
        yield source(f"tf_{ours}", ours, mobile.timm, **TENSORFLOW)
    for b in range(5):
        ours = f"efficientnet_lite{b}"
        yield source(ours, ours, mobile.timm, **TORCH_EPS)
        yield source(f"tf_{ours}", ours, mobile.timm, **TENSORFLOW)


def _references() -> Iterator[Source]:
    """Public code of single papers, by the name of its repository."""
    source = sources_of("pytorch_resnet_cifar10")
    for depth in (20, 32, 44, 56, 110, 1202):
        ours = f"resnet{depth}_cifar"
        yield source(f"resnet{depth}", ours, resnet.akamaster, zeros_after=False)
    source = sources_of("pytorch-classification")
    for growth, depth in ((12, 100), (24, 250), (40, 190)):
        ours = f"densenet_bc_{depth}_{growth}_cifar"
        yield source(f"densenet-bc-L{depth}-k{growth}", ours, densenet.bearpaw)
    for cardinality in (8, 16):
        ours = f"resnext29_{cardinality}x64d_cifar"
        yield source(f"resnext-{cardinality}x64d", ours, resnet.bearpaw_resnext)
    source = sources_of("WideResNet-pytorch")
    for depth, width in ((40, 4), (28, 10), (16, 8), (40, 2), (16, 4)):
        yield source(f"WRN-{depth}-{width}", f"wrn_{depth}_{width}_cifar", resnet.xternalz)
    source = sources_of("IBN-Net")
    for net in ("resnet18", "resnet34", "resnet50", "resnet101", "resnext101", "se_resnet101"):
        yield source(f"{net}_ibn_a", f"{net}_ibn_a", resnet.ibn)
    yield source("resnet50_ibn_b", "resnet50_ibn_b", resnet.ibn)
    for net in ("densenet121_ibn_a", "densenet169_ibn_a"):
        yield source(net, net, densenet.torchvision)
    source = sources_of("ShuffleNet-Series")
    for scale in ("0_5", "1_0", "1_5", "2_0"):
        for groups in (3, 8):
            ours = f"shufflenet_v1_x{scale}_g{groups}"
            theirs = f"v1_{scale.replace('_', '.')}x_g{groups}"
            found = source(theirs, ours, shufflenet.authors_v1, released=True)
            yield found._replace(zeros=("head.2.bias",))
    for scale in ("0_5", "1_0", "1_5", "2_0"):
        theirs, ours = f"v2_{scale.replace('_', '.')}x", f"shufflenet_v2_x{scale}"
        found = source(theirs, ours, shufflenet.authors_v2, released=True)
        yield found._replace(zeros=("head.6.bias",))
    source = sources_of("MSDNet-PyTorch")
    for grid in ("budget_5_cifar", "anytime_11_cifar", "k4", "k6", "k7"):
        yield source(f"msdnet_{grid}", f"msdnet_{grid}", msdnet.authors)
    source = sources_of("CondenseNet")
    for net in ("50", "74", "86", "98", "110", "122", "182", "74_g4", "74_g8"):
        ours = f"condensenet_{net}" if "g" in net else f"condensenet_{net}_cifar"
        yield source(net, ours, condensenet.authors)._replace(read=condensenet.read_masks)
    source = sources_of("EfficientNet-PyTorch")
    for b in range(8):
        found = source(f"efficientnet-b{b}", f"efficientnet_b{b}", mobile.lukemelas, **TENSORFLOW)
        yield found._replace(images={"interpolation": "bicubic", "crop": 1.0})
    for b in range(5):
        ours = f"efficientnet_lite{b}"
        found = source(f"efficientnet-lite{b}", ours, mobile.lukemelas, **TENSORFLOW)
        yield found._replace(images=_LITE_IMAGES)


def _pretrained_models() -> Iterator[Source]:
    """pretrained-models.pytorch, where every last layer is `last_linear`."""

    library = sources_of("pretrainedmodels")

    def source(theirs: str, ours: str, spelling: Spelling, **arguments: Any) -> Source:
        return library(theirs, ours, ending_in(spelling, "last_linear"), **arguments)

    def half(size: int) -> dict[str, Any]:
        """Images of mean and std a half, the short side rounded down as its TransformImage does."""
        values = {"size": size, "resize": int(size / 0.875)}
        return {**values, "mean": (0.5,) * 3, "std": (0.5,) * 3}

    yield source("alexnet", "alexnet_owt", plain.pretrained)
    for depth in (11, 13, 16, 19):
        for norm in ("", "_bn"):
            yield source(f"vgg{depth}{norm}", f"vgg{depth}{norm}", plain.pretrained)
    for depth in (18, 34, 50, 101, 152):
        ours = f"resnet{depth}" if depth < 50 else f"resnet{depth}_v1_5"
        yield source(f"resnet{depth}", ours, resnet.torchvision)
    for depth in (121, 161, 169, 201):
        yield source(f"densenet{depth}", f"densenet{depth}", densenet.torchvision)
    for depth in (68, 92, 98, 131, 107):
        yield source(f"dpn{depth}", f"dpn{depth}", dpn.timm)._replace(images=_DPN_IMAGES)
    for name in _SENETS:
        yield source(name.replace("seres", "se_res"), name, resnet.legacy)
    for theirs, ours, spelling in (
        ("inceptionv4", "inception_v4", inception.v4),
        ("inceptionresnetv2", "inception_resnet_v2", inception.inception_resnet_v2),
    ):
        yield source(theirs, ours, spelling)._replace(images=half(299))
    found = source("xception", "xception", inception.xception, **TORCH_EPS)
    yield found._replace(images=half(299))
    large = source("nasnetalarge", "nasnet_a_large", nasnet.timm, **TENSORFLOW)
    yield large._replace(images=half(331))


SOURCES = {
    source.name: source
    for source in (
        *_torchvision(),
        *_timm(),
        *_references(),
        *_pretrained_models(),
        *dialect_sources(),
    )
}


def find_source(name: str) -> Source:
    """The source of that name, without a tag.

    Raises:
        BadArgument: none has this name.
    """
    if name in SOURCES:
        return SOURCES[name]
    raise BadArgument(
        f"no network of another library is known as {name!r}; {hint(name, SOURCES)}"
        "`cladenet models --weights` prints all"
    )
