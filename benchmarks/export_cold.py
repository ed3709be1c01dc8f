"""One photograph, cold: `cladenet predict` by a run, and by the file that it was exported to.

    python benchmarks/export_cold.py PHOTO [NETWORK]

Each answer comes from a process of its own, in turns, nine times after one that fills the system's
cache of files. CPU seconds and the largest memory are those that the system counted for each;
both must name the same class. The network has random values.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from cladenet.checkpoints import folder as folders
from cladenet.data.images.decode import decode
from cladenet.export.export_run import write_verified
from cladenet.export.request import Request
from cladenet.export.verify.images import Trials, batches_of
from cladenet.export.verify.reference import Reference
from cladenet.registry import find
from export_matrix import loaded
from machine import announced

TIMES = 9
RESULTS = Path(__file__).parent / "results" / "export_cold.json"
COMMAND = [sys.executable, "-m", "cladenet", "predict"]
# Linux counts for a process what the one that started it held: so a small one does.
LAUNCHER = """
import json, os, sys
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
print(json.dumps([usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Cost(NamedTuple):
    """What one process took: CPU seconds, megabytes at the most, and the class that it named."""

    seconds: float
    megabytes: float
    best: str


def cost(what: str, photo: str) -> Cost:
    """Of one prediction."""
    words = [sys.executable, "-c", LAUNCHER, *COMMAND, what, photo, "--json"]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    *answer, last = done.stdout.splitlines()
    seconds, kilobytes = json.loads(last)
    best = json.loads("\n".join(answer))[0]["top"][0]["class"]
    return Cost(seconds, kilobytes / 1024, best)


def main() -> None:
    photo, name = sys.argv[1], (sys.argv[2:] or ["resnet18"])[0]
    found = announced(photo=Path(photo).name, network=name)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        network = loaded(find(name))
        folders.save(folder / "run", network.model.state_dict(), network.card)
        trials = Trials(batches_of([decode(photo)], network.card.preprocess), None)
        reference = Reference(network.model, network.card.preprocess)
        write_verified(network, Request("onnx"), folder / "file.onnx", trials, reference)
        sides = {"run": str(folder / "run"), "file": str(folder / "file.onnx")}
        costs: dict[str, list[Cost]] = {side: [] for side in sides}
        for _ in range(1 + TIMES):
            for side, path in sides.items():
                costs[side].append(cost(path, photo))
    assert len({each.best for side in costs.values() for each in side}) == 1
    for side, all_of_it in costs.items():
        seconds = [each.seconds for each in all_of_it[1:]]
        found[side] = {
            "cpu_seconds": round(statistics.median(seconds), 3),
            "from_to": [round(min(seconds), 3), round(max(seconds), 3)],
            "megabytes": round(max(each.megabytes for each in all_of_it[1:]), 1),
        }
        print(side, found[side])
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
