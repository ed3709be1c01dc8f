"""The results of `cladenet experiment` at laptop scale, from the trainings that are finished.

    cladenet experiment all --data cifar10:DATA        # hours; may be interrupted at any time
    python benchmarks/claims.py --data cifar10:DATA    # reads runs/experiments
    python benchmarks/claims_page.py

A claim counts once two seeds of all its networks are there. Older results of claims that are not
there now, or with fewer seeds, stay.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from cladenet.data.sources.open import open_dataset
from cladenet.experiments.claim import Claim, Scale
from cladenet.experiments.claims import CLAIMS
from cladenet.experiments.outcome import NO_RESULT, Outcome, outcome, to_json
from machine import announced

RESULTS = Path(__file__).parent / "results" / "claims.json"
SCALE: Scale = "laptop"
LEAST = 2  # seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits", help="as for the experiments")
    parser.add_argument("--runs", type=Path, default=Path("runs/experiments"))
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    claims: dict[str, Any] = results.get("claims", {})
    machine = announced()
    processors: dict[str, str] = results.get("processors", {})
    for claim in CLAIMS.values():
        data = claim.data(SCALE, options.data)
        found = newest(claim, data, options.runs)
        stored = claims.get(claim.name, {"seeds": 0})
        if found and found.seeds >= stored["seeds"]:
            claims[claim.name] = {**to_json(found), "data": described(data)}
            processors[claim.name] = machine["processor"]
            print(f"{claim.name}: {found.verdict}, {found.seeds} seeds")
    ordered = {name: claims[name] for name in CLAIMS if name in claims}
    by_name = {name: processors[name] for name in ordered}
    text = json.dumps({"machine": machine, "processors": by_name, "claims": ordered}, indent=1)
    RESULTS.write_text(text + "\n")


def newest(claim: Claim, data: str, root: Path) -> Outcome | None:
    """With as many seeds as all its networks have."""
    for seeds in range(claim.seeds, LEAST - 1, -1):
        found = outcome(claim, SCALE, data, seeds, root)
        counts = {len(figures) for one in found.compared for figures in one.figures.values()}
        if found.verdict != NO_RESULT and counts == {seeds}:
            return found
    return None


def described(data: str) -> str:
    """The set without the place where it lies, and how much of it there is."""
    dataset = open_dataset(data)
    return f"{dataset.name}, {len(dataset.train):,} training images"


if __name__ == "__main__":
    main()
