"""Batches of images that may have to be decoded."""

from dataclasses import dataclass

from torch import Tensor

from cladenet.data.augment.views import Job, TrainViews
from cladenet.data.cache.file_store import FileStore
from cladenet.data.cache.kept import KeptImages
from cladenet.data.images.opening import quiet


@dataclass(frozen=True)
class Making:
    """A batch from its job.

    Args:
        views: of the images in `store`.
        store: what has them.
    """

    views: TrainViews
    store: FileStore | KeptImages

    def __call__(self, job: Job) -> Tensor:
        """The views of the samples."""
        epoch, samples, ahead = job
        self.store.begin(epoch)
        if len(ahead) and self.store.missing(samples):
            self.store.images.bring(ahead)
        with quiet:  # entered once for all of the batch
            return self.views(job)
