"""Trials an hour: forked warm, and with one fresh process a trial; and what a trial costs beside.

    python benchmarks/search_pace.py [--trials 12]

The same trials (digits, the exact table's fidelity) in the same order, one at a time: by the pool,
and each by a new interpreter that imports, opens the images and trains. The overhead is the pool's
wall time less the trials' own, as a share; and as that of a trial of ten seconds.
What is written: benchmarks/results/search_pace.json.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from cladenet.search.searchers.searcher import draws
from cladenet.search.spaces.edge_cells import EdgeCells
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.fidelity import DIGITS
from cladenet.search.trials.pool import Pool
from cladenet.search.trials.work import Job, TrainTrials, warm
from machine import announced

RESULT = Path(__file__).parent / "results" / "search_pace.json"
FRESH = """
import json, sys, torch
torch.set_num_threads(1)
from cladenet.search.spaces.edge_cells import EdgeCells
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.fidelity import DIGITS
from cladenet.search.trials.work import Job, TrainTrials
work = TrainTrials(EdgeCells(), open_trial_data("digits", DIGITS), DIGITS)
print(json.dumps(work(Job(*json.loads(sys.argv[1])))))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    space = EdgeCells()
    jobs = [Job(k, space.random(draws(0, k)), None, k) for k in range(arguments.trials)]
    begin = time.perf_counter()
    work = TrainTrials(space, open_trial_data("digits", DIGITS), DIGITS)
    warm()
    pool = Pool(work, 1)
    ready = time.perf_counter() - begin
    begin, own, scores = time.perf_counter(), 0.0, []
    for job in jobs:
        pool.submit(job.number, job)
        while not (ended := pool.wait(60)):
            pass
        own += ended[0].value["seconds"]
        scores.append(ended[0].value["val"])
    warm_seconds = time.perf_counter() - begin
    pool.close()
    begin, again = time.perf_counter(), []
    for job in jobs:
        command = [sys.executable, "-c", FRESH, json.dumps(job)]
        again.append(json.loads(subprocess.check_output(command))["val"])
    fresh_seconds = time.perf_counter() - begin
    assert scores == again, "the same trials have to come to the same accuracies"
    overhead = (warm_seconds - own) / len(jobs)
    result = {
        "machine": announced(),
        "trials": len(jobs),
        "warm_per_hour": round(3600 * len(jobs) / warm_seconds),
        "fresh_per_hour": round(3600 * len(jobs) / fresh_seconds),
        "times": round(fresh_seconds / warm_seconds, 2),
        "begin_s": round(ready, 2),
        "trial_s": round(own / len(jobs), 3),
        "overhead_s": round(overhead, 4),
        "overhead_of_10_s": round(overhead / 10, 5),
    }
    print(result)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
