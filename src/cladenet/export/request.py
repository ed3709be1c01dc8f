"""What is wanted of an exported file, and the formats that there are."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import NamedTuple

from cladenet.device import check_calibration
from cladenet.errors import BadArgument, MissingExtra


class Format(NamedTuple):
    """A format that is written.

    Args:
        module: of `formats`, with a function `write(order, path)`.
        suffix: of the file.
        precisions: that it has.
        package: that writes it, whose version the file notes.
        extra: of cladenet, where the package is in one.
        inputs: that it takes, the first one unless asked; see `Description`.
    """

    module: str
    suffix: str
    precisions: tuple[str, ...]
    package: str
    extra: str = ""
    inputs: tuple[str, ...] = ("pixels", "tensor")


FORMATS = {
    "onnx": Format("onnx_file", ".onnx", ("fp32", "fp16", "int8"), "onnx"),
    "openvino": Format("openvino_file", ".xml", ("fp32", "fp16", "int8"), "openvino", "engines"),
    "torch": Format("torch_program", ".pt2", ("fp32", "fp16", "bf16"), "torch"),
    "torchscript": Format("torchscript", ".torchscript", ("fp32", "fp16", "bf16"), "torch"),
    # Neither resizes as Pillow does.
    "litert": Format(
        "litert_file", ".tflite", ("fp32",), "litert-torch", "litert", ("prepared", "tensor")
    ),
    "coreml": Format(
        "coreml_file",
        ".mlpackage",
        ("fp32", "fp16"),
        "coremltools",
        "coreml",
        ("prepared", "tensor"),
    ),
}


@dataclass(frozen=True)
class Request:
    """What is wanted of a file.

    Args:
        format: one of `FORMATS`.
        out: the new file; empty for NETWORK.SUFFIX in the run's folder.
        precision: one that the format has.
        input: one that the format has, see `Description`; empty for its first.
        any_size: a `tensor` may have any height and width.
        data: images to try the file on; by default those of the run.
        calibration: images for int8, see `calibration_images`.
        licence: of the weights, for the metadata.
    """

    format: str
    out: str = ""
    precision: str = "fp32"
    input: str = ""
    any_size: bool = False
    data: str | None = None
    calibration: str | None = None
    licence: str = ""


def check_request(request: Request) -> Format:
    """The format that is meant.

    Raises:
        BadArgument: it is unknown, or options contradict it or each other.
        MissingExtra: a package that it needs is not installed.
    """
    if request.format not in FORMATS:
        raise BadArgument(f"format is {request.format!r}; expected one of {', '.join(FORMATS)}")
    form = FORMATS[request.format]
    if request.precision not in form.precisions:
        raise BadArgument(
            f"precision is {request.precision!r}; {request.format} has {', '.join(form.precisions)}"
        )
    if request.input and request.input not in form.inputs:
        raise BadArgument(
            f"input is {request.input!r}; {request.format} has {' and '.join(form.inputs)}"
        )
    if request.any_size and request.input != "tensor":
        raise BadArgument(
            "a file that takes pixels prepares images of any size to the network's; "
            "--any-size is for --input tensor"
        )
    if request.any_size and "prepared" in form.inputs:
        raise BadArgument(f"{request.format} has images of one size; leave out --any-size")
    check_calibration(request.calibration, request.precision)
    if find_spec(form.package.replace("-", "_")) is None:
        raise MissingExtra(form.package, form.extra, f"--format {request.format}")
    return form
