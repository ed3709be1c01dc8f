"""From runs and options to a server: what is checked before it listens, and made in its worker."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from starlette.applications import Starlette

from cladenet.allocator import keep_freed_memory
from cladenet.errors import BadArgument, CladeNetError
from cladenet.export.names import is_exported
from cladenet.serve.models.about import AskedHere
from cladenet.serve.models.course import Asked
from cladenet.serve.models.opening import (
    ReadRun,
    ServeOptions,
    Where,
    fingerprint,
    named,
    one_cascade,
    opened,
    read_cascade,
    read_run,
    refuse_options_of_runs,
)
from cladenet.serve.models.shelf import Make
from cladenet.serve.processes import fork_server
from cladenet.serve.processes.choice import processes, without_gpu
from cladenet.serve.processes.handles import ForkServer
from cladenet.serve.processes.pool import Pool
from cladenet.serve.processes.remote import Handle, Remote
from cladenet.serve.server import Server, refuse_taken, run
from cladenet.serve.settings import Address, Limits
from cladenet.serve.web.app import Plan, application
from cladenet.threads import our_share

log = logging.getLogger(__name__)
Read = ReadRun | tuple[ReadRun, ...]


def serve(
    given: Sequence[str | Path],
    address: Address,
    limits: Limits,
    options: ServeOptions,
    announce: Callable[[str, Address], None],
    cascade: bool = False,
    workers: int | None = None,
) -> int:
    """Answer requests until SIGTERM or SIGINT; the exit status.

    Args:
        given: run or checkpoint folders, exported files.
        address: where to listen.
        limits: bounds.
        options: how networks answer.
        announce: is given a few words and the address once all runs have been read.
        cascade: the runs are one network, each asked what those before it leave.
        workers: processes that compute, see `processes`.

    Raises:
        CheckpointError: a run has no checkpoint, or it is damaged.
        BadArgument: one is given twice, nobody can listen at the address, or no thresholds are
            kept for the cascade.
    """
    refuse_taken(address)
    paths: dict[str, Where] = one_cascade(named(given)) if cascade else {**named(given)}
    files = [path for path in paths.values() if _is_file(path)]
    if files:
        refuse_options_of_runs(files[0], options)
    count = processes(workers, options, files=bool(files))
    known = _read(paths, options.precision)
    announce(f"{', '.join(paths)} will answer", address)
    server = Server(address, limits)

    def make(name: str, path: Where) -> AskedHere:
        return _opened(name, path, options)

    def first(name: str, path: Where) -> AskedHere:
        if name not in known:
            return make(name, path)
        try:
            if _mark(known[name]) != fingerprint(path):  # a worker begins after another was killed
                return make(name, path)
        except CladeNetError as error:
            log.error("%s: its checkpoint is refused, the server's first goes on: %s", name, error)
        return _opened(name, path, options, known[name])

    def opener(name: str, at_first: bool) -> AskedHere:
        return first(name, paths[name]) if at_first else make(name, paths[name])

    def in_the_worker() -> Starlette:
        keep_freed_memory()
        share = our_share()
        plan = Plan(
            runs=paths,
            make=make,
            first=first,
            address=address,
            limits=limits,
            lanes=max(1, share.cores // options.threads),
            begin=lambda: _set_threads(options.threads) if known else None,
            decoders=max(2, share.cpus),
            stopping=server.stopping.is_set,
            failed=server.give_up,
        )
        try:
            here = without_gpu(count, workers, options)
        except BadArgument as error:
            return application(replace(plan, first=_refused(error)))
        return application(by_processes(plan, here, opener) if here else plan)

    return run(server, in_the_worker)


def by_processes(plan: Plan, count: int, opener: fork_server.Opener) -> Plan:
    """The same, computed by so many processes; to be called before this one has threads.

    Args:
        plan: what is served.
        count: of processes.
        opener: reads a network and makes it ready, see `fork_server.start`.
    """
    pool = Pool(ForkServer(*fork_server.start(opener)), count, plan.limits.answer_seconds)

    def opened_there(name: str, first: bool) -> Asked:
        known, key = pool.open(name, first)
        return Remote(known, Handle(pool, key))

    return replace(
        plan,
        make=lambda name, _: opened_there(name, first=False),
        first=lambda name, _: opened_there(name, first=True),
        lanes=count,
        begin=lambda: None,
        pool=pool,
    )


def _refused(error: BadArgument) -> Make:
    def refuse(name: str, path: Where) -> Asked:
        raise error

    return refuse


def _is_file(path: Where) -> bool:
    return isinstance(path, Path) and is_exported(path)


def _read(paths: dict[str, Where], precision: str) -> dict[str, Read]:
    """The runs among them, read before the worker is forked, so that it has them at once."""
    runs = {name: path for name, path in paths.items() if not _is_file(path)}
    if not runs:
        return {}
    _set_threads(1)  # threads of torch's would not come along into the worker
    return {
        name: read_cascade(path, precision)
        if isinstance(path, tuple)
        else read_run(path, precision)
        for name, path in runs.items()
    }


def _opened(name: str, path: Where, options: ServeOptions, known: Read | None = None) -> AskedHere:
    if isinstance(path, Path):
        return opened(name, path, options, known if isinstance(known, ReadRun) else None)
    from cladenet.serve.models.cascade import ServedCascade  # it loads torch

    runs = known if isinstance(known, tuple) else read_cascade(path, options.precision)
    return ServedCascade(name, runs, options)


def _mark(read: Read) -> str:
    """As `fingerprint` of the same paths was when they were read."""
    runs = read if isinstance(read, tuple) else (read,)
    return " ".join(run.fingerprint for run in runs)


def _set_threads(threads: int) -> None:
    """Of torch, in this thread."""
    import_module("torch").set_num_threads(threads)
