"""What the processor can do: the one place that knows, and that everybody asks.

torch is asked, and not the list of the processor's features, since ATEN_CPU_CAPABILITY and
ONEDNN_MAX_CPU_ISA can keep torch from using what is there.
"""

import os
import platform
import time
from collections.abc import Callable
from functools import cache, partial
from math import inf
from typing import Any, NamedTuple

from cladenet.errors import BadArgument
from cladenet.threads import our_share

INT8_SUM = 64 * 255 * 127  # of 64 products, each of the largest numbers that there are
PRODUCT, TURNS = 512, 6  # rows and columns of what is multiplied to see how fast, and how often
FAST_ENOUGH = 0.65  # of oneDNN's speed
NARROW = (4096, 144, 24)  # pixels of MobileNetV2, and their channels before and after
NARROW_ENOUGH = 0.8  # of oneDNN's speed


class Processor(NamedTuple):
    """What torch can use of it.

    Args:
        name: its maker's.
        vectors: the widest that torch's own kernels use: "AVX512", "AVX2" or what torch says.
        bf16: products in bfloat16 are computed by oneDNN. Without, torch falls back on loops that
            take ten times as long as float32.
        vnni: sums of 8-bit products are exact (VNNI, or what else is called so). Without, pairs of
            uint8 x int8 are added in 16 bits first, where they can saturate: see `sums_of_8_bits`.
        amx: products of whole tiles.
    """

    name: str
    vectors: str
    bf16: bool
    vnni: bool
    amx: bool


@cache
def abilities() -> Processor:
    """Of this machine's processor; it imports torch.

    Call it as `processor.abilities()`, so that whoever takes its place is asked everywhere.
    """
    import torch

    return Processor(
        processor_name(),
        torch.backends.cpu.get_cpu_capability(),
        _answer(torch.ops.mkldnn, "_is_mkldnn_bf16_supported"),
        _sums_are_exact(),
        _answer(torch.cpu, "_is_amx_tile_supported") and _may_use_amx(),
    )


def has_bf16(device: str) -> bool:
    """Is bfloat16 worth a thought on that kind of device, "cpu" or another?"""
    return device != "cpu" or abilities().bf16


def has_fast_products() -> bool:
    """Are matrix products in float32 about as fast as oneDNN's convolutions, or faster?

    They are MKL's, which keeps to AVX2 on processors of other makers than its own: with AVX-512, an
    AMD EPYC computes them at half of oneDNN's speed.
    """
    import torch

    return torch.backends.mkl.is_available() and products_against_onednn() >= FAST_ENOUGH


def has_slow_products() -> bool:
    """Are they so much slower than oneDNN's that it is worth going to oneDNN for them?"""
    return products_against_onednn() < FAST_ENOUGH


@cache
def products_against_onednn() -> float:
    """How many times as fast as oneDNN's products torch's are in float32, as they are now.

    Measured in some 20 ms, on one thread and in its processor time, so that a loaded machine comes
    to the same answer: 0.5 on an AMD EPYC with AVX-512, 0.9 on the same kept to AVX2. Infinite
    without oneDNN.
    """
    return _against_onednn(PRODUCT, PRODUCT, PRODUCT)


def has_slow_narrow_products() -> bool:
    """Where few channels meet many pixels, is it worth going to oneDNN for matrix products?"""
    return narrow_products_against_onednn() < NARROW_ENOUGH


@cache
def narrow_products_against_onednn() -> float:
    """The same of products with few channels: 0.6 on an AMD EPYC kept to AVX2."""
    return _against_onednn(*NARROW)


def _against_onednn(count: int, channels: int, made: int) -> float:
    """How many times as fast as oneDNN's product of rows and weights torch's is, in float32."""
    import torch
    from torch.nn import functional as F

    rows = torch.ones(count, channels, dtype=torch.float32, device="cpu")
    weight = torch.ones(made, channels, dtype=torch.float32, device="cpu")
    try:
        onednns = partial(torch.ops.mkldnn._linear_pointwise, rows, weight, None, "none", [], "")
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            onednn, torchs = _shortest(onednns, partial(F.linear, rows, weight))
    except (AttributeError, RuntimeError):
        return inf
    return onednn / torchs


def refuse_bf16(device: str, instead: str) -> None:
    """Refuse to compute in bfloat16 where that takes many times as long as float32.

    Args:
        device: "cpu", or another kind, which is not looked at.
        instead: what to do.

    Raises:
        BadArgument: the processor has no bfloat16; in two lines.
    """
    if not has_bf16(device):
        found = abilities()
        raise BadArgument(
            f"precision is bf16, but {found.name} ({found.vectors}) has no instructions for it "
            f"that torch could use: it would take some ten times as long as fp32\n{instead}"
        )


def processor_name() -> str:
    """As the system has it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model n"):
                    return line.partition(":")[2].strip()
        return platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """All that is known of the processor and our share of it, as plain values."""
    share, found = our_share(), abilities()._asdict()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {
        "processor": found.pop("name"),
        **found,
        "fast_products": has_fast_products(),
        "cpus": share.machine,
        "our_cpus": share.cpus,
        "our_cores": share.cores,
        "limited_by": share.limit,
        "load": round(load, 2),
    }


def _answer(place: Any, name: str) -> bool:
    """Of a question that this torch may not know: then it is no."""
    try:
        return bool(getattr(place, name)())
    except (AttributeError, RuntimeError):
        return False


def _shortest(*calls: Callable[[], object]) -> list[float]:
    """Seconds of each on one thread, the least of some that take turns; the first warms up."""
    import torch

    clock = time.perf_counter if os.name == "nt" else time.thread_time  # there it counts by 16 ms

    shortest = [inf] * len(calls)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for turn in range(TURNS):
            for number, call in enumerate(calls):
                start = clock()
                call()
                taken = clock() - start
                if turn and taken < shortest[number]:
                    shortest[number] = taken
    finally:
        torch.set_num_threads(threads)
    return shortest


def _sums_are_exact() -> bool:
    """64 products of 255 x 127 in oneDNN: they give 1,048,544 where pairs saturate."""
    import torch

    try:
        operators = torch.ops.onednn
        one, zero = torch.ones(1), torch.zeros(1, dtype=torch.int32)
        weights = operators.qlinear_prepack(torch.full((1, 64), 127, dtype=torch.int8), [1, 64])
        images = torch.full((1, 64), 255, dtype=torch.uint8)
        found = operators.qlinear_pointwise(
            images, 1.0, 0, weights, one, zero, None, 1.0, 0, torch.float32, "none", [], ""
        )
    except (AttributeError, RuntimeError):  # no oneDNN: nothing will be computed by it
        return False
    return int(found.item()) == INT8_SUM


def _may_use_amx() -> bool:
    """oneDNN's limit, which it takes from either variable, is none or has these instructions."""
    names = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
    limit = next((os.environ[name] for name in names if name in os.environ), "DEFAULT").upper()
    return limit in ("ALL", "DEFAULT") or "AMX" in limit
