"""Links from one page to another file beside it."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class Related:
    """Another run, to be linked.

    Args:
        name: of its folder.
        link: its report, relative to the folder of this run.
        how: why it is shown: "its weights are where this run began".
        figure: its error in words; empty where it has none.
    """

    name: str
    link: str
    how: str
    figure: str = ""


def link(target: Path, start: Path) -> str:
    """The address of a file relative to a folder, as a page in that folder has it."""
    return quote(Path(os.path.relpath(target, start)).as_posix())
