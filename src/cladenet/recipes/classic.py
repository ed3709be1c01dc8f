"""The recipes of the networks before batch normalisation: LeNet-5 to Highway, GoogLeNet apart.

Photographs keep the levels of 0 to 255, from which these papers subtract a mean and no more: their
rates, initial weights and bounds belong to inputs of that size.
"""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

LENET = Recipe(
    source=(
        "LeCun, Bottou, Bengio, Haffner 1998, Sec. III-B: 20 passes, the rate 5e-4, 2e-4, 1e-4, "
        "5e-5, 1e-5 from passes 1, 3, 6, 9, 13; background -0.1, ink 1.175; no weight decay"
    ),
    departs=(
        "SGD with momentum and batches of 64 in place of the stochastic diagonal Levenberg-"
        "Marquardt method (one image a step, a rate for each weight); the rate keeps the paper's "
        "proportions, its height is chosen for this optimiser. Cross-entropy of the negative "
        "distances, which is Eq. 9 without its rubbish class"
    ),
    epochs=20,
    batch_size=64,
    lr=0.002,
    weight_decay=0.0,
    schedule="step",
    drop_at=(0.10, 0.25, 0.40, 0.60),
    drop_to=(0.4, 0.2, 0.1, 0.02),
    normalise="lenet",
)

ALEXNET = Recipe(
    source=(
        "Krizhevsky, Sutskever, Hinton 2012, Sec. 4 and 5: SGD, momentum 0.9, batch 128, weight "
        "decay 5e-4, 0.01 divided by 10 three times when the validation error stalls, 90 epochs; "
        "random 224 crops of 256-pixel images, mirror images, PCA colour noise 0.1"
    ),
    departs=(
        "the paper drops the rate by hand: here after 5 validations without a better error. Crops "
        "are taken from the whole image with a short side of 256, the paper's from its central "
        "square. Channel means in place of the per-pixel mean"
    ),
    epochs=90,
    batch_size=128,
    lr=0.01,
    weight_decay=5e-4,
    schedule="plateau",
    normalise="mean",
    crop="jitter",
    short_side=(256, 256),
    flip=0.5,
    pca_colour=0.1,
)

ALEXNET_OWT = replace(
    ALEXNET,
    source=(
        "Krizhevsky 2014, arXiv:1404.5997, Sec. 6, and the 1-GPU files released with it: SGD, "
        "momentum 0.9, batch 128, 90 epochs; 0.01 times 250^(-1/3) at 25, 50 and 75 %; weight "
        "decay 5e-4, none on biases; crops, mirror images and colour noise as in AlexNet"
    ),
    departs=(
        "the released files give biases a rate of their own, 0.02 divided by 10 at half of the "
        "run: here they have that of the weights. Softmax, as in the files; the text has "
        "independent logistic outputs. Crops from the whole image and channel means, as in alexnet"
    ),
    decay_all=False,
    schedule="exponential",
    drop_parts=4,
    drop_factor=250 ** (-1 / 3),
)

ZFNET = replace(
    ALEXNET,
    source=(
        "Zeiler, Fergus 2014, Sec. 3: SGD, momentum 0.9, batch 128, 0.01 lowered by hand when the "
        "validation error stalls, 70 epochs; convolution filters whose RMS exceeds 0.1 are scaled "
        "back to it, for images in [-128, 128]; 224 crops of 256-pixel images, mirror images"
    ),
    departs=(
        "the paper cuts ten fixed crops (corners, centre, mirrored) from the central square, here "
        "they are random and from the whole image. A drop divides by 10 and comes after 5 "
        "validations without a better error. Weight decay is not printed: AlexNet's. Channel "
        "means in place of the per-pixel mean"
    ),
    epochs=70,
    filter_rms=0.1,
    pca_colour=0.0,
)

_VGG = "Simonyan, Zisserman 2015, Sec. 3.1: "

VGG_S256 = replace(
    ALEXNET,
    source=(
        _VGG + "SGD, momentum 0.9, batch 256, weight decay 5e-4, 0.01 divided by 10 three times "
        "when the validation accuracy stalls, 74 epochs; training scale S = 256, 224 crops, mirror "
        "images, AlexNet's colour shift. Nets deeper than A start from it (init_from)"
    ),
    departs=(
        "the drops come after 5 validations without a better error. Without init_from every layer "
        "is drawn by Glorot's rule, which the paper found to do as well"
    ),
    epochs=74,
    batch_size=256,
)

VGG_S384 = replace(
    VGG_S256,
    source=(
        _VGG + "training scale S = 384, started from the same net trained at S = 256 (--weights), "
        "at a rate of 1e-3; the rest as at S = 256"
    ),
    departs=(
        "the length of this stage is not printed: 74 epochs, as at S = 256. Two drops are left of "
        "the three, since the rate starts one lower"
    ),
    lr=1e-3,
    max_drops=2,
    short_side=(384, 384),
)

VGG_JITTER = replace(
    VGG_S256,
    source=_VGG + "training scale S drawn from [256, 512] for each image; the rest as at S = 256",
    departs=(
        "jittered from the start, at 0.01. The paper fine-tunes the net of S = 384: add its "
        "--weights and lr=0.001, a rate that is not printed. The drops come after 5 validations "
        "without a better error"
    ),
    short_side=(256, 512),
)

_NIN = (
    "Lin, Chen, Yan 2014, Sec. 4.1: SGD, momentum 0.9, batch 128, the rate divided by 10 twice; "
    "the author's cuda-convnet files: 200, 30 and 30 epochs, "
)
_NIN_DEPARTS = (
    "the falls come at the epochs of the release, not when the training accuracy stalls. One rate "
    "for all: the files give the last 1x1 convolution a tenth and biases the double. "
)
_NIN_CIFAR10 = (
    _NIN + "rate 0.1 and weight decay 1e-4 (SVHN's file: 1 and 1e-5 on a tenth of the loss); "
    "global contrast normalisation, "
)
_NO_ZCA = (
    "No ZCA whitening, whose matrix of 3072x3072 values would outweigh the network in each "
    "checkpoint"
)
_NIN_CIFAR10_DEPARTS = _NIN_DEPARTS + "CIFAR-10's rates are not in the release: SVHN's. " + _NO_ZCA

NIN_CIFAR10 = Recipe(
    source=_NIN_CIFAR10 + "no augmentation",
    departs=_NIN_CIFAR10_DEPARTS,
    epochs=260,
    batch_size=128,
    lr=0.1,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(200 / 260, 230 / 260),
    drop_to=(0.1, 0.01),
    normalise="gcn",
)

NIN_CIFAR10_AUGMENTED = replace(
    NIN_CIFAR10,
    source=_NIN_CIFAR10 + "translation and mirror images",
    departs=_NIN_CIFAR10_DEPARTS + ". The width of the border is not printed: 4 pixels",
    crop="pad",
    flip=0.5,
)

NIN_CIFAR100 = replace(
    NIN_CIFAR10,
    source=_NIN + "rate 0.02 and weight decay 5e-4 (0.01 and 1e-3 on twice the loss); global "
    "contrast normalisation, no augmentation",
    departs=_NIN_DEPARTS + _NO_ZCA,
    lr=0.02,
    weight_decay=5e-4,
)

NIN_SVHN = replace(
    NIN_CIFAR10,
    source=_NIN + "rate 0.1 and weight decay 1e-4 (1 and 1e-5 on a tenth of the loss)",
    departs=_NIN_DEPARTS + "The length is CIFAR-10's. Global contrast normalisation in place of "
    "the local one of Goodfellow et al. 2013, whose preprocessing the paper takes over",
)

NIN_MNIST = replace(
    NIN_CIFAR10,
    source=_NIN + "no preprocessing but levels to [0, 1], no augmentation",
    departs=_NIN_DEPARTS + "Neither rate nor length are in the release for MNIST: SVHN's and "
    "CIFAR-10's",
    normalise="unit",
)

NIN_IMAGENET = Recipe(
    source=(
        "the author's solver in Caffe's model zoo; the paper has no ImageNet: SGD, momentum 0.9, "
        "batch 64, weight decay 5e-4, 0.01 divided by 10 every 200k of 450k steps; 224 crops of "
        "256-pixel images, mirror images"
    ),
    departs="channel means in place of the mean image",
    steps=450_000,
    batch_size=64,
    lr=0.01,
    weight_decay=5e-4,
    schedule="step",
    drop_at=(200 / 450, 400 / 450),
    drop_to=(0.1, 0.01),
    normalise="mean",
    crop="jitter",
    short_side=(256, 256),
    flip=0.5,
)

HIGHWAY_CIFAR = Recipe(
    source=(
        "Srivastava, Greff, Schmidhuber 2015, the authors' Caffe files: Nesterov momentum 0.9, "
        "batch 100, weight decay 1e-3, none on biases, 0.025 divided by 10 at 100k, 150k and 175k "
        "of 200k steps; global contrast normalisation, 8 pixels padded, 32 crops, mirror images"
    ),
    departs="the contrast is normalised after the crop, border included, not before it",
    steps=200_000,
    batch_size=100,
    lr=0.025,
    nesterov=True,
    weight_decay=1e-3,
    decay_all=False,
    schedule="step",
    drop_at=(0.5, 0.75, 0.875),
    drop_to=(0.1, 0.01, 0.001),
    normalise="gcn",
    crop="pad",
    pad=8,
    flip=0.5,
)

HIGHWAY_MNIST = replace(
    HIGHWAY_CIFAR,
    source=(
        "Srivastava, Greff, Schmidhuber 2015, the authors' Caffe files: Nesterov momentum 0.9, "
        "batch 100, weight decay 1e-3, 0.01 divided by 10 at 60k and 120k of 180k steps; no "
        "augmentation"
    ),
    departs="no weight decay on biases, as in the authors' CIFAR files. Levels to [0, 1]",
    steps=180_000,
    lr=0.01,
    drop_at=(1 / 3, 2 / 3),
    drop_to=(0.1, 0.01),
    normalise="unit",
    crop="none",
    flip=0.0,
)

HIGHWAY_FC_MNIST = Recipe(
    source=(
        "Srivastava, Greff, Schmidhuber 2015, Sec. 3.1 and Fig. 1: SGD with momentum and an "
        "exponentially falling rate, on MNIST's training images"
    ),
    departs=(
        "the paper draws rate, momentum and decay at random for 100 runs and shows the best; none "
        "of them is printed. Chosen here: 400 epochs in batches of 100, momentum 0.9, 0.01 falling "
        "by 1 % an epoch, no weight decay. Levels to [0, 1]"
    ),
    epochs=400,
    batch_size=100,
    lr=0.01,
    weight_decay=0.0,
    schedule="exponential",
    drop_parts=400,
    drop_factor=0.99,
    normalise="unit",
)

RECIPES = {
    "lenet": LENET,
    "alexnet": ALEXNET,
    "alexnet_owt": ALEXNET_OWT,
    "zfnet": ZFNET,
    "vgg_s256": VGG_S256,
    "vgg_s384": VGG_S384,
    "vgg_jitter": VGG_JITTER,
    "nin_cifar10": NIN_CIFAR10,
    "nin_cifar10_augmented": NIN_CIFAR10_AUGMENTED,
    "nin_cifar100": NIN_CIFAR100,
    "nin_svhn": NIN_SVHN,
    "nin_mnist": NIN_MNIST,
    "nin_imagenet": NIN_IMAGENET,
    "highway_cifar": HIGHWAY_CIFAR,
    "highway_mnist": HIGHWAY_MNIST,
    "highway_fc_mnist": HIGHWAY_FC_MNIST,
}
