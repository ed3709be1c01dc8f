"""A file beside its network on many images: which it names otherwise, and what that costs."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from cladenet.checkpoints import Loaded
from cladenet.data.preprocess import Preprocess
from cladenet.export.runtime import ExportedModel
from cladenet.export.verify.images import Drawn, Trials
from cladenet.export.verify.measured import Measured, differing
from cladenet.export.verify.reference import Reference

MEASURED_ON = 1000  # images, drawn once for all
BATCH = 20


class Measurement:
    """Asks a network once, and files after it, about the same images.

    Args:
        reference: the network.
        preprocess: from decoded images to its pixels.
        drawn: images to draw from.
        classes: names, by label.
    """

    def __init__(
        self,
        reference: Reference,
        preprocess: Preprocess,
        drawn: Drawn,
        classes: tuple[str, ...],
    ) -> None:
        self._reference, self._preprocess, self._classes = reference, preprocess, classes
        whole = drawn.split
        count = min(MEASURED_ON, len(whole))
        chosen = np.sort(np.random.default_rng(0).permutation(len(whole))[:count])
        self._drawn = drawn._replace(split=whole.subset(chosen))
        self._logits: NDArray[np.floating] | None = None

    def of(self, model: ExportedModel) -> Measured:
        """Of one file, in the runtime that it was opened in."""
        if self._logits is None:
            logits = [self._reference.logits(pixels, torch.float32) for pixels in self._batches()]
            self._logits = np.concatenate(logits)
        found = np.concatenate([model.answer(pixels) for pixels in self._batches()])
        name, split, unlabelled = self._drawn
        right = [int((of.argmax(1) == split.labels).sum()) for of in (self._logits, found)]
        others = differing(self._logits, found, split.ids, self._classes)
        network, file = (None, None) if unlabelled else right
        return Measured(name, len(split), others, network, file, unlabelled)

    def _batches(self) -> Iterator[NDArray[np.uint8]]:
        """uint8 (N, height, width, C)."""
        images = self._drawn.split.images
        for start in range(0, len(images), BATCH):
            part = range(start, min(start + BATCH, len(images)))
            yield np.stack([self._preprocess.prepare(images.read(place)) for place in part])


def measurement(loaded: Loaded, reference: Reference, trials: Trials) -> Measurement | None:
    """Of a network on the images that a file is tried on; None where there are no real ones."""
    if trials.drawn is None:
        return None
    card = loaded.card
    return Measurement(reference, card.preprocess, trials.drawn, card.classes)
