"""What feature maps look for, by the deconvnet, on networks that have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.explain.deconvnet import Strongest, reconstructions, strongest
from cladenet.explain.deconvnet.evolution import evolution
from cladenet.layers.classifier import Classifier
from cladenet.report.text import section, text
from cladenet.runs.explain.pictures import Pictures, Pixels, embedded, tiles

LAYERS = 4  # that are shown
MAPS = 6  # of each
TILE = 56  # pixels of a patch
FILTER_TILE = 30
WIDEST = 560
LOOKED_AT = 1000  # images, evenly spread


@dataclass(frozen=True)
class Unit:
    """A feature map: patches of its strongest images, and what the deconvnet makes of them."""

    layer: str
    channel: int
    patches: tuple[Pixels, ...]
    shown: tuple[Pixels, ...]


def units_of(pictures: Pictures) -> list[Unit]:
    """Feature maps of a few layers, from the first to the last; none where it has no meaning."""
    network = pictures.network
    shown = _spread(network.taps or [f"stages.{i}" for i in range(len(network.stages))], LAYERS)
    units: list[Unit] = []
    try:
        for layer in shown:
            images = (images for images, _ in pictures.labelled(LOOKED_AT))
            found = strongest(network, layer, images)
            loudest = found.values[:, 0].argsort(descending=True)[:MAPS]
            units += [_unit(found, int(k), pictures) for k in loudest if found.values[k, 0] > 0]
    except BadArgument:
        return []
    return units


def gallery(units: Sequence[Unit], first: Pixels | None, over_time: str = "") -> str:
    """The units by layer, and the filters of the first layer."""
    if not units:
        return ""
    parts = []
    if first is not None:
        parts.append(
            f'<h3>First layer</h3><div class="strip">{embedded(first, "filters", WIDEST)}</div>'
        )
    for layer in dict.fromkeys(unit.layer for unit in units):
        figures = "".join(
            f'<figure><div class="trio duo"><div>{_picture(unit.shown)}</div>'
            f"<div>{_picture(unit.patches)}</div></div>"
            f"<figcaption>map {unit.channel}</figcaption></figure>"
            for unit in units
            if unit.layer == layer
        )
        parts.append(
            f'<h3 style="margin-top:24px">{text(layer)}</h3><div class="units">{figures}</div>'
        )
    why = (
        "The strongest images of feature maps (right) and what in them made the map so strong "
        "(left), by Zeiler and Fergus's deconvnet."
    )
    return section("features", "What feature maps look for", why, "".join(parts) + over_time)


def evolved(
    units: Sequence[Unit], pictures: Pictures, checkpoints: Mapping[int, Classifier]
) -> str:
    """The feature maps of one layer at each checkpoint, the earliest first.

    Args:
        units: those of the gallery, of which a layer in the middle is taken.
        pictures: among which the strongest are looked for.
        checkpoints: the network by its step; fewer than two show nothing.
    """
    if not units or len(checkpoints) < 2:
        return ""
    layers = list(dict.fromkeys(unit.layer for unit in units))
    layer = layers[len(layers) // 2]
    channels = [unit.channel for unit in units if unit.layer == layer]
    epochs = evolution(
        checkpoints.values(),
        layer,
        lambda: (images for images, _ in pictures.labelled(LOOKED_AT)),
        channels,
    )
    rows = []
    for number, channel in enumerate(channels):
        cut = []
        for epoch in epochs:
            top, left, bottom, right = epoch.fields[number].tolist()
            cut.append(as_colours(epoch.pixels[number, :, top:bottom, left:right]))
        strip = embedded(tiles(cut, len(cut), TILE), f"map {channel} by step", WIDEST)
        rows.append(
            f'<figure><div class="strip">{strip}</div><figcaption>map {channel}</figcaption>'
            "</figure>"
        )
    steps = ", ".join(f"{step:,}" for step in checkpoints)
    return (
        f'<h3 style="margin-top:24px">{text(layer)} over the training</h3><p class="why">The '
        f"strongest activation among the images at the checkpoints of steps {steps}.</p>"
        f'<div class="units">{"".join(rows)}</div>'
    )


def first_filters(network: Classifier) -> Pixels | None:
    """The filters of the first convolution as colours; None where they are single pixels."""
    convs = (m for m in network.stem.modules() if isinstance(m, nn.Conv2d))
    first = next(convs, None)
    if first is None or first.kernel_size[0] < 3 or first.in_channels not in (1, 3):
        return None
    return tiles([as_colours(w) for w in first.weight.detach().cpu()], 16, FILTER_TILE)


def as_colours(values: Tensor) -> Pixels:
    """(C, H, W) of either sign -> uint8 (H, W, C): 0 is grey, the largest value white or black."""
    largest = values.abs().max().clamp(min=1e-12)
    return (128 + 127 * values / largest).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def _unit(found: Strongest, k: int, pictures: Pictures) -> Unit:
    n = len(pictures.split)
    places = [_place(int(i), n) for i in found.images[k]]
    seen = pictures.seen(places)
    channel = int(found.channels[k])
    pixels, fields = reconstructions(
        pictures.network,
        found.layer,
        pictures.inputs(seen),
        torch.full((len(seen),), channel, device=pictures.device),
    )
    boxes = fields.tolist()
    return Unit(
        found.layer,
        channel,
        tuple(image[t:b, l:r] for image, (t, l, b, r) in zip(seen, boxes, strict=True)),  # noqa: E741
        tuple(
            as_colours(picture[:, t:b, l:r])
            for picture, (t, l, b, r) in zip(pixels, boxes, strict=True)  # noqa: E741
        ),
    )


def _picture(patches: Sequence[Pixels]) -> str:
    return embedded(tiles(patches, 3, TILE), "nine patches")


def _place(number: int, n: int) -> int:
    """Of the images that are looked at, evenly spread over all `n`."""
    return number if n <= LOOKED_AT else number * n // LOOKED_AT


def _spread(names: Sequence[str], most: int) -> list[str]:
    chosen = np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int)
    return [names[i] for i in chosen]
