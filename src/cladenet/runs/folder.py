"""The folder of a run: who owns it, and the small files in it.

config.yaml      all that was decided          metrics.jsonl   a line per validation, the same
env.json         machine and versions                          for a resumed run as for another
split.json       which training images are     timing.jsonl    seconds and images a second
                 held out                      report.html     the result
checkpoints/     last, best                    tensorboard/    events, where it is installed
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cladenet.checkpoints.atomic import clear_temporaries, explain, write_file
from cladenet.errors import CheckpointError, FolderInUse
from cladenet.runs.config import RunConfig, from_yaml, to_yaml

_LOCK = "run.lock"


class RunFolder:
    """Paths and small files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.checkpoints = self.path / "checkpoints"
        self.metrics = self.path / "metrics.jsonl"
        self.timing = self.path / "timing.jsonl"
        self.split = self.path / "split.json"
        self.report = self.path / "report.html"
        self.environment = self.path / "env.json"
        self._config = self.path / "config.yaml"

    def refuse_if_used(self) -> None:
        """A new run takes a folder of its own.

        Raises:
            FolderInUse: the folder holds a run, or anything else.
        """
        if self.holds_run:
            raise FolderInUse(
                f"{self.path} already holds a run; continue it with `cladenet train --resume "
                f"{self.path}`, or give another folder with --out"
            )
        if self.path.exists() and any(item.name != _LOCK for item in self.path.iterdir()):
            raise FolderInUse(
                f"{self.path} is not empty and holds no run; give another folder with --out"
            )

    @property
    def holds_run(self) -> bool:
        """Was a run started here?"""
        return self._config.exists()

    def read_config(self) -> RunConfig:
        """What `start` wrote.

        Raises:
            CheckpointError: the folder is no run.
        """
        if not self._config.is_file():
            raise CheckpointError(
                f"{self.path} holds no run to resume: it has no config.yaml. "
                "Start one with `cladenet train NAME --data DATA`"
            )
        return from_yaml(self._config.read_text(), self._config)

    def start(self, config: RunConfig) -> None:
        """Make the folder a run."""
        write_file(self._config, to_yaml(config).encode())

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only process that writes here; a dead owner's claim is void.

        The claim is a POSIX record lock, which the system drops with the process and which forked
        workers do not inherit.

        Raises:
            FolderInUse: a living process owns the folder.
            OutOfSpace: the folder cannot be made on a full disk.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise FolderInUse(f"{self.path} is a file; give a folder with --out") from error
        except OSError as error:
            raise explain(error, self.path, 0) from error
        handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._claim(handle)
            clear_temporaries(self.path)
            clear_temporaries(self.checkpoints)
            yield
            os.ftruncate(handle, 0)
        finally:
            os.close(handle)

    def _claim(self, handle: int) -> None:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            owner = os.read(handle, 1000).decode() or "another process"
            raise FolderInUse(
                f"{self.path} is in use by {owner}; wait for it, or give another folder with --out"
            ) from error
        since = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()} since {since}".encode())

    def append(self, path: Path, row: dict[str, Any]) -> None:
        """Add one line of JSON.

        Raises:
            OutOfSpace: the disk is full.
        """
        line = json.dumps(row, allow_nan=False) + "\n"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise explain(error, path, len(line)) from error

    def history(self) -> list[dict[str, Any]]:
        """The rows of `metrics.jsonl`."""
        if not self.metrics.exists():
            return []
        return [json.loads(line) for line in self.metrics.read_text().splitlines()]

    def seconds(self) -> float:
        """Time spent training and validating, as far as `timing.jsonl` knows."""
        if not self.timing.exists():
            return 0.0
        by_step = {}
        for line in self.timing.read_text().splitlines():
            row = json.loads(line)
            by_step[row["step"]] = float(row["seconds"])  # a repeated epoch counts once
        return sum(by_step.values())

    def rewind(self, size: int) -> None:
        """Cut `metrics.jsonl` to the length it had when a checkpoint was written."""
        if self.metrics.exists() and self.metrics.stat().st_size > size:
            os.truncate(self.metrics, size)
