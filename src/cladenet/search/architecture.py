"""An architecture is plain JSON: numbers, texts, lists and dicts; its hash is that of its text."""

import hashlib
import json
from typing import Any

Architecture = Any


def text_of(architecture: Architecture) -> str:
    """The one text of a value: keys sorted, no spaces; floats keep all their digits.

    Raises:
        ValueError: it holds a number that is not finite, which JSON does not have.
    """
    return json.dumps(architecture, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(architecture: Architecture) -> str:
    """16 hexadecimal digits that are the same for equal architectures, on any machine."""
    return hashlib.sha256(text_of(architecture).encode()).hexdigest()[:16]
