"""The recipes of the networks that concatenate: DenseNet, MSDNet, DPN, CliqueNet."""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

_DENSENET = (
    "Huang, Liu, van der Maaten, Weinberger 2017, Sec. 4.2 and the authors' Lua code: Nesterov "
    "momentum 0.9, batch 64, weight decay 1e-4, 0.1 divided by 10 at 50 and 75 % of "
)

DENSENET_CIFAR = Recipe(
    source=_DENSENET + "300 epochs; shifts of 4 pixels, mirror images (C10+, C100+)",
    departs="nothing that is known",
    epochs=300,
    batch_size=64,
    lr=0.1,
    nesterov=True,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(0.5, 0.75),
    drop_to=(0.1, 0.01),
    crop="pad",
    flip=0.5,
)

DENSENET_CIFAR_NOAUG = replace(
    DENSENET_CIFAR,
    source=_DENSENET + "300 epochs; no augmentation, but dropout (C10, C100)",
    drop_rate=0.2,
    crop="none",
    flip=0.0,
)

DENSENET_SVHN = replace(
    DENSENET_CIFAR_NOAUG,
    source=_DENSENET + "40 epochs; no augmentation, but dropout (SVHN)",
    departs="channel means and stds in place of levels divided by 255",
    epochs=40,
)

DENSENET_IMAGENET = Recipe(
    source=(
        "Huang, Liu, van der Maaten, Weinberger 2017, Sec. 4.2: Nesterov momentum 0.9, batch 256, "
        "weight decay 1e-4, 0.1 divided by 10 at epochs 30 and 60 of 90; augmentation of "
        "fb.resnet.torch: crops of 8 to 100 % of the area with aspects of 3/4 to 4/3, mirror "
        "images, brightness, contrast and saturation changed by up to 40 %, PCA colour noise 0.1"
    ),
    departs="the colours' principal directions are measured on the training images",
    epochs=90,
    batch_size=256,
    lr=0.1,
    nesterov=True,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(30 / 90, 60 / 90),
    drop_to=(0.1, 0.01),
    crop="resized",
    flip=0.5,
    colour_jitter=0.4,
    pca_colour=0.1,
)

MSDNET_CIFAR = replace(
    DENSENET_CIFAR,
    source=(
        "Huang, Chen, Li, Wu, van der Maaten, Weinberger 2018 and the authors' Lua code: Nesterov "
        "momentum 0.9, batch 64, weight decay 1e-4, 0.1 divided by 10 at epochs 150 and 225 of "
        "300; shifts of 4 pixels, mirror images; the losses of all exits added up"
    ),
    departs="the loss of the last exit counts once, each of the others once",
    auxiliary=1.0,
)

MSDNET_IMAGENET = Recipe(
    source=(
        "Huang, Chen, Li, Wu, van der Maaten, Weinberger 2018 and the authors' Lua code: Nesterov "
        "momentum 0.9, batch 256, weight decay 1e-4, 0.1 divided by 10 every 30 of 90 epochs; "
        "crops of random size, mirror images; the losses of all exits added up"
    ),
    departs=(
        "the paper holds out 50,000 images for the thresholds: val=0.04 of 1.28M. Crops have 8 to "
        "100 % of the area"
    ),
    epochs=90,
    batch_size=256,
    lr=0.1,
    nesterov=True,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(30 / 90, 60 / 90),
    drop_to=(0.1, 0.01),
    auxiliary=1.0,
    crop="resized",
    flip=0.5,
)

DPN_IMAGENET = Recipe(
    source=(
        "Chen, Li, Xiao, Jin, Yan, Feng 2017, Sec. 4 and the authors' release: SGD, batches of 32 "
        "on each of 40 GPUs, sqrt(0.1) divided by 10 in steps; crops of 8 to 100 % of the area with"
        " aspects of 3/4 to 4/3, HSL changed by up to 20, 40 and 50 levels, mirror images"
    ),
    departs=(
        "the length and the places of the steps are not printed: 30, 60 and 90 of 100 epochs. "
        "Momentum 0.9 and weight decay 1e-4 are from memory; the deeper nets have batches of 24 a "
        "GPU. Brightness, contrast and saturation change by up to 20 % in place of HSL; images are "
        "resized bilinearly, not bicubically"
    ),
    epochs=100,
    batch_size=1280,
    lr=0.1**0.5,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(0.3, 0.6, 0.9),
    drop_to=(0.1, 0.01, 0.001),
    crop="resized",
    flip=0.5,
    colour_jitter=0.2,
)

_CLIQUENET = (
    "Yang, Zhong, Shen, Lin 2018, the authors' TensorFlow code: Nesterov momentum 0.9, batch 64, "
    "weight decay 1e-4 on all variables, 0.1 divided by 10 at 50 and 75 % of "
)

CLIQUENET_CIFAR = replace(
    DENSENET_CIFAR_NOAUG,
    source=_CLIQUENET + "300 epochs; no augmentation, dropout",
    departs=(
        "the authors normalise with the statistics of training and test images together, here "
        "those of the training images count. Dropout 0.2 is the network's"
    ),
)

CLIQUENET_SVHN = replace(
    CLIQUENET_CIFAR, source=_CLIQUENET + "40 epochs on SVHN; no augmentation, dropout", epochs=40
)

CLIQUENET_IMAGENET = Recipe(
    source=(
        "Yang, Zhong, Shen, Lin 2018, the authors' PyTorch code: SGD, momentum 0.9, batch 160, "
        "weight decay 1e-4, 0.1 divided by 10 every 30 of 100 epochs; crops of random size, mirror "
        "images"
    ),
    departs="crops have 8 to 100 % of the area and aspects of 3/4 to 4/3",
    epochs=100,
    batch_size=160,
    lr=0.1,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(0.3, 0.6, 0.9),
    drop_to=(0.1, 0.01, 0.001),
    crop="resized",
    flip=0.5,
)

RECIPES = {
    "densenet_cifar": DENSENET_CIFAR,
    "densenet_cifar_noaug": DENSENET_CIFAR_NOAUG,
    "densenet_svhn": DENSENET_SVHN,
    "densenet_imagenet": DENSENET_IMAGENET,
    "msdnet_cifar": MSDNET_CIFAR,
    "msdnet_imagenet": MSDNET_IMAGENET,
    "dpn_imagenet": DPN_IMAGENET,
    "cliquenet_cifar": CLIQUENET_CIFAR,
    "cliquenet_svhn": CLIQUENET_SVHN,
    "cliquenet_imagenet": CLIQUENET_IMAGENET,
}
