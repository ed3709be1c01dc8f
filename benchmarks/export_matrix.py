"""Every family in every format: does it export, how far off is it, how large, how long?

    python benchmarks/export_matrix.py [--formats onnx,torchscript] [--families vit,vgg]
    python benchmarks/export_matrix.py --missing      what results/export_matrix.json does not have
    python benchmarks/export_matrix.py --page         the table in docs/export.md

Of each family the network with the fewest multiply-accumulates, its values random and its norms
with statistics (`parity.saturate`), images stretched to its size inside the file. A file is tried
on drawn images, one by one and five at once and of two sizes, in every runtime that is installed;
the network itself is asked about each image once for all formats.
What was found before is kept in results/export_matrix.json; networks asked for are tried again,
those with the fewest multiply-accumulates first.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from cladenet.checkpoints import Card, Loaded
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.data.preprocess import Preprocess
from cladenet.errors import CladeNetError
from cladenet.export.canvas import drawn_image, drawn_sizes
from cladenet.export.export_run import write_verified
from cladenet.export.request import FORMATS, Request
from cladenet.export.verify.images import Trials, batches_of
from cladenet.export.verify.reference import Reference
from cladenet.ledger.entry import Entry
from cladenet.registry import create_model, find, list_models
from machine import announced
from parity import saturate

RESULTS = Path(__file__).parent / "results" / "export_matrix.json"
PAGE = Path(__file__).parents[1] / "docs" / "export.md"
START, END = "<!-- matrix -->", "<!-- end of matrix -->"
CLASSES = 10


def smallest() -> dict[str, Entry]:
    """Family -> its network with the fewest multiply-accumulates."""
    found: dict[str, Entry] = {}
    for entry in map(find, list_models()):
        if entry.family not in found or entry.macs < found[entry.family].macs:
            found[entry.family] = entry
    return dict(sorted(found.items()))


def loaded(entry: Entry) -> Loaded:
    """The network with random values, as if it had been trained."""
    fixed = entry.name in ("lenet5",)  # its classes are drawings of digits
    arguments: dict[str, Any] = {} if fixed else {"num_classes": CLASSES}
    model = saturate(create_model(entry.name, **arguments)).float().eval()
    channels, height, width = entry.input
    mean, std = (0.45,) * channels, (0.25,) * channels
    preprocess = Preprocess(height, width, channels, "stretch", mean, std)
    classes = tuple(str(number) for number in range(model.num_classes))
    card = Card(entry.name, arguments, classes, preprocess, {}, 1)
    card = Card(**{**vars(card), "self_test": fixed_logits(model, preprocess)})
    return Loaded(model, card, Path("random"))


def tried(network: Loaded, reference: Reference, form: str) -> dict[str, Any]:
    """What became of it in one format."""
    p = network.card.preprocess
    images = [drawn_image(*size, p.channels) for size in drawn_sizes(p)]
    images += [images[0][::-1], images[0][:, ::-1], 255 - images[0]]
    trials = Trials(batches_of(images, p), None)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"file{FORMATS[form].suffix}"
        start = time.process_time()
        try:
            found = write_verified(network, Request(form), target, trials, reference)
        except CladeNetError as error:
            return {"refused": str(error).replace(folder, "")[:300]}
        seconds = time.process_time() - start
    first, *others = found.tried
    right = first.found or first.converted  # Core ML's, before it was converted
    assert right is not None
    return {
        "runtime": first.runtime,
        "untested": first.found is None,
        "levels": right.levels,
        "difference": right.logs,
        "allowed": right.allowed,
        "cpu_seconds": round(seconds, 2),
        "megabytes": round(found.size / 1e6, 2),
        "others": {each.runtime: each.why_not or each.found.logs for each in others if each},  # type: ignore[union-attr]
    }


def table(rows: dict[str, Any]) -> str:
    """The families down, the formats that were tried across."""
    forms = [form for form in FORMATS if any(form in row["formats"] for row in rows.values())]
    lines = [
        "| family | network | " + " | ".join(forms) + " |",
        "|---" * (2 + len(forms)) + "|",
    ]
    for family, row in rows.items():
        cells = [cell(row["formats"].get(form)) for form in forms]
        lines.append(f"| {family} | `{row['network']}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    if "refused" in found:
        return "refused"
    seconds = f"{found['cpu_seconds']:.1f} s, " if "cpu_seconds" in found else ""
    untested = ", untested" if found.get("untested") else ""
    return f"{found['difference']:.0e}, {seconds}{found['megabytes']:.1f} MB{untested}"


def write_page(kept: dict[str, Any]) -> None:
    before, _, rest = PAGE.read_text().partition(START)
    _, _, after = rest.partition(END)
    files = [found for row in kept["rows"].values() for found in row["formats"].values()]
    right = [found for found in files if "refused" not in found]
    machine = ", ".join(f"{key} {value}" for key, value in kept["machine"].items())
    untested = sum(found.get("untested", False) for found in right)
    unrun = f" ({untested} untested: what they were converted from is)" if untested else ""
    text = (
        f"{len(kept['rows'])} of {len(smallest())} families were tried so far, and {len(right)} of "
        f"{len(files)} files are right{unrun}: largest difference of the logarithms of "
        "posteriors from the network in float64, processor seconds to write and verify it, size. "
        f"`python benchmarks/export_matrix.py`; "
        f"{machine}.\n\n{table(kept['rows'])}\n"
    )
    PAGE.write_text(f"{before}{START}\n{text}{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--formats", default="onnx,openvino,torch,torchscript")
    parser.add_argument("--families", default="")
    parser.add_argument("--missing", action="store_true", help="only what was not tried yet")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": {}}
    if options.page:
        write_page(kept)
        return
    kept["machine"] = announced()
    for family, entry in sorted(smallest().items(), key=lambda item: item[1].macs):
        if options.families and family not in options.families.split(","):
            continue
        row = kept["rows"].setdefault(family, {"formats": {}})
        row["network"] = entry.name
        forms = options.formats.split(",")
        if options.missing:
            forms = [form for form in forms if form not in row["formats"]]
        if not forms:
            continue
        network = loaded(entry)
        reference = Reference(network.model, network.card.preprocess)
        for form in forms:
            row["formats"][form] = found = tried(network, reference, form)
            print(
                f"{family:22} {entry.name:36} {form:12} {found.get('refused') or cell(found)}",
                flush=True,
            )
            kept["rows"] = dict(sorted(kept["rows"].items()))
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
