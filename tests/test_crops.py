"""Where the papers' crops lie, by hand and by torchvision; what an image is at a scale."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import resize
from cladenet.errors import BadArgument
from cladenet.evaluation.crops import COUNTS, GRIDS, Box, centre, five, grid, squares
from cladenet.evaluation.scales import (
    OWN,
    at_scale,
    default_scale,
    default_scales,
    least_scale,
    steps_above,
)
from cladenet.evaluation.view_specs import Crops
from cladenet.vision import torchvision
from pictures import smooth


def preprocess(
    size: int, fit: str = "none", resize_to: int | None = None, channels: int = 3
) -> Preprocess:
    return Preprocess(
        height=size,
        width=size,
        channels=channels,
        fit=fit,
        resize=resize_to,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )


def test_the_grid_goes_from_edge_to_edge_in_four_equal_steps() -> None:
    """224 in 256x344: 32 pixels of room down, 120 across."""
    expected = list(product([0, 8, 16, 24, 32], [0, 30, 60, 90, 120]))
    assert grid((256, 344), (224, 224)) == [Box(top, left, 224, 224) for top, left in expected]


def test_without_room_the_rows_of_the_grid_lie_on_each_other() -> None:
    boxes = grid((224, 228), (224, 224))
    assert {box.top for box in boxes} == {0}
    assert [box.left for box in boxes] == [0, 1, 2, 3, 4] * 5


def test_five_crops_lie_in_the_central_square() -> None:
    """256x344: the square begins at column 44; its corners leave 32 pixels, its middle 16."""
    corners = [(0, 44), (0, 76), (32, 44), (32, 76), (16, 60)]
    assert five((256, 344), (224, 224)) == [Box(top, left, 224, 224) for top, left in corners]


@pytest.mark.parametrize(
    ("image", "starts"),
    [((256, 344), [(0, 0), (0, 44), (0, 88)]), ((400, 256), [(0, 0), (72, 0), (144, 0)])],
    ids=["wide", "tall"],
)
def test_three_squares_of_six_views(image: tuple[int, int], starts: list[tuple[int, int]]) -> None:
    """GoogLeNet, Sec. 7; left, middle, right, or upper, middle, lower."""
    inside = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]
    expected = []
    for top, left in starts:
        expected += [Box(top + down, left + across, 224, 224) for down, across in inside]
        expected.append(Box(top, left, 256, 256))
    assert squares(image, (224, 224)) == expected


def test_four_scales_make_the_144_crops_of_googlenet() -> None:
    scales = steps_above(preprocess(224, "crop", 256), 1, 2, 3, 4)
    assert scales == (256, 288, 320, 352)
    image = smooth(400, 300, seed=1)
    views = [
        view
        for scale in scales
        for view in Crops("squares", scale, flip=True).views(
            at_scale(preprocess(224, "crop", 256), image, scale), preprocess(224, "crop", 256)
        )
    ]
    assert sum(view.weight for view in views) == 144
    assert {view.pixels.shape for view in views} == {(224, 224, 3)}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("image", [(40, 40), (40, 51), (63, 40), (32, 32)])
def test_boxes_lie_inside_and_are_as_many_as_they_say(name: str, image: tuple[int, int]) -> None:
    boxes = GRIDS[name](image, (32, 32))
    assert len(boxes) == COUNTS[name]
    for box in boxes:
        assert min(box.top, box.left) >= 0
        assert box.top + box.height <= image[0]
        assert box.left + box.width <= image[1]


@pytest.mark.parametrize("size", [(36, 50), (53, 36), (38, 38), (256, 301)])
def test_ten_crops_are_those_of_torchvision(size: tuple[int, int]) -> None:
    """`TenCrop` of the central square. It mirrors the image first, so left and right change places.

    The sizes leave an even number of pixels: of an odd one the middle of the mirror image is not
    the mirror image of the middle, which is what the paper has.
    """
    torchvision()
    from torchvision import transforms

    image = smooth(*size, seed=3)
    crop = 224 if min(size) == 256 else 32
    square = transforms.CenterCrop(min(size))(Image.fromarray(image))
    theirs = [np.asarray(other) for other in transforms.TenCrop(crop)(square)]
    views = list(Crops("five", min(size), flip=True).views(image, preprocess(crop)))
    ours = [view.pixels for view in views]
    assert len(ours) == 10
    for mine, place in zip([*ours[::2], *ours[1::2]], (0, 1, 2, 3, 4, 6, 5, 8, 7, 9), strict=True):
        assert np.array_equal(mine, theirs[place])


def test_a_square_is_resized_to_the_crop() -> None:
    image = smooth(40, 40, seed=3)
    views = list(Crops("squares", 40, flip=False).views(image, preprocess(32)))
    assert [view.weight for view in views] == [3] * 6
    assert np.array_equal(views[-1].pixels, resize(image[None], 32, 32)[0])


def test_crops_that_lie_on_each_other_are_cut_once_and_weigh_more() -> None:
    """32x33: no room down, one pixel across, where 0, 0.25, 0.5 round to 0 and 0.75, 1 to 1."""
    views = list(Crops("grid", 32, flip=True).views(smooth(32, 33, seed=3), preprocess(32)))
    assert [view.weight for view in views] == [15, 15, 10, 10]


@pytest.mark.parametrize(
    ("trained", "one", "several"),
    [
        ((256, 256), 256, (224, 256, 288)),
        ((384, 384), 384, (352, 384, 416)),
        ((256, 512), 384, (256, 384, 512)),
    ],
)
def test_default_scales_are_those_of_vggs_tables_3_and_4(
    trained: tuple[int, int], one: int, several: tuple[int, ...]
) -> None:
    assert default_scale(trained) == one
    assert default_scales(trained, preprocess(224, "crop", 256)) == several


def test_default_scales_of_small_inputs_are_in_proportion() -> None:
    assert default_scales((32, 32), preprocess(32)) == (32, 36, 40)
    assert default_scales((37, 37), preprocess(32, "crop", 37)) == (33, 37, 41)
    assert default_scales((36, 37), preprocess(32, "crop", 37)) == (36, 37)  # no scale twice
    assert steps_above(preprocess(32), 1) == (36,)


def test_photographs_keep_their_aspect_and_lose_nothing() -> None:
    """100x151 to 64: 96.64 pixels wide, rounded down; a strip is not shortened either."""
    crop = preprocess(56, "crop", 64)
    assert at_scale(crop, smooth(100, 151, seed=1), 64).shape == (64, 96, 3)
    assert at_scale(crop, smooth(10, 200, seed=1), 64).shape == (64, 1280, 3)


@pytest.mark.parametrize(
    ("fit", "size"), [("none", (32, 32)), ("pad", (28, 28)), ("stretch", (8, 13))]
)
def test_other_images_are_seen_as_the_network_is_used_to(fit: str, size: tuple[int, int]) -> None:
    """At the input's own side that is the checkpoint's own view."""
    seen, image = preprocess(32, fit), smooth(*size, seed=2)
    assert np.array_equal(at_scale(seen, image, 32), seen.prepare(image))
    assert np.array_equal(at_scale(seen, image, OWN), seen.prepare(image))
    larger = at_scale(seen, image, 40)
    as_seen = image if fit == "stretch" else seen.prepare(image)
    assert np.array_equal(larger, resize(as_seen[None], 40, 40)[0])


def test_an_input_that_is_not_square_keeps_its_shape() -> None:
    wide = Preprocess(height=32, width=48, channels=3, fit="none", mean=(0.5,) * 3, std=(1,) * 3)
    assert least_scale(wide) == 32
    assert at_scale(wide, smooth(32, 48, seed=1), 40).shape == (40, 60, 3)
    assert centre((40, 60), (32, 48)) == [Box(4, 6, 32, 48)]


@pytest.mark.parametrize("fit", ["crop", "stretch", "none"])
def test_images_of_other_colours_are_refused(fit: str) -> None:
    grey: Any = smooth(32, 32, seed=1, channels=1)
    seen = preprocess(32, fit, 32 if fit == "crop" else None)
    with pytest.raises(BadArgument, match="has 1 channel, the network takes 3"):
        at_scale(seen, grey, 40)
