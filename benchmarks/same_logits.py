"""The same weights in our networks and in torchvision's and timm's: the largest difference.

    python benchmarks/same_logits.py

All values are random, batch-norm statistics too; tensors are given in the order of definition, and
everything is computed in float64, on images of 64 pixels where the head takes any size. Networks
that need more than that (GoogLeNet's, Inception v3's, MnasNet's, EfficientNet's, ViT's and NASNet's
differ in a constant or in the order of their tensors) are compared in the tests of their families.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cladenet.registry import find
from parity import from_timm, from_torchvision, randomised, wear, worst

TORCHVISION = {
    "alexnet_owt": "alexnet",
    **{name: name for name in ("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg16_bn")},
    **{f"resnet{n}": f"resnet{n}" for n in (18, 34)},
    **{f"resnet{n}_v1_5": f"resnet{n}" for n in (50, 101, 152)},
    "resnext50_32x4d": "resnext50_32x4d",
    "wrn_50_2": "wide_resnet50_2",
    **{f"densenet{n}": f"densenet{n}" for n in (121, 161, 169, 201)},
    "squeezenet1_0": "squeezenet1_0",
    "squeezenet1_1": "squeezenet1_1",
    "mobilenet_v2_x1_0": "mobilenet_v2",
    **{f"shufflenet_v2_x{w}": f"shufflenet_v2_x{w}" for w in ("0_5", "1_0", "1_5", "2_0")},
}
TIMM = {
    **{name: name for name in ("vgg11", "vgg13", "vgg16", "vgg19")},
    **{f"resnet{n}": f"resnet{n}" for n in (18, 34)},
    **{f"resnet{n}_v1_5": f"resnet{n}" for n in (50, 101, 152)},
    "resnext50_32x4d": "resnext50_32x4d",
    "resnext101_32x4d": "resnext101_32x4d",
    "wrn_50_2": "wide_resnet50_2",
    **{f"densenet{n}": f"densenet{n}" for n in (121, 161, 169, 201)},
    "mobilenet_v2_x1_0": "mobilenetv2_100",
    "dpn68": "dpn68",
    "inception_v4": "inception_v4",
    "inception_resnet_v2": "inception_resnet_v2",
    **{f"seresnet{n}": f"legacy_seresnet{n}" for n in (50, 101, 152)},
    "seresnext50_32x4d": "legacy_seresnext50_32x4d",
    "senet154": "legacy_senet154",
}


def main() -> None:
    print(f"{'ours':24} {'theirs':40} max |difference|")
    largest = 0.0
    pairs = [("torchvision", *pair) for pair in TORCHVISION.items()]
    pairs += [("timm", *pair) for pair in TIMM.items()]
    for library, ours, theirs in pairs:
        model = randomised(ours)
        side = model.input_size or max(64, 2 * model.least_size)
        images = torch.randn(1, find(ours).input[0], side, side, dtype=torch.float64)
        build = from_torchvision if library == "torchvision" else from_timm
        with torch.no_grad():
            difference = worst(model(images), wear(build(theirs), model)(images))
        largest = max(largest, difference)
        print(f"{ours:24} {library + '/' + theirs:40} {difference:.1e}", flush=True)
    print(f"{len(pairs)} pairs, at most {largest:.1e}")


if __name__ == "__main__":
    main()
