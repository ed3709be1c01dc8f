"""Forty files that run a command where they are unpickled, offered to every way into the program.

Eight ways to run something, each packed in five ways. In the child that meets them an audit hook
hears of every process, shell, socket and file that is opened.
"""

import cProfile
import io
import os
import pickle
import subprocess
import sys
import tarfile
import timeit
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from checkpoint_tools import forge
from cladenet.cli import main
from cladenet.runs.decide import decide
from cladenet.runs.folder import RunFolder
from forking import start, wait

REFUSED = 4
PACKINGS = ("pickle.pkl", "zip.pth", "legacy.pt", "objects.npz", "older.tar")
SPAWNING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "socket.connect", "socket.bind")
UNPACK = "cladenet.weights.unpack"  # reads files of torch.save in a process of its own


class Call:
    """Its pickle calls a function where it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def payloads(canary: Path) -> dict[str, Any]:
    """What writes the file `canary` if it is unpickled, each by another function."""
    shell, code = f"touch {canary}", f"open({str(canary)!r}, 'w')"
    return {
        "system": Call(os.system, shell),
        "eval": Call(eval, code),
        "exec": Call(exec, code),
        "Popen": Call(subprocess.check_call, ["touch", str(canary)]),
        "open": Call(io.open, str(canary), "w"),
        "timeit": Call(timeit.timeit, "pass", code),
        "profile": Call(cProfile.run, code),
        "nested": OrderedDict(a=[{"b": (1, {"c": Call(os.system, shell)})}]),
    }


def packed(payload: Any, packing: str) -> bytes:
    """The bytes of a file as such files lie about the web."""
    buffer = io.BytesIO()
    weights = {"conv1.weight": torch.zeros(2), "fc.bias": payload}
    if packing == "pickle.pkl":
        pickle.dump(payload, buffer)
    elif packing in ("zip.pth", "legacy.pt"):
        new = packing == "zip.pth"
        torch.save({"state_dict": weights}, buffer, _use_new_zipfile_serialization=new)
    elif packing == "objects.npz":
        box = np.empty(1, dtype=object)
        box[0] = payload
        np.savez(buffer, weight=box)
    else:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name in ("storages", "tensors", "pickle"):
                content = pickle.dumps(payload)
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sings(payload: str, canary: Path) -> bool:
    """Does it write the canary if it is let, in a child?"""
    content = pickle.dumps(payloads(canary)[payload])
    wait(start(lambda: bool(pickle.loads(content)) and 0))  # noqa: S301
    found = canary.exists()
    canary.unlink(missing_ok=True)
    return found


def words_for(folder: Path, content: bytes, packing: str, saved: Path) -> dict[str, list[str]]:
    """The commands that meet the file: as it is, as the weights of a checkpoint with the right
    sums, as the settings of a run."""
    file, picture, run = folder / packing, folder / "a.png", folder / "run"
    file.write_bytes(content)
    Image.new("L", (8, 8)).save(picture)
    for name in ("best", "step-000000003"):
        forge(saved, run / "checkpoints" / name, weights=content)
    RunFolder(run).start(decide("plain20_cifar", "digits", "default", "", {}))
    settings = folder / "settings"
    (settings / "checkpoints").mkdir(parents=True)
    (settings / "config.yaml").write_bytes(content)
    new = ["train", "plain20_cifar", "--data", "digits", "--out", str(folder / "new")]
    found: dict[str, list[str]] = {}
    for what, given in (("file", file), ("checkpoint", run), ("settings", settings)):
        found |= {
            f"predict {what}": ["predict", str(given), str(picture)],
            f"evaluate {what}": ["evaluate", str(given)],
            f"resume {what}": ["train", "--resume", str(given)],
            f"weights {what}": [*new, "--weights", str(given)],
            f"export {what}": ["export", str(given), "--format", "timm"],
        }
    return found | {"import file": ["import", str(file), "--out", str(folder / "imported")]}


def check_hostile(payload: str, packing: str, folder: Path, saved: Path) -> None:
    """Every command refuses it with status 4, runs nothing and leaves no canary."""
    canary, heard = folder / "canary", folder / "heard"
    assert sings(payload, canary), f"{payload} is not hostile"
    content = packed(payloads(canary)[payload], packing)
    commands = words_for(folder, content, packing, saved)

    def action() -> int:
        sys.addaudithook(lambda event, args: listen(event, args, canary, heard))
        statuses = {name: main(words) for name, words in commands.items()}
        print({name: status for name, status in statuses.items() if status != REFUSED})
        return 0 if set(statuses.values()) == {REFUSED} else 1

    status = wait(start(action, folder / "output"), 120)
    text = (folder / "output").read_text(errors="replace")
    assert not canary.exists(), f"{payload} in {packing} has run"
    assert not heard.exists(), f"{payload} in {packing}: {heard.read_text()}"
    assert status == 0, f"{payload} in {packing}: {text[-2000:]}"
    assert "Traceback" not in text


def listen(event: str, arguments: tuple[Any, ...], canary: Path, heard: Path) -> None:
    """Note down what only a pickle would do."""
    spawns = event in SPAWNING
    if event == "subprocess.Popen":
        spawns = UNPACK not in (arguments[1] or ())
    if spawns or (event == "open" and str(arguments[0]) == str(canary)):
        with heard.open("a") as file:
            print(event, arguments[:2], file=file)
