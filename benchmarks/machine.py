"""What a figure was measured on; every script of this folder writes it beside its figures."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

import cladenet


def announced(**more: Any) -> dict[str, Any]:
    """`machine`, printed as well."""
    found = machine(**more)
    print(*(f"{key} {value}" for key, value in found.items()), sep=", ")
    return found


def machine(**more: Any) -> dict[str, Any]:
    """Processor, cores, torch threads, load and versions, and what else a script has to say."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": next(names, platform.processor()),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cladenet": cladenet.__version__,
        **more,
    }
