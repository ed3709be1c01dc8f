"""The sides of the images at which two implementations of a network are compared."""

import torch

from cladenet.registry import accepts, create_model, find
from cladenet.weights.source import Source

# Heads that average over a window of a fixed size see the whole map at the odd side alone.
FIXED_WINDOW = (
    *("IBN-Net/", "ShuffleNet-Series/", "MSDNet-PyTorch/", "CondenseNet/"),
    *("pytorch_resnet_cifar10/", "pytorch-classification/", "WideResNet-pytorch/"),
    *("pretrainedmodels/se", "pretrainedmodels/nasnet"),
    *("pretrainedmodels/dpn", "pretrainedmodels/densenet"),
    *("caffe/ResNet", "caffe/bvlc_googlenet"),
)
SMALLEST_ODD = 51  # its halves, 26 13 7 4 2, are odd now and then
# Keras' first MobileNet pads below and to the right alone, whatever TensorFlow's rule says: maps
# whose sides are odd on the way are other maps there.
PADS_ONE_SIDE = ("keras/MobileNet-",)
FOR_ONE_SIZE = ("EfficientNet-PyTorch/",)  # their padding is computed when they are built
# Caffe's pools of 2x2 round up: sides where nothing is left over. The auxiliary classifier of
# torchvision's Inception needs a map of 17x17 in training, the pools of two others one of 8x8, and
# Keras refuses Xception images of less than 71 pixels. NASNet-A (large) of pretrained-models is
# padded for the maps that 331 pixels leave, 165 83 42 21 11: one pixel more leaves the same.
OTHER_SIDES = {
    "caffe/lenet": 32,
    "caffe/vgg": 192,
    "keras/Xception": 95,
    "torchvision/inception_v3": 301,
    "pretrainedmodels/inceptionv4": 301,
    "pretrainedmodels/nasnetalarge": 332,
    "pretrainedmodels/inceptionresnetv2": 301,
}
# Average pools of 2x2 between their blocks round down: one pixel more leaves the same last map.
HALVES_ROUNDED_DOWN = ("CondenseNet/", "pytorch-classification/densenet")


def sides(source: Source) -> tuple[int, int]:
    """An odd side, and the one of the paper."""
    entry = find(source.network)
    nominal = entry.input[1]
    if source.network.startswith("vit"):
        patch = int(source.network.split("_")[2])
        return 3 * patch, nominal  # three patches in place of an even number of them
    for name, other in OTHER_SIDES.items():
        if source.name.startswith(name):
            return other, nominal
    if accepts(source.network, "input_size"):
        return nominal + 1, nominal  # the head reads a map of one size
    if source.name.startswith((*FIXED_WINDOW, *PADS_ONE_SIDE)):
        return nominal + (1 if source.name.startswith(HALVES_ROUNDED_DOWN) else -1), nominal
    with torch.device("meta"):
        least = create_model(source.network, **source.arguments).least_size
    return max(SMALLEST_ODD, (least + 20) | 1), nominal
