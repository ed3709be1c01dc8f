"""`cladenet bench`: how fast networks and data are here, and how far from what the machine can."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cladenet.cli.text.tables import columns, fit
from cladenet.errors import BadArgument, StorageError
from cladenet.plural import counted
from cladenet.translations import show

if TYPE_CHECKING:
    from cladenet.bench.inference import Compared, Row
    from cladenet.bench.limits import Limits

NETWORKS = ("resnet50", "mobilenet_v3_large", "vit_b_16")
TRAINED = ("resnet20_cifar",)
HEADINGS = ("network", "batch", "form", "ms", "images/s", "times", "of peak", "MiB", "engine")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """WHAT [NAME ...]."""
    parser.add_argument(
        "what",
        choices=("inference", "training", "input", "limits"),
        help="networks that answer; that train; a data set that becomes batches; the machine",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks of `cladenet models`")
    parser.add_argument(
        "--batch", default="", metavar="N[,N]", help="images per call (1,32), or per step"
    )
    parser.add_argument(
        "--precision", metavar="P[,P]", default="fp32,bf16,int8", help="precisions of the fast path"
    )
    parser.add_argument(
        "--engine", metavar="NAME", default="auto", help="engine of the fast path (default: auto)"
    )
    parser.add_argument("--data", help="for `input`: digits, NAME:ROOT, a folder, or a CSV file")
    parser.add_argument(
        "--workers", metavar="N", type=int, default=2, help="data workers, for `input`"
    )
    parser.add_argument(
        "--rounds", metavar="N", type=int, default=5, help="rounds of each side (default: 5)"
    )
    parser.add_argument(
        "--threads", metavar="N", type=int, default=0, help="threads of torch (default: its choice)"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: for machines on which other work runs",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures; - prints them instead")


def run(arguments: argparse.Namespace) -> int:
    """Print a table, or JSON.

    Raises:
        BadArgument: names where none belong, no data where some does, or no such device.
    """
    if arguments.what in ("input", "limits") and arguments.names:
        raise BadArgument(f"`cladenet bench {arguments.what}` takes no network")
    if (arguments.what == "input") != (arguments.data is not None):
        raise BadArgument("--data DATA belongs to `cladenet bench input`, which needs it")
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise BadArgument("device is cuda, but torch sees no GPU here; use --device cpu")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    figures, text = _input(arguments) if arguments.what == "input" else _measured(arguments)
    if arguments.json != "-":
        show(fit(text))
    if arguments.json is not None:
        _write(json.dumps(figures, indent=2) + "\n", arguments.json)
    return 0


def _measured(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from cladenet.bench.limits import measure_limits

    show("the machine's limits", file=sys.stderr)
    limits = measure_limits(arguments.device)
    figures: dict[str, Any] = {"limits": limits._asdict(), "rows": []}
    if arguments.what == "limits":
        return figures, limits_text(limits)
    rows: list[Row] = []
    for compared in _groups(arguments, limits):
        first = compared.rows[0]
        show(f"{first.network}, batch {first.batch}", file=sys.stderr)
        for form, reason in compared.refused.items():
            show(f"{first.network} in {form} is not measured: {reason}", file=sys.stderr)
        rows += compared.rows
    figures["rows"] = [row.to_json() for row in rows]
    table = columns(HEADINGS, [row_text(row) for row in rows], right="lrlrrrrrl")
    return figures, f"{limits_text(limits)}\n\n{table}"


def _groups(arguments: argparse.Namespace, limits: "Limits") -> Iterable["Compared"]:
    from cladenet.bench.inference import inference_speed
    from cladenet.bench.training import training_speed

    settings = {name: getattr(arguments, name) for name in ("device", "threads", "clock", "rounds")}
    batches = whole_numbers(arguments.batch, "--batch")
    if arguments.what == "training":
        if len(batches) > 1:
            raise BadArgument(f"--batch is {arguments.batch}; training takes one size")
        return training_speed(
            arguments.names or TRAINED, *(batches or [64]), limits=limits, **settings
        )
    return inference_speed(
        arguments.names or NETWORKS,
        batches or (1, 32),
        arguments.precision.split(","),
        limits=limits,
        engine=arguments.engine,
        **settings,
    )


def _input(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from cladenet.bench.input import input_speed

    rows = input_speed(arguments.data, workers=arguments.workers, rounds=arguments.rounds)
    texts = [
        (
            row.way,
            f"{row.images_s.median:,.0f}",
            f"{row.images_s.low:,.0f}-{row.images_s.high:,.0f}",
        )
        for row in rows
    ]
    table = columns(("way", "images/s", "quartiles"), texts, right="lrr")
    return {"data": arguments.data, "rows": [row.to_json() for row in rows]}, table


def whole_numbers(text: str, option: str) -> list[int]:
    """ "1,32" -> [1, 32].

    Raises:
        BadArgument: a part is no number of 1 or more.
    """
    parts = text.split(",") if text else []
    if not all(part.isdecimal() and int(part) for part in parts):
        raise BadArgument(f"{option} is {text}; expected numbers such as 1,32")
    return [int(part) for part in parts]


def limits_text(limits: "Limits") -> str:
    """What the machine can, in a few lines."""
    kinds = [
        f"{kind} {limits.peak(kind):,.0f} ({value:,.0f} GEMM)"
        for kind, value in limits.gemm.items()
    ]
    jpegs = f", {limits.jpegs_s:,.0f} photographs decoded/s" if limits.jpegs_s else ""
    return (
        f"{limits.device}, {counted(limits.threads, 'thread')}: {', '.join(kinds)} "
        "billion operations/s, "
        f"memory copied at {limits.copy_gb_s:.0f} GB/s{jpegs}"
    )


def row_text(row: "Row") -> tuple[str, ...]:
    """One line of the table, a text for each of `HEADINGS`."""
    share = "" if row.share is None else f"{100 * row.share:.0f} %"
    return (
        row.network,
        str(row.batch),
        row.form,
        f"{row.ms.median:.2f}",
        f"{row.images_s:,.1f}",
        f"{row.times.median:.2f}",
        share,
        f"{row.peak_mib:,.0f}",
        row.facts.get("engine", ""),
    )


def _write(text: str, where: str) -> None:
    if where == "-":
        print(text, end="")
        return
    try:
        Path(where).write_text(text)
    except OSError as error:
        raise StorageError(f"--json {where} cannot be written: {error.strerror}") from error
