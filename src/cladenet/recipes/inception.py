"""The recipes of the Inception family and Xception, all of ImageNet.

Their networks were trained asynchronously on many machines; here one process takes the updates in
turn, each from the images of one replica.
"""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

_COLOURS = (
    "Distortions of colour are brightness, contrast and saturation changed by up to 40 %, since "
    "their strength is not printed; images are resized bilinearly"
)

GOOGLENET = Recipe(
    source=(
        "Szegedy et al. 2015, arXiv:1409.4842, Sec. 5 and 6: SGD, momentum 0.9, the rate 4 % lower "
        "every 8 epochs, Polyak averaging, auxiliary classifiers with weight 0.3; crops of 8 to "
        "100 % of the area with aspects of 3/4 to 4/3, photometric distortions; zero mean. Start "
        "at 0.0015, batch 32 and 31.0M steps: Ioffe, Szegedy 2015, Sec. 4.2, of this net"
    ),
    departs=(
        "one process in place of asynchronous replicas. Weight decay 2e-4, which is five times "
        "BN-Inception's, as that paper says; neither prints it. The average decays by 0.9999, as "
        "in TF-Slim. Interpolation is not drawn at random. " + _COLOURS
    ),
    steps=31_000_000,
    batch_size=32,
    lr=0.0015,
    weight_decay=2e-4,
    schedule="exponential",
    drop_parts=97,  # 31.0M steps of 32 are 774 epochs of 1,281,167 images
    drop_factor=0.96,
    auxiliary=0.3,
    ema=0.9999,
    normalise="mean",
    crop="resized",
    flip=0.5,
    colour_jitter=0.4,
)

_BN = (
    "Ioffe, Szegedy 2015, arXiv:1502.03167, Sec. 4.2: momentum SGD, batch 32, the rate falling six "
    "times faster than GoogLeNet's, a fifth of its weight decay, weaker photometric distortions, "
)
_BN_DEPARTS = (
    "weight decay 4e-5, which Chollet 2017 prints for Inception-v3. The network has no auxiliary "
    "classifiers. Momentum 0.9 and the average of the weights as for GoogLeNet, but colours change "
    "by up to 20 %, half as much as there"
)

BN_INCEPTION_X5 = replace(
    GOOGLENET,
    source=_BN + "0.0075, five times its rate: 72.2 % after 2.1M steps, 73.0 % at the best",
    departs="the length is not printed, only that of x30: 6M steps; " + _BN_DEPARTS,
    steps=6_000_000,
    lr=0.0075,
    weight_decay=4e-5,
    drop_parts=112,  # 150 epochs, a fall every 8/6 of one
    auxiliary=0.0,
    colour_jitter=0.2,
)

BN_INCEPTION_X30 = replace(
    BN_INCEPTION_X5,
    source=_BN + "0.045, thirty times its rate: 72.2 % after 2.7M steps, 74.8 % at the best",
    departs="the length, 6M steps, is from memory; " + _BN_DEPARTS,
    lr=0.045,
)

INCEPTION_V3 = Recipe(
    source=(
        "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, arXiv:1512.00567, Sec. 8: RMSProp, decay "
        "0.9, epsilon 1.0, gradients clipped at 2.0, 0.045 times 0.94 every 2 epochs, batch 32 on "
        "each of 50 replicas, 100 epochs, running average of the weights; Sec. 7: label smoothing "
        "0.1; crops as GoogLeNet. Weight decay 4e-5: Chollet 2017, arXiv:1610.02357, Sec. 4.3"
    ),
    departs=(
        "one process in place of 50 replicas. Not printed: the auxiliary classifier counts 0.4 "
        "times, the average decays by 0.9999 and inputs lie in [-1, 1], as in TF-Slim; momentum "
        "0.9 in RMSProp, from memory of the released trainer. Clipped is the norm of all "
        "gradients. " + _COLOURS
    ),
    epochs=100,
    batch_size=32,
    optimizer="rmsprop",
    lr=0.045,
    weight_decay=4e-5,
    clip_norm=2.0,
    schedule="exponential",
    drop_parts=50,
    drop_factor=0.94,
    label_smoothing=0.1,
    auxiliary=0.4,
    ema=0.9999,
    normalise="half",
    crop="resized",
    flip=0.5,
    colour_jitter=0.4,
)

INCEPTION_V4 = replace(
    INCEPTION_V3,
    source=(
        "Szegedy, Ioffe, Vanhoucke, Alemi 2017, arXiv:1602.07261, Sec. 4: RMSProp, decay 0.9, "
        "epsilon 1.0, clipped gradients, 0.045 times 0.94 every 2 epochs, 20 replicas, running "
        "average of the weights; of Inception-v4 and both Inception-ResNets"
    ),
    departs=(
        "one process in place of 20 replicas. Batch, length, momentum, bound of the gradients, "
        "weight decay, label smoothing and crops are those of inception_v3: not printed. Without "
        "the auxiliary classifier of the released code, which the paper does not have. " + _COLOURS
    ),
    auxiliary=0.0,
)

XCEPTION = replace(
    INCEPTION_V3,
    source=(
        "Chollet 2017, arXiv:1610.02357, Sec. 4.2 and 4.3, ImageNet: SGD, momentum 0.9, 0.045 "
        "times 0.94 every 2 epochs, weight decay 1e-5, Polyak averaging, dropout before the "
        "classifier, no auxiliary tower"
    ),
    departs=(
        "one process in place of 60 synchronous GPUs. Batch and length are not printed: those of "
        "inception_v3, as are the crops. The average decays by 0.9999 and inputs lie in [-1, 1], "
        "as in TF-Slim. " + _COLOURS
    ),
    optimizer="sgd",
    weight_decay=1e-5,
    clip_norm=0.0,
    label_smoothing=0.0,
    auxiliary=0.0,
)

RECIPES = {
    "googlenet": GOOGLENET,
    "bn_inception_x5": BN_INCEPTION_X5,
    "bn_inception_x30": BN_INCEPTION_X30,
    "inception_v3": INCEPTION_V3,
    "inception_v4": INCEPTION_V4,
    "xception": XCEPTION,
}
