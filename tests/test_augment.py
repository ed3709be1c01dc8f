from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import chisquare, ks_2samp, kstest

from cladenet.data.augment.boxes import boxes
from cladenet.data.augment.colour import (
    PrincipalColours,
    colour_steps,
    principal_colours,
    shift_colours,
)
from cladenet.data.augment.crops import Augment, flips, offsets
from cladenet.data.batches import Batch, TrainBatches
from cladenet.data.dataset import from_array
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.vision import torchvision
from pictures import array_split, default_preprocess, noise, smooth

PLAIN = Augment(flip=0.0)
SEED, EPOCH = 11, 3
MANY = np.arange(20_000)
NET = Preprocess(224, 224, 3, "crop", (0.5,) * 3, (0.2,) * 3, resize=256)


def only_batch(images: NDArray[np.uint8], augment: Augment, **more: Any) -> Batch:
    """All images in one batch."""
    split = from_array("made", images, np.zeros(len(images), dtype=np.int64))
    preprocess = default_preprocess(split, images.shape[1], images.shape[3])
    batches = TrainBatches(split, preprocess, augment, len(images), SEED, **more)
    (batch,) = batches.epoch(EPOCH)
    return batch


@pytest.mark.parametrize("mode", ["constant", "reflect"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_padded_crop_is_a_slice_of_the_padded_image(mode: Any, channels: int) -> None:
    images = noise(40, 32, 32, channels)
    augment = Augment(crop="pad", pad=4, pad_mode=mode, flip=0.0)
    batch = only_batch(images, augment)
    colour = np.rint(images.mean(axis=(0, 1, 2)))
    corners = offsets(augment, SEED, EPOCH, batch.indices.numpy())
    assert len({tuple(corner) for corner in corners.tolist()}) > 20
    for found, index, (top, left) in zip(batch.images, batch.indices, corners, strict=True):
        padded = np.stack(
            [
                np.pad(plane, 4, mode, **({"constant_values": c} if mode == "constant" else {}))
                for plane, c in zip(images[index].transpose(2, 0, 1), colour, strict=True)
            ],
            axis=2,
        )
        np.testing.assert_array_equal(found, padded[top : top + 32, left : left + 32])


def test_offsets_are_uniform() -> None:
    for column in offsets(Augment(crop="pad", pad=4), SEED, EPOCH, MANY).T:
        assert chisquare(np.bincount(column, minlength=9)).pvalue > 1e-4
        assert column.max() == 8


@pytest.mark.parametrize("epoch", [0, 1, 6])
def test_alternating_flips_show_both_sides_in_any_two_epochs_that_follow_each_other(
    epoch: int,
) -> None:
    augment = Augment(flip=0.5, flips="alternating")
    now, then, again = (flips(augment, SEED, epoch + k, MANY) for k in range(3))
    assert (now ^ then).all()
    assert (now == again).all()
    assert 0.48 < now.mean() < 0.52
    assert (flips(augment, SEED + 1, epoch, MANY) != now).any()
    assert not flips(Augment(flip=0.0, flips="alternating"), SEED, epoch, MANY).any()


def test_alternating_images_are_mirrored_from_epoch_to_epoch() -> None:
    images = noise(40, 8, 8, 3)
    split = from_array("made", images, np.zeros(40, dtype=np.int64))
    augment = Augment(flip=0.5, flips="alternating")
    batches = TrainBatches(split, default_preprocess(split, 8, 3), augment, 40, SEED)
    seen = []
    for epoch in range(2):
        (batch,) = batches.epoch(epoch)
        seen.append(batch.images[batch.indices.argsort()].numpy())
    np.testing.assert_array_equal(seen[0], seen[1][:, :, ::-1])


@pytest.mark.parametrize("flip", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_flipped_images_are_mirrored_and_the_others_are_not(flip: float, channels: int) -> None:
    images = noise(30, 7, 9, channels)
    split = from_array("made", images, np.zeros(30, dtype=np.int64))
    preprocess = Preprocess(7, 9, channels, "none", (0.5,) * channels, (0.2,) * channels)
    augment = Augment(flip=flip)
    (batch,) = TrainBatches(split, preprocess, augment, 30, SEED).epoch(EPOCH)
    mirrored = flips(augment, SEED, EPOCH, batch.indices.numpy())
    assert mirrored.mean() == pytest.approx(flip, abs=0.3)
    for found, index, mirror in zip(batch.images, batch.indices, mirrored, strict=True):
        original = images[index]
        np.testing.assert_array_equal(found, original[:, ::-1] if mirror else original)


def test_flips_are_drawn_anew_each_epoch() -> None:
    by_epoch = np.array([flips(Augment(flip=0.3), SEED, epoch, MANY) for epoch in range(5)])
    np.testing.assert_allclose(by_epoch.mean(axis=1), 0.3, atol=0.02)
    both = (by_epoch[1:] & by_epoch[:-1]).mean(axis=1)
    np.testing.assert_allclose(both, 0.09, atol=0.01)


@pytest.mark.parametrize("shape", [(300, 400), (500, 200), (64, 64)])
def test_random_boxes_are_distributed_as_torchvisions(shape: tuple[int, int]) -> None:
    torchvision()
    from torchvision.transforms import v2

    n = 4000
    ours = boxes(
        Augment(crop="resized"), NET, np.tile(shape, (n, 1)), SEED, EPOCH, np.arange(n)
    ).astype(float)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transform = v2.RandomResizedCrop(224)
        image = torch.empty(3, *shape, dtype=torch.uint8)
        drawn = [transform.make_params([image]) for _ in range(n)]
    names = ("top", "left", "height", "width")
    theirs = np.array([[draw[name] for name in names] for draw in drawn], dtype=float)
    for ours_of_one, theirs_of_one in zip(ours.T, theirs.T, strict=True):
        assert ks_2samp(ours_of_one, theirs_of_one).pvalue > 1e-3
    assert ks_2samp(ours[:, 3] / ours[:, 2], theirs[:, 3] / theirs[:, 2]).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1), (10, 300), (1, 1), (301, 10)])
@pytest.mark.parametrize("crop", ["resized", "jitter"])
def test_boxes_lie_within_images_of_any_shape(crop: str, shape: tuple[int, int]) -> None:
    shapes = np.tile(shape, (500, 1))
    top, left, height, width = boxes(Augment(crop=crop), NET, shapes, 0, 0, np.arange(500)).T
    assert min(top.min(), left.min()) >= 0
    assert min(height.min(), width.min()) >= 1
    assert (top + height).max() <= shape[0]
    assert (left + width).max() <= shape[1]


@pytest.mark.parametrize("shape", [(10, 1000), (1000, 10)])
def test_where_no_box_fits_the_middle_is_taken(shape: tuple[int, int]) -> None:
    """A square of the whole area of a strip does not fit; (1000 - 10) / 2 = 495."""
    augment = Augment(crop="resized", scale=(1.0, 1.0), ratio=(1.0, 1.0))
    (found,) = boxes(augment, NET, np.array([shape]), 0, 0, [0])
    corner = [0, 495] if shape[0] == 10 else [495, 0]
    assert found.tolist() == [*corner, 10, 10]


def test_jitter_draws_the_short_side_evenly() -> None:
    """A crop of 224 from a short side of s shows 224 / s of it: here 2240 / s pixels of 10 s."""
    shapes = np.tile((4000, 6000), (len(MANY), 1))
    augment = Augment(crop="jitter", short_side=(256, 480))
    top, left, height, width = boxes(augment, NET, shapes, SEED, EPOCH, MANY).T
    np.testing.assert_array_equal(height, width)
    sides = 224 * 4000 / height
    assert sides.min() == pytest.approx(256, abs=0.1)
    assert sides.max() == pytest.approx(480, abs=0.1)
    assert kstest(sides, "uniform", args=(255.5, 225)).pvalue > 1e-3
    assert kstest((top + 0.5) / (4001 - height), "uniform").pvalue > 1e-3
    assert kstest((left + 0.5) / (6001 - width), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("crop", ["resized", "jitter"])
def test_a_box_is_resized_as_pillow_does(crop: str) -> None:
    images = np.stack([smooth(90, 120, seed=i) for i in range(12)])
    split = from_array("made", images, np.zeros(12, dtype=np.int64))
    preprocess = Preprocess(64, 64, 3, "crop", (0.5,) * 3, (0.2,) * 3, resize=72)
    augment = Augment(crop=crop, short_side=(70, 100), flip=0.0)
    (batch,) = TrainBatches(split, preprocess, augment, 12, SEED).epoch(EPOCH)
    shapes = np.tile((90, 120), (12, 1))
    chosen = boxes(augment, preprocess, shapes, SEED, EPOCH, batch.indices.numpy())
    for found, index, (top, left, height, width) in zip(
        batch.images, batch.indices, chosen, strict=True
    ):
        box = np.ascontiguousarray(images[index][top : top + height, left : left + width])
        expected = np.asarray(Image.fromarray(box).resize((64, 64), Image.Resampling.BILINEAR))
        assert np.abs(found.numpy().astype(int) - expected).max() <= 1


def test_principal_colours_are_found() -> None:
    """Noise of std 40 along (1, 1, 1) and 20 along (1, -1, 0), in levels of 255."""
    random = np.random.default_rng(0)
    along, across = random.normal(0, (40, 20), (200_000, 2)).T
    grey, red_green = np.array([1, 1, 1]) / 3**0.5, np.array([1, -1, 0]) / 2**0.5
    pixels = 128 + along[:, None] * grey + across[:, None] * red_green
    images = np.rint(pixels).clip(0, 255).astype(np.uint8).reshape(20, 100, 100, 3)
    stds, directions = principal_colours(images)
    np.testing.assert_allclose(255 * stds, [40, 20, 0.3], atol=0.5)
    assert abs(directions[:, 0] @ grey) == pytest.approx(1, abs=1e-3)
    assert abs(directions[:, 1] @ red_green) == pytest.approx(1, abs=1e-3)


def test_colour_steps_have_the_deviations_asked_for() -> None:
    turned = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # blue first, then red, then green
    colours = PrincipalColours(np.array([0.4, 0.2, 0.0]), turned)
    steps = colour_steps(colours, 0.5, SEED, EPOCH, MANY)[:, [2, 0, 1]]
    np.testing.assert_allclose(steps.std(axis=0), [51, 25.5, 0], rtol=0.02)
    assert kstest(steps[:, 0] / 51, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(steps[:, 0], steps[:, 1])[0, 1]) < 0.03


def test_a_colour_step_is_added_and_clipped() -> None:
    images = noise(2, 3, 4)
    steps = np.array([[100, -100, 0], [-300, 300, 7]], dtype=np.int16)
    expected = (images.astype(int) + steps[:, None, None]).clip(0, 255)
    np.testing.assert_array_equal(shift_colours(images, steps), expected)


def test_pca_colour_moves_each_image_by_one_colour() -> None:
    images = np.full((20, 8, 8, 3), 128, dtype=np.uint8) + noise(20, 8, 8) % 9
    batch = only_batch(images, Augment(flip=0.0, pca_colour=3.0))
    moved = batch.images.numpy().astype(int) - images[batch.indices]
    np.testing.assert_array_equal(moved, np.broadcast_to(moved[:, :1, :1], moved.shape))
    assert len({tuple(step) for step in moved[:, 0, 0].tolist()}) > 10


POLICIES: list[dict[str, Any]] = [
    {"policy": "autoaugment_imagenet"},
    {"policy": "autoaugment_cifar10"},
    {"policy": "autoaugment_svhn"},
    {"policy": "randaugment"},
    {"policy": "trivialaugment"},
    {"colour_jitter": 0.4},
    {"erasing": 1.0},
]


@pytest.mark.parametrize("change", POLICIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_policy_changes_an_image_alike_in_any_company(
    change: dict[str, Any], channels: int
) -> None:
    split = array_split(40, channels=channels)
    preprocess, augment = default_preprocess(split, 32, channels), Augment(**change)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    (all_of_them,) = TrainBatches(split, preprocess, augment, 40, SEED).epoch(EPOCH)
    in_parts = list(TrainBatches(split, preprocess, augment, 8, SEED).epoch(EPOCH))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.cat([part.images for part in in_parts]), all_of_them.images)
    originals = torch.from_numpy(split.images.read(0))
    assert all_of_them.images.shape[1:] == originals.shape
    (plain,) = TrainBatches(split, preprocess, Augment(), 40, SEED).epoch(EPOCH)
    assert not torch.equal(all_of_them.images, plain.images)


def test_an_erased_box_has_the_mean_colour() -> None:
    images = noise(30, 32, 32)
    batch = only_batch(images, Augment(flip=0.0, erasing=1.0))
    colour = np.rint(images.mean(axis=(0, 1, 2)))
    erased = (batch.images.numpy() != images[batch.indices]).any(axis=3)
    shares = erased.mean(axis=(1, 2))
    assert (shares > 0.01).all()
    assert (shares < 0.36).all()
    assert (batch.images.numpy()[erased] == colour).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop": "centre"}, "crop is 'centre'; expected one of none, pad, resized, jitter"),
        ({"policy": "auto"}, "policy is 'auto'; expected one of none, autoaugment_imagenet"),
        ({"pad_mode": "edge"}, "pad_mode is 'edge'; expected one of constant, reflect"),
        ({"flip": 1.5}, "flip is 1.5; expected 0 to 1"),
        ({"erasing": -1}, "erasing is -1; expected 0 to 1"),
        ({"scale": (0.5, 0.1)}, r"scale is \(0.5, 0.1\)"),
        ({"scale": (0.0, 1.0)}, r"scale is \(0.0, 1.0\)"),
        ({"ratio": (0.0, 1.0)}, r"ratio \(0.0, 1.0\)"),
        ({"short_side": (480, 256)}, r"short_side is \(480, 256\)"),
        ({"pad": -1}, "pad is -1"),
        ({"magnitude": 31}, "magnitude is 31; expected 0 to 30"),
    ],
)
def test_impossible_values_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        Augment(**change)


def test_a_short_side_below_the_input_is_refused() -> None:
    augment = Augment(crop="jitter", short_side=(30, 40))
    split = array_split(4)
    with pytest.raises(BadArgument, match=r"short_side is \(30, 40\), the input 32x32"):
        TrainBatches(split, default_preprocess(split, 32), augment, 2, 0)
