"""One training from a configuration to a report; the same code starts a run and goes on with it."""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from cladenet.checkpoints import load
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.checkpoints.folder import steps
from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.runs.folder.config import RunConfig, refuse_unknown
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train import environment
from cladenet.runs.train.course import Course
from cladenet.runs.train.decide import decide, decide_again, default_folder
from cladenet.runs.train.display import Display, display, indexing, looking
from cladenet.runs.train.finish import RunResult, finish
from cladenet.runs.train.first_weights import build
from cladenet.runs.train.keeping import Keeper
from cladenet.runs.train.mishaps import explained
from cladenet.runs.train.run import Run
from cladenet.runs.train.setup import prepare, refuse_lonely_batches
from cladenet.runs.undisturbed import undisturbed
from cladenet.training.signals import stop_requests
from cladenet.translations import show
from cladenet.world import World, open_world, together


@undisturbed()
def train(
    network: str = "",
    data: str | Path = "",
    *,
    recipe: str = "default",
    out: str | Path = "",
    resume: str | Path = "",
    weights: str | Path = "",
    quiet: bool = False,
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> RunResult:
    """Train `network` on `data`, or go on with the run in `resume`, up to the report.

    Args:
        network: a name of `list_models()`, or another library's, "torchvision/resnet50"; with a
            tag, "torchvision/resnet50:IMAGENET1K_V1", it brings its weights. With `weights`, or a
            recipe that was made for one network, it may be left out; without these, what suits the
            images is chosen, and printed.
        data: see `open_dataset`.
        recipe: `default`, `paper` (the network's own), or a name of `cladenet.recipes.RECIPES`.
        out: the run's folder; by default `runs/NETWORK-DATA`.
        resume: folder of a run that was interrupted; everything else comes from its config.yaml.
        weights: run or checkpoint to fine-tune from, a file of others, or a name such as
            "timm/resnet50.a1_in1k".
        quiet: print nothing.
        options: fields of `RunConfig`, of `Recipe`, and `model.KEY` for the network.
        more: the same as keywords, such as `epochs=10, lr=0.05`.

    Raises:
        CladeNetError: one of its subclasses, each with its exit status.
    """
    chosen = {**(options or {}), **more}
    data = os.fspath(data) if isinstance(data, os.PathLike) else data
    for what, given in (("network", network), ("data", data), ("recipe", recipe)):
        if not isinstance(given, str):
            raise BadArgument(
                f"{what} is {given!r}; expected a string, such as cladenet.train('resnet18', "
                "data='my_photos')"
            )
    if resume:
        if network or data or weights:
            raise BadArgument(
                "resume takes network, data and weights from the run's config.yaml; leave them "
                "out, or start a new run with weights=RUN"
            )
        folder = RunFolder(resume)
        return _run(folder, decide_again(folder, chosen), going_on=True, quiet=quiet)
    folder, config = decided(network, data, recipe, out, weights, chosen, quiet=quiet)
    restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    if restarted and folder.holds_run:  # torchrun starts all ranks again after one has died
        return _run(folder, folder.read_config(), going_on=True, quiet=quiet)
    return _run(folder, config, going_on=False, quiet=quiet)


def decided(
    network: str,
    data: str,
    recipe: str,
    out: str | Path,
    weights: str | Path,
    chosen: Mapping[str, Any],
    *,
    quiet: bool,
) -> tuple[RunFolder, RunConfig]:
    """Where a new run goes and all that is decided about it; arguments as in `train`.

    Raises:
        BadArgument, DataError, CheckpointError: as the parts do.
    """
    if data and not (network or weights) and recipe == "default":
        from cladenet.runs.train.choose.automatic import choose

        refuse_unknown(chosen)  # before a choice is made and printed
        network, weights, recipe, chosen, why = choose(data, chosen)
        _tell(why, quiet=quiet)
    found_weights = ""
    if weights or ":" in network or "/" in network:  # a plain name is one of ours
        from cladenet.runs.train.foreign import in_our_words
        from cladenet.runs.train.waiting import waiting
        from cladenet.weights.names import names_weights

        has_weights = bool(weights) or names_weights(network)
        text = f"getting the weights {weights or network}"
        with waiting(text, quiet=not (has_weights and _speaks(quiet))):
            network, found_weights, chosen = in_our_words(network, str(weights), chosen)
    if not data:
        if network and os.path.exists(network):
            raise BadArgument(
                f"{readable(network)} is a folder or file, not a network; images are given by "
                f"--data: cladenet train --data {readable(network)}"
            )
        raise BadArgument(
            "a new run needs data: cladenet train --data FOLDER, or cladenet train lenet5_relu "
            "--data digits"
        )
    config = decide(network, data, recipe, found_weights, chosen)
    return RunFolder(out or default_folder(network or config.network, data)), config


def _speaks(quiet: bool) -> bool:
    """Of several processes the first one does."""
    return not quiet and int(os.environ.get("RANK", "0")) == 0


def _tell(lines: tuple[str, ...], *, quiet: bool) -> None:
    """Lines for the user of the first process, before there is a display."""
    if _speaks(quiet):
        show(*lines, file=sys.stderr, flush=True)


def _run(folder: RunFolder, config: RunConfig, *, going_on: bool, quiet: bool) -> RunResult:
    if config.threads:
        torch.set_num_threads(config.threads)
    with ExitStack() as stack:
        stack.enter_context(explained(folder, config))
        world = stack.enter_context(open_world(config.device))
        if config.precision == "bf16":
            from cladenet.runs.train.choose.precision import refuse_bf16

            with together(world):
                refuse_bf16(folder, world, going_on)
        stop = stack.enter_context(stop_requests())
        with stop.at_once("stopped by a signal before the first step; nothing is lost"):
            course, notes = begin(stack, world, folder, config, going_on=going_on, quiet=quiet)
            quiet = quiet or not world.leads
            first = course.keeper.progress.step
            show = stack.enter_context(display(course.total, first, quiet=quiet))
            _announce(show, course, notes)
        with course.keeper.pointing_back(), explained(folder, config):
            course.train(stop, show)
            with stop.at_once(
                "stopped by a signal after the last step; the weights are saved. "
                f"Continue with `cladenet train --resume {folder.path}`"
            ):
                result, step = finish(course.run)
                show.say(f"kept and scored: the weights of step {step}")
        return result


def begin(
    stack: ExitStack,
    world: World,
    folder: RunFolder,
    config: RunConfig,
    *,
    going_on: bool,
    quiet: bool,
) -> tuple[Course, tuple[str, ...]]:
    """All that comes before the first step; a new run that fails here leaves no trace."""
    began = monotonic()
    with ExitStack() as undo:
        with together(world):
            if world.leads:
                _claim(stack, undo, folder, config, going_on)
        with together(world):
            weights = load(config.weights, with_auxiliary=True) if config.weights else None
            begins = not (going_on and steps(folder.checkpoints))
            shallow = load(config.init_from) if config.init_from and begins else None
            silent = quiet or not world.leads
            with indexing(quiet=silent) as on_bytes, looking(quiet=silent) as on_progress:
                setting = prepare(
                    config,
                    weights,
                    folder.split,
                    leads=world.leads,
                    going_on=going_on,
                    indexing=on_bytes,
                    progress=on_progress,
                )
        run = Run(config, setting, world, folder)
        with together(world):
            model, notes = build(config, setting, weights, shallow)
            batches = run.batches()
            refuse_lonely_batches(model, batches.batch_size, setting.recipe, world.size)
            fresh = begins and weights is None and shallow is None
            if fresh and any(hasattr(layer, "from_first_batch") for layer in model.modules()):
                from cladenet.runs.train.first_batch import fit_to_data

                notes += fit_to_data(model, batches, setting.preprocess, world.device)
        if begins and config.probe == "auto":
            from cladenet.runs.train.choose.probing import with_probe

            run, probing = with_probe(run, model, weights)
            notes += probing
        if begins and run.config.probe:
            from cladenet.runs.train.probe import fit_last_layer
            from cladenet.runs.train.waiting import waiting

            with together(world):
                images = counted(len(setting.dataset.train), "image")
                with waiting(f"fitting the last layer to {images}", quiet=silent):
                    notes += (fit_last_layer(model, run),)
        if config.precision == "auto":
            from cladenet.runs.train.choose.precision import with_precision

            run, measured = with_precision(run, model, batches, quiet=silent)
            notes += measured
        if config.find_lr:
            from cladenet.runs.train.choose.find_lr import STEPS, with_found_rate
            from cladenet.runs.train.waiting import waiting

            trial = counted(STEPS, "step")
            with waiting(f"trying learning rates in {trial} of a copy", quiet=silent):
                run, found = with_found_rate(run, model, batches)
            notes += found
        if config.time:
            from cladenet.runs.train.choose.pace import within_time
            from cladenet.runs.train.waiting import waiting

            with waiting(f"timing steps, to see how many time={config.time} holds", quiet=silent):
                run, limited = within_time(run, model, batches, began)
            notes += limited
        with together(world):
            learner = run.learner(model, run.setting.recipe.total_steps(batches.steps_per_epoch))
        keeper = Keeper(run, learner)
        if going_on:
            with together(world):
                notes = (*keeper.restore(tidy=world.leads), *_note_machine(folder, world))
        if world.leads and not folder.read_environment():
            write_file(folder.environment, to_json(environment.describe(world)))
        course = Course(run, batches, keeper)
        undo.pop_all()
        return course, (*batches.notes, *notes)


def _claim(
    stack: ExitStack, undo: ExitStack, folder: RunFolder, config: RunConfig, going_on: bool
) -> None:
    if not going_on:
        folder.refuse_if_used()
    stack.enter_context(folder.owned())
    if not going_on:
        folder.refuse_if_filled()  # somebody may have begun since we looked
        undo.callback(folder.withdraw)
        folder.start(config)
    folder.checkpoints.mkdir(exist_ok=True)


def _note_machine(folder: RunFolder, world: World) -> tuple[str, ...]:
    """Say what has changed since the run was started."""
    before = folder.read_environment()
    if not before:
        return (f"{folder.environment} is missing or damaged; the machine may be another one",)
    return tuple(environment.changes(before, environment.describe(world)))


def _announce(show: Display, course: Course, notes: tuple[str, ...]) -> None:
    config, setting, folder = course.run.config, course.run.setting, course.run.folder
    recipe, dataset = setting.recipe, setting.dataset
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in dataset.splits().items())
    show.say(
        f"{config.network} on {dataset.name}: {counted(len(dataset.classes), 'class')}, {sizes}"
    )
    show.say(
        f"recipe {config.recipe_name}: {counted(course.total, 'step')} of "
        f"{counted(course.batches.batch_size, 'image')}, "
        f"{recipe.optimizer}, lr {recipe.lr:g} ({recipe.schedule}); folder {folder.path}"
    )
    for note in (*setting.notes, *notes):
        show.say(f"note: {note}")
