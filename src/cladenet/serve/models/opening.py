"""From what the command line names, a run or an exported file, to a network that is ready.

Files are opened without torch: a server of files alone never loads it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument, CheckpointError
from cladenet.export.names import is_exported, refuse_misspelt
from cladenet.serve.models.about import Facts
from cladenet.serve.models.served import Extras, Served
from cladenet.serve.settings import Limits

if TYPE_CHECKING:  # they load torch
    from cladenet.checkpoints import Card, Loaded
    from cladenet.runs.adaptive.kept import Kept
    from cladenet.runs.predict.predictor import Predictor
    from cladenet.serve.models.exits import ServedExits

Where = Path | tuple[Path, ...]  # of one network, or of the runs of a cascade
ENGINE = "packed"  # ready at once, and takes batches of any number without filling them up
ONLY_RUNS = ("precision", "calibration", "device", "engine", "fit")  # a file has been decided


@dataclass(frozen=True)
class ServeOptions:
    """How networks answer.

    Args:
        budget: of requests that name none, see `ServedExits.stop`; None: whole networks.
        threads: for one batch; as many batches are computed at once as cores allow.
        batch: images of one batch, at most.
        predictor: options of `Predictor` that differ from its defaults.
        paces: see `ServedExits`.
    """

    budget: str | None = None
    threads: int = 1
    batch: int = Limits.batch
    predictor: dict[str, Any] = field(default_factory=dict)
    paces: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """Of runs."""
        return str(self.predictor.get("precision", "fp32"))


@dataclass(frozen=True, eq=False)
class ReadRun:
    """A run as it was read.

    Args:
        loaded: network and metadata.
        weights: SHA-256 of the file with the weights.
        fingerprint: see `fingerprint`.
        kept: thresholds of its exits, if there are any.
    """

    loaded: "Loaded"
    weights: str
    fingerprint: str
    kept: "Kept | None"


def read_run(path: Path, precision: str) -> ReadRun:
    """What is at `path` now.

    Args:
        path: run or checkpoint folder.
        precision: whose thresholds are wanted.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged, or its thresholds are.
    """
    from cladenet.checkpoints import load
    from cladenet.checkpoints.folder import WEIGHTS, read_manifest

    mark = fingerprint(path)
    loaded = load(path)
    weights = read_manifest(loaded.folder)["files"][WEIGHTS]["sha256"]
    return ReadRun(loaded, weights, mark, _kept(loaded, precision))


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


def fingerprint(path: Where) -> str:
    """Of what `path` means at this moment; other weights or thresholds have another.

    Raises:
        CheckpointError: there is nothing.
    """
    if isinstance(path, tuple):
        return " ".join(fingerprint(each) for each in path)
    if is_exported(path):
        return repr(_stamp(_where(path)))
    from cladenet.checkpoints.folder import read_manifest
    from cladenet.runs.adaptive.kept import KEPT_FILES

    folder = _where(path)
    files = sorted(file for pattern in KEPT_FILES for file in folder.glob(pattern))
    kept = [(file.name, _stamp(file)) for file in files]
    found = str(folder), read_manifest(folder), kept
    return hashlib.sha256(repr(found).encode()).hexdigest()


def one_cascade(paths: dict[str, Path]) -> dict[str, Where]:
    """The runs as one cascade, the smallest first, named after all of them.

    Raises:
        BadArgument: there is one run alone, or an exported file.
    """
    for path in paths.values():
        if is_exported(path):
            raise BadArgument(
                f"{readable(str(path))} is an exported file; a cascade is of runs. Give the run "
                "that it was exported from"
            )
    if len(paths) < 2:
        raise BadArgument("a cascade needs two runs or more, the smallest first; give others")
    return {"-".join(paths): tuple(paths.values())}


def read_cascade(paths: tuple[Path, ...], precision: str) -> tuple[ReadRun, ...]:
    """What is at each path now.

    Raises:
        BadArgument: no thresholds are kept for these runs at this precision.
        CheckpointError: as `read_run`, or the thresholds are damaged.
    """
    from cladenet.runs.adaptive.kept import find_kept

    runs = tuple(read_run(path, precision) for path in paths)
    find_kept([run.loaded for run in runs], precision)
    return runs


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
    return _run(name, known or read_run(path, options.precision), options)


def _run(name: str, run: ReadRun, options: ServeOptions) -> Served:
    from cladenet.runs.predict.predictor import Predictor
    from cladenet.serve.models.pictures import evidence

    loaded = run.loaded
    choices = {"engine": ENGINE, "threads": options.threads, **options.predictor}
    predictor = Predictor(loaded, note=lambda _: None, **choices)
    exits, why = _exits(name, run, predictor, options)
    extras = Extras(
        partial(evidence, loaded.model, predictor.preprocess), exits, why, options.budget or ""
    )
    return Served(name, predictor, _facts(loaded.card, run.weights), options.batch, extras)


def _exits(
    name: str, run: ReadRun, predictor: "Predictor", options: ServeOptions
) -> "tuple[ServedExits | None, str]":
    """What answers within a budget; or none, and why."""
    from cladenet.serve.models.exits import ServedExits

    loaded, engine = run.loaded, options.predictor.get("engine", ENGINE)
    if loaded.model.num_exits == 1:
        return None, "it has one exit"
    if engine not in (ENGINE, "auto") or predictor.device.type != "cpu":
        return (
            None,
            f"exits are run with engine {ENGINE} on cpu, not {engine} on {predictor.device}",
        )
    exits = ServedExits(
        name, loaded, predictor, run.kept, options.precision, options.batch, options.paces
    )
    return exits, ""


def _kept(loaded: "Loaded", precision: str) -> "Kept | None":
    if loaded.model.num_exits == 1:
        return None
    from cladenet.runs.adaptive.kept import find_kept

    try:
        return find_kept([loaded], precision)
    except BadArgument:  # there are none at this precision
        return None


def _stamp(file: Path) -> tuple[int, ...]:
    """Another one when the file has been replaced or written to."""
    status = file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def refuse_options_of_runs(path: Where, options: ServeOptions) -> None:
    """What a file has been exported with cannot be chosen any more.

    Raises:
        BadArgument: something of it is asked for.
    """
    given = [f"--{key}" for key in ONLY_RUNS if options.predictor.get(key) is not None]
    if options.budget is not None or given:
        word = given[0] if given else "--budget"
        raise BadArgument(
            f"{word} is for runs; {readable(str(path))} answers as it was exported. Leave it out, "
            "or serve the run"
        )


def _file(name: str, path: Path, options: ServeOptions) -> Served:
    from cladenet.export.runtime import FilePredictor, open_exported

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
    refuse_misspelt(path)
    if is_exported(path):
        if not path.is_file():
            raise CheckpointError(f"{readable(str(path))} does not exist, or is not a file")
        return path.resolve()
    from cladenet.checkpoints import locate

    return locate(path)
