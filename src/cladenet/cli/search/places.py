"""Where searches and their images lie."""

from pathlib import Path


def default_folder(method: str, data: str) -> str:
    """`searches/SEARCH-DATA`."""
    name, colon, _ = data.partition(":")
    return str(Path("searches") / f"{method}-{name if colon else Path(data).name}")


def absolute(data: str) -> str:
    """The data with an absolute path, so that a search can be resumed in another folder."""
    name, colon, root = data.partition(":")
    if colon:
        return f"{name}:{Path(root).expanduser().absolute()}"
    return str(Path(data).expanduser().absolute()) if Path(data).is_dir() else data
