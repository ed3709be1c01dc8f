"""Who leaves where, as one value: thresholds and all that they were set for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.adaptive.averages import averaged
from cladenet.adaptive.confidence import CONFIDENCES, Array, posteriors
from cladenet.adaptive.thresholds import Thresholds
from cladenet.errors import BadArgument, CheckpointError
from cladenet.plural import counted


@dataclass(frozen=True)
class Policy:
    """How sure an exit has to be for an image to leave, and what makes it sure.

    Args:
        thresholds: one for each exit.
        confidence: a name in `CONFIDENCES`.
        temperatures: by which each exit's logits are divided; none for 1.
        starts: the first exit of each exit's average of posteriors; none for no averages.
        precision: at which the logits were computed that the thresholds were set on. Thresholds of
            one precision do not hold at another.
        engine: that computed them.
    """

    thresholds: Thresholds
    confidence: str = "posterior"
    temperatures: tuple[float, ...] = ()
    starts: tuple[int, ...] = ()
    precision: str = "fp32"
    engine: str = "packed"

    def __post_init__(self) -> None:
        exits = len(self.thresholds.values)
        if self.confidence not in CONFIDENCES:
            raise BadArgument(
                f"confidence is {self.confidence!r}; expected one of {', '.join(CONFIDENCES)}"
            )
        for name, values in (("temperatures", self.temperatures), ("starts", self.starts)):
            if values and len(values) != exits:
                raise BadArgument(
                    f"{len(values)} {name} for {counted(exits, 'exit')}; expected the same number"
                )

    def confidences(self, logits: NDArray[np.floating]) -> tuple[Array, Array]:
        """Logits (K, N, C) -> posteriors (K, N, C) as they vote, and confidences (K, N)."""
        temperatures = np.array(self.temperatures) if self.temperatures else None
        shares = posteriors(logits, temperatures)
        shares = averaged(shares, self.starts) if self.starts else shares
        return shares, CONFIDENCES[self.confidence](shares)

    def refuse_other(self, precision: str, engine: str) -> None:
        """Thresholds hold for the numbers that they were set on.

        Raises:
            BadArgument: they were set at another precision, or with another engine.
        """
        ours, theirs = (self.precision, self.engine), (precision, engine)
        if ours != theirs:
            raise BadArgument(
                f"the thresholds were set in {' with engine '.join(ours)}, the network runs in "
                f"{' with engine '.join(theirs)}; run it as they were set, or set the thresholds "
                "again with `cladenet evaluate RUN --budget`"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values; a threshold that nobody reaches is null."""
        finite = [value if np.isfinite(value) else None for value in self.thresholds.values]
        return {
            "thresholds": finite[:-1],
            "confidence": self.confidence,
            "temperatures": list(self.temperatures),
            "starts": list(self.starts),
            "precision": self.precision,
            "engine": self.engine,
            "notes": list(self.thresholds.notes),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Policy":
        """The inverse of `to_json`.

        Raises:
            CheckpointError: a field is missing or not what it should be.
        """
        try:
            early = [float("inf") if v is None else float(v) for v in values["thresholds"]]
            return cls(
                Thresholds((*early, float("-inf")), tuple(map(str, values["notes"]))),
                values["confidence"],
                tuple(map(float, values["temperatures"])),
                tuple(map(int, values["starts"])),
                str(values["precision"]),
                str(values["engine"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the thresholds cannot be read: {error!r}") from error
