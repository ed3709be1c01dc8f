"""Near duplicates: what `check` finds of photographs that were saved again, and what it leaves."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from cladenet.cli import main
from cladenet.data.check.alike import alike
from cladenet.data.images.decode import decode
from cladenet.data.images.thumbnail import thumbnail
from cladenet.data.sources.open import open_dataset

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "quality 10": lambda image: again(image, quality=10),
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "thumbnail of 64": lambda image: image.resize((64, 64)),
    "enlarged": lambda image: image.resize((image.width * 3 // 2, image.height * 3 // 2)),
    "squeezed": lambda image: image.resize((image.width, image.height * 4 // 5)),
    "border of 2 % cut": lambda image: cut(image, 0.01),
    "brighter": lambda image: image.point(lambda level: min(255, level + 20)),
    "darker": lambda image: image.point(lambda level: max(0, level - 20)),
    "contrast": lambda image: image.point(lambda level: (level - 128) * 6 // 5 + 128),
    "gamma": lambda image: image.point(lambda level: round(255 * (level / 255) ** 0.8)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "mirrored, quality 20": lambda image: again(ImageOps.mirror(image), quality=20),
}


def again(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cut(image: Image.Image, part: float) -> Image.Image:
    """`part` of each side away, at all four borders."""
    left, top = round(image.width * part), round(image.height * part)
    return image.crop((left, top, image.width - left, image.height - top))


@pytest.fixture(scope="module")
def photos(real_data: Path) -> list[Image.Image]:
    paths = sorted((real_data / "hymenoptera").rglob("*.jpg"))
    return [Image.fromarray(decode(path, reduce_to=128)) for path in paths]


def thumbnails(images: list[Image.Image]) -> np.ndarray:
    return np.array([thumbnail(np.asarray(image)) for image in images])


def test_unrelated_photographs_are_not_alike(photos: list[Image.Image]) -> None:
    """240 of ants and bees, no two of one scene."""
    every = thumbnails(photos)
    assert alike(every, np.arange(240), np.zeros(240, np.int64)).tolist() == list(range(240))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_unrelated_ones(
    photos: list[Image.Image], change: str
) -> None:
    changed = [CHANGES[change](image) for image in photos[::4]]
    found = alike(thumbnails([*photos, *changed]), np.arange(300), np.zeros(300, np.int64))
    pairs = sum(found[240 + n] == found[4 * n] for n in range(60))
    assert pairs >= 59
    assert found[:240].tolist() == list(range(240))


def test_less_is_found_the_more_is_cut(photos: list[Image.Image]) -> None:
    counts = []
    for part in (0.01, 0.02, 0.03, 0.1):
        changed = [cut(image, part) for image in photos[::4]]
        found = alike(thumbnails([*photos, *changed]), np.arange(300), np.zeros(300, np.int64))
        counts.append(int(sum(found[240 + n] == found[4 * n] for n in range(60))))
    assert counts[0] == 60
    assert counts[1] >= 48
    assert counts == sorted(counts, reverse=True)
    assert counts[3] < 10


def test_cifar_has_near_duplicates_and_few_of_them(real_data: Path) -> None:
    """CIFAR-10 is known for them (Barz, Denzler 2020); each of the groups was looked at: cars and
    frogs that differ in cut, colour or contrast, deer and ostriches beside their mirror images, and
    no two that show another scene."""
    dataset = open_dataset(f"cifar10:{real_data}")
    arrays = [split.images.array for split in dataset.splits().values()]  # type: ignore[union-attr]
    every = np.array([thumbnail(image) for images in arrays for image in images])
    places = np.arange(len(every))
    labels = np.concatenate([split.labels for split in dataset.splits().values()])
    _, plain = np.unique(alike(every, places, places), return_counts=True)
    _, mirrored = np.unique(alike(every, places, labels), return_counts=True)
    assert len(every) == 21_000
    assert 40 <= (plain > 1).sum() <= 60
    assert (plain > 1).sum() + 10 <= (mirrored > 1).sum() <= 75
    assert max(plain.max(), mirrored.max()) <= 4


def test_a_mirror_image_under_another_label_is_another_image(photos: list[Image.Image]) -> None:
    """As of signs that point left and right."""
    every = thumbnails([*photos[:20], *map(ImageOps.mirror, photos[:20])])
    labels = np.repeat([0, 1], 20)
    assert alike(every, np.arange(40), labels).tolist() == list(range(40))
    assert alike(every, np.arange(40), 0 * labels).tolist() == 2 * list(range(20))


def test_pictures_that_are_their_own_mirror_image_are_alike_to_no_other() -> None:
    columns = np.minimum(np.arange(16), np.arange(16)[::-1]) * 30
    one, other = np.tile(columns, (16, 1)), np.tile(columns, (16, 1)).T
    every = np.stack([one, other]).astype(np.uint8)
    assert alike(every, np.arange(2), np.zeros(2, np.int64)).tolist() == [0, 1]


def test_pictures_of_one_colour_are_left_out() -> None:
    plain = np.full((3, 16, 16), 7, np.uint8)
    plain[1] += 100
    assert alike(plain, np.arange(3), np.zeros(3, np.int64)).tolist() == [0, 1, 2]
    assert (
        alike(np.zeros((0, 16, 16), np.uint8), np.arange(0), np.zeros(0, np.int64)).tolist() == []
    )


def test_the_thumbnail_is_the_mean_of_each_cell() -> None:
    pixels = np.arange(32 * 48, dtype=np.uint32).reshape(32, 48) % 251
    image = np.repeat(pixels.astype(np.uint8)[:, :, None], 3, axis=2)
    expected = image[..., 0].reshape(16, 2, 16, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(thumbnail(image), expected, atol=0.51)
    np.testing.assert_array_equal(thumbnail(image[:, :, :1]), thumbnail(image))
    narrow = np.array([[[0], [200]]], np.uint8)  # 1x2: each pixel is eight columns
    assert thumbnail(narrow)[5].tolist() == [0] * 8 + [200] * 8


def test_check_names_them_with_their_splits(
    photos: list[Image.Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two in val are like one in train each, one of them under another label; one is equal."""
    for number, image in enumerate(photos[:40]):
        part = tmp_path / "train" / ("ants" if number < 20 else "bees")
        part.mkdir(parents=True, exist_ok=True)
        image.save(part / f"{number:02}.png")
    for name in ("ants", "bees"):
        (tmp_path / "val" / name).mkdir(parents=True)
    photos[0].resize((70, 60)).save(tmp_path / "val/ants/small.png")
    again(photos[1], quality=20).save(tmp_path / "val/bees/saved again.png")
    photos[2].save(tmp_path / "val/ants/equal.bmp")
    photos[50].save(tmp_path / "val/bees/new.png")
    assert main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "leak (by pixels): 1 of 4 val images is in train too" in out
    assert "near duplicates: 2 of 4 val images show nearly the same as one of train" in out
    assert "1 group of near duplicates carries two labels" in out
    assert "4 images show nearly the same as another one, in 2 groups" in out
    assert f"{tmp_path}/train/ants/00.png (train, ants)  ~  {tmp_path}/val/ants/small.png" in out
    assert main(["check", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["alike_counts"] == {"groups": 2, "images": 4, "across_splits": 2}
    assert report["duplicates_counts"] == {"groups": 1, "images": 2, "across_splits": 1}
    assert [Path(copy["id"]).name for copy in report["alike"][1]] == ["01.png", "saved again.png"]
