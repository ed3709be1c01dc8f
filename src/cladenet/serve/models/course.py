"""The way of a request's images: to one network, or to several, one after the other."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from cladenet.data.preprocess import Preprocess
from cladenet.runs.predict.prediction import Guess
from cladenet.serve.models.lanes import Answer, Job, Pixels, Refusal

Evidence = Callable[[Any, int], tuple[bytes, bytes] | Refusal]


class Stage(NamedTuple):
    """A network that is asked.

    Args:
        preprocess: how it sees images; the next stage decodes them anew if it sees them otherwise.
        prepare: the bytes of an image file as its pixels; raises `UnreadableImage` or
            `BadArgument`.
        job: pixels for the queue; the file itself where it is decoded elsewhere.
        elsewhere: another process decodes.
    """

    preprocess: Preprocess
    prepare: Callable[[bytes], Pixels]
    job: Callable[[Any], Job]
    elsewhere: bool = False


class Course(Protocol):
    """One request's images, from the first stage on."""

    @property
    def stages(self) -> Sequence[Stage]:
        """That may be asked, in their order."""

    def settle(self, answers: Sequence[Answer]) -> list[Answer | None]:
        """The answers of a stage, for the images that are still here; None for those that go on."""

    def keep(self, places: Sequence[int]) -> None:
        """The others, among those that are here, cannot be prepared for the next stage."""


class OneStage:
    """All images have the answer of one network.

    Args:
        stage: that is asked.
    """

    def __init__(self, stage: Stage) -> None:
        self.stages = (stage,)

    def settle(self, answers: Sequence[Answer]) -> list[Answer | None]:
        """See `Course`."""
        return list(answers)

    def keep(self, places: Sequence[int]) -> None:
        """See `Course`; nothing is remembered of them."""


class Asked(Protocol):
    """What has a name here and can be asked: a run, an exported file, a cascade of runs.

    Attributes:
        name: under which it is asked for.
        weights: SHA-256, which every answer names.
        classes: their names.
        evidence: of prepared pixels and a class, see `pictures.evidence`; None: it has none.
        why_no_evidence: in a few words.
    """

    name: str
    weights: str
    classes: tuple[str, ...]
    evidence: Evidence | None
    why_no_evidence: str

    def course(self, budget: str) -> Course:
        """The way of a request's images; raises `BadArgument` if it has no such budget."""

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        """The `count` likeliest classes."""

    def describe(self) -> dict[str, Any]:
        """What anybody who may ask may know."""
