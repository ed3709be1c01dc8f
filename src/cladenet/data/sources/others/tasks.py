"""Data sets of other tasks: boxes around objects and masks of their pixels label no image.

folder                             holds                beside it
labels/                            .txt                 images/: YOLO, Ultralytics, Roboflow
Annotations/, annotations/         .xml, .json          JPEGImages/, train2017/: Pascal VOC, COCO
masks/, SegmentationClass/, gt/    images               images/
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from cladenet.data.images.decode import readable
from cladenet.data.sources.parts import is_filler

BOXES = {"labels": (".txt",), "annotations": (".xml", ".json")}
MASKS = frozenset({
    "mask", "masks", "gt", "groundtruth", "segmentation", "segmentations", "segmentationclass",
    "segmentationobject", "trimaps", "labelmaps",
})  # fmt: skip
LOOKED_AT = 100  # entries of a folder
ABOVE = 3  # folders, from the one of the images on
ONE_LABEL = "a classifier needs one label per image, by the folder of a class or a table path,label"


def are_masks(names: Sequence[str]) -> bool:
    """Whether folders are images and masks of them: `images` and `masks`, and nothing else."""
    masks = [name for name in names if _plain(name) in MASKS]
    return 0 < len(masks) < len(names) and all(is_filler(name) or name in masks for name in names)


def boxes_of(folder: str) -> str:
    """The folder that holds boxes around what the images in `folder` show; empty without one."""
    here = folder
    for _ in range(ABOVE):
        with suppress(OSError):
            for name in sorted(os.listdir(here)):
                suffixes = BOXES.get(_plain(name))
                inner = os.path.join(here, name)
                if suffixes and inner != folder and _holds(inner, suffixes):
                    return inner
        here = os.path.dirname(here)
    return ""


def about_boxes(folder: str) -> str:
    """A clause for a message about the images in `folder`; empty where there are no boxes."""
    boxes = boxes_of(folder)
    return f"{readable(boxes)} holds boxes around objects (detection); {ONE_LABEL}" if boxes else ""


def _holds(folder: str, suffixes: tuple[str, ...]) -> bool:
    """Files with such names in a folder, or in the folders in it."""
    with suppress(OSError):
        entries = list(islice(os.scandir(folder), LOOKED_AT))
        if any(entry.name.lower().endswith(suffixes) for entry in entries):
            return True
        return any(
            name.lower().endswith(suffixes)
            for entry in entries
            if entry.is_dir()
            for name in os.listdir(entry.path)[:LOOKED_AT]
        )
    return False


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
