"""What an exported file says of itself: enough to prepare images, name answers and try it.

It travels inside the file as JSON under the key `cladenet`. Nothing here needs torch.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError, reason
from cladenet.plural import counted

KEY = "cladenet"  # of the metadata in every format
FORMAT = 1
INPUTS = ("pixels", "prepared", "tensor")
PRECISIONS = ("fp32", "fp16", "bf16", "int8")


@dataclass(frozen=True)
class SelfTest:
    """An image and the answer that the file gave to it when it was written.

    Args:
        image: a PNG of the size at which no pixel is resampled.
        posteriors: of the network in float64, (K,).
        tolerance: by how much the logarithm of a posterior may differ from them.
    """

    image: bytes
    posteriors: tuple[float, ...]
    tolerance: float


@dataclass(frozen=True)
class Description:
    """What is in the file.

    Args:
        network: name in the registry.
        arguments: what `create_model` got besides the name.
        classes: names in the order of the posteriors.
        preprocess: from a decoded image to the network's input.
        input: `pixels`: uint8 (N, H, W, C), prepared inside the file, which gives posteriors;
            `prepared`: such pixels of the network's size, as `preprocess` resizes and crops them;
            `tensor`: float32 (N, C, H, W), normalised, and the file gives logits.
        precision: of weights and arithmetic: one of `PRECISIONS`.
        any_size: a `tensor` may have any height and width that the network takes.
        step: optimiser steps that the weights had.
        data: `spec`, `name` and `fingerprint` of the training data.
        metrics: what was measured on validation images, by name.
        licence: of the weights, as their owner states it; empty if nothing is known.
        versions: of cladenet, torch and what wrote the file.
        measured: of a file in 8 bits, on so many `images` of a `split`: how many the network and
            the file name rightly, `points_lost`, and of how many they name another class.
        self_test: see `SelfTest`.
    """

    network: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    preprocess: Preprocess
    input: str
    precision: str
    any_size: bool
    step: int
    data: dict[str, Any]
    metrics: dict[str, Any]
    licence: str
    versions: dict[str, str]
    self_test: SelfTest = field(default=SelfTest(b"", (), 0.0))
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def takes_pixels(self) -> bool:
        """Whether the file prepares images itself."""
        return self.input == "pixels"

    def to_text(self) -> str:
        """JSON, for the metadata of a file."""
        test = {**asdict(self.self_test), "image": base64.b64encode(self.self_test.image).decode()}
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {"preprocess": self.preprocess.to_json(), "self_test": test}
        return json.dumps({"format": FORMAT, **values, **plain}, allow_nan=False)

    @classmethod
    def from_text(cls, text: str) -> "Description":
        """The inverse of `to_text`.

        Raises:
            CheckpointError: it was written by another version, or edited.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"the file's metadata are not JSON: {reason(error)}") from error
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise CheckpointError(
                "the file's metadata have another format than the one this version reads, which is "
                f"{FORMAT}; export the network again"
            )
        values.setdefault("measured", {})  # which earlier versions did not write
        wrong = [name for name, fits in _FITS.items() if not fits(values.get(name))]
        unknown = values.keys() - {item.name for item in fields(cls)}
        if wrong or unknown:
            raise CheckpointError(
                f"the file's metadata cannot be read: {(*wrong, *sorted(unknown))[0]} is not what "
                "this version writes; export the network again"
            )
        try:
            test = values["self_test"]
            image = base64.b64decode(test["image"], validate=True)
            found = SelfTest(image, tuple(map(float, test["posteriors"])), float(test["tolerance"]))
            preprocess = Preprocess.from_json(values["preprocess"])
        except (BadArgument, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"the file's metadata cannot be read: {reason(error)}") from error
        if len(found.posteriors) != len(values["classes"]):
            raise CheckpointError(
                "the file's metadata name "
                f"{counted(len(values['classes']), 'class')}, their self-test has "
                f"{counted(len(found.posteriors), 'posterior')}; they belong to other weights"
            )
        classes = tuple(values["classes"])
        read = {"classes": classes, "preprocess": preprocess, "self_test": found}
        return cls(**{**values, **read})


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_FITS: dict[str, Callable[[Any], bool]] = {
    "network": _is_text,
    "arguments": _is_table,
    "classes": lambda v: isinstance(v, list) and bool(v) and all(map(_is_text, v)),
    "preprocess": _is_table,
    "input": lambda value: value in INPUTS,
    "precision": lambda value: value in PRECISIONS,
    "any_size": lambda value: isinstance(value, bool),
    "step": lambda value: type(value) is int and value >= 0,
    "data": _is_table,
    "metrics": _is_table,
    "licence": _is_text,
    "versions": _is_table,
    "self_test": _is_table,
    "measured": _is_table,
}
