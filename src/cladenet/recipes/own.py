"""cladenet's own recipes: what does well on the data that people have."""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

DEFAULT = Recipe(
    source=(
        "cladenet's own: what the field has settled on for training from scratch on little data"
    ),
    departs="of no paper",
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

LINEAR_PROBE = Recipe(
    source=(
        "cladenet's own: the last layer is fitted to features, computed once, before the first "
        "step, and nothing is trained after it"
    ),
    departs="of no paper",
    steps=1,
    batch_size=32,
    lr=0.0,
    weight_decay=0.0,
)

RECIPES = {
    "default": DEFAULT,
    "default_small": DEFAULT_SMALL,
    "fine_tune": FINE_TUNE,
    "linear_probe": LINEAR_PROBE,
}
