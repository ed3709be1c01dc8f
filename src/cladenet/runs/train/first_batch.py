"""What layers take from the first batch before the first step."""

import torch

from cladenet.data.batches import TrainBatches
from cladenet.data.preprocess import Preprocess
from cladenet.layers.classifier import Classifier
from cladenet.models.whitening import whitening_layers
from cladenet.plural import counted
from cladenet.surgery.weight_norm import initialise_from_data, weight_normalised


def fit_to_data(
    model: Classifier, batches: TrainBatches, preprocess: Preprocess, device: torch.device
) -> tuple[str, ...]:
    """Set what whitening and weight normalisation take from the first batch, and say so.

    All processes do alike.
    """
    whitening, normalised = whitening_layers(model), weight_normalised(model)
    images = preprocess.to_input(batches.first(), device)
    model.to(device)
    notes = []
    for layer in whitening:
        layer.fit(images)
        notes.append(
            f"the {layer.out_channels} filters of the first convolution whiten the patches of the "
            f"first {counted(len(images), 'image')}, and stay"
        )
    if normalised:
        initialise_from_data(model, images)
        notes.append(
            f"the scales of {len(normalised)} weight-normalised convolutions come from the first "
            f"{counted(len(images), 'image')}"
        )
    return tuple(notes)
