"""What engines are asked for, and how one says that it cannot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Run = Callable[[Tensor], Tensor]
CHECKED = 2  # random images whose logits are compared
CHECKED_IN_8_BITS = 16  # of those that ranges were taken from: others have other ranges
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}  # of feature maps


class CannotPrepare(Exception):
    """The engine does not take this network, at this precision or on this device."""


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be prepared.

    Args:
        model: in evaluation mode, on the device of the images.
        images: normalised, float32 (N, C, H, W), as many and as large as there will usually be.
        precision: `fp32`, `bf16` or `int8`.
        threads: that an engine may take.
        fixed: whether it has to take all of them, or fewer where those are about as fast.
        calibration: images as the network will see them, for `int8`; None otherwise.
        cache: a folder of the user's own for what takes long to make again; None for none.
        shared: what one engine has made and another can use.
    """

    model: nn.Module
    images: Tensor
    precision: str
    threads: int
    fixed: bool = False
    calibration: Tensor | None = None
    cache: Path | None = None
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def checked(self) -> Tensor:
        """The images whose logits are compared."""
        if self.calibration is None:
            return self.images[:CHECKED]
        return self.calibration[:CHECKED_IN_8_BITS]

    @cached_property
    def reference(self) -> Tensor:
        """What the network itself says of the images that are compared, float32 (n, K).

        Raises:
            CannotPrepare: it gives something else.
        """
        logits: Tensor = self.model(self.checked)
        if not isinstance(logits, Tensor):
            raise CannotPrepare(f"it gives a {type(logits).__name__}, not one tensor of logits")
        return logits
