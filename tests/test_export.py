"""Exported files: what they answer, what they say of themselves, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

import cladenet
from cladenet.checkpoints import Card, load
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.cli import main
from cladenet.cli.text.exported import measured_as_text
from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, CheckpointError, StorageError
from cladenet.export.canvas import canvas_size, drawn_image, on_canvas
from cladenet.export.description import KEY, Description
from cladenet.export.export_run import export_run
from cladenet.export.graph import preparing
from cladenet.export.graph.onnx_writer import OnnxWriter
from cladenet.export.graph.preparing import add_preprocessing
from cladenet.export.names import NORMALISED, PREPARED
from cladenet.export.normalise import weights_and_biases
from cladenet.export.request import Request
from cladenet.export.runtime import ExportedModel, FilePredictor, open_exported
from cladenet.export.sessions import onnx_runtime
from cladenet.export.sessions.onnx_mapped import skeleton
from cladenet.export.verify.checks import Disagreement, compare
from cladenet.export.verify.images import trials_for
from cladenet.export.verify.measured import Differing, Measured, differing
from cladenet.export.verify_file import verify
from cladenet.registry import create_model
from cladenet.surgery import same_padding
from exported_files import FITS, MOST_LEVELS, preprocess_for, save_photo_run, sizes_for
from saved_run import noise, save_run

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the digits, 8x8 and grey, in a network for 32x32."""
    return save_run(tmp_path_factory.mktemp("export") / "run", open_dataset("digits"))


@pytest.fixture(scope="module")
def photo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for colour images of any size, which are resized and cropped; without data."""
    return save_photo_run(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def exported(photo_run: Path) -> Path:
    return export_run(photo_run, Request("onnx")).path


# --- preprocessing inside a graph


def preparer(preprocess: Preprocess) -> Callable[[Pixels], list[Any]]:
    """What a graph of nothing but the preprocessing gives: prepared and normalised."""
    from onnx import TensorProto, helper

    writer = OnnxWriter()
    add_preprocessing(writer, "images", preprocess)
    shape = ["N", "H", "W", preprocess.channels]
    graph = helper.make_graph(
        writer.nodes,
        "preprocessing",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        [helper.make_empty_tensor_value_info(name) for name in (PREPARED, NORMALISED)],
        writer.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return lambda images: session.run(None, {"images": images})


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fit", FITS)
def test_a_graph_prepares_images_of_any_size_as_pillow_does(
    fit: str, channels: int, interpolation: str
) -> None:
    preprocess = preprocess_for(fit, channels, interpolation)
    prepare = preparer(preprocess)
    for size in sizes_for(fit):
        images = np.stack([noise(1, *size, channels), drawn_image(*size, channels)])
        pixels, normal = prepare(images)
        wanted = preprocess.prepare_all(images)
        found = pixels.transpose(0, 2, 3, 1)
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).max() <= MOST_LEVELS[interpolation], size
        assert (found != wanted).mean() < 0.06
        plain = pixels / 255 - np.array(preprocess.mean)[:, None, None]
        np.testing.assert_allclose(
            normal, plain / np.array(preprocess.std)[:, None, None], rtol=0, atol=1e-5
        )


def test_images_normalised_by_themselves_have_mean_0_and_std_1() -> None:
    preprocess = Preprocess(32, 32, 3, "stretch", (0.0,) * 3, (1.0,) * 3, per_image=True)
    images = np.concatenate([noise(2, 2, 40, 50, 3), np.full((1, 40, 50, 3), 90, np.uint8)])
    normal = preparer(preprocess)(images)[1]
    np.testing.assert_allclose(normal.mean((1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(normal.std((1, 2, 3)), [1, 1, 0], atol=1e-5)


@pytest.mark.parametrize("fit", ["none", "pad"])
def test_an_image_that_the_fit_cannot_take_is_an_error_in_the_runtime_too(fit: str) -> None:
    prepare = preparer(Preprocess(32, 32, 1, fit, (0.5,), (0.5,)))
    with pytest.raises(Exception, match=r"(?i)reshape"):
        prepare(noise(3, 1, 34, 32, 1))


@pytest.mark.parametrize("fit", FITS)
def test_pixels_on_a_canvas_are_prepared_to_themselves(fit: str) -> None:
    preprocess = preprocess_for(fit, 3, "bilinear")
    pixels = noise(4, 2, 32, 28, 3)
    canvas = on_canvas(pixels, preprocess)
    assert canvas.shape[1:3] == canvas_size(preprocess)
    np.testing.assert_array_equal(preprocess.prepare_all(canvas), pixels)
    np.testing.assert_array_equal(preparer(preprocess)(canvas)[0].transpose(0, 2, 3, 1), pixels)


# --- a file's answers


def test_a_file_predicts_what_its_run_predicts(photo_run: Path, exported: Path) -> None:
    images = [drawn_image(40 + n, 90 - 3 * n, 3) for n in range(11)]
    of_run = cladenet.predict(photo_run, images)
    of_file = list(FilePredictor(open_exported(exported))(images))
    for run_says, file_says in zip(of_run, of_file, strict=True):
        assert [guess.name for guess in file_says.top] == [guess.name for guess in run_says.top]
        assert file_says.best.probability == pytest.approx(run_says.best.probability, abs=1e-5)


def test_images_of_one_size_may_be_given_as_they_are(exported: Path) -> None:
    """Prepared by the file to within a level of Pillow's pixels."""
    model = open_exported(exported)
    images = np.stack([drawn_image(60, 80, 3), noise(5, 60, 80, 3)])
    of_file = model.posteriors(images)
    of_pillow = model.answer(model.preprocess.prepare_all(images))
    np.testing.assert_allclose(of_file.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(of_file, of_pillow, atol=0.02)


def test_a_bare_network_takes_tensors_of_any_size_and_gives_logits(photo_run: Path) -> None:
    request = Request("onnx", str(photo_run / "bare.onnx"), input="tensor", any_size=True)
    model = open_exported(export_run(photo_run, request).path)
    pixels = noise(6, 3, 45, 38, 3)
    loaded = cladenet.load(photo_run)
    import torch

    wanted = loaded.model(loaded.card.preprocess.to_input(torch.from_numpy(pixels)))
    found = model.session.run(((pixels / 255 - 0.4) / 0.3).transpose(0, 3, 1, 2).astype(np.float32))
    np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("precision", "bytes_a_weight"), [("fp16", 2.0), ("int8", 1.0)])
def test_narrow_weights_take_as_many_bytes(
    run: Path, precision: str, bytes_a_weight: float
) -> None:
    request = Request("onnx", str(run / f"{precision}.onnx"), precision=precision)
    found = export_run(run, request)
    weights = sum(p.numel() for p in cladenet.load(run).model.parameters())
    model = onnx.load(found.path)
    large = sum(len(each.raw_data) for each in model.graph.initializer if np.prod(each.dims) > 1000)
    assert large == pytest.approx(bytes_a_weight * weights, rel=0.02)
    assert found.tried[0].found is not None
    assert onnx.load(found.path).metadata_props[0].key == KEY


def test_predict_by_a_file_does_without_torch(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "digits.onnx"
    export_run(run, Request("onnx", str(file)))
    script = (
        "import sys\nfrom cladenet.cli import main\n"
        f"status = main(['predict', {str(file)!r}, 'examples/digits', '--json'])\n"
        "assert status == 0 and 'torch' not in sys.modules\n"
        f"assert main(['verify', {str(file)!r}, '--json']) == 0 and 'torch' not in sys.modules\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers, _ = json.JSONDecoder().raw_decode(done.stdout)
    of_run = cladenet.predict(run, [root / answer["file"] for answer in answers])
    assert [answer["top"][0]["class"] for answer in answers] == [p.best.name for p in of_run]


# --- weights that stay in the file


def test_a_skeleton_points_at_the_weights_in_the_file(exported: Path) -> None:
    """onnx's own reader of external data finds the same tensors, and nothing else is changed."""
    whole = onnx.load(exported)
    text = skeleton(exported)
    assert len(text) < exported.stat().st_size // 3
    model = onnx.load_from_string(text)
    onnx.external_data_helper.load_external_data_for_model(model, str(exported.parent))
    for mine, theirs in zip(model.graph.initializer, whole.graph.initializer, strict=True):
        np.testing.assert_array_equal(
            onnx.numpy_helper.to_array(mine), onnx.numpy_helper.to_array(theirs)
        )
        del mine.external_data[:]
        mine.CopyFrom(theirs)
    assert model == whole


def test_answers_are_the_same_with_weights_in_the_file(exported: Path, tmp_path: Path) -> None:
    pixels = noise(8, 2, 32, 32, 3)
    wanted = open_exported(exported).answer(pixels)
    link = tmp_path / "link.onnx"
    link.symlink_to(exported)
    for path in (exported, link):
        found = open_exported(path, lean=True).answer(pixels)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


def test_a_runtime_that_maps_nothing_reads_the_file(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = noise(9, 1, 32, 32, 3)
    wanted = open_exported(exported).answer(pixels)
    monkeypatch.setattr(onnx_runtime, "FOLDER", "session.nothing")  # as in ONNX Runtime 1.18
    np.testing.assert_array_equal(open_exported(exported, lean=True).answer(pixels), wanted)


# --- what a file says


def test_a_file_says_what_is_needed_to_use_it(photo_run: Path, exported: Path) -> None:
    card = cladenet.load(photo_run).card
    metadata = {entry.key: entry.value for entry in onnx.load(exported).metadata_props}
    found = Description.from_text(metadata[KEY])
    assert (found.network, found.classes, found.preprocess) == (
        card.network,
        card.classes,
        card.preprocess,
    )
    assert found.data["fingerprint"] == card.data["fingerprint"]
    assert Description.from_text(found.to_text()) == found


@pytest.mark.parametrize(
    ("name", "value"), [("classes", ["ant"]), ("classes", []), ("input", "bytes"), ("format", 2)]
)
def test_metadata_that_were_edited_are_refused(exported: Path, name: str, value: Any) -> None:
    text = open_exported(exported).description.to_text()
    with pytest.raises(CheckpointError, match="metadata"):
        Description.from_text(json.dumps({**json.loads(text), name: value}))


def test_files_of_others_are_refused(tmp_path: Path, exported: Path) -> None:
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "others.onnx")
    (tmp_path / "cut.onnx").write_bytes(exported.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="not written by `cladenet export`"):
        open_exported(tmp_path / "others.onnx")
    for lean in (False, True):
        with pytest.raises(CheckpointError, match="cannot be run by ONNX Runtime"):
            open_exported(tmp_path / "cut.onnx", lean=lean)
    with pytest.raises(CheckpointError, match="does not exist"):
        open_exported(tmp_path / "nowhere.onnx")
    with pytest.raises(BadArgument, match="not an exported file"):
        open_exported(tmp_path / "weights.pb")


# --- verification


def wrong_mean(patch: pytest.MonkeyPatch) -> None:
    right = weights_and_biases
    patch.setattr(
        preparing,
        "weights_and_biases",
        lambda p: right(replace(p, mean=tuple(m + 0.004 for m in p.mean))),
    )


def swapped_channels(patch: pytest.MonkeyPatch) -> None:
    right = OnnxWriter.planes

    def planes(self: OnnxWriter, images: str) -> str:
        order = self.constant(np.array([2, 1, 0], np.int64))
        return self.node("Gather", [right(self, images), order], axis=1)

    patch.setattr(OnnxWriter, "planes", planes)


def baked_batch(patch: pytest.MonkeyPatch) -> None:
    def shaped(
        self: OnnxWriter, images: str, channels: int, height: int, width: int, name: str
    ) -> str:
        shape = self.constant(np.array([2, channels, height, width], np.int64))
        return self.node("Reshape", [images, shape], name)

    patch.setattr(OnnxWriter, "shaped", shaped)


def dropped_antialias(patch: pytest.MonkeyPatch) -> None:
    right = OnnxWriter.node

    def node(self: OnnxWriter, kind: str, inputs: list[str], name: str = "", **given: Any) -> str:
        left_out = ("antialias", "exclude_outside")
        given = {key: value for key, value in given.items() if key not in left_out}
        return right(self, kind, inputs, name, **given)

    patch.setattr(OnnxWriter, "node", node)


def other_crop(patch: pytest.MonkeyPatch) -> None:
    def corner(graph: OnnxWriter, planes: str, height: int, width: int) -> str:
        zero, rows, columns = (graph.number(n) for n in (0, height, width))
        return str(graph.window(planes, zero, zero, rows, columns))

    patch.setattr(preparing, "_middle", corner)


FAULTS: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    wrong_mean: "not normalised by the mean",
    swapped_channels: "prepared differently from Pillow",
    baked_batch: "fails on images of shape .1, ",
    dropped_antialias: "prepared differently from Pillow",
    other_crop: "prepared differently from Pillow",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_with_a_fault_is_not_left_behind(
    fault: Callable[[pytest.MonkeyPatch], None], photo_run: Path, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises(Disagreement, match=FAULTS[fault]):
            export_run(photo_run, Request("onnx", str(tmp_path / "wrong.onnx")))
    assert list(tmp_path.iterdir()) == []


def test_posteriors_that_round_to_nothing_on_both_sides_are_alike() -> None:
    """A warning of infinity less infinity would be an error here."""
    log_posteriors = np.array([[0.0, -np.inf]])
    found = compare(np.array([[1.0, 0.0]], np.float32), log_posteriors, 1e-5, ["a"], ["x", "y"])
    assert found.logs == 0


def test_weights_that_were_changed_are_found_by_verify(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported)
    largest = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    values = np.frombuffer(largest.raw_data, np.float32)
    largest.raw_data = (values * np.float32(1.01)).tobytes()
    onnx.save(model, tmp_path / "changed.onnx")
    assert verify(exported)[0].found is not None
    with pytest.raises(Disagreement, match="self-test"):
        verify(tmp_path / "changed.onnx")


def save_padded_run(folder: Path) -> None:
    """Of a network whose padding depends on the size, as TensorFlow's SAME does; without data."""
    arguments: dict[str, Any] = {"num_classes": 4, "padding": "same"}
    model = create_model("mobilenet_v1_x0_25", **arguments).eval()
    preprocess = Preprocess(66, 66, 3, "stretch", IMAGENET_MEAN, IMAGENET_STD)  # 33, 17, 9, 5
    card = Card("mobilenet_v1_x0_25", arguments, ("a", "b", "c", "d"), preprocess, {}, 1)
    card = replace(card, self_test=fixed_logits(model, preprocess))
    folders.save(folder, model.state_dict(), card)


@pytest.mark.parametrize("asked", [{}, {"input": "tensor"}, {"input": "tensor", "any_size": True}])
def test_padding_that_depends_on_the_size_is_written_as_it_is(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    save_padded_run(tmp_path / "run")
    request = Request("onnx", str(tmp_path / "net.onnx"), **asked)
    assert export_run(tmp_path / "run", request).tried[0].found is not None


def test_a_size_that_is_baked_in_silently_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = same_padding._zeros

    def baked_in(*windows: Any) -> tuple[int, ...]:
        return tuple(map(int, whole(*windows)))

    save_padded_run(tmp_path / "run")
    out = tmp_path / "any.onnx"
    monkeypatch.setattr(same_padding, "_zeros", baked_in)
    request = Request("onnx", str(out), input="tensor", any_size=True)
    with pytest.raises(Disagreement, match=r"[12] images? of .*leave out --any-size"):
        export_run(tmp_path / "run", request)
    assert not out.exists()


# --- images that differ, and accuracies


def test_images_of_another_class_are_named_with_their_margins() -> None:
    network = np.array([[2.0, 0.5, 1.0], [0.0, 3.0, 1.0], [0.25, 0.0, 0.0]])
    file = np.array([[0.3, 0.2, 0.5], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]], np.float32)
    found = differing(network, file, ("a.png", "b.png", "c.png"), ("ant", "bee", "cat"))
    assert found == (Differing("a.png", "ant", "cat", 1.0),)
    measured = Measured("val", 3, found, 3, 2)
    assert measured.points_lost == pytest.approx(100 / 3)
    lines = list(measured_as_text(measured))
    assert lines[1] == "  rightly named: 3 by the network, 2 by the file: -33.33 points"
    assert lines[2] == "    a.png: ant by the network, cat by the file; margin 1"
    assert list(measured_as_text(Measured("val", 3, (), 2, 2)))[1].endswith(": +0.00 points")
    assert list(measured_as_text(Measured("val", 3, (), None, None, "others"))) == [
        "  of 3 val images the file names each as the network does",
        "  labels are not compared: others",
    ]


def test_what_8_bits_cost_is_written_into_the_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "narrow.onnx"
    found = export_run(run, Request("onnx", str(file), precision="int8"))
    written = open_exported(file).description.measured
    images = open_dataset("digits").splits()["test"]
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:1000])
    part = images.subset(chosen)
    pixels = np.stack([part.images.read(place) for place in range(len(part))])
    of_file = open_exported(file).posteriors(pixels).argmax(1)
    of_run = cladenet.predict(run, list(pixels))
    of_run_labels = np.array([answer.best.label for answer in of_run])
    assert written == {
        "split": "test",
        "images": len(part),
        "differing": int((of_file != of_run_labels).sum()),
        "network_right": int((of_run_labels == part.labels).sum()),
        "file_right": int((of_file == part.labels).sum()),
        "points_lost": pytest.approx(
            100 * ((of_run_labels == part.labels).mean() - (of_file == part.labels).mean()),
            abs=1e-4,
        ),
    }
    assert found.measured is not None
    assert main(["verify", str(file), "--run", str(run), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["runtimes"][0]["measured"]
    named = {each["image"] for each in measured["differing"]}
    rows = np.flatnonzero(of_file != of_run_labels)
    assert named == {part.ids[int(row)] for row in rows}


def test_images_of_other_classes_are_compared_without_their_labels(
    photo_run: Path, exported: Path, tmp_path: Path
) -> None:
    for name in ("wasp", "fly"):
        (tmp_path / "others" / name).mkdir(parents=True)
        Image.fromarray(drawn_image(60, 70, 3)).save(tmp_path / "others" / name / "a.png")
    found = verify(exported, photo_run, str(tmp_path / "others"))[0].measured
    assert found is not None
    assert found[:5] == ("train", 2, (), None, None)
    assert "only the data have 'fly', 'wasp'" in found.unlabelled


# --- requests that cannot be met


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Request("tflite"), "format is 'tflite'"),
        (Request("onnx", precision="fp8"), "precision is 'fp8'"),
        (Request("onnx", input="jpeg"), "input is 'jpeg'"),
        (Request("onnx", any_size=True), "--any-size is for --input tensor"),
        (Request("onnx", input="tensor", any_size=True), "tied to images of 32x32"),
        (Request("onnx", calibration="digits"), "only int8 is"),
        (Request("onnx", "model.pb"), "ends in .onnx"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(run: Path, wanted: Request, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        export_run(run, wanted)


def test_a_file_is_not_overwritten(photo_run: Path, exported: Path) -> None:
    with pytest.raises(StorageError, match="already exists"):
        export_run(photo_run, Request("onnx", str(exported)))


def test_options_of_runs_are_refused_with_a_file(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(exported), "a.png", "--precision", "int8"]) == 2
    assert "--precision is for a run" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["predict", "{near}", "a.png"], ["verify", "{near}"]])
def test_a_misspelt_file_is_told_from_a_run(
    words: list[str], exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    near = exported.with_suffix(".onx")
    assert main([word.format(near=near) for word in words]) == 4
    assert f"{near} does not exist; nearest: {exported}" in capsys.readouterr().err


def test_what_is_to_be_exported_and_how_is_asked_for(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(exported), "--format", "openvino"]) == 2
    assert "is an exported file; give the run" in capsys.readouterr().err
    assert main(["export", "run"]) == 2
    assert "--format is missing: give onnx, openvino" in capsys.readouterr().err


def test_advice_is_not_given_twice(run: Path) -> None:
    loaded = load(run)
    unknown = loaded._replace(card=replace(loaded.card, data={}))
    (note,) = trials_for(unknown, None).notes
    assert note.count("--data DATA") == 1


def test_a_misspelt_format_is_told_from_a_library(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), "--format", "onxx"]) == 2
    message = capsys.readouterr().err
    assert "nearest: onnx" in message
    assert "torchscript" in message
    assert "timm" in message


def test_a_file_predicts_images_of_another_size_where_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a run does: a network for images as they are."""
    run = save_run(
        tmp_path / "run", open_dataset("digits"), fit="none", network="resnet20_cifar", size=8
    )
    file, image = tmp_path / "fixed.onnx", tmp_path / "large.png"
    export_run(run, Request("onnx", str(file)))
    Image.fromarray(drawn_image(50, 70, 1)[:, :, 0]).save(image)
    assert main(["predict", str(file), str(image)]) == 3
    assert "use stretch or crop" in capsys.readouterr().err
    answers = []
    for what in (file, run):
        assert main(["predict", str(what), str(image), "--fit", "crop", "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out)[0]["top"])
    assert [each["class"] for each in answers[0]] == [each["class"] for each in answers[1]]


def test_images_of_another_kind_are_refused(exported: Path) -> None:
    model = open_exported(exported)
    assert isinstance(model, ExportedModel)
    with pytest.raises(BadArgument, match="uint8"):
        model.session.run(np.zeros((1, 40, 40, 3), np.float32))
    with pytest.raises(BadArgument, match="anyxany"):
        model.session.run(np.zeros((1, 40, 40, 1), np.uint8))
