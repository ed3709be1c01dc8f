"""same_logits.json: each network beside another implementation of it, with the same weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "same_logits.json"
# Two orders of summation part by less, another constant or operation by more; each is in units of
# the largest logit. The rounding of float32 is 5e8 times that of float64.
MISMATCH = {"float64": 1e-9, "float32": 1e-3}


@dataclass(frozen=True)
class Comparison:
    """One network in two implementations.

    Differences are the largest between the logits, in units of the largest logit.

    Args:
        theirs: name of the other library's network, such as "timm/resnet50", or of the test that
            writes the network out from its paper.
        ours: name of the network here.
        arguments: what `create_model` was given besides.
        fingerprint: of what ours computed then: see `benchmarks/others/fingerprint.py`.
        differences: by mode: "odd", "nominal", "training", "statistics", "path" and "dropout".
        sides: of the images in the modes "odd" and "nominal".
        dtypes: of the modes that are not in float64.
        momentum: of the batch norms here and there, where they are not the same.
        uncompared: places that drop something in one of the two alone, by kind: here and there.
        rates: of places that drop something, here and there, where they are not the same.
    """

    theirs: str
    ours: str
    arguments: Mapping[str, Any]
    fingerprint: str
    differences: Mapping[str, float]
    sides: tuple[int, ...] = ()
    dtypes: Mapping[str, str] = field(default_factory=dict)
    momentum: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    uncompared: Mapping[str, tuple[int, int]] | None = None
    rates: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] | None = None

    @property
    def is_test(self) -> bool:
        """Compared with functions that a test writes out from the paper."""
        return self.theirs.startswith("tests/")

    @property
    def mismatches(self) -> tuple[str, ...]:
        """Modes in which the two are not the same network."""
        return tuple(
            mode
            for mode, found in self.differences.items()
            if not found <= MISMATCH[self.dtype(mode)]
        )

    def dtype(self, mode: str) -> str:
        """The precision in which that mode was computed."""
        return self.dtypes.get(mode, "float64")

    def largest(self, dtype: str = "float64") -> float | None:
        """Of the differences in that precision; None without any."""
        modes = (mode for mode in self.differences if self.dtype(mode) == dtype)
        found = [self.differences[mode] for mode in modes]
        return max(found, default=None)


@cache
def comparisons() -> tuple[Comparison, ...]:
    """All of the file, in its order; none where it is not there."""
    if not FILE.exists():
        return ()
    return read(json.loads(FILE.read_text(encoding="utf-8")))


def read(content: Mapping[str, Any]) -> tuple[Comparison, ...]:
    """The rows of a file's content."""
    return (*map(_pair, content["pairs"]), *map(_test, content["tests"]))


def packages() -> dict[str, str]:
    """Versions of the other libraries."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))["packages"])


def _pair(row: Mapping[str, Any]) -> Comparison:
    training, nominal = row.get("training", {}), row["nominal"]
    differences = {
        "odd": row["odd"]["difference"],
        "nominal": nominal["difference"],
        **({"training": training["difference"]} if training else {}),
        **({"statistics": training["statistics"]} if training.get("momentum") else {}),
    }
    dtypes = {"odd": row["odd"].get("dtype", "float64"), "nominal": nominal["dtype"]}
    uncompared, rates = {}, {}
    for kind, place in training.get("dropped", {}).items():
        if "difference" not in place:
            uncompared[kind] = (place["here"], place["there"])
            continue
        differences[kind] = place["difference"]
        if "here" in place:
            rates[kind] = (tuple(place["here"]), tuple(place["there"]))
    momentum = _momentum(training.get("momentum", []))
    return Comparison(
        row["theirs"],
        row["ours"],
        row["arguments"],
        row["fingerprint"],
        differences,
        (row["odd"]["side"], nominal["side"]),
        {mode: found for mode, found in dtypes.items() if found != "float64"},
        momentum,
        uncompared,
        rates,
    )


def _momentum(values: list[Any]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Here and there; None where they are the same."""
    if not values or not isinstance(values[0], list):
        return None
    here, there = (tuple(round(value, 9) for value in row) for row in values)
    return None if here == there else (here, there)


def _test(row: Mapping[str, Any]) -> Comparison:
    found = {"written out": row["difference"]}
    arguments = built_with(row.get("arguments", {}))
    return Comparison(row["test"], row["ours"], arguments, row["fingerprint"], found)


def built_with(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A row's arguments for `create_model`: lists, which JSON has, are tuples."""
    return {key: _tuples(value) for key, value in arguments.items()}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
