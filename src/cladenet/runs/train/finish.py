"""The end of a run: the kept weights are read back from the disk, scored once, and reported."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cladenet.analysis.form import cost_of
from cladenet.checkpoints import Loaded, load
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.data.dataset import DataSet, Split
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.result import Evaluation, Mistake
from cladenet.explain.attribution.evidence import evidence, tinted
from cladenet.layers.classifier import Classifier
from cladenet.plural import counted
from cladenet.report import ReportFacts, write_report
from cladenet.runs.folder.related import related_runs
from cladenet.runs.train.run import Run
from cladenet.runs.train.setup import Setting
from cladenet.world import together

SHOWN_MISTAKES = 24
AT_ONCE = 8  # images: what a network of any size has memory for where it was trained


class RunResult(NamedTuple):
    """What a finished run came to: its folder, the split that was scored, and the figures."""

    folder: Path
    split: str
    evaluation: Evaluation

    def __repr__(self) -> str:
        """The figures in one line."""
        evaluation = self.evaluation
        low, high = evaluation.top1_interval
        return (
            f"RunResult({self.split} error {evaluation.top1_error:.2f} %, 95 % interval {low:.2f} "
            f"to {high:.2f}, {counted(evaluation.n, 'image')}, folder {str(self.folder)!r})"
        )

    def _repr_html_(self) -> str:
        """The same as a table, with a link to the report: what a notebook shows."""
        evaluation = self.evaluation
        low, high = evaluation.top1_interval
        rows = {
            f"{self.split} error": f"{evaluation.top1_error:.2f} %",
            "95 % interval": f"{low:.2f} to {high:.2f} %",
            "images": f"{evaluation.n:,}",
            "report": f'<a href="{escape(str(self.folder / "report.html"))}">report.html</a>',
        }
        body = "".join(f"<tr><th>{name}</th><td>{cell}</td></tr>" for name, cell in rows.items())
        return f"<table>{body}</table>"


def finish(run: Run) -> tuple[RunResult, int]:
    """Score the best weights (the last, where none were chosen) and write the report.

    The test set is looked at here and nowhere else in a run. With the result comes the step of the
    weights that it is of.

    Raises:
        CladeNetError: as loading, evaluating and writing do.
    """
    with together(run.world):
        loaded = load(run.folder.path)  # as whoever predicts with the run does
    name, split = scored_split(run.setting)
    model = loaded.model.to(run.world.device)
    found = RunResult(run.folder.path, name, run.evaluate(model, split, worst=SHOWN_MISTAKES))
    with together(run.world):
        if run.world.leads:
            _write(run, split, found, loaded)
    return found, loaded.card.step


def scored_split(setting: Setting) -> tuple[str, Split]:
    """The test split; without one the validation split, and without that the training images."""
    return list(setting.dataset.splits().items())[-1]  # in the order train, val, test


def _honesty(split: str, setting: Setting, step: int) -> tuple[str, ...]:
    """What a reader has to know about the figure in the headline, of the weights of a step."""
    if split == "train":
        return ("the error is that of the training images: nothing was held out",)
    if split == "val":
        return (
            f"the weights of step {step} were chosen on the images that are scored here, so the "
            "error is a little too low; a test split would give an honest one",
        )
    if setting.dataset.val is None:
        return ("nothing was held out to choose by: the weights are those of the last step",)
    return (f"the weights of step {step} were chosen on the validation images",)


def _write(run: Run, split: Split, found: RunResult, loaded: Loaded) -> None:
    config, setting, folder = run.config, run.setting, run.folder
    classes, evaluation = setting.dataset.classes, found.evaluation
    notes = (*setting.notes, *_honesty(found.split, setting, loaded.card.step))
    counted = cost_of(loaded.card)
    cost = {"params": counted.params, "macs": counted.macs, "input": list(counted.input)}
    figures = evaluation.to_json(classes)
    about = {"split": found.split, "images": split.digest().hex(), "notes": list(notes)}
    result = {**about, "cost": cost, **figures}
    write_file(folder.path / "result.json", to_json(result))
    dataset = setting.dataset
    mistakes, saliency = _with_pictures(
        evaluation.mistakes, split, loaded.model, loaded.card.preprocess
    )
    facts = ReportFacts(
        title=f"{config.network} on {dataset.name}",
        network=config.network,
        entry=asdict(setting.entry),
        config={**asdict(config), "recipe": asdict(setting.recipe)},
        environment=folder.read_environment(),
        history=folder.history(),
        range_test=folder.rates_tried(),
        evaluation=evaluation,
        evaluated_split=found.split,
        mistakes=mistakes,
        saliency=saliency,
        notes=notes,
        seconds=folder.spent().seconds,
        classes=classes,
        data=dataset.spec,
        counted=counted,
        data_name=name_of(dataset),
        related=related_runs(folder, config),
        splits={key: len(value) for key, value in dataset.splits().items()},
        written=datetime.now().astimezone().strftime("%d %B %Y, %H:%M"),
    )
    write_report(folder.report, facts)


def _with_pictures(
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


def name_of(dataset: DataSet) -> str:
    """`cifar10` for the published files; for a folder that somebody called so its path."""
    return dataset.name if dataset.spec.startswith(f"{dataset.name}:") else dataset.spec
