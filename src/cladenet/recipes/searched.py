"""The recipes of the networks that search found: NASNet, AmoebaNet, ENAS, evolved
DNA.

Probabilities of dropped paths and dropout are the networks': their values of the papers are the
defaults of each variant.
"""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

NASNET_CIFAR = Recipe(
    source=(
        "Zoph, Vasudevan, Shlens, Le 2018, arXiv:1707.07012, Appendix A.2 and the authors' code: "
        "momentum 0.9, from 0.025 by a cosine to 0 in 600 epochs, batch 32, weight decay 5e-4, "
        "gradients of norm 5 at most, auxiliary classifier with weight 0.4; images whitened one by "
        "one, crops of 32 from 40 pixels, mirror images"
    ),
    departs="nothing that is known",
    epochs=600,
    batch_size=32,
    lr=0.025,
    weight_decay=5e-4,
    clip_norm=5.0,
    schedule="cosine",
    auxiliary=0.4,
    normalise="gcn",
    crop="pad",
    flip=0.5,
)

NASNET_IMAGENET = Recipe(
    source=(
        "Zoph, Vasudevan, Shlens, Le 2018, arXiv:1707.07012, Appendix A.4: RMSProp with decay and "
        "momentum 0.9 and epsilon 1, label smoothing 0.1, auxiliary classifier with weight 0.4, "
        "average of the weights; the authors' code: the rate 3 % lower every 2.4 epochs, gradients "
        "of norm 10 at most, 0.9999; crops of Inception"
    ),
    departs=(
        "length, rate and batch are those of the code for one of 50 workers, from memory: 0.04, "
        "batch 32; 250 epochs. One process takes the updates of all. Brightness, contrast and "
        "saturation change by up to 40 %"
    ),
    epochs=250,
    batch_size=32,
    optimizer="rmsprop",
    lr=0.04,
    rms_epsilon=1.0,
    weight_decay=4e-5,
    clip_norm=10.0,
    schedule="exponential",
    drop_parts=104,
    drop_factor=0.97,
    label_smoothing=0.1,
    auxiliary=0.4,
    ema=0.9999,
    normalise="half",
    crop="resized",
    flip=0.5,
    colour_jitter=0.4,
)

AMOEBANET_CIFAR = replace(
    NASNET_CIFAR,
    source=(
        "Real, Aggarwal, Huang, Le 2019, arXiv:1802.01548: as NASNet, but from 0.024, batch 128, "
        "auxiliary classifier with weight 0.5"
    ),
    batch_size=128,
    lr=0.024,
    auxiliary=0.5,
)

AMOEBANET_IMAGENET = replace(
    NASNET_IMAGENET,
    source=(
        "Real, Aggarwal, Huang, Le 2019, arXiv:1802.01548: RMSProp with decay and momentum 0.9 and "
        "epsilon 0.1, rate 0.001 and 3 % lower every 2 epochs, weight decay 4e-5, label smoothing "
        "0.1, auxiliary classifier with weight 0.4, on 100 GPUs"
    ),
    departs=(
        "length and batch are not printed: 250 epochs, batch 32 each step of one process. The "
        "average of the weights as for NASNet. Brightness, contrast and saturation change by up to "
        "40 %"
    ),
    lr=0.001,
    rms_epsilon=0.1,
    clip_norm=0.0,
    drop_parts=125,
)

_ENAS = (
    "Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268, Sec. 3.2 and the authors' code: Nesterov "
    "momentum 0.9, cosines from 0.05 that begin anew after 10, 30, 70, ... epochs, weight decay "
)

ENAS_MACRO = Recipe(
    source=_ENAS + "2e-4, gradients of norm 5 at most, batch 100, 310 epochs down to 0.001",
    departs="nothing that is known",
    epochs=310,
    batch_size=100,
    lr=0.05,
    nesterov=True,
    weight_decay=2e-4,
    clip_norm=5.0,
    schedule="cosine",
    cycles=5,
    final_lr=0.02,
    crop="pad",
    flip=0.5,
)

ENAS_MICRO = replace(
    ENAS_MACRO,
    source=(
        _ENAS
        + "2e-4, gradients of norm 5 at most, batch 144, 630 epochs down to 0.0001, auxiliary "
        "classifier with weight 0.4"
    ),
    epochs=630,
    batch_size=144,
    cycles=6,
    final_lr=0.002,
    auxiliary=0.4,
)

LARGE_SCALE_EVOLUTION = Recipe(
    source=(
        "Real et al. 2017, arXiv:1703.01041, Sec. 3 and a re-implementation: momentum 0.9, rate "
        "0.1 of the first individual, batch 50, weight decay 1e-4, 25,600 steps (from memory), "
        "45,000 images for training and 5,000 for choosing"
    ),
    departs="whether images are augmented is not known here: they are not",
    steps=25_600,
    batch_size=50,
    lr=0.1,
    weight_decay=1e-4,
)

RECIPES = {
    "nasnet_cifar": NASNET_CIFAR,
    "nasnet_imagenet": NASNET_IMAGENET,
    "amoebanet_cifar": AMOEBANET_CIFAR,
    "amoebanet_imagenet": AMOEBANET_IMAGENET,
    "enas_macro": ENAS_MACRO,
    "enas_micro": ENAS_MICRO,
    "large_scale_evolution": LARGE_SCALE_EVOLUTION,
}
