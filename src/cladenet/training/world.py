"""One process or many: torchrun starts them, `torch.distributed` connects them.

All that the rest of the library knows of it is this class. With one process every method is free.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.distributed import PrefixStore, rendezvous  # type: ignore[attr-defined]

from cladenet.errors import BadArgument, CladeNetError, Interrupted

# A rank that hangs stops the others after this long; a cache that is built takes less.
COLLECTIVE_TIMEOUT = timedelta(minutes=15)


@dataclass(frozen=True)
class World:
    """This process among all that train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """The first process alone writes files and prints."""
        return self.rank == 0

    def agree(self, code: int) -> int:
        """The largest code of all processes, so that they stop at the same step for one reason."""
        if self.size == 1:
            return code
        shared = torch.tensor([code], device=self.device)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return int(shared.item())

    def total(self, values: Tensor) -> Tensor:
        """Sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def share_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's running statistics, so that all evaluate one model."""
        if self.size > 1:
            for buffer in model.buffers():
                distributed.broadcast(buffer, 0)


@contextmanager
def together(world: World) -> Iterator[None]:
    """What fails in one process ends all of them here, with one message and one exit status.

    Every process has to come through the block; inside it none may wait for another.
    """
    failure: CladeNetError | Interrupted | None = None
    try:
        yield
    except (CladeNetError, Interrupted) as error:
        failure = error
    status = world.agree(failure.exit_status if failure else 0)
    if failure is not None:
        raise failure
    if status:
        raise stopped_elsewhere(status)


def stopped_elsewhere(status: int) -> CladeNetError:
    """The silent end of a process whose neighbour has met an error and says which."""
    error = CladeNetError("")
    error.exit_status = status
    return error


def choose_device(wanted: str) -> torch.device:
    """`auto` is this process's GPU, else the CPU.

    Raises:
        BadArgument: the device is unknown or absent.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise BadArgument(f"device is {wanted!r}; expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise BadArgument("device is cuda, but torch sees no GPU here; use device=cpu")
        index = device.index if device.index is not None else int(os.environ.get("LOCAL_RANK", "0"))
        return torch.device("cuda", index)
    return device


@contextmanager
def open_world(device: str = "auto") -> Iterator[World]:
    """Join the processes that torchrun started, or be alone.

    Raises:
        BadArgument: the device is unknown or absent.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device)
    if size == 1:
        yield World(device=chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    # After a restart torchrun's workers meet in the store of the attempt before, where a dead
    # rank's address still stands: whoever comes first would call it. Hence a prefix an attempt.
    store, rank, _ = next(rendezvous("env://"))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    distributed.init_process_group(
        "nccl" if chosen.type == "cuda" else "gloo",
        store=PrefixStore(f"attempt-{attempt}", store),
        rank=rank,
        world_size=size,
        timeout=COLLECTIVE_TIMEOUT,
    )
    try:
        yield World(rank, size, chosen)
    finally:
        distributed.destroy_process_group()
