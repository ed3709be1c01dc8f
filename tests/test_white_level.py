"""What the user sets about the samples of images goes with its weights."""

from pathlib import Path

import numpy as np
import pytest

from cladenet.cli import main
from cladenet.data.images.decode import MAX_PIXELS, Decoding, decode
from cladenet.data.preprocess import Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, DataError
from cladenet.runs.predict.predict_images import predict
from image_files import Page, tiff


def microscope(root: Path, bits: int, light: int) -> Path:
    """Two classes of 12 pictures, with samples up to `light` in 16 bits; nothing is declared."""
    draw = np.random.default_rng(0)
    for label, name in enumerate(("even", "odd")):
        (root / name).mkdir(parents=True)
        for n in range(12):
            values = draw.integers(light // 2 * label, light // 2 * (label + 1), (32, 32, 1))
            (root / name / f"{n}.tif").write_bytes(tiff(Page(values.astype(f"u{bits // 8}"))))
    return root


def test_white_level_and_the_limit_travel_with_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    data, run = microscope(tmp_path / "data", 16, 4095), tmp_path / "run"
    words = f"train lenet5_relu --data {data} --out {run} --quiet batch_size=8 epochs=1 threads=1"
    assert main([*words.split(), "white_level=4095", "max_megapixels=0.002", "device=cpu"]) == 0
    assert main(["evaluate", str(run), "--device", "cpu"]) == 0
    shown = decode(data / "odd" / "3.tif", white_level=4095)
    as_bytes, as_file = predict(run, [shown, data / "odd" / "3.tif"], device="cpu", fit="crop")
    assert np.array_equal(as_bytes.logits, as_file.logits)
    large = tmp_path / "large.tif"
    large.write_bytes(tiff(Page(np.zeros((50, 50, 1), np.uint16))))
    with pytest.raises(DataError, match=r"50x50, 0.0025 megapixels; the limit is 0.002"):
        predict(run, large, device="cpu", fit="crop")
    assert predict(run, large, device="cpu", fit="crop", max_megapixels=1)


def test_data_open_with_the_white_that_is_set(tmp_path: Path) -> None:
    data = microscope(tmp_path / "data", 16, 4095)
    for white_level, lightest in ((0.0, 16), (4095.0, 255)):
        train = open_dataset(str(data), white_level=white_level, verify=False).train
        assert max(train.images.read(n).max() for n in range(24)) in (lightest - 1, lightest)
    with pytest.raises(BadArgument, match=r"white_level is -1; expected the sample"):
        open_dataset(str(data), white_level=-1)
    with pytest.raises(BadArgument, match="max_megapixels is 0; expected more than 0"):
        open_dataset(str(data), max_megapixels=0)


def test_a_folder_that_uses_few_of_its_16_bits_is_named_by_check_and_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = microscope(tmp_path / "data", 16, 4095)
    assert main(["check", str(data)]) == 0
    printed = capsys.readouterr().out
    assert "nearly black: the largest sample of all 24 16-bit images is 4,0" in printed
    assert "white_level=4095 (12 bits); white_level=65535 if they are so dark" in printed
    (warning,) = open_dataset(str(data)).notes
    assert warning.startswith("nearly black: ")
    assert main(["check", str(data), "--white-level", "4095"]) == 0
    printed = capsys.readouterr().out
    assert "nearly black" not in printed
    assert "4095 is white in 24 images that do not declare it" in printed


def test_one_image_of_the_full_scale_or_a_declared_depth_settles_it(tmp_path: Path) -> None:
    data = microscope(tmp_path / "data", 16, 4095)
    # An eighth of the scale is 8,192: below it the folder is named, from it on it is not.
    for value, named in ((8191, True), (8192, False)):
        (data / "odd" / "0.tif").write_bytes(tiff(Page(np.full((32, 32, 1), value, np.uint16))))
        notes = open_dataset(str(data)).notes
        assert any("nearly black" in note for note in notes) is named
    for path in data.rglob("*.tif"):
        path.write_bytes(tiff(Page(np.full((32, 32, 1), 9, np.uint16), tags={281: ("H", (4095,))})))
    assert open_dataset(str(data)).notes == ()


def test_floats_are_said_to_be_white_at_one(tmp_path: Path) -> None:
    data = microscope(tmp_path / "data", 16, 4095)
    for path in data.rglob("*.tif"):
        path.write_bytes(tiff(Page(np.full((32, 32, 1), 0.5, np.float32))))
    assert open_dataset(str(data)).notes[0].startswith("24 images have float samples: 1 is white")


def test_preprocessing_of_before_has_the_default_white_and_limit() -> None:
    preprocess = Preprocess(32, 32, 3, "none", (0.5,) * 3, (0.5,) * 3)
    before = {
        name: value
        for name, value in preprocess.to_json().items()
        if name not in ("white_level", "max_megapixels")
    }
    assert Preprocess.from_json(before).decoding == Decoding(3, True, 0.0, MAX_PIXELS)
