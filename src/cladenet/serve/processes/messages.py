"""What the processes of a server say to one another about images, as plain values.

No classes are in it: who reads a message looks none up, and so runs nothing that it names.
"""

from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from cladenet.runs.predict.prediction import Guess
from cladenet.serve.models.about import Stop
from cladenet.serve.models.lanes import Answer, Refusal

ANSWERS, EVIDENCE, FAILED = "answers", "evidence", "failed"


class Image(NamedTuple):
    """An image that is asked about.

    Args:
        data: the bytes of its file.
        stop: where it leaves; None: nowhere before the end.
    """

    data: bytes
    stop: Stop | None


class Ends(NamedTuple):
    """One process's ends of two pipes."""

    incoming: Connection
    outgoing: Connection

    def send(self, message: object) -> None:
        """Raises OSError if nobody reads."""
        self.outgoing.send(message)

    def receive(self) -> Any:
        """The next message; raises EOFError if nobody writes."""
        return self.incoming.recv()

    def close(self) -> None:
        """Both."""
        self.incoming.close()
        self.outgoing.close()


def plain_images(images: Sequence[Image]) -> list[Any]:
    """See `images_of`."""
    return [(data, stop and tuple(stop)) for data, stop in images]


def images_of(message: Sequence[Any]) -> list[Image]:
    """What `plain_images` was given."""
    return [Image(data, stop and Stop(*stop)) for data, stop in message]


def plain_answers(answers: Sequence[Answer | Refusal]) -> list[Any]:
    """See `answers_of`."""
    return [
        tuple(each)
        if isinstance(each, Refusal)
        else (each.logits.tobytes(), [tuple(guess) for guess in each.top], *each[2:])
        for each in answers
    ]


def answers_of(message: Sequence[Any]) -> list[Answer | Refusal]:
    """What `plain_answers` was given."""
    return [_answer_of(*each) if len(each) > 2 else Refusal(*each) for each in message]


def _answer_of(logits: bytes, top: Sequence[Any], *rest: Any) -> Answer:
    guesses = tuple(Guess(*guess) for guess in top)
    return Answer(np.frombuffer(logits, np.float32), guesses, *rest)
