"""on_purpose.toml: where a network here is not another implementation's, and why."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from cladenet.errors import LedgerError
from cladenet.ledger.fidelity.compared import Comparison, comparisons

FILE = Path(__file__).parent / "on_purpose.toml"
KEYS = {"networks", "theirs", "what", "here", "there", "why"}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is not the same in both, and is meant to be so.

    Args:
        networks: shell patterns of names of networks here.
        theirs: shell patterns of names of the other implementations, such as "timm/*".
        what: the part, in a few words: "momentum" of the batch norms, "drop path", ...
        here: what it is here.
        there: what it is there.
        why: the reason.
    """

    networks: tuple[str, ...]
    theirs: tuple[str, ...]
    what: str
    here: str
    there: str
    why: str

    def is_about(self, name: str, theirs: str = "") -> bool:
        """That network, and that other implementation if one is given."""
        return _fits(name, self.networks) and (not theirs or _fits(theirs, self.theirs))


@cache
def differences() -> tuple[Difference, ...]:
    """All rows of the file.

    Raises:
        LedgerError: a row lacks a key, or has one that is not known.
    """
    found = []
    for row in _content()["difference"]:
        if set(row) != KEYS:
            raise LedgerError(
                f"{FILE.name}: the row {row.get('what', '')!r} has the keys {', '.join(row)}; "
                f"expected {', '.join(sorted(KEYS))}"
            )
        lists = {key: tuple(row[key]) for key in ("networks", "theirs")}
        found.append(Difference(**{**row, **lists}))
    return tuple(found)


def arguments() -> dict[str, str]:
    """Why `create_model` is given an argument to be another library's network."""
    return dict(_content()["argument"])


def differing(name: str) -> list[tuple[str, str, str, str]]:
    """All that differs for one network: what, here, there, and why; by arguments, then by hand."""
    built: dict[tuple[str, str], list[str]] = {}
    for row in comparisons():
        if row.ours == name and not row.is_test:
            for key, value in row.arguments.items():
                built.setdefault((key, f"{key}={value}"), []).append(row.theirs)
    known = arguments()
    found = [
        (key, "without it", f"{words} builds {', '.join(theirs)}", known[key])
        for (key, words), theirs in built.items()
    ]
    rows = (row for row in differences() if row.is_about(name))
    return found + [(row.what, row.here, row.there, row.why) for row in rows]


def unexplained(row: Comparison) -> list[str]:
    """What the results show to differ without a reason in the file."""
    kinds = {"path": "drop path", "dropout": "dropout"}
    shown = ["logits"] if row.mismatches else []
    shown += ["momentum"] if row.momentum else []
    shown += [kinds[kind] for kind in row.uncompared or {}]
    shown += [f"{kinds[kind]} rate" for kind in row.rates or {}]
    rows = (other for other in differences() if other.is_about(row.ours, row.theirs))
    known = {other.what for other in rows}
    without = [what for what in shown if what not in known]
    built = set() if row.is_test else set(row.arguments)
    return [*(built - set(arguments())), *without]


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
