#!/usr/bin/env bash
# torch.onnx writes Python's `//` of sizes as ONNX's Div, which rounds towards 0: a graph with a
# dynamic size is one short at odd sizes, without a word.
#
# `-(-n // 2)` is how Python is asked for half of n, rounded up; padding that keeps a convolution's
# size ("SAME") is computed so. torch.export keeps the floor of the negative number. The exporter
# writes Div of int64, which ONNX defines as integer division that truncates: -7 / 2 is -3 there and
# -4 in Python. The program that was exported still answers as Python does; only the file differs.
# Sizes are 3 to 99 here, so nothing but the sign of what is divided is unusual. `(n + 1) // 2` is
# right.
#
# Versions: torch 2.13.0, onnxscript 0.7.1, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6,
# Python 3.11, x86-64. Seen (of maps 6, 7, 8 and 9 high):
#   -(-n // 2):   expected 3 4 4 5, torch.export 3 4 4 5, ONNX 3 3 4 4
#   (n + 1) // 2: expected 3 4 4 5, torch.export 3 4 4 5, ONNX 3 4 4 5
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 onnxscript==0.7.1 onnx==1.23.2 \
    onnxruntime==1.32.0 numpy==2.4.6
cd "$work"
cat > look.py <<'PY'
import numpy as np
import onnxruntime
import torch

SIDES = (6, 7, 8, 9)


class Negative(torch.nn.Module):
    def forward(self, x):
        return x.new_zeros(1, -(-x.shape[2] // 2))


class Positive(torch.nn.Module):
    def forward(self, x):
        return x.new_zeros(1, (x.shape[2] + 1) // 2)


def row(network):
    sizes = ({2: torch.export.Dim("side", min=3, max=99)},)
    exported = torch.export.export(network, (torch.zeros(1, 1, 6, 6),), dynamic_shapes=sizes)
    torch.onnx.export(exported, dynamo=True, verbose=False).save("half.onnx")
    session = onnxruntime.InferenceSession("half.onnx")
    name = session.get_inputs()[0].name
    found = {"expected": [], "torch.export": [], "ONNX": []}
    for side in SIDES:
        x = torch.zeros(1, 1, side, 6)
        found["expected"].append(network(x).shape[1])
        found["torch.export"].append(exported.module()(x).shape[1])
        answer = session.run(None, {name: np.asarray(x)})[0]
        found["ONNX"].append(answer.shape[1])
    return ", ".join(f"{side} {' '.join(map(str, heights))}" for side, heights in found.items())


text = f"-(-n // 2):   {row(Negative())}\n"
text += f"(n + 1) // 2: {row(Positive())}\n"
print(text, end="")
expected = """-(-n // 2):   expected 3 4 4 5, torch.export 3 4 4 5, ONNX 3 3 4 4
(n + 1) // 2: expected 3 4 4 5, torch.export 3 4 4 5, ONNX 3 4 4 5
"""
raise SystemExit(text != expected)
PY
"$work/venv/bin/python" look.py
