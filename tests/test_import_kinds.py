"""Files of weights of every kind: each is taken, or refused by what it is, in a few lines."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from cladenet import create_model
from cladenet.cli import main
from test_import_weights import tensors_of

NAME = "resnet20_cifar"
OWN = create_model(NAME).state_dict()
FIRST = next(iter(OWN))


def under(prefix: str) -> dict[str, Any]:
    """Our tensors with a prefix to each name."""
    return {prefix + name: value for name, value in OWN.items()}


def of_mmpretrain() -> dict[str, Any]:
    tensors = tensors_of("torchvision/resnet18")
    names = {name: "head." if name.startswith("fc.") else "backbone." for name in tensors}
    return {"state_dict": {names[name] + name: tensors[name] for name in tensors}, "meta": {}}


OPTIMIZER = {"state": {0: {"momentum": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
HALF = {k: v.half() if v.is_floating_point() else v for k, v in OWN.items()}
NO_BUFFERS = {k: v for k, v in OWN.items() if "running" not in k and "num_batches" not in k}
KINDS: dict[str, tuple[Any, str, int, str]] = {
    "architecture": (OWN, "resnet32_cifar", 4, "looks like resnet32_cifar, but 60 are missing"),
    "classes": (create_model(NAME, num_classes=7).state_dict(), NAME, 0, "7 classes"),
    "two twins": (OWN, "", 4, "fits plain20_cifar and resnet20_cifar, .*choose with --as"),
    "lightning": ({"state_dict": under("model."), "epoch": 3}, NAME, 0, "10 classes"),
    "mmpretrain": (of_mmpretrain(), "", 0, "in the names of mmpretrain/resnet18"),
    "distributed": (under("module."), NAME, 0, "10 classes"),
    "compiled": (under("_orig_mod."), NAME, 0, "10 classes"),
    "half": (HALF, NAME, 0, "of 16 bits were widened to 32"),
    "empty": ({}, NAME, 4, "without tensors by name; expected a state_dict"),
    "optimizer": (OPTIMIZER, NAME, 4, "without tensors by name; expected a state_dict"),
    "nan": ({**OWN, FIRST: OWN[FIRST] * torch.nan}, NAME, 4, "these weights are ruined"),
    "extra": ({**OWN, "extra.w": torch.zeros(3)}, NAME, 4, "1 are left over, such as extra.w"),
    "no buffers": (NO_BUFFERS, NAME, 4, r"38 are missing, such as stem\.1\.0\.running_mean"),
    "torchvision": (tensors_of("torchvision/resnet18"), "", 0, "names of torchvision/resnet18"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_taken_or_refused_in_a_few_lines(
    kind: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    content, asked, status, message = KINDS[kind]
    file = tmp_path / "weights.pth"
    torch.save(content, file)
    words = ["import", str(file), "--out", str(tmp_path / "out")]
    assert main([*words, *(["--as", asked] if asked else [])]) == status
    printed = "".join(capfd.readouterr())
    assert len(printed.splitlines()) <= 5
    assert len(printed) < 800, "no dump of names"
    assert re.search(message, printed), printed
