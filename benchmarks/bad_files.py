"""Files that a user meets sooner or later: broken, hostile, mistaken, contradictory."""

import json
import os
import pickle
import shutil
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load, save, save_file

from cladenet.checkpoints.atomic import read_facts, write_folder
from cladenet.registry import create_model
from cladenet.weights.sources import SOURCES
from cladenet.weights.spelling import to_theirs

CLASSES = ("ant", "bee")


class Hostile:
    """Its pickle runs a command where it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch canary",)


def make_data(root: Path) -> None:
    """Under `root`: `good`, folders with one fault each, and single files."""
    pictures(root / "good")
    faulty: dict[str, Callable[[Path], object]] = {
        "cut": lambda f: cut(f / "ant" / "03.jpg"),
        "empty": lambda f: (f / "ant" / "03.jpg").write_bytes(b""),
        "page": lambda f: (f / "ant" / "03.jpg").write_text("<!DOCTYPE html><html>404</html>"),
        "noise": lambda f: (f / "ant" / "03.jpg").write_bytes(bytes(range(7, 99))),
        "dangling": lambda f: (f / "ant" / "zz.jpg").symlink_to("nowhere.jpg"),
        "bomb": lambda f: (f / "ant" / "zz.png").write_bytes(bomb()),
        "floats": lambda f: (f / "ant" / "zz.tif").write_bytes(floats()),
        "hollow": lambda f: (f / "cockroach").mkdir(),
        "single": lambda f: keep(f / "ant", 1),
        "strip": lambda f: Image.new("RGB", (3000, 20)).save(f / "ant" / "zz.jpg"),
        "another": lambda f: Image.new("RGB", (40, 40)).save(f / "ant" / "zz.jpg"),
    }
    for name, spoil in faulty.items():
        spoil(pictures(root / name))
    split(root / "renamed", val=("ant", "wasp"))
    (root / "nothing").mkdir()
    (root / "nothing" / "notes.txt").write_text("no images here")
    (root / "columns.csv").write_text("age,sex\n3,f\n4,m\n")
    (root / "gone.csv").write_text("path,label\ngood/ant/00.jpg,ant\ngood/ant/99.jpg,bee\n")
    (root / "cifar").mkdir()
    (root / "cifar" / "data_batch_1").write_bytes(pickle.dumps({"data": Hostile()}, 2))
    (root / "cifar" / "test_batch").write_bytes(pickle.dumps({"data": Hostile()}, 2))
    (root / "cifar" / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a"] * 10}, 2))
    torch.save({"state_dict": Hostile()}, root / "hostile.pth")
    foreign(root)
    (root / "settings.yaml").write_text("learning_rate: 0.1\n")
    (root / "taken").mkdir()
    (root / "taken" / "thesis.tex").write_text("years of work")


def pictures(folder: Path, classes: tuple[str, ...] = CLASSES, each: int = 20) -> Path:
    """Class folders of JPEGs, each class with a colour of its own."""
    random = np.random.default_rng(0)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = random.integers(0, 100, (36, 40, 3), dtype=np.uint8)
            pixels[..., label] += 100
            Image.fromarray(pixels).save(folder / name / f"{number:02}.jpg")
    return folder


def split(folder: Path, val: tuple[str, ...]) -> Path:
    """`train` and `val`, whose classes should be the same."""
    pictures(folder / "train")
    pictures(folder / "val", val, each=4)
    return folder


def keep(folder: Path, count: int) -> None:
    """Remove all but the first files."""
    for path in sorted(folder.iterdir())[count:]:
        path.unlink()


def cut(path: Path) -> None:
    """Leave two thirds of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def flip(path: Path) -> None:
    """One bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def bomb() -> bytes:
    """A PNG of 900 megapixels in some kB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(3751) * 3000)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def floats() -> bytes:
    """A TIFF whose samples are neither 0 to 1 nor finite."""
    buffer = BytesIO()
    values = np.array([[0.5, float("nan")], [3.0, -1.0]], dtype=np.float32)
    Image.fromarray(values).save(buffer, "TIFF")
    return buffer.getvalue()


def spoil_runs(root: Path) -> None:
    """Copies of the run in `root / "run"` with one fault each, and other things in its place."""
    run = root / "run"
    whole = read_weights(run)
    for name, damage in (("flipped-run", flip), ("cut-run", cut)):
        damage(copied(run, root / name) / "best" / "weights.safetensors")
    for folder in (copied(run, root / "lost-run")).glob("step-*"):
        flip(folder / "state.safetensors")
    first = min(whole)
    forge(run, root / "nan-run", save({**whole, first: whole[first] * float("nan")}))
    forge(run, root / "half-run", save({k: v.half() for k, v in whole.items()}))
    forge(run, root / "lacking-run", save({k: v for k, v in whole.items() if k != first}))
    forge(run, root / "pickle-run", (root / "hostile.pth").read_bytes())
    forge(run, root / "header-run", struct.pack("<Q", 200_000_000) + b"{" + b" " * 1000)
    card = json.loads((run / "checkpoints" / "best" / "card.json").read_text())
    means = card["preprocess"] | {"mean": [0.0, 0.0, 0.0]}
    forge(run, root / "means-run", save(whole), {"preprocess": means})
    forge(run, root / "nameless-run", save(whole), {"data": {}})
    edited = copied(run, root / "edited-run").parent / "config.yaml"
    edited.write_text(edited.read_text().replace("\n  lr: ", "\n  lr: 9"))
    moved = copied(run, root / "other-data-run").parent / "config.yaml"
    moved.write_text(moved.read_text().replace(f"{root}/good", f"{root}/another"))


def copied(run: Path, target: Path) -> Path:
    """The `checkpoints` of a copy of a run."""
    shutil.copytree(run, target, symlinks=True)
    return target / "checkpoints"


def read_weights(run: Path) -> dict[str, torch.Tensor]:
    """The best weights of a run."""
    return load((run / "checkpoints" / "best" / "weights.safetensors").read_bytes())


def forge(run: Path, target: Path, weights: bytes, changes: dict[str, Any] | None = None) -> None:
    """A run whose best checkpoint has other weights or entries of its card, and all sums right."""
    best = run / "checkpoints" / "best"
    facts = read_facts(best)
    card = json.loads((best / "card.json").read_text())
    card |= changes or {}
    files = {"weights.safetensors": weights, "card.json": json.dumps(card).encode()}
    del facts["files"]
    write_folder(target / "checkpoints" / "best", files, facts)


def foreign(root: Path) -> None:
    """Files in torchvision's and timm's names; of a ResNet-50 all zeros, which packs well."""
    for file, name in (("net", "resnet18"), ("net50", "resnet50"), ("b0", "efficientnet_b0")):
        source = SOURCES[f"timm/{name}"]
        with torch.device("meta"):
            model = create_model(source.network, **source.arguments)
        tensors = to_theirs(model.to_empty(device="cpu"), source.spelling)
        zeros = {key: torch.zeros_like(value) for key, value in tensors.items()}
        save_file(zeros, root / f"{file}.safetensors")
        if file == "net":
            save_file(dict(list(zeros.items())[:60]), root / "half.safetensors")
            whole = (root / "net.safetensors").read_bytes()
            (root / "cut.safetensors").write_bytes(whole[:100_000])
    write_foreign(root)


def write_foreign(root: Path) -> None:
    """Of Caffe, fastai and Hugging Face."""
    (root / "cut.caffemodel").write_bytes(b"\xa2\x06\x40\x0a\x05conv1")  # a layer of 64 bytes
    (root / "lenet.caffemodel").write_bytes(b"\x0a\x05LeNet")  # a name, and no layers
    body = {"0.0.weight": torch.zeros(64, 3, 7, 7), "0.4.0.conv1.weight": torch.zeros(64, 64, 3, 3)}
    body["0.7.0.conv1.weight"] = torch.zeros(512, 256, 3, 3)
    head = {"1.4.weight": torch.zeros(512, 1024), "1.8.weight": torch.zeros(2, 512)}
    torch.save({**body, **head}, root / "fastai.pth")
    for copy, file in (
        ("lanczos", "model.safetensors"), ("parts", "model-00001-of-00002.safetensors"),
        ("empty", ""),
    ):  # fmt: skip
        folder = root / f"{copy}-copy"
        folder.mkdir()
        (folder / "config.json").write_text('{"model_type": "vit"}')
        (folder / "preprocessor_config.json").write_text('{"resample": 1}')
        if file:
            save_file({"vit.layernorm.weight": torch.zeros(192)}, folder / file)
