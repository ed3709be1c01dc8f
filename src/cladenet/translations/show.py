"""Printing for people: in their language, in what their terminal can write."""

import sys
from typing import TextIO

from cladenet.translations.text import translated


def show(*texts: str, file: TextIO | None = None, end: str = "\n", flush: bool = False) -> None:
    """`print` for what a person reads; `print` itself is for programs.

    Args:
        texts: lines, or texts of several.
        file: standard output if None.
        end: after the last.
        flush: write it out now.
    """
    stream = sys.stdout if file is None else file
    lines = "\n".join(writable(translated(text), stream) for text in texts)
    print(lines, end=end, file=stream, flush=flush)


def writable(text: str, stream: TextIO) -> str:
    """The text; letters that the stream's encoding has not are written as `\\u4e2d`."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding, getattr(stream, "errors", None) or "strict")
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text
