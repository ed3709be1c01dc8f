"""Folders, tables, pictures and shards that are mistaken, ambiguous, or of another kind."""

import io
import shutil
import tarfile
from pathlib import Path

from bad_files import pictures

# What is wrong, the words after `cladenet`, the exit status expected; by group.
DATA_CASES: dict[str, list[tuple[str, str, int]]] = {
    "Folders and tables": [
        ("labels in the names alone", "check flat", 3),
        ("folders of folders", "check groups", 3),
        ("a third folder of the same classes", "check more", 3),
        ("two training folders", "check twice", 3),
        ("a validation set without labels", "check unlabelled", 3),
        ("another way to labels", "check good,label_from=names", 2),
        ("several labels per image", "check several.csv", 3),
        ("a split of another name", "check holdout.csv", 3),
        ("one image under two labels", "check two.csv", 3),
        ("a class that train lacks", "check absent.csv", 3),
    ],
    "Pictures": [
        ("HEIC", "predict run phone.heic", 3),
        ("JPEG XL", "predict run photo.jxl", 3),
        ("a Photoshop file", "predict run layers.psd", 3),
        ("a video", "predict run clip.mp4", 3),
        ("DICOM", "predict run scan.dcm", 3),
        ("a pointer of Git LFS", "predict run big.jpg", 3),
        ("an archive", "predict run images.zip", 3),
        ("a JPEG of 12 bits", "predict run medical.jpg", 3),
        ("more than the limit", "predict run bomb/ant/zz.png --max-megapixels 100", 3),
        ("a white below black", "predict run good/ant/00.jpg --white-level=-1", 2),
        ("a run and no image", "predict run lost-run", 2),
    ],
    "Shards": [
        ("cut off", "check wds:cut.tar", 3),
        ("cut off between two files", "check wds:open.tar", 3),
        ("a sample without label", "check wds:nameless.tar", 3),
        ("one of a range is missing", "check wds:train-{000000..000001}.tar", 3),
        ("one class only", "check wds:bees.tar", 3),
        ("an address", "check wds:https://example.com/train.tar", 2),
    ],
}
KINDS = {
    "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "photo.jxl": b"\xff\x0a\xfa\x1f",
    "layers.psd": b"8BPS\0\1",
    "clip.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
    "scan.dcm": bytes(128) + b"DICM",
    "big.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "images.zip": b"PK\3\4\24\0",
}


def make_more_data(root: Path) -> None:
    """Under `root`, beside what `make_data` makes."""
    good = root / "good"
    for number in range(6):
        (root / "flat").mkdir(exist_ok=True)
        shutil.copy(good / "ant" / f"{number:02}.jpg", root / "flat" / f"ant.{number}.jpg")
        shutil.copy(good / "bee" / f"{number:02}.jpg", root / "flat" / f"bee.{number}.jpg")
    for group in ("field", "greenhouse"):
        pictures(root / "groups" / group, each=2)
    for part in ("train", "val", "extra"):
        pictures(root / "more" / part, each=3)
    for part in ("train", "Training"):
        pictures(root / "twice" / part, each=2)
    pictures(root / "unlabelled" / "train", each=3)
    shutil.copytree(root / "flat", root / "unlabelled" / "val")
    tables = {
        "several.csv": "path,label\ngood/ant/00.jpg,ant;insect\ngood/bee/00.jpg,bee;insect\n",
        "holdout.csv": "path,label,split\ngood/ant/00.jpg,ant,train\ngood/bee/00.jpg,bee,later\n",
        "two.csv": "path,label\ngood/ant/00.jpg,ant\ngood/bee/00.jpg,bee\ngood/ant/00.jpg,bee\n",
        "absent.csv": "path,label,split\ngood/ant/00.jpg,ant,train\ngood/ant/01.jpg,ant,train\n"
        "good/bee/00.jpg,bee,train\ngood/ant/02.jpg,wasp,val\n",
    }
    for name, text in tables.items():
        (root / name).write_text(text)
    for name, content in KINDS.items():
        (root / name).write_bytes(content)
    photo = (good / "ant" / "00.jpg").read_bytes()
    (root / "medical.jpg").write_bytes(photo.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"))
    shards(root, good)


def shards(root: Path, good: Path) -> None:
    """Archives of eight samples, whole and not."""
    samples = [
        (f"{number}{name[0]}", (good / name / f"{number:02}.jpg").read_bytes(), name)
        for number in range(4)
        for name in ("ant", "bee")
    ]
    whole = archive(samples)
    (root / "train-000000.tar").write_bytes(whole)
    (root / "cut.tar").write_bytes(whole[:2_000])
    (root / "open.tar").write_bytes(whole.rstrip(b"\0") + bytes(-len(whole.rstrip(b"\0")) % 512))
    (root / "nameless.tar").write_bytes(archive([*samples, ("9z", samples[0][1], "")]))
    (root / "bees.tar").write_bytes(archive(samples[1::2]))


def archive(samples: list[tuple[str, bytes, str]]) -> bytes:
    """A tar of KEY.jpg and KEY.cls; no .cls where there is no label."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, image, label in samples:
            for name, content in ((f"{key}.jpg", image), (f"{key}.cls", label.encode())):
                if content:
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return file.getvalue()
