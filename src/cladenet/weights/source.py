"""What is known of one network of another library's."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from cladenet.weights.spelling import Spelling

TORCH_EPS: dict[str, Any] = {"norm_eps": 1e-5}
TENSORFLOW: dict[str, Any] = {"padding": "same"}


class Source(NamedTuple):
    """A network of another library.

    Args:
        name: with the library's, such as "torchvision/resnet50".
        network: ours.
        spelling: the other's names of its parts.
        arguments: what `create_model` needs besides the name.
        leaves_out: beginnings of names that files have and our network has not: auxiliary
            classifiers.
        zeros: tensors of ours that the other network does not have, and could as well have as
            zeros: the bias of a last layer.
        images: what images go through, as far as it is not what torchvision's usually do: `mean`,
            `std`, `interpolation`, and `crop`, the image's side as a share of the short side.
        read: what has to be done to a file's tensors before they are laid beside ours; such
            networks cannot be exported.
    """

    name: str
    network: str
    spelling: Spelling
    arguments: Mapping[str, Any] = MappingProxyType({})
    leaves_out: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()
    images: Mapping[str, Any] = MappingProxyType({})
    read: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] | None = None


def sources_of(library: str) -> Callable[..., Source]:
    """Makes that library's sources: from its name, ours, the spelling and our arguments."""

    def source(theirs: str, ours: str, spelling: Spelling, **arguments: Any) -> Source:
        return Source(f"{library}/{theirs}", ours, spelling, arguments)

    return source
