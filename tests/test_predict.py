import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import cladenet
from cladenet.checkpoints import Loaded, load
from cladenet.cli import main
from cladenet.data.dataset import DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, DataError
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.single_scale import evaluate
from cladenet.runs.evaluate.quick import quick
from cladenet.runs.predict.given_images import expanded
from cladenet.runs.predict.image_list import listed
from cladenet.runs.predict.predictor import WORTH_PREPARING, Predictor
from saved_run import noise, save_run

AWKWARD = [b"plain.png", b"new\nline.png", b"quote\",'comma.png", b"\xe7\x8c\xab.png", b"\xff.png",
           b"-dash.png", b"[1].png", b"back\\slash\r.png"]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """24 JPEGs of different sizes, one of them turned by its EXIF entry."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(24):
        folder = root / "val" / ("ant", "bee", "wasp")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(noise(number, 5, 6, 3))
        image = coarse.resize((50 + number, 40 + 2 * number), Image.Resampling.BICUBIC)
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 4 else 1
        image.save(folder / f"{number:02}.jpg", exif=exif)
    return open_dataset(str(root))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, photos: DataSet) -> Path:
    return save_run(tmp_path_factory.mktemp("runs") / "run", photos, fit="crop")


@pytest.fixture(scope="module")
def loaded(run: Path) -> Loaded:
    return load(run)


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    """A picture under each of the awkward names, and a broken file between them."""
    folder = tmp_path / "awkward"
    folder.mkdir()
    for number, name in enumerate(AWKWARD):
        picture = io.BytesIO()
        Image.fromarray(noise(number, 36, 36, 3)).save(picture, "PNG")
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(picture.getvalue())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff and nothing more")
    return folder


def paths_of(photos: DataSet) -> list[str]:
    assert photos.val is not None
    return list(photos.val.images.paths)  # type: ignore[union-attr]


@pytest.mark.parametrize("batch_size", [1, 5, 24])
def test_predicted_logits_are_those_of_the_evaluation_bit_for_bit(
    batch_size: int, loaded: Loaded, photos: DataSet, tmp_path: Path
) -> None:
    """A few images are answered by the plain network, more by the one that is made ready."""
    seen: list[torch.Tensor] = []
    network = (
        loaded.model
        if batch_size < WORTH_PREPARING
        else quick(loaded, "fp32", batch_size, torch.device("cpu"), "auto")
    )
    hook = network.register_forward_hook(lambda *call: seen.append(call[2].clone()))
    assert photos.val is not None
    options = PassOptions(batch_size=batch_size, cache_dir=tmp_path)
    evaluate(network, photos.val, loaded.card.preprocess, options)
    hook.remove()
    found = cladenet.predict(loaded, paths_of(photos), batch_size=batch_size)
    logits = torch.from_numpy(np.stack([prediction.logits for prediction in found]))
    assert torch.equal(logits, torch.cat(seen))


def test_an_answer_hardly_depends_on_the_batch(loaded: Loaded, photos: DataSet) -> None:
    together = cladenet.predict(loaded, paths_of(photos))
    for path, expected in zip(paths_of(photos), together, strict=True):
        (alone,) = cladenet.predict(loaded, path)
        np.testing.assert_allclose(alone.logits, expected.logits, atol=1e-5)


def test_the_likeliest_classes_come_first_with_their_share(loaded: Loaded, photos: DataSet) -> None:
    (found,) = cladenet.predict(loaded, paths_of(photos)[0], top=3)
    weights = np.exp(found.logits.astype(np.float64))
    shares = weights / weights.sum()
    assert [guess.label for guess in found.top] == list(np.argsort(-shares))
    assert [guess.probability for guess in found.top] == pytest.approx(sorted(shares)[::-1])
    assert found.best.name == photos.classes[int(found.logits.argmax())]


def test_no_more_classes_are_named_than_there_are(loaded: Loaded, photos: DataSet) -> None:
    (found,) = cladenet.predict(loaded, paths_of(photos)[0], top=5)
    assert len(found.top) == 3


def test_a_path_bytes_an_array_and_a_picture_are_one_image(loaded: Loaded, tmp_path: Path) -> None:
    pixels = noise(1, 60, 50, 3)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    forms: list[Any] = [path, str(path), path.read_bytes(), pixels, Image.fromarray(pixels)]
    found = cladenet.predict(loaded, forms, batch_size=1)
    assert all((one.logits == found[0].logits).all() for one in found)
    assert [one.source for one in found] == [
        str(path),
        str(path),
        *(f"image[{n}]" for n in (2, 3, 4)),
    ]


def test_a_grey_array_and_its_three_equal_channels_are_one_image(loaded: Loaded) -> None:
    grey = noise(2, 40, 40)
    forms: list[Any] = [grey, grey[..., None], np.repeat(grey[..., None], 3, axis=2)]
    found = cladenet.predict(loaded, forms, batch_size=1)
    assert all((one.logits == found[0].logits).all() for one in found)


def test_an_unreadable_image_is_named_in_its_place_and_nothing_stands_in_for_it(
    loaded: Loaded, photos: DataSet, tmp_path: Path
) -> None:
    good = paths_of(photos)[:5]
    bad = [str(tmp_path / "missing.png"), str(tmp_path / "empty.png")]
    Path(bad[1]).touch()
    mixed = [good[0], bad[0], *good[1:3], bad[1], *good[3:]]
    found = list(Predictor(loaded, batch_size=3)(mixed))
    assert [one.source for one in found] == mixed
    assert [bool(one.error) for one in found] == [path in bad for path in mixed]
    expected = cladenet.predict(loaded, good)
    for one, other in zip((one for one in found if not one.error), expected, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-5)
    with pytest.raises(DataError, match=r"missing.png: does not exist"):
        _ = found[1].best


def test_in_python_an_unreadable_image_is_an_error(loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing.png: does not exist"):
        cladenet.predict(loaded, [tmp_path / "missing.png"])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.float32), r"an image is float32 of shape \(4, 4\); expected uint8"),
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (17, "an image is a int; expected a path, bytes"),
    ],
)
def test_what_is_no_image_is_refused(loaded: Loaded, image: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        cladenet.predict(loaded, [image])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top": 0}, "top is 0"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"fit": "none"}, "fit is 'none'; expected one of stretch, crop"),
        ({"precision": "fp64"}, "precision is 'fp64'"),
        ({"calibration": "digits"}, "calibration is 'digits', but precision is fp32"),
    ],
)
def test_impossible_options_are_refused(
    loaded: Loaded, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        cladenet.predict(loaded, [], **options)


def test_int8_is_calibrated_on_the_images_that_are_named(
    run: Path, photos: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    """These photographs have no training images: the data that the run names are of no use."""
    paths = paths_of(photos)
    with pytest.raises(BadArgument, match=r"has none; give images .* with --calibration DATA"):
        cladenet.predict(run, paths, precision="int8")
    exact = cladenet.predict(run, paths)
    rounded = cladenet.predict(run, paths, precision="int8", calibration=photos.spec)
    for one, other in zip(exact, rounded, strict=True):
        error = np.abs(one.logits - other.logits).max()
        assert 0 < error < 0.25 * np.abs(one.logits).max()
    words = ["predict", str(run), *paths[:2], "--precision", "int8", "--json"]
    assert main([*words, "--calibration", photos.spec]) == 0
    assert [row["file"] for row in json.loads(capsys.readouterr().out)] == paths[:2]
    assert main(words) == 2
    assert "--calibration DATA" in capsys.readouterr().err


def test_a_network_that_does_not_name_its_data_asks_for_calibration_images(
    loaded: Loaded, photos: DataSet
) -> None:
    """As imported weights do; predict has no --data that could be given."""
    unnamed = loaded._replace(card=replace(loaded.card, data={}))
    with pytest.raises(BadArgument, match=r"not say what it was trained on; .* --calibration DATA"):
        cladenet.predict(unnamed, paths_of(photos), precision="int8")
    found = cladenet.predict(unnamed, paths_of(photos), precision="int8", calibration="digits")
    assert len(found) == len(photos.val or [])


def test_a_stream_without_end_is_read_two_batches_ahead_at_most(
    loaded: Loaded, photos: DataSet
) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield paths_of(photos)[0]

    stream = Predictor(loaded, batch_size=4)(endless())
    for _ in range(9):  # the third batch has begun, the fourth is being decoded
        next(stream)
    assert taken == 16


def test_another_size_is_refused_where_training_had_one_and_fit_helps(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run", open_dataset("digits"), fit="none")
    with pytest.raises(DataError, match="an image is 40x44, the network's input 32x32"):
        cladenet.predict(run, noise(1, 40, 44, 1))
    assert cladenet.predict(run, noise(1, 40, 44, 1), fit="stretch")[0].top


def test_folders_and_patterns_give_their_images_in_order(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.jpg", "a.JPG", "note.txt", ".hidden.png", "[x].png", "x.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()

    def names(*words: str) -> list[str]:
        found = map(str, expanded(str(tmp_path / word) for word in words))
        return [os.path.relpath(path, tmp_path) for path in found]

    assert names(".") == ["[x].png", "a.JPG", "b/10.jpg", "b/2.png", "x.png"]
    assert names("b", "a.JPG") == ["b/10.jpg", "b/2.png", "a.JPG"]
    assert names("**/*.png") == ["[x].png", "b/2.png", "x.png"]
    assert names("[x].png", "?.JPG", "no*.gif") == ["[x].png", "a.JPG", "no*.gif"]


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\0"])
def test_a_list_of_files_survives_any_chunking(separator: bytes) -> None:
    class OneByOne(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(1)

    names = [b"a b.png", b"\xff.png", b"\xe7\x8c\xab.png"]
    stream = OneByOne(separator.join(names))
    found = list(listed(stream, separator[-1:]))
    assert [os.fsencode(path) for path in found] == names


def test_json_gives_back_any_file_name(
    run: Path, awkward: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(awkward), "--json"]) == 3
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    found = {os.path.basename(os.fsencode(value["file"])) for value in values}
    assert found == {*AWKWARD, b"broken.jpg"}
    assert [value["file"] for value in values] == sorted(value["file"] for value in values)
    assert [len(value.get("top", ())) for value in values if "error" not in value] == [3] * 8
    assert "broken.jpg: is" in captured.err
    assert "1 of 9 images could not be read" in captured.err


def test_csv_gives_back_any_file_name(
    run: Path, awkward: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["predict", str(run), str(awkward), "--csv", "--top", "2"]) == 3
    text = capfdbinary.readouterr().out.decode("utf-8", "surrogateescape")
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == ["file", "rank", "class", "probability", "error", "true", "run"]
    good = [row for row in rows if not row[4]]
    names = [os.path.basename(os.fsencode(row[0])) for row in good]
    assert sorted(names) == sorted([*AWKWARD, *AWKWARD])
    assert [row[1] for row in good] == ["1", "2"] * 8
    assert {os.path.basename(row[0]) for row in rows if row[4]} == {"broken.jpg"}


def test_plain_text_names_each_image_on_one_line(
    run: Path, awkward: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(awkward), "--top", "1"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(AWKWARD)
    assert any(line.endswith("new\\nline.png") for line in lines)


def test_a_list_on_standard_input_is_predicted_in_its_order(
    run: Path, awkward: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [os.fsencode(awkward) + b"/" + name for name in reversed(AWKWARD)]
    stream = io.TextIOWrapper(io.BytesIO(b"\0".join(names) + b"\0"))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["predict", str(run), "-", "-0", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [os.fsencode(value["file"]) for value in values] == names


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["empty"], 3, "no image was given"),
        (["-0", "a.png"], 2, "-0 is for a list on standard input"),
        (["-", "-"], 2, "standard input can be read once"),
        (["a.png", "--top", "0"], 2, "top is 0"),
    ],
)
def test_a_command_without_sense_says_so(
    run: Path, tmp_path: Path, words: list[str], status: int, message: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(run), *words]) == status
    assert message in capsys.readouterr().err
