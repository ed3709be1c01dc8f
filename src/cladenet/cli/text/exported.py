"""What was found of an exported file, as text and JSON."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cladenet.data.images.decode import readable

if TYPE_CHECKING:  # it imports torch, which files need not
    from cladenet.export.export_run import ExportedFile
    from cladenet.export.verify_file import Tried


def as_text(found: "ExportedFile") -> Iterator[str]:
    """A line for the file and one for each runtime."""
    yield (
        f"{readable(str(found.path))}: {found.size / 1e6:.2f} MB, written in {found.seconds:.1f} s"
    )
    for each in found.tried:
        yield f"  {tried_as_text(each)}"


def as_json(found: "ExportedFile") -> dict[str, Any]:
    """Plain values."""
    return {
        "file": str(found.path),
        "bytes": found.size,
        "seconds": found.seconds,
        "runtimes": tried_as_json(found.tried),
    }


def tried_as_json(tried: "Iterable[Tried]") -> list[dict[str, Any]]:
    """Plain values."""
    return [
        {
            "runtime": each.runtime,
            "right": each.found is not None,
            "why_not": each.why_not,
            **({} if each.found is None else each.found._asdict()),
        }
        for each in tried
    ]


def tried_as_text(each: "Tried") -> str:
    """A line for a runtime."""
    if each.found is None:
        return f"{each.runtime}: not for this file: {each.why_not}"
    found = each.found
    pixels = "" if found.levels is None else f"pixels within {found.levels} of 255 of Pillow's, "
    return (
        f"{each.runtime}: {pixels}log posteriors within {found.logs:.1e} "
        f"({found.allowed:.1e} allowed), {found.agreed} of {found.images} classes the same"
    )
