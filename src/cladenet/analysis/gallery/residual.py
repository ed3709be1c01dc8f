"""The blocks with a sum: what they compute is added to what they read."""

from functools import partial

from torch import nn

from cladenet.analysis.gallery.kind import Kind
from cladenet.analysis.gallery.made import BATCH_NORM, residual
from cladenet.layers.conv import conv
from cladenet.layers.inverted_residual import InvertedResidual
from cladenet.layers.shortcut import option_a
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.models.highway_layers import Highway
from cladenet.models.preact_resnet import FullPreactivation
from cladenet.models.resnet import Basic, Bottleneck
from cladenet.models.resnext import Aggregated
from cladenet.models.shufflenet_v1 import ShuffleUnit
from cladenet.models.shufflenet_v2 import SplitUnit
from cladenet.models.vit import layer as encoder_layer

RESIDUAL = {
    "highway": Kind(
        lambda: Highway(partial(conv, 80, 80, 3, bias=True), -2.0),
        (80, 16, 16),
        "cladenet.models.highway_layers.Highway",
        "highway",
        "Eq. (3)",
        "A gate for every value decides how much passes as it is; its bias starts below zero.",
        "y = H(x) T(x) + x (1 - T(x)), H = ReLU(W x + b), T = sigmoid(V x + c)",
        ("convolution",),
    ),
    "basic": Kind(
        lambda: residual(Basic(128, 128, 1, BATCH_NORM)),
        (128, 28, 28),
        "cladenet.models.resnet.Unit, Basic",
        "resnet",
        "Fig. 5, left",
        "Two 3x3 convolutions learn what is to be added to their input; no gate is needed.",
        "y = ReLU(x + F(x)), F(x) = BN(W2 ReLU(BN(W1 x)))",
        ("highway", "convolution"),
    ),
    "bottleneck": Kind(
        lambda: residual(Bottleneck(256, 64, 1, BATCH_NORM)),
        (256, 28, 28),
        "cladenet.models.resnet.Unit, Bottleneck",
        "resnet",
        "Fig. 5, right",
        "1x1 narrows, 3x3 works, 1x1 widens again, and the input is added.",
        "y = ReLU(x + F(x)), F(x) = BN(W3 ReLU(BN(W2 ReLU(BN(W1 x)))))",
        ("basic",),
    ),
    "preactivation": Kind(
        lambda: FullPreactivation(128, 128, 1, (3, 3), option_a, BATCH_NORM),
        (128, 28, 28),
        "cladenet.models.preact_resnet.FullPreactivation",
        "preact_resnet",
        "Fig. 4(e)",
        "Norm and ReLU before the convolutions: nothing but the identity is left beside them.",
        "y = x + F(x), F(x) = W2 ReLU(BN(W1 ReLU(BN(x))))",
        ("basic",),
    ),
    "resnext": Kind(
        lambda: residual(Aggregated(32, 4)(256, 64, 1, BATCH_NORM)),
        (256, 28, 28),
        "cladenet.models.resnext.Aggregated",
        "resnext",
        "Fig. 3(c), which computes the same as (a)",
        "32 narrow paths of one shape, added up: twice the width at the bottleneck's cost.",
        "y = ReLU(x + BN(T1(x) + ... + T32(x))), each Ti a bottleneck of 4 channels",
        ("bottleneck", "inception"),
    ),
    "squeeze_excite": Kind(
        lambda: SqueezeExcite(256, 16),
        (256, 28, 28),
        "cladenet.layers.squeeze_excite.SqueezeExcite",
        "senet",
        "Fig. 1; Eq. (2) to (4)",
        "Each channel is scaled by what the whole feature map says of it.",
        "y = x s, s = sigmoid(W2 ReLU(W1 mean(x)))",
    ),
    "se_bottleneck": Kind(
        lambda: residual(nn.Sequential(Bottleneck(256, 64, 1, BATCH_NORM), SqueezeExcite(256, 16))),
        (256, 28, 28),
        'cladenet.create_model("resnet50", se=16)',
        "senet",
        "Fig. 3",
        "The bottleneck with its residual excited: an eighth more parameters, hardly more MACs.",
        "y = ReLU(x + F(x) s), s = sigmoid(W2 ReLU(W1 mean(F(x))))",
        ("bottleneck", "squeeze_excite"),
    ),
    "inverted_residual": Kind(
        lambda: InvertedResidual(32, 32, 1, expansion=6, norm=BATCH_NORM, activation=nn.ReLU6),
        (32, 28, 28),
        "cladenet.layers.inverted_residual.InvertedResidual",
        "mobilenet_v2",
        "Fig. 3(b)",
        "The bottleneck turned inside out: wide and depthwise within, narrow and linear between.",
        "y = x + BN(P ReLU6(BN(D ReLU6(BN(E x))))), E and P 1x1, D depthwise 3x3",
        ("separable", "bottleneck"),
    ),
    "inverted_residual_se": Kind(
        lambda: InvertedResidual(
            40, 40, 1,
            expansion=6,
            kernel_size=5,
            norm=BATCH_NORM,
            activation=nn.Hardswish,
            excite=partial(SqueezeExcite, hidden=64, gate=nn.Hardsigmoid),
        ),
        (40, 14, 14),
        "cladenet.layers.inverted_residual.InvertedResidual(excite=...)",
        "mobilenet_v3",
        "Fig. 4; a row of Table 2 (the small network)",
        "Squeeze-and-excitation where it is widest, with a swish and a gate of straight lines.",
        "y = x + BN(P (d s)), d = hswish(BN(D hswish(BN(E x)))), s = hsigmoid(W2 ReLU(W1 mean(d)))",
        ("inverted_residual", "squeeze_excite"),
    ),
    "shuffle": Kind(
        lambda: ShuffleUnit(240, 240, 1, 3, 3, True, False, 0, BATCH_NORM),
        (240, 28, 28),
        "cladenet.models.shufflenet_v1.ShuffleUnit",
        "shufflenet_v1",
        "Fig. 2(b), 3 groups",
        "The 1x1 convolutions are grouped too; a shuffle lets each group read all others.",
        "y = ReLU(x + BN(W2 BN(D S ReLU(BN(W1 x))))), W1, W2 grouped 1x1, S shuffles channels",
        ("bottleneck", "resnext", "separable"),
    ),
    "split_shuffle": Kind(
        lambda: SplitUnit(116, BATCH_NORM, False, False),
        (116, 28, 28),
        "cladenet.models.shufflenet_v2.SplitUnit",
        "shufflenet_v2",
        "Fig. 3(c)",
        "Half of the channels pass, the other half is worked on: no sums and no grouped 1x1.",
        "y = S [a, F(b)], [a, b] = x, F = 1x1, depthwise 3x3, 1x1",
        ("shuffle", "dense"),
    ),
    "transformer": Kind(
        lambda: encoder_layer(192, 3, 0.0, False),
        (197, 192),
        "cladenet.models.vit.layer",
        "vit",
        "Fig. 1, right; Eq. (2) and (3)",
        "Every patch looks at every other; residual sums carry the tokens through.",
        "z = x + MSA(LN(x)), y = z + MLP(LN(z)), MSA: softmax(q k / sqrt(d)) v in each head",
        ("basic",),
    ),
}  # fmt: skip
