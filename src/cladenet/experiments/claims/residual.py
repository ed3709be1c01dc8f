"""ResNet and what follows it: degradation, depth, shortcuts, stochastic depth, width."""

from cladenet.experiments.claim import Arm, Claim, Comparison
from cladenet.experiments.claims.laptop import SHORT, SMALL, sized

RESNET = "He and others 2016, arXiv:1512.03385"
IDENTITY = "He and others 2016, arXiv:1603.05027"
DEPTHS = (
    Arm("plain-20", "plain20_cifar"),
    Arm("plain-44", "plain44_cifar", paper_network="plain56_cifar"),
    Arm("ResNet-20", "resnet20_cifar"),
    Arm("ResNet-44", "resnet44_cifar", paper_network="resnet56_cifar"),
)

RESIDUAL = (
    Claim(
        "degradation",
        "Deeper plain networks have a higher training error; deeper residual networks do not.",
        f"{RESNET}, Sec. 4.2 and Fig. 6",
        DEPTHS,
        (
            Comparison("plain-20", "plain-44", "training loss", "figure only (Fig. 6, left)"),
            Comparison("ResNet-44", "plain-44", "training loss", "figure only (Fig. 6)"),
            Comparison("ResNet-44", "ResNet-20", "training loss", "6.97 against 8.75 % test error"),
        ),
        SMALL,
        if_not="after 600 steps the deeper residual network is still behind the shallow one",
    ),
    Claim(
        "responses",
        "Residual networks respond less than plain ones, and the less the deeper they are.",
        f"{RESNET}, Sec. 4.2 and Fig. 7",
        DEPTHS,
        (
            Comparison("ResNet-20", "plain-20", "response", "figure only (Fig. 7)"),
            Comparison("ResNet-44", "plain-44", "response", "figure only (Fig. 7)"),
            Comparison("ResNet-44", "ResNet-20", "response", "figure only (Fig. 7)"),
        ),
        SMALL,
        if_not="weights of 600 steps are still near the ones that were drawn",
    ),
    Claim(
        "too-deep",
        "A residual network of 1202 layers trains, but overfits: it errs more than one of 110.",
        f"{RESNET}, Sec. 4.2, Table 6",
        (
            Arm("shallower", "resnet20_cifar", paper_network="resnet110_cifar"),
            Arm("far deeper", "resnet110_cifar", paper_network="resnet1202_cifar"),
        ),
        (
            Comparison("far deeper", "shallower", "training loss",
                       "under 0.1 % of the training images wrong", margin=0.02),
            Comparison("shallower", "far deeper", "error", "6.61 against 7.93 %"),
        ),
        {**sized(8), "val": 0.5, "recipe": "resnet_cifar"},
        if_not="600 steps end before the deeper network fits its 700 digits; that comes first",
        laptop_data="digits",
    ),
    Claim(
        "shortcuts",
        "Projections where a network widens are slightly better than zeros, projections everywhere "
        "are slightly better again; all are far better than no shortcuts.",
        f"{RESNET}, Sec. 4.1, Table 3",
        (
            Arm("none", "plain18", {"recipe": "resnet_cifar"}, paper_network="plain34"),
            Arm("A", "resnet18_a", {"recipe": "resnet_cifar"}, paper_network="resnet34_a"),
            Arm("B", "resnet18", {"recipe": "resnet_cifar"}, paper_network="resnet34"),
            Arm("C", "resnet34_c", {"recipe": "resnet_cifar", "model.units": [2, 2, 2, 2]}),
        ),
        (
            Comparison("A", "none", "error", "25.03 against 28.54 % (ResNet-34, 10 crops)"),
            Comparison("B", "A", "error", "24.52 against 25.03 % (ResNet-34, 10 crops)"),
            Comparison("C", "B", "error", "24.19 against 24.52 % (ResNet-34, 10 crops)"),
        ),
        sized(32),
        if_not="half a point between A, B and C needs more seeds than three of a short training",
    ),
    Claim(
        "shortcut-scaling",
        "A shortcut that multiplies by less than 1 makes a deep network hard to train.",
        f"{IDENTITY}, Sec. 3.1, Table 1",
        (
            Arm("identity", "resnet32_cifar", paper_network="resnet110_cifar"),
            Arm("scaled by 0.5", "resnet110_const_scale_half_half_cifar", {"model.depth": 32}),
            Arm("1x1 convolution", "resnet110_conv_shortcut_cifar", {"model.depth": 32}),
        ),
        (
            Comparison("identity", "scaled by 0.5", "training loss", "6.61 against 12.35 % error"),
            Comparison("identity", "1x1 convolution", "training loss",
                       "6.61 against 12.22 % error"),
        ),
        {**SMALL, "recipe": "resnet_cifar"},
        if_not="at 32 layers a product of 15 halves is still trained around",
    ),
    Claim(
        "stochastic-depth",
        "Leaving units out at random trains a deep network in less time, to a lower test error.",
        "Huang and others 2016, arXiv:1603.09382, Table 1",
        (
            Arm("all units", "resnet110_stochastic_depth_cifar",
                {"model.depth": 44, "model.last_survival": 1.0}, {"model.last_survival": 1.0}),
            Arm("stochastic depth", "resnet110_stochastic_depth_cifar", {"model.depth": 44}),
        ),
        (
            Comparison("stochastic depth", "all units", "seconds", "about a quarter less"),
            Comparison("stochastic depth", "all units", "error", "5.25 against 6.41 %"),
        ),
        SMALL,
        if_not="it is a regulariser, and a short training of a network that does not overfit yet "
        "has nothing to gain from one",
    ),
    Claim(
        "width",
        "At equal parameters a wide, shallow residual network is as good as a thin, deep one, and "
        "trains faster.",
        "Zagoruyko and Komodakis 2016, arXiv:1605.07146, Table 4 and Sec. 3",
        (
            Arm("WRN-40-1", "wrn_40_1_cifar"),
            Arm("WRN-16-2", "wrn_16_4_cifar", {"model.width": 2}, {"model.width": 2}),
        ),
        (
            Comparison("WRN-16-2", "WRN-40-1", "error"),
            Comparison("WRN-16-2", "WRN-40-1", "seconds"),
        ),
        SMALL,
        if_not=SHORT,
    ),
)  # fmt: skip
