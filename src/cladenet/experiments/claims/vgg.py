"""VGG: depth by small filters, response normalisation, scales and protocols, ensembles.

At laptop scale channels are a quarter of the paper's, images have 32 pixels, and the deeper columns
are trained with batch norm: without it they need the start from column A, and longer.
"""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import sized

SOURCE = "Simonyan and Zisserman 2015, arXiv:1409.1556"
# Dropout is left out: so short a training does not overfit.
NARROW = {
    **sized(32),
    "lr": 0.02,
    "drop_rate": 0.0,
    "model.width": 0.25,
    "recipe": "resnet_cifar",
}
NORMED = {"model.norm": "batch"}
JITTERED = {**NORMED, "crop": "jitter", "short_side": (37, 73)}
FIXED = {**NORMED, "crop": "jitter", "short_side": (37, 37)}
S_256, S_JITTER = {"recipe": "vgg_s256"}, {"recipe": "vgg_jitter"}
DENSE, CROPS, BOTH = "multi-scale", "multi-crop", "multi-crop+dense"
# 150 crops an image: the test images, of which there are fewer.
TESTED = {"split": "test"}

VGG = (
    Claim(
        "response-normalisation",
        "Local response normalisation does not improve a network of column A.",
        f"{SOURCE}, Sec. 4.1, Table 3",
        (Arm("A", "vgg11"), Arm("A-LRN", "vgg11_lrn")),
        (Comparison("A", "A-LRN", "error", "29.6 against 29.7 %", margin=1.0),),
        NARROW,
        if_not="the error must be known to half a point, which needs more seeds",
    ),
    Claim(
        "vgg-depth",
        "More 1x1 convolutions help (C against B), and 3x3 in their place help more (D against C).",
        f"{SOURCE}, Sec. 4.1, Table 3",
        (
            Arm("B", "vgg13", NORMED),
            Arm("C", "vgg16_c", NORMED),
            Arm("D", "vgg16", NORMED),
        ),
        (
            Comparison("C", "B", "error", "28.1 against 28.7 %"),
            Comparison("D", "C", "error", "27.0 against 28.1 %"),
        ),
        NARROW,
        if_not="the deeper columns learn later, and 600 steps end before that shows",
    ),
    Claim(
        "small-filters",
        "Two 3x3 convolutions are better than one 5x5 of the same receptive field.",
        f"{SOURCE}, Sec. 4.1",
        (Arm("3x3 pairs (B)", "vgg13", NORMED), Arm("5x5", "vgg13_5x5", NORMED)),
        (Comparison("3x3 pairs (B)", "5x5", "error", "7 points"),),
        NARROW,
        if_not="the shallow network learns sooner, and 600 steps end before the other passes it",
    ),
    Claim(
        "scale-jitter",
        "Training images of many scales lower the error at one scale.",
        f"{SOURCE}, Sec. 4.1, Table 3",
        (
            Arm("one scale", "vgg13", FIXED, S_256, "vgg16", scored={"protocol": "dense"}),
            Arm("many scales", "vgg13", JITTERED, S_JITTER, "vgg16", scored={"protocol": "dense"}),
        ),
        (Comparison("many scales", "one scale", "score",
                    "25.6 (S in 256 to 512) against 27.0 % (S = 256)"),),
        NARROW,
        if_not="jitter makes training images harder: it pays where a network is trained long",
    ),
    Claim(
        "dense-and-crops",
        "Dense evaluation and crops err on different images: both together are better than either.",
        f"{SOURCE}, Sec. 4.3, Table 5",
        tuple(
            Arm(name, "vgg13", JITTERED, S_JITTER, "vgg16",
                scored={**TESTED, "protocol": protocol})
            for name, protocol in (("dense", DENSE), ("150 crops", CROPS), ("both", BOTH))
        ),
        (
            Comparison("both", "dense", "score", "24.4 against 24.8 %"),
            Comparison("both", "150 crops", "score", "24.4 against 24.6 %"),
        ),
        NARROW,
        if_not="a third of a point is three of a thousand images",
    ),
    Claim(
        "ensemble",
        "The mean of two networks' posteriors is better than the better of them.",
        f"{SOURCE}, Sec. 4.4, Table 6",
        (
            Arm("B", "vgg13", NORMED, S_JITTER, "vgg16"),
            Arm("D", "vgg16", NORMED, S_JITTER, "vgg19"),
            Arm("both", "vgg13", NORMED, S_JITTER, "vgg16", joined="D"),
        ),
        (
            Comparison("both", "B", "score", "24.0 against 24.8 % (D and E, dense)"),
            Comparison("both", "D", "score", "24.0 against 24.8 % (D and E, dense)"),
        ),
        NARROW,
    ),
)  # fmt: skip
