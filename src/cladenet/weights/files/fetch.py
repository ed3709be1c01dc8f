"""From a name to a file on this machine: out of a cache, or over the network, or a clear word.

torchvision's files go where `torch.hub` keeps them, those of the Hugging Face hub where
`huggingface_hub` does, so that what is there already is not fetched twice.
"""

from pathlib import Path

from cladenet.errors import CheckpointError, MissingExtra
from cladenet.weights.known import PACKAGE, Weights
from cladenet.weights.packages import file_in_package

HUB = "https://huggingface.co/"


def fetch(weights: Weights) -> Path:
    """The file with these weights.

    Raises:
        CheckpointError: it is not here and cannot be fetched; the message says what to download
            and where to put it.
        MissingExtra: it is on the Hugging Face hub, and huggingface_hub is not installed.
    """
    if weights.name.startswith(PACKAGE):
        return file_in_package(weights)
    if weights.url.startswith(HUB):
        return fetch_from_hub(weights.url.removeprefix(HUB), weights.name)
    return _fetch_url(weights)


def torch_hub_file(weights: Weights) -> Path:
    """Where `torch.hub` keeps the file of torchvision's weights, there or not."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]


def _fetch_url(weights: Weights) -> Path:
    import torch

    target = torch_hub_file(weights)
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = target.name.removesuffix(".pth").rpartition("-")[
            2
        ]  # torchvision's names end in it
        torch.hub.download_url_to_file(weights.url, str(target), hash_prefix=digest, progress=False)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"{weights.name} is not on this machine and cannot be fetched ({_reason(error)}). "
            f"Download {weights.url} and put it at {target}, or import the file: cladenet import "
            f"FILE --as {weights.source}"
        ) from error
    return target


def fetch_from_hub(repository: str, name: str, file: str = "model.safetensors") -> Path:
    """A file of a repository on the Hugging Face hub.

    Raises:
        CheckpointError: it is not here and cannot be fetched.
        MissingExtra: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "hub", f"{name}, which is on its hub,") from error
    try:
        return Path(hf_hub_download(repository, file))
    except Exception as error:  # whatever a library that speaks to a network may raise
        address = f"{HUB}{repository}/resolve/main/{file}"
        raise CheckpointError(
            f"{name} is not on this machine and cannot be fetched ({_reason(error)}). Download "
            f"{address} and import it: cladenet import FILE --as {name.partition('.')[0]}"
        ) from error


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
