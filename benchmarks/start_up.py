"""Processor time and memory from the start of Python to an answer, beside timm and torchvision.

    python benchmarks/start_up.py

Each case is a fresh process, and the cases take turns: medians of user and system time together,
and of the highest resident memory, as Linux gives them when the process has ended. Torchvision is
imported by `cladenet.vision`, which makes one that was built for another torch importable; timm
imports torchvision itself.
What is written: benchmarks/results/start_up.json.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cladenet.bench.paired import paired, spread

RESULT = Path(__file__).parent / "results" / "start_up.json"
VISION = "from cladenet.vision import torchvision; torchvision()"
CASES = {
    "python": ["-c", "pass"],
    "cladenet --help": ["-m", "cladenet", "--help"],
    "cladenet models": ["-m", "cladenet", "models"],
    "cladenet info resnet50": ["-m", "cladenet", "info", "resnet50"],
    "import cladenet": ["-c", "import cladenet"],
    "import torch": ["-c", "import torch"],
    "cladenet.create_model": ["-c", "import cladenet; cladenet.create_model('resnet18')"],
    "import torchvision": ["-c", VISION],
    "torchvision resnet18": ["-c", f"{VISION}; import torchvision as t; t.models.resnet18()"],
    "import timm": ["-c", f"{VISION}; import timm"],
    "timm list_models": ["-c", f"{VISION}; import timm; timm.list_models()"],
    "timm.create_model": ["-c", f"{VISION}; import timm; timm.create_model('resnet18')"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    memory: dict[str, list[float]] = {name: [] for name in CASES}

    def case(name: str) -> Any:
        def measure() -> float:
            seconds, mib = run(CASES[name])
            memory[name].append(mib)
            return seconds

        return measure

    taken = paired({name: case(name) for name in CASES}, options.rounds)
    rows: dict[str, dict[str, float]] = {}
    for name, seconds in taken.items():
        cpu, mib = spread(seconds), round(spread(memory[name]).median)
        rows[name] = {
            **{f"cpu_{key}": round(value, 3) for key, value in cpu._asdict().items()},
            "peak_mib": mib,
        }
        print(f"{name:24} {cpu.median:6.3f} CPU s ({cpu.low:.3f} to {cpu.high:.3f}), {mib} MiB")
    from machine import machine  # it imports torch, which only the cases need before

    result = {"machine": machine(), "rounds": options.rounds, "cases": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


def run(words: list[str]) -> tuple[float, float]:
    """Processor seconds and MiB of a fresh process."""
    child = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"`python {' '.join(words)}` ended with {child.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
