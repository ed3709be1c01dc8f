"""Every known set of weights sees a photograph as its library's own transform makes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from cladenet.vision import torchvision
from cladenet.weights.known import Weights, default_weights, find_weights, known_weights

# Normalised again inside the network where torchvision's own weights are loaded.
TRANSFORMED = ("torchvision/googlenet", "torchvision/inception_v3")
Transform = Callable[[Image.Image], Tensor]


def photographs(real_data: Path) -> list[Image.Image]:
    """The widest and the tallest of some, no side a multiple of 8."""
    files = sorted((real_data / "hymenoptera" / "val").glob("*/*"))[:40]
    pictures = [Image.open(file).convert("RGB") for file in files]
    pictures.sort(key=lambda picture: picture.width / picture.height)
    return [pictures[0], pictures[-1]]


def ours(weights: Weights) -> Preprocess:
    values = weights.preprocess
    size = values.pop("size")
    return Preprocess(size, size, 3, **values)


def torchvisions(weights: Weights) -> tuple[Any, Transform]:
    from torchvision import models

    declared = models.get_model_weights(weights.source.partition("/")[2])[
        weights.name.rpartition(":")[2]
    ]
    seen = declared.transforms()
    key = (seen.crop_size, seen.resize_size, seen.interpolation, seen.mean, seen.std)
    if weights.source not in TRANSFORMED:
        return key, seen
    mean, std = (torch.tensor(row)[:, None, None] for row in (IMAGENET_MEAN, IMAGENET_STD))
    return (key, "transformed"), lambda image: (seen(image) * std + mean - 0.5) / 0.5


def timms(weights: Weights) -> tuple[Any, Transform]:
    import timm

    declared: Any = timm.models.get_pretrained_cfg(weights.name.removeprefix("timm/"))
    config = timm.data.resolve_data_config({}, pretrained_cfg=declared.to_dict())
    return str(config), timm.data.create_transform(**config)


@pytest.mark.parametrize(("library", "of"), [("torchvision", torchvisions), ("timm", timms)])
def test_a_photograph_is_seen_as_the_librarys_own_transform_has_it(
    library: str, of: Callable[[Weights], tuple[Any, Transform]], real_data: Path
) -> None:
    """To the pixel: one level of 255 would be 0.0087 or more. Equal declarations are tried once."""
    torchvision()
    pictures, tried, sets = photographs(real_data), set(), 0
    for weights in known_weights().values():
        if not weights.name.startswith(library):
            continue
        sets += 1
        (key, theirs), preprocess = of(weights), ours(weights)
        if (str(key), preprocess) in tried:
            continue
        tried.add((str(key), preprocess))
        for picture in pictures:
            pixels = torch.from_numpy(preprocess.prepare(np.asarray(picture))[None])
            found, expected = preprocess.to_input(pixels)[0], theirs(picture)
            assert found.shape == expected.shape, weights.name
            worst = (found - expected).abs().max().item()
            assert worst < 1e-5 * max(1, 1 / min(preprocess.std) / 4), weights.name
    assert sets == len([name for name in known_weights() if name.startswith(library)])
    assert len(tried) > 10


@pytest.mark.parametrize("mode", ["squash", "border"])
@pytest.mark.parametrize("crop_pct", [1.0, 0.9])
@pytest.mark.parametrize("size", [(90, 141), (141, 90), (40, 40), (33, 500)])
def test_crop_modes_are_timms(mode: str, crop_pct: float, size: tuple[int, int]) -> None:
    """131 of timm's sets squash, 6 have borders; the repositories on the hub have them too."""
    torchvision()
    import timm

    mean, std = (0.41, 0.52, 0.63), (0.2, 0.3, 0.25)
    theirs = timm.data.create_transform(
        input_size=64, is_training=False, crop_pct=crop_pct, crop_mode=mode,
        interpolation="bicubic", mean=mean, std=std,
    )  # fmt: skip
    fit = {"squash": "stretch", "border": "border"}[mode]
    side = int(64 / crop_pct)
    preprocess = Preprocess(64, 64, 3, fit, mean, std, resize=side, interpolation="bicubic")
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = preprocess.to_input(torch.from_numpy(preprocess.prepare(pixels)[None]))[0]
    torch.testing.assert_close(found, theirs(Image.fromarray(pixels)), rtol=0, atol=1e-5)


def test_the_default_is_the_one_that_torchvision_recommends() -> None:
    """Not the last of the list: vit_l_16's last has another licence."""
    torchvision()
    from torchvision import models

    sources = {w.source for w in known_weights().values() if w.name.startswith("torchvision/")}
    for source in sources:
        declared = models.get_model_weights(source.partition("/")[2]).DEFAULT
        assert default_weights(source).name == f"{source}:{declared.name}"
    assert (
        default_weights("torchvision/vit_h_14").licence
        == find_weights("torchvision/vit_h_14:IMAGENET1K_SWAG_E2E_V1").licence
    )
