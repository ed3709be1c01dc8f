"""The data check, as a function and as a command."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cladenet
from cladenet.cli import main
from cladenet.data.check.check import Report, check_dataset
from cladenet.data.check.judge_for import Need
from cladenet.data.dataset import DataSet, from_array
from cladenet.data.sources.open import open_dataset

RESNET = Need("resnet18", 3, 224, 224, 1000)


def folder(root: Path, train: int = 25, val: int = 5, side: int = 256) -> Path:
    colour = 0
    for part, count in (("train", train), ("val", val)):
        for name in ("ant", "bee"):
            (root / part / name).mkdir(parents=True)
            for n in range(count):
                colour += 1
                image = Image.new("RGB", (side, side), (colour % 256, colour // 256, 0))
                image.save(root / part / name / f"{n}.png")
    return root


def check(root: Path, need: Need | None = None) -> Report:
    return check_dataset(open_dataset(str(root), verify=False), need)


def test_a_clean_set_has_nothing_to_say_but_what_it_is(tmp_path: Path) -> None:
    report = check(folder(tmp_path), RESNET)
    assert report.counts == {"train": (25, 25), "val": (5, 5)}
    assert report.kinds == {"PNG RGB": 60}
    assert report.sizes is not None
    assert report.sizes.short_side == (256, 256, 256)
    assert (report.problems, report.warnings, report.duplicates) == ((), (), ())
    assert report.notes == (
        "all images are at least resnet18's 224x224",
        "the head of resnet18 gets 2 outputs instead of 1,000",
    )


def test_leaks_and_copies_are_told_apart(tmp_path: Path) -> None:
    """B8: the same bytes in train and val, twice in train, and under two labels."""
    train, val = folder(tmp_path) / "train", tmp_path / "val"
    shutil.copy(train / "ant" / "0.png", val / "ant" / "leaked.png")
    os.link(train / "ant" / "1.png", train / "ant" / "hard link.png")
    shutil.copy(train / "ant" / "2.png", train / "bee" / "mislabelled.png")
    report = check(tmp_path)
    assert report.problems == ()
    assert len(report.duplicates) == 3
    leak, two_labels, within = report.warnings
    assert leak.startswith("leak (by pixels): 1 of 11 val images is in train too, such as ")
    assert leak.index("val/ant/leaked.png, which is ") < leak.index("train/ant/0.png; errors")
    assert two_labels.startswith("1 image (by pixels) carries two labels")
    assert within == "2 images (by pixels) occur more than once in train, 4 times in all"


def test_equal_pixels_of_arrays_are_found() -> None:
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)
    labels = np.repeat(np.arange(2), 30)
    train = from_array("train", images, labels)
    data = DataSet("d", "d", ("a", "b"), 1, train, test=from_array("test", images[7:8], labels[:1]))
    report = check_dataset(data)
    assert report.compared_by == "pixels"
    assert [[copy.id for copy in group] for group in report.duplicates] == [["train[7]", "test[0]"]]


def test_small_grey_images_are_judged_for_a_large_colour_network() -> None:
    report = check_dataset(open_dataset("digits"), RESNET)
    # 224 / 8 = 28
    assert "the images are enlarged 28.0 times to resnet18's 224x224" in report.warnings[0]
    assert "grey images are repeated to the 3 channels of resnet18" in report.notes
    lenet = check_dataset(open_dataset("digits"), Need("lenet5", 1, 12, 12, 10))
    assert lenet.warnings == ()
    assert "100% of the images are smaller than lenet5's 12x12, by up to 1.50 times" in lenet.notes


def test_colour_images_for_a_grey_network_become_luminance(tmp_path: Path) -> None:
    notes = check(folder(tmp_path), Need("lenet5", 1, 32, 32, 10)).notes
    assert "colours become luminance for the 1 channel of lenet5" in notes


def test_imbalance_and_small_classes_are_warned_of() -> None:
    labels = np.repeat(np.arange(3), [120, 30, 10])
    images = np.random.default_rng(0).integers(0, 256, (160, 8, 8, 1), np.uint8)
    few, ratio = check_dataset(
        DataSet("d", "d", ("a", "b", "c"), 1, from_array("train", images, labels))
    ).warnings
    assert few == "1 class has fewer than 20 training images, the smallest 10"
    assert "12.0 times the images of the smallest" in ratio


def test_a_class_with_one_image_and_no_validation_set_blocks_training() -> None:
    labels = np.repeat(np.arange(2), [30, 1])
    images = np.random.default_rng(0).integers(0, 256, (31, 8, 8, 1), np.uint8)
    train = from_array("train", images, labels)
    assert check_dataset(DataSet("d", "d", ("a", "b"), 1, train)).problems == (
        "1 class has one training image, so that none can be held out for validation: b",
    )
    assert check_dataset(DataSet("d", "d", ("a", "b"), 1, train, val=train)).problems == ()


def test_the_command_prints_a_report_and_exits_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(folder(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path}: 50 train, 10 val; 2 classes" in out
    assert "sizes: all 256x256" in out
    assert "ant          25         5" in out
    assert out.endswith("ready for training\n")


def test_unreadable_files_are_listed_and_exit_3_unless_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path)
    (tmp_path / "train" / "ant" / "two\nlines.png").write_bytes(b"")
    assert main(["check", str(tmp_path)]) == 3
    out = capsys.readouterr().out
    assert "1 of 61 images cannot be read" in out
    assert f"  {tmp_path}/train/ant/two\\nlines.png: is empty (0 bytes)\n" in out
    assert out.endswith("this blocks training\n")
    assert main(["check", str(tmp_path), "--on-unreadable", "skip"]) == 0


def test_json_holds_everything_and_survives_odd_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path)
    shutil.copy(tmp_path / "train/ant/0.png", tmp_path / "val/bee" / os.fsdecode(b"caf\xe9 \n.png"))
    (tmp_path / "train" / "bee" / "蚂蚁.jpg").write_bytes(b"<html>")
    assert main(["check", str(tmp_path), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"train": [25, 26], "val": [5, 6]}
    assert report["unreadable"][0][0].endswith("蚂蚁.jpg")
    first, second = report["duplicates"][0]
    assert (first["split"], second["split"], second["label"]) == ("train", "val", 1)
    assert second["id"].endswith("caf\\xe9 \\n.png")
    assert report["sizes"]["width"] == [256, 256, 256]


def test_counts_of_classes_are_whole_sentences_in_chinese(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("ant", "bee", "bee")):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("RGB", (9, 9), (number, 80 * number, 9)).save(tmp_path / name / f"{number}.png")
    monkeypatch.setenv("CLADENET_LANG", "zh")
    assert main(["check", str(tmp_path)]) == 3
    out = capsys.readouterr().out
    assert "\n  1 个类别只有一张训练图像" in out
    assert "\n  2 个类别的训练图像不足 20 张" in out


def test_the_network_of_the_command_is_the_ledgers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "digits", "--for", "resnet18"]) == 0
    assert "enlarged 28.0 times to resnet18's 224x224" in capsys.readouterr().out
    assert main(["check", "digits", "--for", "resnt18"]) == 2
    assert "resnet18" in capsys.readouterr().err


def test_a_layout_that_cannot_be_opened_exits_3_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path)]) == 3
    assert capsys.readouterr().err.startswith(f"cladenet: {tmp_path} has no class folders")


def test_many_classes_show_the_largest_and_the_smallest(
    capsys: pytest.CaptureFixture[str], real_data: Path
) -> None:
    assert main(["check", f"imagenet:{real_data / 'imagenet-samples'}"]) == 3
    captured = capsys.readouterr()
    assert "... 980 more" in captured.out
    assert "there are no training images" in captured.out


def test_real_photographs_are_clean(real_data: Path) -> None:
    report = check(real_data / "hymenoptera", RESNET)
    assert (report.problems, report.warnings, report.duplicates) == ((), (), ())
    assert report.kinds == {"JPEG RGB": 240}


def test_check_needs_no_torch() -> None:
    """Importing it takes seconds, which is most of the time for a small folder."""
    code = "import sys, cladenet.cli.datasets.check_command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("ants", "message"),
    [
        (
            ("bee/0.png", "bee/1.png", "bee/2.png"),
            "class 'ant' has 3 images, equal to images of other classes",
        ),
        (("0.png", "1.png"), "class 'ant' has 2 images that differ, and train, val and test need"),
        (("0.png", "0.png"), r"class 'ant' has a single image \(.*, 2 times\)"),
    ],
)
def test_what_training_cannot_divide_blocks_it(
    ants: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message is the one that training stops with."""
    source, data = folder(tmp_path / "source") / "train", tmp_path / "data"
    shutil.copytree(source / "bee", data / "bee")
    (data / "ant").mkdir()
    for n, name in enumerate(ants):
        shutil.copy(source / (name if "/" in name else f"ant/{name}"), data / "ant" / f"{n}.png")
    (problem,) = cladenet.check(data).problems
    assert re.match(message, problem)
    assert main(["check", str(data)]) == 3
    capsys.readouterr()
    assert main(["train", "lenet5_relu", "--data", str(data), "--out", str(tmp_path / "r")]) == 3
    assert problem in capsys.readouterr().err
