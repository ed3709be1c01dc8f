"""How images are prepared for a network, as timm's users ask for it.

The transform is the one that `predict` and `evaluate` use, not a copy of it.
"""

from collections.abc import Mapping
from math import floor
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.loading import locate
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.layers.methods.timm_methods import FITS, TimmMethods, as_config
from cladenet.registry import create_model, find

KEYS = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")


class Transform:
    """A picture -> normalised values float32 (C, H, W).

    Args:
        preprocess: what happens to it.
    """

    def __init__(self, preprocess: Preprocess) -> None:
        self.preprocess = preprocess

    def __call__(self, image: Image.Image | NDArray[np.uint8] | str | PathLike[str]) -> Tensor:
        """A PIL image, an array uint8 (H, W, C) or a file."""
        pixels = self._pixels(image)
        prepared = torch.from_numpy(self.preprocess.prepare(pixels))[None]
        return self.preprocess.to_input(prepared, torch.device("cpu"))[0]

    def __repr__(self) -> str:
        return f"Transform({self.preprocess})"

    def _pixels(self, image: Any) -> NDArray[np.uint8]:
        if isinstance(image, str | PathLike):
            return self.preprocess.decoding.read(image)
        if isinstance(image, Image.Image):
            image = np.asarray(image.convert("L" if self.preprocess.channels == 1 else "RGB"))
        pixels = np.asarray(image)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels


def resolve_data_config(
    args: Any = None, pretrained_cfg: Mapping[str, Any] | None = None, model: Any = None
) -> dict[str, Any]:
    """How images are prepared, by timm's keys.

    Args:
        args: a network, the name of one, a run or checkpoint folder; or, as in timm, a table of
            keys that replace those of `pretrained_cfg` or of the network.
        pretrained_cfg: a table of them.
        model: a network, its name, a run or checkpoint folder.

    Raises:
        BadArgument, CheckpointError: it is none of these.
    """
    changes = args if isinstance(args, Mapping) else {}
    asked = model if model is not None else args if not isinstance(args, Mapping) else None
    base = dict(pretrained_cfg) if pretrained_cfg is not None else _config_of(asked)
    given = {key: value for key, value in changes.items() if value is not None}
    unknown = sorted(set(given) - set(KEYS))
    if unknown:
        raise BadArgument(f"{unknown[0]} says nothing of images; expected {', '.join(KEYS)}")
    return {key: {**base, **given}[key] for key in KEYS}


def create_transform(source: Any = None, is_training: bool = False, **config: Any) -> Transform:
    """What prepares an image for a network: `create_transform(**resolve_data_config(model))`.

    Args:
        source: what `resolve_data_config` takes; None where `config` has all of its keys.
        is_training: as False; images are changed in training as recipes say.
        config: by timm's keys; `no_aug` is True in any case.

    Raises:
        BadArgument: a key is missing or has a value that nothing here does.
    """
    if is_training:
        raise BadArgument(
            "is_training is True; how images change in training is part of a recipe: cladenet "
            "train, cladenet recipes NAME"
        )
    config.pop("no_aug", None)
    if source is not None and not config:
        return Transform(_preprocess_of(source))
    values = resolve_data_config(config, model=source) if source is not None else config
    return Transform(_by_timms_keys(values))


def _by_timms_keys(values: Mapping[str, Any]) -> Preprocess:
    missing = [key for key in KEYS if key not in values]
    if missing:
        raise BadArgument(f"{missing[0]} is missing; pass **resolve_data_config(NETWORK)")
    channels, height, width = values["input_size"]
    mode, share = values["crop_mode"], float(values["crop_pct"])
    if mode not in (*FITS, "none", "pad"):
        raise BadArgument(f"crop_mode is {mode!r}; expected one of {', '.join(FITS)}")
    fit = FITS.get(mode, mode)
    whole = fit in ("none", "pad") or (fit == "stretch" and share == 1)
    return Preprocess(
        height=int(height),
        width=int(width),
        channels=int(channels),
        fit=fit,
        mean=tuple(values["mean"]),
        std=tuple(values["std"]),
        resize=None if whole else floor(max(height, width) / share + 1e-6),
        interpolation=values["interpolation"],
    )


def _preprocess_of(source: Any) -> Preprocess:
    """In full, where it is known: images turned upright, white levels, and so on."""
    if isinstance(source, TimmMethods) and source.preprocessing:
        return Preprocess.from_json(source.preprocessing)
    if isinstance(source, str | PathLike) and Path(source).exists():
        return folders.read(locate(Path(source)), with_state=False).card.preprocess
    return _by_timms_keys(_config_of(source))


def _config_of(source: Any) -> dict[str, Any]:
    if isinstance(source, TimmMethods):
        return source.pretrained_cfg
    if isinstance(source, nn.Module) or not isinstance(source, str | PathLike):
        raise BadArgument(
            f"{type(source).__name__} does not say how images are prepared; pass a network of "
            "create_model, the name of one, or a run folder"
        )
    if Path(source).exists():
        return as_config(_preprocess_of(source).to_json())
    with torch.device("meta"):
        return create_model(find(str(source)).name).pretrained_cfg
