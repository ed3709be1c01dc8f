"""From what the command line names, a run or an exported file, to a network that is ready.

Files are opened without torch: a server of files alone never loads it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument, CheckpointError
from cladenet.export.names import is_exported
from cladenet.serve.models.served import Facts, Served
from cladenet.serve.settings import Limits

if TYPE_CHECKING:  # they load torch
    from cladenet.checkpoints import Card, Loaded

ENGINE = "packed"  # ready at once, and takes batches of any number without filling them up
ONLY_RUNS = ("precision", "calibration", "device", "engine", "fit")  # a file has been decided


@dataclass(frozen=True)
class ServeOptions:
    """How networks answer.

    Args:
        budget: as `predict --budget`; None: whole networks.
        threads: for one batch; as many batches are computed at once as cores allow.
        batch: images of one batch, at most.
        predictor: options of `Predictor` that differ from its defaults.
    """

    budget: str | None = None
    threads: int = 1
    batch: int = Limits.batch
    predictor: dict[str, Any] = field(default_factory=dict)


class ReadRun(NamedTuple):
    """A run as it was read.

    Args:
        loaded: network and metadata.
        weights: SHA-256 of the file with the weights.
        fingerprint: see `fingerprint`.
    """

    loaded: "Loaded"
    weights: str
    fingerprint: str


def read_run(path: Path) -> ReadRun:
    """What is at `path` now.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged.
    """
    from cladenet.checkpoints import load
    from cladenet.checkpoints.folder import WEIGHTS, read_manifest

    mark = fingerprint(path)
    loaded = load(path)
    return ReadRun(loaded, read_manifest(loaded.folder)["files"][WEIGHTS]["sha256"], mark)


def named(given: Iterable[str | Path]) -> dict[str, Path]:
    """Names for runs and files: the last part of their path, numbered where two have the same.

    Raises:
        BadArgument: one is given twice.
        CheckpointError: there is no checkpoint, and no exported file.
    """
    found: dict[str, Path] = {}
    real: set[Path] = set()
    for each in given:
        path = Path(each)
        where = _where(path)
        if where in real:
            raise BadArgument(f"{readable(str(each))} is named twice; give each once")
        real.add(where)
        name = base = path.resolve().stem if is_exported(path) else path.resolve().name
        number = 2
        while name in found:
            name, number = f"{base}-{number}", number + 1
        found[name] = path
    return found


def fingerprint(path: Path) -> str:
    """Of what `path` means at this moment; other weights have another.

    Raises:
        CheckpointError: there is nothing.
    """
    if is_exported(path):
        status = _where(path).stat()
        return repr((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    from cladenet.checkpoints.folder import read_manifest

    folder = _where(path)
    return hashlib.sha256(repr((str(folder), read_manifest(folder))).encode()).hexdigest()


def opened(name: str, path: Path, options: ServeOptions, known: ReadRun | None = None) -> Served:
    """The network at `path`, ready.

    Args:
        name: under which it is asked for.
        path: run or checkpoint folder, or a file that `cladenet export` wrote.
        options: how it answers.
        known: the run, where it has been read already.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged.
        BadArgument: an option cannot be used with it.
    """
    if is_exported(path):
        return _file(name, path, options)
    return _run(name, known or read_run(path), options)


def _run(name: str, run: ReadRun, options: ServeOptions) -> Served:
    from cladenet.runs.adaptive.predictors import predictor_for
    from cladenet.runs.predict.predictor import Predictor
    from cladenet.serve.models.pictures import evidence

    loaded = run.loaded
    choices = {"note": lambda _: None, "threads": options.threads, **options.predictor}
    if options.budget is None:
        predictor = Predictor(loaded, **{"engine": ENGINE, **choices})
    else:
        predictor = predictor_for([loaded.folder], options.budget, False, **choices)
    show = partial(evidence, loaded.model, predictor.preprocess)
    return Served(name, predictor, _facts(loaded.card, run.weights), options.batch, show)


def _file(name: str, path: Path, options: ServeOptions) -> Served:
    from cladenet.export.runtime import FilePredictor, open_exported

    given = [f"--{key}" for key in ONLY_RUNS if options.predictor.get(key) is not None]
    if options.budget is not None or given:
        word = given[0] if given else "--budget"
        raise BadArgument(
            f"{word} is for runs; {readable(str(path))} answers as it was exported. Leave it out, "
            "or serve the run"
        )
    model = open_exported(path, threads=options.threads)
    about = model.description
    limits = {k: v for k, v in options.predictor.items() if k not in ONLY_RUNS}
    with path.open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    predictor = FilePredictor(model, **limits)
    data = {key: about.data.get(key) for key in ("name", "fingerprint")}
    facts = Facts(about.network, weights, about.classes, about.step, about.metrics, data)
    return Served(name, predictor, facts, options.batch)


def _facts(card: "Card", weights: str) -> Facts:
    data = {key: card.data.get(key) for key in ("name", "fingerprint")}
    return Facts(card.network, weights, card.classes, card.step, card.metrics, data)


def _where(path: Path) -> Path:
    if is_exported(path):
        if not path.is_file():
            raise CheckpointError(f"{readable(str(path))} is not there, or is no file")
        return path.resolve()
    from cladenet.checkpoints import locate

    return locate(path)
