"""Copies of repositories of the Hugging Face hub: what lies beside the weights comes with them.

`images_of_transformers` was compared with the image processors of transformers 5.24 themselves, on
two photographs and fourteen settings: equal bits with its processors on Pillow, up to two levels of
255 with those on torchvision, whose resize is another; where what is cut off is an odd number of
pixels, theirs cut one pixel higher and further left.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import cladenet
import cladenet.weights.resolve as resolving
from cladenet.cli import main
from cladenet.errors import BadArgument, CheckpointError
from cladenet.weights.beside import beside, images_of_transformers
from cladenet.weights.resolve import resolve
from test_foreign_files import vit_of_transformers

BIRDS = {"model_type": "vit", "id2label": {str(n): f"bird {n}" for n in range(5)}}
IMAGES = {
    "image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224},
    "resample": 3, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.2, 0.3],
}  # fmt: skip


def folder_of(
    place: Path, config: Any = BIRDS, images: Any = IMAGES, name: str = "model.safetensors"
) -> Path:
    place.mkdir()
    save_file(vit_of_transformers(), place / name)
    for file, content in (("config.json", config), ("preprocessor_config.json", images)):
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content)
            (place / file).write_text(text)
    return place


@pytest.mark.parametrize("by", ["folder", "file"])
def test_a_copy_says_its_images_and_classes(
    by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path / "birds")
    given = folder if by == "folder" else folder / "model.safetensors"
    assert main(["import", str(given), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "vit_ti_16, 5 classes, in the names of transformers/vit-tiny-patch16-224" in printed
    assert "images are taken to be the file's own: the whole image as 224x224, bicubic" in printed
    assert "classes are numbers" not in printed
    card = cladenet.load(tmp_path / "out").card
    assert card.classes == tuple(f"bird {n}" for n in range(5))
    assert (card.preprocess.mean, card.preprocess.std) == ((0.4, 0.5, 0.6), (0.2, 0.2, 0.3))


def test_a_copy_stands_for_weights_as_a_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    card = cladenet.load(resolve(folder_of(tmp_path / "birds"))).card
    assert (card.network, card.preprocess.interpolation) == ("vit_ti_16", "bicubic")


def test_the_hub_gives_the_same_as_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the weights are pytorch_model.bin alone, as until 2023."""
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    folder = folder_of(tmp_path / "birds")
    (folder / "model.safetensors").unlink()
    torch.save(vit_of_transformers(), folder / "pytorch_model.bin")

    def download(repository: str, name: str, file: str = "model.safetensors") -> Path:
        if not (folder / file).is_file():
            raise CheckpointError(f"{name} has no {file}")
        return folder / file

    monkeypatch.setattr(resolving, "fetch_from_hub", download)
    card = cladenet.load(resolve("hf:somebody/birds")).card
    assert card.classes[2] == "bird 2"
    assert card.preprocess.mean == (0.4, 0.5, 0.6)


def test_what_the_user_says_comes_first(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join("abcde"))
    words = ["import", str(folder_of(tmp_path / "birds")), "--out", str(tmp_path / "out")]
    assert main([*words, "--classes", str(names), "mean=0.1,0.2,0.3"]) == 0
    card = cladenet.load(tmp_path / "out").card
    assert (card.classes, card.preprocess.mean) == (tuple("abcde"), (0.1, 0.2, 0.3))


def test_names_that_nobody_gave_stay_numbers(tmp_path: Path) -> None:
    unnamed = {"model_type": "vit", "id2label": {"0": "LABEL_0", "1": "LABEL_1"}}
    folder = folder_of(tmp_path / "birds", unnamed)
    assert beside(folder / "model.safetensors").classes == ()
    assert beside(folder / "other.safetensors") == beside(tmp_path / "model.safetensors")


_HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # What the classes of transformers do where a file leaves it out.
        ({"image_processor_type": "ViTImageProcessor"},
         {"size": 224, "fit": "stretch", "interpolation": "bilinear", **_HALF}),
        ({"feature_extractor_type": "ViTFeatureExtractor", "size": 384, "resample": 3},
         {"size": 384, "fit": "stretch", "interpolation": "bicubic", **_HALF}),
        ({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}},
         {"size": 224, "resize": 256, "fit": "crop", "interpolation": "bicubic", **_HALF}),
        ({"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224, "crop_pct": 0.95},
         {"size": 224, "resize": 235, "fit": "crop", "interpolation": "bicubic", **_HALF}),
        ({"image_processor_type": "ConvNextImageProcessorFast", "size": {"shortest_edge": 384}},
         {"size": 384, "fit": "stretch", "interpolation": "bicubic", **_HALF}),
        ({"image_processor_type": "MobileNetV2ImageProcessor", "size": 224,
          "crop_size": {"height": 192, "width": 192}},
         {"size": 192, "resize": 224, "fit": "crop", "interpolation": "bilinear", **_HALF}),
        ({"image_processor_type": "DeiTImageProcessor", "size": {"height": 256, "width": 256},
          "crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "resample": 3},
         {"size": 224, "resize": 256, "fit": "stretch", "interpolation": "bicubic", **_HALF}),
    ],
)  # fmt: skip
def test_sizes_are_those_of_the_processors(given: Any, expected: Any) -> None:
    assert images_of_transformers(given) == expected


@pytest.mark.parametrize(
    ("given", "mean", "std"),
    [
        ({"image_mean": 0.25, "image_std": 0.5}, 0.25, 0.5),  # one for all channels
        ({"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [51] * 3}, 0.5, 0.2),
        ({"rescale_factor": 1 / 127.5, "image_mean": [1] * 3, "image_std": [1] * 3}, 0.5, 0.5),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False}, 0.5, 0.5),
        ({"do_normalize": False}, 0, 1),  # values in [0, 1] as they are
        ({"do_rescale": False, "do_normalize": False}, 0, 1 / 255),  # levels as they are
    ],
)
def test_mean_and_std_are_for_values_of_0_to_1(given: Any, mean: float, std: float) -> None:
    """(x factor - offset - mean) / std of levels x, solved by hand."""
    found = images_of_transformers(given)
    assert found["mean"] == pytest.approx((mean,) * 3)
    assert found["std"] == pytest.approx((std,) * 3)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ({"resample": 1}, "it resizes by Pillow's filter 1, here are 2 and 3"),
        ({"do_resize": False}, "its images are not resized, and are of many sizes"),
        ({"size": {"height": 224, "width": 448}}, "its images are 224x448, here they are square"),
        ({"size": {"shortest_edge": 224}}, "it resizes to {'shortest_edge': 224} and cuts nothing"),
    ],
)
def test_what_is_not_done_here_is_refused_with_the_way_out(
    images: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path / "birds", images=images)
    status = main(["import", str(folder), "--out", str(tmp_path / "out")])
    assert status == CheckpointError.exit_status
    printed = capsys.readouterr().err
    assert f"the preprocessor_config.json of {folder} is for other images than are made" in printed
    assert said in printed
    assert "cladenet import FILE size= resize= mean=" in printed


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("content", ["<html>", "[1]", '{"size": {}, "architecture": 3}', ""])
def test_a_damaged_description_is_named(file: str, content: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "birds")
    (folder / file).write_text(content)
    with pytest.raises((CheckpointError, BadArgument), match=r"is not one of timm's|is known as"):
        resolve(folder)


def test_a_folder_without_weights_or_in_parts_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "birds", name="model-00001-of-00002.safetensors")
    with pytest.raises(CheckpointError, match="holds its weights in several files; save them in"):
        resolve(folder)
    (folder / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has a config\.json and no weights: expected model"):
        resolve(folder)
