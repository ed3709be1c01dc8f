"""The recipes of the vision transformer: pre-training by data set, and fine-tuning."""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

_VIT = "Dosovitskiy et al. 2021, arXiv:2010.11929, "

VIT_IMAGENET = Recipe(
    source=(
        _VIT + "Table 3 and Appendix B.1: Adam, 0.9 and 0.999, 10,000 steps of warm-up to 3e-3, "
        "then a cosine, 300 epochs of ImageNet-1k, batch 4096, weight decay 0.3, gradients of norm "
        "1 at most, dropout 0.1; images of 224 pixels"
    ),
    departs=(
        "crops have 8 to 100 % of the area and aspects of 3/4 to 4/3, images are resized "
        "bilinearly. Weights decay decoupled from the gradient, as in the authors' code"
    ),
    drop_rate=0.1,
    epochs=300,
    batch_size=4096,
    optimizer="adamw",
    lr=3e-3,
    weight_decay=0.3,
    clip_norm=1.0,
    schedule="cosine",
    warmup=10_000 / 93_900,  # 300 epochs of 313 steps
    normalise="half",
    crop="resized",
    flip=0.5,
)

VIT_IMAGENET21K = replace(
    VIT_IMAGENET,
    source=(
        _VIT + "Table 3: Adam, 10,000 steps of warm-up to 1e-3, then linearly to 0, 90 epochs of "
        "ImageNet-21k, batch 4096, weight decay 0.03, dropout 0.1"
    ),
    epochs=90,
    lr=1e-3,
    weight_decay=0.03,
    clip_norm=0.0,
    schedule="linear",
    warmup=10_000 / 312_000,  # 14.2M images: 90 epochs of 3,467 steps
)

VIT_JFT = replace(
    VIT_IMAGENET21K,
    source=(
        _VIT + "Table 3: Adam, 10,000 steps of warm-up, then linearly to 0, batch 4096, weight "
        "decay 0.1, no dropout, 14 epochs of JFT-300M; 3e-4 for H/14, which was trained there alone"
    ),
    departs="the data are not public. " + VIT_IMAGENET.departs,
    epochs=14,
    lr=3e-4,
    drop_rate=0.0,
    weight_decay=0.1,
    warmup=10_000 / 1_036_000,  # 303M images: 14 epochs of 74,000 steps
)

VIT_FINE_TUNE = Recipe(
    source=(
        _VIT + "Table 4 and Appendix B.1.1: momentum 0.9, batch 512, 20,000 steps on ImageNet, a "
        "cosine to 0, the best of 0.003, 0.01, 0.03 and 0.06, no weight decay, gradients of norm 1 "
        "at most; images of 384 pixels"
    ),
    departs=(
        "0.01 of the four rates; lr=... takes another. Crops have 8 to 100 % of the area and "
        "aspects of 3/4 to 4/3. The new head is drawn, not 0. Averages (0.9999) are the paper's "
        "for 512 and 518 pixels alone: ema=0.9999"
    ),
    steps=20_000,
    batch_size=512,
    lr=0.01,
    weight_decay=0.0,
    clip_norm=1.0,
    schedule="cosine",
    normalise="half",
    crop="resized",
    flip=0.5,
)

RECIPES = {
    "vit_imagenet": VIT_IMAGENET,
    "vit_imagenet21k": VIT_IMAGENET21K,
    "vit_jft": VIT_JFT,
    "vit_fine_tune": VIT_FINE_TUNE,
}
