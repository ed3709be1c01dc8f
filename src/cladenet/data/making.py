"""Batches of images that may have to be decoded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cladenet.data.augment.views import TrainViews
from cladenet.data.cache.file_store import FileStore
from cladenet.data.cache.kept import KeptImages
from cladenet.data.images.opening import quiet


@dataclass(frozen=True)
class Making:
    """A batch from its job: the epoch, its samples, and what to fetch first.

    Args:
        views: of the images in `store`.
        store: what has them.
    """

    views: TrainViews
    store: FileStore | KeptImages

    def __call__(self, job: tuple[int, NDArray[np.int64], NDArray[np.int64]]) -> Tensor:
        """The views of the samples."""
        epoch, samples, ahead = job
        self.store.begin(epoch)
        if len(ahead) and self.store.missing(samples):
            self.store.images.bring(ahead)
        with quiet:  # entered once for all of the batch
            return self.views(job)
