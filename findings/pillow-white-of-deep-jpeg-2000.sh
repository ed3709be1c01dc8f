#!/usr/bin/env bash
# Pillow turns the white of a 16-bit colour JPEG 2000 into black, without a word.
#
# Colours of more than 8 bits are opened as RGB of 8 bits, rounded to the nearest level. The rounding
# has no limit: the upper half of the last level, 65408 to 65535, becomes 256, of which a byte keeps 0.
# So the lightest parts of a picture are black holes. Grey of 16 bits is opened as `I;16` and is right.
#
# Versions: Pillow 13.0.0 with OpenJPEG 2.5.4, imagecodecs 2026.3.6 (which wrote the file and reads it
# back as it was), Python 3.11. Seen:
#   stored: [0, 255, 32767, 65279, 65407, 65408, 65534, 65535]
#   RGB: [0, 1, 128, 255, 255, 0, 0, 0]
#   grey: [0, 255, 32767, 65279, 65407, 65408, 65534, 65535]
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 imagecodecs==2026.3.6 numpy==2.4.6
cat > "$work/look.py" << 'PY'
import io

import imagecodecs
import numpy as np
from PIL import Image

stored = [0, 255, 32767, 65279, 65407, 65408, 65534, 65535]
grey = np.kron(np.array([stored], np.uint16), np.ones((16, 16), np.uint16))
found = f"stored: {stored}\n"
for name, pixels in (("RGB", np.repeat(grey[:, :, None], 3, axis=2)), ("grey", grey)):
    data = imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True)
    assert (imagecodecs.jpeg2k_decode(data) == pixels).all()
    opened = np.asarray(Image.open(io.BytesIO(data)))
    values = opened[0, ::16] if opened.ndim == 2 else opened[0, ::16, 0]
    found += f"{name}: {values.tolist()}\n"
print(found, end="")
expected = f"stored: {stored}\nRGB: [0, 1, 128, 255, 255, 0, 0, 0]\ngrey: {stored}\n"
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" "$work/look.py"
