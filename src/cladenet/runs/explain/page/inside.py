"""What is inside the network: responses, dead units, receptive fields, weights."""

from collections.abc import Sequence

from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.explain.inside.dead import activity
from cladenet.explain.inside.excitations import excitations
from cladenet.explain.inside.responses import responses
from cladenet.explain.inside.reuse import feature_reuse
from cladenet.explain.inside.seen import effective_field
from cladenet.explain.inside.weights import weight_rows
from cladenet.layers.classifier import Classifier
from cladenet.report.charts import Line, line_chart
from cladenet.report.text import NBSP, folded, section, table, text

LOOKED_AT = 256  # images
ROWS = 20


def inside(network: Classifier, batches: Sequence[tuple[Tensor, Tensor]]) -> str:
    """One section; parts that the network does not have are left out.

    Args:
        network: whose parts are looked at.
        batches: normalised images and their labels, about `LOOKED_AT` in all.
    """
    images = [pictures for pictures, _ in batches]
    cards = [
        ("Responses", _responses(network, images)),
        ("Effective receptive field", _fields(network, images[:1])),
        ("ReLUs", _dead(network, images)),
        ("Excitations", _excitations(network, batches)),
        ("Reuse of features", _reuse(network)),
    ]
    body = "".join(
        f'<div class="card"><h3>{heading}</h3>{content}</div>'
        for heading, content in cards
        if content
    )
    whole = f'<div class="pair">{body}</div>{folded("Weights, layer by layer", _weights(network))}'
    seen = sum(len(each) for each in images)
    return section("inside", "Inside the network", f"Measured on {seen:,} of the images.", whole)


def _responses(network: Classifier, images: Sequence[Tensor]) -> str:
    found = responses(network, images)
    points = [(float(i), row.std) for i, row in enumerate(found, 1)]
    chart = line_chart(
        "Standard deviation of each layer's response",
        [Line("std", points, "val", dots=True)],
        x_label="layer",
    )
    if not chart:
        return ""
    words = "Standard deviation of each spatial convolution, after its norm and before ReLU or sum."
    return f"{chart}<p class='axes'>{words}</p>"


def _fields(network: Classifier, images: Sequence[Tensor]) -> str:
    rows = []
    for layer in network.taps or [f"stages.{i}" for i in range(len(network.stages))]:
        try:
            found = effective_field(network, layer, images)
        except BadArgument:  # it gives no map
            continue
        computed = "whole image" if found.computed is None else f"{found.computed}"
        rows.append([text(layer), computed, f"{found.size:.1f}"])
    words = (
        "<p class='axes'>Side in pixels: as computed from windows and strides, and of the pixels "
        "whose gradient is above 4.55 % of the largest.</p>"
    )
    head = ("feature map", "computed", "measured")
    return table(head, rows, ("", "num", "num")) + words if rows else ""


def _dead(network: Classifier, images: Sequence[Tensor]) -> str:
    found = activity(network, images)
    if not found:
        return ""
    units, dead = sum(row.units for row in found), sum(len(row.dead) for row in found)
    rows = [
        [text(row.layer), f"{row.units:,}", f"{len(row.dead):,}", f"{100 * row.active:.0f}{NBSP}%"]
        for row in sorted(found, key=lambda row: -len(row.dead) / row.units)
    ]
    head = ("ReLU", "units", "dead", "active")
    words = f"<p>{dead:,} of {units:,} units are 0 on every image: they are dead.</p>"
    more = rows[ROWS:]
    rest = folded("the others", table(head, more, ("", "num", "num", "num"))) if more else ""
    return words + table(head, rows[:ROWS], ("", "num", "num", "num")) + rest


def _excitations(network: Classifier, batches: Sequence[tuple[Tensor, Tensor]]) -> str:
    try:
        found = excitations(network, batches)
    except BadArgument:  # it has none
        return ""
    points = [(float(i), row.between) for i, row in enumerate(found, 1)]
    chart = line_chart(
        "Standard deviation of excitations between classes",
        [Line("between classes", points, "val", dots=True)],
        x_label="unit",
    )
    words = "How far each squeeze-and-excitation unit scales channels by class."
    return f"{chart}<p class='axes'>{words}</p>"


def _reuse(network: Classifier) -> str:
    try:
        found = feature_reuse(network)
    except BadArgument:  # it is no DenseNet
        return ""
    return "".join(
        f"<p class='axes'>{text(each.block)}: rows are read, columns read.</p>{_heat(each.weights)}"
        for each in found
    )


def _heat(weights: Tensor) -> str:
    n = len(weights)
    side = max(3, 280 // n)
    cells = "".join(
        f'<rect x="{side * column}" y="{side * row}" width="{side}" height="{side}" '
        f'fill="rgb(var(--miss) / {value:.2f})"/>'
        for row, values in enumerate(weights.tolist())
        for column, value in enumerate(values)
        if value == value
    )
    box = f"0 0 {side * n} {side * n}"
    return (
        f'<svg class="chart" style="max-width:300px" viewBox="{box}" role="img">'
        f"<title>Mean absolute weights</title>{cells}</svg>"
    )


def _weights(network: Classifier) -> str:
    rows = [
        [
            text(row.layer),
            "&times;".join(map(str, row.shape)),
            f"{row.norm:.3g}",
            f"{row.spectral:.3g}",
            f"{row.rank:,} of {row.full:,}",
            f"{row.effective:.1f}",
        ]
        for row in weight_rows(network)
    ]
    head = ("layer", "shape", "norm", "largest singular", "rank", "effective rank")
    return table(head, rows, ("", "", "num", "num", "num", "num"), stacked=True)
