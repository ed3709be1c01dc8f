"""Whether a run fits its last layer first, where that was left open.

A last layer of random weights sends its errors down through all the others, and with few images
they do not recover (Kumar et al. 2022, arXiv:2202.10054). Fitting it costs one pass over the
images, so it pays wherever it can be done. It is bounded for large data sets, whose regression
would take longer than it saves.
"""

from dataclasses import replace

from torch import nn

from cladenet.checkpoints import Loaded
from cladenet.layers.classifier import Classifier
from cladenet.runs.train.first_weights import has_new_head
from cladenet.runs.train.run import Run

MOST_IMAGES = 5_000  # of training
MOST_CLASSES = 100


def with_probe(run: Run, model: Classifier, weights: Loaded | None) -> tuple[Run, tuple[str, ...]]:
    """The run with `probe` settled, and a note if the last layer is to be fitted."""
    dataset = run.setting.dataset
    fits = (
        weights is not None
        and has_new_head(weights.card, dataset.classes)
        and len(model.heads()) == 1
        and isinstance(model.head[-1], nn.Linear)
        and len(dataset.train) <= MOST_IMAGES
        and len(dataset.classes) <= MOST_CLASSES
    )
    note = "the last layer is new, so it is fitted before all layers train; probe=false skips that"
    return run.settled(replace(run.config, probe=fits)), (note,) if fits else ()
