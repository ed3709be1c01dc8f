"""How thoroughly a candidate is trained before it is judged, and the images it is judged on."""

from dataclasses import dataclass, field, replace

from cladenet.errors import BadArgument
from cladenet.recipes import Recipe
from cladenet.recipes.searched import AMOEBANET_CIFAR, LARGE_SCALE_EVOLUTION
from cladenet.search.spaces.space import Scale


@dataclass(frozen=True)
class Fidelity:
    """Size, images and recipe of a trial.

    Args:
        recipe: of the training.
        scale: of the network; its classes and channels are those of the data.
        size: side of the images in pixels; 0 is their own.
        channels: 1 for grey images, 3 for colour, 0 for their own.
        train_images: the first so many after a shuffle by class; 0 is all.
        val_images: the same, of those that are held out.
        test_images: the same, of the test split.
        val: fraction of the training images held out, where the data has no such split.
        data_seed: of what is held out and chosen; the same for all trials of a search.
    """

    recipe: Recipe
    scale: Scale = field(default_factory=Scale)
    size: int = 0
    channels: int = 0
    train_images: int = 0
    val_images: int = 0
    test_images: int = 0
    val: float = 0.1
    data_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("size", "train_images", "val_images", "test_images"):
            if getattr(self, name) < 0:
                raise BadArgument(f"{name} is {getattr(self, name)}; expected 0 or more")
        if self.channels not in (0, 1, 3):
            raise BadArgument(f"channels is {self.channels}; expected 1 (grey), 3 (colour) or 0")
        if not 0 < self.val < 1:
            raise BadArgument(f"val is {self.val}; expected a fraction between 0 and 1")


# A short training of a small network: no auxiliary classifier, the running statistics of the norms
# have no time for a mean of whole images, so that pixels are normalised by the data's own mean.
QUICK = replace(
    AMOEBANET_CIFAR,
    source=AMOEBANET_CIFAR.source + "; shortened for search on small images",
    epochs=3,
    batch_size=64,
    lr=0.05,
    weight_decay=5e-4,
    auxiliary=0.0,
    normalise="data",
    crop="none",
    flip=0.5,
)

# The exact table: all 1,442 training digits but those held out, 6 epochs, 8 filters.
DIGITS = Fidelity(
    recipe=replace(QUICK, epochs=6, batch_size=32, lr=0.05, flip=0.0),
    scale=Scale(n=1, width=8, in_channels=1),
    val=0.2,
)

# 4,000 and 1,000 images of 16x16 pixels: a cell network takes some 35 s of one core.
SMALL = Fidelity(
    recipe=QUICK,
    scale=Scale(n=1, width=8),
    size=16,
    channels=1,
    train_images=4_000,
    val_images=1_000,
    test_images=2_000,
)

# AmoebaNet's: N = 3, F = 24, 25 epochs, all images; 5,000 of 50,000 are held out.
PAPER = Fidelity(
    recipe=replace(AMOEBANET_CIFAR, epochs=25, auxiliary=0.0),
    scale=Scale(n=3, width=24),
)

# Large-scale evolution's own: 25,600 steps, 45,000 and 5,000 images of 32x32 pixels.
EVOLUTION = Fidelity(recipe=LARGE_SCALE_EVOLUTION)

# Large-scale evolution trains so many steps from the weights that a child inherits.
STEPS = Fidelity(
    recipe=replace(LARGE_SCALE_EVOLUTION, steps=200),
    size=16,
    channels=1,
    train_images=4_000,
    val_images=1_000,
    test_images=2_000,
)
