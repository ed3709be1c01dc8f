"""Where this library keeps files that it could make again: one root for all of them."""

import os
from pathlib import Path

from cladenet.errors import BadArgument


def cache_root() -> Path:
    """$CLADENET_CACHE, else $XDG_CACHE_HOME/cladenet, else ~/.cache/cladenet.

    What is in there may be deleted at any time: decoded images, imported weights, measured choices.
    As its specification says, a relative $XDG_CACHE_HOME counts for nothing.

    Raises:
        BadArgument: the user has no home folder, and none of the variables names another.
    """
    if chosen := os.environ.get("CLADENET_CACHE"):
        return Path(chosen).expanduser()
    everybodys = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if everybodys.is_absolute():
        return everybodys / "cladenet"
    try:
        return Path.home() / ".cache" / "cladenet"
    except RuntimeError:
        raise BadArgument(
            "this user has no home folder to keep a cache in; set CLADENET_CACHE to a folder that "
            "may be written"
        ) from None


def optional_cache(name: str) -> Path | None:
    """A folder of the cache, made if need be; None where it cannot be written."""
    try:
        folder = cache_root() / name
        folder.mkdir(parents=True, exist_ok=True)
    except (BadArgument, OSError):
        return None
    return folder if os.access(folder, os.W_OK) else None


def cache_was_chosen() -> bool:
    """Has the user named the folder, or is it only where caches usually are?"""
    return bool(os.environ.get("CLADENET_CACHE"))
