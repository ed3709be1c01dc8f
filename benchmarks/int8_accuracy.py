"""What 8-bit products cost trained networks, by engine: images right in float32 and in int8.

    python benchmarks/int8_accuracy.py LABEL=RUN [LABEL=RUN ...] [--data DATA] [--calibration DATA]
        [--engines packed,onnxruntime,openvino] [--most-lost 0.3]

Each RUN is a run folder or a checkpoint, LABEL what its rows are called by. It is evaluated on DATA
(by default what it was trained on) and calibrated as `cladenet evaluate --precision int8` does it.
The float32 answers are `packed`'s.

Whether weights have 8 or 7 bits is the processor's to decide: with ATEN_CPU_CAPABILITY=avx2
ONEDNN_MAX_CPU_ISA=AVX2 they have 7 in all engines, and torch multiplies without VNNI. ONNX Runtime
and OpenVINO ask the processor itself; a processor, or a loader, that hides VNNI from them does it.

Exit status 1 if an engine loses more points than --most-lost. What is written, a row for each
network, kind of processor and engine: benchmarks/results/int8_accuracy.json.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import cladenet
from cladenet import processor
from cladenet.allocator import keep_freed_memory
from cladenet.checkpoints import Loaded
from cladenet.data.batches import eval_batches
from cladenet.data.dataset import Split
from cladenet.inference import FastClassifier, for_inference
from cladenet.runs.evaluate.calibration import calibration_images
from cladenet.runs.evaluate.scored import opened, scored
from machine import machine

RESULT = Path(__file__).parent / "results" / "int8_accuracy.json"
ENGINES = "packed,onnxruntime,openvino"
PLAIN = "packed"  # whose float32 answers are compared with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="LABEL=RUN")
    parser.add_argument("--data", help="by default what each network was trained on")
    parser.add_argument("--calibration", help="by default training images")
    parser.add_argument("--engines", default=ENGINES)
    parser.add_argument("--images", type=int, default=1000, help="the first so many")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--most-lost", type=float, default=1.0, help="points")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    keep_freed_memory()
    able = processor.abilities()
    kind = "with VNNI" if able.vnni else "without VNNI"
    lost = []
    for label, _, run in (words.partition("=") for words in options.runs):
        loaded = cladenet.load(run)
        for engine, row in rows(loaded, options):
            print(f"{label} {kind} {engine}: {json.dumps(row)}", flush=True)
            row |= {"network": loaded.card.network, "machine": machine(**able._asdict())}
            keep(options.out, label, kind, engine, row)
            lost.append(row["lost"])
    print(f"at most {max(lost):.2f} points lost, {options.most_lost:g} allowed")
    raise SystemExit(max(lost) > options.most_lost)


def rows(loaded: Loaded, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """An engine and its row, for each engine."""
    given = options.data is not None
    found = scored(opened(loaded, options.data, "skip"), loaded, None, given=given)
    split = found.split.subset(np.arange(min(options.images, len(found.split))))
    seen = calibration_images(loaded, options.calibration, options.data)
    labels = torch.from_numpy(split.labels)
    size = (seen.shape[1], seen.shape[2], seen.shape[3])

    def network(engine: str, precision: str) -> FastClassifier:
        return for_inference(
            loaded.model, precision, batch_size=options.batch, size=size,
            engine=engine, calibration=seen,
        )  # fmt: skip

    plain = classes(network(PLAIN, "fp32"), split, loaded, options.batch)
    for engine in options.engines.split(","):
        fast = network(engine, "int8")
        found_classes = classes(fast, split, loaded, options.batch)
        yield (
            engine,
            {
                **compared(plain, found_classes, labels),
                "difference": round(fast.difference, 4),
            },
        )


def classes(network: FastClassifier, split: Split, loaded: Loaded, batch: int) -> Tensor:
    """The first class of each image, (N,)."""
    preprocess = loaded.card.preprocess
    return torch.cat([
        network(preprocess.to_input(images, torch.device("cpu"))).argmax(1)
        for images, *_ in eval_batches(split, preprocess, batch)
    ])  # fmt: skip


def compared(plain: Tensor, found: Tensor, labels: Tensor) -> dict[str, Any]:
    """What float32 gets right of the images, and what int8 does."""
    was, now = plain == labels, found == labels
    right, still = int(was.sum()), int(now.sum())
    return {
        "images": len(labels),
        "float32": right,
        "int8": still,
        "lost": round(100 * (right - still) / len(labels), 2),
        "only_float32": int((was & ~now).sum()),
        "only_int8": int((now & ~was).sum()),
        "same_class": int((plain == found).sum()),
    }


def keep(path: Path, label: str, kind: str, engine: str, row: dict[str, Any]) -> None:
    """Put a row in the place of the one that was there."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept.setdefault(label, {}).setdefault(kind, {})[engine] = row
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
