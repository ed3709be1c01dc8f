"""Training in seconds or minutes: images of 32 pixels, a few hundred steps.

The papers' and codes' rates are per sum of the losses of a batch; here the loss is the batch's
mean, so that they are multiplied with the batch size.
"""

from cladenet.recipes.recipe import Recipe

# The rate and the decay of the code do not depend on the momentum u: what torch gets is divided by
# 1 + 1 / (1 - u), the sum of what a gradient moves with Nesterov's momentum.
_MOMENTUM = 0.85
_RATE = 11.5 / (1 + 1 / (1 - _MOMENTUM))

AIRBENCH94 = Recipe(
    source="Jordan 2024, arXiv:2404.00498, Sec. 3; the code, airbench94.py",
    departs=(
        "filters whiten the patches of the first batch, augmented, not of 5,000 images; the bias "
        "of the first convolution stops at 30 % of the run, not after 3 epochs"
    ),
    epochs=9.9,
    batch_size=1024,
    lr=_RATE,
    bias_lr=64.0,
    head_lr=1 / 81,  # logits are times 1/9 in the code: see models/airbench.py
    momentum=_MOMENTUM,
    nesterov=True,
    weight_decay=0.0153 / 11.5,
    schedule="linear",
    warmup=0.23,
    warmup_lr=0.2,
    final_lr=0.07,
    label_smoothing=0.2,
    lookahead=5,
    lookahead_decay=0.95**5,
    crop="pad",
    pad=2,
    pad_mode="reflect",
    flip=0.5,
    flips="alternating",
    made_for="airbench94",
)

SPEEDRUN = Recipe(
    source=(
        "cladenet's own, after Jordan 2024, arXiv:2404.00498, and the code airbench94_muon.py: "
        "rates chosen by what 3 epochs of 18,000 images of CIFAR-10 came to"
    ),
    departs="of no paper",
    epochs=8,
    least_steps=150,
    batch_size=500,
    optimizer="muon",
    lr=0.24,
    bias_lr=10.0,
    head_lr=0.1,
    momentum=0.6,
    nesterov=True,
    weight_decay=1e-3,
    schedule="linear",
    label_smoothing=0.2,
    crop="pad",
    pad=2,
    pad_mode="reflect",
    flip=0.5,
    flips="alternating",
    made_for="airbench94_slim",
)

PAPERS = {"airbench94": AIRBENCH94}
OWN = {"speedrun": SPEEDRUN}
RECIPES = {**OWN, **PAPERS}
