"""A search from a configuration to the best architecture; the same code begins and resumes one."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from cladenet.errors import FolderInUse
from cladenet.runs.folder.names import LOCK
from cladenet.runs.folder.ownership import owned
from cladenet.search.config import FILE, WEIGHTS, SearchConfig, read_config, write_config
from cladenet.search.coordinator import Coordinator, Say, Workers
from cladenet.search.enas.ranked import Ranked
from cladenet.search.enas.settings import SETTINGS, EnasSettings
from cladenet.search.enas.training import SharedTraining
from cladenet.search.journal import Journal, read_journal
from cladenet.search.page.page import write_page
from cladenet.search.spaces.space import Scale
from cladenet.search.state import State, replayed
from cladenet.search.trials.data import TrialData, open_trial_data
from cladenet.search.trials.pool import Pool
from cladenet.search.trials.work import TrainTrials, warm
from cladenet.training.signals import stop_requests

JOURNAL = "journal.jsonl"


class Shared(NamedTuple):
    """A database through which workers take part.

    Args:
        url: see `engine.storage.Store`.
        study: the name of the search in it.
        parallel: trials at a time on all machines together.
    """

    url: str
    study: str
    parallel: int


@dataclass(frozen=True)
class Found:
    """What a search comes to.

    Args:
        folder: of the search.
        state: at its end.
    """

    folder: Path
    state: State


def search(
    config: SearchConfig | None,
    folder: Path,
    *,
    workers: int = 1,
    say: Say = print,
    shared: Shared | None = None,
) -> Found:
    """Begin a search in a new folder, or go on with the one that is there.

    Args:
        config: of a new search; None resumes.
        folder: of the search.
        workers: trials at a time, one process each.
        say: is given a line for people, now and then.
        shared: a database through which workers elsewhere take part.

    Raises:
        FolderInUse: the folder is owned by another process, or a new search would overwrite.
        Interrupted: a signal came; what has ended is in the journal.
        Diverged, OutOfSpace: more trials failed than `max_failed` allows.
        CladeNetError: data, disk or journal are at fault.
    """
    with ExitStack() as stack:
        if config is None:
            config = read_config(folder)
        else:
            refuse_if_filled(folder)
        stack.enter_context(owned(folder))
        space = config.make_space()
        searcher = config.make_searcher(space)
        torch.set_num_threads(1)
        stop = stack.enter_context(stop_requests())
        with stop.at_once("stopped by a signal before the first trial; nothing is lost"):
            data = open_trial_data(config.data, config.fidelity)
            weights = folder / WEIGHTS if config.inherits else None
            work = TrainTrials(space, data, config.fidelity, weights)
            if weights is not None:
                weights.mkdir(exist_ok=True)
            warm()
            crew = _crew(stack, config, folder, work, workers, shared, say)
            if not (folder / FILE).exists():
                write_config(folder, config)
            journal = Journal(folder / JOURNAL)
            stack.callback(journal.close)
            if journal.torn:
                say(f"note: an unfinished line of {journal.torn} bytes was cut off {journal.path}")
            state = replayed(searcher, read_journal(journal.path))
        if isinstance(searcher, Ranked):
            scale = scale_of(config, data)
            settings = settings_of(config)
            alternation = SharedTraining(space, data, scale, settings, config.seed)
            searcher.proposals = alternation.run(folder, stop, say)
        coordinator = Coordinator(config, state, journal, crew, say, folder)
        coordinator.run(stop)
        crew.end()
        write_page(folder, JOURNAL)
        return Found(folder, state)


def settings_of(config: SearchConfig) -> EnasSettings:
    """The settings of ENAS that a configuration has."""
    preset = SETTINGS[config.method, config.preset]
    recipe = {k.removeprefix("shared_"): v for k, v in config.numbers.items() if "shared_" in k}
    own = {k: v for k, v in config.numbers.items() if "shared_" not in k}
    return replace(preset, recipe=replace(preset.recipe, **recipe), **own)


def scale_of(config: SearchConfig, data: TrialData) -> Scale:
    """The size of the shared network: that of the trials, for these images."""
    channels = data.preprocess.channels
    return replace(config.fidelity.scale, num_classes=len(data.classes), in_channels=channels)


def _crew(
    stack: ExitStack,
    config: SearchConfig,
    folder: Path,
    work: TrainTrials,
    workers: int,
    shared: Shared | None,
    say: Say,
) -> Workers:
    """Processes of this one, or whoever joins by the database."""
    if shared is None:
        pool = Pool(work, workers)
        stack.callback(pool.close)
        return pool
    from cladenet.search.engine.remote import RemoteWorkers, announce
    from cladenet.search.engine.storage import Store
    from cladenet.search.engine.worker import end_workers, start_workers

    Store(shared.url, shared.study, create=True).close()  # the first connection makes the tables
    open_store = partial(Store, shared.url, shared.study)
    stack.callback(end_workers, start_workers(workers, open_store, work, say))
    store = open_store()
    stack.callback(store.close)
    announce(store, config, folder)
    return RemoteWorkers(store, max(1, shared.parallel))


def refuse_if_filled(folder: Path) -> None:
    """A new search takes a folder of its own.

    Raises:
        FolderInUse: it holds something.
    """
    if (folder / FILE).exists():
        raise FolderInUse(
            f"{folder} already holds a search; continue it with `cladenet search --resume "
            f"{folder}`, or give another folder with --out"
        )
    if folder.is_dir() and any(item.name not in (LOCK, JOURNAL) for item in folder.iterdir()):
        raise FolderInUse(f"{folder} is not empty and holds no search; give another with --out")
