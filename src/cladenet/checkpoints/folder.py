"""Checkpoint folders: what lies in one, which of a run is the newest good one, reading and writing.

    weights.safetensors   the tensors that predict: parameters and running statistics; beside them
                          those of auxiliary classifiers, where some were trained
    card.json             metadata (`Card`)
    state.safetensors     everything else a run needs to go on; only in `step-*`
    manifest.json         step, size and SHA-256 of each file and of itself, the run's plain numbers

A run keeps `step-000001200` folders to resume from and one `best-000000800`; `last` and `best` are
links to the newest of each.
"""

import hashlib
import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor

from cladenet.checkpoints.atomic import (
    MANIFEST,
    explain,
    read_facts,
    to_json,
    write_folder,
)
from cladenet.checkpoints.card import Card
from cladenet.errors import CheckpointError
from cladenet.files import sync_folder

WEIGHTS, CARD, STATE = "weights.safetensors", "card.json", "state.safetensors"
PIECE = 2**20  # numbers of a tensor that are looked at together
FORMAT = 1


class Contents(NamedTuple):
    """One checkpoint as read; `state` is empty where only weights were kept."""

    weights: dict[str, Tensor]
    card: Card
    state: dict[str, Tensor]
    facts: dict[str, Any]


def save(
    target: Path,
    weights: Mapping[str, Tensor],
    card: Card,
    state: Mapping[str, Tensor] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write one checkpoint folder, whole or not at all.

    Raises:
        CheckpointError: a tensor or an answer is not finite, so the checkpoint would be worthless.
        StorageError: the disk is full or fails; what was there stays.
    """
    refuse_non_finite(weights, target)
    if not all(map(isfinite, card.self_test)):
        raise CheckpointError(f"{target}: the network's answers are not finite numbers")
    files = {WEIGHTS: serialise(weights), CARD: to_json(card.to_json())}
    if state is not None:
        files[STATE] = serialise(state)
    write_folder(target, files, {"format": FORMAT, "step": card.step, **(facts or {})})


def read(folder: Path, *, with_state: bool = True) -> Contents:
    """Read a checkpoint folder after checking every byte of it.

    Raises:
        CheckpointError: a file is missing, cut, changed or not ours.
    """
    manifest = read_manifest(folder)
    content = {}
    for name, seal in manifest["files"].items():
        if with_state or name != STATE:
            content[name] = _verified(folder / name, seal)
    if WEIGHTS not in content or CARD not in content:
        raise CheckpointError(f"{folder} lists neither {WEIGHTS} nor {CARD} in its {MANIFEST}")
    card = _card(content[CARD], folder)
    state = deserialise(content[STATE], folder / STATE) if STATE in content else {}
    return Contents(deserialise(content[WEIGHTS], folder / WEIGHTS), card, state, manifest)


def read_card(folder: Path) -> Card:
    """The metadata alone, after checking every byte of it.

    Raises:
        CheckpointError: it is missing, cut, changed or not ours.
    """
    files = read_manifest(folder)["files"]
    if CARD not in files:
        raise CheckpointError(f"{folder} lists no {CARD} in its {MANIFEST}")
    return _card(_verified(folder / CARD, files[CARD]), folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest alone; the files it lists are not looked at.

    Raises:
        CheckpointError: it is missing or is not one of ours.
    """
    path, manifest = folder / MANIFEST, read_facts(folder)
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has another format than the one this version reads, which is {FORMAT}"
        )
    entries: Any = manifest.get("files")
    listed = isinstance(entries, dict) and type(manifest.get("step")) is int
    for name, seal in entries.items() if listed else ():
        sealed = isinstance(seal, dict) and {"bytes", "sha256"} <= seal.keys()
        listed = listed and sealed and Path(name).name == name
    if not listed:
        raise CheckpointError(f"{path} does not list its step and its files")
    return manifest


def steps(checkpoints: Path) -> list[Path]:
    """The folders one could resume from, newest first, by the step in their name."""
    return sorted(checkpoints.glob("step-*"), reverse=True)


def step_folder(checkpoints: Path, kind: str, step: int) -> Path:
    """`checkpoints/step-000001200`; zero-padded, so that names sort as steps do."""
    return checkpoints / f"{kind}-{step:09d}"


def free_step_folder(checkpoints: Path, step: int) -> Path:
    """`step-000001200`, or `step-000001200-1` where that is taken: no good folder is replaced."""
    folder = first = step_folder(checkpoints, "step", step)
    number = 0
    while folder.exists():
        number += 1
        folder = first.with_name(f"{first.name}-{number}")
    return folder


def newest(checkpoints: Path) -> tuple[Path, Contents, list[tuple[Path, str]]]:
    """The newest checkpoint that is whole, and each newer one with the reason why it is not.

    Raises:
        CheckpointError: there is none.
    """
    refused: list[tuple[Path, str]] = []
    for folder in steps(checkpoints):
        try:
            contents = read(folder)
        except CheckpointError as error:
            refused.append((folder, str(error)))
            continue
        if STATE in contents.facts["files"] and "progress" in contents.facts:
            return folder, contents, refused
        refused.append((folder, f"{folder} has weights only, not the state of a run"))
    reasons = "; ".join(reason for _, reason in refused) or "none was written yet"
    raise CheckpointError(f"{checkpoints} holds no checkpoint to resume from: {reasons}")


def point(link: Path, target: Path) -> None:
    """Make `link` a relative link to its sibling `target`, replacing an old one in one step.

    Raises:
        StorageError: the disk is full or fails; the old link stays.
    """
    if link.is_symlink() and link.readlink() == Path(target.name):
        return
    temporary = link.with_name(f".writing-{link.name}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target.name)
        temporary.replace(link)
        sync_folder(link.parent)
    except OSError as error:
        raise explain(error, link, 0) from error


def serialise(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors to safetensors bytes, from any device and memory layout."""
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})


def deserialise(data: bytes, path: Path) -> dict[str, Tensor]:
    """Safetensors bytes to tensors in the order of their names; `path` is for the message alone.

    Raises:
        CheckpointError: the bytes are not a safetensors file.
    """
    try:
        return dict(sorted(safetensors.torch.load(data).items()))
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from error


def refuse_non_finite(tensors: Mapping[str, Tensor], where: Path) -> None:
    """Raise CheckpointError naming the first tensor that holds NaN or infinity.

    torch makes copies of what it asks this of, so it is asked a piece at a time.
    """
    for name, tensor in tensors.items():
        for piece in tensor.reshape(-1).split(PIECE) if tensor.is_floating_point() else ():
            if not piece.isfinite().all():
                raise CheckpointError(
                    f"{where}: the tensor {name} holds values that are not finite"
                )


def _card(content: bytes, folder: Path) -> Card:
    try:
        return Card.from_json(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{folder / CARD} is not JSON: {error}") from error
    except CheckpointError as error:
        raise CheckpointError(f"{folder / CARD}: {error}") from error


def _verified(path: Path, seal: dict[str, Any]) -> bytes:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; the checkpoint is incomplete")
    size = path.stat().st_size
    if size != seal["bytes"]:
        raise CheckpointError(
            f"{path} has {size} bytes, but its {MANIFEST} says {seal['bytes']}: it was cut or "
            "changed"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != seal["sha256"]:
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}. Get the checkpoint "
            "again from its source, or use an older one of the run"
        )
    return data
