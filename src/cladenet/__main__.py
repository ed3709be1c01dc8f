"""`python -m cladenet`, also under torchrun, and the script `cladenet`: the command line."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until a command begins, Ctrl-C ends the process at once and silently: in the midst of
    # an import it would be a traceback, or another error. `cladenet.cli` puts it back.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from cladenet.cli import command


def run() -> None:
    """What the script calls."""
    raise SystemExit(command())


if __name__ == "__main__":
    run()
