"""What was found to be the fastest, kept in a folder of the user's own for the next time."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import torch

from cladenet import processor
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.errors import StorageError
from cladenet.inference.engines import ENGINES
from cladenet.inference.request import Request

CHOICES = "engines.json"


@dataclass(frozen=True)
class Choice:
    """How a network is best run here.

    Args:
        engine: its name.
        threads: for it.
        seconds: that it takes to get ready.
        against: the engines that it was measured against.
    """

    engine: str
    threads: int
    seconds: float
    against: tuple[str, ...]


def recall(request: Request) -> Choice | None:
    """What was chosen for the like of it; None if nothing was, or nothing is kept."""
    found = _kept(request).get(_key(request))
    try:
        choice = Choice(**found) if isinstance(found, dict) else None
    except TypeError:
        return None
    return choice if choice and choice.engine in ENGINES else None


def remember(request: Request, choice: Choice) -> None:
    """A folder that cannot be written costs another measurement next time, nothing else."""
    if request.cache is not None:
        try:
            request.cache.mkdir(parents=True, exist_ok=True)
            kept = _kept(request) | {_key(request): asdict(choice)}
            write_file(request.cache / CHOICES, to_json(kept))
        except (OSError, StorageError):
            return


def _key(request: Request) -> str:
    """What the choice depends on; the folder may be one that several machines share."""
    tensors = [(name, list(value.shape)) for name, value in request.model.state_dict().items()]
    facts = [
        str(tensors),
        request.precision,
        list(request.images.shape),
        request.threads,
        request.fixed,
        torch.__version__,
        processor.abilities(),
        [name for name, engine in ENGINES.items() if engine.installed],
    ]
    return sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _kept(request: Request) -> dict[str, Any]:
    if request.cache is None:
        return {}
    try:
        found = json.loads((request.cache / CHOICES).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
