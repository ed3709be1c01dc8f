"""What is known of a file beside its network: the images that differ, and the accuracy of both."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Differing(NamedTuple):
    """An image of which a file names another class.

    Args:
        image: its path, or `val[17]`.
        network: the class that the network names.
        file: the class that the file names.
        margin: by how much the network's logit of its own class is above that of the file's.
    """

    image: str
    network: str
    file: str
    margin: float


class Measured(NamedTuple):
    """Top-1 of a network and of a file on the same images.

    Args:
        split: that they are of.
        images: how many.
        differing: images of which the file names another class than the network.
        network_right: images that the network names as they are labelled; None without labels.
        file_right: images that the file does.
        unlabelled: why labels were not compared; empty if they were.
    """

    split: str
    images: int
    differing: tuple[Differing, ...]
    network_right: int | None
    file_right: int | None
    unlabelled: str = ""

    @property
    def points_lost(self) -> float | None:
        """Of accuracy, in percent of the images; below 0 where the file is right more often."""
        if self.network_right is None or self.file_right is None:
            return None
        return 100 * (self.network_right - self.file_right) / self.images

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the images."""
        lost = self.points_lost
        return {
            "split": self.split,
            "images": self.images,
            "differing": len(self.differing),
            "network_right": self.network_right,
            "file_right": self.file_right,
            "points_lost": lost if lost is None else round(lost, 4),
        }


def differing(
    network: NDArray[np.floating],
    file: NDArray[np.floating],
    images: Sequence[str],
    classes: Sequence[str],
) -> tuple[Differing, ...]:
    """The images whose most probable class is another.

    Args:
        network: its logits or logarithms of posteriors, (N, K).
        file: the file's, or its posteriors, (N, K).
        images: N names.
        classes: K names.
    """
    found = []
    for row, (ours, theirs) in enumerate(zip(network.argmax(1), file.argmax(1), strict=True)):
        if ours != theirs:
            margin = float(network[row, ours] - network[row, theirs])
            found.append(Differing(images[row], classes[ours], classes[theirs], margin))
    return tuple(found)
