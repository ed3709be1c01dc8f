"""Runs under the papers' protocols, alone and fused: the rows of VGG's Tables 3 to 6."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from cladenet.checkpoints import Loaded, load
from cladenet.data.dataset import Split
from cladenet.device import check_calibration, check_precision, choose_device
from cladenet.errors import BadArgument
from cladenet.evaluation.ensemble import evaluate, too_large_for
from cladenet.evaluation.options import PLAIN_PRECISIONS
from cladenet.evaluation.protocol import ALL, DENSE, PLAIN, ViewOptions, parse_names, protocols_for
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.scales import TrainScale
from cladenet.evaluation.viewer import EnsembleMember, crops_at_once
from cladenet.html_table import html_table
from cladenet.keywords import by_keyword
from cladenet.runs.evaluate.ensemble_checks import class_order, refuse_other_classes, same_images
from cladenet.runs.evaluate.evaluated import HEADINGS, Evaluated, Viewing
from cladenet.runs.evaluate.options import EvaluateOptions
from cladenet.runs.evaluate.quick import as_sentence, quick
from cladenet.runs.evaluate.trained_how import saw_mirror_images
from cladenet.runs.evaluate.trained_how import train_scale as train_scale_of
from cladenet.runs.undisturbed import undisturbed
from cladenet.surgery.fully_convolutional import to_fully_convolutional


@dataclass(frozen=True, eq=False)
class ProtocolTable:
    """Every run under every protocol, then the ensemble of several under every protocol.

    Args:
        rows: in that order.
        notes: sentences for the user.
    """

    rows: tuple[Evaluated, ...]
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        """A row each, which a notebook shows."""
        first = self.rows[0]
        rows = [row.headline() for row in self.rows]
        return html_table(HEADINGS, rows, f"{first.split} images of {first.data}")

    def to_json(self) -> dict[str, Any]:
        """Plain values: what all rows share, and of each its headline figures."""
        first = self.rows[0]
        rows = [
            {
                "network": row.network,
                **row.weights_to_json(),
                "protocol": row.protocol,
                **(row.viewing.to_json() if row.viewing else {}),
                **row.evaluation.summary(),
            }
            for row in self.rows
        ]
        return {
            "data": first.data,
            "split": first.split,
            "precision": first.precision,
            "seconds": round(first.seconds, 3),
            "notes": list(self.notes),
            "rows": rows,
        }


@by_keyword(EvaluateOptions)
@undisturbed()
def evaluate_protocols(
    runs: str | Path | Sequence[str | Path], options: EvaluateOptions
) -> ProtocolTable:
    """Errors of runs under protocols, in one pass over the images.

    Args:
        runs: run or checkpoint folder; several are also averaged (an ensemble).
            They must mean the same images by a split.
        options: keywords, see `EvaluateOptions`.

    Raises:
        BadArgument: an unknown name, a scale that is too small, runs that do not go together, or a
            head that cannot be slid over an image.
        DataError: the data cannot be opened or are not the ones that a run divided; an image is too
            large at a scale.
        CheckpointError: a checkpoint is damaged, or tells other classes apart than the data.
    """
    return table_of([runs] if isinstance(runs, str | PathLike) else runs, options)


def table_of(runs: Sequence[str | Path], options: EvaluateOptions) -> ProtocolTable:
    """`evaluate_protocols` of a list of runs."""
    names = parse_names(options.protocol or ALL)
    trained = _as_range(options.train_scale)
    device = choose_device(options.device)
    check_precision(options.precision, device.type, PLAIN_PRECISIONS)
    check_calibration(options.calibration, options.precision)
    loaded = [options.limits(load(run)) for run in runs]
    if not loaded:
        raise BadArgument("no run is given; give at least one run folder")
    refuse_other_classes(loaded)
    asked = same_images(loaded, options.data, options.split, options.on_unreadable)
    notes = [note for each in asked for note in each.notes]
    if (options.protocol or ALL) == ALL:
        names = _possible(names, loaded, notes)
    sides = [trained or train_scale_of(each) for each in loaded]
    members = [
        _member(each, names, side, options, class_order(loaded[0], each), notes)
        for each, side in zip(loaded, sides, strict=True)
    ]
    images = asked[0].split
    if options.on_unreadable == "skip":
        images = _without_too_large(images, members, notes)
    start = time.perf_counter()
    members = [
        _ready(each, member, options, device) for each, member in zip(loaded, members, strict=True)
    ]
    alone, ensemble = evaluate(members, images, options)
    seconds, unique_notes = time.perf_counter() - start, tuple(dict.fromkeys(notes))

    def row(place: int, evaluation: Evaluation, of: Sequence[int]) -> Evaluated:
        protocol = [members[i].protocols[place] for i in of]
        return Evaluated(
            evaluation=evaluation,
            network=" + ".join(loaded[i].card.network for i in of),
            checkpoint=loaded[of[0]].folder,
            data=asked[0].dataset.spec,
            split=asked[0].name,
            protocol=names[place],
            precision=options.precision,
            classes=loaded[0].card.classes,
            notes=unique_notes,
            seconds=seconds,
            engine=_engine([members[i] for i in of]),
            viewing=Viewing(
                checkpoints=tuple(loaded[i].folder for i in of),
                trained=tuple(sides[i] for i in of),
                scales=tuple(each.scales for each in protocol),
                views=tuple(each.views for each in protocol),
            ),
        )

    rows = [
        row(place, evaluation, of)
        for of, found in [
            *(([i], found) for i, found in enumerate(alone)),
            (list(range(len(loaded))), ensemble),
        ]
        for place, evaluation in enumerate(found)
    ]
    return ProtocolTable(tuple(rows), unique_notes)


def _as_range(train_scale: Sequence[int]) -> TrainScale | None:
    if not train_scale:
        return None
    if len(train_scale) > 2 or not 1 <= train_scale[0] <= train_scale[-1]:
        raise BadArgument(
            f"train_scale is {','.join(map(str, train_scale))}; expected one short side in pixels, "
            "such as 256, or the smallest and the largest, such as 256,512"
        )
    return train_scale[0], train_scale[-1]


def _possible(
    names: tuple[str, ...], loaded: Sequence[Loaded], notes: list[str]
) -> tuple[str, ...]:
    """The protocols that do without a class-score map, where a network has none."""
    try:
        for each in loaded:
            to_fully_convolutional(each.model)
    except BadArgument as error:
        notes.append(f"left out: {', '.join(DENSE)}; {error}")
        return tuple(name for name in names if name not in DENSE)
    return names


def _member(
    loaded: Loaded,
    names: tuple[str, ...],
    trained: TrainScale,
    options: ViewOptions,
    order: tuple[int, ...],
    notes: list[str],
) -> EnsembleMember:
    model, preprocess = loaded.model, loaded.card.preprocess
    if options.flip is None and set(names) != {PLAIN} and not saw_mirror_images(loaded):
        options = replace(options, flip=False)
        notes.append(
            f"{loaded.card.network} was trained without mirror images and is not shown any; "
            "--flip shows them"
        )
    protocols = protocols_for(names, model, preprocess, trained, options)
    return EnsembleMember(model, preprocess, protocols, order)


def _ready(
    loaded: Loaded, member: EnsembleMember, options: EvaluateOptions, device: torch.device
) -> EnsembleMember:
    """With its network on the device, and made ready for as many crops as it is shown at once."""
    member.model.to(device)
    if all(spec.whole for spec in member.specs):
        return member
    crops = crops_at_once(member.preprocess, options.batch_size)
    network = quick(loaded, options.precision, crops, device, options.engine, options.threads)
    return replace(member, quick=network)


def _engine(members: Sequence[EnsembleMember]) -> str:
    """What ran a network on crops, in a sentence; of several, each says it in a row of its own."""
    alone = members[0].quick if len(members) == 1 else None
    return "" if alone is None else as_sentence(alone)


def _without_too_large(split: Split, members: Sequence[EnsembleMember], notes: list[str]) -> Split:
    bad = too_large_for(split, members)
    if not bad or len(bad) == len(split):  # where none would be left, they are refused
        return split
    notes.append(f"left out as too large at a scale: {len(bad):,} of {len(split):,} images")
    return split.subset([index for index in range(len(split)) if index not in bad])
