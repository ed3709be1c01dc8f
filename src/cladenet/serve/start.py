"""From runs and options to a server: what is checked before it listens, and made in its worker."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from starlette.applications import Starlette

from cladenet.allocator import keep_freed_memory
from cladenet.checkpoints import Loaded, load
from cladenet.serve.models.served import Served, fingerprint
from cladenet.serve.models.shelf import named
from cladenet.serve.server import Server, refuse_taken, run
from cladenet.serve.settings import Address, Limits
from cladenet.serve.web.app import Plan, application
from cladenet.threads import our_share


@dataclass(frozen=True)
class ServeOptions:
    """How networks answer.

    Args:
        budget: as `predict --budget`; None: whole networks.
        threads: of torch for one batch; as many batches are computed at once as cores allow.
        predictor: options of `Predictor`.
    """

    budget: str | None = None
    threads: int = 1
    predictor: dict[str, Any] = field(default_factory=dict)


def serve(
    runs: Sequence[str | Path],
    address: Address,
    limits: Limits,
    options: ServeOptions,
    announce: Callable[[str, Address], None],
) -> int:
    """Answer requests until SIGTERM or SIGINT; the exit status.

    Args:
        runs: run or checkpoint folders.
        address: where to listen.
        limits: bounds.
        options: how networks answer.
        announce: is given a few words and the address once all runs have been read.

    Raises:
        CheckpointError: a run has no checkpoint, or it is damaged.
        BadArgument: a run is given twice, or nobody can listen at the address.
    """
    refuse_taken(address)
    folders = named(str(run) for run in runs)
    # The worker is forked from this process: threads of torch's would not come along.
    torch.set_num_threads(1)
    known = {name: (fingerprint(path), load(path)) for name, path in folders.items()}
    announce(f"{', '.join(folders)} will answer", address)
    server = Server(address, limits)

    def in_the_worker() -> Starlette:
        keep_freed_memory()
        share = our_share()

        plan = Plan(
            runs=folders,
            make=_Maker(known, limits, options),
            address=address,
            limits=limits,
            lanes=max(1, share.cores // options.threads),
            threads=options.threads,
            decoders=max(2, share.cpus),
            stopping=server.stopping.is_set,
            failed=server.give_up,
        )
        return application(plan)

    return run(server, in_the_worker)


class _Maker:
    """Makes networks ready, the first time from what has been read before the worker began."""

    def __init__(
        self, known: dict[str, tuple[str, Loaded]], limits: Limits, options: ServeOptions
    ) -> None:
        self._known, self._limits, self._options = known, limits, options

    def __call__(self, name: str, path: Path) -> Served:
        seen, loaded = self._known.get(name, ("", None))
        return Served(
            name,
            path,
            loaded if seen == fingerprint(path) else None,
            self._options.budget,
            self._limits.batch,
            threads=self._options.threads,
            **self._options.predictor,
        )
