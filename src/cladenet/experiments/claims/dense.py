"""Dense connections and gates: DenseNet, CondenseNet, Highway."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import SHORT, SMALL

# A plain network of 30 linear layers on the digits takes a second an epoch.
DIGITS = {"epochs": 20, "val": 0.5, "batch_size": 32, "precision": "fp32", "recipe": "default"}

DENSE = (
    Claim(
        "dense-connections",
        "At equal cost a DenseNet has fewer parameters and a lower error than a ResNet.",
        "Huang and others 2017, arXiv:1608.06993, Sec. 4.3, Fig. 3 and 4",
        (
            Arm("ResNet-20", "resnet20_cifar", paper_network="preact_resnet1001_cifar"),
            Arm("DenseNet-BC", "densenet_bc_100_12_cifar",
                {"model.depth": 28, "model.growth_rate": 12}),  # 10.9M against 10.1M MACs
        ),
        (Comparison("DenseNet-BC", "ResNet-20", "error",
                    "4.51 against 4.62 %, with 0.8M against 10.2M parameters"),),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
    Claim(
        "condensation",
        "A network that drops three of four inputs while it is trained errs no more than one that "
        "keeps them.",
        "Huang and others 2018, arXiv:1711.09224, Sec. 3.1 and 4",
        (
            Arm("dropped", "condensenet_50_cifar", paper_network="condensenet_86_cifar"),
            Arm("kept", "condensenet_50_cifar", {"model.factor": 1}, {"model.factor": 1},
                "condensenet_86_cifar"),
        ),
        (Comparison("dropped", "kept", "error", margin=1.0),),
        {**SMALL, "recipe": "condensenet_cifar"},
        if_not="what is left has 300 steps to make up for what was dropped, and they are too few",
    ),
    Claim(
        "highway",
        "Gated layers can be trained at depths where plain ones cannot.",
        "Srivastava, Greff, Schmidhuber 2015, arXiv:1507.06228, Fig. 1",
        (
            Arm("plain, 10", "plain_fc10_mnist"),
            Arm("plain, 50", "plain_fc50_mnist"),
            Arm("highway, 10", "highway_fc10_mnist"),
            Arm("highway, 50", "highway_fc50_mnist"),
        ),
        (
            Comparison("plain, 10", "plain, 50", "training loss", "figure only (Fig. 1)"),
            Comparison("highway, 50", "plain, 50", "training loss", "figure only (Fig. 1)"),
        ),
        DIGITS,
        laptop_data="digits",
    ),
)  # fmt: skip
