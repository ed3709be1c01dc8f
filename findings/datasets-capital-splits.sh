#!/usr/bin/env bash
# `datasets` makes one training set of folders called Train/ and Val/.
#
# imagefolder knows the names of splits in lower case only. With Train/ and Val/ it finds none, takes
# all files for `train`, and the validation images are trained on. With train/ and val/ the same
# files are two splits. Nothing is said in either case.
#
# Versions: datasets 5.2.0, Pillow 13.0.0, Python 3.11. Seen:
#   train, val: {'train': 4, 'validation': 2}
#   Train, Val: {'train': 6}
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pyarrow==26.0.1 pillow==13.0.0
cd "$work"
export HF_HOME="$work/hf" HF_DATASETS_OFFLINE=1
cat > look.py << 'PY'
import os

import datasets
from PIL import Image

datasets.disable_progress_bars()
found = ""
for train, val in (("train", "val"), ("Train", "Val")):
    for split, count in ((train, 2), (val, 1)):
        for name in ("ant", "bee"):
            os.makedirs(f"{train}-set/{split}/{name}")
            for place in range(count):
                Image.new("RGB", (8, 8)).save(f"{train}-set/{split}/{name}/{place}.png")
    sizes = {k: len(v) for k, v in datasets.load_dataset("imagefolder", data_dir=f"{train}-set").items()}
    found += f"{train}, {val}: {sizes}\n"
print(found, end="")
expected = """train, val: {'train': 4, 'validation': 2}
Train, Val: {'train': 6}
"""
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" look.py
