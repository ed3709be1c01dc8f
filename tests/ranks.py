"""Several processes that share an evaluation, played by threads of this one."""

from collections.abc import Callable
from threading import Barrier, Lock, Thread

import torch
from torch import Tensor


def together(world: int, work: Callable[[int, Callable[[Tensor], None]], object]) -> list[object]:
    """Run `work` as `world` threads that sum their tensors as all_reduce does."""
    barrier, lock = Barrier(world, timeout=20), Lock()
    sent: list[Tensor] = []
    results: list[object] = [None] * world

    def reduce(values: Tensor) -> None:
        with lock:
            sent.append(values.clone())
        barrier.wait()
        values.copy_(torch.stack(sent).sum(0))
        if barrier.wait() == 0:
            sent.clear()
        barrier.wait()

    def run(rank: int) -> None:
        results[rank] = work(rank, reduce)

    threads = [Thread(target=run, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
