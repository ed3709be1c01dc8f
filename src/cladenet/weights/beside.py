"""What lies beside the weights of a repository of the Hugging Face hub, and in a copy of one.

config.json is timm's, with the architecture and what its images go through, or transformers', with
the names of the classes; then preprocessor_config.json has the images. What transformers' image
processors do with it was read in release 5.24, and is compared with them in
`tests/test_hub_folders.py`: what a file of theirs leaves out is their class's usual.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from cladenet.checkpoints.atomic import MANIFEST
from cladenet.errors import CheckpointError, reason

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
FILES = ("model.safetensors", "pytorch_model.bin")  # the weights of such a repository
FITS = {"center": "crop", "squash": "stretch", "border": "border"}  # timm's words for ours
RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers
WARPS = 384  # a shortest edge from which ConvNext's processor cuts nothing off
_VIT: dict[str, Any] = {"size": {"height": 224, "width": 224}, "resample": 2}
_MOBILE = {"size": {"shortest_edge": 256}, "crop_size": 224, "do_center_crop": True, "resample": 2}
USUAL: dict[str, dict[str, Any]] = {
    "ViT": _VIT,
    "ConvNext": {"size": {"shortest_edge": 384}, "resample": 3, "crop_pct": 224 / 256},
    "MobileNetV1": _MOBILE,
    "MobileNetV2": _MOBILE,
}


Meaning = TypeVar("Meaning")


class NotDone(Exception):
    """A sound description of what is not done here; the text says of what."""


class Beside(NamedTuple):
    """What is known of a file of weights by the files around it.

    Args:
        source: the network in its library, "timm/resnet50"; empty where names and shapes tell.
        images: what images go through, as `import_weights` takes it.
        classes: their names in the order of the logits.
    """

    source: str = ""
    images: Mapping[str, Any] = MappingProxyType({})
    classes: tuple[str, ...] = ()


def beside(file: Path) -> Beside:
    """What the folder of `file` says of it; nothing where it is no copy of such a repository.

    Raises:
        CheckpointError: a description there cannot be read.
    """
    config, images = file.parent / CONFIG, file.parent / PREPROCESSOR
    if file.name not in FILES or not (config.is_file() or images.is_file()):
        return Beside()
    return described(
        config if config.is_file() else None, images if images.is_file() else None, str(file.parent)
    )


def is_hub_folder(folder: Path) -> bool:
    """Does the folder hold such a description, and is it no checkpoint of ours?"""
    return (folder / CONFIG).is_file() and not (folder / MANIFEST).is_file()


def weights_in(folder: Path) -> Path:
    """The file of weights in a copy of such a repository.

    Raises:
        CheckpointError: it has none, or several that belong together.
    """
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    if any(folder.glob("*-of-*.*")):
        raise CheckpointError(
            f"{folder} holds its weights in several files; save them in one with "
            "model.save_pretrained(FOLDER, max_shard_size='100GB')"
        )
    raise CheckpointError(f"{folder} has a {CONFIG} and no weights: expected {' or '.join(FILES)}")


def described(config: Path | None, images: Path | None, called: str) -> Beside:
    """What the two files say.

    Args:
        config: `config.json`.
        images: `preprocessor_config.json`, which timm's repositories do not have.
        called: what messages call the repository or folder.

    Raises:
        CheckpointError: one of them is neither timm's nor transformers'.
    """
    found = _read(config, called, _network) if config else Beside()
    if images and not found.source:
        return found._replace(images=_read(images, called, images_of_transformers))
    return found


def _read(file: Path, called: str, meaning: Callable[[Mapping[str, Any]], Meaning]) -> Meaning:
    try:
        return meaning(json.loads(file.read_text(encoding="utf-8")))
    except NotDone as error:
        raise CheckpointError(
            f"the {file.name} of {called} is for other images than are made here: {error}. Copy "
            "the weights elsewhere, and describe how their images are prepared: cladenet import "
            "FILE size= resize= mean= std= interpolation= fit="
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"the {file.name} of {called} is not one of timm's or transformers': "
            f"{reason(error)}. Download its weights alone and use `cladenet import "
            "FILE --as NETWORK`"
        ) from error


def _network(config: Mapping[str, Any]) -> Beside:
    if "architecture" in config:
        seen = config.get("pretrained_cfg") or {}
        classes = tuple(config.get("label_names") or ())
        return Beside(f"timm/{config['architecture']}", _images_of_timm(seen), classes)
    if "model_type" not in config:
        raise KeyError("model_type")
    labels = {int(number): str(name) for number, name in (config.get("id2label") or {}).items()}
    numbers = sorted(labels)
    named = any(labels[number] != f"LABEL_{number}" for number in numbers)
    whole = numbers == list(range(len(numbers)))
    return Beside(classes=tuple(labels[number] for number in numbers) if named and whole else ())


def _images_of_timm(seen: Mapping[str, Any]) -> dict[str, Any]:
    if "input_size" not in seen:
        return {}
    size = seen["input_size"][1]
    return {
        "size": size,
        "resize": math.floor(size / seen.get("crop_pct", 0.875)),
        "fit": FITS[seen.get("crop_mode", "center")],
        "interpolation": seen.get("interpolation", "bilinear"),
        "mean": tuple(seen["mean"]),
        "std": tuple(seen["std"]),
    }


def images_of_transformers(given: Mapping[str, Any]) -> dict[str, Any]:
    """A preprocessor_config.json of an image classifier as what `import_weights` takes.

    Raises:
        NotDone: it uses another filter, or makes images of many sizes, or oblong ones.
    """
    kind = str(given.get("image_processor_type") or given.get("feature_extractor_type") or "ViT")
    kind = kind.partition("ImageProcessor")[0].partition("FeatureExtractor")[0]
    values = {**USUAL.get(kind, _VIT), **given}
    if not values.get("do_resize", True):
        raise NotDone("its images are not resized, and are of many sizes")
    resample = values["resample"]
    if resample not in RESAMPLE:
        raise NotDone(f"it resizes by Pillow's filter {resample}, here are 2 and 3")
    sizes = _convnext_sizes(values) if kind == "ConvNext" else _sizes(values, kind)
    return {**sizes, **_normalised(values), "interpolation": RESAMPLE[resample]}


def _convnext_sizes(values: Mapping[str, Any]) -> dict[str, Any]:
    size = values["size"]
    side = int(size["shortest_edge"] if isinstance(size, Mapping) else size)
    if side >= WARPS:
        return {"size": side, "fit": "stretch"}
    return {"size": side, "resize": int(side / values["crop_pct"]), "fit": "crop"}


def _sizes(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    size = values["size"]
    if not isinstance(size, Mapping):  # one number, until 2022: a square for ViT, else the edge
        size = {"height": size, "width": size} if kind == "ViT" else {"shortest_edge": size}
    crops = values.get("do_center_crop", False)
    crop = values.get("crop_size") if crops else None
    if isinstance(crop, Mapping):
        crop = _square(crop)
    if "shortest_edge" in size:
        if crop is None:
            raise NotDone(f"it resizes to {dict(size)} and cuts nothing out: many sizes")
        return {"size": int(crop), "resize": int(size["shortest_edge"]), "fit": "crop"}
    side = _square(size)
    if crop is None:
        return {"size": side, "fit": "stretch"}
    return {"size": int(crop), "resize": side, "fit": "stretch"}


def _square(size: Mapping[str, Any]) -> int:
    if size["height"] != size["width"]:
        raise NotDone(f"its images are {size['height']}x{size['width']}, here they are square")
    return int(size["height"])


def _normalised(values: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and std for values in [0, 1]: of (x factor - offset - mean) / std for levels x."""
    factor = values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) else 1
    offset = 1 if values.get("rescale_offset", False) else 0
    normalises = values.get("do_normalize", True)
    mean = _three(values.get("image_mean", 0.5) if normalises else 0)
    std = _three(values.get("image_std", 0.5) if normalises else 1)
    if abs(255 * factor - 1) < 1e-9 and not offset:  # as printed, without rounding
        return {"mean": mean, "std": std}
    levels = 255 * factor
    return {
        "mean": tuple((value + offset) / levels for value in mean),
        "std": tuple(value / levels for value in std),
    }


def _three(value: Any) -> tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, list | tuple) else (float(value),) * 3
