"""Machines that allow little: a home that cannot be written, no shared memory, a small /tmp.

Everything happens in one process in a mount namespace of its own, which needs root.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image

from pictures import smooth

# /dev without shm; $HOME and $TMPDIR on file systems of their own, read-only and of 64 MB.
MOUNTS = """
set -e
mount --make-rprivate /
mount -t tmpfs -o ro tmpfs "$HOME"
mount -t tmpfs -o size=64m tmpfs "$TMPDIR"
mount -t tmpfs -o mode=755 tmpfs "$NEW_DEV"
for node in null zero random urandom; do
  touch "$NEW_DEV/$node"
  mount --bind "/dev/$node" "$NEW_DEV/$node"
done
mount --move "$NEW_DEV" /dev
exec "$@"
"""

PROGRAM = """
import json, sys, torch, cladenet
from cladenet.errors import CladeNetError

def outcome(call):
    try:
        return call()
    except CladeNetError as error:
        return f"{error.exit_status} {type(error).__name__}: {error}"

options = dict(size=32, steps=2, batch_size=8, precision="fp32", policy="trivialaugment")
train = lambda out, network="resnet20_cifar", **more: cladenet.train(
    network, "photos", out=out, quiet=True, val=0, test=0, options=options, **more
)
torch.save(cladenet.create_model("lenet5_relu").state_dict(), "weights.pth")
torch.save({"weight": torch.zeros(20_000_000)}, "large.pth")
found = {
    "train": outcome(lambda: train("runs/a", workers=2).folder.name),
    "same": outcome(lambda: train("runs/b", workers=0).folder.name),
    "evaluate": outcome(lambda: cladenet.evaluate("runs/a", split="train").evaluation.n),
    "predict": outcome(lambda: len(cladenet.predict("runs/a", ["photos"]))),
    "weights": outcome(lambda: train("runs/c", "lenet5_relu", weights="weights.pth")),
    "large": outcome(lambda: cladenet.import_weights("large.pth")),
}
ours, theirs = (cladenet.load(f"runs/{run}").model.state_dict() for run in ("a", "b"))
found["equal"] = all(torch.equal(value, theirs[name]) for name, value in ours.items())
json.dump(found, open("found.json", "w"))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("locked")
    places = {name: folder / name for name in ("HOME", "TMPDIR", "NEW_DEV")}
    for place in places.values():
        place.mkdir()
    for number in range(12):
        target = folder / "photos" / ("ab"[number % 2]) / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(smooth(40 + number, 50, seed=number)).save(target)
    unshare = ["unshare", "--mount", "bash", "-c", MOUNTS, "bash"]
    environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
    for name in ("CLADENET_CACHE", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    how = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    try:
        possible = subprocess.run([*unshare, "true"], check=False, **how)  # type: ignore[call-overload]
    except FileNotFoundError:
        pytest.skip("no unshare on this machine")
    if possible.returncode:
        pytest.skip(f"mounting needs root: {possible.stderr.strip()}")
    done = subprocess.run([*unshare, sys.executable, "-c", PROGRAM], check=False, **how)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    outcomes: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return outcomes


def test_training_evaluating_and_predicting_need_none_of_it(found: dict[str, Any]) -> None:
    """Worker processes are replaced, to the same weights; images are decoded each time."""
    assert (found["train"], found["same"]) == ("a", "b")
    assert found["equal"]
    assert (found["evaluate"], found["predict"]) == (12, 12)


def test_weights_that_cannot_be_kept_are_refused_with_the_way_out(found: dict[str, Any]) -> None:
    assert found["weights"].startswith("6 StorageError: ")
    assert "/HOME/.cache/cladenet/weights/" in found["weights"]
    assert (
        "Read-only file system. Imported weights are kept there: set CLADENET_CACHE"
        in (found["weights"])
    )


def test_a_file_too_large_to_unpack_is_not_called_damaged(found: dict[str, Any]) -> None:
    """80 MB of zeros, and a temporary folder of 64."""
    assert found["large"].startswith("6 OutOfSpace: large.pth takes 80.0 MB when it is unpacked")
    assert "set TMPDIR to another folder" in found["large"]
