"""One library meets one fault of training or of its checkpoint and says what comes of it.

    python benchmarks/peer_training.py LIBRARY FAULT FOLDER

A peer's run is 2 epochs of 8 batches with random flips and dropout, saved every 4 steps; cladenet's
is one of 18 steps. Each run is a
fork of this process, which has imported the library already.
"""

import io
import os
import resource
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from peer_libraries import LIBRARIES, Library, Mishap

FAULT_AT = 14


def run(library: Library, folder: Path, **more: Any) -> int:
    """A run in a fork: its exit status, negative for a signal."""
    folder.mkdir(exist_ok=True)
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 1
    try:
        given: Mishap = more.get("mishap", lambda step: None)
        library.train(folder, more.get("resume", False), more.get("lr", 0.01), given)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def send(number: int) -> Mishap:
    return lambda step: os.kill(os.getpid(), number) if step == FAULT_AT else None


def final(folder: Path) -> str:
    file = folder / "final"
    return file.read_text() if file.exists() else "none"


def newest(library: Library, folder: Path) -> int:
    """The step of the newest checkpoint that can be read; 0 if none can."""
    for file in reversed(library.files(folder)):
        try:
            return library.step_of(file)
        except Exception as error:
            print(f"{file.name}: {error}", file=sys.stderr)
    return 0


def killed(library: Library, root: Path) -> str:
    run(library, root / "one")
    run(library, root / "two")
    run(library, root / "killed", mishap=send(signal.SIGKILL))
    status = run(library, root / "killed", resume=True)
    same = final(root / "killed") == final(root / "one") != "none"
    control = "identical" if final(root / "one") == final(root / "two") else "differ"
    verdict = "weights identical to the bit" if same else "**other weights**"
    return f"{verdict}, resumed with exit {status} (two undisturbed runs: {control})"


def terminated(library: Library, root: Path) -> str:
    status = run(library, root / "run", mishap=send(signal.SIGTERM))
    lost = FAULT_AT - newest(library, root / "run")
    return f"exit {status}; {max(lost, 0)} steps lost"


def full(library: Library, root: Path) -> str:
    """No file may grow beyond 4 kB from step 10 on; step 8 was saved, step 12 is to be."""

    def limit(step: int) -> None:
        if step == 10:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    status = run(library, root / "run", mishap=limit)
    kept = newest(library, root / "run")
    left = [path.name for path in (root / "run").rglob("*tmp*")]
    state = f"step {kept} still loads" if kept else "**no checkpoint loads any more**"
    return f"exit {status}; {state}{f'; {left[0]} is left behind' if left else ''}"


def diverged(library: Library, root: Path) -> str:
    status = run(library, root / "run", lr=1e30)
    files = library.files(root / "run")
    bad = [file for file in files if file.exists() and not finite(file)]
    return f"exit {status}; {'**NaN weights saved**' if bad else 'no NaN weights saved'}"


def finite(file: Path) -> bool:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        tensors = load_file(file)
    else:
        tensors = torch.load(file, weights_only=True)["state_dict"]
    return all(bool(value.isfinite().all()) for value in tensors.values())


def flipped(library: Library, root: Path) -> str:
    """One bit in the middle of the largest stored tensor of the newest checkpoint."""
    run(library, root / "run", mishap=send(signal.SIGKILL))
    file = library.files(root / "run")[-1]
    data = bytearray(file.read_bytes())
    at = len(data) // 2
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            largest = max(archive.infolist(), key=lambda entry: entry.file_size)
            content = archive.read(largest)
        at = data.index(content) + len(content) // 2
    data[at] ^= 16
    file.write_bytes(data)
    status = run(library, root / "run", resume=True)
    damaged = any((root / "run").rglob("damaged-*"))
    if damaged:
        return f"noticed, set aside; goes on from the checkpoint before, exit {status}"
    return "**loads silently**" if status == 0 else f"refused, exit {status}"


def hostile(library: Library, root: Path) -> str:
    """`os.system` in the place of a tensor, in the newest checkpoint."""
    run(library, root / "run", mishap=send(signal.SIGKILL))
    canary = root / "canary"

    class Shell:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {canary}",)

    buffer = io.BytesIO()
    torch.save({"state_dict": {"weight": Shell()}, "epoch": 1}, buffer)
    for file in library.files(root / "run"):
        file.write_bytes(buffer.getvalue())
    status = run(library, root / "run", resume=True)
    return f"**executed**, exit {status}" if canary.exists() else f"refused, exit {status}"


TRAINING_FAULTS: dict[str, Callable[[Library, Path], str]] = {
    "kill -9 in mid-epoch, then resumed": killed,
    "SIGTERM in mid-epoch": terminated,
    "no space while saving (file size limit)": full,
    "the loss becomes NaN": diverged,
    "one flipped bit in the newest checkpoint": flipped,
    "os.system in a checkpoint": hostile,
}


def main() -> None:
    name, fault, folder = sys.argv[1:]
    torch.set_num_threads(1)
    from cladenet.vision import torchvision

    torchvision()
    __import__("cladenet.runs.train.train_run" if name == "cladenet" else name)
    print(f"outcome: {TRAINING_FAULTS[fault](LIBRARIES[name], Path(folder))}")


if __name__ == "__main__":
    main()
