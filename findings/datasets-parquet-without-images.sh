#!/usr/bin/env bash
# `datasets` writes a folder of images to Parquet without the images.
#
# After load_dataset("imagefolder"), `to_parquet` stores null for the bytes and the absolute path of
# the file on this machine. The file loads and shows pictures as long as that path is there; on
# another machine, or once the folder is moved, reading a row fails. Nothing is said when it is written.
#
# Versions: datasets 5.2.0, pyarrow 26.0.1, Pillow 13.0.0, Python 3.11. Seen:
#   written: bytes=None, path is absolute: True
#   with the folder: (8, 8)
#   after it was moved: FileNotFoundError
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pyarrow==26.0.1 pillow==13.0.0
cd "$work"
export HF_HOME="$work/hf" HF_DATASETS_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
cat > look.py << 'PY'
import os

import datasets
import pyarrow.parquet
from PIL import Image

datasets.disable_progress_bars()
for name in ("ant", "bee"):
    os.makedirs(f"birds/{name}")
    Image.new("RGB", (8, 8)).save(f"birds/{name}/1.png")
birds = datasets.load_dataset("imagefolder", data_dir="birds", split="train")
birds.to_parquet("birds.parquet")
first = pyarrow.parquet.read_table("birds.parquet").to_pylist()[0]["image"]
found = f"written: bytes={first['bytes']}, path is absolute: {os.path.isabs(first['path'])}\n"


def read():
    rows = datasets.load_dataset("parquet", data_files="birds.parquet", split="train")
    return rows[0]["image"].size


found += f"with the folder: {read()}\n"
os.rename("birds", "moved")
try:
    found += f"after it was moved: {read()}\n"
except Exception as error:
    found += f"after it was moved: {type(error).__name__}\n"
print(found, end="")
expected = """written: bytes=None, path is absolute: True
with the folder: (8, 8)
after it was moved: FileNotFoundError
"""
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" look.py
