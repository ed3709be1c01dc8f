"""OpenVINO's and torch's files: prepared as by Pillow, the same answers, faults refused."""

import runpy
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import cladenet
from cladenet.cli import main
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError
from cladenet.export import export_run as exporting
from cladenet.export.canvas import drawn_image
from cladenet.export.description import Description
from cladenet.export.export_run import export_run
from cladenet.export.formats import pixels_module
from cladenet.export.formats.torch_preparing import Preparing
from cladenet.export.formats.tracing import traced
from cladenet.export.graph import preparing
from cladenet.export.graph.openvino_writer import OpenVinoWriter
from cladenet.export.graph.preparing import add_preprocessing
from cladenet.export.names import PREPARED
from cladenet.export.normalise import weights_and_biases
from cladenet.export.request import FORMATS, Request
from cladenet.export.runtime import open_exported
from cladenet.export.sessions.openvino_runtime import OpenVinoSession
from cladenet.export.verify.checks import Disagreement
from cladenet.export.verify.reference import Reference
from cladenet.export.verify_file import verify
from cladenet.layers import feature_maps
from cladenet.registry import create_model
from exported_files import FITS, MOST_LEVELS, preprocess_for, save_photo_run, sizes_for
from saved_run import noise

OTHERS = [  # torch.export and OpenVINO's converter take seconds for the smallest network
    pytest.param(name, marks=() if name == "torchscript" else pytest.mark.slow)
    for name, form in FORMATS.items()
    if name != "onnx" and "pixels" in form.inputs
]


@pytest.fixture(scope="module")
def photo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photo_run(tmp_path_factory.mktemp("photos"))


def check_preparer(
    prepare: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    fit: str,
    interpolation: str,
    most_levels: int,
) -> None:
    """Of any size, within so many levels of Pillow's pixels."""
    preprocess = preprocess_for(fit, 3, interpolation)
    for size in sizes_for(fit):
        images = np.stack([noise(1, *size, 3), drawn_image(*size, 3)])
        wanted = preprocess.prepare_all(images)
        found = prepare(images).transpose(0, 2, 3, 1)
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).max() <= most_levels, size


def openvino_preparer(preprocess: Preprocess) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """In float32, as files are opened; bfloat16 has too few bits for what lies between levels."""
    pixels = openvino.opset13.parameter([-1, -1, -1, 3], openvino.Type.u8)
    model = openvino.Model([add_preprocessing(OpenVinoWriter(), pixels, preprocess)], [pixels])
    model.add_outputs([PREPARED])
    in_float32 = {"INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(model, "CPU", in_float32).create_infer_request()
    return lambda images: list(request.infer([images]).values())[1]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("fit", [fit for fit in FITS if fit != "border"])
def test_openvino_prepares_images_as_pillow_does(fit: str, interpolation: str) -> None:
    prepare = openvino_preparer(preprocess_for(fit, 3, interpolation))
    check_preparer(prepare, fit, interpolation, MOST_LEVELS[interpolation])


def test_openvino_rounds_halves_up_as_pillow_does() -> None:
    """At half the size weights are eighths, so that many values lie just between two levels."""
    preprocess = Preprocess(30, 40, 3, "stretch", (0.5,) * 3, (0.25,) * 3)
    images = noise(4, 60, 80, 3)[None]
    found = openvino_preparer(preprocess)(images).transpose(0, 2, 3, 1)
    assert np.array_equal(found, preprocess.prepare_all(images))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torch_prepares_images_to_pillows_very_pixels(fit: str, interpolation: str) -> None:
    module = torch.jit.script(Preparing(preprocess_for(fit, 3, interpolation)))
    check_preparer(lambda images: module(torch.from_numpy(images)).numpy(), fit, interpolation, 0)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_formats_give_what_onnx_gives(kind: str, photo_run: Path, tmp_path: Path) -> None:
    onnx = export_run(photo_run, Request("onnx", str(tmp_path / "a.onnx"))).path
    path = export_run(photo_run, Request(kind, str(tmp_path / f"a{FORMATS[kind].suffix}"))).path
    images = np.stack([drawn_image(60, 47, 3), noise(5, 60, 47, 3), noise(6, 60, 47, 3)])
    pixels = np.stack([noise(7, 32, 32, 3)] * 2)
    one, other = open_exported(onnx), open_exported(path)
    np.testing.assert_allclose(one.answer(pixels), other.answer(pixels), rtol=1e-4)
    np.testing.assert_allclose(one.posteriors(images), other.posteriors(images), atol=0.02)
    assert one.description.preprocess == other.description.preprocess
    assert verify(path)[0].found is not None
    with pytest.raises(BadArgument, match="the file takes uint8"):
        other.session.run(np.zeros((1, 9, 9, 4), np.uint8))
    damaged = tmp_path / f"cut{path.suffix}"
    damaged.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_exported(damaged)


def test_tracing_measures_no_feature_maps_and_leaves_them_to_be_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, images = create_model("resnet20_cifar").eval(), torch.randn(2, 3, 32, 32)
    with monkeypatch.context() as patched:
        patched.setattr(feature_maps, "measure_maps", None)
        script = traced(network, images)
    with torch.inference_mode():
        torch.testing.assert_close(script(images), network(images))
    assert [each.reduction for each in network.feature_maps] == [1, 1, 2, 4]  # stem, stages


def test_a_network_is_asked_once_about_the_same_pixels() -> None:
    network, preprocess = (
        create_model("resnet20_cifar").eval(),
        preprocess_for("none", 3, "bilinear"),
    )
    reference = Reference(network, preprocess)
    asked = Counter[str]()
    network.register_forward_hook(lambda *_: asked.update(["float32"]))
    one, other = noise(1, 1, 32, 28, 3), noise(2, 1, 32, 28, 3)
    first, second = reference.answer(one), reference.answer(other)
    again = reference.answer(one.copy())
    assert asked["float32"] == 2
    assert np.array_equal(again.log_posteriors, first.log_posteriors)
    assert not np.array_equal(second.log_posteriors, first.log_posteriors)


def test_a_border_is_refused_where_its_sizes_would_be_rounded_otherwise() -> None:
    preprocess = preprocess_for("border", 3, "bilinear")
    pixels = openvino.opset13.parameter([-1, -1, -1, 3], openvino.Type.u8)
    with pytest.raises(BadArgument, match="fit is border"):
        add_preprocessing(OpenVinoWriter(), pixels, preprocess)


@pytest.mark.parametrize("kind", ["onnx", *OTHERS])
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_the_printed_example_names_the_classes_without_cladenet(
    kind: str,
    photo_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / f"file{FORMATS[kind].suffix}"
    export_run(photo_run, Request(kind, str(path)))
    assert main(["export", "--example", "--format", kind]) == 0
    program = capsys.readouterr().out
    assert "cladenet." not in program
    assert len(program.splitlines()) < 25
    image = photo_run.parent / "data" / "ant" / "a.png"
    monkeypatch.setattr(sys, "argv", ["example.py", str(path), str(image)])
    (tmp_path / "example.py").write_text(program)
    runpy.run_path(str(tmp_path / "example.py"))
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith(cladenet.predict(photo_run, image)[0].best.name)


# --- planted faults: of the graph that OpenVINO gets, and of the module that torch gets


class Flipped(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flip(3)


class Baked(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.reshape(2, 3, 32, 32)


class Coarse(Preparing):
    def weights(
        self, have: int, start: Tensor, kept: Tensor, length: Tensor, first: Tensor, wanted: int
    ) -> Tensor:
        """Of the nearest pixel alone."""
        centre = (first + torch.arange(wanted) + 0.5) * kept / length + start
        nearest = torch.arange(have).view(1, -1) == torch.floor(centre).view(-1, 1)
        return nearest.to(torch.float64) * 4194304  # in 2^-22


def wrong_mean(patch: pytest.MonkeyPatch) -> None:
    def shifted(p: Any) -> Any:
        return weights_and_biases(replace(p, mean=tuple(m + 0.004 for m in p.mean)))

    patch.setattr(preparing, "weights_and_biases", shifted)
    patch.setattr(pixels_module, "weights_and_biases", shifted)


def swapped_channels(patch: pytest.MonkeyPatch) -> None:
    right = OpenVinoWriter.planes

    def planes(self: OpenVinoWriter, images: Any) -> Any:
        order, axis = self.constant(np.array([2, 1, 0])), self.constant(np.array(1))
        return openvino.opset13.gather(right(self, images), order, axis)

    patch.setattr(OpenVinoWriter, "planes", planes)
    patch.setattr(pixels_module, "Preparing", lambda p: nn.Sequential(Flipped(), Preparing(p)))


def baked_batch(patch: pytest.MonkeyPatch) -> None:
    def shaped(self: OpenVinoWriter, images: Any, *size: Any) -> Any:
        shape = self.constant(np.array([2, *size[:3]]))
        return self.named(openvino.opset13.reshape(images, shape, special_zero=True), size[3])

    patch.setattr(OpenVinoWriter, "shaped", shaped)
    patch.setattr(pixels_module, "Preparing", lambda p: nn.Sequential(Preparing(p), Baked()))


def dropped_antialias(patch: pytest.MonkeyPatch) -> None:
    def resized(self: OpenVinoWriter, images: Any, height: Any, width: Any, mode: str) -> Any:
        sizes, axes = openvino.opset13.concat([height, width], 0), self.constant(np.array([2, 3]))
        return openvino.opset13.interpolate(images, sizes, "linear_onnx", "sizes", axes=axes)

    patch.setattr(OpenVinoWriter, "resized", resized)
    patch.setattr(pixels_module, "Preparing", Coarse)


FAULTS: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    wrong_mean: "not kept.*not normalised by the mean",
    swapped_channels: "not kept.*prepared differently from Pillow",
    # torch.export refuses a number of images that is fixed by itself.
    baked_batch: "not kept.*fails on images of shape .1, |cannot be written.*torch.export failed",
    dropped_antialias: "not kept.*prepared differently from Pillow",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", OTHERS)
def test_a_file_with_a_fault_is_not_left_behind(
    kind: str, fault: Callable[[pytest.MonkeyPatch], None], photo_run: Path, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises((Disagreement, BadArgument), match=FAULTS[fault]) as refused:
            export_run(photo_run, Request(kind, str(tmp_path / f"wrong{FORMATS[kind].suffix}")))
    assert "TorchScript interpreter" not in str(refused.value)  # says where, not why
    assert list(tmp_path.iterdir()) == []


def test_openvinos_reason_is_told_not_the_place_in_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the words of OpenVINO 2026.4, for two images added to three."""
    preprocess = Preprocess(8, 8, 3, "none", (0.5,) * 3, (0.25,) * 3)
    description = Description(
        "baked", {}, ("a", "b"), preprocess, "tensor", "fp32", False, 0, {}, {}, "", {}
    )
    images = openvino.opset13.parameter([-1, 3, 8, 8], openvino.Type.f32)
    model = openvino.Model([openvino.opset13.relu(images)], [images])
    session = OpenVinoSession(openvino.Core(), model, description, 1)

    def stopped(images: Any) -> None:
        raise RuntimeError(
            "Exception from src/inference/src/cpp/infer_request.cpp:224:\nException from "
            "src/plugins/intel_cpu/src/node.cpp:794:\n[CPU] Add node with name 'Add_4' Check "
            "'input_shape[j] == 1' failed at src/plugins/intel_cpu/src/shape_inference/custom/"
            "eltwise.cpp:52:\nEltwise shape infer input shapes dim index: 0 mismatch\n\n\n"
        )

    monkeypatch.setattr(session, "_run", stopped)
    with pytest.raises(CheckpointError) as told:
        session.run(np.zeros((3, 3, 8, 8), np.float32))
    assert str(told.value) == (
        "the file fails on images of shape (3, 3, 8, 8): Eltwise shape infer input shapes dim "
        "index: 0 mismatch"
    )


def test_a_file_that_ends_openvino_is_refused_and_does_not_end_us(
    photo_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cladenet.export.sessions import openvino_runtime

    path = tmp_path / "narrow.xml"
    request = Request("openvino", str(path), precision="int8", calibration="digits")
    monkeypatch.setattr(
        exporting, "calibration_images", lambda *_: torch.randn(8, 3, 32, 32).clamp(-1, 1)
    )
    monkeypatch.setattr(openvino_runtime, "TRIAL", "import os; os.abort()")
    with pytest.raises(Disagreement, match="ends with status -6"):
        export_run(photo_run, request)
    assert not path.exists()
