"""The worst mistakes of a run with their pictures, and what in them spoke for the wrong answer."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.result import Mistake
from cladenet.explain.attribution.evidence import evidence, tinted
from cladenet.layers.classifier import Classifier

AT_ONCE = 8  # images: what a network of any size has memory for where it was trained


def with_pictures(
    mistakes: Sequence[Mistake], split: Split, model: Classifier, preprocess: Preprocess
) -> tuple[list[Mistake], str]:
    """The mistakes with both pictures, and how the second ones were made.

    Args:
        mistakes: as an evaluation has them.
        split: whose images they are.
        model: that made them, on its device.
        preprocess: how it sees an image.
    """
    device = next(model.parameters()).device
    shown, method = [], ""
    for start in range(0, len(mistakes), AT_ONCE):
        some = mistakes[start : start + AT_ONCE]
        pictures = [split.images.read(mistake.index) for mistake in some]
        views = np.stack([preprocess.prepare(picture) for picture in pictures])
        guesses = torch.tensor([mistake.guess for mistake in some], device=device)
        inputs = preprocess.to_input(torch.from_numpy(views), device)
        maps, method = evidence(model, inputs, guesses)
        for mistake, picture, view, spoke in zip(
            some, pictures, views, maps.float().cpu().numpy(), strict=True
        ):
            shown.append(replace(mistake, picture=picture, evidence=tinted(view, spoke)))
    return shown, method
