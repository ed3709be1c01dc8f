"""The end of a run: the kept weights are read back from the disk, scored once, and reported."""

from dataclasses import asdict, replace
from datetime import datetime

from cladenet.checkpoints import Loaded, load
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.data.dataset import Split
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.result import Evaluation, Mistake
from cladenet.evaluation.single_scale import evaluate
from cladenet.layers.classifier import Classifier
from cladenet.report import ReportFacts, write_report
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.keeping import Keeper
from cladenet.runs.train.progress import Display
from cladenet.runs.train.setup import Setting
from cladenet.world import World, together

SHOWN_MISTAKES = 24


def finish(
    world: World,
    config: RunConfig,
    setting: Setting,
    folder: RunFolder,
    keeper: Keeper,
    show: Display,
) -> tuple[str, Evaluation]:
    """Score the best weights (the last, where none were chosen) and write the report.

    The test set is looked at here and nowhere else in a run.

    Raises:
        CladeNetError: as loading, evaluating and writing do.
    """
    with together(world):
        loaded = load(keeper.best_folder())
    name, split = scored_split(setting)
    loaded.model.to(world.device)
    evaluation = evaluate(
        loaded.model,
        split,
        setting.preprocess,
        PassOptions(
            worst=SHOWN_MISTAKES, workers=config.workers, cache_dir=config.cache_dir or None
        ),
        world,
    )
    with together(world):
        if world.leads:
            notes = (*setting.notes, *_honesty(name, setting, loaded))
            _write(config, setting, folder, name, split, evaluation, notes, loaded.model)
    low, high = evaluation.top1_interval
    show.say(
        f"{name} error {evaluation.top1_error:.2f} % (95 %: {low:.2f} to {high:.2f}) on "
        f"{evaluation.n:,} images, accuracy {100 - evaluation.top1_error:.2f} %, weights of step "
        f"{loaded.card.step}"
    )
    show.say(f"report: {folder.report}")
    return name, evaluation


def scored_split(setting: Setting) -> tuple[str, Split]:
    """The test split; without one the validation split, and without that the training images."""
    splits = setting.dataset.splits()
    name = next(name for name in ("test", "val", "train") if name in splits)
    return name, splits[name]


def _honesty(name: str, setting: Setting, loaded: Loaded) -> tuple[str, ...]:
    """What a reader has to know about the figure in the headline."""
    step = loaded.card.step
    if name == "train":
        return ("the error is that of the training images: nothing was held out",)
    if name == "val":
        return (
            f"the weights of step {step} were chosen on the images that are scored here, so the "
            "error is a little too low; a test split would give an honest one",
        )
    if setting.dataset.val is None:
        return ("nothing was held out to choose by: the weights are those of the last step",)
    return (f"the weights of step {step} were chosen on the validation images",)


def _write(
    config: RunConfig,
    setting: Setting,
    folder: RunFolder,
    name: str,
    split: Split,
    evaluation: Evaluation,
    notes: tuple[str, ...],
    model: Classifier,
) -> None:
    classes = setting.dataset.classes
    result = {"split": name, "notes": list(notes), **evaluation.to_json(classes)}
    write_file(folder.path / "result.json", to_json(result))
    facts = ReportFacts(
        title=f"{config.network} on {setting.dataset.name}",
        network=config.network,
        entry=asdict(setting.entry),
        config={**asdict(config), "recipe": asdict(setting.recipe)},
        environment=folder.read_environment(),
        history=folder.history(),
        evaluation=evaluation,
        evaluated_split=name,
        mistakes=[_with_picture(mistake, split) for mistake in evaluation.mistakes],
        notes=notes,
        seconds=folder.seconds(),
        classes=classes,
        data=setting.dataset.spec,
        own_params=sum(p.numel() for p in model.parameters()),
        splits={key: len(value) for key, value in setting.dataset.splits().items()},
        written=datetime.now().astimezone().strftime("%d %B %Y, %H:%M"),
    )
    write_report(folder.report, facts)


def _with_picture(mistake: Mistake, split: Split) -> Mistake:
    return replace(mistake, picture=split.images.read(mistake.index))
