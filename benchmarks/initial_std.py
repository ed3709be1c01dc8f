"""The standard deviation of every layer of a fresh network against the rule of its release.

    python benchmarks/initial_std.py [--write]

One network of each family, and a second where the family has two rules. The rules are written here
from the papers and releases, with fans counted from the weights' shapes, and know nothing of how
the networks draw. `--write` makes ledger/fidelity/initial_std.json.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cladenet.files import write_atomically
from cladenet.ledger.fidelity.initial import FILE, Initial
from cladenet.registry import create_model

FARTHEST = 5.0  # standard errors: of a few thousand layers that follow their rule, none is there


class Fans(NamedTuple):
    """Of a layer: inputs of an output value; outputs that an input value reaches; groups."""

    inputs: int
    outputs: int
    groups: int


# The standard deviation of a standard normal variable given that it is within -2 and 2:
# 1 - 2 * 2 * density(2) / (1 - 2 * tail(2)) is its square.
CUT_AT_TWO = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(2 / math.sqrt(2)))
Std = Callable[[Fans], float]
RULES: dict[str, tuple[str, Std]] = {
    "he": ("N(0, 2 / fan-in)", lambda f: math.sqrt(2 / f.inputs)),
    "out": ("N(0, 2 / fan-out), of all groups", lambda f: math.sqrt(2 / f.outputs / f.groups)),
    "own out": ("N(0, 2 / fan-out), of its group", lambda f: math.sqrt(2 / f.outputs)),
    "torch": ("U within 1 / sqrt(fan-in)", lambda f: 1 / math.sqrt(3 * f.inputs)),
    "classes": ("U within 1 / sqrt(classes)", lambda f: 1 / math.sqrt(3 * f.outputs)),
    "caffe": ("U of variance 1 / fan-in", lambda f: math.sqrt(1 / f.inputs)),
    "lecun": ("N(0, 1 / fan-in)", lambda f: math.sqrt(1 / f.inputs)),
    "glorot": ("U of variance 2 / (fan-in + fan-out)", lambda f: math.sqrt(2 / sum(f[:2]))),
    "zero": ("0", lambda f: 0.0),
    "0.09 cut": ("N(0, 0.09^2) cut off at 2 std", lambda f: 0.09 * CUT_AT_TWO),
    "0.01": ("N(0, 0.01^2)", lambda f: 0.01),
    "0.05": ("N(0, 0.05^2)", lambda f: 0.05),
    "0.1": ("N(0, 0.1^2)", lambda f: 0.1),
}
# A name may have arguments behind it. Kinds: convolution, depthwise, grouped, linear, last (the one
# that gives logits); "" for others.
_HE = "He 2015, Eq. 10; the paper prints none"
_LUA = "fb.resnet.torch"
TABLE: dict[str, tuple[str, dict[str, str]]] = {
    "lenet5_relu": (_HE, {"": "he"}),
    "lenet_caffe": ("lenet_train_test.prototxt", {"": "caffe"}),
    "alexnet": ("Sec. 5", {"": "0.01"}),
    "alexnet_cifar": (_HE, {"": "he"}),
    "zfnet": ("Sec. 3", {"": "0.01"}),
    "nin_mnist": ("train_full.prototxt", {"": "0.05"}),
    "googlenet": ("train_val.prototxt of Caffe", {"": "caffe"}),
    "bn_inception": (_HE, {"": "he"}),
    "inception_v3": ("TF-Slim, inception_utils: fan-in, factor 2", {"": "he"}),
    "inception_v4": ("TF-Slim, inception_utils: fan-in, factor 2", {"": "he"}),
    "inception_resnet_v1": (_HE, {"": "he"}),
    "xception_cifar": (_HE, {"": "he"}),
    "mobilenet_v1_x0_25": (_HE, {"": "he"}),
    "mobilenet_v1_x0_25 initial_std=0.09": ("TF-Slim, mobilenet_v1.py", {"": "0.09 cut"}),
    "mobilenet_v2_x0_35": (_HE, {"": "he"}),
    "mobilenet_v2_x0_35 initial_std=0.09": ("TF-Slim, mobilenet.py", {"": "0.09 cut"}),
    "mobilenet_v3_small": (_HE, {"": "he"}),
    "shufflenet_v1_x0_5_g3": (_HE, {"": "he"}),
    "shufflenet_v2_x0_5": (_HE, {"": "he"}),
    "mnasnet_small": ("tpu, mnasnet_model.py", {"": "own out", "last": "classes"}),
    "efficientnet_b0": ("tpu, efficientnet_model.py", {"": "own out", "last": "classes"}),
    "efficientnet_lite0": ("tpu, efficientnet_model.py", {"": "own out", "last": "classes"}),
    "nasnet_a_cifar": ("TF-Slim, nasnet.py: fan-out, factor 2", {"": "own out"}),
    "amoebanet_a_n6_f32_cifar": ("as NASNet", {"": "own out"}),
    "enas_micro_cifar": ("micro_child.py: He's", {"": "he"}),
    "squeezenet1_1": ("train_val.prototxt", {"": "caffe", "last": "0.01"}),
    "vgg_cifar": (_HE, {"": "he"}),
    "vgg11_bn": (_HE, {"": "he"}),
    "resnet20_cifar": ("He 2015, Eq. 10, as Sec. 3.4 says", {"": "he"}),
    "resnet18": ("He 2015, Eq. 10, as Sec. 3.4 says", {"": "he"}),
    "densenet_bc_100_12_cifar": ("the authors' code, densenet.lua", {"": "out", "last": "torch"}),
    "condensenet_50_cifar": ("the authors' condensenet.py", {"": "out", "last": "torch"}),
    "dpn68": (_HE, {"": "he"}),
    "msdnet_budget_4_cifar": (
        "the authors' msdnet.lua",
        {"": "out", "linear": "torch", "last": "torch"},
    ),
    "cliquenet_s0": ("the authors' PyTorch release", {"": "out", "last": "torch"}),
    "preact_resnet164_cifar": (f"resnet-1k-layers and {_LUA}", {"": "out", "last": "torch"}),
    "wrn_40_1_cifar": ("the authors' code, utils.lua", {"": "he", "last": "torch"}),
    "resnet110_const_scale_half_half_cifar": ("as ResNet", {"": "he"}),
    "resnext50_32x4d": (_LUA, {"": "out", "last": "torch"}),
    "seresnet50": (_HE, {"": "he"}),
    "seresnet110_cifar": ("as the pre-activation ResNet", {"": "out", "last": "torch"}),
    "resnet110_stochastic_depth_cifar": ("as ResNet", {"": "he"}),
    "igcv1_l24m2_d20_cifar": (_HE, {"": "he"}),
    "igcv3_d_x1_0_cifar": (_HE, {"": "he"}),
    "lse_initial_cifar": (_HE, {"": "he"}),
    "resnet18_ibn_a": ("the authors' resnet_ibn.py", {"": "out", "last": "torch"}),
    "vit_ti_16": ("vision_transformer", {"": "glorot", "convolution": "lecun", "last": "zero"}),
    "highway10_mnist_w16": ("the authors' code", {"": "he", "last": "0.1"}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"to {FILE.name}")
    options = parser.parse_args()
    rows = [row for name in TABLE for row in measured(name)]
    for row in rows:
        print(f"{row.network:40} {row.layers:4} {row.kind:12} {row.rule:36} {row.distance:5.1f}")
    if options.write:
        lines = ",\n".join(f"  {json.dumps(asdict(row))}" for row in rows)
        write_atomically(FILE, f'{{\n "layers": [\n{lines}\n ]\n}}\n'.encode())


def measured(network: str) -> Iterator[Initial]:
    """A row for each kind of layer of a fresh network: one of `TABLE`."""
    torch.manual_seed(0)
    name, *words = network.split()
    arguments: Any = {key: float(value) for key, value in (word.split("=") for word in words)}
    model = create_model(name, **arguments)
    last = set(model.head[-1].modules())
    kinds: dict[str, list[tuple[float, float]]] = {}
    source, rules = TABLE[network]
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            kind = "last" if layer in last else _kind(layer)
            _, rule = RULES[rules.get(kind, rules[""])]
            std = layer.weight.detach().square().mean().sqrt().item()
            error = 1 / math.sqrt(2 * layer.weight.numel())
            expected = rule(_fans(layer))
            away = abs(std / expected - 1) / error if expected else math.inf * std if std else 0.0
            kinds.setdefault(kind, []).append((std, away))
    for kind, found in kinds.items():
        yield Initial(
            network=network,
            kind=kind,
            layers=len(found),
            rule=RULES[rules.get(kind, rules[""])][0],
            source=source,
            smallest=float(f"{min(std for std, _ in found):.4g}"),
            largest=float(f"{max(std for std, _ in found):.4g}"),
            distance=round(max(away for _, away in found), 1),
        )


def _kind(layer: nn.Conv2d | nn.Linear) -> str:
    if isinstance(layer, nn.Linear):
        return "linear"
    if layer.groups == 1:
        return "convolution"
    return "depthwise" if layer.groups == layer.in_channels else "grouped"


def _fans(layer: nn.Conv2d | nn.Linear) -> Fans:
    weight: Tensor = layer.weight
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    window = weight[0, 0].numel()
    return Fans(weight[0].numel(), len(weight) * window // groups, groups)


if __name__ == "__main__":
    main()
