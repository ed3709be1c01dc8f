"""Every recipe trains: a few steps, with all of its options but length and size of the batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cladenet
from cladenet.recipes import RECIPES
from cladenet.runs.train_run import RunResult
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


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_few_steps_by_every_recipe(
    recipe: str, tiny: str, photographs: Path, tmp_path: Path
) -> None:
    result = trained(tiny, recipe, photographs, tmp_path, steps=3, batch_size=6, size=8)
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
