"""Names of options that nobody here has given: what they are called here."""

from collections.abc import Iterable

from cladenet.errors import BadArgument
from cladenet.suggest import nearest

# Words of other libraries.
CALLED_HERE = {
    "learning_rate": "lr",
    "lr0": "lr",
    "base_lr": "lr",
    "bs": "batch_size",
    "batch": "batch_size",
    "batchsize": "batch_size",
    "epoch": "epochs",
    "max_epochs": "epochs",
    "num_epochs": "epochs",
    "wd": "weight_decay",
    "imgsz": "size",
    "image_size": "size",
    "img_size": "size",
    "input_size": "size",
    "resolution": "size",
    "amp": "precision",
    "fp16": "precision",
    "half": "precision",
    "dtype": "precision",
    "num_workers": "workers",
    "jobs": "workers",
    "gpus": "device",
    "random_seed": "seed",
    "opt": "optimizer",
    "optimiser": "optimizer",
    "grad_clip": "clip_norm",
    "clip_grad": "clip_norm",
    "max_grad_norm": "clip_norm",
    "smoothing": "label_smoothing",
    "val_split": "val",
    "num_classes": "model.num_classes",
    "dropout": "drop_rate",
    "pretrained": "--weights torchvision/NETWORK, timm/NETWORK or a run",
    "checkpoint": "--weights RUN, or --resume RUN to resume it",
    "output": "--out FOLDER",
    "output_dir": "--out FOLDER",
    "save_dir": "--out FOLDER",
    "project": "--out FOLDER",
    "name": "--out FOLDER",
    "dataset": "--data DATA",
    "data_dir": "--data DATA",
}
SHORT = {"b": "batch_size", "e": "epochs", "j": "workers", "lr": "lr", "wd": "weight_decay"}


def unknown_option(key: str, options: Iterable[str]) -> BadArgument:
    """The error for an option that there is not, with what it may be called here.

    Words that are no option of training are explained as far as they are known.
    """
    known = list(options)
    plain = key.lower().replace("-", "_")
    meant = [CALLED_HERE[plain]] if plain in CALLED_HERE else nearest(plain, known, most=2)
    meant = [word for word in meant if word in known or not word.isidentifier()]
    if meant:
        return BadArgument(f"{key!r} is not an option; nearest: {', '.join(meant)}")
    return BadArgument(
        f"{key!r} is not an option of training, and no option has a similar name; options of the "
        "network are model.KEY=VALUE, all others are in docs/training.md"
    )
