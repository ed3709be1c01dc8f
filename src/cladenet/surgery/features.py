"""The feature maps between the stages, in place of logits: what `features_only=True` gives.

The feature maps of a net that is already trained are `FeatureMaps(model)`; the weights are shared.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_images
from cladenet.layers.classifier import Classifier
from cladenet.layers.feature_maps import FeatureMap


class FeatureInfo:
    """What a `FeatureMaps` returns, asked for as in timm."""

    def __init__(self, maps: tuple[FeatureMap, ...]) -> None:
        self.maps = maps

    def channels(self) -> list[int]:
        """Depth of each map."""
        return [place.channels for place in self.maps]

    def reduction(self) -> list[int]:
        """Input pixels for each step in each map."""
        return [place.reduction for place in self.maps]

    def module_name(self) -> list[str]:
        """The module of the classifier whose output each map is."""
        return [place.module for place in self.maps]


class FeatureMaps(nn.Module):
    """Images -> a list of feature maps, finest first. Layers after the last of them are left out.

    Args:
        model: the classifier, whose layers are shared, not copied.
        out_indices: which of `model.feature_maps`, counted from 0 or, below 0, from the end;
            all of them by default.

    Raises:
        BadArgument: `out_indices` is empty, has doubles, or points to no map.
    """

    def __init__(self, model: Classifier, out_indices: tuple[int, ...] | None = None) -> None:
        super().__init__()
        places = model.feature_maps
        count = len(places)
        picks = range(count) if out_indices is None else out_indices
        chosen = sorted({index % count for index in picks if -count <= index < count})
        if not chosen or len(chosen) != len(picks):
            raise BadArgument(
                f"out_indices is {out_indices}; expected different numbers from 0 to "
                f"{count - 1}: {type(model).__name__} has {count} maps"
            )
        self.feature_info = FeatureInfo(tuple(places[index] for index in chosen))
        self.segments = _segments(model, self.feature_info.module_name())
        self.in_channels, self.least_size = model.in_channels, model.least_size
        self.of = type(model).__name__
        self.as_map = model.as_map

    def forward(self, x: Tensor) -> list[Tensor]:
        """Normalised images (N, in_channels, H, W) -> feature maps (N, channels, H', W')."""
        check_images(x, self.of, self.in_channels, self.least_size)
        maps, size = [], (x.shape[2], x.shape[3])
        for segment in self.segments:
            x = segment(x)
            maps.append(self.as_map(x, size))
        return maps


def _segments(model: Classifier, ends: list[str]) -> nn.ModuleList:
    """The layers of stem and stages, cut after each of `ends`."""
    segments, segment = nn.ModuleList(), nn.Sequential()
    for part in ("stem", "stages"):
        for name, module in _steps(part, model.get_submodule(part), ends):
            segment.append(module)
            if name in ends:
                segments.append(segment)
                segment = nn.Sequential()
    return segments


def _steps(name: str, module: nn.Module, ends: list[str]) -> Iterator[tuple[str, nn.Module]]:
    """`module` in one piece, or its children in turn if a cut lies inside."""
    if any(end.startswith(f"{name}.") for end in ends):
        for child, part in module.named_children():
            yield from _steps(f"{name}.{child}", part, ends)
    else:
        yield name, module
