"""Images shared out among torch's threads, each of which takes its own through all steps.

Threads that compute each step together wait for each other at its end, in an MSDNet 135 times. Who
has lost its processor to a neighbour is waited for, each time, for as long as the system lets the
neighbour run. Threads that have images of their own wait once.
"""

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch

T = TypeVar("T")
# Images of a thread: what a step costs whatever their number, each thread then pays for itself, and
# handing over takes 0.1 to 0.4 ms.
FEWEST = 16
# Of images whose maps hold so many numbers steps take long, and what each thread pays is little. On
# two threads of an AMD EPYC that had other work, too, 8 images of ResNet-50 in tiles took 5 % less
# time so in one run and 25 % in another with more of it, MobileNetV3 large 16 and ViT-B/16 7 %.
LARGE, FEWEST_LARGE = 2**22, 4
_BODY = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_LIBRARIES = {"darwin": "libtorch_cpu.dylib", "win32": "torch_cpu.dll"}


def shares(images: int, numbers: int = 0) -> int:
    """Among how many threads so many images are shared out; 1: all threads compute each step.

    Args:
        images: of a chunk.
        numbers: in all maps of an image.
    """
    threads = torch.get_num_threads()
    even = numbers >= LARGE and images % threads == 0
    fewest = threads * (FEWEST_LARGE if even else FEWEST)
    return threads if images >= fewest and _parallel_for() is not None else 1


def side_by_side(pieces: Sequence[Callable[[], T]]) -> list[T]:
    """What each piece gives, under `torch.inference_mode`: as many at a time as torch has threads.

    What a piece asks of torch is computed by its own thread alone.

    Raises:
        BaseException: what the first of them raises that fails, once all are done.
    """
    found: list[Any] = [None] * len(pieces)
    failed: dict[int, BaseException] = {}

    def body(begin: int, end: int, _: int) -> None:
        for number in range(begin, end):
            try:
                with torch.inference_mode():
                    found[number] = pieces[number]()
            except BaseException as error:  # which ctypes would drop
                failed[number] = error

    _parallel_for()(0, len(pieces), 1, _BODY(body), None)
    if failed:
        raise failed[min(failed)]
    return found


def on_threads(count: int, function: Callable[..., T], *args: Any) -> T:
    """What the function gives on so many of torch's threads; then they are as many as before."""
    before = torch.get_num_threads()
    if before == count:
        return function(*args)
    torch.set_num_threads(count)
    try:
        return function(*args)
    finally:
        torch.set_num_threads(before)


@cache
def _parallel_for() -> Any:
    """`at::parallel_for` of torch's C interface; None where its library lies elsewhere.

    These are the threads of torch's own steps, so no others compete with them, and steps that begin
    on one of them stay there.
    """
    library = Path(torch.__file__).parent / "lib" / _LIBRARIES.get(sys.platform, "libtorch_cpu.so")
    try:
        function = ctypes.CDLL(str(library)).torch_parallel_for
    except (OSError, AttributeError):
        return None
    function.argtypes = [*[ctypes.c_int64] * 3, _BODY, ctypes.c_void_p]
    function.restype = ctypes.c_int32
    return function
