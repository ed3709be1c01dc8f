#!/usr/bin/env bash
# webdataset's order of samples, with a seed, depends on the number of workers.
#
# Shards are dealt to the workers first and shuffled after that, and each worker draws from a
# generator of its own. One seed with 0, 2 and 4 workers gives three orders, so a run that is
# repeated on another machine is another run; and where workers do not persist, every epoch has the
# order of the first. Nothing says so.
#
# Versions: webdataset 1.0.2, torch 2.13.0, Python 3.11. Seen:
#   different orders with 0, 2 and 4 workers: 3
#   two epochs of 2 workers that do not persist are alike: True
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet webdataset==1.0.2 torch==2.13.0 numpy==2.4.6
cd "$work"
cat > look.py << 'PY'
import io
import tarfile

import webdataset

for shard in range(8):
    with tarfile.open(f"{shard}.tar", "w") as tar:
        for place in range(5):
            member = tarfile.TarInfo(f"{shard}-{place}.cls")
            member.size = 1
            tar.addfile(member, io.BytesIO(b"0"))


def epochs(workers):
    data = webdataset.WebDataset("{0..7}.tar", shardshuffle=8, seed=1).shuffle(10, seed=1)
    loader = webdataset.WebLoader(data, batch_size=None, num_workers=workers)
    return [[sample["__key__"] for sample in loader] for _ in range(2)]


orders = {workers: epochs(workers) for workers in (0, 2, 4)}
assert all(len(order) == 40 for both in orders.values() for order in both)
found = f"different orders with 0, 2 and 4 workers: {len({tuple(both[0]) for both in orders.values()})}\n"
found += f"two epochs of 2 workers that do not persist are alike: {orders[2][0] == orders[2][1]}\n"
print(found, end="")
expected = """different orders with 0, 2 and 4 workers: 3
two epochs of 2 workers that do not persist are alike: True
"""
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" -W ignore look.py
