"""The random views of training: boxes or windows cut from stored images, mirrored, recoloured."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.data.augment.crops import Augment, flips, offsets
from cladenet.data.augment.draws import sample_seeds
from cladenet.data.cache.memory import (
    ArrayStore,
    MirroredWindows,
    mirror,
    mirrored_copies,
    put_window,
)
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument

if TYPE_CHECKING:  # what few recipes ask for is imported for them
    from cladenet.data.augment.colour import PrincipalColours
    from cladenet.data.augment.policy import TorchvisionPolicy
    from cladenet.data.cache.store import Store

COLOUR_IMAGES = 2048
WINDOWS_LIMIT = 1 << 30  # bytes of an array padded and kept twice; CIFAR takes half of it


# The epoch, the samples, and for those who decode what to fetch first.
Job = tuple[int, NDArray[np.int64], NDArray[np.int64]]


class TrainViews:
    """(epoch, samples) -> their views in that epoch, uint8 (n, height, width, C).

    Args:
        store: evaluation views, or shrunk images where `augment` cuts boxes.
        preprocess: the network's view.
        augment: the random changes.
        seed: of the changes.
        colours: for `augment.pca_colour`; measured on some of the images if None.
    """

    def __init__(
        self,
        store: "Store",
        preprocess: Preprocess,
        augment: Augment,
        seed: int,
        colours: "PrincipalColours | None" = None,
    ) -> None:
        if augment.crop == "jitter" and augment.short_side[0] < max(
            preprocess.height, preprocess.width
        ):
            raise BadArgument(
                f"short_side is {augment.short_side}, the input "
                f"{preprocess.height}x{preprocess.width}; expected sides at least as long"
            )
        self.store = store
        self.preprocess = preprocess
        self.augment = augment
        self.seed = seed
        self.colour = preprocess.mean_colour()
        self.policy = self._made_policy() if augment.has_policy else None
        self.colours = colours
        if augment.pca_colour and colours is None:
            self.colours = self._measured_colours()
        self._pad = augment.pad if augment.crop == "pad" else 0
        self._array: NDArray[np.uint8] | None = None
        if isinstance(store, ArrayStore) and not (augment.cuts_boxes or augment.has_policy):
            fits = MirroredWindows.nbytes(store.array, self._pad) <= WINDOWS_LIMIT
            self._array = store.array if fits else None
        self._windows: MirroredWindows | None = None
        self._of_epoch: tuple[int, NDArray[np.int64]] | None = None

    def __call__(self, job: Job | tuple[int, NDArray[np.int64]]) -> Tensor:
        """The views of one batch."""
        epoch, samples = job[:2]
        if self._array is not None:
            images = self._gathered(self._array, epoch, samples)
        else:
            cut = self._boxes if self.augment.cuts_boxes else self._padded
            images = cut(epoch, samples, flips(self.augment, self.seed, epoch, samples))
        if self.augment.pca_colour and self.colours is not None:
            from cladenet.data.augment.colour import colour_steps, shift_colours

            std = self.augment.pca_colour
            steps = colour_steps(self.colours, std, self.seed, epoch, samples)
            images = shift_colours(images, steps)
        if self.policy is not None:
            images = self.policy(images, sample_seeds(self.seed, epoch, samples, "policy"))
        return torch.from_numpy(images)

    def _gathered(
        self, array: NDArray[np.uint8], epoch: int, samples: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Windows of an array, mirrored or not; an epoch is drawn at once, with its first batch."""
        if self._windows is None:
            self._windows = MirroredWindows(array, self._pad, self.augment.pad_mode, self.colour)
        drawn = self._of_epoch
        if drawn is None or drawn[0] != epoch:
            every = np.arange(len(array))
            corners = offsets(self.augment, self.seed, epoch, every)
            if not self._pad:
                corners[:] = 0
            mirrored = flips(self.augment, self.seed, epoch, every)
            drawn = self._of_epoch = epoch, self._windows.starts(corners, mirrored)
        return self._windows.cut(drawn[1][samples])

    def _padded(
        self, epoch: int, samples: NDArray[np.int64], mirrored: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Each pixel is written once, from where it is stored to its place in the batch."""
        images = self._windowed(epoch, samples) if self._pad else self.store.stack(samples)
        mirror(images, mirrored)
        return images

    def _windowed(self, epoch: int, samples: NDArray[np.int64]) -> NDArray[np.uint8]:
        images = self._empty(len(samples))
        corners = offsets(self.augment, self.seed, epoch, samples) - self._pad
        for into, index, (top, left) in zip(images, samples, corners.tolist(), strict=True):
            image = self.store[index]
            put_window(into, image, (top, left), self.augment.pad_mode, self.colour)
        return images

    def _empty(self, n: int) -> NDArray[np.uint8]:
        preprocess = self.preprocess
        shape = (n, preprocess.height, preprocess.width, preprocess.channels)
        return np.empty(shape, dtype=np.uint8)

    def _boxes(
        self, epoch: int, samples: NDArray[np.int64], mirrored: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Each image is cut and resized while it is still in the core's cache."""
        from cladenet.data.augment.boxes import BoxDraws
        from cladenet.data.resample import quick_resize

        preprocess = self.preprocess
        draws = BoxDraws(self.augment, preprocess, self.seed, epoch, samples)
        images = self._empty(len(samples))
        jobs = zip(images, samples.tolist(), mirrored.tolist(), strict=True)
        for place, (into, index, is_mirrored) in enumerate(jobs):
            resized = quick_resize(
                self.store.part(index, partial(draws.box, place))[None],
                preprocess.height,
                preprocess.width,
                preprocess.interpolation,
            )
            into[:] = (mirrored_copies(resized) if is_mirrored else resized)[0]
        return images

    def _made_policy(self) -> "TorchvisionPolicy":
        from cladenet.data.augment.policy import TorchvisionPolicy

        return TorchvisionPolicy(self.augment, self.colour)

    def _measured_colours(self) -> "PrincipalColours":
        from cladenet.data.augment.colour import principal_colours

        count = min(COLOUR_IMAGES, len(self.store))
        chosen = np.linspace(0, len(self.store) - 1, count).astype(np.int64)
        return principal_colours(self.store[index] for index in chosen)
