#!/usr/bin/env bash
# OpenVINO's CPU plugin takes weights times a mask of whole numbers for weights in 8 bits and their
# scale, and gives answers of another shape.
#
# A pruned linear layer multiplies its weights, float32 (outputs, inputs), by a mask of its inputs,
# uint8 (1, inputs). The plugin fuses constant, Convert and Multiply into a "compressed" fully
# connected layer: the mask for the weights, the weights for their scale. The mask has one row, so
# one output is left. Inside a CondenseNet the same layer stops with "could not create a primitive
# descriptor for the inner product". With a mask of the weights' whole shape, or weights that are
# chosen by Select, it is right.
#
# Versions: openvino 2026.4.1, numpy 2.4.6, Python 3.11, x86-64. Seen:
#   expected (2, 10)
#   mask (1, 16): (2, 1)
#   mask (10, 16): (2, 10), right
#   chosen by a mask (1, 16): (2, 10), right
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openvino==2026.4.1 numpy==2.4.6
cd "$work"
cat > look.py <<'PY'
import numpy as np
import openvino
from openvino import opset13 as ops

draw = np.random.default_rng(0)
weights = draw.standard_normal((10, 16)).astype(np.float32)
x = draw.standard_normal((2, 16)).astype(np.float32)


def answer(mask, *, chosen=False):
    """Of the layer in OpenVINO, and whether it is right."""
    images = ops.parameter([-1, 16], openvino.Type.f32)
    kept, zero = ops.constant(mask), ops.constant(np.zeros((), np.float32))
    if chosen:
        masked = ops.select(ops.convert(kept, "boolean"), ops.constant(weights), zero)
    else:
        masked = ops.multiply(ops.constant(weights), ops.convert(kept, "f32"))
    y = ops.matmul(images, masked, False, True)
    model = openvino.Model([y], [images])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled([x])[0]
    expected = x @ (weights * mask).T
    if found.shape != expected.shape:
        return str(found.shape)
    return f"{found.shape}, {'right' if np.allclose(found, expected, atol=1e-4) else 'wrong'}"


row = (np.arange(16) % 2).astype(np.uint8)[None]
text = "expected (2, 10)\n"
text += f"mask (1, 16): {answer(row)}\n"
text += f"mask (10, 16): {answer(np.repeat(row, 10, 0))}\n"
text += f"chosen by a mask (1, 16): {answer(row, chosen=True)}\n"
print(text, end="")
expected = """expected (2, 10)
mask (1, 16): (2, 1)
mask (10, 16): (2, 10), right
chosen by a mask (1, 16): (2, 10), right
"""
raise SystemExit(text != expected)
PY
"$work/venv/bin/python" -W ignore look.py
