"""Checkpoints made to harm: each is refused, nothing in them runs, and none takes the memory."""

import hashlib
import json
import random
import resource
import struct
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from checkpoint_tools import forge, save
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints import load
from cladenet.checkpoints.atomic import read_facts, to_json
from cladenet.cli import main
from cladenet.errors import CheckpointError
from forking import start
from trials import check_refusal, ended


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("saved") / "step-000000003")


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A file from its specification: 8 bytes of length, a JSON header, the data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(start: int, stop: int, *shape: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


HEADERS: dict[str, bytes] = {
    "empty": b"",
    "seven bytes": bytes(7),
    "no header": safetensors(b""),
    "header beyond the end": safetensors(b"{}", length=1000),
    "header of 2**63": safetensors(b"{}", length=2**63),
    "header of 200 MB": safetensors(b"{" + b" " * 1000, length=200_000_000),
    "no JSON": safetensors(b"\x80\x04K\x01."),
    "no UTF-8": safetensors(b'{"\xff\xfe": 1}'),
    "a list": safetensors([1, 2]),
    "deep": safetensors(b"[" * 100_000),
    "overlap": safetensors({"a": entry(0, 8, 2), "b": entry(4, 12, 2)}, bytes(12)),
    "hole": safetensors({"a": entry(0, 8, 2), "b": entry(12, 20, 2)}, bytes(20)),
    "same place": safetensors({"a": entry(0, 8, 2), "b": entry(0, 8, 2)}, bytes(8)),
    "unknown type": safetensors({"a": entry(0, 8, 2, dtype="OBJECT")}, bytes(8)),
    "shape too large": safetensors({"a": entry(0, 8, 2**40)}, bytes(8)),
    "shape that overflows": safetensors({"a": entry(0, 8, 2**62, 2**62)}, bytes(8)),
    "negative shape": safetensors({"a": entry(0, 8, -2)}, bytes(8)),
    "offsets backwards": safetensors({"a": entry(8, 0, 2)}, bytes(8)),
    "offsets beyond": safetensors({"a": entry(0, 2**60, 2**58)}, bytes(8)),
    "data left over": safetensors({"a": entry(0, 8, 2)}, bytes(100)),
    "no offsets": safetensors({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "metadata of numbers": safetensors({"__metadata__": {"a": 1}}),
    "no tensor at all": safetensors({}),
    "small floats": safetensors({"a": entry(0, 2, 2, dtype="F8_E4M3")}, bytes(2)),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_hostile_header_is_refused(name: str, saved: Path, tmp_path: Path) -> None:
    folder = forge(saved, tmp_path / "forged", weights=HEADERS[name])
    with pytest.raises(CheckpointError, match=r"is not a safetensors file|do not fit"):
        load(folder)


def mutant(whole: bytes, draw: random.Random) -> bytes:
    """A file whose header differs in a few bytes."""
    data = bytearray(whole)
    end = 8 + int.from_bytes(whole[:8], "little")
    for _ in range(draw.choice((1, 1, 2, 5))):
        byte = draw.choice((*b'\0",0{\xff', draw.getrandbits(8)))
        data[draw.randrange(end)] = byte
    return bytes(data)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_mutated_header_gives_tensors_or_our_error(count: int, saved: Path) -> None:
    whole = (saved / "state.safetensors").read_bytes()
    draw, refused = random.Random(count), 0
    for _ in range(count):
        try:
            found = folders.deserialise(mutant(whole, draw), saved)
        except CheckpointError:
            refused += 1
        else:
            assert sum(tensor.nbytes for tensor in found.values()) <= len(whole)
    assert count / 2 < refused < count


CARDS: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "no JSON": (b"\x80\x04", "card.json is not JSON"),
    "deep": (b"[" * 100_000, "card.json is not JSON"),
    "a list": (b"[1]", "the metadata have the fields list"),
    "an unknown field": ({"code": "import os"}, "have the fields .*'code'"),
    "unknown network": ({"network": "resnet"}, "no model is called 'resnet'; nearest"),
    "network is a list": ({"network": ["a"]}, "network cannot be"),
    "huge network": ({"arguments": {"num_classes": 10**12}}, "have another shape"),
    "odd argument": ({"arguments": {"num_classes": "many"}}, "cannot be built as plain20_cifar"),
    "unknown argument": ({"arguments": {"os": "rm"}}, "takes no os"),
    "features": ({"arguments": {"features_only": True}}, "describes no classifier"),
    "fewer classes": ({"classes": ["ant"]}, "name 1 class, their self-test has 3"),
    "classes are numbers": ({"classes": [1, 2, 3]}, "classes cannot be"),
    "other logits": ({"self_test": [0.0, 0.0, 0.0]}, "its logits differ by"),
    "logits are NaN": ({"self_test": [float("nan")] * 3}, "its logits differ by nan"),
    "no logits": ({"self_test": []}, "had no finite answers yet when it was saved"),
    "logits are texts": ({"self_test": ["a", "b", "c"]}, "self_test cannot be"),
    "step is a text": ({"step": "3"}, "step cannot be '3'"),
    "preprocess is empty": ({"preprocess": {}}, "preprocessing lacks"),
}


@pytest.mark.parametrize("name", CARDS)
def test_metadata_without_sense_are_refused(name: str, saved: Path, tmp_path: Path) -> None:
    change, message = CARDS[name]
    folder = forge(saved, tmp_path / "forged", card=change)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 10**9, "width": 10**9}, "no network looks at such large ones"),
        ({"height": 0}, "at least 1x1"),
        ({"channels": 3, "mean": [0.5] * 3, "std": [0.5] * 3}, "input has 3 channels"),
        ({"std": [0.0]}, "std above 0"),
        ({"mean": ["a"]}, "cannot be read"),
        ({"fit": "none of these"}, "fit is 'none of these'"),
        ({"resize": 7.5}, "expected whole numbers"),
    ],
)
def test_a_preprocessing_without_sense_is_refused(
    change: dict[str, Any], message: str, saved: Path, tmp_path: Path
) -> None:
    preprocess = folders.read(saved).card.preprocess.to_json()
    folder = forge(saved, tmp_path / "forged", card={"preprocess": {**preprocess, **change}})
    with pytest.raises(CheckpointError, match=message):
        load(folder)


@pytest.mark.parametrize("name", ["../card.json", "/etc/passwd", "a/b"])
def test_a_manifest_does_not_reach_out_of_its_folder(
    name: str, saved: Path, tmp_path: Path
) -> None:
    folder = forge(saved, tmp_path / "forged")
    facts = read_facts(folder)
    facts["files"][name] = {"bytes": 1, "sha256": "00"}
    own_sum = hashlib.sha256(to_json(facts)).hexdigest()
    (folder / "manifest.json").write_bytes(to_json({**facts, "sha256": own_sum}))
    with pytest.raises(CheckpointError, match="does not list its step and its files"):
        load(folder)


@pytest.mark.parametrize("attack", ["huge network", "header of 200 MB", "shape too large"])
def test_no_attack_takes_more_memory_than_the_file_and_50_megabytes(
    attack: str, saved: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "forged"
    if attack in CARDS:
        forge(saved, folder, card=CARDS[attack][0])
    else:
        forge(saved, folder, weights=HEADERS[attack])
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    size = sum(path.stat().st_size for path in folder.iterdir())

    def limited() -> int:
        largest = psutil.Process().memory_info().vms + size + 50_000_000
        resource.setrlimit(resource.RLIMIT_AS, (largest, largest))
        return main(["predict", str(folder), str(tmp_path / "a.png")])

    check_refusal(ended(start(limited, tmp_path / "output"), tmp_path / "output"), 4)
