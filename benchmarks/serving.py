"""`cladenet serve` beside its own ceiling and beside litserve, in one run, with real photographs.

    python benchmarks/serving.py                            resnet18 and mobilenet_v3_large
    python benchmarks/serving.py --networks resnet18 --rounds 3

The ceiling is the same network, prepared by the same code, in one process without HTTP: one thread
a core, each decodes, prepares and computes 8 images at a time. The client has a process of its own
and shares the cores, so its processor time is printed, too. On a machine where others work at the
same time, processor time tells more than the clock: both shares are printed, of the round in which
a side was disturbed least.

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
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import torch

import machine
from cladenet.serve.models.opening import ServeOptions, opened
from cladenet.serve.models.served import Served
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


def ceiling(network: Served, bodies: list[bytes], seconds: float) -> dict[str, Any]:
    """Images a second in this process, and milliseconds of processor time an image."""
    lanes = len(os.sched_getaffinity(0))
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
    rate = sum(counts) / (time.perf_counter() - start)
    return {"per_second": round(rate, 1), "cpu_ms": round(1000 * cpu / max(1, sum(counts)), 2)}


def asked(
    process: psutil.Process,
    port: int,
    given: tuple[list[str], str],
    seconds: float,
    connections: int,
) -> dict[str, Any]:
    """What a client saw that asks with these files, of that type."""
    files, kind = given
    words = [str(port), "/predict", str(seconds), str(connections), kind, *files]
    before = spent(process)
    script = [sys.executable, str(HERE / "load_client.py"), *words]
    found = json.loads(subprocess.check_output(script))
    ordered = sorted(found["milliseconds"]) or [float("inf")]
    count = found["answers"] + found["late"]
    return {
        "per_second": round(found["answers"] / found["seconds"], 1),
        "cpu_ms": round(1000 * (spent(process) - before) / count, 2),
        "client_cpu_ms": round(1000 * found["client_cpu_seconds"] / count, 2),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
        "statuses": found["statuses"],
    }


def sides(run: Path, port: int) -> dict[str, tuple[list[str], int, str]]:
    """Servers by name: how each is started, its port, and where it says that it is ready."""
    serve = [sys.executable, "-m", "cladenet", "serve", str(run), "--port", str(port)]
    found = {"cladenet": (serve, port, "/ready")}
    if find_spec("litserve"):
        for number, how in enumerate(("plain", "packed"), 1):
            script = str(HERE / "others" / "litserve_side.py")
            words = [sys.executable, script, str(run), str(port + number), how]
            found[f"litserve_{how}"] = (words, port + number, "/health")
    return found


def rounds(
    run: Path, files: list[str], texts: list[str], options: argparse.Namespace
) -> dict[str, list[dict[str, Any]]]:
    """All sides in turn, again and again: what disturbs one disturbs the others, too."""
    bodies = [Path(file).read_bytes() for file in files]
    network = opened("ceiling", run, ServeOptions())
    found: dict[str, list[dict[str, Any]]] = {"ceiling": []}
    with ExitStack() as stack:
        started = {
            name: (stack.enter_context(Process(words, port, path)), port)
            for name, (words, port, path) in sides(run, options.port).items()
        }
        for _ in range(options.rounds):
            found["ceiling"].append(ceiling(network, bodies, options.seconds))
            for name, (process, port) in started.items():
                given = files, "image/jpeg"
                if name.startswith("litserve"):
                    given = texts, "application/json"
                row = asked(process, port, given, options.seconds, CONNECTIONS)
                found.setdefault(name, []).append(row)
            process, port = started["cladenet"]
            row = asked(process, port, (files, "image/jpeg"), options.seconds / 2, 1)
            found.setdefault("cladenet, one connection", []).append(row)
    return found


def best(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The round in which a side was least disturbed: the one with most answers."""
    return max(rows, key=lambda row: float(row["per_second"]))


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
    parser.add_argument("--seconds", type=float, default=3.0, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--port", type=int, default=18_231)
    options = parser.parse_args()
    data = os.environ.get("CLADENET_TEST_DATA")
    if not data:
        raise SystemExit("CLADENET_TEST_DATA is not set: there are no photographs")
    photographs = list(islice(sorted(Path(data, "hymenoptera", "val").rglob("*.jpg")), 64))
    files = [str(photograph) for photograph in photographs]
    results = json.loads(RESULTS.read_text())["networks"] if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = in_json(photographs, folder)
        for network in options.networks:
            about = machine.announced(batch=BATCH, connections=CONNECTIONS)
            found = rounds(save(folder, network), files, texts, options)
            chosen = {side: best(rows) for side, rows in found.items()}
            ours, most = chosen["cladenet"], chosen["ceiling"]
            cpu = [min(row["cpu_ms"] for row in found[side]) for side in ("ceiling", "cladenet")]
            shares = {
                "share_of_ceiling": round(ours["per_second"] / most["per_second"], 3),
                "share_of_ceiling_by_cpu": round(cpu[0] / (cpu[1] + ours["client_cpu_ms"]), 3),
            }
            results[network] = {"machine": about, **shares, "best": chosen, "rounds": found}
            for side, row in {**chosen, network: shares}.items():
                print(side, json.dumps(row), flush=True)
    RESULTS.write_text(json.dumps({"networks": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
