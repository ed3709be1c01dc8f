"""Networks of Caffe's zoo by their prototxts, computed by OpenCV's reader and engine in float32.

checkout                  prototxts
caffe (BVLC)              models/bvlc_*/deploy.prototxt, examples/mnist/lenet.prototxt
vgg-caffe                 VGG_ILSVRC_16_layers_deploy.prototxt, and that of 19: ksimonyan's gists
SqueezeNet (forresti)     SqueezeNet_v1.*/deploy.prototxt
deep-residual-networks    prototxt/ResNet-*-deploy.prototxt

A `.caffemodel` with random values is written for the layers of the prototxt, which OpenCV and the
reader here are given. A layer that a prototxt has and the spelling here does not know, or the
other way round, ends it.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cladenet.registry import accepts, create_model
from cladenet.weights.files.caffe_file import read_caffe
from cladenet.weights.source import Source
from cladenet.weights.spelling import names
from others.caffe_files import Layer, write_caffe
from others.foreign import Foreign, kernel, large, small

SUMMED = 2.0  # a BatchNorm's factor: its mean and variance are sums of so many batches
TYPES = {  # prototxts until 2014 have other words
    "convolution": "Convolution",
    "innerproduct": "InnerProduct",
    "batchnorm": "BatchNorm",
    "scale": "Scale",
    "lrn": "LRN",
}
Message = dict[str, list[Any]]


class CaffeNetwork(Foreign):
    """A network of Caffe that takes and gives tensors of torch: (N, 3, H, W) -> logits.

    Args:
        source: of the library "caffe".
        side: of the images.
        checkouts: folder of the checkouts above.

    Raises:
        ImportError: OpenCV or the checkout is not there.
    """

    dtype = torch.float32

    def __init__(self, source: Source, side: int, checkouts: Path | None) -> None:
        super().__init__()
        import cv2

        cv2.setNumThreads(torch.get_num_threads())  # its own pool would take every core, and wait
        file = prototxt(source.name.partition("/")[2])
        if checkouts is None or not (checkouts / file).is_file():
            raise ImportError(f"no {file}: give --checkouts a folder that has it")
        text = (checkouts / file).read_text()
        net = message(re.sub(r"#.*", "", text))
        self._layers = [*net.get("layer", []), *net.get("layers", [])]
        self._folder = tempfile.TemporaryDirectory()
        self._file = Path(self._folder.name) / "random.caffemodel"
        write_caffe(self._file, list(saturated(self._layers, source, side)))
        self._net = cv2.dnn.readNetFromCaffe(str(checkouts / file), str(self._file))

    def forward(self, images: Tensor) -> Tensor:
        """Images -> logits; Caffe's are blue, green, red."""
        self._net.setInput(images.flip(1).contiguous().numpy())
        softmax = next(layer for layer in self._layers if _kind(layer) == "softmax")
        return torch.from_numpy(self._net.forward(softmax["bottom"][0])).flatten(1)

    def tensors(self) -> dict[str, Tensor]:
        """As the file is read here."""
        return read_caffe(self._file)


def prototxt(name: str) -> str:
    """Where the network's prototxt lies in the folder of checkouts."""
    kind, _, version = name.partition("_v")
    if name.startswith("vgg"):
        return f"vgg-caffe/VGG_ILSVRC_{name[3:]}_layers_deploy.prototxt"
    if name.startswith("ResNet"):
        return f"deep-residual-networks/prototxt/{name}-deploy.prototxt"
    if kind == "squeezenet":
        return f"SqueezeNet/SqueezeNet_v{version}/deploy.prototxt"
    if name == "lenet":
        return "caffe/examples/mnist/lenet.prototxt"
    return f"caffe/models/{name}/deploy.prototxt"


def message(text: str) -> Message:
    """A message in protobuf's text format: the values of each field in their order."""
    return _message(iter(re.findall(r'"[^"]*"|[{}]|[^\s{}:"]+', text)))


def _message(words: Iterator[str]) -> Message:
    found: Message = {}
    for key in words:
        if key == "}":
            break
        value = next(words)
        found.setdefault(key, []).append(_message(words) if value == "{" else value.strip('"'))
    return found


def saturated(layers: list[Message], source: Source, side: int) -> Iterator[Layer]:
    """The layers of a prototxt with random values, in the shapes of the network here."""
    tied: dict[str, Any] = {"input_size": side} if accepts(source.network, "input_size") else {}
    with torch.device("meta"):
        ours = create_model(source.network, **source.arguments, **tied)
    shapes = {
        theirs: ours.state_dict()[own].shape for own, theirs in names(ours, source.spelling).items()
    }
    torch.manual_seed(0)
    channels = 0  # of the BatchNorm before a Scale
    for layer in layers:
        name, kind, blobs = layer["name"][0], _kind(layer), []
        if kind in ("convolution", "innerproduct"):
            shape = shapes[f"{name}.weight"]
            blobs = [kernel(shape, shape[1:].numel())]
            options = layer.get("convolution_param", [{}])[0]
            if options.get("bias_term") != ["false"]:
                blobs.append(large(shape[:1]))
        elif kind == "batchnorm":
            channels = shapes[f"{name}.running_mean"].numel()
            mean, variance = small((channels,), -0.1, 0.1), small((channels,), 0.5, 1.5)
            blobs = [mean * SUMMED, variance * SUMMED, torch.tensor([SUMMED])]
        elif kind == "scale":
            blobs = [small((channels,), 0.3, 0.7), large((channels,))]
        bottom, top = layer.get("bottom", [""])[0], layer.get("top", [""])[0]
        yield Layer(name, TYPES.get(kind, str(layer["type"][0])), blobs, bottom, top)


def _kind(layer: Message) -> str:
    return str(layer["type"][0]).replace("_", "").lower()
