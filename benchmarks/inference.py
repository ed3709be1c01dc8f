"""How fast networks answer, beside torchvision, timm, ONNX Runtime and OpenVINO.

    python benchmarks/inference.py [--only resnet50] [--batch 1,32] [--precision fp32,bf16,int8]

All sides of a network have the same weights and see the same images; each is a process of its own,
its logits are compared with the plain network's before its speed, and those of one precision take
turns. Peers that are not installed are left out and named. cladenet is there twice: with the engine
that is ready at once (packed), and with what `engine="fastest"` finds among those installed.
What is measured already stays in the results, so that the whole can be run in parts: with
`--budget SECONDS` no network is begun after that. With `--device cuda` torch waits for the GPU in
each call; ONNX Runtime and OpenVINO are left out.
What is written: benchmarks/results/inference.json (inference_cuda.json).
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from cladenet import processor
from cladenet.bench.apart import Apart
from cladenet.bench.inference import row_of
from cladenet.bench.limits import Limits, measure_limits
from cladenet.bench.paired import paired
from cladenet.errors import BadArgument
from cladenet.weights.sources import find_source
from machine import machine
from parity import randomised

RESULTS = Path(__file__).parent / "results"
SIDE = Path(__file__).parent / "inference_side.py"
# Name, timm's name (the name is torchvision's), and the largest batch that 32 stands for.
NETWORKS = (
    ("resnet50", "resnet50", 32),
    ("resnet18", "resnet18", 32),
    ("vgg16", "vgg16", 8),
    ("mobilenet_v3_large", "mobilenetv3_large_100", 32),
    ("mobilenet_v2", "mobilenetv2_100", 32),
    ("efficientnet_b0", "efficientnet_b0", 32),
    ("densenet121", "densenet121", 32),
    ("vit_b_16", "vit_base_patch16_224", 8),
    ("googlenet", "", 32),
    ("shufflenet_v2_x1_0", "", 32),
)
PLAIN = "torchvision fp32"
SIDES = {
    "fp32": (
        *(PLAIN, "timm fp32", "onnxruntime fp32", "openvino fp32"),
        *("cladenet fp32", "cladenet-fastest fp32"),
    ),
    "bf16": ("torchvision bf16", "openvino bf16", "cladenet bf16", "cladenet-fastest bf16"),
    "int8": ("onnxruntime int8", "openvino int8", "cladenet int8", "cladenet-fastest int8"),
}
CPU_ONLY = ("onnxruntime", "openvino")
# Largest difference of logits that still is the same network, in units of the largest logit.
ALIKE = {"fp32": 1e-4, "bf16": 0.2, "int8": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="networks, separated by commas")
    parser.add_argument("--batch", default="1,32")
    parser.add_argument("--precision", default="fp32,bf16,int8")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--visit", type=float, default=0.3, help="seconds")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds")
    parser.add_argument("--missing", action="store_true", help="only what has no results yet")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("torch sees no GPU here; nothing was measured")
        return
    torch.set_num_threads(options.threads)
    name = "inference.json" if options.device == "cpu" else "inference_cuda.json"
    out: Path = options.out or RESULTS / name
    result: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {"runs": {}}
    begun = time.monotonic()
    limits = measure_limits(options.device)
    print(limits, flush=True)
    result["limits"] = limits._asdict()
    for network, timm, most in NETWORKS:
        if options.only and network not in options.only.split(","):
            continue
        for batch in dict.fromkeys(min(int(text), most) for text in options.batch.split(",")):
            key = f"{network}, batch {batch}"
            if time.monotonic() - begun > options.budget:
                print(f"{key}: no time left")
                continue
            if options.missing and key in result["runs"]:
                continue
            sides: dict[str, Any] = {}
            for precision in options.precision.split(","):  # so many processes as memory holds
                if precision == "bf16" and not processor.has_bf16(options.device):
                    continue
                sides = {**compare(network, timm, batch, precision, options, limits), **sides}
            known = result["runs"].get(key, {}).get("sides", {})
            result["runs"][key] = {
                "network": network,
                "batch": batch,
                "machine": machine(threads=options.threads),
                "clock": options.clock,
                "rounds": options.rounds,
                "limits": limits._asdict(),
                "sides": ordered({**known, **sides}),
            }
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {out}")


def compare(
    network: str,
    timm: str,
    batch: int,
    precision: str,
    options: argparse.Namespace,
    limits: Limits,
) -> dict[str, Any]:
    """Each side's row, as plain values; of a side that cannot be measured, why."""
    source = find_source(f"torchvision/{network}")
    wanted = [PLAIN, *(side for side in SIDES[precision] if side != PLAIN)]
    if not timm:
        wanted = [s for s in wanted if s != "timm fp32"]
    if options.device != "cpu":
        wanted = [s for s in wanted if not s.startswith(CPU_ONLY) and not s.endswith("int8")]
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        weights = str(Path(folder) / "weights.safetensors")
        values = randomised(source.network, **source.arguments).float().state_dict()
        save_file({key: value.contiguous() for key, value in values.items()}, weights)
        sides: dict[str, Apart] = {}
        for side in wanted:
            case = {
                "side": side,
                "torchvision": f"torchvision/{network}",
                "timm": f"timm/{timm}",
                "weights": weights,
                "batch": batch,
                **{k: getattr(options, k) for k in ("threads", "visit", "clock", "device")},
                "engine": "fastest" if side.startswith("cladenet-fastest") else "auto",
            }
            try:
                sides[side] = stack.enter_context(Apart([str(SIDE), json.dumps(case)]))
                refuse_another(side, sides[side].facts["difference"])
            except BadArgument as error:
                sides.pop(side, None)
                found[side] = {"failed": str(error)}
                print(f"{network}, batch {batch}, {side}: {error}", flush=True)
        if PLAIN not in sides:
            raise SystemExit("without the plain network there is nothing to compare with")
        seconds = paired(sides, options.rounds)
        for side, taken in seconds.items():
            peak = limits.peak(side.partition(" ")[2])
            plain = seconds[PLAIN]
            row = row_of(source.network, batch, side, taken, plain, peak, sides[side]).to_json()
            found[side] = {key: row[key] for key in row if key not in ("network", "batch", "form")}
            print(
                f"{network}, batch {batch}, {side}: {row['ms']['median']} ms, "
                f"{row['images_s']} images/s, {row['times']['median']} times, "
                f"{100 * row['share']:.0f} % of the peak, {row['peak_mib']} MiB",
                flush=True,
            )
    return found


def ordered(sides: dict[str, Any]) -> dict[str, Any]:
    """As `SIDES` has them, whenever each was measured."""
    return {side: sides[side] for group in SIDES.values() for side in group if side in sides}


def refuse_another(side: str, difference: float) -> None:
    """A side whose logits are not the network's is not timed."""
    if not difference <= ALIKE[side.partition(" ")[2]]:
        raise BadArgument(f"its logits differ by {difference:.1e} of the largest: not timed")


if __name__ == "__main__":
    main()
