"""One library meets one fault of the data and says in a line what comes of it.

python benchmarks/peer_data.py LIBRARY FAULT FOLDER
"""

import resource
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def pictures(root: Path, parts: tuple[str, ...] = ("train", "val")) -> None:
    """Class folders of plain JPEGs: red ants, blue bees, 4 of each."""
    for part in parts:
        for name, colour in (("ant", (200, 0, 0)), ("bee", (0, 0, 200))):
            (root / part / name).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (40, 30), colour).save(root / part / name / f"{number}.jpg")


def last_ant(root: Path) -> Path:
    return root / "val" / "ant" / "3.jpg"


def truncated(root: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(image).save(last_ant(root))
    last_ant(root).write_bytes(last_ant(root).read_bytes()[:9000])


def dangling(root: Path) -> None:
    last_ant(root).unlink()
    last_ant(root).symlink_to("nowhere.jpg")


def renamed(root: Path) -> None:
    (root / "val" / "ant").rename(root / "val" / "wasp")


def grey(root: Path) -> None:
    """16 bits, 257 * 99 everywhere: a viewer shows 99."""
    values = np.full((30, 40), 257 * 99, np.uint16)
    Image.fromarray(values).save(root / "val" / "ant" / "0.png")
    for path in (root / "val" / "ant").glob("*.jpg"):
        path.unlink()


def turned(root: Path) -> None:
    """Stored as 40 x 30, to be shown as 30 x 40."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(root / "val" / "ant" / "0.jpg", exif=exif)


def big(root: Path) -> None:
    """100 megapixels of black in 12 kB or so."""
    pack = zlib.compress((b"\0" + bytes(1250)) * 10_000, 9)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", pack) + chunk(b"IEND", b"")
    for path in (root / "val" / "ant").glob("*.jpg"):
        path.unlink()
    (root / "val" / "ant" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def stray(root: Path) -> None:
    for part in ("train", "val"):
        Image.new("RGB", (9, 9)).save(root / part / "x.jpg")


def loop(root: Path) -> None:
    (root / "val" / "ant" / "up").symlink_to("..")


Read = Callable[[str, Path], str]


def images_of(library: str, folder: Path) -> Iterator[tuple[Any, int, str]]:
    """Image, label and path of each sample of the validation set, as the library gives them."""
    if library == "cladenet":
        from cladenet.data.sources.open import open_dataset

        split = open_dataset(str(folder)).val
        if split is None:
            raise ValueError("no validation set")
        for index, label in enumerate(split.labels):
            yield split.images.read(index), int(label), str(split.ids[index])
        return
    if library == "timm":
        from cladenet.vision import torchvision

        torchvision()
        from timm.data import create_dataset

        data: Any = create_dataset("", str(folder), split="validation")
        names = data.filenames(absolute=True)
    else:
        from cladenet.vision import torchvision

        data = torchvision().datasets.ImageFolder(str(folder / "val"))
        names = [path for path, _ in data.samples]
    for index in range(len(names)):
        image, label = data[index]
        yield image, label, str(names[index])


def broken(library: str, folder: Path) -> str:
    labels = [0] * 4 + [1] * 4
    names = []
    for index, (image, label, name) in enumerate(images_of(library, folder)):
        pixel = np.asarray(image)[0, 0]
        seen = int(pixel[2] > pixel[0])
        names.append(name)
        if label != labels[index] or seen != labels[index]:
            return f"**scored as its neighbour**, a bee; a warning names index {index}"
    return f"read {len(names)} images"


def counted(library: str, folder: Path) -> str:
    return f"{sum(1 for _ in images_of(library, folder)):,} images listed, of which 8 are there"


def labelled(library: str, folder: Path) -> str:
    """Which label each class folder of both splits gets."""
    if library == "cladenet":
        from cladenet.data.sources.open import open_dataset

        data = open_dataset(str(folder))
        if data.val is None:
            raise ValueError("no validation set")
        return f"classes {data.classes}; notes {data.notes}"
    if library == "timm":
        from cladenet.vision import torchvision

        torchvision()
        from timm.data import create_dataset

        maps = [create_dataset("", str(folder), split=s).reader.class_to_idx for s in SPLITS]
    else:
        from cladenet.vision import torchvision

        new = torchvision().datasets.ImageFolder
        maps = [new(str(folder / part)).class_to_idx for part in ("train", "val")]
    same = "the same labels" if maps[0] == maps[1] else "**other labels in val, no word**"
    return f"{same}: train {maps[0]}, val {maps[1]}"


SPLITS = ("train", "validation")


def mean(library: str, folder: Path) -> str:
    image, _, _ = next(images_of(library, folder))
    return f"pixel mean {np.asarray(image).mean():.0f}; a viewer shows 99"


def shape(library: str, folder: Path) -> str:
    image, _, _ = next(images_of(library, folder))
    turned_up = np.asarray(image).shape[:2] == (40, 30)
    return "shown upright" if turned_up else "**lies on its side, no word**"


def memory(library: str, folder: Path) -> str:
    for path in (folder / "val" / "ant").iterdir():
        path.rename(folder / "kept.png")
    Image.new("RGB", (40, 30)).save(folder / "val" / "ant" / "0.png")
    next(images_of(library, folder))
    (folder / "kept.png").rename(folder / "val" / "ant" / "0.png")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        next(images_of(library, folder))
        printed = "accepted"
    except Exception as error:  # whatever a library raises is its answer
        printed = f"refused ({str(error).replace(chr(10), ' ')[:220]})"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"{printed}; {grown / 1024:,.0f} MB more memory"


DATA_FAULTS: dict[str, tuple[Callable[[Path], object], Read]] = {
    "a cut-off validation image": (truncated, broken),
    "an empty validation image": (lambda f: last_ant(f).write_bytes(b""), broken),
    "a web page called .jpg": (lambda f: last_ant(f).write_text("<html>404</html>"), broken),
    "a dangling link": (dangling, broken),
    "val has a class that train has not": (renamed, labelled),
    "a class folder without images": (lambda f: (f / "train" / "asp").mkdir(), labelled),
    "a stray image beside the class folders": (
        stray,
        labelled,
    ),
    "a symbolic link that loops": (loop, counted),
    "a 16-bit grey PNG": (grey, mean),
    "a photograph with an EXIF rotation": (turned, shape),
    "100 megapixels in a small PNG": (big, memory),
}


def make_fault(fault: str, folder: Path) -> None:
    pictures(folder)
    DATA_FAULTS[fault][0](folder)


def main() -> None:
    library, fault, name = sys.argv[1:]
    folder = Path(name)
    try:
        printed = DATA_FAULTS[fault][1](library, folder)
    except Exception as error:  # whatever a library raises is its answer
        text = " ".join(str(error).split())
        path = {
            "a class folder without images": "asp",
            "val has a class that train has not": "wasp",
        }
        named = path.get(fault, "3.jpg") in text
        printed = (
            f"stops{', naming it' if named else ', **without naming the file**'}: {text[:220]}"
        )
    print(f"outcome: {printed}")


if __name__ == "__main__":
    main()
