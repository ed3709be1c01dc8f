"""Sums in float64, which not every device knows."""

import torch


def home_of_float64(device: torch.device) -> torch.device:
    """The device itself, or the processor for Apple's GPUs ("mps"), which have no float64."""
    return torch.device("cpu") if device.type == "mps" else device
