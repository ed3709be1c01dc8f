import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cladenet
from cladenet.cli import main
from cladenet.data.dataset import DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.data.split import write_index
from cladenet.errors import BadArgument, CheckpointError, CladeNetError, DataError
from cladenet.runs.folder.division import decide_division
from saved_run import noise, save_run, small_network

ANIMALS = ("ant", "bee", "wasp")


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("runs") / "digits", open_dataset("digits"))


def image_folder(root: Path, classes: tuple[str, ...] = ANIMALS, each: int = 2) -> Path:
    for number, name in enumerate(classes):
        folder = root / name
        folder.mkdir(parents=True)
        for index in range(each):
            pixels = noise(10 * number + index, 40, 44, 3)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


@pytest.fixture
def animals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Six noisy images in train/, three in val/."""
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    image_folder(tmp_path / "animals/train")
    image_folder(tmp_path / "animals/val", each=1)
    return open_dataset(str(tmp_path / "animals"))


def test_the_test_split_is_scored_as_by_hand(digits_run: Path) -> None:
    """The 8x8 scans stretched, normalised and counted in plain torch."""
    found = cladenet.evaluate(digits_run)
    test = open_dataset("digits").test
    assert test is not None
    pixels = torch.from_numpy(test.images.array).permute(0, 3, 1, 2)  # type: ignore[union-attr]
    large = torch.nn.functional.interpolate(pixels, (32, 32), mode="bilinear", antialias=True)
    with torch.no_grad():
        guesses = small_network(10, 1)((large.float() / 255 - 0.4) / 0.3).argmax(1)
    assert (found.split, found.n) == ("test", len(test))
    assert found.evaluation.wrong == int((guesses.numpy() != test.labels).sum())
    assert found.top1_error == pytest.approx(100 * found.evaluation.wrong / found.n)


def test_without_a_test_split_validation_is_scored(tmp_path: Path, animals: DataSet) -> None:
    found = cladenet.evaluate(save_run(tmp_path / "run", animals))
    assert (found.split, found.n, found.top5_error) == ("val", 3, None)


def test_weights_chosen_on_the_scored_images_are_spoken_of(
    tmp_path: Path, animals: DataSet
) -> None:
    run = save_run(tmp_path / "run", animals)
    notes = cladenet.evaluate(run, split="val").notes
    assert any("chosen because they did well on these images" in note for note in notes)


def test_scoring_the_training_images_is_spoken_of(digits_run: Path) -> None:
    found = cladenet.evaluate(digits_run, split="train")
    assert any("trained on these very images" in note for note in found.notes)
    assert not any("trained on" in note for note in cladenet.evaluate(digits_run).notes)


def test_val_means_the_images_that_the_run_held_out(tmp_path: Path) -> None:
    dataset = open_dataset("digits")
    run = save_run(tmp_path / "run", dataset)
    parts = decide_division(dataset, 0.1, 0.1, seed=3)
    write_index(run / "split.json", parts, dataset.train)
    held_out = cladenet.evaluate(run, split="val", worst=len(parts["val"]))
    ids = {dataset.train.ids[int(index)] for index in parts["val"]}
    assert held_out.n == len(parts["val"])
    assert held_out.evaluation.mistakes
    assert {mistake.id for mistake in held_out.evaluation.mistakes} <= ids


def test_training_data_that_changed_are_refused(tmp_path: Path, animals: DataSet) -> None:
    run = save_run(tmp_path / "run", animals)
    write_index(run / "split.json", {"train": np.arange(4), "test": np.arange(4, 6)}, animals.train)
    Image.fromarray(noise(99, 40, 40, 3)).save(tmp_path / "animals/train/ant/new.png")
    with pytest.raises(DataError, match="the training data have changed"):
        cladenet.evaluate(run)


def test_classes_in_another_order_are_matched_by_name(tmp_path: Path, animals: DataSet) -> None:
    """The network's numbers for bee, wasp, ant are 0, 1, 2; its answers stay what they were."""
    turned = ("bee", "wasp", "ant")
    found = cladenet.evaluate(save_run(tmp_path / "run", animals, classes=turned), split="train")
    plain = cladenet.evaluate(save_run(tmp_path / "plain", animals), split="train")
    to_turned = [turned.index(name) for name in ANIMALS]
    assert found.classes == turned
    assert any("matched by name" in note for note in found.notes)
    assert (found.evaluation.confusion[to_turned] == plain.evaluation.confusion).all()


def test_other_classes_are_refused_with_the_difference(tmp_path: Path, animals: DataSet) -> None:
    run = save_run(tmp_path / "run", animals)
    other = image_folder(tmp_path / "other/val", ("ant", "bee", "moth", "fly"))
    with pytest.raises(CheckpointError, match="has 3 classes, the data have 4") as caught:
        cladenet.evaluate(run, str(other.parent))
    assert "Only the network knows 'wasp'; only the data have 'fly', 'moth'." in str(caught.value)
    assert caught.value.exit_status == 4


def test_training_images_alone_are_not_scored_unasked(tmp_path: Path, animals: DataSet) -> None:
    run = save_run(tmp_path / "run", animals)
    flat = str(image_folder(tmp_path / "flat"))
    with pytest.raises(BadArgument, match=r"has training images only.*--split train"):
        cladenet.evaluate(run, flat)
    assert cladenet.evaluate(run, flat, "train").n == 6


def test_int8_is_calibrated_on_data_of_any_classes(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Noise gives other ranges than the training images of digits, and so other answers."""
    animals = str(image_folder(tmp_path / "animals"))
    words = ["evaluate", str(digits_run), "--precision", "int8", "--json"]
    losses = []
    for calibration in ([], ["--calibration", animals]):
        assert main([*words, *calibration]) == 0
        losses.append(json.loads(capsys.readouterr().out)["loss"])
    assert losses[0] != losses[1]


def test_images_of_another_size_than_the_network_was_trained_for_are_refused(
    tmp_path: Path,
) -> None:
    run = save_run(tmp_path / "run", open_dataset("digits"), fit="none")
    with pytest.raises(BadArgument, match="an image is 8x8, the network's input 32x32"):
        cladenet.evaluate(run)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "densest"}, "protocol is 'densest'; expected one of single-scale, dense"),
        ({"split": "dev"}, "digits has no split 'dev'; it has train, test"),
        ({"precision": "int4"}, "precision is 'int4'; expected one of fp32, bf16, int8"),
        ({"calibration": "digits"}, "calibration is 'digits', but precision is fp32"),
        ({"protocol": "ten-crop", "calibration": "digits"}, "calibration is 'digits'"),
        ({"engine": "steam"}, "engine is 'steam'; expected auto, fastest or one of packed,"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"data": "digist"}, "digits"),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    digits_run: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(CladeNetError, match=message):
        cladenet.evaluate(digits_run, **options)  # type: ignore[arg-type]


def test_a_folder_without_a_checkpoint_ends_with_status_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tmp_path)]) == 4
    assert "holds no checkpoint" in capsys.readouterr().err


def test_a_flipped_bit_in_the_weights_ends_with_status_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = save_run(tmp_path / "run", open_dataset("digits"))
    weights = run / "checkpoints/best/weights.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-100] ^= 4
    weights.write_bytes(damaged)
    assert main(["evaluate", str(run)]) == 4
    assert "is damaged: its SHA-256 is not the one" in capsys.readouterr().err


def test_the_command_prints_figures_classes_and_confusion(
    digits_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(digits_run), "--worst", "2"]) == 0
    text = capsys.readouterr().out
    found = cladenet.evaluate(digits_run, worst=2)
    low, high = found.evaluation.top1_interval
    assert f"{found.top1_error:.2f} %  [{low:.2f}, {high:.2f}]" in text
    lines = text.splitlines()
    start = lines.index("confusion: rows are the true classes, columns the answers") + 2
    counts = [[int(cell) if cell != "." else 0 for cell in line.split()[1:]]
              for line in lines[start : start + 10]]  # fmt: skip
    assert counts == found.evaluation.confusion.tolist()
    assert found.evaluation.mistakes[1].id in text


def test_json_on_the_terminal_and_in_a_file_are_the_same(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "result.json"
    assert main(["evaluate", str(digits_run), "--json", "--output", str(target)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads(target.read_text()) == printed
    assert sum(map(sum, printed["confusion"])) == printed["n"]
    assert len(printed["per_class"]) == 10


def test_a_result_that_cannot_be_kept_is_said_before_the_work(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(digits_run), "--output", str(tmp_path / "no/r.json")]) == 2
    assert "its folder does not exist" in capsys.readouterr().err


def test_wide_letters_keep_the_columns_in_line() -> None:
    from cladenet.cli.text.text_table import text_table

    table = text_table([], [["猫", "1"], ["abcd", "20"]], "lr")
    assert table == "猫     1\nabcd  20"
