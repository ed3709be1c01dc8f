"""Units: where norm and activation stand, cardinality, squeeze-and-excitation."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import SHORT, SMALL, sized

# One unit a stage: 14 layers.
SHALLOW = {"recipe": "resnet_cifar", "model.units": [1, 1, 1, 1]}

UNITS = (
    Claim(
        "pre-activation",
        "Norm and ReLU before each convolution make a very deep residual network easier to train.",
        "He and others 2016, arXiv:1603.05027, Table 2",
        (
            Arm("original", "resnet164_cifar", {"model.depth": 56}),
            Arm("batch norm after the sum", "resnet164_bn_after_add_cifar", {"model.depth": 56}),
            Arm("full pre-activation", "preact_resnet164_cifar", {"model.depth": 56}),
        ),
        (
            Comparison("full pre-activation", "original", "training loss", "5.46 against 5.93 %"),
            Comparison("original", "batch norm after the sum", "training loss",
                       "5.93 against 6.50 %"),
        ),
        SMALL,
        if_not=SHORT,
    ),
    Claim(
        "cardinality",
        "At equal cost more paths are better than wider ones.",
        "Xie and others 2017, arXiv:1611.05431, Table 3",
        (
            Arm("1 x 32d", "resnext29_8x64d_cifar",
                {"model.depth": 20, "model.cardinality": 1, "model.base_width": 32},
                paper_network="resnet50_v1_5"),
            Arm("16 x 3d", "resnext29_8x64d_cifar",  # 65.1M against 63.4M MACs
                {"model.depth": 20, "model.cardinality": 16, "model.base_width": 3},
                paper_network="resnext50_32x4d"),
        ),
        (Comparison("16 x 3d", "1 x 32d", "error",
                    "22.2 against 23.9 % (32 x 4d against 1 x 64d, ImageNet)"),),
        SMALL,
        if_not=SHORT,
    ),
    Claim(
        "squeeze-and-excitation",
        "Scaling channels by what the whole feature map shows lowers the error.",
        "Hu and others 2018, arXiv:1709.01507, Tables 4 and 5",
        (
            Arm("pre-activation ResNet", "preact_resnet164_cifar", {"model.depth": 29}),
            Arm("with SE", "seresnet164_cifar", {"model.depth": 29},
                {"recipe": "preact_resnet_cifar"}),
        ),
        (
            Comparison("with SE", "pre-activation ResNet", "error", "4.39 against 5.46 %"),
            Comparison("with SE", "pre-activation ResNet", "training loss"),
        ),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
    Claim(
        "se-ratios",
        "Squeeze-and-excitation helps whatever the width of its bottleneck.",
        "Hu and others 2018, arXiv:1709.01507, Table 10",
        (
            Arm("without", "preact_resnet164_cifar", {"model.depth": 29},
                paper_network="resnet50"),
            Arm("ratio 2", "seresnet164_cifar", {"model.depth": 29, "model.reduction": 2},
                paper_network="seresnet50_r2"),
            Arm("ratio 8", "seresnet164_cifar", {"model.depth": 29, "model.reduction": 8},
                paper_network="seresnet50_r8"),
            Arm("ratio 16", "seresnet164_cifar", {"model.depth": 29}, paper_network="seresnet50"),
        ),
        (
            Comparison("ratio 2", "without", "error", "22.29 against 23.30 %"),
            Comparison("ratio 8", "without", "error", "22.26 against 23.30 %"),
            Comparison("ratio 16", "without", "error", "22.28 against 23.30 %"),
        ),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
    Claim(
        "se-positions",
        "SE after the unit's sum is worse than on its branch.",
        "Hu and others 2018, arXiv:1709.01507, Table 14",
        (
            Arm("standard", "seresnet50", SHALLOW),
            Arm("before the unit", "seresnet50_pre", SHALLOW),
            Arm("after the sum", "seresnet50_post", SHALLOW),
        ),
        (
            Comparison("standard", "after the sum", "error", "22.28 against 22.78 %"),
            Comparison("before the unit", "after the sum", "error", "22.23 against 22.78 %"),
        ),
        sized(32),
        if_not="600 steps end with half of the images wrong: what learns soonest leads",
    ),
)  # fmt: skip
