"""Images as the network sees them, and what it looked at."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cladenet.data.batches import EvalBatches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.explain.attribution.overlay import overlay
from cladenet.explain.attribution.saliency import saliency
from cladenet.layers.classifier import Classifier
from cladenet.report.text import picture

Pixels = NDArray[np.uint8]
LARGEST = 224  # pixels, longest side


class Pictures:
    """The images of a split, prepared for a network.

    Args:
        network: whose saliency is drawn; on its device already.
        split: images and labels.
        preprocess: the network's view.
        device: where the network is.
        batch_size: images in one pass.
    """

    def __init__(
        self,
        network: Classifier,
        split: Split,
        preprocess: Preprocess,
        device: torch.device,
        batch_size: int,
    ) -> None:
        self.network = network
        self.split = split
        self.preprocess = preprocess
        self.device = device
        self.batch_size = batch_size

    def seen(self, places: Sequence[int]) -> list[Pixels]:
        """What the network sees of them, uint8 (H, W, 1 or 3) each."""
        if not len(places):
            return []
        part = self.split.subset(list(places))
        batches = EvalBatches(part, self.preprocess, self.batch_size)
        return [image.numpy() for images, _, _ in batches for image in images]

    def inputs(self, seen: Sequence[Pixels]) -> Tensor:
        """The network's input, (N, C, H, W)."""
        return self.preprocess.to_input(torch.from_numpy(np.stack(seen)), self.device)

    def labelled(self, most: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of the network's input with labels, at most so many images, evenly spread."""
        n = len(self.split)
        places = [i * n // most for i in range(most)] if n > most else list(range(n))
        batches = EvalBatches(self.split.subset(places), self.preprocess, self.batch_size)
        for images, labels, _ in batches:
            yield self.preprocess.to_input(images, self.device), labels.to(self.device)

    def salient(self, seen: Sequence[Pixels], classes: Sequence[int]) -> list[Pixels]:
        """The images in grey, with what speaks for a class in colours."""
        drawn: list[Pixels] = []
        for first in range(0, len(seen), self.batch_size):
            part = seen[first : first + self.batch_size]
            maps = saliency(
                self.network, self.inputs(part), classes[first : first + self.batch_size]
            )
            drawn += [
                overlay(pixels, heat.numpy()) for pixels, heat in zip(part, maps, strict=True)
            ]
        return drawn


def embedded(pixels: Pixels, alternative: str, largest: int = LARGEST) -> str:
    """An image inside the page, at most `largest` pixels: PNG where it is tiny, else JPEG."""
    return picture(pixels, alternative, largest, jpeg_quality=82)


def tiles(pictures: Sequence[Pixels], columns: int, side: int) -> Pixels:
    """Pictures on a grid, each stretched to a square of `side` pixels, uint8 (H, W, 3)."""
    rows = -(-len(pictures) // columns)
    whole = np.full((rows * (side + 2) - 2, columns * (side + 2) - 2, 3), 128, np.uint8)
    for number, pixels in enumerate(pictures):
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        small = max(image.size) <= side
        how = Image.Resampling.NEAREST if small else Image.Resampling.BILINEAR
        y, x = (side + 2) * (number // columns), (side + 2) * (number % columns)
        whole[y : y + side, x : x + side] = np.asarray(
            image.convert("RGB").resize((side, side), how)
        )
    return whole
