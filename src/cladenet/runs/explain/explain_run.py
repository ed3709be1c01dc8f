"""`explain`: reads a run, looks at its answers and its network, and writes the page."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cladenet.checkpoints import Loaded, load
from cladenet.checkpoints.atomic import write_file
from cladenet.data.dataset import Split
from cladenet.data.images.decode import readable
from cladenet.device import choose_device
from cladenet.errors import BadArgument, CheckpointError, DataError
from cladenet.evaluation.softmax import softmax
from cladenet.explain.calibration import Calibration, calibration
from cladenet.explain.embedding import embedding_map
from cladenet.explain.label_errors import Suspect, suspects
from cladenet.keywords import by_keyword
from cladenet.layers.classifier import Classifier
from cladenet.report import results
from cladenet.report.facts import SPLIT_NAMES
from cladenet.runs.evaluate.scored import opened, scored
from cladenet.runs.explain.answers import Answers, answers_of
from cladenet.runs.explain.options import ExplainOptions
from cladenet.runs.explain.page import answers as of_answers
from cladenet.runs.explain.page import exits, features, inside, space, trust
from cladenet.runs.explain.page.page import page
from cladenet.runs.explain.pictures import Pictures, Pixels
from cladenet.runs.predict.given_images import expanded, read
from cladenet.runs.undisturbed import undisturbed
from cladenet.translations import page_translated

SHOWN = 12  # mistakes of each kind
LEAST_FOR_A_MAP = 4  # images
MOST_CHECKPOINTS = 8


class Explained(NamedTuple):
    """What was written, and its figures.

    Args:
        page: the file.
        split: the images that were looked at.
        classes: names, by label.
        answers: of all of them.
        calibration: how far they can be trusted.
        suspects: labels in doubt, the most doubtful first.
        notes: sentences for the user.
        seconds: without loading.
    """

    page: Path
    split: Split
    classes: tuple[str, ...]
    answers: Answers
    calibration: Calibration
    suspects: tuple[Suspect, ...]
    notes: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "page": str(self.page),
            **self.answers.evaluation.summary(),
            "ece": self.calibration.ece,
            "temperature": self.calibration.temperature,
            "ece_after": self.calibration.ece_after,
            "labels_in_doubt": [
                {
                    "id": str(self.split.ids[each.index]),
                    "label": self.classes[each.label],
                    "likely": self.classes[each.likely],
                    "margin": each.margin,
                }
                for each in self.suspects
            ],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


@by_keyword(ExplainOptions)
@undisturbed()
def explain_run(run: str | Path, options: ExplainOptions) -> Explained:
    """Write one page on why a run answers as it does: mistakes, calibration, labels, features.

    Args:
        run: run or checkpoint folder.
        options: keywords, see `ExplainOptions`.

    Raises:
        BadArgument: an argument is out of range, or a split is not there.
        DataError: the data cannot be opened or are not the ones that the run divided, or a given
            image cannot be read.
        CheckpointError: the checkpoint is damaged, or tells other classes apart than the data.
        StorageError: the page cannot be written.
    """
    if options.limit < 1 or options.batch_size < 1:
        raise BadArgument(
            f"limit is {options.limit} and batch_size {options.batch_size}; expected 1 or more of "
            "each"
        )
    device = choose_device(options.device)
    loaded = options.limits(load(run))
    given = _given(options.images, loaded)
    whole = opened(loaded, options.data, options.on_unreadable)
    dataset, name, images, notes = scored(
        whole, loaded, options.split, given=options.data is not None
    )
    start = time.perf_counter()
    if len(images) > options.limit:
        notes += (f"{options.limit:,} of {len(images):,} images were looked at, evenly spread",)
        images = images.subset(np.arange(options.limit) * len(images) // options.limit)
    network = loaded.model.to(device)
    preprocess = replace(loaded.card.preprocess)
    found = answers_of(network, images, preprocess, options.batch_size, device)
    calibrated = calibration(found.logits, found.labels)
    doubted = suspects(found.posteriors, found.labels)
    pictures = Pictures(network, images, preprocess, device, options.batch_size)
    text = page(
        f"{loaded.card.network} on {dataset.name}",
        SPLIT_NAMES.get(name, name),
        found,
        calibrated,
        len(doubted),
        _sections(loaded, pictures, found, calibrated, doubted, given, name),
        notes,
    )
    place = Path(options.out) if options.out else _beside(loaded)
    write_file(place, page_translated(text, keep=loaded.card.classes).encode())
    return Explained(
        place,
        images,
        loaded.card.classes,
        found,
        calibrated,
        doubted,
        notes,
        time.perf_counter() - start,
    )


def _sections(
    loaded: Loaded,
    pictures: Pictures,
    found: Answers,
    calibrated: Calibration,
    doubted: Sequence[Suspect],
    given: dict[str, Pixels],
    split: str,
) -> list[str]:
    classes = loaded.card.classes
    worst = found.mistakes(SHOWN)
    uncertain = found.least_certain(SHOWN, but=worst)
    seen = list(given.values())
    units = features.units_of(pictures)
    checkpoints = _checkpoints(loaded, pictures.device) if units else {}
    several = len(found.labels) >= LEAST_FOR_A_MAP
    return [
        of_answers.given_images(
            list(given), seen, _posteriors(pictures, seen), pictures, classes
        ),
        of_answers.chosen_answers(
            "mistakes",
            "Worst mistakes",
            "The wrong answers with the highest loss: what spoke for the answer, what for the "
            "label. Sometimes it is the label that is wrong.",
            worst, found, pictures, classes,
        ),
        of_answers.chosen_answers(
            "uncertain",
            "Least certain mistakes",
            "The wrong answers whose first two classes are closest.",
            uncertain, found, pictures, classes,
        ),
        results.confusion(found.evaluation, classes),
        of_answers.browser(found, pictures, classes),
        trust.calibrated(calibrated),
        results.per_class(found.evaluation, classes),
        trust.suspected(doubted, found, pictures, classes, trained_on=split == "train"),
        space.map_of_images(
            embedding_map(found.features) if several else None, found, classes, pictures.split.ids
        ),
        exits.exits(loaded, pictures.split, pictures.batch_size),
        features.gallery(
            units,
            features.first_filters(loaded.model),
            features.evolved(units, pictures, checkpoints),
        ),
        inside.inside(loaded.model, list(pictures.labelled(inside.LOOKED_AT))),
    ]  # fmt: skip


def _given(words: Sequence[str], loaded: Loaded) -> dict[str, Pixels]:
    """The named images as the network sees them, by path."""
    found: dict[str, Pixels] = {}
    for source in expanded(words):
        found[str(source)] = read(source, loaded.card.preprocess)
    if words and not found:
        raise DataError(f"{readable(', '.join(words))}: no images were found there")
    return found


def _posteriors(pictures: Pictures, seen: Sequence[Pixels]) -> np.ndarray:
    if not seen:
        return np.zeros((0, 1))
    with torch.inference_mode():
        return softmax(pictures.network(pictures.inputs(seen)).float().cpu().numpy())


def _checkpoints(loaded: Loaded, device: torch.device) -> dict[int, Classifier]:
    """The network by step, the earliest first, of the whole checkpoints that the run has kept."""
    found: dict[int, Classifier] = {loaded.card.step: loaded.model}
    if loaded.folder.parent.name != "checkpoints":
        return found
    for folder in sorted(loaded.folder.parent.glob("*-*[0-9]")):
        try:
            other = load(folder)
        except CheckpointError:  # damaged; what is whole is shown
            continue
        if other.card.network == loaded.card.network:
            found.setdefault(other.card.step, other.model.to(device))
    return dict(sorted(found.items())[-MOST_CHECKPOINTS:])


def _beside(loaded: Loaded) -> Path:
    """`explain.html` in the run's folder, or in the checkpoint's where there is no run."""
    run = loaded.folder.parent.parent
    home = run if loaded.folder.parent.name == "checkpoints" else loaded.folder
    return home / "explain.html"
