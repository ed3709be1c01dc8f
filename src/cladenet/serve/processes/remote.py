"""A network that other processes compute, as the HTTP server asks it."""

import weakref
from collections.abc import Sequence
from typing import NoReturn

from cladenet.serve.models.about import ByKnown, Known, Stop
from cladenet.serve.models.course import Evidence, Stage
from cladenet.serve.models.lanes import Answer, Job, Refusal
from cladenet.serve.processes.messages import Image
from cladenet.serve.processes.pool import Pool


class Handle:
    """Of a network that the processes have; they forget it when nobody has this any more.

    Args:
        pool: of the processes.
        key: under which they have it.
    """

    def __init__(self, pool: Pool, key: int) -> None:
        self.pool, self.key = pool, key
        weakref.finalize(self, pool.unused, key)

    def evidence(self, data: bytes, label: int) -> tuple[bytes, bytes] | Refusal:
        """See `Pool.evidence`."""
        return self.pool.evidence(self.key, data, label)


class Part:
    """What lanes ask: images of one part make one batch.

    Args:
        handle: of the network.
        number: of the part.
        name: under which batches are counted.
    """

    def __init__(self, handle: Handle, number: int, name: str) -> None:
        self.name = name
        self._handle, self._number = handle, number

    def answer(self, images: Sequence[Image]) -> list[Answer | Refusal]:
        """See `Pool.answer`."""
        return self._handle.pool.answer(self._handle.key, self._number, images)


class Remote(ByKnown):
    """What `Served` and `ServedCascade` are, without weights; see `course.Asked`.

    Args:
        known: what is known of it.
        handle: of it.
    """

    def __init__(self, known: Known, handle: Handle) -> None:
        super().__init__(known)
        self.evidence: Evidence | None = handle.evidence if known.evidence else None
        self._handle = handle
        self._parts: dict[int, Part] = {}

    def stage(self, part: int, stop: Stop | None) -> Stage:
        """See `course.Asked`."""
        if part not in self._parts:
            self._parts[part] = Part(self._handle, part, self.about.part_name(part))
        network = self._parts[part]
        return Stage(
            self.about.part_preprocess(part),
            _prepared_elsewhere,
            lambda data: Job(network, Image(data, stop)),
            elsewhere=True,
        )


def _prepared_elsewhere(_: bytes) -> NoReturn:
    raise AssertionError("another process decodes")
