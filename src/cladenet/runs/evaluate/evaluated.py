"""What an evaluation of a run found, and on what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cladenet.evaluation.result import Evaluation
from cladenet.html_table import html_table

HEADINGS = ("network", "protocol", "top-1 error", "95 % interval", "images")


@dataclass(frozen=True)
class Viewing:
    """What a protocol came to for a network, or for an ensemble of several.

    Args:
        checkpoints: folders of the weights, more than one for an ensemble.
        trained: smallest and largest short side S in training, of each of them.
        scales: test scales Q, of each of them.
        views: what each network is shown of an image, such as "150 crops".
    """

    checkpoints: tuple[Path, ...]
    trained: tuple[tuple[int, int], ...]
    scales: tuple[tuple[int, ...], ...]
    views: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; a list of each for an ensemble."""
        values: dict[str, list[Any]] = {
            "train_scale": [sorted(set(sides)) for sides in self.trained],
            "test_scales": [list(scales) for scales in self.scales],
            "views": list(self.views),
        }
        ensemble = len(self.checkpoints) > 1
        return {name: value if ensemble else value[0] for name, value in values.items()}


@dataclass(frozen=True, eq=False, repr=False)
class Evaluated:
    """What `evaluate` found, and on what.

    Args:
        evaluation: the counts and all figures.
        network: name in the registry.
        checkpoint: folder of the weights; the first one's of an ensemble.
        data: what was opened.
        split: `test`, `val` or `train`.
        protocol: one of `evaluation.protocol.NAMES`.
        precision: `fp32`, `bf16` or `int8`.
        classes: names, in the order of the logits.
        notes: sentences for the user.
        seconds: of the evaluation, without loading; of all that was measured in one pass.
        viewing: what the protocol came to; None for the checkpoint's own view.
        engine: what ran the network on crops and why, in a sentence; empty where no view was one.
    """

    evaluation: Evaluation
    network: str
    checkpoint: Path
    data: str
    split: str
    protocol: str
    precision: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    viewing: Viewing | None = None
    engine: str = ""

    @property
    def n(self) -> int:
        """Images."""
        return self.evaluation.n

    @property
    def top1_error(self) -> float:
        """In percent."""
        return self.evaluation.top1_error

    @property
    def top5_error(self) -> float | None:
        """In percent; None for up to 5 classes."""
        return self.evaluation.top5_error

    def weights_to_json(self) -> dict[str, Any]:
        """Whose weights: `checkpoint`, or `checkpoints` of an ensemble."""
        if self.viewing is None or len(self.viewing.checkpoints) == 1:
            return {"checkpoint": str(self.checkpoint)}
        return {"checkpoints": [str(folder) for folder in self.viewing.checkpoints]}

    def headline(self) -> tuple[str, str, str, str, str]:
        """Network, protocol, top-1 error, its interval and the number of images, as texts."""
        low, high = self.evaluation.top1_interval
        error = f"{self.top1_error:.2f} %"
        return self.network, self.protocol, error, f"{low:.2f} to {high:.2f} %", f"{self.n:,}"

    def __repr__(self) -> str:
        """The headline in one line."""
        network, protocol, error, interval, images = self.headline()
        return (
            f"Evaluated({network}, {self.split} error {error}, 95 % interval {interval}, {images} "
            f"images, {protocol})"
        )

    def _repr_html_(self) -> str:
        """The headline as a table, which a notebook shows."""
        return html_table(HEADINGS, [self.headline()], f"{self.split} images of {self.data}")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "network": self.network,
            **self.weights_to_json(),
            "data": self.data,
            "split": self.split,
            "protocol": self.protocol,
            **(self.viewing.to_json() if self.viewing else {}),
            "precision": self.precision,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            **self.evaluation.to_json(self.classes),
        }
