#!/usr/bin/env bash
# ONNX Runtime refuses a valid model in which a Transpose stands before a Resize with `axes`.
#
# Images as decoders give them are (N, H, W, C); a Transpose to (N, C, H, W) and a Resize of axes 2 and 3
# to two sizes is what opset 18 has `axes` for. onnx's checker and its reference accept the model. ONNX
# Runtime moves the Transpose behind the Resize, picks the two sizes by the order of four axes, and
# stops with "Number of elements of input 'sizes' (0) does not match the number of axes (2)". With its
# optimisations turned off, or with all four sizes and no `axes`, the model runs.
#
# Versions: onnxruntime 1.32.0, onnx 1.23.2, Python 3.11. Seen:
#   checked by onnx, full: accepted
#   all optimisations: refused
#   none: (1, 3, 16, 16)
#   all optimisations, four sizes: (1, 3, 16, 16)
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$work"
cat > look.py <<'PY'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def model(sizes, **axes):
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "Resize", ["t", "", "", "sizes"], ["y"], mode="linear",
            coordinate_transformation_mode="half_pixel", **axes,
        ),
    ]
    graph = helper.make_graph(
        nodes, "resize", [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 40, 50, 3])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [1, 3, 16, 16])],
        [numpy_helper.from_array(np.array(sizes, np.int64), "sizes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(made, level):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = level
    try:
        session = onnxruntime.InferenceSession(
            made.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        assert "does not match the number of axes" in str(error), error
        return "refused"
    return session.run(None, {"x": np.zeros((1, 40, 50, 3), np.uint8)})[0].shape


two = model([16, 16], axes=[2, 3])
onnx.checker.check_model(two, full_check=True)
level = onnxruntime.GraphOptimizationLevel
text = "checked by onnx, full: accepted\n"
text += f"all optimisations: {run(two, level.ORT_ENABLE_ALL)}\n"
text += f"none: {run(two, level.ORT_DISABLE_ALL)}\n"
text += f"all optimisations, four sizes: {run(model([1, 3, 16, 16]), level.ORT_ENABLE_ALL)}\n"
print(text, end="")
expected = """checked by onnx, full: accepted
all optimisations: refused
none: (1, 3, 16, 16)
all optimisations, four sizes: (1, 3, 16, 16)
"""
raise SystemExit(text != expected)
PY
"$work/venv/bin/python" -W ignore look.py
