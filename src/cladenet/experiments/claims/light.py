"""Light networks: depthwise convolutions, channel shuffle, interleaved groups."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import SHORT, SMALL, sized

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
        {**sized(64), "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
    Claim(
        "compound-scaling",
        "At four times the cost, depth, width and resolution together gain more than any alone.",
        "Tan and Le 2019, arXiv:1905.11946, Table 7",
        (
            Arm("all three", "efficientnet_b0",
                {"model.depth": 0.7, "model.width": 0.6, "size": 40},
                {"model.depth": 1.4, "model.width": 1.2, "size": 291}),
            Arm("depth", "efficientnet_b0", {"model.depth": 2.0, "model.width": 0.5, "size": 32},
                {"model.depth": 4.0}),
            Arm("width", "efficientnet_b0", {"model.depth": 0.5, "model.width": 1.0, "size": 32},
                {"model.width": 2.0}),
            Arm("resolution", "efficientnet_b0",
                {"model.depth": 0.5, "model.width": 0.5, "size": 64}, {"size": 448}),
        ),
        tuple(
            Comparison("all three", alone, "error", f"81.1 against {right} % right (from memory)")
            for alone, right in (("depth", 79.0), ("width", 78.9), ("resolution", 79.1))
        ),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not="of 32 pixels a stride of 32 leaves one; a higher resolution leaves more",
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
        {**sized(64), "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
)  # fmt: skip
