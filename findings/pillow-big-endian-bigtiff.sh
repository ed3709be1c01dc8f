#!/usr/bin/env bash
# Pillow reads BigTIFF of one byte order only: a big-endian one is "no image".
#
# TIFF and BigTIFF may be written in either byte order. Pillow opens both orders of TIFF and the
# little-endian BigTIFF; of a big-endian BigTIFF it takes the number of entries for another (after a
# warning of corrupt EXIF) and cannot identify the file, whatever is in it.
#
# Versions: Pillow 13.0.0 with libtiff 4.7.2, tifffile 2026.3.3 (which wrote the files and reads all
# four), Python 3.11. Seen:
#   TIFF <: True
#   TIFF >: True
#   BigTIFF <: True
#   BigTIFF >: UnidentifiedImageError
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cat > "$work/look.py" << 'PY'
import io
import warnings

import numpy as np
import tifffile
from PIL import Image

warnings.simplefilter("ignore")
pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
found = ""
for name, is_big in (("TIFF", False), ("BigTIFF", True)):
    for order in "<>":
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, bigtiff=is_big, byteorder=order, photometric="rgb")
        assert (tifffile.imread(io.BytesIO(file.getvalue())) == pixels).all()
        try:
            result = str(np.array_equal(np.asarray(Image.open(file)), pixels))
        except Exception as error:
            result = type(error).__name__
        found += f"{name} {order}: {result}\n"
print(found, end="")
expected = "TIFF <: True\nTIFF >: True\nBigTIFF <: True\nBigTIFF >: UnidentifiedImageError\n"
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" "$work/look.py"
