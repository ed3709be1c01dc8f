"""Protocols and ensembles against the same thing written out: crops one by one, softmax, mean."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from cladenet.data.dataset import Split, from_array
from cladenet.data.file_images import FileImages, Named
from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import resize
from cladenet.errors import BadArgument, DataError, Diverged
from cladenet.evaluation import reading, viewer
from cladenet.evaluation.ensemble import Found, evaluate, with_ensemble
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.protocol import NAMES, ViewOptions, parse_names, protocols_for
from cladenet.evaluation.scales import at_scale
from cladenet.evaluation.single_scale import evaluate as own_view
from cladenet.evaluation.viewer import EnsembleMember, Viewer
from cladenet.inference import for_inference
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model
from cladenet.vision import torchvision
from cladenet.world import World
from pictures import noise, photo_split, smooth
from processors import needs_bf16
from ranks import in_ranks
from saved_run import small_network

CROP = Preprocess(
    height=32, width=32, channels=3, fit="crop", resize=36, mean=(0.5,) * 3, std=(0.25,) * 3
)
AS_IT_IS = Preprocess(height=32, width=32, channels=3, fit="none", mean=(0.5,) * 3, std=(0.25,) * 3)
Pixels = NDArray[np.uint8]


def member(
    names: str,
    preprocess: Preprocess = CROP,
    model: Classifier | None = None,
    order: tuple[int, ...] = (),
    **options: Any,
) -> EnsembleMember:
    net = model or small_network(10, 3)
    side = preprocess.resize or preprocess.height
    found = protocols_for(parse_names(names), net, preprocess, (side, side), ViewOptions(**options))
    return EnsembleMember(net, preprocess, found, order)


def posteriors(of: EnsembleMember, image: Pixels) -> list[Tensor]:
    """Of one image under each protocol, (K,)."""
    scaled = {key: at_scale(*key[:1], image, key[1]) for key in of.limits}
    with torch.inference_mode():
        found = Viewer(of, 256, "fp32").posteriors([scaled])
    return [posterior[0] for posterior in found]


def photograph(seed: int = 3) -> Pixels:
    return smooth(50, 67, seed)


def softmax_of(crop: Pixels, model: nn.Module | None = None) -> Tensor:
    """What the network says of one crop, by itself."""
    x = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        logits: Tensor = (model or small_network(10, 3))((x - 0.5) / 0.25)
    return logits.double().softmax(1)[0]


def with_mirror(crops: list[Pixels]) -> Tensor:
    return torch.stack([softmax_of(c) for crop in crops for c in (crop, crop[:, ::-1])]).mean(0)


def short_side(image: Pixels, side: int) -> Pixels:
    height, width = image.shape[:2]
    short = min(height, width)
    return resize(image[None], side * height // short, side * width // short)[0]


def five_by_five(image: Pixels, side: int) -> Tensor:
    scaled = short_side(image, side)
    down, across = scaled.shape[0] - 32, scaled.shape[1] - 32
    crops = []
    for row in range(5):
        for column in range(5):
            top, left = round(row * down / 4), round(column * across / 4)
            crops.append(scaled[top : top + 32, left : left + 32])
    return with_mirror(crops)


def slid(image: Pixels, side: int, average: str = "scores") -> Tensor:
    """LeNet, which has no padding, at every fourth pixel of the image and of its mirror image."""
    answers = []
    for scaled in (short_side(image, side), short_side(image, side)[:, ::-1]):
        places = [
            softmax_of(scaled[top : top + 32, left : left + 32]).log()
            for top in range(0, scaled.shape[0] - 31, 4)
            for left in range(0, scaled.shape[1] - 31, 4)
        ]
        logits = torch.stack(places)  # up to a constant in each row, which the mean keeps
        if average == "scores":
            answers.append(logits.mean(0).softmax(0))
        else:
            answers.append(logits.exp().mean(0))
    return torch.stack(answers).mean(0)


def googlenet(image: Pixels) -> Tensor:
    """Scales 36, 40, 44 and 48 for an input of 32; the image is wider than high."""
    crops = []
    for side in (36, 40, 44, 48):
        scaled = short_side(image, side)
        room = scaled.shape[1] - side
        for left in (0, round(room / 2), room):
            square = scaled[:, left : left + side]
            end, middle = side - 32, (side - 32) // 2
            for y, x in ((0, 0), (0, end), (end, 0), (end, end), (middle, middle)):
                crops.append(square[y : y + 32, x : x + 32])
            crops.append(resize(square[None], 32, 32)[0])
    assert 2 * len(crops) == 144
    return with_mirror(crops)


def ten(image: Pixels) -> Tensor:
    torchvision()
    from torchvision import transforms

    square = transforms.CenterCrop(36)(Image.fromarray(short_side(image, 36)))
    crops = [np.asarray(crop) for crop in transforms.TenCrop(32)(square)]
    return torch.stack([softmax_of(crop) for crop in crops]).mean(0)


def mirror_shift(view: Pixels) -> Tensor:
    """Half the own view and its mirror image, half the two that are moved by a pixel."""
    padded = np.concatenate([view[1:2], view, view[-2:-1]])
    padded = np.concatenate([padded[:, 1:2], padded, padded[:, -2:-1]], axis=1)
    assert padded.shape == (34, 34, 3)
    moved = [padded[:32, :32], padded[2:, 2:]]
    return mean(with_mirror([view]), with_mirror(moved))


def mean(*answers: Tensor) -> Tensor:
    return torch.stack(answers).mean(0)


def three(answer: Callable[[Pixels, int], Tensor], image: Pixels) -> Tensor:
    return mean(*(answer(image, side) for side in (32, 36, 40)))


WRITTEN_OUT: dict[str, Callable[[Pixels], Tensor]] = {
    "single-scale": lambda image: softmax_of(CROP.prepare(image)),
    "dense": lambda image: slid(image, 36),
    "multi-scale": lambda image: three(slid, image),
    "multi-crop": lambda image: three(five_by_five, image),
    "multi-crop+dense": lambda image: mean(three(five_by_five, image), three(slid, image)),
    "ten-crop": ten,
    "googlenet-144": googlenet,
    "mirror-shift": lambda image: mirror_shift(CROP.prepare(image)),
}


def test_every_protocol_is_written_out() -> None:
    assert set(WRITTEN_OUT) == set(NAMES)


def test_answers_are_those_of_the_crops_one_by_one() -> None:
    """All eight at once, so that views that are shared go to the right protocols."""
    image = photograph()
    for name, found in zip(NAMES, posteriors(member("all"), image), strict=True):
        torch.testing.assert_close(found, WRITTEN_OUT[name](image), rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_a_protocol_alone_says_what_it_says_among_others(name: str) -> None:
    image = photograph()
    alone = posteriors(member(name), image)[0]
    among = posteriors(member("all"), image)[NAMES.index(name)]
    torch.testing.assert_close(alone, among, rtol=1e-5, atol=1e-7)


def test_a_network_made_ready_looks_at_crops_and_the_plain_one_at_whole_images() -> None:
    net = small_network(10, 3)
    plain = member("ten-crop,dense", model=net)
    ready = for_inference(net, batch_size=8, size=(3, 32, 32))
    shapes: list[tuple[int, ...]] = []
    ready.register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape)))
    quick = replace(plain, quick=ready)
    for ours, theirs in zip(
        posteriors(quick, photograph()), posteriors(plain, photograph()), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert shapes == [(10, 3, 32, 32)]
    assert ready.engine == "packed"


def test_positions_may_be_averaged_after_the_softmax() -> None:
    image = photograph()
    found = posteriors(member("dense", average="posteriors", scales=(44,)), image)[0]
    expected = slid(image, 44, "posteriors")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert (expected - slid(image, 44)).abs().max() > 1e-3


def test_mirror_images_can_be_left_out() -> None:
    image = photograph()
    found = posteriors(member("multi-crop", flip=False, scales=(32,)), image)[0]
    scaled = short_side(image, 32)
    room = scaled.shape[1] - 32
    lefts = [round(column * room / 4) for column in range(5)]
    expected = mean(*(softmax_of(scaled[:, left : left + 32]) for left in lefts))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_one_scale_of_the_middle() -> None:
    image = photograph()
    found = posteriors(member("single-scale", scales=(40,), flip=True), image)[0]
    scaled = short_side(image, 40)
    left = round((scaled.shape[1] - 32) / 2)
    expected = with_mirror([scaled[4:36, left : left + 32]])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_dense_of_a_global_average_is_the_network_on_the_whole_image() -> None:
    torch.manual_seed(0)
    model = create_model("resnet20_cifar").eval()
    image = photograph()
    found = posteriors(member("dense", model=model, flip=False), image)[0]
    expected = softmax_of(short_side(image, 36), model)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_views_are_counted_as_the_papers_do() -> None:
    found = {protocol.name: protocol for protocol in member("all").protocols}
    assert {name: protocol.views for name, protocol in found.items()} == {
        "single-scale": "1 crop",
        "dense": "2 maps",
        "multi-scale": "6 maps",
        "multi-crop": "150 crops",
        "multi-crop+dense": "150 crops + 6 maps",
        "ten-crop": "10 crops",
        "googlenet-144": "144 crops",
        "mirror-shift": "6 crops",
    }
    assert found["single-scale"].scales == found["dense"].scales == (36,)
    assert found["multi-crop"].scales == (32, 36, 40)


def test_several_scales_leave_the_protocols_of_one_scale_alone() -> None:
    scales = {p.name: p.scales for p in member("all", scales=(33, 47)).protocols}
    assert scales.pop("googlenet-144") == (36, 40, 44, 48)
    assert scales.pop("mirror-shift") == (36,)
    assert {scales.pop(n) for n in ("multi-scale", "multi-crop", "multi-crop+dense")} == {(33, 47)}
    assert scales == {"single-scale": (36,), "dense": (36,), "ten-crop": (36,)}


def test_a_single_scale_goes_to_all_that_have_no_scales_of_their_own() -> None:
    scales = {p.name: p.scales for p in member("all", scales=(40,)).protocols}
    assert scales.pop("googlenet-144") == (36, 40, 44, 48)
    assert scales.pop("mirror-shift") == (36,)
    assert set(scales.values()) == {(40,)}


# ------------------------------------------------------------------ the loop


@pytest.fixture
def photos(tmp_path: Path) -> Split:
    """Eleven photographs of five shapes."""
    return photo_split(tmp_path, 11)


def figures(found: Found) -> list[tuple[list[list[int]], int]]:
    return [
        (e.confusion.tolist(), e.top5_hits) for row in [*found.alone, found.ensemble] for e in row
    ]


def losses(found: Found) -> list[float]:
    return [evaluation.loss for row in [*found.alone, found.ensemble] for evaluation in row]


SOME = "single-scale,multi-scale,multi-crop"


@pytest.mark.parametrize("batch_size", [1, 3, 11, 200])
def test_the_result_does_not_depend_on_the_batches(photos: Split, batch_size: int) -> None:
    expected = evaluate([member(SOME)], photos)
    found = evaluate([member(SOME)], photos, PassOptions(batch_size=batch_size))
    assert figures(found) == figures(expected)
    assert losses(found) == pytest.approx(losses(expected), abs=1e-6)
    assert {evaluation.n for evaluation in found.alone[0]} == {11}


def test_images_are_held_a_few_at_a_time(photos: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 30 kB, three or four of these images, in place of 64 MB."""
    expected = evaluate([member(SOME)], photos)
    monkeypatch.setattr(reading, "MOST_BYTES", 30_000)
    sizes = [len(chunk.images) for chunk in reading.chunks(photos, [(CROP, 36), (CROP, 40)], 256)]
    assert sum(sizes) == 11
    assert max(sizes) == 4
    assert figures(evaluate([member(SOME)], photos)) == figures(expected)


def test_the_result_does_not_depend_on_workers(photos: Split) -> None:
    expected = evaluate([member(SOME)], photos)
    found = evaluate([member(SOME)], photos, PassOptions(workers=2))
    assert (figures(found), losses(found)) == (figures(expected), losses(expected))


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_images(photos: Split, world: int) -> None:
    members = [member("dense,ten-crop") for _ in range(world)]
    worst_two = PassOptions(worst=2)

    def work(here: World) -> object:
        found = evaluate([members[here.rank]], photos, worst_two, here)
        return figures(found), [m.id for e in found.alone[0] for m in e.mistakes]

    alone = evaluate([member("dense,ten-crop")], photos, worst_two)
    expected = figures(alone), [m.id for e in alone.alone[0] for m in e.mistakes]
    assert in_ranks(world, work) == [expected] * world


def test_every_image_is_decoded_once(photos: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """By seven protocols of two networks."""
    decoded: list[int] = []
    read = FileImages.read

    def counted(self: FileImages, index: int, reduce_to: int | None = None) -> Pixels:
        decoded.append(index)
        return read(self, index, reduce_to)

    monkeypatch.setattr(FileImages, "read", counted)
    few = photos.subset([0, 1, 2])
    evaluate([member("all"), member("all", AS_BIG)], few)
    assert decoded == [0, 1, 2]


AS_BIG = Preprocess(
    height=32, width=32, channels=3, fit="crop", resize=40, mean=(0.4,) * 3, std=(0.3,) * 3
)


def views_of(model: Classifier) -> list[int]:
    """Filled with the number of views in each forward pass."""
    seen: list[int] = []

    def look(_: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
        if not output.is_meta:  # that is how the size of the head's window is found
            seen.append(len(args[0]))

    model.stem.register_forward_hook(look)
    return seen


def test_no_look_is_taken_twice() -> None:
    """150 crops and 6 maps serve four protocols; nobody looks at 306 crops."""
    model = small_network(10, 3)
    seen = views_of(model)
    posteriors(member("multi-scale,multi-crop,multi-crop+dense,dense", model=model), photograph())
    # At the side of the crop the five rows of the grid lie on each other: 20 crops less, mirrored.
    assert sum(seen) == 150 - 40 + 6


def test_forward_passes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "MOST_PIXELS", 7 * 32 * 32)
    model = small_network(10, 3)
    seen = views_of(model)
    posteriors(member("multi-crop", model=model, scales=(40,)), photograph())
    assert (sum(seen), max(seen)) == (50, 7)


def test_single_scale_among_others_is_single_scale_by_itself(photos: Split, tmp_path: Path) -> None:
    model = small_network(10, 3)
    expected = own_view(model, photos, CROP, PassOptions(cache_dir=tmp_path / "cache"))
    found = evaluate([member("all", model=model)], photos).alone[0][0]
    assert found.confusion.tolist() == expected.confusion.tolist()
    assert found.loss == pytest.approx(expected.loss, abs=1e-6)


def test_the_network_is_left_as_it_was(photos: Split) -> None:
    model = small_network(10, 3).train()
    model.stem.eval()
    modes = [module.training for module in model.modules()]
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    evaluate([member("dense,ten-crop", model=model)], photos)
    assert torch.equal(torch.rand(3), expected)
    assert [module.training for module in model.modules()] == modes


@needs_bf16
def test_bf16_comes_near(photos: Split) -> None:
    exact = evaluate([member("dense,ten-crop")], photos)
    rough = evaluate([member("dense,ten-crop")], photos, PassOptions(precision="bf16"))
    assert losses(rough) == pytest.approx(losses(exact), rel=0.02)
    assert losses(rough) != losses(exact)


# ------------------------------------------------------------------ ensembles


def other_network() -> Classifier:
    torch.manual_seed(9)
    return create_model("resnet20_cifar").eval()


def test_a_network_fused_with_itself_is_itself(photos: Split) -> None:
    found = evaluate([member("all"), member("all")], photos.subset([0, 5, 9]))
    assert figures(Found([], found.ensemble)) == figures(Found([found.alone[0]], []))
    alone = [evaluation.loss for evaluation in found.alone[0]]
    assert [evaluation.loss for evaluation in found.ensemble] == pytest.approx(alone, abs=1e-7)


def test_fusion_is_the_mean_of_the_posteriors(photos: Split) -> None:
    """Two networks of other sizes, normalisations and heads; the loss is written out."""
    small = Preprocess(
        height=24, width=24, channels=3, fit="crop", resize=30, mean=(0.1,) * 3, std=(0.9,) * 3
    )
    pair = [member("ten-crop,dense"), member("ten-crop,dense", small, other_network())]
    found = evaluate(pair, photos)
    total = torch.zeros(2, dtype=torch.float64)
    wrong = [0, 0]
    for index in range(len(photos)):
        image = photos.images.read(index)
        for place in range(2):
            answer = mean(*(posteriors(each, image)[place] for each in pair))
            total[place] -= answer[photos.labels[index]].log()
            wrong[place] += int(answer.argmax() != photos.labels[index])
    expected = (total / len(photos)).tolist()
    assert [evaluation.loss for evaluation in found.ensemble] == pytest.approx(expected, abs=1e-6)
    assert [evaluation.wrong for evaluation in found.ensemble] == wrong
    assert [e.n for row in found.alone for e in row] == [11] * 4


def test_classes_in_another_order_are_put_in_that_of_the_labels(photos: Split) -> None:
    """A network whose logits are turned round, and whose order says it, is the same network."""
    turned = small_network(10, 3)
    order = tuple((k + 3) % 10 for k in range(10))  # class k of the labels is logit k + 3
    last = turned.head[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        weight, bias = last.weight.clone(), last.bias.clone()
        last.weight[list(order)], last.bias[list(order)] = weight, bias
    found = evaluate([member("dense"), member("dense", model=turned, order=order)], photos)
    assert figures(Found([found.alone[0]], [])) == figures(Found([found.alone[1]], []))
    assert found.ensemble[0].loss == pytest.approx(found.alone[0][0].loss, abs=1e-6)


def test_one_network_is_not_fused() -> None:
    answers = [torch.rand(2, 3)]
    assert with_ensemble([answers]) == [answers]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ("dens", {}, "protocol is 'dens'; expected one of single-scale, dense, multi-scale"),
        ("dense,dense", {}, "a protocol comes twice in 'dense,dense'; name each once"),
        ("multi-crop", {"scales": (31, 40)}, "multi-crop at a short side of 31 is below the side "
         "of the network's crop, 32; give --scales of 32 or more"),
        ("dense", {"scales": (28,)}, "dense at a short side of 28 is below the side of the image "
         "that this network can look at, 32"),
        ("dense,ten-crop", {"scales": (32, 40)}, "2 scales are given, 32,40; dense, ten-crop takes "
         "one. Give one, or name a protocol of several scales: multi-scale, multi-crop"),
        ("googlenet-144", {"scales": (40,)}, "googlenet-144 has scales of its own"),
        ("mirror-shift,googlenet-144", {"scales": (40,)}, "mirror-shift, googlenet-144 has scales"),
        ("multi-crop", {"scales": (40, 40)}, "the scales are 40,40; expected different short"),
        ("multi-crop", {"scales": (0,)}, "the scales are 0; expected different short sides"),
        ("dense", {"average": "median"}, "average is 'median'; expected scores or posteriors"),
    ],
)  # fmt: skip
def test_impossible_protocols_are_refused(
    names: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        member(names, **options)


def test_a_network_that_averages_takes_smaller_images_too() -> None:
    """A crop of 32 does not fit into 28 pixels, the network itself does."""
    model = other_network()
    member("dense", model=model, scales=(28,))
    with pytest.raises(BadArgument, match="multi-crop at a short side of 28 is below"):
        member("multi-crop", model=model, scales=(28,))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ([], "0 networks with the protocols"),
        ([member("dense"), member("ten-crop")], "2 networks with the protocols"),
        ([member("dense"), member("dense", model=small_network(7, 3))], "7, 10.*classes"),
    ],
)
def test_members_that_do_not_go_together_are_refused(
    pair: list[EnsembleMember], message: str, photos: Split
) -> None:
    with pytest.raises(BadArgument, match=message):
        evaluate(pair, photos)


def test_an_image_that_has_become_unreadable_stops_with_its_name(photos: Split) -> None:
    path = Path(photos.ids[4])
    path.write_bytes(path.read_bytes()[:500])
    for workers in (0, 2):
        with pytest.raises(DataError, match=r"004\.jpg") as caught:
            evaluate([member("dense")], photos, PassOptions(workers=workers))
        assert caught.value.exit_status == 3


def test_a_broken_network_is_refused() -> None:
    model = small_network(10, 3)
    nn.init.constant_(model.head[-1].bias, float("nan"))  # type: ignore[arg-type]
    split = from_array("made", noise(3, 32, 32), np.arange(3))
    with pytest.raises(Diverged, match="for 3 of 3 images are not finite"):
        evaluate([member("ten-crop", AS_IT_IS, model)], split)


def test_a_sure_answer_that_is_wrong_costs_much_and_is_finite() -> None:
    """A posterior of exactly 0 has a logarithm all the same."""
    model = small_network(10, 3)
    last = model.head[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([5000.0] + [0.0] * 9))
    split = from_array("made", noise(2, 32, 32), np.array([0, 1]))
    found = evaluate([member("dense", AS_IT_IS, model)], split).alone[0][0]
    assert found.wrong == 1
    assert found.loss == pytest.approx(708.4 / 2, abs=0.1)


def test_a_strip_is_cut_into_crops_to_its_ends_and_too_long_for_a_map(tmp_path: Path) -> None:
    """20x3000 at 400 is 400x60000: 24 megapixels, which crops bear and a map does not."""
    strip = smooth(20, 3000, seed=1)
    Image.fromarray(strip).save(tmp_path / "strip.png")
    paths = (str(tmp_path / "strip.png"),)
    split = Split(FileImages(paths), np.array([1]), Named(paths))
    found = evaluate([member("multi-crop", flip=False, scales=(400,))], split).alone[0][0]
    scaled = short_side(strip, 400)
    assert scaled.shape == (400, 60000, 3)
    places = [(round(i * 368 / 4), round(j * 59968 / 4)) for i in range(5) for j in range(5)]
    answer = mean(*(softmax_of(scaled[y : y + 32, x : x + 32]) for y, x in places))
    assert found.loss == pytest.approx(-answer[1].log().item(), abs=1e-5)
    with pytest.raises(DataError) as caught:
        evaluate([member("dense", scales=(400,))], split)
    assert str(caught.value).splitlines() == [
        "1 of 1 images are too large:",
        f"  {paths[0]} is 20x3000; with its short side at 400 it is 400x60000, 24.0 megapixels; "
        "the limit is 2.1",
        "Leave them out with --on-unreadable skip, or take protocols of crops, which bear longer "
        "images, or smaller --scales",
    ]


def test_images_of_an_array_that_are_too_large_are_refused_too() -> None:
    split = from_array("made", noise(5, 32, 32), np.arange(5))
    with pytest.raises(DataError, match=r"(?s)5 of 5 images are too large:.*made\[2\].*2 more"):
        evaluate([member("dense", AS_IT_IS, scales=(1600,))], split)
