"""The blocks without sums: convolutions, alone and side by side."""

from torch import nn

from cladenet.analysis.gallery.kind import Kind
from cladenet.analysis.gallery.made import BATCH_NORM, naive_inception
from cladenet.layers.conv import conv_norm_relu
from cladenet.models.googlenet import inception
from cladenet.models.interleaved import interleaved_conv
from cladenet.models.mobilenet_v1 import separable
from cladenet.models.squeezenet import Fire

PLAIN = {
    "convolution": Kind(
        lambda: conv_norm_relu(256, 256, 3, norm=BATCH_NORM),
        (256, 28, 28),
        "cladenet.layers.conv.conv_norm_relu",
        "lenet",
        "3x3 as in VGG, 2014, with batch norm",
        "A 3x3 convolution over all channels: the measure of all that follows.",
        "y = ReLU(BN(W x))",
    ),
    "inception_naive": Kind(
        naive_inception,
        (192, 28, 28),
        "cladenet.analysis.gallery.naive_inception",
        "googlenet",
        "Fig. 2(a)",
        "All sizes of kernels side by side; the 5x5 alone would eat the budget.",
        "y = [W1 x, W3 x, W5 x, pool(x)]",
        ("convolution",),
    ),
    "inception": Kind(
        lambda: inception(192, (64, 96, 128, 16, 32, 32), kernel5=5, norm=None),
        (192, 28, 28),
        "cladenet.models.googlenet.inception",
        "googlenet",
        "Fig. 2(b), module 3a",
        "The same behind 1x1 convolutions that narrow what the large kernels read.",
        "y = [W1 x, W3 V3 x, W5 V5 x, V pool(x)], V 1x1, ReLU after each",
        ("inception_naive",),
    ),
    "fire": Kind(
        lambda: Fire(256, 32, 128, "none"),
        (256, 28, 28),
        "cladenet.models.squeezenet.Fire",
        "squeezenet",
        "Fig. 1, module fire5",
        "Squeeze to few channels by 1x1, so that only few are read by the 3x3 that expand.",
        "y = [ReLU(W1 s), ReLU(W3 s)], s = ReLU(V x)",
        ("inception",),
    ),
    "separable": Kind(
        lambda: separable(256, 256, 1, norm=BATCH_NORM, activation=nn.ReLU),
        (256, 28, 28),
        "cladenet.models.mobilenet_v1.separable",
        "xception",
        "Fig. 4; order, norms and ReLU as in MobileNet, 2017, Fig. 3",
        "An Inception module with a branch for every channel: space first, then channels.",
        "y = ReLU(BN(P ReLU(BN(D x)))), D depthwise 3x3, P 1x1",
        ("inception", "convolution"),
    ),
    "interleaved": Kind(
        lambda: interleaved_conv(48, 48, 24),
        (48, 32, 32),
        "cladenet.models.interleaved.interleaved_conv",
        "igcv1",
        "Fig. 1 (memory), L = 24, M = 2",
        "Two grouped convolutions whose groups cross: every output still reads every input.",
        "y = P' W2 P W1 x, W1 in L groups, W2 in M groups, P and P' permute channels",
        ("convolution", "resnext"),
    ),
}
