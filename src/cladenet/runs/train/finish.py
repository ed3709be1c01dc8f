"""The end of a run: the kept weights are read back from the disk, scored once, and reported."""

from dataclasses import asdict, replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

from cladenet.checkpoints import Loaded, load
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.data.dataset import Split
from cladenet.evaluation.result import Evaluation, Mistake
from cladenet.report import ReportFacts, write_report
from cladenet.runs.train.run import Run
from cladenet.runs.train.setup import Setting
from cladenet.world import together

SHOWN_MISTAKES = 24


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
            f"to {high:.2f}, {evaluation.n:,} images, folder {str(self.folder)!r})"
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


def finish(run: Run) -> tuple[RunResult, str]:
    """Score the best weights (the last, where none were chosen) and write the report.

    The test set is looked at here and nowhere else in a run. What is returned with the result is
    a sentence about it.

    Raises:
        CladeNetError: as loading, evaluating and writing do.
    """
    with together(run.world):
        loaded = load(run.folder.kept_weights())
    name, split = scored_split(run.setting)
    model = loaded.model.to(run.world.device)
    found = RunResult(run.folder.path, name, run.evaluate(model, split, worst=SHOWN_MISTAKES))
    with together(run.world):
        if run.world.leads:
            _write(run, split, found, loaded)
    return found, _sentence(found, loaded.card.step)


def scored_split(setting: Setting) -> tuple[str, Split]:
    """The test split; without one the validation split, and without that the training images."""
    splits = setting.dataset.splits()
    name = next(name for name in ("test", "val", "train") if name in splits)
    return name, splits[name]


def _sentence(found: RunResult, step: int) -> str:
    evaluation = found.evaluation
    low, high = evaluation.top1_interval
    return (
        f"{found.split} error {evaluation.top1_error:.2f} % (95 %: {low:.2f} to {high:.2f}) on "
        f"{evaluation.n:,} images, accuracy {100 - evaluation.top1_error:.2f} %, weights of step "
        f"{step}"
    )


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
    result = {"split": found.split, "notes": list(notes), **evaluation.to_json(classes)}
    write_file(folder.path / "result.json", to_json(result))
    facts = ReportFacts(
        title=f"{config.network} on {setting.dataset.name}",
        network=config.network,
        entry=asdict(setting.entry),
        config={**asdict(config), "recipe": asdict(setting.recipe)},
        environment=folder.read_environment(),
        history=folder.history(),
        range_test=folder.rates_tried(),
        evaluation=evaluation,
        evaluated_split=found.split,
        mistakes=[_with_picture(mistake, split) for mistake in evaluation.mistakes],
        notes=notes,
        seconds=folder.seconds(),
        classes=classes,
        data=setting.dataset.spec,
        own_params=sum(p.numel() for p in loaded.model.parameters()),
        splits={key: len(value) for key, value in setting.dataset.splits().items()},
        written=datetime.now().astimezone().strftime("%d %B %Y, %H:%M"),
    )
    write_report(folder.report, facts)


def _with_picture(mistake: Mistake, split: Split) -> Mistake:
    return replace(mistake, picture=split.images.read(mistake.index))
