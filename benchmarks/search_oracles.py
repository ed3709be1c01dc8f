"""What the searches do where the truth is known: bits, the exact table, ranks, 450 workers.

    python benchmarks/search_oracles.py [bits regrets controllers ranks workers] [--seeds 20]

Bits: 100 of them, noise 0.01, 1,000 models, the true score of the one measured best. Table: regret
of each search after 300 trials. Controller: share of right decisions over the last 100 of 1,500
samples. Ranks: Kendall's tau between accuracies by ENAS's shared weights and stand-alone ones, over
all 729 cells; and between one training and the mean test accuracy, what a single trial is worth.
Workers: 450 and 1, durations of the table's trainings.
What is written, part by part: benchmarks/results/search_oracles.json.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cladenet.search.comparison.on_table import compare, table_text
from cladenet.search.comparison.ranks import rank_correlation
from cladenet.search.config import decide
from cladenet.search.enas.training import SharedTraining
from cladenet.search.oracles.drive import drive
from cladenet.search.oracles.simple import NoisyOnes, Target
from cladenet.search.oracles.table import ExactTable
from cladenet.search.run import settings_of
from cladenet.search.searchers.aging import AgingEvolution
from cladenet.search.searchers.controller_search import ControllerSearch
from cladenet.search.searchers.random_search import RandomSearch
from cladenet.search.searchers.searcher import Searcher
from cladenet.search.simulation.events import simulate
from cladenet.search.spaces.bits import Bits
from cladenet.search.spaces.edge_cells import EdgeCells
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.fidelity import DIGITS
from cladenet.training.signals import StopRequest
from machine import announced

RESULT = Path(__file__).parent / "results" / "search_oracles.json"
METHODS = ("aging", "non_aging", "nasnet", "nasnet_reinforce", "evolution", "random")


def bits(seeds: int) -> dict[str, Any]:
    made: dict[str, Callable[[int], Searcher]] = {
        "aging": lambda seed: AgingEvolution(Bits(), seed),
        "non_aging": lambda seed: AgingEvolution(Bits(), seed, aging=False),
        "random": lambda seed: RandomSearch(Bits(), seed),
    }
    found = {}
    for name, make in made.items():
        scores = [drive(make(s), NoisyOnes(seed=s), 1_000).truth[-1] for s in range(seeds)]
        found[name] = {
            "mean": round(statistics.mean(scores), 4),
            "std": round(statistics.stdev(scores), 4),
            "least": min(scores),
            "most": max(scores),
        }
        print("bits", name, found[name])
    return found


def regrets(seeds: int, trials: int) -> dict[str, Any]:
    compared = compare(METHODS, seeds, trials)
    print(table_text(compared))
    places = [t for t in (10, 20, 50, 100, 150, 200, 300) if t <= trials]
    return {
        one.method: {
            "found": one.found,
            "quartiles": {t: [round(100 * v, 3) for v in one.quartiles(t)] for t in places},
        }
        for one in compared
    }


def controllers() -> dict[str, float]:
    space, found = EdgeCells(), {}
    oracle = Target(space, ["conv_3x3", "skip", "conv_1x1", "conv_3x3", "skip", "conv_3x3"])
    for algorithm, lr in (("ppo", 0.005), ("reinforce", 0.01)):
        searcher, vals = ControllerSearch(space, 0, algorithm, controller_lr=lr), []
        for number in range(1_500):
            proposal = searcher.ask(number)
            assert proposal is not None
            vals.append(oracle.val(number, proposal.architecture))
            searcher.tell(number, vals[-1])
        found[algorithm] = round(statistics.mean(vals[-100:]), 4)
    print("controllers", found)
    return found


def ranks(table: ExactTable, epochs: int) -> dict[str, Any]:
    options = {"shared_epochs": str(epochs), "shared_batch_size": "32"}
    settings = settings_of(decide("enas_micro", "digits", space="edges3", options=options))
    data = open_trial_data("digits", DIGITS)
    shared = SharedTraining(table.space, data, DIGITS.scale, settings, seed=0)
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        shared.run(Path(folder), StopRequest(), lambda line: None)
    trained = time.process_time() - begin
    cells = table.space.all()
    scores = [shared.score(cell, 0, images=len(data.val)) for cell in cells]
    truths = table.truths
    best = np.argsort(-truths)[:100]
    one = [table.val(0, cell) for cell in cells]
    found = {
        "epochs": epochs,
        "tau_all": round(rank_correlation(scores, truths.tolist()), 3),
        "tau_best_100": round(
            rank_correlation([scores[k] for k in best], [float(truths[k]) for k in best]), 3
        ),
        "tau_one_training": round(rank_correlation(one, truths.tolist()), 3),
        "tau_one_training_best_100": round(
            rank_correlation([one[k] for k in best], [float(truths[k]) for k in best]), 3
        ),
        "shared_seconds": round(trained, 1),
        "table_seconds": round(sum(table.seconds(cell) for cell in cells), 1),
    }
    print("ranks", found)
    return found


def workers(trials: int) -> dict[str, Any]:
    table = ExactTable()
    found: dict[str, Any] = {}
    for count in (1, 450):
        searcher = AgingEvolution(table.space, 0, 100, 25)
        run = simulate(searcher, table, count, trials, lambda number, cell: table.seconds(cell))
        late = np.array(run.lateness)
        found[str(count)] = {
            "makespan_s": round(run.makespan, 1),
            "speed_up": round(run.speed_up, 1),
            "lateness_median": float(np.median(late)),
            "lateness_most": int(late.max()),
            "idle_s": round(run.idle, 1),
            "regret": round(100 * (table.optimum - run.truth[-1]), 3),
        }
        print("workers", count, found[str(count)])
    return found


PARTS: dict[str, Callable[[int], Any]] = {
    "bits": bits,
    "regrets": lambda seeds: regrets(seeds, 300),
    "controllers": lambda _: controllers(),
    "ranks": lambda _: ranks(ExactTable(), 30),
    "workers": lambda _: workers(5_000),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = ExactTable()
    found = announced()
    for part in arguments.parts:
        value = PARTS[part](arguments.seeds)
        result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        result |= {"machine": found, "seeds": arguments.seeds, part: value}
        result["table"] = {
            "trainings": table.table.trainings,
            "networks": table.table.networks,
            "optimum": round(table.optimum, 4),
            "median": round(float(np.median(table.truths)), 4),
            "least": round(float(table.truths.min()), 4),
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
