"""`python -m cladenet`: the command line, also under torchrun."""

from cladenet.cli import command

raise SystemExit(command())
