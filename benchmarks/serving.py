"""`cladenet serve` beside its own ceiling and beside litserve, in one run, with real photographs.

    python benchmarks/serving.py                            resnet18 and mobilenet_v3_large
    python benchmarks/serving.py --networks resnet18 --rounds 3 --alone

The ceiling is the same network, prepared by the same code, in one process without HTTP: one thread
a core, each decodes, prepares and computes 8 images at a time; and once more with a process a core.
The server runs as it is by default, and with `--workers 0`, where threads compute. The client has a
process of its own on the same cores: its processor time is part of what a server loses against the
ceiling, and is printed.

litserve (if it is installed) has the same weights, and all else as its guide has it, with batches
of 8 and without, with one worker process and with two; the best of these four counts. Its best form
runs twice more, with what prepares images here lent to it, and with the packed network as well.

All servers are started first, side by side. Those whose turn it is not are stopped, so that they
take nothing from the one that is measured; sides take turns of a few seconds, and what other
programs used of the cores meanwhile is printed for each turn. Of turns in which that was below 5 %
(or, where there is none, of all) the best one counts. Rows go to results/serving.json after each
round.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

import machine
from cladenet.serve.models.opening import ServeOptions, opened
from processor_time import ProcessorTime
from serving_ceiling import BATCH, CEILINGS, Row
from serving_server import Process, end_servers_when_ended

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "serving.json"
CONNECTIONS = 32
QUIET = 0.05  # of the cores, at most, that others used in a turn
LITSERVE = (  # how it prepares and computes, images of a batch, worker processes
    ("guide", 1, 1), ("guide", 1, 2), ("guide", BATCH, 1), ("guide", BATCH, 2),
    ("plain", BATCH, 2), ("packed", BATCH, 2),
)  # fmt: skip


class Side(NamedTuple):
    """A server: how it is started, and what it is sent."""

    process: Process
    port: int
    files: list[str]
    kind: str


def save(folder: Path, network: str) -> Path:
    """A run of an untrained network for ImageNet, as training would leave it."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
    from cladenet.registry import create_model
    from saved_run import write_checkpoint

    # Some random weights give logits so small that rounding rules the packed network out.
    torch.manual_seed(0)
    preprocess = Preprocess(224, 224, 3, "crop", IMAGENET_MEAN, IMAGENET_STD, resize=256)
    classes = tuple(f"class {number}" for number in range(1000))
    return write_checkpoint(
        folder / network, network, create_model(network).eval(), classes, preprocess
    )


def asked(process: psutil.Process, side: Side, seconds: float, connections: int) -> Row:
    """What a client saw that asks over so many connections."""
    words = [str(side.port), "/predict", str(seconds), str(connections), side.kind, *side.files]
    script = [sys.executable, str(HERE / "load_client.py"), *words]
    with ProcessorTime(process.pid) as used:
        found = json.loads(subprocess.check_output(script))
    cpu = used.seconds
    ordered = sorted(found["milliseconds"]) or [float("inf")]
    count = max(1, found["answers"] + found["early"] + found["late"])
    rate = found["answers"] / found["seconds"]
    return {
        "per_second": round(rate, 1),
        "cpu_ms": round(1000 * cpu / count, 2),
        "client_cpu_ms": round(1000 * found["client_cpu_seconds"] / count, 2),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
        "floor_ms": round(1000 * connections / max(rate, 1e-9), 1),  # Little's law: the mean
        "statuses": found["statuses"],
        "cpu_seconds": cpu + found["client_cpu_seconds"],
    }


def busy() -> float:
    """Seconds that all processors together have not been idle, since the machine's start."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def turn(measure: Callable[[], Row]) -> Row:
    """A row, and the share of the cores that other programs used meanwhile."""
    before, start = busy(), time.perf_counter()
    row = measure()
    seconds = (time.perf_counter() - start) * len(os.sched_getaffinity(0))
    others = (busy() - before - row.pop("cpu_seconds")) / seconds
    return {**row, "others": round(max(0.0, others), 3)}


def sides(
    run: Path, options: argparse.Namespace, files: list[str], texts: list[str]
) -> dict[str, Side]:
    """Servers by name."""
    port = options.port
    serve = [sys.executable, "-m", "cladenet", "serve", str(run), "--port", str(port)]
    found = {"cladenet": Side(Process(serve, port, "/ready"), port, files, "image/jpeg")}
    if not options.default:
        at = port + 10
        words = [*serve[:-1], str(at), "--workers", "0"]
        threads = Process(words, at, "/ready")
        found["cladenet --workers 0"] = Side(threads, at, files, "image/jpeg")
    if find_spec("litserve") and not options.alone:
        script = str(HERE / "others" / "litserve_side.py")
        for number, (how, batch, workers) in enumerate(LITSERVE, 1):
            at = port + number
            words = [sys.executable, script, str(run), str(at), how, str(batch), str(workers)]
            started = Process(words, at, "/health")
            name = f"litserve {how}, batch {batch}, workers {workers}"
            found[name] = Side(started, at, texts, "application/json")
    return found


def rounds(
    run: Path, files: list[str], texts: list[str], options: argparse.Namespace
) -> Iterator[dict[str, list[Row]]]:
    """All sides in turn, again and again: what disturbs one disturbs the others, too.

    After each round all rows so far, so that whoever stops the program keeps them.
    """
    bodies = [Path(file).read_bytes() for file in files]
    network = opened("ceiling", run, ServeOptions())
    found: dict[str, list[Row]] = {}
    with ExitStack() as stack:
        servers = sides(run, options, files, texts)
        for side in servers.values():
            side.process.begin()
            stack.callback(side.process.end)
        started = {name: (side.process.ready(), side) for name, side in servers.items()}
        for side in servers.values():
            side.process.let(run=False)
        print("all servers are ready", flush=True)
        for process, side in started.values():
            side.process.let(run=True)
            asked(process, side, 1.0, CONNECTIONS)  # what the first requests set up
            side.process.let(run=False)
        for _ in range(options.rounds):
            for name, most in CEILINGS.items():
                row = turn(lambda: most(network, bodies, options.seconds))  # noqa: B023
                found.setdefault(name, []).append(row)
            for name, (process, side) in started.items():
                side.process.let(run=True)
                row = turn(lambda: asked(process, side, options.seconds, CONNECTIONS))  # noqa: B023
                found.setdefault(name, []).append(row)
                if name == "cladenet":
                    row = turn(lambda: asked(process, side, options.seconds / 2, 1))  # noqa: B023
                    found.setdefault("cladenet, one connection", []).append(row)
                side.process.let(run=False)
            yield found


def best(rows: list[Row]) -> Row:
    """The turn with most answers, of those in which others left the machine alone."""
    quiet = [row for row in rows if row["others"] < QUIET]
    return max(quiet or rows, key=lambda row: float(row["per_second"]))


def in_json(files: list[Path], folder: Path) -> list[str]:
    """The photographs as litserve's guide sends them."""
    found = []
    for number, file in enumerate(files):
        target = folder / f"{number}.json"
        text = base64.b64encode(file.read_bytes()).decode()
        target.write_text(json.dumps({"image_data": text}))
        found.append(str(target))
    return found


def summary(found: dict[str, list[Row]]) -> tuple[dict[str, Row], Row]:
    """The turn of each side that counts, and what follows from them."""
    chosen = {side: best(rows) for side, rows in found.items()}
    ours, most = chosen["cladenet"], chosen["ceiling"]
    highest = chosen["ceiling of processes"]
    cpu = [min(row["cpu_ms"] for row in found[side]) for side in ("ceiling", "cladenet")]
    figures = {
        "share_of_ceiling": round(ours["per_second"] / most["per_second"], 3),
        "share_of_ceiling_of_processes": round(ours["per_second"] / highest["per_second"], 3),
        "share_of_ceiling_by_cpu": round(cpu[0] / (cpu[1] + ours["client_cpu_ms"]), 3),
        "p99_over_floor": round(ours["p99_ms"] / ours["floor_ms"], 2),
    }
    for how in ("guide", "plain", "packed"):
        others = [(n, row) for n, row in chosen.items() if n.startswith(f"litserve {how}")]
        if others:
            name, row = max(others, key=lambda item: float(item[1]["per_second"]))
            figures[name] = {
                "times": round(ours["per_second"] / row["per_second"], 2),
                "p99_over_floor": round(row["p99_ms"] / row["floor_ms"], 2),
            }
    return chosen, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=["resnet18", "mobilenet_v3_large"])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--alone", action="store_true", help="without litserve")
    parser.add_argument("--default", action="store_true", help="without --workers 0")
    parser.add_argument("--port", type=int, default=18_231)
    options = parser.parse_args()
    data = os.environ.get("CLADENET_TEST_DATA")
    if not data:
        raise SystemExit("CLADENET_TEST_DATA is not set: there are no photographs")
    photographs = list(islice(sorted(Path(data, "hymenoptera", "val").rglob("*.jpg")), 64))
    files = [str(photograph) for photograph in photographs]
    results = json.loads(RESULTS.read_text())["networks"] if RESULTS.exists() else {}
    end_servers_when_ended()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = in_json(photographs, folder)
        for network in options.networks:
            about = machine.announced(batch=BATCH, connections=CONNECTIONS)
            for found in rounds(save(folder, network), files, texts, options):
                chosen, figures = summary(found)
                results[network] = {"machine": about, **figures, "best": chosen, "rounds": found}
                RESULTS.write_text(json.dumps({"networks": results}, indent=1) + "\n")
            for side, row in {**chosen, network: figures}.items():
                print(side, json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
