"""Batch norm: why it came, where it fails, and what stands in for it."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import SHORT, SMALL, sized

ZOO = ("batch", "group", "layer", "instance", "weight", "none")
RESNET_18 = {"recipe": "resnet_cifar"}
REDDER = {"shift": (50, 0, 0)}  # levels of red, green and blue

NORMALISATION = (
    Claim(
        "batch-norm-speed",
        "With batch norm a network takes higher rates and needs fewer steps to the same error.",
        "Ioffe and Szegedy 2015, arXiv:1502.03167, Sec. 4.2, Fig. 2 and 3",
        (
            Arm("batch norm, rate 0.1", "plain20_cifar", {"lr": 0.1},
                {"recipe": "bn_inception_x30"}, "bn_inception"),
            Arm("batch norm, rate 0.01", "plain20_cifar", {"lr": 0.01},
                {"recipe": "bn_inception_x5"}, "bn_inception"),
            Arm("no norm, rate 0.01", "plain20_cifar", {"lr": 0.01, "model.norm": "none"},
                paper_network="googlenet"),
        ),
        (
            Comparison("batch norm, rate 0.01", "no norm, rate 0.01", "error",
                       "at equal steps better; 2.1M against 31M steps to Inception's 72.2 %"),
            Comparison("batch norm, rate 0.1", "batch norm, rate 0.01", "error",
                       "74.8 (x30) against 73.0 % (x5) of the images right at the end"),
        ),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
    Claim(
        "small-batches",
        "Batch norm fails at small batches; group norm does not depend on them.",
        "Wu and He 2018, arXiv:1803.08494, Sec. 4.1",
        (
            Arm("batch, 32 images", "resnet20_cifar", {"batch_size": 32, "lr": 0.016},
                {"batch_size": 256, "lr": 0.1}, "resnet50_v1_5"),
            Arm("batch, 2 images", "resnet20_cifar",
                {"batch_size": 2, "steps": 9600, "lr": 0.001},
                {"batch_size": 16, "lr": 0.00625}, "resnet50_v1_5"),
            Arm("group, 2 images", "resnet20_cifar",
                {"batch_size": 2, "steps": 9600, "lr": 0.001, "model.norm": "group"},
                {"batch_size": 16, "lr": 0.00625, "model.norm": "group"}, "resnet50_v1_5"),
        ),
        (
            Comparison("batch, 32 images", "batch, 2 images", "loss"),
            Comparison("group, 2 images", "batch, 2 images", "loss"),
        ),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
    Claim(
        "appearance",
        "Instance norm in half the channels of shallow layers makes a network err less on images "
        "of other colours, and no more on its own.",
        "Pan and others 2018, arXiv:1807.09441, Sec. 4.1",
        tuple(
            Arm(name, network, RESNET_18, paper_network=printed, scored=scored)
            for name, network, printed, scored in (
                ("ResNet", "resnet18", "resnet50_v1_5", {}),
                ("IBN-a", "resnet18_ibn_a", "resnet50_ibn_a", {}),
                ("ResNet, other colours", "resnet18", "resnet50_v1_5", REDDER),
                ("IBN-a, other colours", "resnet18_ibn_a", "resnet50_ibn_a", REDDER),
            )
        ),
        (
            Comparison("IBN-a, other colours", "ResNet, other colours", "score"),
            Comparison("IBN-a", "ResNet", "score", margin=1.0),
        ),
        sized(32),
        if_not=SHORT,
    ),
    Claim(
        "normalisations",
        "Of the normalisations, batch norm trains an image classifier best at usable batches.",
        "Wu and He 2018, arXiv:1803.08494, Sec. 4.1",
        tuple(
            Arm(norm, "resnet20_cifar", {"model.norm": norm}, {"model.norm": norm}, "resnet50_v1_5")
            for norm in ZOO
        ),
        tuple(Comparison("batch", norm, "error") for norm in ZOO[1:]),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not=SHORT,
    ),
)  # fmt: skip
