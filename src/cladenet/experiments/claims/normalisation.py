"""Batch norm: why it came, where it fails, and what stands in for it."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import SMALL, TOO_SHORT

ZOO = ("batch", "group", "layer", "instance", "weight", "none")

NORMALISATION = (
    Claim(
        "batch-norm-speed",
        "With batch norm a network takes higher rates and needs fewer steps to the same error.",
        "Ioffe and Szegedy 2015, arXiv:1502.03167, Sec. 4.2, Fig. 2 and 3",
        (
            Arm("batch norm, rate 0.1", "vgg_cifar", {"lr": 0.1},
                {"recipe": "bn_inception_x5"}, "bn_inception"),
            Arm("no norm, rate 0.01", "vgg_cifar", {"lr": 0.01, "model.norm": "none"},
                paper_network="googlenet"),
            Arm("no norm, rate 0.1", "vgg_cifar", {"lr": 0.1, "model.norm": "none"},
                {"recipe": "bn_inception_x5"}, "googlenet"),
        ),
        (
            Comparison("batch norm, rate 0.1", "no norm, rate 0.01", "steps to 60 %",
                       "2.1M against 31M steps to Inception's 72.2 %"),
            Comparison("batch norm, rate 0.1", "no norm, rate 0.1", "training loss",
                       "without batch norm a higher rate diverges (Sec. 4.2)"),
        ),
        {**SMALL, "epochs": 2, "recipe": "resnet_cifar"},
        seeds=2,
    ),
    Claim(
        "small-batches",
        "Batch norm fails at small batches; group norm does not depend on them.",
        "Wu and He 2018, arXiv:1803.08494, Sec. 4.1",
        (
            Arm("batch, 32 images", "resnet20_cifar", {"batch_size": 32, "lr": 0.05}),
            Arm("batch, 2 images", "resnet20_cifar", {"batch_size": 2, "lr": 0.003125}),
            Arm("group, 2 images", "resnet20_cifar",
                {"batch_size": 2, "lr": 0.003125, "model.norm": "group"}),
        ),
        (
            Comparison("batch, 32 images", "batch, 2 images", "loss"),
            Comparison("group, 2 images", "batch, 2 images", "loss"),
        ),
        {**SMALL, "val": 0.8, "epochs": 2, "recipe": "resnet_cifar"},
        if_not=TOO_SHORT,
        seeds=2,
    ),
    Claim(
        "normalisations",
        "Of the normalisations, batch norm trains an image classifier best at usable batches.",
        "Wu and He 2018, arXiv:1803.08494, Sec. 4.1",
        tuple(Arm(norm, "resnet20_cifar", {"model.norm": norm}) for norm in ZOO),
        tuple(Comparison("batch", norm, "error") for norm in ZOO[1:]),
        {**SMALL, "epochs": 2, "recipe": "resnet_cifar"},
        if_not=TOO_SHORT,
        seeds=2,
    ),
)  # fmt: skip
