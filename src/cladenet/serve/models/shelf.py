"""The networks of a server by name, and how one with new weights takes the place of the old."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cladenet.errors import CladeNetError
from cladenet.serve.models.course import Asked
from cladenet.serve.models.opening import Where, fingerprint

log = logging.getLogger(__name__)
Make = Callable[[str, Any], Asked]  # of a name, and what `runs` has for it


class Shelf:
    """Networks by name.

    Args:
        runs: folders or files by name, see `opening.named`.
        make: reads one and makes it ready.
        first: the same, when the server begins.
        on_swap: is given the name, and whether the new weights could be used.

    Attributes:
        ready: all of them can answer.
    """

    def __init__(
        self,
        runs: Mapping[str, Where],
        make: Make,
        first: Make,
        on_swap: Callable[[str, bool], None] = lambda *_: None,
    ) -> None:
        self.ready = False
        self._runs, self._make, self._first, self._on_swap = runs, make, first, on_swap
        self._networks: dict[str, Asked] = {}
        self._seen: dict[str, str] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="cladenet-load")

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which they were given."""
        return tuple(self._runs)

    def get(self, name: str) -> Asked | None:
        """The network that has this name now."""
        return self._networks.get(name)

    def all(self) -> list[Asked]:
        """Those that can answer."""
        return [self._networks[name] for name in self._runs if name in self._networks]

    async def load(self) -> None:
        """Make all of them ready, one after the other.

        Raises:
            CladeNetError: one cannot be used.
        """
        loop = asyncio.get_running_loop()
        for name, path in self._runs.items():
            self._seen[name] = await loop.run_in_executor(self._worker, _fingerprint, path)
            network = await loop.run_in_executor(self._worker, self._first, name, path)
            self._networks[name] = network
        self.ready = True

    async def look(self) -> None:
        """Take what has been written since; a checkpoint that cannot be used changes nothing.

        Requests that have begun are answered by the network that they began with.
        """
        loop = asyncio.get_running_loop()
        for name, path in self._runs.items():
            try:
                seen = await loop.run_in_executor(self._worker, fingerprint, path)
            except CladeNetError:  # between two: `best` is about to point elsewhere
                continue
            if seen == self._seen[name]:
                continue
            self._seen[name] = seen
            try:
                network = await loop.run_in_executor(self._worker, self._make, name, path)
            except CladeNetError as error:
                log.error("%s: the new checkpoint is refused, the old goes on: %s", name, error)
                self._on_swap(name, False)
                continue
            before = self._networks[name]
            self._networks[name] = network
            log.warning("%s: weights %.12s, before %.12s", name, network.weights, before.weights)
            self._on_swap(name, True)

    def close(self) -> None:
        """Let its thread end."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def _fingerprint(path: Where) -> str:
    """Nothing where there is nothing: what reads it says why."""
    try:
        return fingerprint(path)
    except CladeNetError:
        return ""
