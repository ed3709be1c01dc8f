"""ONNX: the network by torch's exporter, preprocessing and softmax by nodes of our own."""

from pathlib import Path
from typing import Any

import torch

from cladenet.checkpoints.atomic import write_file
from cladenet.export.description import KEY, Description
from cladenet.export.formats.order import Narrow, Order
from cladenet.export.graph.onnx_writer import OPSET, OnnxWriter
from cladenet.export.graph.preparing import add_preprocessing
from cladenet.export.names import NORMALISED
from cladenet.inference.engine.onnx_graph import exported, in_8_bits, rounded

IMAGES, LOGITS, POSTERIORS = "images", "logits", "posteriors"
IR_VERSION = 10  # the newest that ONNX Runtime 1.18 reads


def write(order: Order, path: Path) -> None:
    """Write the file.

    Raises:
        CannotPrepare: the network has no form in ONNX, or none in 8 bits.
        StorageError: the disk is full or fails.
    """
    write_file(path, assembled(network(order), order).SerializeToString())


def describe(path: Path, description: Description) -> None:
    """Write down what is known of a file that was written.

    Raises:
        StorageError: the disk is full or fails.
    """
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: description.to_text()})
    write_file(path, model.SerializeToString())


def network(order: Order) -> bytes:
    """The bare network, from normalised images of any number to logits.

    Raises:
        CannotPrepare: it has no form in ONNX, or none in 8 bits.
    """
    description, images = order.description, order.example
    names = (NORMALISED if description.takes_pixels else IMAGES), LOGITS
    free = {0: "N"} | ({2: "H", 3: "W"} if description.any_size else {})
    model = order.model
    if description.precision == "fp16":
        model = Narrow(model, torch.float16)
    if description.precision != "int8":
        return exported(model, images, names=names, free=free, opset=OPSET)
    if order.calibration is None:
        raise ValueError("int8 needs calibration images")
    seen = order.calibration
    whole = rounded(model, images, seen, anywhere=True)
    graph = exported(whole, images, names=names, free=free, opset=OPSET)
    return in_8_bits(graph, seen, len(images), names[0], anywhere=True)


def assembled(graph: bytes, order: Order) -> Any:
    """The network between preprocessing and softmax, and what it says of itself."""
    import onnx

    model = onnx.load_from_string(graph)
    description = order.description
    if description.takes_pixels:
        _surround(model.graph, order)
    model.ir_version = min(model.ir_version, IR_VERSION)
    model.producer_name = "cladenet"
    onnx.helper.set_model_props(model, {KEY: description.to_text()})
    onnx.checker.check_model(model)
    return model


def _surround(graph: Any, order: Order) -> None:
    from onnx import TensorProto, helper

    p = order.description.preprocess
    writer = OnnxWriter()
    add_preprocessing(writer, IMAGES, p)
    nodes = [
        *writer.nodes,
        *graph.node,
        helper.make_node("Softmax", [LOGITS], [POSTERIORS], name=f"{POSTERIORS}/node", axis=1),
    ]
    sides = (p.height, p.width) if p.fit == "none" else ("H", "W")
    pixels = helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["N", *sides, p.channels])
    classes = len(order.description.classes)
    answer = helper.make_tensor_value_info(POSTERIORS, TensorProto.FLOAT, ["N", classes])
    for field, values in (
        (graph.node, nodes),
        (graph.initializer, [*writer.constants, *graph.initializer]),
        (graph.input, [pixels]),
        (graph.output, [answer]),
    ):
        del field[:]
        field.extend(values)
