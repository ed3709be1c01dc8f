"""Every recipe trains: a few steps, with all of its options but length and size of the batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cladenet
from cladenet.data.preprocess import Preprocess
from cladenet.recipes import RECIPES
from cladenet.runs.folder.division import divided
from cladenet.runs.train.finish import RunResult
from cladenet.runs.train.setup import augment_of
from tiny import registered


@pytest.fixture(scope="module")
def tiny() -> Iterator[str]:
    with registered() as name:
        yield name


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of eight JPEGs, dark and bright, no two of one size."""
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for number in range(16):
        label = ("dark", "bright")[number % 2]
        (folder / label).mkdir(exist_ok=True)
        pixels = random.integers(0, 128, (40 + number, 52 - number, 3), dtype=np.uint8)
        Image.fromarray(pixels + 127 * np.uint8(number % 2)).save(folder / label / f"{number}.jpg")
    return folder


def trained(network: str, recipe: str, data: Path | str, out: Path, **more: Any) -> RunResult:
    return cladenet.train(
        network, str(data), recipe=recipe, out=out / "run", quiet=True, device="cpu", threads=1,
        cache_dir=str(out / "cache"), **more,
    )  # fmt: skip


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "linear_probe"])
def test_a_few_steps_by_every_recipe(
    recipe: str, tiny: str, photographs: Path, tmp_path: Path
) -> None:
    # A batch of 6 cannot be cut into SqueezeNet's 16 parts for a network with batch norm.
    parts = min(2, RECIPES[recipe].accumulate)
    result = trained(
        tiny, recipe, photographs, tmp_path, steps=3, batch_size=6, size=8, accumulate=parts
    )
    assert np.isfinite(result.evaluation.loss)
    assert cladenet.load(result.folder).model.auxiliary is None


@pytest.mark.parametrize("recipe", ["alexnet", "resnet_imagenet", "googlenet", "densenet_imagenet"])
def test_photographs_are_trained_on_by_the_papers_crops(
    recipe: str, tiny: str, real_data: Path, tmp_path: Path
) -> None:
    """Real ones, of every size, at the 224 pixels of the papers."""
    lines = ["path,label,split"]
    for split in ("train", "val"):
        for label in ("ants", "bees"):
            images = sorted((real_data / "hymenoptera" / split / label).glob("*.jpg"))[:6]
            lines += [f"{image},{label},{split}" for image in images]
    (tmp_path / "few.csv").write_text("\n".join(lines))
    result = trained(tiny, recipe, tmp_path / "few.csv", tmp_path, steps=2, batch_size=6, size=224)
    assert result.evaluation.n == 12


@pytest.mark.parametrize(
    ("normalise", "mean", "std", "per_image"),
    [
        ("mean", None, 1 / 255, False),  # of levels from 0 to 255 the mean is subtracted
        ("unit", 0.0, 1.0, False),
        ("half", 0.5, 0.5, False),
        ("gcn", None, None, True),
    ],
)
def test_images_are_normalised_as_the_recipe_says_wherever_they_are_seen(
    normalise: str,
    mean: float | None,
    std: float | None,
    per_image: bool,
    tiny: str,
    tmp_path: Path,
) -> None:
    """The metadata have it, so that evaluating, predicting and fine-tuning do it again."""
    result = trained(tiny, "default", "digits", tmp_path, steps=2, normalise=normalise)
    seen = cladenet.load(result.folder).card.preprocess
    measured = Preprocess.for_dataset(
        divided(cladenet.open_dataset("digits"), result.folder / "split.json"), (1, 8, 8)
    )
    assert seen.mean == (measured.mean if mean is None else (mean,))
    assert seen.std == (measured.std if std is None else (std,))
    assert seen.per_image is per_image
    again = cladenet.evaluate(result.folder).evaluation
    assert again.loss == pytest.approx(result.evaluation.loss, rel=1e-6)
    (tmp_path / "tuned").mkdir()
    tuned = trained(
        tiny, "default", "digits", tmp_path / "tuned", steps=1, weights=result.folder, val=0.2
    )
    assert cladenet.load(tuned.folder).card.preprocess == seen


def test_wide_residual_networks_see_a_reflected_border() -> None:
    assert augment_of(RECIPES["wide_resnet_cifar"]).pad_mode == "reflect"
    assert augment_of(RECIPES["resnet_cifar"]).pad_mode == "constant"
