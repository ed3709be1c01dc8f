"""The side-car of a set of weights: all one must know to use them rightly."""

from dataclasses import dataclass, field, fields
from typing import Any

from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError


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
        self_test: logits of a fixed input; see `selftest`.
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
        if not isinstance(values, dict) or set(values) != expected:
            found = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise CheckpointError(
                f"the side-car has the fields {found}; expected {sorted(expected)}. "
                "It was written by another version or edited by hand"
            )
        try:
            return cls(
                **{
                    **values,
                    "classes": tuple(values["classes"]),
                    "preprocess": Preprocess.from_json(values["preprocess"]),
                    "self_test": tuple(values["self_test"]),
                }
            )
        except (BadArgument, TypeError) as error:
            raise CheckpointError(f"the side-car cannot be read: {error}") from error
