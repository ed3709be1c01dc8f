"""Light networks: depthwise convolutions, channel shuffle, interleaved groups."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import SHORT, SMALL

LIGHT = (
    Claim(
        "depthwise",
        "Depthwise separable convolutions lose about a point against full ones, at an eighth to a "
        "ninth of the cost.",
        "Howard and others 2017, arXiv:1704.04861, Table 4",
        (
            Arm("full", "mobilenet_v1_fullconv", {"model.width": 0.25}),
            Arm("depthwise", "mobilenet_v1_x1_0", {"model.width": 0.25}),
        ),
        (
            Comparison("depthwise", "full", "seconds", "569M against 4,866M MACs"),
            Comparison("full", "depthwise", "error", "28.3 against 29.4 %"),
        ),
        {**SMALL, "size": 64, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
    Claim(
        "channel-shuffle",
        "Grouped 1x1 convolutions need the shuffle: without it groups do not see one another.",
        "Zhang and others 2018, arXiv:1707.01083, Table 3",
        (
            Arm("shuffle", "shufflenet_v1_x0_5_g8"),
            Arm("no shuffle", "shufflenet_v1_x0_5_g8", {"model.shuffle": False},
                {"model.shuffle": False}),
        ),
        (Comparison("shuffle", "no shuffle", "error"),),
        {**SMALL, "size": 64, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
)  # fmt: skip
