"""Which files under a folder are its images.

    file or folder                            what happens
    image by suffix (.jpg, .PNG, .webp, ...)  listed; its format is recognised by its content
    image by its first bytes only             listed
    image nobody here decodes (.heic, ...)    listed, and reported when the files are verified
    hidden, Thumbs.db, __MACOSX, no image     ignored and counted
    hidden folder with images, `.cat`         ignored, and named: it may be a class
    link to a folder above itself             not followed, and counted
    a file reached twice through links        listed once

Order is by path, so it is the same on every machine.
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from cladenet.data.images.decode import readable
from cladenet.errors import DataError
from cladenet.plural import agree, counted, counted_kinds

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm",
})  # fmt: skip
UNDECODED = frozenset({
    ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".ico", ".psd", ".svg", ".tga", ".pcx",
    ".qoi", ".sgi", ".eps", ".cr2", ".cr3", ".nef", ".dng", ".arw", ".raf", ".orf", ".rw2", ".pef",
    ".exr", ".hdr", ".dcm", ".fits",
})  # fmt: skip
IMAGES = SUFFIXES | UNDECODED
OF_TOOLS = frozenset({".ipynb_checkpoints", ".thumbnails", ".cache", ".trash"})  # copies, mostly
LOOP = "links to a folder above (a loop)"
SYSTEM = frozenset({
    "thumbs.db", "desktop.ini", "__macosx", "@eadir", "__pycache__", "$recycle.bin", "lost+found",
    "system volume information",
})  # fmt: skip


def about(ignored: Counter[str], where: str) -> tuple[str, ...]:
    """Sentences for the user on what a listing left out, by kind, and in hidden folders."""
    hidden = sorted(kind for kind in ignored if kind.endswith(os.sep))
    others = {kind: count for kind, count in ignored.items() if kind not in hidden}
    notes = [f"ignored in {where}: {counted_kinds(others)}"] if others else []
    if hidden:
        images = sum(ignored[kind] for kind in hidden)
        names = ", ".join(f"'{readable(kind[:-1])}'" for kind in hidden)
        notes.append(
            f"hidden folders of {where} hold {counted(images, 'image')}, which "
            f"{agree(images, 'is', 'are')} left out: {names}. To use one, rename it without the dot"
        )
    return tuple(notes)


def subfolders(root: str, ignored: Counter[str] | None = None) -> list[str]:
    """Names of the visible folders in `root`, sorted; everything else there counts as ignored."""
    ignored = Counter() if ignored is None else ignored
    names, real = [], os.path.realpath(root)
    for entry in _entries(root):
        if is_hidden(entry.name):
            _count_hidden(entry, ignored)
        elif not _is_folder(entry):
            ignored["stray files beside the class folders"] += 1
        elif entry.is_symlink() and _contains(os.path.realpath(entry.path), real):
            ignored[LOOP] += 1
        else:
            names.append(entry.name)
    return names


def images_under(folder: str, ignored: Counter[str] | None = None) -> list[str]:
    """Paths of the images in `folder` and below, sorted; see the table above.

    `ignored` counts what is left out, by kind: a suffix such as ".txt files", links in a loop, ...;
    images in a hidden folder by its name and a slash.
    """
    ignored = Counter() if ignored is None else ignored
    paths: list[str] = []
    linked: list[str] = []
    folders: list[tuple[str, int]] = []  # real path of each, and how many images lie in it
    for real_folder, entries in _walk(folder, set(), ignored):
        before = len(paths)
        for entry in entries:
            if not is_image(entry):
                ignored[_kind(entry.name)] += 1
            elif entry.is_symlink():
                linked.append(entry.path)
            else:
                paths.append(entry.path)
        folders.append((real_folder, len(paths) - before))
    seen = _real_paths(paths, folders) if linked else set()
    for path in sorted(linked):
        real = os.path.realpath(path)
        if real in seen:
            ignored["links to a file that is listed already"] += 1
        else:
            seen.add(real)
            paths.append(path)
    return sorted(paths)


def _real_paths(paths: list[str], folders: list[tuple[str, int]]) -> set[str]:
    """Those of files that lie one folder after the other, so many in each."""
    left = iter(paths)
    return {
        os.path.join(folder, os.path.basename(path))
        for folder, count in folders
        for path in islice(left, count)
    }


def is_hidden(name: str) -> bool:
    """Whether a name is one that file managers do not show or systems leave behind."""
    return name.startswith(".") or name.lower() in SYSTEM


def hidden_folders(folder: str) -> list[str]:
    """Hidden folders with images in `folder` and in its folders: ".cat", "train/.cat"."""
    found = []
    for entry in _entries(folder):
        if _hidden_images(entry):
            found.append(entry.name)
        elif not is_hidden(entry.name) and _is_folder(entry):
            inside = filter(_hidden_images, _entries(entry.path))
            found += [os.path.join(entry.name, inner.name) for inner in inside]
    return found


def _count_hidden(entry: "os.DirEntry[str]", ignored: Counter[str]) -> None:
    if images := _hidden_images(entry):
        ignored[entry.name + os.sep] += images
    else:
        ignored["hidden or system"] += 1


def _hidden_images(entry: "os.DirEntry[str]") -> int:
    """How many images, by their suffix, lie in a folder that the dot of its name hides."""
    if not entry.name.startswith(".") or entry.name in OF_TOOLS or not _is_folder(entry):
        return 0
    try:
        with os.scandir(entry.path) as inside:
            names = [each.name for each in inside]
    except OSError:
        return 0
    return sum(_suffix(name) in IMAGES and not is_hidden(name) for name in names)


def is_image(entry: "os.DirEntry[str]") -> bool:
    """Whether a file is an image by its suffix, or else by its first bytes."""
    if _suffix(entry.name) in IMAGES:
        return True
    from cladenet.data.images.kinds import looks_like_image

    try:
        if not entry.is_file():
            return False
        with open(entry.path, "rb") as file:
            return looks_like_image(file.read(12))
    except OSError:
        return False


def _walk(
    folder: str, visited: set[str], ignored: Counter[str]
) -> Iterator[tuple[str, list["os.DirEntry[str]"]]]:
    """Real path and files of each folder from this one on; each real folder once, no loops."""
    real = os.path.realpath(folder)
    if real in visited:
        ignored["links to a folder that is listed already"] += 1
        return
    visited.add(real)
    files: list[os.DirEntry[str]] = []
    folders: list[str] = []
    for entry in _entries(folder):
        if is_hidden(entry.name):
            _count_hidden(entry, ignored)
        elif not _is_folder(entry):
            files.append(entry)
        elif entry.is_symlink() and _contains(os.path.realpath(entry.path), real):
            ignored[LOOP] += 1
        else:
            folders.append(entry.path)
    yield real, files
    for inner in folders:
        yield from _walk(inner, visited, ignored)


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{readable(folder)} cannot be listed: {error.strerror}") from None


def _contains(folder: str, inner: str) -> bool:
    return inner == folder or inner.startswith(folder.rstrip(os.sep) + os.sep)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _suffix(name: str) -> str:
    """As `os.path.splitext`, three times as fast, of a name that does not begin with a dot."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def _kind(name: str) -> str:
    suffix = _suffix(name)
    return f"{suffix} files" if suffix.isascii() and len(suffix) > 1 else "files of no known kind"
