"""`python -m cladenet`, except that KILL_RANK_AT_STEP=rank:step kills that rank once, then."""

import os
import signal

from cladenet.cli import main
from cladenet.runs.session import Session
from cladenet.training.engine import Report

rank, _, step = os.environ["KILL_RANK_AT_STEP"].partition(":")
first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
count = Session._count


def mortal(session: Session, report: Report) -> None:
    count(session, report)
    if report.step == int(step):
        os.kill(os.getpid(), signal.SIGKILL)


if first_attempt and os.environ["RANK"] == rank:
    Session._count = mortal  # type: ignore[assignment, method-assign]
raise SystemExit(main())
