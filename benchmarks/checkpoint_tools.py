"""A saved network to damage, and checkpoints that lie with the right sums."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_bytes
from torch import Tensor

from cladenet.checkpoints import Card
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.atomic import read_facts, write_folder
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.data.preprocess import Preprocess
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model

CLASSES = ("ant", "bee", "wasp")


def network(name: str = "plain20_cifar", seed: int = 5) -> Classifier:
    """A small network with batch norms; the same weights at every call."""
    torch.manual_seed(seed)
    return create_model(name, num_classes=len(CLASSES), in_channels=1).eval()


def save(folder: Path, name: str = "plain20_cifar", side: int = 8) -> Path:
    """A checkpoint folder of `network(name)` after step 3; `folder` itself comes back."""
    model = network(name)
    preprocess = Preprocess(side, side, 1, "stretch", mean=(0.4,), std=(0.3,))
    card = Card(
        network=name,
        arguments={"num_classes": len(CLASSES), "in_channels": 1},
        classes=CLASSES,
        preprocess=preprocess,
        data={"spec": "digits", "name": "digits", "fingerprint": "00"},
        step=3,
        self_test=fixed_logits(model, preprocess),
    )
    state = {"optimizer/momentum": torch.arange(7.0)}
    folders.save(folder, model.state_dict(), card, state, {"progress": {"step": 3}})
    return folder


def forge(
    source: Path,
    target: Path,
    *,
    weights: Mapping[str, Tensor] | bytes | None = None,
    card: Mapping[str, Any] | bytes | None = None,
    **facts: Any,
) -> Path:
    """A copy of a checkpoint in which parts are others, and all sums right; `target` comes back."""
    written = read_facts(source)
    files = {name: (source / name).read_bytes() for name in written.pop("files")}
    if weights is not None:
        files[folders.WEIGHTS] = (
            weights if isinstance(weights, bytes) else folders.serialise(weights)
        )
    if card is not None:
        old = json.loads(files[folders.CARD])
        files[folders.CARD] = (
            card if isinstance(card, bytes) else json.dumps({**old, **card}).encode()
        )
    write_folder(target, files, {**written, **facts})
    return target


def weights_of(checkpoint: Path) -> dict[str, Tensor]:
    """The tensors that predict."""
    return load_bytes((checkpoint / folders.WEIGHTS).read_bytes())
