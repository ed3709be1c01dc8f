"""Networks that a search has found: a file with a network's name and what builds it.

`cladenet search export FOLDER --name spruce` writes `networks/spruce.json`, and `found:spruce` is
that network wherever there is such a file; `found:a/file.json` is the one of any other. Whoever
trains it keeps name and arguments, so that a run and its checkpoints need the file no more.
"""

import json
import re
from pathlib import Path
from typing import Any

from cladenet.errors import BadArgument
from cladenet.suggest import hint

PREFIX = "found:"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def is_found(name: str) -> bool:
    """Does the name mean a network that a search has found?"""
    return name.startswith(PREFIX)


def found_file(name: str) -> Path:
    """Where `found:NAME` is kept.

    Raises:
        BadArgument: the name has other than letters, digits, `_`, `-` and dots.
    """
    if not NAME.fullmatch(name):
        raise BadArgument(
            f"the name is {name!r}; expected letters, digits, underscores, hyphens and dots"
        )
    return Path("networks") / f"{name}.json"


def read_found(name: str) -> tuple[str, dict[str, Any]]:
    """`found:...` as a network of ours and the arguments that make it the one that was found.

    Raises:
        BadArgument: there is no such file, or it is not one of an export.
    """
    wanted = name.removeprefix(PREFIX)
    is_path = wanted.endswith(".json") or "/" in wanted
    path = Path(wanted).expanduser() if is_path else found_file(wanted)
    try:
        values = json.loads(path.read_bytes())
        network, arguments = values["network"], dict(values["arguments"])
    except FileNotFoundError as error:
        names = [file.stem for file in sorted(path.parent.glob("*.json"))]
        raise BadArgument(
            f"no found network is called {wanted!r}: {path} is missing; {hint(wanted, names)}name "
            "one with `cladenet search export FOLDER --name NAME`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadArgument(f"{path} is not the file of a found network: {error!r}") from error
    return str(network), arguments
