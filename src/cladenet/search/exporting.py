"""From the folder of a search to the file of a found network."""

from pathlib import Path
from typing import Any

from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.errors import BadArgument
from cladenet.search.architecture import fingerprint
from cladenet.search.config import read_config
from cladenet.search.export import Exported, exported
from cladenet.search.journal import read_journal
from cladenet.search.run import JOURNAL
from cladenet.weights.found import found_file


def export_trial(folder: Path, name: str, number: int = -1) -> tuple[Path, Exported]:
    """Name an architecture of a search.

    Args:
        folder: of the search.
        name: `found:NAME` will be the network.
        number: of the trial; -1 is the best on validation.

    Raises:
        BadArgument: the name cannot be used or is taken, or there is no such trial.
        CheckpointError: the folder holds no search, or its journal is damaged.
    """
    path = found_file(name)
    config = read_config(folder)
    architectures: dict[int, Any] = {}
    results: dict[int, dict[str, Any]] = {}
    for row in read_journal(folder / JOURNAL):
        if "ask" in row:
            architectures[row["ask"]] = row["architecture"]
        elif row["val"] is not None:
            results[row["tell"]] = row
    if not results:
        raise BadArgument(f"{folder} has no trial with a result; resume the search")
    if number < 0:
        number = max(results, key=lambda trial: (results[trial]["val"], -trial))
    if number not in results:
        raise BadArgument(
            f"trial {number} of {folder} has no result; give one of 0 to {max(results)}"
        )
    made = exported(config.make_space(), architectures[number], config.fidelity.scale)
    if path.exists():
        raise BadArgument(f"{path} exists already; give another name, or remove it")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "network": made.network,
        "arguments": made.arguments,
        "search": {
            "method": config.method,
            "space": config.space,
            "data": config.data,
            "seed": config.seed,
            "trial": number,
            "architecture": fingerprint(architectures[number]),
            **{key: results[number][key] for key in ("val", "test", "params", "macs")},
        },
    }
    write_file(path, to_json(content))
    return path, made
