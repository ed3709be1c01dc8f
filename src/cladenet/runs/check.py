"""`cladenet check DATA`: a data set opened and examined, for a network if one is named."""

from pathlib import Path

from cladenet.data.check.check import Report, check_dataset
from cladenet.data.check.judge_for import Need
from cladenet.data.check.places import Groups
from cladenet.data.check.verify import OnUnreadable
from cladenet.data.dataset import DataSet
from cladenet.data.shards.scanning.several import OnBytes
from cladenet.data.sources.open import open_dataset
from cladenet.data.survey.survey import Progress
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.division import decide_division


def check(
    data: str | Path,
    network: str = "",
    *,
    on_unreadable: OnUnreadable = "stop",
    white_level: float = 0.0,
    max_megapixels: float = 50.0,
    progress: Progress | None = None,
    indexing: OnBytes | None = None,
) -> Report:
    """What is worth knowing about a data set before hours of training.

    Args:
        data: as `train` takes it.
        network: judge the data for it.
        on_unreadable: with `skip`, unreadable files are a warning instead of a problem.
        white_level: the sample that is white in images of more than 8 bits that do not declare it.
        max_megapixels: larger images count as unreadable.
        progress: called with the number of files decoded and their total.
        indexing: called with the bytes of shards that are read, and their total.

    Raises:
        BadArgument: no network is called so, or a number is out of range.
        DataError: the data cannot be opened.
    """
    need = _need(network) if network else None
    dataset = open_dataset(
        str(data),
        verify=False,
        white_level=white_level,
        max_megapixels=max_megapixels,
        indexing=indexing,
    )
    return check_dataset(
        dataset,
        need,
        on_unreadable=on_unreadable,
        progress=progress,
        indexing=indexing,
        divide=_divided_by_default,
    )


def _divided_by_default(dataset: DataSet, groups: Groups) -> object:
    return decide_division(dataset, RunConfig.val, RunConfig.test, RunConfig.seed, groups)


def _need(name: str) -> Need:
    from cladenet.registry import find

    entry = find(name)
    channels, height, width = entry.input
    return Need(entry.name, channels, height, width, entry.classes)
