"""Files as other people's scripts write them: each row of the table in docs/weights.md."""

import argparse
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

import cladenet
from cladenet.cli import main
from cladenet.errors import CheckpointError
from cladenet.runs.evaluate.scored import match_classes
from cladenet.weights.files.class_names import class_names
from cladenet.weights.files.reading import read_tensors
from cladenet.weights.files.wrappers import readings
from cladenet.weights.importing import import_weights
from cladenet.weights.recognise import recognise
from pictures import array_split
from test_import_weights import tensors_of

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| .+? \| `cladenet import (?P<file>\S+)` \| (?P<printed>.+) \|$")
SMALL = "pytorch_resnet_cifar10/resnet20"


def small() -> dict[str, Tensor]:
    return tensors_of(SMALL, num_classes=5)


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in tensors.items()}


class Settings:
    """A script's own class, which no reader may build."""


def average() -> dict[str, Any]:
    """torch.optim.swa_utils.AveragedModel's, as torchvision's reference script saves it."""
    counted = {"n_averaged": torch.tensor(3), **under("module.", small())}
    return {"model": small(), "epoch": 3, "model_ema": counted}


def renamed(tensors: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {re.sub(rf"^{old}", new, name): value for name, value in tensors.items()}


def vit_of_transformers() -> dict[str, Tensor]:
    """By hand after transformers 4's ViTForImageClassification."""
    found = {}
    for name, value in tensors_of("timm/vit_tiny_patch16_224", num_classes=5).items():
        name = name.replace("cls_token", "vit.embeddings.cls_token")
        name = name.replace("pos_embed", "vit.embeddings.position_embeddings")
        name = name.replace("patch_embed.proj", "vit.embeddings.patch_embeddings.projection")
        name = re.sub(r"^norm\.", "vit.layernorm.", name)
        name = re.sub(r"^head\.", "classifier.", name)
        name = re.sub(r"^blocks\.", "vit.encoder.layer.", name)
        name = name.replace("norm1", "layernorm_before").replace("norm2", "layernorm_after")
        name = name.replace("mlp.fc1", "intermediate.dense").replace("mlp.fc2", "output.dense")
        name = name.replace("attn.proj", "attention.output.dense")
        if "attn.qkv" in name:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                found[name.replace("attn.qkv", f"attention.attention.{part}")] = third.contiguous()
        else:
            found[name] = value
    return found


def of_fastai(head: dict[str, Tensor]) -> dict[str, Any]:
    """By hand after fastai 2.8's create_body of torchvision's mobilenet_v2, and learn.save."""
    body = {
        re.sub(r"^features\.", "0.0.", name): value
        for name, value in tensors_of("torchvision/mobilenet_v2", num_classes=4).items()
        if name.startswith("features.")
    }
    return {"model": {**body, **head}, "opt": {"state": [{}], "hypers": [{"lr": 0.1}]}}


SAVED: dict[str, Callable[[], Any]] = {
    "average.pth": average,
    "empty_average.pth": lambda: {"state_dict": small(), "ema": {}},
    "odd_average.pth": lambda: {"state_dict": small(), "ema": {"decay": torch.tensor(0.99)}},
    "lightning.ckpt": lambda: {
        "state_dict": {**under("model.", small()), "criterion.weight": torch.ones(5)}
    },
    "prefix.pth": lambda: under("network.", small()),
    "numpy.pth": lambda: {"state_dict": small(), "best": np.float64(71.2), "seen": np.arange(3)},
    "arrays.pth": lambda: {name: value.numpy() for name, value in small().items()},
    "float8.pth": lambda: {
        k: v.to(torch.float8_e4m3fn) if v.is_floating_point() else v for k, v in small().items()
    },
    "sequential_head.pth": lambda: renamed(small(), r"linear\.", "linear.1."),
    "plain_head.pth": lambda: renamed(
        tensors_of("torchvision/mnasnet0_5", num_classes=4), r"classifier\.1\.", "classifier."
    ),
    "two_networks.pth": lambda: {"student": small(), "teacher": small()},
    "own_class.pth": lambda: {"state_dict": small(), "settings": Settings()},
    "whole.pth": lambda: nn.Sequential(nn.Conv2d(3, 8, 3)),
    "fastai.pth": lambda: of_fastai(
        {"1.2.weight": torch.ones(4, 1280), "1.2.bias": torch.zeros(4)}
    ),
    "fastai_head.pth": lambda: of_fastai(
        {
            **{f"1.2.{leaf}": torch.ones(2560) for leaf in ("weight", "bias", "running_mean")},
            "1.4.weight": torch.ones(512, 2560),
            "1.8.weight": torch.ones(4, 512),
        }
    ),
    "fastai_densenet.pth": lambda: {
        "0.0.conv0.weight": torch.ones(64, 3, 7, 7),
        "1.2.weight": torch.ones(4, 1024),
    },
    "mmpretrain.pth": lambda: {
        "meta": {"epoch": 3, "dataset_meta": {"classes": ("ant", "bee", "cat", "dog", "elk")}},
        "state_dict": small(),
    },
    "class_to_idx.pth": lambda: {
        "model_state_dict": small(),
        "class_to_idx": {"bee": 1, "ant": 0, "elk": 4, "cat": 2, "dog": 3},
    },
    "two_names.pth": lambda: {"state_dict": small(), "meta": {"CLASSES": ["ant", "bee"]}},
    "namespace.pth": lambda: {"state_dict": small(), "args": argparse.Namespace(lr=0.1)},
}


def write(file: Path) -> None:
    if file.name in SAVED:
        torch.save(SAVED[file.name](), file)
    elif file.name == "script.pt":
        torch.jit.save(torch.jit.trace(nn.Conv2d(3, 8, 3), torch.zeros(1, 3, 8, 8)), file)
    elif file.name == "transformers_vit.safetensors":
        save_file(vit_of_transformers(), file)
    elif file.name == "pointer.safetensors":
        file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    elif file.name == "export.pkl":
        learner = type("Learner", (), {"__module__": "fastai.learner"})
        modules = {"fastai": ModuleType("fastai"), "fastai.learner": ModuleType("fastai.learner")}
        modules["fastai.learner"].Learner = learner  # type: ignore[attr-defined]
        with pytest.MonkeyPatch.context() as patch:
            for name, module in modules.items():
                patch.setitem(sys.modules, name, module)
            torch.save(learner(), file)
    elif file.name == "page.pth":
        file.write_text("<!DOCTYPE html><html></html>")
    else:
        raise AssertionError(file.name)


def rows() -> dict[str, str]:
    lines = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8").splitlines()
    return {found["file"]: found["printed"] for line in lines if (found := ROW.match(line))}


@pytest.mark.parametrize("name", rows())
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_row_of_the_page_prints_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it but the notes on classes and images, which most have alike."""
    monkeypatch.chdir(tmp_path)
    write(Path(name))
    status = main(["import", name, "--out", "new"])
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    lines_of_page = [
        line for line in lines if "classes are numbers" not in line and "images are" not in line
    ]
    assert "<br>".join(lines_of_page) == rows()[name]
    assert status == (CheckpointError.exit_status if printed.err else 0)


def test_the_page_has_all_of_them() -> None:
    assert {*SAVED} <= {*rows()}


@pytest.mark.parametrize("name", ["mmpretrain.pth", "class_to_idx.pth"])
def test_the_names_of_classes_are_in_the_order_of_the_logits(name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    made = import_weights(tmp_path / name, "", tmp_path / "out")
    assert cladenet.load(made.folder).card.classes == ("ant", "bee", "cat", "dog", "elk")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"meta": {"CLASSES": ("a", "b")}}, ["a", "b"]),
        ({"hyper_parameters": {"class_names": ["a", "b"]}}, ["a", "b"]),
        ({"idx_to_class": {0: "a", 1: "b"}}, ["a", "b"]),
        ({"class_to_idx": {"a": 1, "b": 2}}, []),  # counted from 1: whose is logit 0?
        ({"classes": 7, "meta": None}, []),
        ([1], []),
    ],
)
def test_names_of_classes_are_taken_where_each_logit_has_one(
    content: Any, names: list[str]
) -> None:
    assert class_names(content) == names


def test_an_average_is_taken_where_it_is_one(tmp_path: Path) -> None:
    content = average()
    content["model_ema"]["module.linear.bias"] = torch.full((5,), 7.0)
    torch.save(content, tmp_path / "a.pth")
    assert read_tensors(tmp_path / "a.pth").tensors["linear.bias"][0] == 7


def test_an_average_of_parameters_alone_gives_way_to_the_whole_weights(tmp_path: Path) -> None:
    """timm's and torch_ema's older files: without running statistics it predicts nothing."""
    some = {name: value for name, value in small().items() if "running" not in name}
    torch.save({"state_dict": small(), "ema": OrderedDict(some)}, tmp_path / "a.pth")
    content = read_tensors(tmp_path / "a.pth")
    assert content.notes[0] == "ema holds no complete average of the weights and is left out"
    assert len(content.tensors) == len(small())


def test_a_resnet_of_fastai_comes_back_to_the_bit(tmp_path: Path) -> None:
    """Its body is a Sequential of conv1, bn1, ReLU, pool, layer1 to layer4."""
    places = dict(conv1=0, bn1=1, layer1=4, layer2=5, layer3=6, layer4=7)
    tensors = tensors_of("torchvision/resnet18", num_classes=4)
    saved = {}
    for name, value in tensors.items():
        first, _, inner = name.partition(".")
        saved[f"1.2.{inner}" if first == "fc" else f"0.{places[first]}.{inner}"] = value
    torch.save(saved, tmp_path / "a.pth")
    found = recognise(read_tensors(tmp_path / "a.pth").tensors, "file")
    expected = recognise(tensors, "file").model.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in found.model.state_dict().items())


def test_layers_outside_the_prefix_are_no_lone_keys() -> None:
    """What follows a network's logits changes the answers: it is not left out."""
    tensors = {**under("model.", small()), "after.weight": torch.ones(5, 5)}
    assert [list(found) for found, _ in readings(tensors)] == [list(tensors)]
    del tensors["after.weight"]
    assert [len(found) for found, _ in readings(tensors)] == [len(tensors)] * 2


def test_settings_of_public_training_code_do_not_stop_anybody(tmp_path: Path) -> None:
    """Classes that are not installed here: the file is written with a module of that name."""
    module = ModuleType("omegaconf.dictconfig")
    kind = type("DictConfig", (dict,), {"__module__": "omegaconf.dictconfig"})
    module.DictConfig = kind  # type: ignore[attr-defined]
    sys.modules["omegaconf.dictconfig"] = module
    sys.modules.setdefault("omegaconf", ModuleType("omegaconf"))
    try:
        torch.save({"state_dict": small(), "cfg": kind(lr=0.1)}, tmp_path / "a.pth")
    finally:
        del sys.modules["omegaconf.dictconfig"], sys.modules["omegaconf"]
    assert len(read_tensors(tmp_path / "a.pth").tensors) == len(small())


def test_transformers_vit_has_its_epsilon_and_images(tmp_path: Path) -> None:
    """1e-12 and, for its processor, the whole image as 224x224 of mean and std a half."""
    save_file(vit_of_transformers(), tmp_path / "model.safetensors")
    made = import_weights(tmp_path / "model.safetensors", "", tmp_path / "out")
    model, card, _ = cladenet.load(made.folder)
    assert card.arguments["norm_eps"] == 1e-12
    assert (card.preprocess.fit, card.preprocess.mean) == ("stretch", (0.5, 0.5, 0.5))
    timms = tensors_of("timm/vit_tiny_patch16_224", num_classes=5)
    expected = recognise(timms, "file").model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_numbered_classes_are_those_of_the_data_by_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In evaluation and in fine-tuning, with a note that says how they get names."""
    split = array_split(6, 8, 8)
    matched, notes = match_classes(split, ("ant", "bee", "cat"), ("0", "1", "2"))
    assert matched.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert "classes are numbers, taken to be those of the data" in notes[0]
    assert "cladenet import FILE --classes NAMES" in notes[0]
    with pytest.raises(CheckpointError, match="the network has 4 classes, the data have 3"):
        match_classes(split, ("ant", "bee", "cat"), ("0", "1", "2", "3"))
    save_file(tensors_of(SMALL, num_classes=2), tmp_path / "two.safetensors")
    for label, colour in (("ant", 40), ("bee", 200)):
        for part in ("train", "val"):
            (tmp_path / "data" / part / label).mkdir(parents=True)
            for number in range(4):
                pixels = np.full((32, 32, 3), colour + 5 * number + (part == "val"), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / part / label / f"{number}.png")
    made = import_weights(tmp_path / "two.safetensors", "", tmp_path / "two")
    words = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"), "steps=1"]
    assert main(["train", "--weights", str(made.folder), *words, "device=cpu", "threads=1"]) == 0
    printed = capsys.readouterr().err
    assert "the weights' 2 classes are numbers, taken to be those of the data" in printed
    assert "are newly initialised" not in printed
