"""The depth of a JPEG 2000, from its codestream's first marker segment.

ISO/IEC 15444-1, A.5.1 (SIZ) and I.5.4 (the box that holds the codestream of a JP2 file).
"""

from cladenet.data.images.kinds import Refused

START = b"\xff\x4f\xff\x51"  # SOC, and SIZ which follows it at once
MOST_BITS = 8


def refuse_deep_colours(data: bytes) -> None:
    """Raise for colours of more than 8 bits.

    Pillow rounds those to 8 without a limit: the lightest half level becomes black. Grey is scaled
    up to 16 bits and comes out right.

    Args:
        data: the file up to its codestream at least; what is cut off before is left to Pillow.

    Raises:
        Refused: several components, of more than 8 bits.
    """
    at = data.find(START)
    count = int.from_bytes(data[at + 40 : at + 42], "big") if at >= 0 else 0
    depths = [(byte & 0x7F) + 1 for byte in data[at + 42 : at + 42 + 3 * count : 3]]
    if count > 1 and max(depths, default=0) > MOST_BITS:
        raise Refused(
            f"is JPEG 2000 with {max(depths)} bits per colour, only {MOST_BITS} are read; convert "
            "it to 16-bit PNG"
        )
