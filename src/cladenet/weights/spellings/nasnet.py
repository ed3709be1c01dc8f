"""NASNet-A large: timm's names, as in pretrained-models.pytorch.

conv0.conv  bn  cell_stem_{0, 1}  cell_{0..17}  reduction_cell_{0, 1}  last_linear
in a cell: conv_prev_1x1.conv  bn, or path_1.conv  path_2.conv  final_path_bn; conv_1x1.conv  bn
comb_iter_{0..4}_{left, right}.separable_{1, 2}.depthwise_conv2d  pointwise_conv2d  bn_sep_{1, 2}
"""

from collections.abc import Iterator

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts

_FIT = {
    "fit_before.1.paths.0.1": "path_1.conv",
    "fit_before.1.paths.1.1": "path_2.conv",
    "fit_before.1.norm": "final_path_bn",
    "fit_before.1": "conv_prev_1x1.conv",
    "fit_before.2": "conv_prev_1x1.bn",
    "fit.1": "conv_1x1.conv",
    "fit.2": "conv_1x1.bn",
}
_SEPARABLE = {
    "1": "separable_1.depthwise_conv2d",
    "2": "separable_1.pointwise_conv2d",
    "3": "bn_sep_1",
    "5": "separable_2.depthwise_conv2d",
    "6": "separable_2.pointwise_conv2d",
    "7": "bn_sep_2",
}


def timm(model: Classifier) -> Iterator[str]:
    """timm's NASNet-A large."""
    yield from ("conv0.conv", "conv0.bn")
    stem = [cell for cell in model.stem.children() if hasattr(cell, "cell")]
    for number, step in enumerate(stem):
        yield from _cell(f"cell_stem_{number}", step)
    count = 0
    for stage, steps in enumerate(model.stages):
        for place, step in enumerate(steps.children()):
            if stage and place == 0:
                yield from _cell(f"reduction_cell_{stage - 1}", step)
            else:
                yield from _cell(f"cell_{count}", step)
                count += 1
    yield "last_linear"


def _cell(name: str, step: nn.Module) -> Iterator[str]:
    for part in parts(step):
        inner = part.removeprefix("cell.")
        if inner in _FIT:
            yield f"{name}.{_FIT[inner]}"
        else:
            _, number, layer = inner.split(".")
            side = "left" if int(number) % 2 == 0 else "right"
            yield f"{name}.comb_iter_{int(number) // 2}_{side}.{_SEPARABLE[layer]}"
