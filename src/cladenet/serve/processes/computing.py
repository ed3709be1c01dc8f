"""What a process does that computes: one batch after the other, until nobody asks any more."""

import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from cladenet.serve.models.about import WHOLE, AskedHere
from cladenet.serve.models.decoding import decode
from cladenet.serve.models.lanes import Answer, Refusal
from cladenet.serve.processes.messages import (
    ANSWERS,
    EVIDENCE,
    FAILED,
    Ends,
    Image,
    images_of,
    plain_answers,
)


def compute(ends: Ends, networks: Mapping[int, AskedHere]) -> None:
    """Answer what comes: `(key, part, images)`, or `(key, data, label)` for evidence.

    Args:
        ends: of the pipes.
        networks: by key.
    """
    while True:
        try:
            kind, key, *rest = ends.receive()
        except EOFError:
            return
        work = _evidence if kind == EVIDENCE else _answers
        try:
            reply = work(networks[key], *rest)
        except Exception:
            reply = FAILED, traceback.format_exc()
        try:
            ends.send(reply)
        except OSError:
            return


def answered(network: AskedHere, part: int, images: Sequence[Image]) -> list[Answer | Refusal]:
    """Decode and compute images as one batch.

    Args:
        network: that is asked.
        part: of it, see `Known.part_name`.
        images: all for this part.
    """
    found: dict[int, Answer | Refusal] = {}
    jobs, seconds = {}, {}
    for number, image in enumerate(images):
        stage = network.stage(part, image.stop)
        decoded = decode(stage, image.data)
        if isinstance(decoded, Refusal):
            found[number] = decoded
        else:
            jobs[number], seconds[number] = stage.job(decoded.image), decoded.seconds
    if jobs:
        start = time.perf_counter()
        answers = next(iter(jobs.values())).network.answer([job.image for job in jobs.values()])
        took = time.perf_counter() - start
        for number, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, Answer):
                answer = answer._replace(batch=len(jobs), computed=took, decoded=seconds[number])
            found[number] = answer
    return [found[number] for number in range(len(images))]


def _answers(network: AskedHere, part: int, images: Sequence[Any]) -> tuple[str, Any]:
    return ANSWERS, plain_answers(answered(network, part, images_of(images)))


def _evidence(network: AskedHere, data: bytes, label: int) -> tuple[str, Any]:
    (stage,) = network.course(WHOLE).stages
    decoded = decode(stage, data)
    if isinstance(decoded, Refusal):
        return EVIDENCE, tuple(decoded)
    if network.evidence is None:
        raise RuntimeError(network.why_no_evidence)
    return EVIDENCE, tuple(network.evidence(decoded.image, label))
