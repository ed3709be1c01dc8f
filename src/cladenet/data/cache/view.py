"""What is kept of an image: the network's view, or the image itself, shrunk."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cladenet.data.dataset import EncodedImages
from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import shrink


@dataclass(frozen=True)
class View:
    """What is kept of an image.

    Args:
        preprocess: how a network sees it.
        side: None for the evaluation view; else the image itself, shrunk to this short side.
    """

    preprocess: Preprocess
    side: int | None = None

    def of(self, images: EncodedImages, index: int) -> NDArray[np.uint8]:
        """The view of one file, uint8 (H, W, C)."""
        return self._of(images.read(index, reduce_to=self.side))

    def checked(self, images: EncodedImages, index: int) -> tuple[NDArray[np.uint8], bool]:
        """The view of one file, and whether its bytes are those of its key."""
        image, is_known = images.decoded(index, self.side)
        return self._of(image), is_known

    def _of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.side is None:
            return self.preprocess.prepare(image)
        return shrink(image, self.side, self.preprocess.interpolation)

    def described(self) -> dict[str, object]:
        """All that its pixels depend on, besides the file."""
        preprocess = self.preprocess.to_json()
        names = ["channels", "exif", "interpolation", "white_level", "max_megapixels"]
        if self.side is not None:
            return {"side": self.side, **{name: preprocess[name] for name in names}}
        names += ["fit", "height", "width", "resize"]
        return {"side": None, "resized_by": "pillow", **{name: preprocess[name] for name in names}}
