"""`python -m cladenet`: the command line, also under torchrun."""

from cladenet.cli import main

raise SystemExit(main())
