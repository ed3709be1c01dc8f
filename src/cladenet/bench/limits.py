"""What this machine can do at the most: arithmetic, memory, JPEG decoding.

Arithmetic is measured on what networks are made of, a matrix product and a 3x3 convolution in
channels-last layout, both large enough that nothing else counts; the better one is the peak. A
multiply-accumulate is two operations, so a network that did nothing else would take
2 x MACs / peak seconds an image. A precision that the processor has no instructions for is left
out: in bfloat16 one of these products could take minutes.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cladenet import processor
from cladenet.bench.paired import repeated

SIZE = 2048  # of the matrices: 17 billion operations, 50 MB in float32
ENOUGH = 3.0  # seconds for one figure, after which no further visit begins
COPY = 256 * 2**20  # bytes, beyond every cache
JPEG_SIDE = (500, 375)  # pixels, what photographs of ImageNet are like


class Limits(NamedTuple):
    """Of one device and number of threads.

    Args:
        device: "cpu", or a GPU's name.
        threads: of torch.
        gemm: billions of operations a second by "fp32", "int8" and, where the device has it,
            "bf16" of a matrix product.
        conv: the same of a convolution; no "int8", for which torch has no plain call.
        copy_gb_s: GB a second that a copy reads and writes together.
        jpegs_s: photographs of 500x375 a second, decoded in as many threads; 0 on a GPU.
    """

    device: str
    threads: int
    gemm: dict[str, float]
    conv: dict[str, float]
    copy_gb_s: float
    jpegs_s: float

    def peak(self, precision: str) -> float:
        """Billions of operations a second that networks of a precision could reach."""
        return max(self.gemm.get(precision, 0.0), self.conv.get(precision, 0.0))


def measure_limits(device: str = "cpu", visits: int = 5) -> Limits:
    """Some seconds of work; each figure is the best of `visits`, or of those that time allows."""
    place = torch.device(device)
    lacks = () if processor.has_bf16(place.type) else ("bf16",)

    def best(call: Callable[[], Any]) -> float:
        measure = repeated(waiting(call, place), visit=0.1)
        end = time.perf_counter() + ENOUGH
        found = measure()
        for _ in range(visits - 1):
            if time.perf_counter() < end:
                found = min(found, measure())
        return found

    with torch.inference_mode():
        gemm = {
            name: 2e-9 * SIZE**3 / best(product(name, place)) for name in GEMMS if name not in lacks
        }
        conv = {
            name: 2e-9 * 32 * 28 * 28 * 256 * 256 * 9 / best(convolution(kind, place))
            for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16))
            if name not in lacks
        }
        source = torch.ones(COPY, dtype=torch.uint8, device=place)
        target = torch.empty_like(source)
        copy = best(lambda: target.copy_(source))
    on_cpu = place.type == "cpu"
    return Limits(
        "cpu" if on_cpu else torch.cuda.get_device_name(place),
        torch.get_num_threads(),
        {name: round(value, 1) for name, value in gemm.items()},
        {name: round(value, 1) for name, value in conv.items()},
        round(2e-9 * COPY / copy, 1),
        round(jpegs_a_second(best)) if on_cpu else 0.0,
    )


def waiting(call: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
    """The same call, which on a GPU returns when its result is there."""
    if device.type != "cuda":
        return call

    def done() -> None:
        call()
        torch.cuda.synchronize(device)

    return done


def packed_linear(a: Tensor, b: Tensor) -> Callable[[], Tensor]:
    """Float32 by oneDNN where this torch has its packed form: MKL is slower on some processors."""
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(b, len(a))
        plain = torch.ops.mkldnn._linear_pointwise
        plain(a, packed, None, "none", [], "")
    except (AttributeError, RuntimeError):
        return lambda: F.linear(a, b)
    return lambda: plain(a, packed, None, "none", [], "")


def product(precision: str, device: torch.device) -> Callable[[], Tensor]:
    """One product of two square matrices."""
    return GEMMS[precision](torch.randn(SIZE, SIZE, device=device))


def _fp32(a: Tensor) -> Callable[[], Tensor]:
    return packed_linear(a, a.clone()) if a.device.type == "cpu" else lambda: a @ a


def _bf16(a: Tensor) -> Callable[[], Tensor]:
    half = a.bfloat16()
    return lambda: half @ half


def _int8(a: Tensor) -> Callable[[], Tensor]:
    """By oneDNN on a processor: torch's own product is a plain loop where VNNI is missing."""
    whole = (10 * a).to(torch.int8)
    if a.device.type != "cpu":
        return lambda: torch._int_mm(whole, whole)
    try:
        weights = torch.ops.onednn.qlinear_prepack(whole, list(a.shape))
        run = torch.ops.onednn.qlinear_pointwise
    except (AttributeError, RuntimeError):  # another kind of processor
        return lambda: torch._int_mm(whole, whole)
    scales, zeros = torch.ones(len(a)), torch.zeros(len(a), dtype=torch.int32)
    rows, to = whole.to(torch.uint8), (1.0, 0, torch.uint8)
    return lambda: run(rows, 1.0, 0, weights, scales, zeros, None, *to, "none", [], "")


GEMMS: dict[str, Callable[[Tensor], Callable[[], Tensor]]] = {
    "fp32": _fp32,
    "bf16": _bf16,
    "int8": _int8,
}


def convolution(kind: torch.dtype, device: torch.device) -> Callable[[], Tensor]:
    """A 3x3 convolution of 256 channels on 32 feature maps of 28x28."""
    maps = torch.randn(32, 256, 28, 28, device=device, dtype=kind)
    weight = torch.randn(256, 256, 3, 3, device=device, dtype=kind)
    maps = maps.contiguous(memory_format=torch.channels_last)
    weight = weight.contiguous(memory_format=torch.channels_last)
    return lambda: F.conv2d(maps, weight, padding=1)


def jpegs_a_second(best: Callable[[Callable[[], Any]], float]) -> float:
    """Decoded to pixels by Pillow, which lets other threads work meanwhile."""
    from cladenet.data.images.decode import decode

    content = photograph()
    threads = torch.get_num_threads()
    jobs = [content] * (8 * threads)
    with ThreadPoolExecutor(threads) as pool:
        return len(jobs) / best(lambda: list(pool.map(lambda job: decode(job, 3), jobs)))


def photograph() -> bytes:
    """A JPEG with the detail of a photograph: coarse structure and a little grain, quality 90."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    width, height = JPEG_SIDE
    coarse = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = random.normal(0, 6, smooth.shape)
    stream = BytesIO()
    pixels = (smooth + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=90)
    return stream.getvalue()
