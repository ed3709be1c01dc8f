"""Links from one page to another file beside it."""

import os
from pathlib import Path
from urllib.parse import quote


def link(target: Path, start: Path) -> str:
    """The address of a file relative to a folder, as a page in that folder has it."""
    return quote(Path(os.path.relpath(target, start)).as_posix())
