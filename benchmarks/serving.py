"""`cladenet serve` beside its own ceiling and beside litserve, in one run, with real photographs.

    python benchmarks/serving.py                            resnet18 and mobilenet_v3_large
    python benchmarks/serving.py --networks resnet18 --seconds 20

The ceiling is the same network, prepared by the same code, in one process without HTTP: one thread
a core, each decodes, prepares and computes 8 images at a time. The client has a process of its own
and shares the cores, so its processor time is printed, too. On a machine where others work at the
same time, processor time tells more than the clock: both shares are printed.

litserve (if it is installed) has the same weights, batches of 8, torch on all cores, and JSON with
base64, as its examples have it; once with the plain network and once with ours. What is printed
goes to results/serving.json.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

import machine
from serving_server import Process, spent

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "serving.json"
CONNECTIONS = 32
BATCH = 8


def save(folder: Path, network: str) -> Path:
    """A run of an untrained network for ImageNet, as training would leave it."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
    from cladenet.registry import create_model
    from saved_run import write_checkpoint

    preprocess = Preprocess(224, 224, 3, "crop", IMAGENET_MEAN, IMAGENET_STD, resize=256)
    classes = tuple(f"class {number}" for number in range(1000))
    return write_checkpoint(
        folder / network, network, create_model(network).eval(), classes, preprocess
    )


def ceiling(run: Path, bodies: list[bytes], seconds: float, lanes: int) -> tuple[float, float]:
    """Images a second in this process, and milliseconds of processor time an image."""
    import torch

    from cladenet.serve.models.opening import ServeOptions, opened

    network = opened("ceiling", run, ServeOptions())
    counts = [0] * lanes
    stop = time.perf_counter() + seconds

    def work(lane: int) -> None:
        torch.set_num_threads(1)
        turn = lane
        while time.perf_counter() < stop:
            images = [network.prepare(bodies[(turn + k) % len(bodies)]) for k in range(BATCH)]
            network.answer(images)
            counts[lane] += BATCH
            turn += BATCH

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(lanes)]
    start, before = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = time.process_time() - before
    return sum(counts) / (time.perf_counter() - start), 1000 * cpu / sum(counts)


def asked(
    process: psutil.Process, port: int, path: str, files: list[str], seconds: float,
    connections: int = CONNECTIONS, kind: str = "image/jpeg",
) -> dict[str, Any]:  # fmt: skip
    """What a client saw, after a moment of warming up."""

    def run(length: float) -> dict[str, Any]:
        words = [str(port), path, str(length), str(connections), kind, *files]
        script = [sys.executable, str(HERE / "load_client.py"), *words]
        return dict(json.loads(subprocess.check_output(script)))

    run(1.5)
    before = spent(process)
    found = run(seconds)
    ordered = sorted(found["milliseconds"]) or [float("inf")]
    count = max(1, found["answers"])
    return {
        "connections": connections,
        "answers_per_second": round(found["answers"] / found["seconds"], 1),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
        "statuses": found["statuses"],
        "server_cpu_ms": round(1000 * (spent(process) - before) / count, 2),
        "client_cpu_ms": round(1000 * found["client_cpu_seconds"] / count, 2),
    }


def ours(run: Path, files: list[str], seconds: float, port: int) -> list[dict[str, Any]]:
    words = [sys.executable, "-m", "cladenet", "serve", str(run), "--port", str(port)]
    with Process(words, port, "/ready") as process:
        return [
            asked(process, port, "/predict", files, seconds),
            asked(process, port, "/predict", files, seconds / 2, 1),
        ]


def litserve(run: Path, files: list[str], seconds: float, port: int, how: str) -> dict[str, Any]:
    words = [sys.executable, str(HERE / "others" / "litserve_side.py"), str(run), str(port), how]
    with Process(words, port, "/health") as process:
        return asked(process, port, "/predict", files, seconds, kind="application/json")


def in_json(files: list[Path], folder: Path) -> list[str]:
    """The photographs as litserve's examples send them."""
    found = []
    for number, file in enumerate(files):
        target = folder / f"{number}.json"
        text = base64.b64encode(file.read_bytes()).decode()
        target.write_text(json.dumps({"image_data": text}))
        found.append(str(target))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=["resnet18", "mobilenet_v3_large"])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--port", type=int, default=18_231)
    arguments = parser.parse_args()
    data = os.environ.get("CLADENET_TEST_DATA")
    if not data:
        raise SystemExit("CLADENET_TEST_DATA is not set: there are no photographs")
    lanes = len(os.sched_getaffinity(0))
    about = machine.announced(batch=BATCH)
    photographs = list(islice(sorted(Path(data, "hymenoptera", "val").rglob("*.jpg")), 64))
    bodies = [photograph.read_bytes() for photograph in photographs]
    files = [str(photograph) for photograph in photographs]
    results = json.loads(RESULTS.read_text())["networks"] if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = in_json(photographs, folder)
        for network in arguments.networks:
            run = save(folder, network)
            first = ceiling(run, bodies, arguments.seconds / 2, lanes)
            busy, alone = ours(run, files, arguments.seconds, arguments.port)
            row: dict[str, Any] = {"one_connection": alone, "cladenet": busy}
            if find_spec("litserve"):
                for number, how in enumerate(("plain", "packed"), 1):
                    row[f"litserve_{how}"] = litserve(
                        run, texts, arguments.seconds, arguments.port + number, how
                    )
            again = ceiling(run, bodies, arguments.seconds / 2, lanes)
            row["ceiling_per_second"] = [round(first[0], 1), round(again[0], 1)]
            row["ceiling_cpu_ms"] = [round(first[1], 2), round(again[1], 2)]
            share = busy["answers_per_second"] / ((first[0] + again[0]) / 2)
            row["share_of_ceiling"] = round(share, 3)
            cpu = (first[1] + again[1]) / 2 / (busy["server_cpu_ms"] + busy["client_cpu_ms"])
            row["share_of_ceiling_by_cpu"] = round(cpu, 3)
            results[network] = {"machine": about, **row}
            print(network, json.dumps(row, indent=1), flush=True)
    RESULTS.write_text(json.dumps({"networks": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
