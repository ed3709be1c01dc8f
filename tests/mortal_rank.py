"""`python -m cladenet`, except that KILL_RANK_AT_STEP=rank:step kills that rank once, then."""

import os
import signal

from cladenet.cli import main
from cladenet.runs.course import Course
from cladenet.training.engine import Report

rank, _, step = os.environ["KILL_RANK_AT_STEP"].partition(":")
first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
count = Course._count


def mortal(course: Course, report: Report) -> None:
    count(course, report)
    if report.step == int(step):
        os.kill(os.getpid(), signal.SIGKILL)


if first_attempt and os.environ["RANK"] == rank:
    Course._count = mortal  # type: ignore[assignment, method-assign]
raise SystemExit(main())
