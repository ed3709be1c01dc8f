"""Server-sent events of runs: first all that is known, then what comes.

https://html.spec.whatwg.org/multipage/server-sent-events.html. A browser connects again by itself.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from cladenet.serve.watching.runs import Runs

EVERY = 0.5  # seconds between two looks at what is known
ALIVE = 15.0  # seconds after which a comment shows that the stream lives
AT_ONCE = 2_000  # rows of a run in one event


async def events(runs: Runs, stopping: Callable[[], bool]) -> AsyncIterator[bytes]:
    """A stream for one client, until the server ends.

    `runs`: `{"runs": [...]}`, descriptions, whenever one has changed. `rows`: `{"name", "edition",
    "from", "rows"}`, further rows of a run; another edition begins anew.
    """
    yield b"retry: 1000\n\n"
    shown: list[dict[str, Any]] | None = None
    sent: dict[str, tuple[int, int]] = {}  # name -> edition, rows
    quiet = 0.0
    while not stopping():
        described = [run.describe() for run in runs.all()]
        if described != shown:
            shown = described
            yield _event("runs", {"runs": described})
            quiet = 0.0
        for run in runs.all():
            edition, rows = run.metrics.edition, run.metrics.rows
            before, count = sent.get(run.name, (edition, 0))
            count = count if before == edition else 0
            while count < len(rows):
                part = rows[count : count + AT_ONCE]
                content = {"name": run.name, "edition": edition, "from": count, "rows": part}
                yield _event("rows", content)
                count += len(part)
            sent[run.name] = edition, count
        quiet += EVERY
        if quiet >= ALIVE:
            yield b": alive\n\n"
            quiet = 0.0
        await asyncio.sleep(EVERY)


def _event(kind: str, content: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(_finite(content))}\n\n".encode()


def _finite(value: Any) -> Any:
    """JSON has no NaN: such a number is null."""
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
