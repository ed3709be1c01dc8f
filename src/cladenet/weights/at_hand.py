"""Published weights that are on this machine already, or one connection away."""

from importlib.metadata import PackageNotFoundError

from cladenet.weights.files.fetch import HUB, answers, torch_hub_file
from cladenet.weights.known import PACKAGE, Weights, known_weights
from cladenet.weights.packages import installed_file


def weights_at_hand() -> list[Weights]:
    """Those whose file is in an installed package or in a library's cache; nothing is fetched."""
    return [weights for weights in known_weights().values() if is_at_hand(weights)]


def is_at_hand(weights: Weights) -> bool:
    """Is their file on this machine?"""
    if weights.name.startswith(PACKAGE):
        return _is_installed(weights)
    if weights.url.startswith(HUB):
        return _is_in_hub_cache(weights.url.removeprefix(HUB))
    return torch_hub_file(weights).is_file()


def _is_installed(weights: Weights) -> bool:
    try:
        return installed_file(weights)[1] is not None
    except PackageNotFoundError:
        return False


def _is_in_hub_cache(repository: str) -> bool:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return False
    return isinstance(try_to_load_from_cache(repository, "model.safetensors"), str)


def can_be_fetched(weights: Weights) -> bool:
    """Does the server of these weights answer? Asked with a short patience."""
    return answers(weights.url)
