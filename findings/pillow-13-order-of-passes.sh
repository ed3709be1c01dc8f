#!/usr/bin/env bash
# Pillow 13 resizes some images to other pixels than Pillow 12: the two passes change their order.
#
# `resize` resamples rows and columns one after the other and rounds to 8 bits between. Until 12 rows
# came first. From 13 on columns do where the height loses more than twice what the width loses, which
# is faster, such as for upright images brought to a square. The same call on the same image gives
# other levels, so weights trained with one see other pixels with the other, in the same bilinear or
# bicubic filter.
#
# Versions: pillow 12.0.0 and 13.0.0, Python 3.11. Seen:
#   400x150 to 224x224, bicubic: 27.6 % of the pixels differ, by 13 levels at the most
#   400x150 to 224x224, bilinear: 23.6 % of the pixels differ, by 1 levels at the most
#   150x400 to 224x224, bicubic: 0.0 % of the pixels differ, by 0 levels at the most
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > resize.py <<'PY'
import sys

import numpy as np
from PIL import Image

noise = np.random.default_rng(0).integers(0, 256, (400, 150), np.uint8)
for name, image, mode in (
    ("400x150 to 224x224, bicubic", noise, Image.Resampling.BICUBIC),
    ("400x150 to 224x224, bilinear", noise, Image.Resampling.BILINEAR),
    ("150x400 to 224x224, bicubic", noise.T.copy(), Image.Resampling.BICUBIC),
):
    np.save(f"{sys.argv[1]} {name}.npy", np.asarray(Image.fromarray(image).resize((224, 224), mode)))
PY
for version in 12.0.0 13.0.0; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install --quiet pillow==$version numpy==2.4.6
    "$work/$version/bin/python" resize.py $version
done
cat > look.py <<'PY'
import numpy as np

text = ""
for name in (
    "400x150 to 224x224, bicubic", "400x150 to 224x224, bilinear", "150x400 to 224x224, bicubic"
):
    old, new = (np.load(f"{version} {name}.npy").astype(int) for version in ("12.0.0", "13.0.0"))
    off = np.abs(new - old)
    text += f"{name}: {100 * (off > 0).mean():.1f} % of the pixels differ, by {off.max()} levels at the most\n"
print(text, end="")
expected = """400x150 to 224x224, bicubic: 27.6 % of the pixels differ, by 13 levels at the most
400x150 to 224x224, bilinear: 23.6 % of the pixels differ, by 1 levels at the most
150x400 to 224x224, bicubic: 0.0 % of the pixels differ, by 0 levels at the most
"""
raise SystemExit(text != expected)
PY
"$work/13.0.0/bin/python" look.py
