"""Writing that a kill, a full disk or a power cut cannot leave half done.

A checkpoint is a folder. It is written under a temporary name beside its final place, every file
and the folder itself are forced to the disk, and one rename makes it exist.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cladenet.errors import CheckpointError, OutOfSpace, StorageError
from cladenet.files import NO_SPACE, sync_folder

MANIFEST = "manifest.json"
_TEMPORARY = ".writing-"


def write_folder(target: Path, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    """Make `target`, a new folder, with `files` and a manifest of `facts`, sizes and SHA-256 sums.

    The manifest ends with a sum of its own.

    Raises:
        StorageError: the disk is full or fails; nothing temporary stays behind.
    """
    temporary = target.with_name(f"{_TEMPORARY}{target.name}-{os.getpid()}")
    seals = {}
    for name, data in files.items():
        seals[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {**facts, "files": seals}
    content = {**files, MANIFEST: to_json({**manifest, "sha256": _sum(manifest)})}
    try:
        temporary.mkdir(parents=True)
        for name, data in content.items():
            write_durably(temporary / name, data)
        sync_folder(temporary)
        temporary.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise explain(error, target, sum(map(len, content.values()))) from error


def write_file(target: Path, data: bytes) -> None:
    """Replace one file as a whole; a device or a pipe is written into, a link followed.

    Raises:
        StorageError: the disk is full or fails; the old file is as it was.
    """
    if target.is_char_device() or target.is_fifo():
        _write_into(target, data)
        return
    target = Path(os.path.realpath(target))
    temporary = target.with_name(f"{_TEMPORARY}{target.name}-{os.getpid()}")
    try:
        write_durably(temporary, data)
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise explain(error, target, len(data)) from error


def _write_into(device: Path, data: bytes) -> None:
    try:
        device.write_bytes(data)
    except OSError as error:
        raise explain(error, device, len(data)) from error


def read_facts(folder: Path) -> dict[str, Any]:
    """The manifest that `write_folder` wrote; the files it lists are not looked at.

    Raises:
        CheckpointError: it is missing, damaged, or not one of ours.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
        manifest = json.loads(data)
        whole = isinstance(manifest, dict) and manifest.pop("sha256", "") == _sum(manifest)
        whole = whole and data == to_json({**manifest, "sha256": _sum(manifest)})
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(
            f"{folder} is not a checkpoint: it has no {MANIFEST}. "
            "Give a run folder, or one of the folders in its checkpoints/"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if not whole:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one at its end")
    return dict(manifest)


def write_durably(path: Path, data: bytes) -> None:
    """Write and force to the disk; not atomic by itself."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def clear_temporaries(folder: Path) -> None:
    """Remove what a killed process left half written; for the owner of `folder` only."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def to_json(value: Any) -> bytes:
    """Readable JSON; floats keep all their digits, NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)
    return f"{text}\n".encode()


def explain(error: OSError, path: Path, needed: int) -> StorageError:
    """Why `needed` bytes could not be written to `path`, in the user's words."""
    if error.errno not in NO_SPACE:
        return StorageError(
            f"{path} cannot be written: {error.strerror or error}. What was saved before is "
            "untouched; fix the disk or its permissions, or take another folder"
        )
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    needs, free = _size(needed), _size(shutil.disk_usage(folder).free)
    return OutOfSpace(
        f"not enough space to write {path}: it needs {needs} and {free} are free "
        f"({error.strerror}). What was saved before is untouched"
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _sum(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(to_json(manifest)).hexdigest()
