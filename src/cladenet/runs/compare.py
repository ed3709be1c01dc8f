"""Finished runs read from their folders, to be compared."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cladenet.analysis.form import Counted, cost_of
from cladenet.checkpoints import locate
from cladenet.checkpoints.folder import read_card
from cladenet.errors import BadArgument, CheckpointError, CladeNetError, reason
from cladenet.report.compared import ComparedRun, Comparison
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.folder.names import RESULT
from cladenet.runs.folder.related import read_result

NOT_A_DECISION = ("recipe.source", "recipe.departs", "recipe.made_for", "defaults")


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Errors, costs, settings and curves of two or more finished runs.

    Nothing is computed again: the figures are those that the runs ended with.

    Args:
        runs: their folders.

    Raises:
        BadArgument: there are fewer than two, or one is given twice.
        CheckpointError: a folder holds no run, or one that has not ended.
    """
    if len(runs) < 2:
        raise BadArgument(f"{len(runs)} run given; a comparison needs two or more run folders")
    folders = [RunFolder(run) for run in runs]
    twice = [
        path for path, n in Counter(folder.path.resolve() for folder in folders).items() if n > 1
    ]
    if twice:
        raise BadArgument(f"{twice[0]} is given twice; give each run once")
    results = [_result(folder) for folder in folders]
    known = all("images" in result for result in results)  # by runs of this version
    read = [
        _read(folder, result, _scored(folder, result, known))
        for folder, result in zip(folders, results, strict=True)
    ]
    return Comparison([_named(run, read) for run in read])


def _result(folder: RunFolder) -> dict[str, Any]:
    if not folder.holds_run:
        raise CheckpointError(f"{folder.path} holds no run; give the folder of one that has ended")
    result = read_result(folder.path)
    if "confusion" not in result:
        raise CheckpointError(
            f"{folder.path} has no {RESULT}: the run has not ended. Continue it with "
            f"`cladenet train --resume {folder.path}`"
        )
    return result


def _read(folder: RunFolder, result: Mapping[str, Any], scored: str) -> ComparedRun:
    try:
        return _compared(folder, result, scored)
    except CladeNetError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder.path / RESULT} is damaged: {reason(error)}. Write it again with "
            f"`cladenet train --resume {folder.path}`"
        ) from error


def _compared(folder: RunFolder, result: Mapping[str, Any], scored: str) -> ComparedRun:
    config = folder.read_config()
    history = folder.history()
    cost = _cost(folder, result)
    wrong = result["n"] - sum(row[i] for i, row in enumerate(result["confusion"]))
    return ComparedRun(
        name=folder.path.name,
        path=str(folder.path),
        network=config.network,
        recipe=config.recipe_name,
        data=config.data,
        split=result["split"],
        images=result["n"],
        wrong=wrong,
        top1_interval=tuple(result["top1_interval"]),
        top5_error=result["top5_error"],
        params=cost.params,
        macs=cost.macs,
        input=cost.input,
        steps=max((row["step"] for row in history), default=0),
        seconds=folder.spent().seconds,
        classes=[row["class"] for row in result["per_class"]],
        recalls=[row["recall"] for row in result["per_class"]],
        settings=_settings(asdict(config)),
        history=history,
        scored=scored,
    )


def _cost(folder: RunFolder, result: Mapping[str, Any]) -> Counted:
    """As the run wrote it; counted from its checkpoint where an earlier version ran it."""
    if "cost" in result:
        channels, height, width = result["cost"]["input"]
        cost = result["cost"]
        classes = len(result["per_class"])
        return Counted((channels, height, width), classes, cost["params"], cost["macs"])
    return cost_of(read_card(locate(folder.path)))


def _scored(folder: RunFolder, result: Mapping[str, Any], known: bool) -> str:
    """The digest of the scored images; where not all runs have it, data set and class counts."""
    if known:
        return str(result["images"])
    counts = [sum(row) for row in result["confusion"]]
    return f"{folder.read_config().data} {result['split']} {counts}"


def _settings(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested keys joined by dots, lists as texts, without what is no decision."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            flat |= _settings(value, f"{name}.")
        elif name not in NOT_A_DECISION:
            flat[name] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat


def _named(run: ComparedRun, runs: Sequence[ComparedRun]) -> ComparedRun:
    """With as much of its path as tells it from the others."""
    from dataclasses import replace

    alike = [other for other in runs if other.name == run.name]
    if len(alike) == 1:
        return run
    parts = Path(run.path).parts
    for count in range(2, len(parts) + 1):
        names = ["/".join(Path(other.path).parts[-count:]) for other in alike]
        if len(set(names)) == len(names):
            return replace(run, name="/".join(parts[-count:]))
    return replace(run, name=run.path)
