"""Top-1 of a trained network and of the files that are exported from it, on the same images.

    python benchmarks/export_top1.py RUN --name "ResNet-20, CIFAR-10" [--data DATA]
    python benchmarks/export_top1.py RUN --name ... --precision int8 --formats onnx,openvino
    python benchmarks/export_top1.py --page           the table in docs/export.md

A file is written and verified as by `cladenet export`, and then asked about up to 1,000 validation
images of the run, or of DATA. Images that it names otherwise than the network are kept with their
margins, by how much the network's logit of its own class is above that of the file's. What was
found before is kept in results/export_top1.json.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cladenet.checkpoints import load
from cladenet.export.export_run import write_verified
from cladenet.export.request import FORMATS, Request
from cladenet.export.runtime import open_exported
from cladenet.export.verify.images import trials_for
from cladenet.export.verify.measure import measurement
from cladenet.export.verify.reference import Reference
from machine import announced

RESULTS = Path(__file__).parent / "results" / "export_top1.json"
PAGE = Path(__file__).parents[1] / "docs" / "export.md"
START, END = "<!-- top-1 -->", "<!-- end of top-1 -->"


def rows_of(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each format made of the images: its name and precision, and a row."""
    loaded = load(options.run)
    reference = Reference(loaded.model, loaded.card.preprocess)
    trials = trials_for(loaded, options.data)
    measure = measurement(loaded, reference, trials)
    if measure is None:
        raise SystemExit("there are no images: name some with --data")
    for form in options.formats.split(","):
        request = Request(
            form, precision=options.precision, data=options.data, calibration=options.calibration
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"file{FORMATS[form].suffix}"
            write_verified(loaded, request, path, trials, reference)
            found = measure.of(open_exported(path))
        margins = [
            each._asdict() | {"image": inside(options.data, each.image)} for each in found.differing
        ]
        row = found.to_json() | {"margins": margins}
        print(options.name, form, options.precision, json.dumps(row), flush=True)
        yield f"{form} {options.precision}", row


def inside(data: str | None, image: str) -> str:
    """The image's name without the place of its folder, which is another on each machine."""
    return image.removeprefix(f"{Path(data).resolve()}/") if data else image


def table(networks: dict[str, Any]) -> str:
    """A line for each file."""
    lines = [
        "| network | file | images | right: network, file | another class | widest margin |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in networks.items():
        for file, row in found["files"].items():
            margins = [each["margin"] for each in row["margins"]]
            right = f"{row['network_right']}, {row['file_right']}"
            right = "no labels" if row["file_right"] is None else right
            widest = f"{max(margins):.2g}" if margins else ""
            lines.append(
                f"| {name} | {file} | {row['images']} | {right} | {len(margins)} | {widest} |"
            )
    return "\n".join(lines)


def write_page(networks: dict[str, Any]) -> None:
    before, _, rest = PAGE.read_text().partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{START}\n{table(networks)}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--name", help="of the network and its data, for the table")
    parser.add_argument("--data")
    parser.add_argument("--calibration", help="images for int8, as of `cladenet export`")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--formats", default="onnx,openvino,torch,torchscript")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if options.page:
        write_page(kept)
        return
    if not options.run or not options.name:
        parser.error("RUN and --name are needed")
    found = kept.setdefault(options.name, {"files": {}})
    found["machine"] = announced()
    for file, row in rows_of(options):
        found["files"][file] = row
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
