"""Losses as whole numbers, whose sums do not depend on who has added what in which order."""

from torch import Tensor

from cladenet.device import home_of_float64

UNITS = 2**24  # per nat
# A loss above this counts as this: 2^25 images of it still fit into 63 bits.
MAX_LOSS = 2.0**14


def loss_units(loss: Tensor, images: int = 1) -> Tensor:
    """The loss of so many images, of which `loss` is the mean in nats: int64, of the same shape."""
    bounded = (
        loss.to(home_of_float64(loss.device)).double().nan_to_num(MAX_LOSS).clamp(max=MAX_LOSS)
    )
    return (bounded * images * UNITS).round().long()


def mean_loss(units: int, images: int) -> float:
    """In nats."""
    return units / UNITS / images
