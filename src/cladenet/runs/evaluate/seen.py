"""Which of the images that a network is to be scored on it was trained on."""

from cladenet.checkpoints import Loaded
from cladenet.data.check.equal_files import equal_bytes
from cladenet.data.dataset import Split
from cladenet.data.file_images import FileImages
from cladenet.data.sources.open import open_dataset
from cladenet.errors import CladeNetError
from cladenet.runs.folder.division import divided
from cladenet.runs.folder.folder import RunFolder


def seen_in_training(split: Split, loaded: Loaded) -> int:
    """How many images of `split` are files that the run has learnt from, links and copies too.

    0 where the training data are gone, or where one of the two are no image files.
    """
    spec = loaded.card.data.get("spec")
    if not spec or not isinstance(split.images, FileImages):
        return 0
    try:
        training = divided(
            open_dataset(str(spec), verify=False), RunFolder(loaded.folder.parent.parent).split
        ).train
    except CladeNetError:
        return 0
    if not isinstance(training.images, FileImages):
        return 0
    places = [(training.images, n) for n in range(len(training))]
    places += [(split.images, n) for n in range(len(split))]
    groups = equal_bytes(places)
    return int((groups[len(training) :] < len(training)).sum())
