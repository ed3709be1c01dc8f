"""Real searches of each kind, one after another, and what they found trained larger.

    python benchmarks/search_real.py FOLDER --data cifar10:ROOT [--workers 1]
    python benchmarks/search_real.py FOLDER --collect

Each kind searches its own space at the size that two cores train in half an hour: 2,000 and 1,000
images of 16x16 grey pixels, N = 1, F = 8, 3 epochs (10 to 20 s of processor time), 60 networks of
evolution, controller and random search; 1,000 individuals of large-scale evolution with 200 steps
each, on pixels in colour: they begin with the mean of each channel, and of grey ones that is a
single number; 15 epochs of ENAS's shared weights and its best three children. Then each find is
trained three times with fresh seeds, larger (`LARGER`, settled before the first search began), and
all test images are looked at. At last the random searches over the spaces that the first one did
not search, as many trials as take about as long as the search that they stand beside.

It can be killed at any moment; the same line goes on where it was. Whatever is there is written to
benchmarks/results/search_real.json, at the end and by `--collect`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from cladenet.allocator import keep_freed_memory
from cladenet.cli.search.places import absolute
from cladenet.search.comparison.carry_out import carry_out
from cladenet.search.comparison.figures import as_json, read_figures
from cladenet.search.comparison.plan import FILE, Plan, read_plan
from cladenet.search.config import SearchConfig, decide
from machine import announced
from small_search import TRIAL

RESULT = Path(__file__).parent / "results" / "search_real.json"
TRIALS = 60
INDIVIDUALS = 1_000  # of large-scale evolution, whose trials take less than a second
KINDS = ("random", "aging", "enas_micro", "enas_macro", "evolution", "nasnet")
# Spaces that are left for random search, with so many trials: ENAS trains one network's weights for
# 15 epochs and three children, which is the time of some dozen trials.
TWINS = {"enas_micro": 12, "enas_macro": 12, "dna": 0, "nasnet": TRIALS}
SMALLER = {"train_images": "2000", "test_images": "1000"}
LARGER = {"n": "2", "width": "16", "epochs": "6", "test_images": "0"}
TINY = {"enas_micro": {"shared_epochs": "1", "candidates": "3", "controller_steps": "1"}}
TINY |= {"enas_macro": TINY["enas_micro"], "evolution": {"population": "2", "steps": "3"}}


def plan_of(data: str, tiny: bool) -> Plan:
    """The six kinds, then the random twins; `tiny` is to try the script out."""

    def decided(method: str, space: str = "", trials: int = TRIALS) -> SearchConfig:
        options = SMALLER
        if tiny:
            own = TINY.get(method, {})
            options = {k: v for k, v in TRIAL.items() if k != "epochs" or "steps" not in own} | own
            trials = 3
        elif method == "evolution":
            trials = INDIVIDUALS
            options = {**SMALLER, "channels": "3"}
        if method.startswith("enas"):
            trials = 0
        return decide(method, data, space=space, trials=trials, options=options)

    searches = {name: [decided(name)] for name in KINDS}
    for space, trials in TWINS.items():
        searches[f"random_{space}"] = [decided("random", space, trials)]
    # Random DNA is trained as that of evolution is, and as often.
    evolution = searches["evolution"][0]
    searches["random_dna"] = [replace(evolution, method="random", numbers={})]
    larger = {"width": "6", "epochs": "1"} if tiny else LARGER
    return Plan(searches, 3, larger)


def collect(folder: Path) -> None:
    """Write what is there."""
    plan = read_plan(folder)
    found = {"machine": announced(), "larger": LARGER, "planned": list(plan.searches)}
    found |= as_json(read_figures(folder, plan))
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


def main() -> None:
    """Search and train, or collect."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", default="")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--collect", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not arguments.collect:
        keep_freed_memory()
        begun = (arguments.folder / FILE).exists()
        plan = None if begun else plan_of(absolute(arguments.data), arguments.tiny)
        carry_out(plan, arguments.folder, workers=arguments.workers, say=say)
    if not arguments.tiny:
        collect(arguments.folder)


def say(line: str) -> None:
    """Progress, line by line into a log."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
