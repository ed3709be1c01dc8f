"""The last layer under another name than its library's: as transfer learning leaves it.

`model.classifier = nn.Linear(...)` where torchvision has `classifier.1`, `model.fc = nn.Sequential(
nn.Dropout(), nn.Linear(...))` where it has `fc`.
"""

from collections.abc import Mapping

from torch import Tensor


def with_last_layer(
    tensors: Mapping[str, Tensor], known: set[str], last: str, width: int
) -> tuple[dict[str, Tensor], str]:
    """The tensors with the last layer's own name, and what was renamed; empty where nothing was.

    Args:
        tensors: a file's.
        known: the library's names for all of the network.
        last: its name of the last layer, such as "classifier.1".
        width: values that the layer reads.
    """
    strange = [name for name in tensors if name not in known]
    layers = [
        name.removesuffix(".weight")
        for name in strange
        if name.endswith(".weight")
        and tensors[name].ndim in (2, 4)
        and tensors[name][0].numel() == width
    ]
    leaves = [name.rpartition(".")[2] for name in strange]
    if f"{last}.weight" in tensors or len(layers) != 1 or {*leaves} - {"weight", "bias"}:
        return dict(tensors), ""
    (theirs,) = layers
    same_place = theirs.partition(".")[0] == last.partition(".")[0]
    if not same_place or any(not name.startswith(f"{theirs}.") for name in strange):
        return dict(tensors), ""
    renamed = {
        f"{last}{name.removeprefix(theirs)}" if name in strange else name: value
        for name, value in tensors.items()
    }
    return renamed, f"the last layer is {theirs} in the file, {last} in its library's network"
