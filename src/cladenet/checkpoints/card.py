"""Metadata of a set of weights: all that is needed to use them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
        return {**vars(self), "preprocess": self.preprocess.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Card":
        """The inverse of `to_json`.

        Raises:
            CheckpointError: a field is missing, unknown or not what it should be.
        """
        expected = _HOLDS.keys()
        if isinstance(values, dict):
            values = {"defaults": 1, **values}
        if not isinstance(values, dict) or set(values) != expected:
            found = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise CheckpointError(
                f"the metadata have the fields {found}; expected {sorted(expected)}. "
                "They were written by another version or edited by hand"
            )
        if wrong := _misread(values):
            raise CheckpointError(
                f"the metadata's {wrong} cannot be {str(values[wrong])[:60]!r}. "
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


# What a field holds in a file; of a list or a table, what its items or keys are.
_HOLDS: dict[str, tuple[type, tuple[type, ...]]] = {
    "network": (str, ()),
    "arguments": (dict, (str,)),
    "classes": (list, (str,)),
    "preprocess": (dict, (str,)),
    "data": (dict, (str,)),
    "step": (int, ()),
    "averaged": (bool, ()),
    "metrics": (dict, (str,)),
    "versions": (dict, (str,)),
    "self_test": (list, (int, float)),
    "defaults": (int, ()),
}


def _misread(values: dict[str, Any]) -> str:
    """The name of the first field that cannot be what it says; empty if all can."""
    for name, (kind, items) in _HOLDS.items():
        if type(values[name]) is not kind:
            return name
        for item in values[name] if items else ():
            if not isinstance(item, items):
                return name
    if values["step"] < 0:
        return "step"
    return "" if 1 <= values["defaults"] <= DEFAULTS else "defaults"
