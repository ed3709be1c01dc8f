"""Samples whose white no file declares: what is assumed, and when that is likely to be wrong."""

from collections.abc import Sequence

from cladenet.data.images.samples import Assumed
from cladenet.plural import agree, counted

FULL = 65535  # white in 16 bits
DARK = (FULL + 1) // 8  # where all images stay below, fewer bits are in use


def judge_depths(assumed: Sequence[Assumed], white_level: float) -> tuple[list[str], list[str]]:
    """(warnings, notes) about the images of more than 8 bits, all of which have one white.

    Args:
        assumed: of all readable images of a data set whose white is not declared.
        white_level: what the user has set; 0 if nothing.
    """
    peaks = [each.peak for each in assumed if each.kind == "16-bit"]
    floats = sum(each.kind == "float" for each in assumed)
    warnings, notes = [], []
    if white_level and assumed:
        notes.append(
            f"{white_level:g} is white in {counted(len(assumed), 'image')} that "
            f"{agree(len(assumed), 'does', 'do')} not declare it"
        )
    if floats and not white_level:
        notes.append(
            f"{counted(floats, 'image')} {agree(floats, 'has', 'have')} float samples: 1 is white "
            "(white_level= changes that)"
        )
    if peaks and not white_level and max(peaks) < DARK:
        peak = int(max(peaks))
        bits = max(8, peak.bit_length())
        warnings.append(
            f"nearly black: the largest sample of all {len(peaks):,} 16-bit images is {peak:,} of "
            f"{FULL:,}. If they use fewer bits, set the value of white: white_level={2**bits - 1} "
            f"({bits} bits); white_level={FULL} if they are so dark"
        )
    return warnings, notes
