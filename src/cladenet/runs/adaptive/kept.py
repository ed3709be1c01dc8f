"""Thresholds kept beside the weights that they were set for.

One file for each precision, `adaptive-fp32.json`, in the checkpoint folder of a run; of a cascade
`cascade-fp32-1a2b3c4d.json` in that of its first run, with a name that follows from the others.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cladenet.adaptive.costs import Costs
from cladenet.adaptive.policy import Policy
from cladenet.checkpoints import Loaded
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.checkpoints.folder import WEIGHTS, read_manifest
from cladenet.errors import BadArgument, CheckpointError

FORMAT = 1
KEPT_FILES = ("adaptive-*.json", "cascade-*.json")  # in the folder of a checkpoint


@dataclass(frozen=True)
class Kept:
    """Thresholds and what they were set for.

    Args:
        asked: the budget or promise in words, such as `20M`.
        policy: the thresholds.
        costs: to each answer, as they were measured.
        held: how many images set them.
        data: where those came from.
    """

    asked: str
    policy: Policy
    costs: Costs
    held: int
    data: str


def keep(loaded: Sequence[Loaded], kept: Kept) -> Path:
    """Write them; those of the same precision that were there are replaced.

    Raises:
        StorageError: the folder cannot be written to.
    """
    path = _path(loaded, kept.policy.precision)
    values = {
        "format": FORMAT,
        "weights": [_seal(each) for each in loaded],
        "asked": kept.asked,
        "policy": kept.policy.to_json(),
        "costs": {
            "macs": list(kept.costs.macs),
            "ms": list(kept.costs.ms),
            "batch_size": kept.costs.batch_size,
            "threads": kept.costs.threads,
        },
        "held_out_images": kept.held,
        "data": kept.data,
    }
    write_file(path, to_json(values))
    return path


def find_kept(loaded: Sequence[Loaded], precision: str) -> Kept:
    """The thresholds of these weights at that precision.

    Raises:
        BadArgument: there are none, or none at this precision.
        CheckpointError: the file is damaged, or belongs to other weights.
    """
    path = _path(loaded, precision)
    if not path.is_file():
        others = [p for p in ("fp32", "bf16", "int8") if _path(loaded, p).is_file()]
        runs = " ".join(str(each.folder) for each in loaded)
        cascade = " --cascade" if len(loaded) > 1 else ""
        had = f"were set in {' and '.join(others)}, not" if others else "were never set"
        raise BadArgument(
            f"the thresholds of {runs} {had} in {precision}; set them with `cladenet evaluate "
            f"{runs}{cascade} --precision {precision} --budget 20M`"
            + (f", or predict with --precision {others[0]}" if others else "")
        )
    try:
        values = json.loads(path.read_bytes())
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']} is not {FORMAT}")
        seals, found = values["weights"], _from_json(values)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r}; set the thresholds again") from error
    if seals != [_seal(each) for each in loaded]:
        raise CheckpointError(f"{path} belongs to other weights; set the thresholds again")
    if found.policy.precision != precision:
        raise CheckpointError(f"{path} was set in {found.policy.precision}; set them again")
    return found


def _from_json(values: dict[str, Any]) -> Kept:
    costs = values["costs"]
    return Kept(
        str(values["asked"]),
        Policy.from_json(values["policy"]),
        Costs(
            tuple(map(int, costs["macs"])),
            tuple(map(float, costs["ms"])),
            int(costs["batch_size"]),
            int(costs["threads"]),
        ),
        int(values["held_out_images"]),
        str(values["data"]),
    )


def _path(loaded: Sequence[Loaded], precision: str) -> Path:
    first, *others = loaded
    if not others:
        return first.folder / f"adaptive-{precision}.json"
    rest = hashlib.sha256(" ".join(_seal(each) for each in others).encode()).hexdigest()
    return first.folder / f"cascade-{precision}-{rest[:8]}.json"


def _seal(loaded: Loaded) -> str:
    return str(read_manifest(loaded.folder)["files"][WEIGHTS]["sha256"])
