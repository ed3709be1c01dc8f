import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import quick_resize
from cladenet.data.statistics import channel_statistics
from cladenet.errors import BadArgument
from cladenet.vision import torchvision
from pictures import array_split, default_preprocess, noise, photo_split, smooth

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CROP = Preprocess(224, 224, 3, "crop", MEAN, STD, resize=256)
STRETCH = Preprocess(32, 48, 3, "stretch", MEAN, STD)
GREY = Preprocess(32, 32, 1, "pad", (0.1307,), (0.3081,))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_input_is_normalised(channels: int, dtype: torch.dtype) -> None:
    images = noise(4, 5, 7, channels)
    preprocess = Preprocess(5, 7, channels, "none", MEAN[:channels], STD[:channels])
    expected = (images / 255 - np.array(MEAN[:channels])) / np.array(STD[:channels])
    found = preprocess.to_input(torch.from_numpy(images), dtype=dtype)
    assert found.dtype == dtype
    assert found.shape == (4, channels, 5, 7)
    assert found.is_contiguous(memory_format=torch.channels_last)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    np.testing.assert_allclose(
        found.numpy(), expected.transpose(0, 3, 1, 2), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_contrast_of_each_image_can_be_normalised(dtype: torch.dtype) -> None:
    """Mean 0 and std 1 over all values of an image, channels together."""
    images = noise(4, 5, 7, 3)
    images[1] //= 3
    images[2] = 77
    preprocess = Preprocess(5, 7, 3, "none", MEAN, STD, per_image=True)
    found = preprocess.to_input(torch.from_numpy(images), dtype=dtype)
    assert found.is_contiguous(memory_format=torch.channels_last)
    values = images.reshape(4, -1).astype(np.float64)
    expected = values - values.mean(1, keepdims=True)
    expected[[0, 1, 3]] /= values.std(1, keepdims=True)[[0, 1, 3]]
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    np.testing.assert_allclose(
        found.permute(0, 2, 3, 1).reshape(4, -1).numpy(), expected, rtol=tolerance, atol=tolerance
    )
    assert not found[2].any(), "a blank image becomes zeros"


def test_brightness_and_contrast_do_not_matter_once_they_are_normalised() -> None:
    images = torch.from_numpy(noise(2, 8, 8) // 4)
    preprocess = Preprocess(8, 8, 3, "none", MEAN, STD, per_image=True)
    torch.testing.assert_close(preprocess.to_input(3 * images + 20), preprocess.to_input(images))


def test_bf16_input_is_fp32_input_rounded_also_under_autocast() -> None:
    images = torch.from_numpy(noise(2, 8, 8))
    exact = STRETCH.to_input(images)
    assert torch.equal(STRETCH.to_input(images, dtype=torch.bfloat16), exact.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(STRETCH.to_input(images), exact)


def test_part_of_a_batch_becomes_that_part_of_the_input() -> None:
    images = torch.from_numpy(noise(6, 8, 8))
    assert torch.equal(STRETCH.to_input(images[1::2, 2:]), STRETCH.to_input(images)[1::2, :, 2:])


def test_the_mean_colour_is_zero_within_half_a_level() -> None:
    image = torch.from_numpy(np.broadcast_to(CROP.mean_colour(), (1, 4, 4, 3)).copy())
    assert CROP.to_input(image).abs().max() <= 0.5 / 255 / min(STD) + 1e-6


@pytest.mark.parametrize("size", [(300, 402), (402, 300), (97, 97), (256, 1001)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_centre_crop_of_a_photograph_has_torchvisions_bits(
    size: tuple[int, int], interpolation: str
) -> None:
    torchvision()
    from torchvision.transforms import v2

    image = smooth(*size, seed=1)
    values = CROP.to_json() | {"interpolation": interpolation}
    mode = v2.InterpolationMode(interpolation)
    chain = v2.Compose([v2.Resize(256, mode, antialias=True), v2.CenterCrop(224)])
    expected = np.asarray(chain(Image.fromarray(image)))
    np.testing.assert_array_equal(Preprocess.from_json(values).prepare(image), expected)


@pytest.mark.parametrize("size", [(300, 401), (20, 30), (8, 8)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_resizing_has_pillows_bits_in_training_its_levels(
    size: tuple[int, int], interpolation: str
) -> None:
    image = noise(1, *size)[0]
    values = STRETCH.to_json() | {"interpolation": interpolation}
    method = Image.Resampling[interpolation.upper()]
    expected = np.asarray(Image.fromarray(image).resize((48, 32), method))
    np.testing.assert_array_equal(Preprocess.from_json(values).prepare(image), expected)
    quick = quick_resize(image[None], 32, 48, interpolation)[0]
    levels = 1 if interpolation == "bilinear" else 2
    assert np.abs(quick.astype(int) - expected).max() <= levels


def test_a_batch_is_prepared_as_its_images_are() -> None:
    for preprocess in (STRETCH, Preprocess(16, 16, 3, "crop", MEAN, STD, resize=20)):
        images = noise(9, 24, 40)
        one_by_one = np.stack([preprocess.prepare(image) for image in images])
        np.testing.assert_array_equal(preprocess.prepare_all(images), one_by_one)


def test_a_digit_of_28_pixels_gets_a_border_of_two_as_in_the_lenet_paper() -> None:
    digit = np.zeros((28, 28, 1), dtype=np.uint8)
    digit[4:24, 4:24] = noise(1, 20, 20, 1)[0]
    padded = GREY.prepare(digit)
    assert padded.shape == (32, 32, 1)
    np.testing.assert_array_equal(padded[2:30, 2:30], digit)
    assert padded.sum() == digit.sum()


def test_a_border_goes_on_with_the_edge_pixels() -> None:
    """Of 3 rows 1 comes above and 2 below, and a single column comes on the right."""
    image = noise(1, 29, 31, 1)[0]
    padded = GREY.prepare(image)
    np.testing.assert_array_equal(padded[1:30, :31], image)
    np.testing.assert_array_equal(padded[:2], padded[[1, 1]])
    np.testing.assert_array_equal(padded[-3:], padded[[-3, -3, -3]])
    np.testing.assert_array_equal(padded[:, 31], padded[:, 30])


def test_a_strip_is_not_blown_up() -> None:
    """Resized whole, 1x4000 would be 256x1024000."""
    strip = np.arange(4000, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    assert CROP.prepare(strip).shape == CROP.prepare(strip.transpose(1, 0, 2)).shape
    assert np.abs(CROP.prepare(strip)[0, 112].astype(int) - strip[0, 2000]).max() <= 1


@pytest.mark.parametrize("preprocess", [CROP, STRETCH, GREY, replace(GREY, per_image=True)])
def test_json_brings_it_back(preprocess: Preprocess) -> None:
    assert Preprocess.from_json(json.loads(json.dumps(preprocess.to_json()))) == preprocess


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fit": "squash"}, "fit is 'squash'; expected one of none, pad, stretch, crop"),
        ({"height": 0}, "input is 3x0x224"),
        ({"channels": 4}, "input is 4x224x224"),
        ({"mean": [0.5]}, "expected 3 values of each"),
        ({"std": [0.5, 0.0, 0.5]}, "expected numbers, and std above 0"),
        ({"std": [0.5, float("nan"), 0.5]}, "expected numbers, and std above 0"),
        ({"resize": 200}, "resize is 200, smaller than the 224x224 cut out of it"),
        ({"resize": None}, "resize is None with fit 'crop'"),
        ({"interpolation": "nearest"}, "expected bilinear or bicubic"),
        ({"height": "tall"}, "expected whole numbers"),
        ({"mean": 0.5}, "cannot be read"),
        ({"colour": "red"}, r"lacks \[\] and has the unknown \['colour'\]"),
    ],
)
def test_impossible_values_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        Preprocess.from_json(CROP.to_json() | change)


def test_a_missing_value_is_refused() -> None:
    values = CROP.to_json()
    del values["mean"]
    with pytest.raises(BadArgument, match=r"lacks \['mean'\]"):
        Preprocess.from_json(values)


@pytest.mark.parametrize(
    ("preprocess", "size", "message"),
    [
        (CROP, (300, 300, 1), "has 1 channel, the network takes 3; open it with channels=3"),
        (GREY, (33, 32, 1), "is 33x32, the network's input 32x32"),
        (Preprocess(32, 32, 1, "none", (0.5,), (0.5,)), (28, 28, 1), "fit 'none' cannot change"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    preprocess: Preprocess, size: tuple[int, int, int], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        preprocess.prepare(np.zeros(size, dtype=np.uint8))


@pytest.mark.parametrize(
    ("image", "net", "fit"),
    [
        (32, 32, "none"),
        (28, 32, "pad"),
        (27, 32, "stretch"),
        (8, 32, "stretch"),
        (96, 32, "stretch"),
    ],
)
def test_images_of_one_size_are_fitted_by_their_size(image: int, net: int, fit: str) -> None:
    assert default_preprocess(array_split(6, image, image), net).fit == fit


@pytest.mark.parametrize(("net", "resize"), [(224, 256), (32, 37), (299, 342)])
def test_photographs_are_cropped(tmp_path: Path, net: int, resize: int) -> None:
    preprocess = default_preprocess(photo_split(tmp_path, 2), net)
    assert (preprocess.fit, preprocess.resize) == ("crop", resize)
    assert preprocess.mean == (0.485, 0.456, 0.406)


def test_mean_and_deviation_are_numpys() -> None:
    images = noise(5000, 4, 4) // 2
    mean, std = channel_statistics(images)
    values = images.reshape(-1, 3) / 255
    np.testing.assert_allclose(mean, values.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(std, values.std(axis=0), atol=1e-6)
    assert channel_statistics(np.zeros((2, 3, 3, 1), dtype=np.uint8)) == ((0.0,), (1.0,))


def test_mean_and_deviation_of_cifar10_are_the_published(real_data: Path) -> None:
    """Over 20,000 of the 50,000 images, hence the tolerance."""
    from cladenet.data.sources.open import open_dataset

    preprocess = Preprocess.for_dataset(open_dataset(f"cifar10:{real_data}"), (3, 32, 32))
    np.testing.assert_allclose(preprocess.mean, MEAN, atol=2e-3)
    np.testing.assert_allclose(preprocess.std, STD, atol=2e-3)
