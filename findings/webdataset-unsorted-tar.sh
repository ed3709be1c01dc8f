#!/usr/bin/env bash
# webdataset makes half-samples of an archive whose files are not sorted by sample, without a word.
#
# A plain `tar cf` writes files in the order of the folder or of its arguments. webdataset groups
# neighbours that share a key, so `a.jpg b.jpg a.cls b.cls` is four samples of one field each. A hard
# link, which tar writes for the second name of a file, is skipped: its sample has no image. Nothing
# is raised or logged; what asks for `jpg` and `cls` gets fewer samples, or the wrong error later.
#
# Versions: webdataset 1.0.2, Python 3.11, GNU tar 1.34. Seen:
#   unsorted: [('a', ['jpg']), ('b', ['jpg']), ('a', ['cls']), ('b', ['cls'])]
#   linked: [('a', ['cls', 'jpg']), ('b', ['cls'])]
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet webdataset==1.0.2
cd "$work"
mkdir files
printf 'image a' > files/a.jpg
printf 'image b' > files/b.jpg
printf 0 > files/a.cls
printf 1 > files/b.cls
tar -C files -cf unsorted.tar a.jpg b.jpg a.cls b.cls
ln -f files/a.jpg files/b.jpg
tar -C files -cf linked.tar a.cls a.jpg b.cls b.jpg
cat > look.py << 'PY'
import webdataset

found = ""
for name in ("unsorted", "linked"):
    samples = webdataset.WebDataset(f"{name}.tar", shardshuffle=False)
    pairs = [(s["__key__"], [field for field in s if not field.startswith("__")]) for s in samples]
    found += f"{name}: {pairs}\n"
print(found, end="")
expected = """unsorted: [('a', ['jpg']), ('b', ['jpg']), ('a', ['cls']), ('b', ['cls'])]
linked: [('a', ['cls', 'jpg']), ('b', ['cls'])]
"""
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" look.py
