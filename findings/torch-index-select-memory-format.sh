#!/usr/bin/env bash
# torch's index_select along the images loses the memory format channels_last.
#
# Indexing with a list, x[places], keeps it. After index_select the next convolution finds
# neighbours in memory where it expects channels, and the format is changed back or lost from there
# on; values are the same, so nothing tells but the time. MSDNet at 64 images, from which some are
# taken out between its exits, took a third more for it.
#
# Versions: torch 2.13.0, Python 3.11. Seen:
#   index_select keeps channels_last: False
#   indexing keeps channels_last: True
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cd "$work"
cat > look.py << 'PY'
import torch

x = torch.randn(64, 48, 32, 32).to(memory_format=torch.channels_last)
places = torch.arange(0, 64, 2)


def keeps(y):
    return y.is_contiguous(memory_format=torch.channels_last)


assert torch.equal(x.index_select(0, places), x[places])
found = f"index_select keeps channels_last: {keeps(x.index_select(0, places))}\n"
found += f"indexing keeps channels_last: {keeps(x[places])}\n"
print(found, end="")
expected = """index_select keeps channels_last: False
indexing keeps channels_last: True
"""
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" -W ignore look.py
