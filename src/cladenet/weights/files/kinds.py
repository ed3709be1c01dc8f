"""What a file is by its first bytes, where it is none of weights that are read here."""

import zipfile
from pathlib import Path

BEGINNINGS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself; run `git lfs pull`"),
    (b"<!DOCTYPE", "a web page; download the file itself"),
    (b"<!doctype", "a web page; download the file itself"),
    (b"<html", "a web page; download the file itself"),
    (b"{", "text in JSON, not weights"),
)
SCRIPT = (
    "TorchScript, a program with its weights inside. Where it comes from, "
    "torch.save(torch.jit.load(FILE).state_dict(), NEW), and import that"
)
EXPORTED = (
    "a program of torch.export. Where it comes from, torch.save the model's state_dict(), and "
    "import that"
)


def other_kind(path: Path) -> str:
    """What the file is, with the way out; empty if it may well be one of weights."""
    with open(path, "rb") as stream:
        beginning = stream.read(64)
    for known, what in BEGINNINGS:
        if beginning.startswith(known) and b"\0" not in beginning:  # which no text has
            return what
    if beginning.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                members = [name.partition("/")[2] or name for name in archive.namelist()]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return ""  # whoever reads it says that it is damaged
        if any(name.startswith("code/") for name in members) and "constants.pkl" in members:
            return SCRIPT
        if any(name.startswith(("models/", "archive_format")) for name in members):
            return EXPORTED
    return ""
