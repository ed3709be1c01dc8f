"""`python -m cladenet`, except that MISHAP=FAULT:RANK:STEP strikes at that rank's step, once.

`kill` kills the rank; `terminate` sends SIGTERM to the launcher, as whoever ends the job does.
"""

import os
import signal

from cladenet.cli import main
from cladenet.runs.train.progress import TrainingSums
from cladenet.training.engine import Report

fault, rank, step = os.environ["MISHAP"].split(":")
first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
count = TrainingSums.add


def counting(sums: TrainingSums, report: Report) -> None:
    count(sums, report)
    if report.step != int(step):
        return
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getppid(), signal.SIGTERM)


if first_attempt and os.environ["RANK"] == rank:
    TrainingSums.add = counting  # type: ignore[assignment, method-assign]
raise SystemExit(main())
