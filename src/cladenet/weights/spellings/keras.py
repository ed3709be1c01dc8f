"""The names in keras.applications.

VGG           block{1..5}_conv{n}  fc1  fc2  predictions
ResNet        conv1_conv  conv1_bn  conv{s}_block{u}_{1..3}_conv  bn, the shortcut's 0_conv  0_bn
MobileNet     conv1  conv1_bn  conv_dw_{n}  conv_dw_{n}_bn  conv_pw_{n}  conv_pw_{n}_bn  conv_preds
MobileNetV2   Conv1  bn_Conv1  block_{n}_expand  expand_BN  depthwise  project  Conv_1  Conv_1_bn
MobileNetV3   conv  conv_bn  expanded_conv_{n}_expand  expand_bn  depthwise  squeeze_excite_conv
              squeeze_excite_conv_1  project  conv_1  conv_1_bn  conv_2  logits
DenseNet      conv{b}_block{l}_0_bn  1_conv  1_bn  2_conv  pool{b}_bn  pool{b}_conv  bn
Inception v3  conv2d_{n}  batch_normalization_{n}, in the order of building
Xception      block{b}_sepconv{n}.depthwise  pointwise, block{b}_sepconv{n}_bn, shortcuts by number
Inception-ResNet v2   as Inception v3, but block{35, 17, 8}_{n}_conv  conv_7b  conv_7b_bn
NASNet-A      stem_conv1  stem_bn1, by cell: adjust_conv_projection_{c}, or adjust_conv_{1, 2}_{c},
              adjust_bn_{c}  normal_conv_1_{c}  normal_bn_1_{c}
              separable_conv_{1, 2}_normal_left{b}_{c}.depthwise  pointwise, ..._bn_normal_left...
              cells stem_1  stem_2  0 ... N-1  reduce_N  N+1 ... 2N  reduce_2N  2N+1 ... 3N
EfficientNet  stem_conv  stem_bn  block{s}{letter}_expand_conv  dwconv  se_reduce  project_conv
"""

from collections.abc import Iterator

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings import resnet as torchvision_resnet
from cladenet.weights.spellings.walk import running, units


def vgg(model: Classifier) -> Iterator[str]:
    """block1_conv1 ... fc1 fc2 predictions."""
    counts = (2, 2, 3, 3, 3) if len(parts(model)) == 16 else (2, 2, 4, 4, 4)
    for block, count in enumerate(counts, 1):
        yield from (f"block{block}_conv{number}" for number in range(1, count + 1))
    yield from ("fc1", "fc2", "predictions")


def resnet(model: Classifier) -> Iterator[str]:
    """torchvision's names in Keras' words: layer1.0.conv2 is conv2_block1_2_conv."""
    for name in torchvision_resnet.torchvision(model):
        words = name.split(".")
        if len(words) == 1:
            yield {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}[name]
            continue
        unit = f"conv{int(words[0][-1]) + 1}_block{int(words[1]) + 1}"
        if words[2] == "downsample":
            yield f"{unit}_0_{'conv' if words[3] == '0' else 'bn'}"
        else:
            yield f"{unit}_{words[2][-1]}_{words[2][:-1]}"


def mobilenet(_model: Classifier) -> Iterator[str]:
    """conv1 conv1_bn, conv_dw_1 conv_dw_1_bn conv_pw_1 conv_pw_1_bn ... conv_preds."""
    yield from ("conv1", "conv1_bn")
    for number in range(1, 14):
        for kind in ("dw", "pw"):
            yield from (f"conv_{kind}_{number}", f"conv_{kind}_{number}_bn")
    yield "conv_preds"


def mobilenet_v2(model: Classifier) -> Iterator[str]:
    """Conv1 bn_Conv1, expanded_conv_depthwise ..., block_1_expand block_1_expand_BN ... Conv_1."""
    yield from ("Conv1", "bn_Conv1")
    for name, _ in running(model, "block_{}", first=0):
        place = "expanded_conv" if name == "block_0" else name
        steps = (
            ("depthwise", "project") if name == "block_0" else ("expand", "depthwise", "project")
        )
        for step in steps:
            yield from (f"{place}_{step}", f"{place}_{step}_BN")
    yield from ("Conv_1", "Conv_1_bn", "predictions")


def mobilenet_v3(model: Classifier) -> Iterator[str]:
    """MobileNetV3, whose first unit expands nothing and has no number."""
    yield from ("conv", "conv_bn")
    for name, unit in running(model, "expanded_conv_{}_", first=0):
        place = "expanded_conv_" if name == "expanded_conv_0_" else name
        layers = parts(unit)
        excites = any("excite" in part for part in layers)
        steps = ["expand", "depthwise", "project"][-(len(layers) // 2 - excites) :]
        for step in steps:
            if step == "project" and excites:
                yield from (f"{place}squeeze_excite_conv{number}" for number in ("", "_1"))
            yield from (f"{place}{step}", f"{place}{step}_bn")
    yield from ("conv_1", "conv_1_bn", "conv_2", "logits")


def densenet(model: Classifier) -> Iterator[str]:
    """conv1_conv conv1_bn, conv2_block1_0_bn 1_conv 1_bn 2_conv, pool2_bn pool2_conv, bn."""
    yield from ("conv1_conv", "conv1_bn")
    for block, stage in enumerate(model.stages, 2):
        transition, *layers = stage.children()
        if parts(transition):
            yield from (f"pool{block - 1}_bn", f"pool{block - 1}_conv")
        for number in range(1, len(layers) + 1):
            name = f"conv{block}_block{number}"
            yield from (f"{name}_{part}" for part in ("0_bn", "1_conv", "1_bn", "2_conv"))
    yield from ("bn", "predictions")


def inception_v3(model: Classifier) -> Iterator[str]:
    """Inception v3: all convolutions by number, in the order of the paper's figures."""
    for number in range((len(parts(model)) - 1) // 2):
        yield from (f"conv2d_{number}", f"batch_normalization_{number}")
    yield "predictions"


def inception_resnet_v2(model: Classifier) -> Iterator[str]:
    """Inception-ResNet v2: pairs by number, but for the 1x1 before each sum and the last pair."""
    count = 0

    def pairs(layers: int) -> Iterator[str]:
        nonlocal count
        for _ in range(layers // 2):
            yield from (f"conv2d_{count}", f"batch_normalization_{count}")
            count += 1

    yield from pairs(len(parts(model.stem)))
    for size, stage in zip((35, 17, 8), model.stages, strict=True):
        units = 0
        for module in stage.children():
            layers = len(parts(module))
            if hasattr(module, "residual"):
                units += 1
                yield from pairs(layers - 1)
                yield f"block{size}_{units}_conv"
            elif units:  # the 1x1 behind the last stage's
                yield from ("conv_7b", "conv_7b_bn")
            else:
                yield from pairs(layers)
    yield "predictions"


def nasnet(model: Classifier) -> Iterator[str]:
    """NASNet-A of any size."""
    yield from ("stem_conv1", "stem_bn1")
    cells = [cell for cell in model.stem.children() if hasattr(cell, "cell")]
    for number, cell in enumerate(cells, 1):
        yield from _cell(cell, "reduction", f"stem_{number}")
    n = len(list(model.stages[0].children()))
    for stage, steps in enumerate(model.stages):
        for place, cell in enumerate(steps.children()):
            number = n * stage + place
            if stage and place == 0:
                yield from _cell(cell, "reduction", f"reduce_{number}")
            else:
                yield from _cell(cell, "normal", str(number))
    yield "predictions"


def _cell(cell: nn.Module, kind: str, number: str) -> Iterator[str]:
    for part in parts(cell):
        inner = part.removeprefix("cell.")
        if inner.startswith("fit_before"):
            yield f"{_ADJUST[inner]}_{number}"
        elif inner.startswith("fit."):
            yield f"{kind}_{'conv' if inner == 'fit.1' else 'bn'}_1_{number}"
        else:
            _, operation, layer = inner.split(".")
            block, is_right = divmod(int(operation), 2)
            fifth = "left4" if kind == "reduction" else "left5"  # the fifth block's only one
            side = fifth if block == 4 else f"{'right' if is_right else 'left'}{block + 1}"
            name, leaf = _SEPARABLE[layer]
            yield f"{name}_{kind}_{side}_{number}{leaf}"


_ADJUST = {
    "fit_before.1.paths.0.1": "adjust_conv_1",
    "fit_before.1.paths.1.1": "adjust_conv_2",
    "fit_before.1.norm": "adjust_bn",
    "fit_before.1": "adjust_conv_projection",
    "fit_before.2": "adjust_bn",
}
_SEPARABLE = {
    "1": ("separable_conv_1", ".depthwise"),
    "2": ("separable_conv_1", ".pointwise"),
    "3": ("separable_conv_1_bn", ""),
    "5": ("separable_conv_2", ".depthwise"),
    "6": ("separable_conv_2", ".pointwise"),
    "7": ("separable_conv_2_bn", ""),
}


def xception(model: Classifier) -> Iterator[str]:
    """block1_conv1, block2_sepconv1 with its two kernels, the shortcuts by number."""
    for number in (1, 2):
        yield from (f"block1_conv{number}", f"block1_conv{number}_bn")
    shortcuts = 0
    for name, unit in running(model, "block{}", first=2):
        if not hasattr(unit, "residual"):
            continue
        separables = 0
        for part in parts(unit):
            last = part.rpartition(".")[2]
            if part.startswith("shortcut"):
                kind = "conv2d" if last == "0" else "batch_normalization"
                yield f"{kind}_{shortcuts}"
            elif part.count(".") == 2:  # residual, its place, one of the separable's two layers
                separables += last == "0"
                kind = "depthwise" if last == "0" else "pointwise"
                yield f"{name}_sepconv{separables}.{kind}"
            else:
                yield f"{name}_sepconv{separables}_bn"
        shortcuts += any(part.startswith("shortcut") for part in parts(unit))
    for number in (1, 2):
        place = f"block14_sepconv{number}"
        yield from (f"{place}.depthwise", f"{place}.pointwise", f"{place}_bn")
    yield "predictions"


def efficientnet(model: Classifier) -> Iterator[str]:
    """stem_conv stem_bn, block2a_expand_conv expand_bn dwconv bn se_reduce ... top_conv top_bn."""
    yield from ("stem_conv", "stem_bn")
    for place, unit in units(model, "{}.{}"):
        stage, number = place.split(".")
        name = f"block{stage}{chr(ord('a') + int(number))}"
        layers = ["expand_conv", "expand_bn", "dwconv", "bn"]
        layers += ["se_reduce", "se_expand", "project_conv", "project_bn"]
        yield from (f"{name}_{layer}" for layer in layers[-len(parts(unit)) :])
    yield from ("top_conv", "top_bn", "predictions")
