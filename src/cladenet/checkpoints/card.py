"""Metadata of a set of weights: all that is needed to use them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from cladenet.data.images.decode import MAX_PIXELS
from cladenet.data.preprocess import Preprocess
from cladenet.errors import CheckpointError
from cladenet.ledger.defaults import DEFAULTS, as_today
from cladenet.plural import counted


@dataclass(frozen=True)
class Card:
    """What the weights are, and how an image has to be prepared for them.

    Attributes:
        network: name in the registry.
        arguments: what `create_model` got besides the name.
        classes: class names in the order of the logits.
        preprocess: from a decoded image to the network's input.
        data: `spec`, `name` and `fingerprint` of the training data.
        step: optimiser steps taken.
        averaged: the weights are the moving average, not those of the last step.
        metrics: what was measured on the validation set, by name.
        versions: of cladenet and torch.
        self_test: logits of a fixed input, see `selftest`; empty if they were not finite, so
            that a run can go on with the weights and nobody predict with them.
        defaults: the number of the networks' defaults that the weights were trained with, see
            `defaults`; read from a file, the arguments are those of today.
    """

    network: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    preprocess: Preprocess
    data: dict[str, Any]
    step: int
    averaged: bool = False
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    self_test: tuple[float, ...] = ()
    defaults: int = DEFAULTS

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `card.json`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "preprocess": self.preprocess.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Card":
        """The inverse of `to_json`.

        Raises:
            CheckpointError: a field is missing, unknown or not what it should be.
        """
        expected = {field.name for field in fields(cls)}
        if isinstance(values, dict):
            values = {"defaults": 1, **values}
        if not isinstance(values, dict) or set(values) != expected:
            found = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise CheckpointError(
                f"the metadata have the fields {found}; expected {sorted(expected)}. "
                "They were written by another version or edited by hand"
            )
        wrong = [name for name, fits in _FITS.items() if not fits(values[name])]
        if wrong:
            raise CheckpointError(
                f"the metadata's {wrong[0]} cannot be {str(values[wrong[0]])[:60]!r}. "
                "They were written by another version or edited by hand"
            )
        try:
            preprocess = Preprocess.from_json(values["preprocess"])
        except ValueError as error:  # BadArgument, or a text where a number should be
            raise CheckpointError(f"the metadata cannot be read: {error}") from error
        classes, self_test = tuple(values["classes"]), tuple(values["self_test"])
        if self_test and len(classes) != len(self_test):
            raise CheckpointError(
                f"the metadata name {counted(len(classes), 'class')}, their "
                f"self-test has "
                f"{counted(len(self_test), 'logit')}; they belong to other weights"
            )
        if preprocess.height * preprocess.width > MAX_PIXELS:
            raise CheckpointError(
                f"the metadata ask for images of {preprocess.height}x{preprocess.width}; "
                "no network looks at such large ones"
            )
        read: dict[str, Any] = {"classes": classes, "self_test": self_test}
        read["preprocess"], read["defaults"] = preprocess, DEFAULTS
        read["arguments"] = as_today(values["network"], values["arguments"], values["defaults"])
        return cls(**{**values, **read})


def numbered(classes: Sequence[str]) -> bool:
    """Are the names of the classes their numbers, as in imported weights without names?"""
    return list(classes) == [str(number) for number in range(len(classes))]


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, int | float) for item in value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "network": lambda value: isinstance(value, str),
    "arguments": _is_table,
    "classes": _are_texts,
    "preprocess": _is_table,
    "data": _is_table,
    "step": _is_count,
    "averaged": lambda value: isinstance(value, bool),
    "metrics": _is_table,
    "versions": _is_table,
    "self_test": _are_numbers,
    "defaults": lambda value: type(value) is int and 1 <= value <= DEFAULTS,
}
