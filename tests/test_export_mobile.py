"""LiteRT's and Core ML's files: images of the network's size, faults refused, packages missing.

What converts is tried where `pip install 'cladenet[litert]'` or `[coreml]` was done.
"""

import importlib.util
import runpy
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cladenet
from cladenet.cli import main
from cladenet.data.preprocess import Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, CheckpointError, MissingExtra
from cladenet.export import request as requests
from cladenet.export.canvas import drawn_image
from cladenet.export.description import Description
from cladenet.export.export_run import export_run
from cladenet.export.formats import pixels_module
from cladenet.export.formats.coreml_file import to_convert
from cladenet.export.formats.order import Order
from cladenet.export.formats.pixels_module import Normalising
from cladenet.export.formats.tracing import traced
from cladenet.export.names import is_exported
from cladenet.export.normalise import weights_and_biases
from cladenet.export.request import FORMATS, Request
from cladenet.export.runtime import FilePredictor, open_exported
from cladenet.export.sessions.session import CannotRunHere
from cladenet.export.verify.checks import Disagreement
from cladenet.export.verify_file import verify
from cladenet.models.cells import Subsample
from cladenet.registry import create_model
from exported_files import save_photo_run
from saved_run import noise, save_run

MOBILE = [
    pytest.param("litert", marks=pytest.mark.slow),
    pytest.param("coreml", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def photo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photo_run(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def litert_file(photo_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("litert_torch")
    out = tmp_path_factory.mktemp("litert") / "network.tflite"
    return export_run(photo_run, Request("litert", str(out))).path


@pytest.mark.parametrize("form", ["litert", "coreml"])
def test_a_package_that_is_missing_is_named(
    form: str, photo_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "find_spec", lambda name: None)
    out = tmp_path / f"file{FORMATS[form].suffix}"
    with pytest.raises(MissingExtra, match=rf"pip install 'cladenet\[{form}\]'"):
        export_run(photo_run, Request(form, str(out)))
    assert not out.exists()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Request("litert", input="pixels"), "litert has prepared and tensor"),
        (Request("onnx", input="prepared"), "onnx has pixels and tensor"),
        (Request("litert", precision="int8"), "litert has fp32"),
        (Request("coreml", input="tensor", any_size=True), "images of one size"),
    ],
)
def test_what_a_format_does_not_have_is_refused(
    wanted: Request, message: str, photo_run: Path
) -> None:
    with pytest.raises(BadArgument, match=message):
        export_run(photo_run, wanted)


def test_a_tflite_file_of_others_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "a.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    with pytest.raises(CheckpointError, match=r"not written by|cut off"):
        open_exported(tmp_path / "a.tflite")


def test_a_runtime_that_is_missing_is_named(tmp_path: Path) -> None:
    if importlib.util.find_spec("ai_edge_litert") is not None:
        pytest.skip("LiteRT is installed")
    (tmp_path / "a.tflite").write_bytes(b"\x1c\0\0\0TFL3")
    with pytest.raises(MissingExtra, match=r"pip install 'cladenet\[litert\]'"):
        open_exported(tmp_path / "a.tflite")


def test_a_package_is_a_folder_with_a_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "a.mlpackage"
    assert is_exported(folder)  # which says that it is not there
    folder.mkdir()
    assert not is_exported(folder)
    (folder / "Manifest.json").write_text("{}")
    assert is_exported(folder)
    with pytest.raises(CannotRunHere, match="macOS and iOS alone"):
        open_exported(folder)


@pytest.mark.slow
def test_litert_predicts_what_the_run_predicts(photo_run: Path, litert_file: Path) -> None:
    images = [drawn_image(40 + n, 90 - 3 * n, 3) for n in range(11)]
    of_run = cladenet.predict(photo_run, images)
    of_file = list(FilePredictor(open_exported(litert_file))(images))
    for run_says, file_says in zip(of_run, of_file, strict=True):
        assert file_says.best.name == run_says.best.name
        assert file_says.best.probability == pytest.approx(run_says.best.probability, abs=1e-5)
    with zipfile.ZipFile(litert_file) as archive:
        assert archive.read("labels.txt").decode().split() == ["ant", "bee"]
        assert Description.from_text(archive.read("cladenet.json").decode()).input == "prepared"
    assert verify(litert_file, photo_run)[0].found is not None
    with pytest.raises(BadArgument, match="the file takes uint8 of anyx32x32x3"):
        open_exported(litert_file).session.run(noise(1, 1, 40, 40, 3))


@pytest.mark.slow
def test_the_printed_example_names_the_classes_without_cladenet(
    photo_run: Path,
    litert_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", "--example", "--format", "litert"]) == 0
    (tmp_path / "example.py").write_text(capsys.readouterr().out)
    image = photo_run.parent / "data" / "ant" / "a.png"
    monkeypatch.setattr(sys, "argv", ["example.py", str(litert_file), str(image)])
    runpy.run_path(str(tmp_path / "example.py"))
    best = cladenet.predict(photo_run, image)[0].best
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith(f"{100 * best.probability:6.2f} %  {best.name}")


@pytest.mark.slow
def test_litert_takes_tensors(photo_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch")
    request = Request("litert", str(tmp_path / "bare.tflite"), input="tensor")
    model = open_exported(export_run(photo_run, request).path)
    images = [drawn_image(50, 60, 3)]
    of_run = cladenet.predict(photo_run, images)
    assert next(iter(FilePredictor(model)(images))).best.probability == pytest.approx(
        of_run[0].best.probability, abs=1e-5
    )


@pytest.mark.slow
def test_core_ml_is_tried_before_it_is_converted(
    photo_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coremltools = pytest.importorskip("coremltools")
    out = tmp_path / "network.mlpackage"
    assert main(["export", str(photo_run), "--format", "coreml", "--out", str(out)]) == 0
    assert "tried in torch before it was converted" in capsys.readouterr().out
    model = coremltools.models.MLModel(str(out), skip_model_load=True)
    described = Description.from_text(model.user_defined_metadata["cladenet"])
    assert described.classes == ("ant", "bee")
    image = model.get_spec().description.input[0]
    assert (image.name, image.type.imageType.width, image.type.imageType.height) == (
        "image",
        32,
        32,
    )
    assert main(["verify", str(out)]) == 4
    assert "macOS" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # coremltools
@pytest.mark.parametrize(
    ("form", "network"),
    # index_copy and channel_shuffle, which coremltools does not have; adaptive_max_pool2d and whole
    # numbers without a sign, which litert_torch has not
    [
        ("coreml", "lenet5"),
        ("coreml", "igcv1_l24m2_d20_cifar"),
        ("litert", "airbench94_slim"),
        ("litert", "condensenet_50_cifar"),
    ],
)
def test_what_a_converter_does_not_have_is_written_otherwise(
    form: str, network: str, photo_run: Path, tmp_path: Path
) -> None:
    pytest.importorskip(FORMATS[form].package.replace("-", "_"))
    dataset = open_dataset(str(photo_run.parent / "data"))
    run = save_run(tmp_path / "run", dataset, fit="crop", network=network)
    found = export_run(run, Request(form))
    assert found.path.exists()
    first = found.tried[0].found or found.tried[0].converted
    assert first is not None
    assert first.differing == ()


@pytest.mark.parametrize(
    ("network", "function"),
    [("highway_fc10_mnist", "lerp"), ("shufflenet_v1_x0_25_g8", "channel_shuffle")],
)
def test_functions_that_coremltools_does_not_have_are_written_by_others(
    network: str, function: str
) -> None:
    model = create_model(network, num_classes=2).eval()
    side = model.input_size or 32
    channels = model.in_channels
    preprocess = Preprocess(side, side, channels, "none", (0.5,) * channels, (0.25,) * channels)
    description = Description(
        network, {}, ("a", "b"), preprocess, "tensor", "fp32", False, 0, {}, {}, "", {}
    )
    order = Order(model, description)
    assert function in str(traced(model, order.example).inlined_graph)
    script = to_convert(order)
    assert function not in str(script.inlined_graph)
    with torch.inference_mode():
        torch.testing.assert_close(script(order.example), model(order.example))


def test_fewer_pixels_than_none_at_an_edge_are_a_slice_for_coremltools() -> None:
    """As in the cells of NASNet: a map is moved by one pixel."""
    module = nn.Sequential(Subsample(1), nn.Flatten(), nn.Linear(3 * 4 * 4, 2)).eval()
    preprocess = Preprocess(8, 8, 3, "none", (0.5,) * 3, (0.25,) * 3)
    description = Description(
        "moved", {}, ("a", "b"), preprocess, "tensor", "fp32", False, 0, {}, {}, "", {}
    )
    order = Order(module, description)
    assert "value=-1]" in str(traced(module, order.example).inlined_graph)
    script = to_convert(order)
    pads = [node for node in script.inlined_graph.nodes() if node.kind() == "aten::pad"]
    assert [list(node.inputs())[1].toIValue() for node in pads] == [[0, 1, 0, 1]]
    with torch.inference_mode():
        torch.testing.assert_close(script(order.example), module(order.example))


# --- planted faults; nothing resizes in these files


class Swapped(nn.Module):
    def forward(self, planes: Tensor) -> Tensor:
        return planes.flip(1)


class Baked(nn.Module):
    def forward(self, planes: Tensor) -> Tensor:
        return planes * torch.tensor([1.0, 1.5]).view(2, 1, 1, 1)


def wrong_mean(patch: pytest.MonkeyPatch) -> None:
    def shifted(p: Preprocess) -> Any:
        return weights_and_biases(replace(p, mean=tuple(m + 0.004 for m in p.mean)))

    patch.setattr(pixels_module, "weights_and_biases", shifted)


def swapped_channels(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pixels_module, "Normalising", lambda p: nn.Sequential(Swapped(), Normalising(p)))


def baked_batch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pixels_module, "Normalising", lambda p: nn.Sequential(Baked(), Normalising(p)))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # coremltools
@pytest.mark.parametrize("fault", [wrong_mean, swapped_channels, baked_batch])
@pytest.mark.parametrize("form", MOBILE)
def test_a_file_with_a_fault_is_not_left_behind(
    form: str, fault: Callable[[pytest.MonkeyPatch], None], photo_run: Path, tmp_path: Path
) -> None:
    pytest.importorskip(FORMATS[form].package.replace("-", "_"))
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises((Disagreement, BadArgument), match=r"not kept|cannot be written"):
            export_run(photo_run, Request(form, str(tmp_path / f"wrong{FORMATS[form].suffix}")))
    assert list(tmp_path.iterdir()) == []
