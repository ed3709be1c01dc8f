"""The recipes of the residual networks: ResNet to IBN-Net.

The papers of CIFAR hold out 5,000 of the 50,000 training images where they choose anything; that
is `val=0.1`, the default of a run.
"""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

RESNET_IMAGENET = Recipe(
    source=(
        "He, Zhang, Ren, Sun 2016, Sec. 3.4: SGD, momentum 0.9, batch 256, weight decay 1e-4, 0.1 "
        "divided by 10 when the error plateaus, up to 60e4 steps; short side in [256, 480], 224 "
        "crops, mirror images, AlexNet's colour augmentation"
    ),
    departs=(
        "plateaus are read as 5 validations without a better error. Channel means in place of the "
        "per-pixel mean"
    ),
    steps=600_000,
    batch_size=256,
    lr=0.1,
    weight_decay=1e-4,
    schedule="plateau",
    crop="jitter",
    short_side=(256, 480),
    flip=0.5,
    pca_colour=0.1,
)

RESNET_CIFAR = Recipe(
    source=(
        "He, Zhang, Ren, Sun 2016, Sec. 4.2: SGD, momentum 0.9, batch 128, weight decay 1e-4, 0.1 "
        "divided by 10 at 32k and 48k of 64k steps; 4 pixels padded, 32 crops, mirror images"
    ),
    departs=("channel means and stds in place of the per-pixel mean"),
    steps=64_000,
    batch_size=128,
    lr=0.1,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(0.5, 0.75),
    drop_to=(0.1, 0.01),
    crop="pad",
    pad=4,
    flip=0.5,
)

RESNET110_CIFAR = replace(
    RESNET_CIFAR,
    source=RESNET_CIFAR.source + "; 110 layers start at 0.01 for about 400 steps",
    departs=RESNET_CIFAR.departs + ". The paper ends the warm-up when the training error is below "
    "80 %, here it is 400 of 64k steps; 1202 layers are trained so too",
    warmup=400 / 64_000,
    warmup_lr=0.1,
    warmup_shape="constant",
)

PREACT_RESNET_CIFAR = replace(
    RESNET110_CIFAR,
    source=(
        "He, Zhang, Ren, Sun 2016, arXiv:1603.05027, Appendix: SGD, momentum 0.9, batch 128, "
        "weight decay 1e-4, 0.01 for the first 400 steps, then 0.1 divided by 10 at 32k and 48k of "
        "64k; 4 pixels padded, 32 crops, mirror images"
    ),
    departs=(
        "channel means and stds in place of the per-pixel mean. The released code, and the "
        "4.62 % of 1001 layers, have batches of 64"
    ),
)

PREACT_RESNET_IMAGENET = replace(
    RESNET_IMAGENET,
    source=(
        "He, Zhang, Ren, Sun 2016, arXiv:1603.05027, Appendix: SGD, momentum 0.9, "
        "batch 256, weight decay 1e-4, 0.1 divided by 10 at epochs 30 and 60, no warm-up; scale "
        "augmentation as for ResNet"
    ),
    departs=(
        "the length of 90 epochs is from memory. channel means and stds in place of the "
        "per-pixel mean. The figures with aspect augmentation too: crop=resized"
    ),
    epochs=90,
    steps=0,
    schedule="step",
    drop_at=(30 / 90, 60 / 90),
    drop_to=(0.1, 0.01),
)

RESNEXT_IMAGENET = Recipe(
    source=(
        "Xie, Girshick, Dollar, Tu, He 2017, Sec. 3.4 and the authors' Lua code: Nesterov momentum "
        "0.9, batch 256, weight decay 1e-4, 0.1 divided by 10 every 30 of 100 epochs; crops of 8 "
        "to 100 % of the area with aspects of 3/4 to 4/3, mirror images, brightness, contrast and "
        "saturation changed by up to 40 %, PCA colour noise 0.1"
    ),
    departs="the colours' principal directions are measured on the training images",
    epochs=100,
    batch_size=256,
    lr=0.1,
    nesterov=True,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(0.3, 0.6, 0.9),
    drop_to=(0.1, 0.01, 0.001),
    crop="resized",
    flip=0.5,
    colour_jitter=0.4,
    pca_colour=0.1,
)

RESNEXT_CIFAR = replace(
    RESNET_CIFAR,
    source=(
        "Xie, Girshick, Dollar, Tu, He 2017, the authors' Lua code: Nesterov momentum 0.9, batch "
        "128, weight decay 5e-4, 0.1 divided by 10 after 49 and 74 % of 300 epochs; 4 pixels "
        "padded, 32 crops, mirror images"
    ),
    departs=(
        "batches of 128, with which the authors report better figures than with the 256 of the "
        "paper's own runs"
    ),
    epochs=300,
    steps=0,
    nesterov=True,
    weight_decay=5e-4,
    drop_at=(0.49, 0.74),
)

WIDE_RESNET_CIFAR = replace(
    RESNET_CIFAR,
    source=(
        "Zagoruyko, Komodakis 2016, Sec. 3 and the authors' Lua code: Nesterov momentum 0.9, batch "
        "128, weight decay 5e-4, 0.1 times 0.2 at 60, 120 and 160 of 200 epochs; reflected border "
        "of 4 pixels, 32 crops, mirror images, channel means and stds (Table 5)"
    ),
    departs=(
        "no ZCA whitening, which the rows of Table 4 have: its matrix of 3072x3072 values would "
        "outweigh most of these networks. Dropout is the network's: model.drop_rate=0.3"
    ),
    epochs=200,
    steps=0,
    nesterov=True,
    weight_decay=5e-4,
    drop_at=(0.3, 0.6, 0.8),
    drop_to=(0.2, 0.04, 0.008),
    pad_mode="reflect",
)

WIDE_RESNET_SVHN = replace(
    WIDE_RESNET_CIFAR,
    source=(
        "Zagoruyko, Komodakis 2016, Sec. 3 and the authors' Lua code, SVHN: Nesterov momentum 0.9, "
        "batch 128, weight decay 5e-4, 0.01 divided by 10 at 80 and 120 of 160 epochs; levels to "
        "[0, 1], no augmentation"
    ),
    departs="the paper has networks without dropout there, too: drop_rate=0",
    drop_rate=0.4,
    epochs=160,
    lr=0.01,
    drop_at=(0.5, 0.75),
    drop_to=(0.1, 0.01),
    normalise="unit",
    crop="none",
    flip=0.0,
)

STOCHASTIC_DEPTH_CIFAR = replace(
    RESNET_CIFAR,
    source=(
        "Huang, Sun, Liu, Sedra, Weinberger 2016, Sec. 4 and the authors' Lua code: Nesterov "
        "momentum 0.9, batch 128, weight decay 1e-4, 0.1 divided by 10 at 50 and 75 % of 500 "
        "epochs; shifts of 4 pixels, mirror images; the epoch chosen on 5,000 held-out images"
    ),
    departs="channel means and stds are those of the images that are trained on",
    epochs=500,
    steps=0,
    nesterov=True,
)

STOCHASTIC_DEPTH1202_CIFAR = replace(
    STOCHASTIC_DEPTH_CIFAR,
    source=(
        "Huang, Sun, Liu, Sedra, Weinberger 2016, Sec. 4, 1202 layers: 0.01 for the first 10 of "
        "300 epochs, then 0.1 divided by 10 at 150 and 225; the rest as with 110 layers"
    ),
    epochs=300,
    warmup=10 / 300,
    warmup_lr=0.1,
    warmup_shape="constant",
)

STOCHASTIC_DEPTH_SVHN = replace(
    STOCHASTIC_DEPTH_CIFAR,
    source=(
        "Huang, Sun, Liu, Sedra, Weinberger 2016, Sec. 4 and the authors' Lua code, SVHN: 0.1 "
        "divided by 10 at 60 and 70 % of 50 epochs, no augmentation; the rest as on CIFAR"
    ),
    epochs=50,
    drop_at=(0.6, 0.7),
    crop="none",
    flip=0.0,
)

SENET_IMAGENET = Recipe(
    source=(
        "Hu, Shen, Sun 2018, Sec. 5: SGD, momentum 0.9, batch 1024, 0.6 divided by 10 every 30 of "
        "100 epochs; crops of random size, mirror images, channel means"
    ),
    departs=(
        "weight decay 1e-4 is from memory. Crops have 8 to 100 % of the area, as in the authors' "
        "release, which retrains with 0.1, batch 256, rotations and pixel noise. SENet-154 adds "
        "label_smoothing=0.1"
    ),
    epochs=100,
    batch_size=1024,
    lr=0.6,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(0.3, 0.6, 0.9),
    drop_to=(0.1, 0.01, 0.001),
    crop="resized",
    flip=0.5,
)

SENET_IMAGENET_ABLATION = replace(
    SENET_IMAGENET,
    source=(
        "Hu, Shen, Albanie, Sun, Wu 2020, Tables 10 to 16: SGD, momentum 0.9, 0.1 divided by 10 "
        "three times, each at a plateau, the first after about 300 epochs; label smoothing"
    ),
    departs=(
        "the batch is not printed: 256, as in the authors' release. 500 epochs at the most, "
        "smoothing of 0.1; a plateau is 10 validations without a better error. Weight decay 1e-4 "
        "is from memory. The SE layers of these rows have biases, the paper's have none"
    ),
    epochs=500,
    batch_size=256,
    lr=0.1,
    schedule="plateau",
    patience=10,
    drop_at=(),
    drop_to=(),
    label_smoothing=0.1,
)

IBN_NET_IMAGENET = Recipe(
    source=(
        "Pan, Luo, Shi, Tang 2018, the authors' code: SGD, momentum 0.9, batch 256, weight decay "
        "1e-4, 0.1 divided by 10 at 30, 60 and 90 of 100 epochs; crops of random size, mirror "
        "images"
    ),
    departs="crops have 8 to 100 % of the area and aspects of 3/4 to 4/3: not read in the code",
    epochs=100,
    batch_size=256,
    lr=0.1,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(0.3, 0.6, 0.9),
    drop_to=(0.1, 0.01, 0.001),
    crop="resized",
    flip=0.5,
)

RECIPES = {
    "resnet_imagenet": RESNET_IMAGENET,
    "resnet_cifar": RESNET_CIFAR,
    "resnet110_cifar": RESNET110_CIFAR,
    "preact_resnet_cifar": PREACT_RESNET_CIFAR,
    "preact_resnet_imagenet": PREACT_RESNET_IMAGENET,
    "resnext_imagenet": RESNEXT_IMAGENET,
    "resnext_cifar": RESNEXT_CIFAR,
    "wide_resnet_cifar": WIDE_RESNET_CIFAR,
    "wide_resnet_svhn": WIDE_RESNET_SVHN,
    "stochastic_depth_cifar": STOCHASTIC_DEPTH_CIFAR,
    "stochastic_depth1202_cifar": STOCHASTIC_DEPTH1202_CIFAR,
    "stochastic_depth_svhn": STOCHASTIC_DEPTH_SVHN,
    "senet_imagenet": SENET_IMAGENET,
    "senet_imagenet_ablation": SENET_IMAGENET_ABLATION,
    "ibn_net_imagenet": IBN_NET_IMAGENET,
}
