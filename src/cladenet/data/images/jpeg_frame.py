"""What a JPEG is beyond what decoders read: its frame header, which tells depth, kind and size.

ITU-T T.81, Table B.1 (markers) and B.2.2 (frame header); T.87 (JPEG-LS) adds SOF55.
"""

from typing import NamedTuple

# Start-of-frame markers to the process; those that are not here are no frames.
PROCESSES = {
    0xC0: "baseline",
    0xC1: "extended",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "hierarchical",
    0xC9: "arithmetic",
    0xCA: "progressive",
    0xCB: "arithmetic lossless",
    0xCD: "hierarchical",
    0xCE: "hierarchical",
    0xCF: "hierarchical",
    0xF7: "JPEG-LS",
}
SOS, END = 0xDA, 0xD9
ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a segment
COMPONENTS = (1, 3, 4)
CONVERT = "convert it to PNG"


class Frame(NamedTuple):
    """A frame header.

    Args:
        process: a value of `PROCESSES`.
        bits: of a sample.
        width: in pixels.
        height: in pixels; 0 where it comes after the first scan.
        components: 1 grey, 3 colour, 4 CMYK.
        scan: components in the first scan; fewer than in the frame where there are more scans.
    """

    process: str
    bits: int
    width: int
    height: int
    components: int
    scan: int

    @property
    def scales(self) -> bool:
        """Whether a decoder can make an eighth of the picture without holding all of it.

        Progressive files and others of several scans are held as coefficients in full.
        """
        in_one_scan = self.process in ("baseline", "extended", "arithmetic")
        return in_one_scan and self.scan == self.components


def read_frame(data: bytes) -> Frame | None:
    """The frame header of a JPEG; None if there is none before the first scan."""
    at, frame = 2, None
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
            at += 1  # padding, or bytes between segments, which decoders skip
            continue
        marker = data[at + 1]
        if marker in ALONE:
            at += 2
            continue
        if marker == END:
            break
        segment = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
        if marker == SOS:
            return frame._replace(scan=segment[0]) if frame and segment else frame
        if marker in PROCESSES and len(segment) >= 6:
            height, width = (int.from_bytes(segment[i : i + 2], "big") for i in (1, 3))
            parts = segment[5]
            frame = Frame(PROCESSES[marker], segment[0], width, height, parts, parts)
        at += 4 + len(segment)
    return frame


def why_not(frame: Frame) -> str | None:
    """Why no decoder here reads such a JPEG, and the way out; None if it should be read."""
    if frame.process == "JPEG-LS":
        return f"is JPEG-LS; {CONVERT}"
    if frame.process in ("hierarchical", "arithmetic lossless"):
        return f"is a JPEG of a kind that is not read ({frame.process}); {CONVERT}"
    if frame.bits != 8:
        kind = "a lossless JPEG" if frame.process == "lossless" else "a JPEG"
        return (
            f"is {kind} of {frame.bits} bits per sample, only 8 are read; convert it to 16-bit PNG"
        )
    if frame.components not in COMPONENTS:
        return f"is a JPEG of {frame.components} components, expected 1, 3 or 4; {CONVERT}"
    return None
