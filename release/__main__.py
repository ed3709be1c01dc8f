"""`python -m release VERSION [--dry-run]`: exit status 0, or 1 with the reason."""

import argparse
import sys
from pathlib import Path

from website.translations import behind, translated

from release.changelog import Refused
from release.steps import make_release, try_built

parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
parser.add_argument("version", help="MAJOR.MINOR.PATCH")
parser.add_argument("--dry-run", action="store_true", help="all but the commit and the tag")
arguments = parser.parse_args()
try:
    root = Path(__file__).parents[1]
    late = [found for page in translated() if (found := behind(page))]
    if late:
        raise Refused("\n".join(["Chinese pages are behind the English ones:", *late]))
    built = make_release(root, arguments.version, dry_run=arguments.dry_run, trial=try_built)
except Refused as error:
    sys.exit(f"release: {error}")
print("\n".join(map(str, built)))
if not arguments.dry_run:
    print(f"next: git push --follow-tags, then upload what is in {built[0].parent}")
