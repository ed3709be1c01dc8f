"""The exact table: train every network that the 729 cells can be, on the digits, and pack the rows.

    python benchmarks/search_table.py ROWS.jsonl [--repeats 1] [--pack TABLE.npz]

Cells that compute the same (`isomorphic_key`) are one network: 484 of them. Each training is a line
of ROWS.jsonl as soon as it is done, so that a stopped run goes on where it was; its seed is the
number of trainings that the network has had. `--pack` writes what the package ships: of every
training the cell and the right answers on validation and test images.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cladenet.search.spaces.edge_cells import EdgeCells, isomorphic_key
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.fidelity import DIGITS
from cladenet.search.trials.train import train_candidate


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What has been trained."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def generate(path: Path, repeats: int) -> None:
    """Train what is missing."""
    torch.set_num_threads(1)
    space, data = EdgeCells(), open_trial_data("digits", DIGITS)
    cells = space.all()
    done = Counter(isomorphic_key(cells[row["cell"]]) for row in rows_of(path))
    for repeat in range(repeats):
        for number, cell in enumerate(cells):
            key = isomorphic_key(cell)
            if done[key] > repeat:
                continue
            begin = time.process_time()
            score = train_candidate(space, cell, data, DIGITS, repeat).score
            assert score.test is not None
            assert data.test is not None
            row = {
                "seed": repeat,
                "cell": number,
                "val": round(score.val * len(data.val)),
                "test": round(score.test * len(data.test)),
                "params": score.params,
                "macs": score.macs,
                "seconds": round(time.process_time() - begin, 3),
            }
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            done[key] += 1


def pack(path: Path, target: Path) -> None:
    """Write all trainings as columns."""
    rows, data, space = rows_of(path), open_trial_data("digits", DIGITS), EdgeCells()
    assert data.test is not None
    cells = space.all()
    missing = {isomorphic_key(c) for c in cells} - {isomorphic_key(cells[r["cell"]]) for r in rows}
    assert not missing, f"{len(missing)} networks have not been trained"
    kinds = {
        "cell": np.uint16,
        "val": np.uint16,
        "test": np.uint16,
        "params": np.uint32,
        "macs": np.uint32,
        "seconds": np.float32,
    }
    columns: dict[str, Any] = {
        name: np.array([row[name] for row in rows], kind) for name, kind in kinds.items()
    }
    images = np.array([len(data.val), len(data.test)], dtype=np.uint16)
    np.savez_compressed(target, images=images, **columns)
    print(f"{len(rows)} trainings, {target.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--pack", type=Path)
    arguments = parser.parse_args()
    if arguments.pack:
        pack(arguments.rows, arguments.pack)
    else:
        generate(arguments.rows, arguments.repeats)


if __name__ == "__main__":
    main()
