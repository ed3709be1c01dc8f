"""`python -m website [FOLDER]`: build the site; `make docs` calls this."""

import argparse
import os
from pathlib import Path
from time import perf_counter

from website.build import build
from website.versions import LATEST

parser = argparse.ArgumentParser(prog="python -m website", description=__doc__)
parser.add_argument("out", nargs="?", type=Path, default=Path("build/site"))
arguments = parser.parse_args()
os.environ["CLADENET_LANG"] = "en"  # pages say which language they are in, whatever the locale
started = perf_counter()
build(arguments.out, Path("build/website"))
print(f"{arguments.out / LATEST / 'index.html'}, in {perf_counter() - started:.0f} s")
