"""OpenVINO: the network by its own converter, preprocessing by nodes whose resizing is Pillow's."""

import warnings
from pathlib import Path
from typing import Any

from cladenet.errors import last_line
from cladenet.export.description import KEY, Description
from cladenet.export.formats import onnx_file
from cladenet.export.formats.order import Order
from cladenet.export.formats.tracing import traced
from cladenet.export.graph.openvino_writer import OpenVinoWriter
from cladenet.export.graph.preparing import add_preprocessing
from cladenet.inference.request import CannotPrepare


def write(order: Order, path: Path) -> None:
    """Write the file, and its weights beside it (`.bin`).

    Raises:
        CannotPrepare: OpenVINO does not take the network, or for int8 ONNX does not.
        BadArgument: images are prepared as it cannot.
    """
    _save(assembled(network(order), order), path, order.description)


def describe(path: Path, description: Description) -> None:
    """Write down what is known of a file that was written."""
    import openvino

    model = openvino.Core().read_model(path)  # whose weights stay in the file as long as it lives
    model.set_rt_info(description.to_text(), [KEY])
    again = path.with_name(f"again-{path.name}")
    _save(model, again, description)
    del model
    for suffix in (".bin", path.suffix):
        again.with_suffix(suffix).replace(path.with_suffix(suffix))


def _save(model: Any, path: Path, description: Description) -> None:
    import openvino

    # The float32 that was asked for: by default weights are saved in float16.
    openvino.save_model(model, path, compress_to_fp16=description.precision == "fp16")


def network(order: Order) -> Any:
    """The bare network: of any number of images.

    Raises:
        CannotPrepare: OpenVINO does not take it, or for int8 ONNX does not.
    """
    import openvino

    description, images = order.description, order.example
    p = description.preprocess
    sides = [-1, -1] if description.any_size else [p.height, p.width]
    if description.precision == "int8":
        return openvino.Core().read_model(onnx_file.network(order))
    script = traced(order.model, images)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = openvino.convert_model(script, example_input=images)
        model.reshape([-1, p.channels, *sides])
    except Exception as error:  # it has no class of its own for what it cannot convert
        reason = last_line(error)
        raise CannotPrepare(f"openvino failed: {reason}") from error
    return model


def assembled(model: Any, order: Order) -> Any:
    """The network between preprocessing and softmax, and what it says of itself."""
    import openvino
    from openvino import opset13

    description = order.description
    if description.takes_pixels:
        p = description.preprocess
        sides = [p.height, p.width] if p.fit == "none" else [-1, -1]
        pixels = opset13.parameter([-1, *sides, p.channels], openvino.Type.u8, onnx_file.IMAGES)
        prepared = add_preprocessing(OpenVinoWriter(), pixels, p)
        for reader in model.input(0).get_target_inputs():
            reader.replace_source_output(prepared.output(0))
        logits = model.get_results()[0].input_value(0)
        posteriors = opset13.softmax(logits, 1)
        posteriors.output(0).set_names({onnx_file.POSTERIORS})
        pixels.output(0).set_names({onnx_file.IMAGES})
        model = openvino.Model([posteriors], [pixels], description.network)
    else:
        model.input(0).set_names({onnx_file.IMAGES})
        model.output(0).set_names({onnx_file.LOGITS})
    model.set_rt_info(description.to_text(), [KEY])
    return model
