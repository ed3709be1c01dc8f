"""The folder of a run: who owns it, and the small files in it.

config.yaml      all that was decided          metrics.jsonl   a line per validation, the same
env.json         machine and versions                          for a resumed run as for another
split.json       which training images are     timing.jsonl    seconds and images a second
                 held out                      report.html     the result
checkpoints/     last, best                    tensorboard/    events, where it is installed
lr_range.json    the range test of find_lr
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cladenet.checkpoints import instead_of
from cladenet.checkpoints.atomic import clear_temporaries, explain, write_file
from cladenet.errors import CheckpointError, FolderInUse, reason
from cladenet.runs.folder import names
from cladenet.runs.folder.config import RunConfig, from_yaml, to_yaml
from cladenet.runs.folder.names import LOCK
from cladenet.runs.folder.ownership import owned, owner
from cladenet.runs.folder.timing import Spent, spent


class RunFolder:
    """Paths and small files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.checkpoints = self.path / "checkpoints"
        self.metrics = self.path / names.METRICS
        self.timing = self.path / names.TIMING
        self.split = self.path / "split.json"
        self.report = self.path / names.REPORT
        self.environment = self.path / "env.json"
        self.range_test = self.path / "lr_range.json"
        self._config = self.path / names.CONFIG

    def refuse_if_used(self) -> None:
        """A new run takes a folder of its own. Ask before owning it.

        Raises:
            FolderInUse: the folder is owned, holds a run, or anything else.
        """
        if by := owner(self.path):
            raise FolderInUse(
                f"{self.path} is in use by {by}; wait for it, or give another folder with --out"
            )
        self.refuse_if_filled()

    def refuse_if_filled(self) -> None:
        """The same for the owner of the folder.

        Raises:
            FolderInUse: the folder holds a run, or anything else.
        """
        if self.holds_run and os.path.isfile(self.path / names.RESULT):
            raise FolderInUse(
                f"{self.path} already holds a run, which has ended: `cladenet predict {self.path} "
                "IMAGE...` uses it. To train again give another folder with --out"
            )
        if self.holds_run:
            raise FolderInUse(
                f"{self.path} already holds a run; continue it with `cladenet train --resume "
                f"{self.path}`, or give another folder with --out"
            )
        if os.path.isfile(self.path):
            raise FolderInUse(f"{self.path} is a file; give a folder with --out")
        if os.path.isdir(self.path) and set(os.listdir(self.path)) - {LOCK}:
            raise FolderInUse(
                f"{self.path} is not empty and holds no run; give another folder with --out"
            )

    @property
    def holds_run(self) -> bool:
        """Was a run started here?"""
        return os.path.exists(self._config)

    def read_config(self) -> RunConfig:
        """What `start` wrote.

        Raises:
            CheckpointError: the folder is no run.
        """
        if not os.path.exists(self.path):
            raise CheckpointError(f"{self.path} does not exist; {instead_of(self.path)}")
        if not os.path.isfile(self._config):
            raise CheckpointError(
                f"{self.path} holds no run to resume: it has no config.yaml. "
                "Start one with `cladenet train NAME --data DATA`"
            )
        return from_yaml(self._config.read_bytes(), self._config)

    def start(self, config: RunConfig) -> None:
        """Make the folder a run."""
        write_file(self._config, to_yaml(config).encode())

    def withdraw(self) -> None:
        """Leave no trace of a run that failed before its first step."""
        files = (self._config, self.split, self.environment, self.range_test, self.path / LOCK)
        for path in files:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # whatever else is there stays
            self.checkpoints.rmdir()
            self.path.rmdir()

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only process that writes here; what a dead owner left half written is removed.

        Raises:
            FolderInUse, BadArgument, StorageError: see `ownership.owned`.
        """
        with owned(self.path):
            clear_temporaries(self.path)
            clear_temporaries(self.checkpoints)
            yield

    def append(self, path: Path, row: dict[str, Any]) -> None:
        """Add one line of JSON.

        Raises:
            StorageError: the disk is full or fails; a part of the line may be there.
        """
        line = (json.dumps(row, allow_nan=False) + "\n").encode()
        try:
            with path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise explain(error, path, len(line)) from error

    def history(self) -> list[dict[str, Any]]:
        """The rows of `metrics.jsonl`.

        Raises:
            CheckpointError: a row is damaged.
        """
        if not self.metrics.exists():
            return []
        try:
            return list(map(json.loads, self.metrics.read_bytes().splitlines()))
        except (ValueError, RecursionError) as error:
            raise CheckpointError(
                f"{self.metrics} is damaged: {reason(error)}. Take the damaged lines out and "
                f"continue with `cladenet train --resume {self.path}`"
            ) from error

    def read_environment(self) -> dict[str, Any]:
        """What `env.json` says of the machine; nothing where it is missing or damaged."""
        try:
            values = json.loads(self.environment.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}

    def rates_tried(self) -> list[tuple[float, float]]:
        """(rate, smoothed loss) of `find_lr`; nothing without it, or where the file is damaged."""
        try:
            found = json.loads(self.range_test.read_bytes())
            return list(zip(found["rates"], found["losses"], strict=True))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []

    def spent(self) -> Spent:
        """Time spent training, as far as `timing.jsonl` knows."""
        return spent(self.timing)

    def rewind(self, size: int) -> bool:
        """Cut `metrics.jsonl` to the length it had at a checkpoint; False if it is shorter."""
        now = self.metrics.stat().st_size if self.metrics.exists() else 0
        if now > size:
            os.truncate(self.metrics, size)
        return now >= size
