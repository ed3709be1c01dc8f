"""Against overfitting, and for the gradient: label smoothing, augmentation, heads."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import OFTEN, sized

TRAINING = (
    Claim(
        "label-smoothing",
        "Labels of 0.9 instead of 1 lower the test error.",
        "Szegedy and others 2016, arXiv:1512.00567, Sec. 7, Table 3",
        (
            Arm("hard labels", "resnet20_cifar", {"label_smoothing": 0.0},
                {"label_smoothing": 0.0}, "inception_v3"),
            Arm("smoothed", "resnet20_cifar", {"label_smoothing": 0.1}, {}, "inception_v3"),
        ),
        (Comparison("smoothed", "hard labels", "error", "22.8 against 23.1 %"),),
        {**OFTEN, "model.depth": 14, "recipe": "resnet_cifar"},
        if_not="a third of a point needs more seeds, and a network that overfits",
    ),
    Claim(
        "auxiliary-heads",
        "Classifiers on the way, which are trained too, lower the error of the last one.",
        "Szegedy and others 2016, arXiv:1512.00567, Sec. 4, Table 3",
        (
            Arm("without", "googlenet_bn", {"auxiliary": 0.0}, {"auxiliary": 0.0}, "inception_v3"),
            Arm("with", "googlenet_bn", {"auxiliary": 0.3}, {}, "inception_v3"),
        ),
        (Comparison("with", "without", "error", "21.2 against 21.6 % (normed against none)"),),
        {**sized(48), "steps": 300, "recipe": "resnet_cifar"},
        if_not="the paper sees the gain near the end of the training alone",
    ),
    Claim(
        "average-head",
        "The average of a map for each class overfits less than a linear layer on those maps.",
        "Lin and others 2014, arXiv:1312.4400, Sec. 4.6, Table 5",
        (
            Arm("linear", "nin_cifar10", {"model.linear_head": True}, {"model.linear_head": True}),
            Arm("average", "nin_cifar10"),
        ),
        (Comparison("average", "linear", "error", "10.41 against 11.59 % (from memory)"),),
        {**OFTEN, "steps": 600, "model.norm": "batch", "recipe": "resnet_cifar"},
        if_not="600 steps end before the linear layer overfits",
    ),
    Claim(
        "mirror-and-shift",
        "Mirror images and shifts lower the test error where training images are few.",
        "Krizhevsky, Sutskever, Hinton 2012, Sec. 4.1",
        (
            Arm("as they are", "resnet20_cifar", {"crop": "none", "flip": 0.0},
                {"crop": "none", "flip": 0.0}, "alexnet"),
            # The hard labels' training: the recipe has no smoothing of its own.
            Arm("mirrored and shifted", "resnet20_cifar", {"label_smoothing": 0.0},
                paper_network="alexnet"),
        ),
        (Comparison("mirrored and shifted", "as they are", "error",
                    "without it even smaller networks overfit (Sec. 4.1)"),),
        {**OFTEN, "model.depth": 14, "recipe": "resnet_cifar"},
        if_not="1,200 steps do not overfit yet",
    ),
)  # fmt: skip
