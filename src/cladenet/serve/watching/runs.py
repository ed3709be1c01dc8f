"""Runs in folders as they grow: what they are, their curves, whether somebody trains them.

Nothing of torch is loaded: looking at curves takes 30 MB.
"""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cladenet.errors import BadArgument
from cladenet.files import lock_holder
from cladenet.runs.folder.names import CONFIG, LOCK, METRICS, REPORT, TIMING
from cladenet.runs.folder.timing import added_up

DEPTH = 3  # folders below the one that is given
MOST_RUNS = 500
MOST_LINE = 1 << 16  # bytes


@dataclass
class Curve:
    """A file of one JSON object a line, read as far as it has grown.

    Attributes:
        rows: so far.
        edition: counts how often the file was cut, as a resumed run does.
    """

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    edition: int = 0
    _read: int = 0
    _file: tuple[int, int] = (0, 0)

    def look(self) -> None:
        """Read the whole lines that have come since; a line that is torn or damaged is left out."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size < self._read or self._file not in ((0, 0), _identity(status)):
                    self.rows, self._read = [], 0
                    self.edition += 1
                self._file = _identity(status)
                if status.st_size == self._read:
                    return
                file.seek(self._read)
                data = file.read()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError, RecursionError):
                row = json.loads(line) if len(line) < MOST_LINE else None
                if isinstance(row, dict):
                    self.rows.append(row)


class Watched:
    """One run.

    Args:
        name: its path below the folder that was given.
        path: its folder.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.metrics, self.timing = Curve(path / METRICS), Curve(path / TIMING)
        self.facts = _facts(path / CONFIG)

    def look(self) -> None:
        """Read what has been written since."""
        self.metrics.look()
        self.timing.look()

    @property
    def report(self) -> Path | None:
        """The page about it, where there is one."""
        path = self.path / REPORT
        return path if path.is_file() else None

    @property
    def trained_by(self) -> int:
        """The process that trains it on this machine; 0 if none does."""
        return lock_holder(self.path / LOCK)

    def describe(self) -> dict[str, Any]:
        """All but its curves."""
        rows, timing = self.metrics.rows, self.timing.rows
        running = bool(self.trained_by)
        return {
            "name": self.name,
            **self.facts,
            "state": "training" if running else "finished" if self.report else "stopped",
            "step": rows[-1].get("step") if rows else None,
            "epoch": rows[-1].get("epoch") if rows else None,
            "images_per_second": timing[-1].get("images_per_second") if timing else None,
            "seconds": added_up(timing).seconds,
            "report": self.report is not None,
            "edition": self.metrics.edition,
            "rows": len(rows),
        }

    def stop(self) -> bool:
        """Ask the process that trains it to end at the next step, with a checkpoint.

        Returns whether there was one.

        Raises:
            BadArgument: it is somebody else's.
        """
        pid = self.trained_by
        if not pid:
            return False
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return False
        except PermissionError:
            raise BadArgument(f"{self.name} is trained by another user's process {pid}") from None
        return True


class Runs:
    """The runs below some folders; new ones are found when they begin.

    Args:
        folders: of runs, or runs themselves.

    Raises:
        BadArgument: one is not there.
    """

    def __init__(self, folders: Sequence[str | Path]) -> None:
        self._folders = [Path(folder).absolute() for folder in folders]
        for folder in self._folders:
            if not folder.is_dir():
                raise BadArgument(
                    f"{folder} is not a folder; give one with runs in it, such as runs/"
                )
        self._runs: dict[str, Watched] = {}

    def look(self) -> None:
        """See what is new, and what is gone."""
        found = dict(list(self._found())[:MOST_RUNS])
        for name in self._runs.keys() - found.keys():
            del self._runs[name]
        for name, path in found.items():
            known = self._runs.get(name)
            if known is None or known.path != path:
                self._runs[name] = Watched(name, path)
            self._runs[name].look()

    def get(self, name: str) -> Watched | None:
        """The run of that name."""
        return self._runs.get(name)

    def all(self) -> list[Watched]:
        """In the order of their names."""
        return [self._runs[name] for name in sorted(self._runs)]

    def _found(self) -> Iterator[tuple[str, Path]]:
        for folder in self._folders:
            prefix = f"{folder.name}/" if len(self._folders) > 1 else ""
            for path in _below(folder, DEPTH):
                name = path.relative_to(folder).as_posix() if path != folder else folder.name
                yield (prefix if path != folder else "") + name, path


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Folders that hold a run."""
    if (folder / CONFIG).is_file():
        yield folder
        return
    if not depth:
        return
    with suppress(OSError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            hidden = entry.name.startswith(".")
            if entry.is_dir(follow_symlinks=False) and not hidden:
                yield from _below(Path(entry.path), depth - 1)


def _facts(config: Path) -> dict[str, Any]:
    """What a run is: network and recipe; no path of this machine."""
    try:
        values = yaml.safe_load(config.read_bytes())
    except (OSError, yaml.YAMLError, RecursionError, ValueError):
        values = None
    values = values if isinstance(values, dict) else {}
    recipe = values.get("recipe")
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    steps = recipe.get("steps") if isinstance(recipe, dict) else None
    return {
        "network": str(values.get("network", "?")),
        "recipe": str(values.get("recipe_name", "?")),
        "epochs": epochs if isinstance(epochs, int | float) and epochs > 0 else None,
        "steps": steps if isinstance(steps, int) and steps > 0 else None,
    }


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
