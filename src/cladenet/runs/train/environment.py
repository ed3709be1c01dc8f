"""The machine and the versions of a run: what its bits may depend on."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from cladenet import __version__, processor
from cladenet.world import World

# Bits are promised to be the same while these are.
_DECISIVE = ("torch", "device", "threads", "processes", "processor", "vectors")


def describe(world: World) -> dict[str, Any]:
    """Plain values for `env.json`, the report and `cladenet env`."""
    gpu = world.device.type == "cuda"
    return {
        "cladenet": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": _version("torchvision"),
        "numpy": _version("numpy"),
        "pillow": _version("pillow"),
        "simplejpeg": _version("simplejpeg"),
        "onnxruntime": _version("onnxruntime"),
        "openvino": _version("openvino"),
        "system": platform.platform(),
        **processor.describe(),
        "device": torch.cuda.get_device_name(world.device) if gpu else world.device.type,
        "threads": torch.get_num_threads(),
        "processes": world.size,
        "command": " ".join([*map(os.path.basename, sys.argv[:1]), *sys.argv[1:]]),
    }


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Sentences about what may give a resumed run other last bits."""
    return [
        f"{name} was {before.get(name)!r} and is now {now[name]!r}: the last bits may differ"
        for name in _DECISIVE
        if name in before and before[name] != now[name]
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
