"""The same faults for cladenet, timm, torchvision's ImageFolder and Lightning: what comes of each.

    python benchmarks/peer_faults.py [--write]

Each fault is made in a temporary folder and met by each library in a process of its own, one trial
for each. Libraries that are not installed get no column. `--write` keeps the outcomes in
results/peer_faults.json and in docs/peer-faults.md. The wheel of timm holds no train.py: its
column trains a small network by the loop of peer_training.py, with timm's CheckpointSaver and
resume_checkpoint. torchvision's column is about data alone, for it has no trainer.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from machine import machine
from peer_data import DATA_FAULTS, make_fault
from peer_training import TRAINING_FAULTS

HERE = Path(__file__).parent
RESULT = HERE / "results" / "peer_faults.json"
PAGE = HERE.parent / "docs" / "peer-faults.md"
LIBRARIES = ("cladenet", "timm", "torchvision", "lightning")
SECONDS = 240
HEAD = """# What other libraries do with the same faults

Each fault was made once and given to each library in a process of its own: one trial for each cell.
`python benchmarks/peer_faults.py --write` runs them and writes this page. timm's wheel holds no
train.py: its column is a training loop with timm's CheckpointSaver and resume_checkpoint. The peers
train a small network for 16 steps, cladenet its LeNet-5 for 18; torchvision's ImageFolder trains
nothing. "stops" means an exception or an exit status other than 0.
"""


def outcome(library: str, fault: str) -> str:
    """What the process of one library says of one fault, in a line."""
    with tempfile.TemporaryDirectory(prefix="peer-faults-") as name:
        folder = Path(name)
        script = "peer_data" if fault in DATA_FAULTS else "peer_training"
        if script == "peer_data":
            make_fault(fault, folder)
        environment = {**os.environ, "CLADENET_CACHE": f"{folder}/cache", "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                [sys.executable, str(HERE / f"{script}.py"), library, fault, str(folder)],
                capture_output=True,
                text=True,
                env=environment,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no end within {SECONDS} s"
        lines = [line for line in done.stdout.splitlines() if line.startswith("outcome: ")]
        if lines:
            return lines[-1].removeprefix("outcome: ").replace(str(folder), "...")
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return f"ends with {done.returncode}: {last[:150]}".replace(str(folder), "...")


def page(result: dict[str, Any], libraries: list[str]) -> str:
    """The Markdown of docs/peer-faults.md."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {text}" for name, text in result["versions"].items())
    lines = [HEAD, f"{machine['cores']} cores of {machine['processor']}; {versions}.\n"]
    lines += [f"| fault | {' | '.join(libraries)} |", "|---" * (len(libraries) + 1) + "|"]
    for fault, cells in result["faults"].items():
        row = (cells.get(library, "-").replace("|", "\\|") for library in libraries)
        lines.append(f"| {fault} | {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Run all faults, print the table, keep it with --write."""
    libraries = [name for name in LIBRARIES if find_spec(name)]
    packages = (*libraries, "torch", "pillow", "safetensors")
    faults: dict[str, dict[str, str]] = {}
    for fault in (*TRAINING_FAULTS, *DATA_FAULTS):
        able = [x for x in libraries if fault in DATA_FAULTS or x != "torchvision"]
        able = [x for x in able if fault not in DATA_FAULTS or x != "lightning"]
        with ThreadPoolExecutor(len(able)) as pool:
            printed = pool.map(outcome, able, [fault] * len(able))
            faults[fault] = dict(zip(able, printed, strict=True))
        print(fault, *(f"  {name}: {text}" for name, text in faults[fault].items()), sep="\n")
        sys.stdout.flush()
    result = {
        "machine": machine(),
        "versions": {name: version(name) for name in packages},
        "faults": faults,
    }
    if "--write" in sys.argv:
        RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(page(result, libraries))


if __name__ == "__main__":
    main()
