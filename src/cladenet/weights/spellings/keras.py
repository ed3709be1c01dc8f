"""keras.applications: VGG, ResNet, MobileNets, DenseNet, Inception v3, Xception, EfficientNet.

VGG           block{1..5}_conv{n}  fc1  fc2  predictions
ResNet        conv1_conv  conv1_bn  conv{s}_block{u}_{1..3}_conv  bn, the shortcut's 0_conv  0_bn
MobileNet     conv1  conv1_bn  conv_dw_{n}  conv_dw_{n}_bn  conv_pw_{n}  conv_pw_{n}_bn  conv_preds
MobileNetV2   Conv1  bn_Conv1  block_{n}_expand  expand_BN  depthwise  project  Conv_1  Conv_1_bn
DenseNet      conv{b}_block{l}_0_bn  1_conv  1_bn  2_conv  pool{b}_bn  pool{b}_conv  bn
Inception v3  conv2d_{n}  batch_normalization_{n}, in the order of building
Xception      block{b}_sepconv{n}.depthwise  pointwise, block{b}_sepconv{n}_bn, shortcuts by number
EfficientNet  stem_conv  stem_bn  block{s}{letter}_expand_conv  dwconv  se_reduce  project_conv
"""

from collections.abc import Iterator

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
