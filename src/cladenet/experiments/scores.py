"""Figures that need the trained network: measured once and kept in the folder of its run."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from cladenet.checkpoints import Loaded, load
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.data.batches import EvalBatches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.single_scale import evaluate as evaluate_images
from cladenet.experiments.subject import Subject
from cladenet.explain.inside.responses import responses
from cladenet.runs.evaluate.evaluate_run import evaluate
from cladenet.runs.evaluate.scored import opened, scored

KEPT = "measured.json"
IMAGES, BATCH = 512, 128  # for responses: their standard deviation is that of millions of values
Read = Callable[[Subject], float]


def _kept(read: Read) -> Read:
    """Measured once; what else answered, and by which words, is part of the question."""

    @wraps(read)
    def once(subject: Subject) -> float:
        path = subject.run / KEPT
        found: dict[str, float] = json.loads(path.read_bytes()) if path.exists() else {}
        others = [run.name for run in subject.runs[1:]]
        key = json.dumps([read.__name__, others, dict(subject.words)], sort_keys=True)
        if key not in found:
            found[key] = read(subject)
            write_file(path, to_json(found))
        return found[key]

    return once


@_kept
def score(subject: Subject) -> float:
    """Top-1 error in percent by `evaluate`, on held-out images unless the words say otherwise."""
    words: dict[str, Any] = {"split": "val", **subject.words}
    if "shift" in words:
        return _shifted_error(subject.run, **words)
    return evaluate(subject.runs, **words).top1_error


@_kept
def response(subject: Subject) -> float:
    """Mean over the layers of their responses' standard deviation, on held-out images."""
    loaded, images = _held_out(subject.run)
    how = loaded.card.preprocess
    batches = EvalBatches(images.subset(range(min(IMAGES, len(images)))), how, BATCH)
    found = responses(loaded.model, (how.to_input(batch.images) for batch in batches))
    return fmean(layer.std for layer in found)


def _shifted_error(run: Path, shift: tuple[int, ...], split: str) -> float:
    """Top-1 error in percent on images whose red, green and blue levels are raised."""
    loaded, images = _held_out(run, split)
    how = loaded.card.preprocess
    known = {field.name: getattr(how, field.name) for field in fields(how)}
    return evaluate_images(loaded.model, images, Shifted(**known, shift=shift)).top1_error


@dataclass(frozen=True)
class Shifted(Preprocess):
    """Images of another appearance.

    Args:
        shift: what is added to the levels of each channel, which stay within 0 and 255.
    """

    shift: tuple[int, ...] = ()

    def to_input(
        self,
        images: Tensor,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """As that of `Preprocess`, of the levels raised."""
        levels = images.to(torch.int32) + torch.tensor(self.shift, dtype=torch.int32)
        return super().to_input(levels.clamp(0, 255).to(torch.uint8), device, dtype)


def _held_out(run: Path, split: str = "val") -> tuple[Loaded, Split]:
    loaded = load(run)
    return loaded, scored(opened(loaded, None, "stop"), loaded, split, given=False).split
