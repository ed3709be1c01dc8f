"""Networks against the functions that tests write out from the papers, and what those tests saw.

A network counts as compared where a test makes it with `parity.randomised` and hands its logits and
those of the functions to `parity.worst`. Arguments that are no numbers or words, such as layers of
a test's own, leave no row.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import parity
from cladenet.layers.classifier import Classifier
from cladenet.ledger.fidelity.compared import built_with
from others.fingerprint import fingerprint

TESTS = Path(__file__).parents[2] / "tests"


class Witness:
    """A plugin of pytest that keeps what the tests compare."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], float] = {}
        self._test, self._network, self._arguments = "", "", ""
        self._worst, self._randomised = parity.worst, parity.randomised
        parity.worst, parity.randomised = self._compare, self._make

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Keep which test runs, without its parameters."""
        self._test = f"tests/{item.path.name}::{item.name.partition('[')[0]}"

    def _make(self, name: str, **overrides: Any) -> Classifier:
        self._network = name
        are_plain = all(map(_is_plain, overrides.values()))
        self._arguments = json.dumps(overrides, sort_keys=True) if are_plain else ""
        return self._randomised(name, **overrides)

    def _compare(self, ours: Tensor, theirs: Tensor) -> float:
        found = self._worst(ours, theirs)
        key = self._test, self._network, self._arguments
        if self._arguments:
            self.rows[key] = max(found, self.rows.get(key, 0.0))
        return found


def written_out() -> list[dict[str, Any]]:
    """A row for each test, network and arguments: the largest difference.

    Raises:
        RuntimeError: one of the tests fails.
    """
    files = [f for f in sorted(TESTS.glob("test_*.py")) if "randomised" in f.read_text()]
    names = [f"{f}::{t}" for f in files for t in _that_compare(f.read_text())]
    witness = Witness()
    if pytest.main(["-q", "-m", "not slow", "-p", "no:cacheprovider", *names], plugins=[witness]):
        raise RuntimeError("a test fails; its networks are not compared")
    return [_row(*key, difference) for key, difference in sorted(witness.rows.items())]


def _is_plain(value: Any) -> bool:
    """A number, a word, or a tuple of them, and no class of its own that is one, too."""
    if type(value) in (tuple, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _row(test: str, name: str, text: str, difference: float) -> dict[str, Any]:
    arguments = json.loads(text)
    seen = fingerprint(name, built_with(arguments))
    words = {"test": test, "ours": name, "arguments": arguments}
    return {**words, "fingerprint": seen, "difference": difference}


def _that_compare(text: str) -> list[str]:
    """Tests in whose body both functions of `parity` occur."""
    tests = re.split(r"^(?=def |@pytest)", text, flags=re.M)
    bodies = (re.match(r"def (test_\w+)", test) for test in tests)
    return [
        match[1]
        for match, test in zip(bodies, tests, strict=True)
        if match and "randomised(" in test and "worst(" in test
    ]
