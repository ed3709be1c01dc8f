"""What was found of an exported file, as text and JSON."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cladenet.data.images.decode import readable

if TYPE_CHECKING:  # it imports torch, which files need not
    from cladenet.export.export_run import ExportedFile
    from cladenet.export.verify.checks import Found
    from cladenet.export.verify.measured import Differing, Measured
    from cladenet.export.verify_file import Tried

SHOWN = 10  # images


def as_text(found: "ExportedFile") -> Iterator[str]:
    """A line for the file and one for each runtime."""
    yield (
        f"{readable(str(found.path))}: {found.size / 1e6:.2f} MB, written in {found.seconds:.1f} s"
    )
    for each in found.tried:
        yield from tried_as_text(each)
    if found.measured is not None:
        yield from measured_as_text(found.measured)


def as_json(found: "ExportedFile") -> dict[str, Any]:
    """Plain values."""
    return {
        "file": str(found.path),
        "bytes": found.size,
        "seconds": found.seconds,
        "runtimes": tried_as_json(found.tried),
        "measured": measured_as_json(found.measured),
    }


def tried_as_json(tried: "Iterable[Tried]") -> list[dict[str, Any]]:
    """Plain values."""
    return [
        {
            "runtime": each.runtime,
            "right": each.found is not None,
            "why_not": each.why_not,
            **({} if each.found is None else _found_as_json(each.found)),
            "measured": measured_as_json(each.measured),
            "converted": None if each.converted is None else _found_as_json(each.converted),
        }
        for each in tried
    ]


def _found_as_json(found: "Found") -> dict[str, Any]:
    images = [each._asdict() for each in found.differing]
    return {**found._asdict(), "agreed": found.agreed, "differing": images}


def measured_as_json(measured: "Measured | None") -> dict[str, Any] | None:
    """Plain values, and the images that differ."""
    if measured is None:
        return None
    images = [each._asdict() for each in measured.differing]
    return {**measured.to_json(), "differing": images}


def tried_as_text(each: "Tried") -> Iterator[str]:
    """A line for a runtime, and the images that differ."""
    if each.converted is not None:
        yield (
            f"  {each.runtime}; tried in torch before it was converted: log posteriors within "
            f"{each.converted.logs:.1e} ({each.converted.allowed:.1e} allowed)"
        )
        return
    if each.found is None:
        yield f"  {each.runtime}: not for this file: {each.why_not}"
        return
    found = each.found
    pixels = "" if found.levels is None else f"pixels within {found.levels} of 255 of Pillow's, "
    yield (
        f"  {each.runtime}: {pixels}log posteriors within {found.logs:.1e} "
        f"({found.allowed:.1e} allowed), {found.agreed} of {found.images} classes the same"
    )
    yield from _differing_as_text(found.differing)
    if each.measured is not None:
        yield from measured_as_text(each.measured)


def measured_as_text(measured: "Measured") -> Iterator[str]:
    """What the file costs on many images, and the images that differ."""
    others = len(measured.differing)
    how = f"{others:,} differently from the network" if others else "each as the network does"
    yield f"  of {measured.images:,} {measured.split} images the file names {how}"
    if measured.points_lost is not None:
        gained = 0 - measured.points_lost  # of 0.0 no -0.0
        yield (
            f"  rightly named: {measured.network_right:,} by the network, "
            f"{measured.file_right:,} by the file: {gained:+.2f} points"
        )
    else:
        yield f"  labels are not compared: {measured.unlabelled}"
    yield from _differing_as_text(measured.differing)


def _differing_as_text(images: "Sequence[Differing]") -> Iterator[str]:
    """The widest margins first: those are the ones to look at."""
    widest = sorted(images, key=lambda each: -each.margin)
    for each in widest[:SHOWN]:
        yield (
            f"    {readable(each.image)}: {readable(each.network)} by the network, "
            f"{readable(each.file)} by the file; margin {each.margin:.2g}"
        )
    if len(widest) > SHOWN:
        yield f"    and {len(widest) - SHOWN:,} more with smaller margins; --json names all"
