"""What a server counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 32)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one server; each has its own registry, so that several can live in a process."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "cladenet_requests", "Requests by path and status", ("path", "status"),
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "cladenet_request_seconds", "From the headers to the answer", ("path",),
            registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self.images = Counter(
            "cladenet_images", "Images by network and outcome: answered, refused, failed",
            ("model", "outcome"), registry=registry,
        )  # fmt: skip
        self.exits = Counter(
            "cladenet_exits", "Images with a budget, by network and the exit that answered",
            ("model", "exit"), registry=registry,
        )  # fmt: skip
        self.batches = Histogram(
            "cladenet_batch_images", "Images that were computed together", ("model",),
            registry=registry, buckets=SIZES,
        )  # fmt: skip
        self.computing = Histogram(
            "cladenet_batch_seconds", "Forward passes", ("model",),
            registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self.held = Gauge(
            "cladenet_images_in_progress", "Images that are decoded, wait, or are computed",
            registry=registry,
        )  # fmt: skip
        self.lost = Gauge(
            "cladenet_lanes_lost", "Threads that have not come back in time", registry=registry
        )
        self.swaps = Counter(
            "cladenet_swaps", "New weights by network and outcome: taken, refused",
            ("model", "outcome"), registry=registry,
        )  # fmt: skip

    def count_processes(self, alive: Callable[[], float], ended: Callable[[], float]) -> None:
        """Of a server whose networks are computed by processes of their own."""
        Gauge("cladenet_processes", "Processes that compute", registry=self._registry).set_function(
            alive
        )
        Gauge(
            "cladenet_processes_ended", "Processes that ended, and others took their place",
            registry=self._registry,
        ).set_function(ended)  # fmt: skip

    def text(self) -> bytes:
        """All of them, in the text format 0.0.4."""
        return generate_latest(self._registry)
