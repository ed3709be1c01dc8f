"""Caffe's files without Caffe: written here field by field, and read back to the same network.

Compared with OpenCV 4.12's reader and engine, on the public prototxts with random weights that
protobuf wrote after caffe.proto: logits within 1e-6 of the largest (`docs/weights.md`).
"""

import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cladenet
from cladenet.cli import main
from cladenet.errors import CheckpointError
from cladenet.registry import create_model, list_models
from cladenet.weights.files.caffe_file import read_caffe
from cladenet.weights.files.wire import fields
from cladenet.weights.importing import import_weights
from cladenet.weights.sources import SOURCES
from cladenet.weights.spelling import names
from others.caffe_files import Layer, field, varint, write_caffe

CAFFE = [name for name in SOURCES if name.startswith("caffe/")]


def lenet(last: str = "ip2") -> list[Layer]:
    """By examples/mnist/lenet.prototxt, which has pools and a ReLU between."""
    torch.manual_seed(0)
    shapes = {"conv1": (20, 1, 5, 5), "conv2": (50, 20, 5, 5), "ip1": (500, 800), last: (10, 500)}
    layers = [Layer("mnist", "Data"), Layer("pool1", "Pooling")]
    for name, shape in shapes.items():
        kind = "Convolution" if len(shape) == 4 else "InnerProduct"
        layers.append(Layer(name, kind, (torch.randn(shape) / 20, torch.randn(shape[0]))))
    return layers


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("last", ["ip2", "ip2_digits"])
def test_lenet_comes_back_to_the_bit(old: bool, last: str, tmp_path: Path) -> None:
    """In both of Caffe's layouts, and with the new name that fine-tuning gives the last layer."""
    layers = lenet(last)
    write_caffe(tmp_path / "lenet.caffemodel", layers, old)
    made = import_weights(tmp_path / "lenet.caffemodel", "", tmp_path / "out")
    assert (made.network, made.source, made.classes) == ("lenet_caffe", "caffe/lenet", 10)
    model, card, _ = cladenet.load(made.folder)
    written = [blob for layer in layers for blob in layer.blobs]
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), written, strict=True))
    seen = card.preprocess
    assert (seen.height, seen.mean, seen.std) == (28, (0.0,), (256 / 255,))


@pytest.mark.parametrize(
    ("blobs", "mean"),
    [((torch.tensor([4.0, 8.0]), torch.tensor([2.0, 6.0]), torch.tensor([2.0])), [2, 4]),
     ((torch.tensor([4.0, 8.0]), torch.tensor([2.0, 6.0]), torch.tensor([0.0])), [0, 0])],
)  # fmt: skip
def test_the_sums_of_a_norm_are_divided_by_their_factor(
    blobs: tuple[Tensor, ...], mean: list[int], tmp_path: Path
) -> None:
    """batch_norm_layer.cpp: scale_factor = blobs[2] == 0 ? 0 : 1 / blobs[2]."""
    gamma, beta = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    write_caffe(
        tmp_path / "a.caffemodel",
        [
            Layer("bn", "BatchNorm", blobs, "conv1", "conv1"),
            Layer("scale", "Scale", (gamma, beta), "conv1", "conv1"),
            Layer("elsewhere", "Scale", (gamma, beta), "conv1", "conv1"),
        ],
    )
    found = read_caffe(tmp_path / "a.caffemodel")
    assert found["caffe/bn.running_mean"].tolist() == mean
    assert found["caffe/bn.running_var"].tolist() == ([1, 3] if any(mean) else [0, 0])
    assert torch.equal(found["caffe/bn.weight"], gamma)
    assert torch.equal(found["caffe/bn.bias"], beta)
    assert "caffe/elsewhere.weight" in found  # it reads no norm's sums, but what a Scale gave


def test_a_scale_of_another_map_is_not_the_norms(tmp_path: Path) -> None:
    sums = torch.tensor([4.0, 8.0]), torch.tensor([2.0, 6.0]), torch.tensor([2.0])
    scale = Layer("s", "Scale", (torch.tensor([5.0, 5.0]),), "another", "another")
    write_caffe(tmp_path / "a.caffemodel", [Layer("bn", "BatchNorm", sums), scale])
    found = read_caffe(tmp_path / "a.caffemodel")
    assert found["caffe/bn.weight"].tolist() == [1, 1]
    assert found["caffe/s.weight"].tolist() == [5, 5]


def squeezenet(classes: int) -> tuple[Any, list[Layer]]:
    """By forresti/SqueezeNet's v1.1, whose layers are those of its table in order."""
    torch.manual_seed(0)
    model = create_model("squeezenet1_1", num_classes=classes)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.uniform_(module.bias, -0.5, 0.5)
    theirs = ["conv1"]
    for number in range(2, 10):
        theirs += [f"fire{number}/{part}" for part in ("squeeze1x1", "expand1x1", "expand3x3")]
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    layers = []
    for name, conv in zip([*theirs, "conv10"], convs, strict=True):
        assert conv.bias is not None
        kernel = conv.weight.detach().clone()
        if name == "conv1":
            kernel = kernel[:, [2, 1, 0]]  # as Caffe sees images: blue, green, red
        layers.append(Layer(name, "Convolution", (kernel, conv.bias.detach())))
    return model.eval(), layers


def test_a_network_for_blue_green_red_reads_red_green_blue(tmp_path: Path) -> None:
    model, layers = squeezenet(5)
    write_caffe(tmp_path / "s.caffemodel", layers)
    made = import_weights(tmp_path / "s.caffemodel", "", tmp_path / "out")
    found, card, _ = cladenet.load(made.folder)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found(images), model(images))
    seen = card.preprocess
    assert (seen.height, seen.resize, seen.fit) == (227, 256, "stretch")
    levels = torch.tensor([[[[200, 100, 50]]]], dtype=torch.uint8)  # less 123, 117, 104
    torch.testing.assert_close(
        seen.to_input(levels).flatten(), torch.tensor([77.0, -17.0, -54.0]), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("name", CAFFE)
def test_each_layer_has_one_name(name: str) -> None:
    source = SOURCES[name]
    assert source.network in list_models()
    with torch.device("meta"):
        theirs = names(create_model(source.network, **source.arguments), source.spelling)
    assert len(set(theirs.values())) == len(theirs)


@pytest.mark.parametrize(
    ("name", "some"),
    [
        # By the authors' prototxts: letters in 50 layers, numbers in 101 and 152.
        ("ResNet-50", "conv1 bn_conv1 res2a_branch1 res3d_branch2a bn4f_branch2c res5c_branch2b"),
        ("ResNet-101", "res2c_branch2a res3b3_branch2c res4a_branch1 bn4b22_branch2b fc1000"),
        ("ResNet-152", "res3b7_branch2a res4b35_branch2c res5c_branch2c bn5a_branch1"),
        ("bvlc_googlenet", "conv1/7x7_s2 inception_3a/5x5_reduce inception_4e/pool_proj"),
        ("vgg19", "conv1_1 conv3_4 conv5_4 fc6 fc8"),
    ],
)
def test_the_names_are_the_prototxts(name: str, some: str) -> None:
    source = SOURCES[f"caffe/{name}"]
    with torch.device("meta"):
        theirs = names(create_model(source.network, **source.arguments), source.spelling)
    assert {*some.split()} <= {each.rpartition(".")[0] for each in theirs.values()}


def test_the_zoos_layers_are_conv1_to_fc8() -> None:
    for name in ("bvlc_alexnet", "bvlc_reference_caffenet"):
        source = SOURCES[f"caffe/{name}"]
        with torch.device("meta"):
            model = create_model(source.network, **source.arguments)
        shapes = {v: model.state_dict()[k].shape for k, v in names(model, source.spelling).items()}
        assert shapes["conv2.weight"] == (256, 48, 5, 5)  # two groups
        assert shapes["fc6.weight"] == (4096, 9216)


@pytest.mark.parametrize(
    ("reads", "networks"),
    [("conv1", ["bvlc_alexnet"]), ("pool1", ["bvlc_reference_caffenet"]),
     ("", ["bvlc_alexnet", "bvlc_reference_caffenet"])],
)  # fmt: skip
def test_what_the_first_response_norm_reads_tells_alexnet_from_caffenet(
    reads: str, networks: list[str], tmp_path: Path
) -> None:
    """By their prototxts: conv1, norm1, pool1 and conv1, pool1, norm1."""
    layers = [Layer("fc8", "InnerProduct", (torch.zeros(5, 4096), torch.zeros(5)))]
    if reads:
        layers.insert(0, Layer("norm1", "LRN", (), reads))
    write_caffe(tmp_path / "a.caffemodel", layers)
    tensors = read_caffe(tmp_path / "a.caffemodel")
    both = {
        name: SOURCES[f"caffe/{name}"].read for name in ("bvlc_alexnet", "bvlc_reference_caffenet")
    }
    assert [name for name, read in both.items() if read and read(tensors)] == networks


def _bad_files() -> dict[str, bytes]:
    lone = field(7, field(7, field(1, varint(3))) + field(5, struct.pack("<2f", 1, 2)))
    return {
        "two values for three": field(100, field(1, b"conv1") + field(2, b"Convolution") + lone),
        "no layers": field(1, b"Net"),
        "older": field(2, field(1, field(1, b"conv1"))),
        "not a message": b"\x07\x07\x07",
        "text": b"name: 'LeNet'\nlayer { type: 'Input' }\n",
        "empty": b"",
    }


@pytest.mark.parametrize("kind", _bad_files())
def test_what_is_no_caffemodel_is_named(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "a.caffemodel"
    file.write_bytes(_bad_files()[kind])
    said = "holds no layers with weights" if kind == "no layers" else "is not a complete Caffe file"
    with pytest.raises(CheckpointError, match=said):
        read_caffe(file)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """But for between two layers, where it is a shorter file, and fits no network."""
    write_caffe(tmp_path / "whole", lenet())
    whole = (tmp_path / "whole").read_bytes()
    file = tmp_path / "cut.caffemodel"
    for at in (1, 7, len(whole) // 3, len(whole) - 20_000, len(whole) - 1):
        file.write_bytes(whole[:at])
        assert (
            main(["import", str(file), "--out", str(tmp_path / "out")])
            == CheckpointError.exit_status
        )
        assert "cladenet: " in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_fields_are_those_of_the_wire_format() -> None:
    """protobuf.dev: 08 96 01 is field 1 with 150; 12 07 and 'testing' is field 2."""
    data = memoryview(bytes.fromhex("089601") + bytes.fromhex("1207") + b"testing")
    assert [(n, v if isinstance(v, int) else bytes(v)) for n, v in fields(data)] == [
        (1, 150),
        (2, b"testing"),
    ]
    for bad in ("08", "12ff", "ff" * 11, "0b", "00"):
        with pytest.raises(ValueError, match=r"breaks off|bytes|kind|number"):
            list(fields(memoryview(bytes.fromhex(bad))))
