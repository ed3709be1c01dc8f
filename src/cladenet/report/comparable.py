"""Which printed errors may stand beside a measured one: those on the same images, seen alike.

A figure is comparable where the run was trained on all training images of the paper's data set and
on nothing else, and scored on all of its test images by the paper's protocol. Where it was
not, `reasons_against` has a sentence for each difference, which a page shows in place of a figure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Benchmark:
    """A data set that papers print errors on.

    Args:
        title: as papers call it.
        classes: how many.
        train: training images, those held out for validation included.
        test: images that errors are printed on.
        split: what that split is called here.
        protocol: what the ledger's protocols say where they mean it.
    """

    title: str
    classes: int
    train: int
    test: int
    split: str
    protocol: str


BENCHMARKS = {
    "mnist": Benchmark("MNIST", 10, 60_000, 10_000, "test", r"\bMNIST test"),
    "cifar10": Benchmark("CIFAR-10", 10, 50_000, 10_000, "test", r"\bCIFAR\b"),
    "cifar100": Benchmark("CIFAR-100", 100, 50_000, 10_000, "test", r"\bCIFAR\b"),
    "svhn": Benchmark("SVHN", 10, 73_257, 26_032, "test", r"\bSVHN\b"),
    "imagenet": Benchmark(
        "ImageNet", 1_000, 1_281_167, 50_000, "val", r"ILSVRC-2012 val|ImageNet-1k val|ImageNet val"
    ),
}
ONE_CROP = r"single (?:\d+ )?(?:centre )?crop|\b(?:1|one)[- ]crop|centre crop"
OTHER_IMAGES = (
    (r"ZCA", "images that are whitened"),
    (r"non-blacklisted", "a part of the validation images"),
    (r"JFT|21k", "weights of more data"),
    (r"six views", "six views of each image"),
)


@dataclass(frozen=True)
class Measured:
    """What a run was measured on and by.

    Args:
        data: name of the data set.
        split: that was scored.
        images: that were scored.
        classes: of the network.
        trained_on: training images, those held out for validation included.
        side: of the network's input, in pixels; None where it is unknown.
        augmented: images were shifted, cropped or mirrored in training.
        from_weights: training began with weights of another run or of others.
    """

    data: str
    split: str
    images: int
    classes: int
    trained_on: int
    side: int | None
    augmented: bool
    from_weights: bool


@dataclass(frozen=True)
class Printed:
    """A printed error that is comparable, in percent, and what the paper says of it."""

    label: str
    protocol: str
    top1_error: float
    top5_error: float | None


def printed_alike(entry: Mapping[str, Any], measured: Measured) -> list[Printed]:
    """The comparable errors of a ledger row; none where `reasons_against` has a reason."""
    benchmark = BENCHMARKS.get(measured.data)
    if benchmark is None or reasons_against(entry, measured):
        return []
    protocol = str(entry.get("protocol") or "")
    found = []
    for label, first, fifth in _keys(measured, entry):
        if entry.get(first) is not None:
            found.append(Printed(label, protocol, entry[first], entry.get(fifth)))
    return found


def reasons_against(entry: Mapping[str, Any], measured: Measured) -> list[str]:
    """Why no printed error may stand beside the measured one; empty where one may."""
    if not any("_err" in key and value is not None for key, value in entry.items()):
        return ["The ledger has no printed error for this variant."]
    protocol = str(entry.get("protocol") or "")
    benchmark = BENCHMARKS.get(measured.data)
    of_paper = protocol.split(";")[0] or "other data"
    if benchmark is None:
        return [f"The paper's figure is for {of_paper}; this run is on {measured.data}."]
    if not re.search(benchmark.protocol, protocol) or not _keys(measured, entry):
        return [f"The paper's figure is for {of_paper}; there is none for this data and protocol."]
    reasons = [
        f"The paper's figure is for {what}."
        for mark, what in OTHER_IMAGES
        if re.search(mark, protocol)
    ]
    if measured.split != benchmark.split or measured.images != benchmark.test:
        reasons.append(
            f"The paper scores the {benchmark.test:,} images of {benchmark.title} "
            f"{benchmark.split}; here {measured.images:,} of {measured.split} were scored."
        )
    if measured.classes != benchmark.classes:
        reasons.append(
            f"{benchmark.title} has {benchmark.classes:,} classes; this network has "
            f"{measured.classes:,}."
        )
    if measured.trained_on < benchmark.train:
        reasons.append(
            f"The paper trains on {benchmark.train:,} images; here there were "
            f"{measured.trained_on:,}."
        )
    if measured.from_weights:
        reasons.append("This run began with weights that were trained before.")
    return reasons


def _keys(measured: Measured, entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(label, key of the top-1, of the top-5 error) that the run's data and one view match."""
    data, protocol = measured.data, str(entry.get("protocol") or "")
    if data in ("cifar10", "cifar100"):
        plain = "" if measured.augmented else "_noaug"
        label = "printed" if measured.augmented else "printed, without augmentation"
        keys = [(label, f"{data}_err{plain}", "")]
    elif data == "svhn":
        keys = [("printed", "svhn_err", "")]
    elif data == "mnist":
        keys = [("printed", "top1_err", "")]
    else:
        own_side = measured.side in (None, tuple(entry.get("input") or (0, 0, 0))[1])
        keys = []
        if own_side and re.search(ONE_CROP, protocol) and not _many_crops(protocol):
            keys.append(("printed", "top1_err", "top5_err"))
        if own_side:
            keys.append(("printed, one crop", "top1_err_1crop", "top5_err_1crop"))
        if measured.side == 320:
            keys.append(("printed, one crop of 320", "top1_err_320", "top5_err_320"))
    return [key for key in keys if entry.get(key[1]) is not None]


def _many_crops(protocol: str) -> bool:
    """Is the main figure one of many crops, or dense? One crop may be named beside it."""
    return bool(re.search(r"10[- ]crop|dense", protocol.split(";")[0]))
