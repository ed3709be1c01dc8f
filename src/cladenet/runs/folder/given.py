"""What a user has set: `key=value` words, and a file of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from cladenet.errors import BadArgument, reason
from cladenet.runs.folder.config import NOT_YAML


def parse_words(words: Sequence[str]) -> dict[str, str]:
    """`["lr=0.1", "model.drop_rate=0.2"]` as a dict.

    Raises:
        BadArgument: a word has no `=`, or a key comes twice.
    """
    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise BadArgument(f"{word!r} is not key=value, such as lr=0.05 or epochs=10")
        if key in pairs:
            raise BadArgument(f"{key} is given twice: {pairs[key]!r} and {value!r}")
        pairs[key] = value
    return pairs


def read_options(path: Path) -> dict[str, Any]:
    """A YAML file of `key: value` lines, as `--config` takes it.

    Raises:
        BadArgument: the file is missing, is not YAML or is not a table.
    """
    try:
        values = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise BadArgument(f"--config {path} cannot be read: {error.strerror}") from error
    except NOT_YAML as error:
        raise BadArgument(f"--config {path} is not YAML: {reason(error)}") from error
    if not isinstance(values, dict):
        raise BadArgument(f"--config {path} holds no table; expected lines such as `lr: 0.05`")
    return {str(key): value for key, value in values.items()}
