"""From a name to a file on this machine: out of a cache, or over the network, or a clear word.

torchvision's files go where `torch.hub` keeps them, those of the Hugging Face hub where
`huggingface_hub` does, so that what is there already is not fetched twice, and nobody is asked.
Where no server answers, the error comes at once: the hub's own client tries five times, with a
line each, for 47 seconds.
"""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies

from cladenet.errors import CheckpointError, MissingExtra
from cladenet.weights.known import PACKAGE, Weights
from cladenet.weights.packages import file_in_package

HUB = "https://huggingface.co/"
PATIENCE = 3.0  # seconds to wait for a connection


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
    digest = target.name.removesuffix(".pth").rpartition("-")[2]  # torchvision's names end in it
    try:
        if not answers(weights.url):
            raise ConnectionError(f"{urlsplit(weights.url).hostname} does not answer")
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(weights.url, str(target), hash_prefix=digest, progress=False)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"{weights.name} is not on this machine and cannot be fetched ({_reason(error)}). "
            f"Download {weights.url} and put it at {target}, or import the file: cladenet import "
            f"FILE --as {weights.source}"
        ) from None  # what a dozen functions of the network had to say of it tells nobody more
    return target


def answers(url: str, patience: float = PATIENCE) -> bool:
    """Does the server of that address, or the proxy before it, take a connection in time?

    The patience is for all of it: a resolver that nobody answers, and a server with several
    addresses, each of which may be tried, would otherwise take a multiple of it.
    """
    found: list[bool] = []
    asking = Thread(target=lambda: found.append(_connects(url, patience)), daemon=True)
    asking.start()
    asking.join(patience)
    return found == [True]


def _connects(url: str, patience: float) -> bool:
    proxies = getproxies()
    address = urlsplit(proxies.get("https") or proxies.get("all") or url)
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        with socket.create_connection((address.hostname or "", port), timeout=patience):
            return True
    except (OSError, ValueError):
        return False


def fetch_from_hub(repository: str, name: str, file: str = "model.safetensors") -> Path:
    """A file of a repository on the Hugging Face hub.

    Raises:
        CheckpointError: it is not here and cannot be fetched.
        MissingExtra: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "hub", f"{name}, which is on its hub,") from error
    kept = try_to_load_from_cache(repository, file)
    if isinstance(kept, str):
        return Path(kept)
    try:
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("HF_HUB_OFFLINE is set")
        if not answers(constants.ENDPOINT):
            raise ConnectionError(f"{urlsplit(constants.ENDPOINT).hostname} does not answer")
        with _without_warnings("huggingface_hub"):
            return Path(hf_hub_download(repository, file))
    except Exception as error:  # whatever a library that speaks to a network may raise
        address = f"{HUB}{repository}/resolve/main/{file}"
        known = f" --as {repository.partition('.')[0]}" if repository.startswith("timm/") else ""
        raise CheckpointError(
            f"{name} is not on this machine and cannot be fetched ({_reason(error)}). Download "
            f"{address} and import it: cladenet import FILE{known}"
        ) from None


@contextmanager
def _without_warnings(library: str) -> Iterator[None]:
    """Inside, only errors are logged, for whoever asked gets the reason as an exception."""
    logger = logging.getLogger(library)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
