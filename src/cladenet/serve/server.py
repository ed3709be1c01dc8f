"""The HTTP server around an application: Granian, with bounds on headers, connections and its end.

Granian reads HTTP outside Python (0.14 ms of processor time a request with a body of 100 kB), drops
clients that do not finish their headers, takes no more connections than it may, lets requests that
have begun end after SIGTERM, and starts a worker process again that was killed.
"""

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from cladenet.errors import BadArgument, CladeNetError
from cladenet.serve.settings import Address, Limits
from cladenet.translations import show

GRACE = 30  # seconds for requests that have begun
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"errors": {"class": "logging.StreamHandler", "formatter": "line"}},  # stderr
    "loggers": {
        name: {"handlers": ["errors"], "level": "WARNING", "propagate": False}
        for name in ("_granian", "cladenet")
    },
}


class Server(Granian):  # type: ignore[misc]
    """Granian with one worker, which learns at once that the end is asked for.

    Args:
        address: where it listens.
        limits: bounds.

    Attributes:
        stopping: is set by SIGTERM and SIGINT, in the worker as well.
        status: what the worker wants the exit status to be.
    """

    def __init__(self, address: Address, limits: Limits) -> None:
        # Forked, a worker has all that was imported and read before, and is there at once.
        multiprocessing.set_start_method("fork", force=True)
        self.stopping = multiprocessing.Event()
        self.status = multiprocessing.Value("i", 0)
        super().__init__(
            target="cladenet",
            address=address.host,
            port=address.port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=2048,
            backpressure=limits.connections,
            http1_settings=HTTP1Settings(header_read_timeout=int(1000 * limits.first_seconds)),
            respawn_failed_workers=True,
            respawn_interval=0.1,
            workers_kill_timeout=GRACE,
            log_level=LogLevels.warning,
            log_dictconfig=LOGGING,
            process_name=None,
        )

    def signal_handler_interrupt(self, *arguments: Any, **options: Any) -> None:
        """The end is asked for: by a signal, or because a worker cannot begin."""
        self.stopping.set()
        super().signal_handler_interrupt(*arguments, **options)

    def give_up(self, error: CladeNetError) -> None:
        """For the worker: print the error and end the server with its exit status."""
        show(f"cladenet: {error}", file=sys.stderr, flush=True)
        self.status.value = error.exit_status
        os.kill(os.getppid(), signal.SIGTERM)


def run(server: Server, application: Callable[[], Any]) -> int:
    """Serve until SIGTERM or SIGINT; the exit status.

    Args:
        server: as it was made.
        application: makes the ASGI application, in the worker.
    """
    try:
        server.serve(target_loader=application, wrap_loader=False)
    except SystemExit as end:
        return server.status.value or (end.code if isinstance(end.code, int) else 1)
    return int(server.status.value)


def refuse_taken(address: Address) -> None:
    """See whether one can listen there.

    Raises:
        BadArgument: another program does, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            probe.listen(1)
    except OSError as error:
        raise BadArgument(
            f"cannot listen on {address.host}:{address.port}: {error.strerror or error}; give "
            "another --port or --host"
        ) from error
