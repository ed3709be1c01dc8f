"""The recipes of the papers, with their sources."""

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
    normalise="data",
    crop="jitter",
    short_side=(256, 256),
    flip=0.5,
    pca_colour=0.1,
)

VGG = replace(
    ALEXNET,
    source=(
        "Simonyan, Zisserman 2015, Sec. 3.1: SGD, momentum 0.9, batch 256, weight decay 5e-4, 0.01"
        " divided by 10 three times when the validation accuracy stalls, 74 epochs; training scale"
        " S in [256, 512], 224 crops, mirror images, AlexNet's colour shift"
    ),
    departs=(
        "the drops come after 5 validations without a better error. Jittered scales from the "
        "start: the paper fine-tunes them from a net trained at S = 384"
    ),
    epochs=74,
    batch_size=256,
    short_side=(256, 512),
)

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
    departs=("channel means and deviations in place of the per-pixel mean"),
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
    "80 %, here it is 400 of 64k steps",
    warmup=400 / 64_000,
    warmup_lr=0.1,
    warmup_shape="constant",
)

DEFAULT = Recipe(
    source=(
        "cladenet's own: what the field has settled on for training from scratch on little data"
    ),
    departs=("of no paper"),
    epochs=60,
    least_steps=600,
    batch_size=64,
    optimizer="adamw",
    lr=1e-3,
    weight_decay=0.05,
    decay_all=False,
    clip_norm=1.0,
    schedule="cosine",
    warmup=0.05,
    warmup_lr=0.01,
    final_lr=0.001,
    label_smoothing=0.1,
    ema=0.99,
    crop="resized",
    scale=(0.35, 1.0),
    flip=0.5,
    policy="trivialaugment",
)

# Images of up to 48 pixels lose too much by crops of a third of their area, and bear higher rates.
DEFAULT_SMALL = replace(DEFAULT, least_steps=1200, lr=3e-3, crop="pad", pad=2, policy="none")

FINE_TUNE = replace(DEFAULT, epochs=20, least_steps=200, lr=3e-4, ema=0.98, scale=(0.5, 1.0))
