"""The exact table: train each of the 729 cells on the digits with three seeds, and pack the counts.

    python benchmarks/search_table.py ROWS.jsonl [--seeds 3] [--pack TABLE.npz]

Each training is a line of ROWS.jsonl as soon as it is done, so that a stopped run goes on where it
was. Seed after seed, so that a part of the rows is a whole table of fewer seeds. `--pack` writes
what the package ships: right answers of each cell and seed on validation and test images.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from cladenet.search.spaces.edge_cells import EdgeCells
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.fidelity import DIGITS
from cladenet.search.trials.train import train_candidate


def rows_of(path: Path) -> dict[tuple[int, int], dict[str, float]]:
    """What has been trained: (seed, cell) -> the row."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return {(row["seed"], row["cell"]): row for row in rows}


def generate(path: Path, seeds: int) -> None:
    """Train what is missing."""
    torch.set_num_threads(1)
    space, data, done = EdgeCells(), open_trial_data("digits", DIGITS), rows_of(path)
    for seed in range(seeds):
        for number, cell in enumerate(space.all()):
            if (seed, number) in done:
                continue
            begin = time.process_time()
            score = train_candidate(space, cell, data, DIGITS, seed).score
            assert score.test is not None
            assert data.test is not None
            row = {
                "seed": seed,
                "cell": number,
                "val": round(score.val * len(data.val)),
                "test": round(score.test * len(data.test)),
                "params": score.params,
                "macs": score.macs,
                "seconds": round(time.process_time() - begin, 3),
            }
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")


def pack(path: Path, target: Path) -> None:
    """Write the table of as many seeds as are whole."""
    done, cells = rows_of(path), len(EdgeCells().all())
    seeds = 0
    while all((seeds, cell) in done for cell in range(cells)):
        seeds += 1
    data = open_trial_data("digits", DIGITS)
    assert data.test is not None

    def column(name: str) -> list[list[float]]:
        return [[done[seed, cell][name] for seed in range(seeds)] for cell in range(cells)]

    np.savez_compressed(
        target,
        val=np.array(column("val"), dtype=np.uint16),
        test=np.array(column("test"), dtype=np.uint16),
        params=np.array(column("params"), dtype=np.uint32)[:, 0],
        macs=np.array(column("macs"), dtype=np.uint32)[:, 0],
        seconds=np.array(column("seconds"), dtype=np.float32),
        images=np.array([len(data.val), len(data.test)], dtype=np.uint16),
    )
    print(f"{seeds} seeds, {target.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pack", type=Path)
    arguments = parser.parse_args()
    if arguments.pack:
        pack(arguments.rows, arguments.pack)
    else:
        generate(arguments.rows, arguments.seeds)


if __name__ == "__main__":
    main()
