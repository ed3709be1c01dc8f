"""What one network says of images under its protocols: views in batches, posteriors out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from cladenet.data.preprocess import Preprocess
from cladenet.device import home_of_float64
from cladenet.evaluation.forward import device_of, scores
from cladenet.evaluation.protocol import Protocol
from cladenet.evaluation.reading import Scaled, Wanted
from cladenet.evaluation.view_specs import View, ViewSpec
from cladenet.layers.classifier import Classifier
from cladenet.surgery.fully_convolutional import to_fully_convolutional

if TYPE_CHECKING:  # a network may be evaluated without being made ready
    from cladenet.inference import FastClassifier

# Pixels in one forward pass, unless one view alone has more: 20 crops of 224 pixels, for which
# VGG-16 takes 0.5 GB.
MOST_PIXELS = 2**20


def crops_at_once(preprocess: Preprocess, batch_size: int) -> int:
    """How many views of the input's size go through a network together, of `batch_size` at most."""
    crop = preprocess.height * preprocess.width
    return max(1, _pixels_at_once(preprocess, batch_size) // crop)


def _pixels_at_once(preprocess: Preprocess, batch_size: int) -> int:
    return min(batch_size * preprocess.height * preprocess.width, MOST_PIXELS)


@dataclass(frozen=True, eq=False)
class EnsembleMember:
    """A network with its way of seeing.

    Args:
        model: on its device already.
        preprocess: from a decoded image to its input.
        protocols: what its answers are made of.
        order: the place of each class of the labels among this network's logits; empty if the same.
        quick: the network made ready by `for_inference`, for views that are crops; by default the
            plain one computes them, too.
    """

    model: Classifier
    preprocess: Preprocess
    protocols: tuple[Protocol, ...]
    order: tuple[int, ...] = ()
    quick: "FastClassifier | None" = None

    @property
    def specs(self) -> tuple[ViewSpec, ...]:
        """Those of all protocols, each once."""
        return tuple(dict.fromkeys(spec for p in self.protocols for spec in p.specs))

    @property
    def limits(self) -> Mapping[Wanted, int]:
        """The scales that its views need, and the pixels that an image may have there."""
        limits: dict[Wanted, int] = {}
        for spec in self.specs:
            key = self.preprocess, spec.scale
            limits[key] = min(spec.most_pixels, limits.get(key, spec.most_pixels))
        return limits


class Viewer:
    """An ensemble member at work.

    Args:
        member: the network and its protocols.
        batch_size: views of the input's size in one forward pass.
        precision: `fp32`, or `bf16` for autocast, of the plain network.

    Raises:
        BadArgument: a view is dense and the head cannot be slid over an image.
    """

    def __init__(self, member: EnsembleMember, batch_size: int, precision: str) -> None:
        self.member = member
        self.device = device_of(member.model)
        self.precision = precision
        self.most_pixels = _pixels_at_once(member.preprocess, batch_size)
        self._networks: dict[bool, nn.Module] = {False: member.model}
        if any(spec.whole for spec in member.specs):
            self._networks[True] = to_fully_convolutional(member.model)

    def posteriors(self, images: Sequence[Scaled]) -> list[Tensor]:
        """Of n images under each protocol: float64 (n, K). No view is computed twice."""
        taken = {spec: self._take(spec, images) for spec in self.member.specs}
        return [
            torch.stack([taken[spec] for spec in protocol.specs]).mean(0)
            for protocol in self.member.protocols
        ]

    def _take(self, spec: ViewSpec, images: Sequence[Scaled]) -> Tensor:
        """The mean over the views of each image, float64 (n, K)."""
        classes = self.member.model.num_classes
        home = home_of_float64(self.device)
        total = torch.zeros(len(images), classes, dtype=torch.float64, device=home)
        for owners, views in self._batches(spec, images):
            pixels = torch.from_numpy(np.stack([view.pixels for view in views]))
            preprocess = self.member.preprocess
            if self.member.quick is not None and not spec.whole:
                logits = self.member.quick(preprocess.to_input(pixels, self.device))
            else:
                network = self._networks[spec.whole]
                logits = scores(network, pixels, preprocess, self.device, self.precision)
            weights = total.new_tensor([view.weight for view in views])
            places = torch.tensor(owners, device=home)
            total.index_add_(0, places, spec.posterior(logits.to(home)) * weights[:, None])
        mean = total / spec.count
        return mean[:, list(self.member.order)] if self.member.order else mean

    def _batches(
        self, spec: ViewSpec, images: Sequence[Scaled]
    ) -> Iterator[tuple[list[int], list[View]]]:
        """Views of one size, also of several images, with the number of the image of each."""
        preprocess = self.member.preprocess
        waiting: dict[tuple[int, ...], tuple[list[int], list[View]]] = {}
        for owner, image in enumerate(images):
            for view in spec.views(image[preprocess, spec.scale], preprocess):
                shape = view.pixels.shape
                owners, views = waiting.setdefault(shape, ([], []))
                owners.append(owner)
                views.append(view)
                if (len(views) + 1) * shape[0] * shape[1] > self.most_pixels:
                    yield waiting.pop(shape)
        yield from waiting.values()
