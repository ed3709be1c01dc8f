"""Where a network runs and in which precision: what was asked for, against what is there."""

import os
from collections.abc import Sequence

import torch

from cladenet.errors import BadArgument

PRECISIONS = ("fp32", "bf16", "int8")


def choose_device(wanted: str) -> torch.device:
    """`auto` is this process's CUDA GPU, else the CPU; Apple's GPU ("mps") only where it is named.

    Raises:
        BadArgument: the device is unknown or absent.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps") or (device.type == "mps" and device.index):
        raise BadArgument(f"device is {wanted!r}; expected auto, cpu, cuda, cuda:N or mps")
    if device.type == "mps":
        if not torch.backends.mps.is_available():
            raise BadArgument("device is mps, but torch sees no Apple GPU here; use device=cpu")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise BadArgument("device is mps, which one process uses alone; use device=cpu")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise BadArgument("device is cuda, but torch sees no GPU here; use device=cpu")
        index = device.index if device.index is not None else int(os.environ.get("LOCAL_RANK", "0"))
        return torch.device("cuda", index)
    return device


def home_of_float64(device: torch.device) -> torch.device:
    """The device itself, or the processor for Apple's GPUs ("mps"), which have no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def check_precision(precision: str, device: str, known: Sequence[str] = PRECISIONS) -> None:
    """Raise BadArgument unless it is one of `known`, and that kind of device can do it."""
    if precision not in known:
        raise BadArgument(f"precision is {precision!r}; expected one of {', '.join(known)}")
    if precision == "bf16":
        from cladenet.processor import refuse_bf16

        refuse_bf16(device, f"use {' or '.join(word for word in known if word != precision)}")


def check_calibration(calibration: str | None, precision: str) -> None:
    """Raise BadArgument for calibration data that nothing would look at."""
    if calibration is not None and precision != "int8":
        raise BadArgument(
            f"calibration is {calibration!r}, but precision is {precision}: only int8 is "
            "calibrated; add --precision int8, or leave out --calibration"
        )
