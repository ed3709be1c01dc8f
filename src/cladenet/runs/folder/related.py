"""Other runs that a reader of this one's report will want to open."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cladenet.errors import CladeNetError
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.folder.names import RESULT

if TYPE_CHECKING:  # few runs have others beside them
    from cladenet.report.links import Related

MOST = 12  # of the same folder, the newest


def related_runs(folder: RunFolder, config: RunConfig) -> "list[Related]":
    """The run whose weights this one began with, then those beside it on the same data.

    Args:
        folder: of this run.
        config: of this run.
    """
    found: dict[Path, str] = {}
    for given, how in ((config.weights, "this run began with its weights"),
                       (config.init_from, "this run began with some of its layers")):  # fmt: skip
        if given and (parent := _run_of(Path(given))):
            found[parent] = how
    times = {}
    for other in folder.path.parent.iterdir():
        with suppress(OSError):
            if other != folder.path:
                times[other] = (other / RESULT).stat().st_mtime
    for other in sorted(times, key=lambda path: (-times[path], path.name)):  # the newest first
        if len(found) >= MOST:
            break
        with suppress(CladeNetError):
            if RunFolder(other).read_config().data == config.data:
                found.setdefault(other, "on the same data")
    if not found:
        return []
    from cladenet.report.links import Related, link

    return [
        Related(path.name, link(path / "report.html", folder.path), how, figure(path))
        for path, how in found.items()
        if (path / "report.html").is_file()
    ]


def figure(run: Path) -> str:
    """`test error 3.94 %`, of a run's `result.json`; empty without one."""
    result = read_result(run)
    error = result.get("top1_error")
    return f"{result.get('split', '')} error {error:.2f} %" if isinstance(error, float) else ""


def read_result(run: Path) -> dict[str, Any]:
    """What `result.json` says; nothing where it is missing or damaged."""
    try:
        values = json.loads((run / RESULT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _run_of(given: Path) -> Path | None:
    """The run that a path to a run, its checkpoints or its weights means; None for names."""
    if not given.exists():  # the name of published weights, or gone since
        return None
    for path in (given, *given.parents[:3]):
        if RunFolder(path).holds_run:
            return path.absolute()
    return None
