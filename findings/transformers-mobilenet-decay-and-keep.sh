#!/usr/bin/env bash
# transformers fine-tunes MobileNetV1 and V2 with TensorFlow's numbers in torch's places.
#
# TensorFlow's batch norm has a decay, the share that the running statistics keep; torch's momentum
# is the share of the new batch, one less the decay. transformers hands the decays 0.9997 and 0.997 to
# torch as momentum: after any step the running statistics are those of the last batch, and whatever
# the weights were published with is gone after the first. TensorFlow's dropout had the share that is
# kept; torch's has the share that is dropped. So 99.9 % of V1's features and 80 % of V2's are zeros
# while the classifier is trained. Evaluation of published weights is right.
#
# Versions: transformers 5.24.0, torch 2.13.0, Python 3.11. Seen:
#   mobilenet_v1: share of the new batch in running_mean 0.9997, features dropped 0.999
#   mobilenet_v2: share of the new batch in running_mean 0.9970, features dropped 0.800
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 numpy==2.4.6
cd "$work"
cat > look.py << 'PY'
import torch
from torch import nn
from transformers import (
    MobileNetV1Config,
    MobileNetV1ForImageClassification,
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
)

torch.manual_seed(0)
found = ""
for name, model in (
    ("mobilenet_v1", MobileNetV1ForImageClassification(MobileNetV1Config())),
    ("mobilenet_v2", MobileNetV2ForImageClassification(MobileNetV2Config())),
):
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    seen = []
    norm.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
    norm.running_mean.fill_(100)  # as if weights with these statistics had been loaded
    model.train()
    model(torch.randn(4, 3, 224, 224))
    of_batch = seen[0].mean((0, 2, 3))
    share = ((100 - norm.running_mean) / (100 - of_batch)).mean().item()
    dropped = (model.dropout(torch.ones(10_000_000)) == 0).float().mean().item()
    found += f"{name}: share of the new batch in running_mean {share:.4f}, "
    found += f"features dropped {dropped:.3f}\n"
print(found, end="")
expected = """mobilenet_v1: share of the new batch in running_mean 0.9997, features dropped 0.999
mobilenet_v2: share of the new batch in running_mean 0.9970, features dropped 0.800
"""
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" -W ignore look.py
