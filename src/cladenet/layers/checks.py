"""What networks refuse: arguments, and images; and symbols of images that they have to let pass."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, fx

from cladenet.errors import BadArgument
from cladenet.plural import counted


def check_counts(**counts: int) -> None:
    """Refuse numbers below 1; each is called as the argument it is.

    Raises:
        BadArgument: one is.
    """
    for name, value in counts.items():
        if value < 1:
            raise BadArgument(f"{name} is {value}; expected 1 or more")


def check_four(**counts: Sequence[int]) -> None:
    """Refuse counts that are not four, one for each stage; each is called as the argument it is.

    Raises:
        BadArgument: there are more or fewer, or one is below 1.
    """
    for name, values in counts.items():
        if len(values) != 4 or min(values) < 1:
            raise BadArgument(f"{name} is {values}; expected four numbers, each 1 or more")


def check_multiplier(width: float, narrowest: int = 0) -> None:
    """Refuse a multiplier of channels that leaves none where there were `narrowest`.

    Raises:
        BadArgument: `width` is not positive, or too small for that.
    """
    if not width > 0:
        raise BadArgument(f"width is {width}; expected a number above 0, such as 0.5 or 1.0")
    if narrowest and int(width * narrowest) < 1:
        raise BadArgument(f"width is {width}; expected at least {1 / narrowest}, such as 0.25")


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Refuse what is none of the choices for the argument called `name`.

    Raises:
        BadArgument: it is none.
    """
    if value not in choices:
        known = ", ".join(map(str, choices))
        raise BadArgument(f"{name} is {value!r}; expected one of {known}")


def repeats(name: str, value: int, step: int, rest: int) -> int:
    """n of `value` = step n + rest: how often a unit is repeated in networks of that depth.

    Raises:
        BadArgument: there is no such n of 1 or more.
    """
    n, over = divmod(value - rest, step)
    if n < 1 or over:
        below = max(1, n) * step + rest
        raise BadArgument(
            f"{name} is {value}; expected {step}n + {rest}, such as {below} or {below + step}"
        )
    return n


def check_images(
    x: Tensor, name: str, in_channels: int, least_size: int, input_size: int | None = None
) -> None:
    """Refuse what the network called `name` cannot look at.

    Raises:
        BadArgument: `x` is not (N, in_channels, H, W) with H and W of `least_size` or more, or of
            `input_size` where the head is tied to one.
    """
    if is_traced(x):
        return
    if not isinstance(x, Tensor):
        raise BadArgument(
            f"input is a {type(x).__name__}; {name} takes a tensor of normalised images "
            "(N, C, H, W). cladenet.predict(RUN, IMAGES) takes files, arrays and Pillow images"
        )
    if x.dtype == torch.uint8:
        raise BadArgument(
            f"input is uint8; {name} takes normalised floats. cladenet.create_transform(model) "
            "makes them of a Pillow image"
        )
    if x.ndim != 4:
        raise BadArgument(
            f"input has shape {tuple(x.shape)}; {name} takes a batch of images (N, C, H, W). "
            "For one image pass image.unsqueeze(0)"
        )
    channels, height, width = x.shape[1:]
    if channels != in_channels:
        raise BadArgument(
            f"input has {counted(channels, 'channel')}; this {name} takes {in_channels}. "
            f"Convert the images, or build it with in_channels={channels}"
        )
    if min(height, width) < least_size:
        raise BadArgument(
            f"input is {height}x{width}; {name} needs at least {least_size}x{least_size}. "
            "Resize, or use a network with a smaller stride"
        )
    if input_size is not None and (height, width) != (input_size, input_size):
        raise BadArgument(
            f"input is {height}x{width}; the head of this {name} is tied to "
            f"{input_size}x{input_size}. Resize, or build it with another input_size"
        )


def is_traced(x: Tensor) -> bool:
    """Is `x` a symbol of torch.fx, or does torch.jit record what is done to it?

    A test of its shape would be an error there, or a constant in the recording.
    """
    return isinstance(x, fx.Proxy) or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]


def is_symbol(value: object) -> bool:
    """Does torch.fx stand behind it, so that it has no value? A tensor or a size."""
    return isinstance(value, fx.Proxy)
