"""How the images of a run looked in training, as far as its protocols follow from it."""

from cladenet.checkpoints import Loaded
from cladenet.evaluation.scales import TrainScale, own_scale
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.setup import NOT_MIRRORED


def train_scale(loaded: Loaded) -> TrainScale:
    """The smallest and largest short side S that crops were cut from in training.

    Where the recipe does not cut crops from scaled images, or the checkpoint lies outside a run's
    folder, it is the short side of the checkpoint's own view.
    """
    config = _config(loaded)
    if config is not None and config.recipe.crop == "jitter":
        return config.recipe.short_side
    side = own_scale(loaded.card.preprocess)
    return side, side


def saw_mirror_images(loaded: Loaded) -> bool:
    """Whether it was trained on mirror images; where nobody knows, as the papers were."""
    config = _config(loaded)
    trained_with = config is None or config.recipe.flip > 0
    return trained_with and loaded.card.data.get("name") not in NOT_MIRRORED


def _config(loaded: Loaded) -> RunConfig | None:
    """Of the run that a checkpoint belongs to.

    Raises:
        CheckpointError: it is damaged.
    """
    folder = RunFolder(loaded.folder.parent.parent)
    return folder.read_config() if folder.holds_run else None
