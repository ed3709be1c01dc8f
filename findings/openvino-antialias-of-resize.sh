#!/usr/bin/env bash
# OpenVINO reads an ONNX Resize with antialias=1 as if antialias were 0.
#
# The operator has had the attribute since opset 18; shrinking by four, each pixel is then a mean over
# its whole neighbourhood. The model is read, compiled and run without a warning, and every shape is
# right. ONNX Runtime gives what Pillow gives; OpenVINO gives what the same model without the attribute
# gives. A classifier whose preprocessing is in its file sees other pixels.
#
# Versions: openvino 2026.4.1, onnxruntime 1.32.0, onnx 1.23.2, pillow 13.0.0, Python 3.11. Seen:
#   onnxruntime: at most 1 of 255 levels from Pillow
#   openvino: at most 88 of 255 levels from Pillow
#   openvino with antialias=0: the same pixels as with antialias=1: True
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openvino==2026.4.1 onnxruntime==1.32.0 onnx==1.23.2 \
    pillow==13.0.0 numpy==2.4.6
cd "$work"
cat > look.py <<'PY'
import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from PIL import Image


def resize(antialias, **kind):
    node = helper.make_node(
        "Resize", ["x", "", "", "sizes"], ["y"], mode="linear", antialias=antialias, **kind,
        coordinate_transformation_mode="half_pixel",
    )
    sizes = numpy_helper.from_array(np.array([1, 3, 64, 64], np.int64), "sizes")
    shape = [1, 3, 256, 256]
    graph = helper.make_graph(
        [node], "resize", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 64, 64])], [sizes],
    )
    opset = helper.make_opsetid("", 18)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


def by_openvino(model, x):
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return core.compile_model(core.read_model(model), "CPU", settings)([x])[0]


y, x = np.mgrid[0:256, 0:256]
image = np.stack([(x * 7 + y * 3) % 256, (x * 2 + y * 5) % 256, (x * y) % 256], 2).astype(np.uint8)
pillow = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR))
planes = image.transpose(2, 0, 1)[None].astype(np.float32)
session = onnxruntime.InferenceSession(resize(1, exclude_outside=1), providers=["CPUExecutionProvider"])
found = {
    "onnxruntime": session.run(None, {"x": planes})[0],
    "openvino": by_openvino(resize(1, exclude_outside=1), planes),
}
text = ""
for name, pixels in found.items():
    off = np.abs(np.rint(pixels[0].transpose(1, 2, 0)) - pillow).max()
    text += f"{name}: at most {off:.0f} of 255 levels from Pillow\n"
same = np.array_equal(found["openvino"], by_openvino(resize(0), planes))
text += f"openvino with antialias=0: the same pixels as with antialias=1: {same}\n"
print(text, end="")
expected = """onnxruntime: at most 1 of 255 levels from Pillow
openvino: at most 88 of 255 levels from Pillow
openvino with antialias=0: the same pixels as with antialias=1: True
"""
raise SystemExit(text != expected)
PY
"$work/venv/bin/python" -W ignore look.py
