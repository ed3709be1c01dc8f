"""From the files of a request to answers: decoded, put into the queue, waited for."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cladenet.serve.models.course import Course, Stage
from cladenet.serve.models.decoding import Decoded, decode
from cladenet.serve.models.lanes import Answer, Job, LaneLost, Lanes, Refusal
from cladenet.serve.settings import Limits
from cladenet.serve.web.metrics import Metrics
from cladenet.serve.web.problems import Problem
from cladenet.serve.web.uploads import Upload

Kind = TypeVar("Kind", Answer, Decoded)


class Asking:
    """Sends images through the stages of a course.

    Args:
        lanes: that compute.
        decoders: threads that decode.
        limits: bounds.
        metrics: count images that got no answer.
    """

    def __init__(
        self, lanes: Lanes, decoders: ThreadPoolExecutor, limits: Limits, metrics: Metrics
    ) -> None:
        self._lanes, self._decoders = lanes, decoders
        self._limits, self._metrics = limits, metrics

    async def decode(self, stage: Stage, given: Sequence[Upload]) -> list[Decoded | Refusal]:
        """Files as a stage sees them."""
        if stage.elsewhere:
            return [decode(stage, upload.data) for upload in given]
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *(loop.run_in_executor(self._decoders, decode, stage, upload.data) for upload in given)
        )

    async def answers(
        self,
        name: str,
        course: Course,
        given: Sequence[Upload],
        decoded: Sequence[Decoded | Refusal],
    ) -> list[Answer | Refusal]:
        """Of each image an answer, or why there is none.

        Args:
            name: of the network, for the counters.
            course: from the first stage on.
            given: the files.
            decoded: the same for the first stage.

        Raises:
            Problem: there is no answer in time.
        """
        found: dict[int, Answer | Refusal] = {}
        seen = dict(enumerate(decoded))
        here = list(seen)
        before = course.stages[0].preprocess
        for number, stage in enumerate(course.stages):
            if number and stage.preprocess != before and not stage.elsewhere:
                again = await self.decode(stage, [given[place] for place in here])
                seen |= dict(zip(here, again, strict=True))
            before = stage.preprocess
            images, here = _sorted_out([seen[i] for i in here], here, course, number, found)
            if not here:
                break
            jobs = [stage.job(image.image) for image in images]
            computed = await self._computed(name, jobs)
            answers, here = _sorted_out(computed, here, course, number, found)
            settled = dict(zip(here, course.settle(answers), strict=True)) if here else {}
            found |= {i: answer for i, answer in settled.items() if answer is not None}
            here = [i for i, answer in settled.items() if answer is None]
        return [found[i] for i in range(len(given))]

    async def _computed(self, name: str, jobs: Sequence[Job]) -> list[Answer | Refusal]:
        """What lanes say; given up, images that wait are not computed."""
        futures = [asyncio.wrap_future(job.done) for job in jobs]
        self._lanes.submit(jobs)
        try:
            async with asyncio.timeout(self._limits.answer_seconds + 1):
                return [await future for future in futures]
        except (TimeoutError, LaneLost):
            self._metrics.images.labels(name, "failed").inc(len(jobs))
            raise Problem(
                504,
                f"there was no answer within {self._limits.answer_seconds:g} s",
                "try again, with fewer images",
            ) from None
        except Exception:
            self._metrics.images.labels(name, "failed").inc(len(jobs))
            raise
        finally:
            for future in futures:
                if not future.cancel() and not future.cancelled():
                    future.exception()  # what failed together is raised once


def _sorted_out(
    seen: Sequence[Kind | Refusal],
    here: Sequence[int],
    course: Course,
    stage: int,
    found: dict[int, Answer | Refusal],
) -> tuple[list[Kind], list[int]]:
    """What is no refusal, and whose it is; refusals are found.

    Args:
        seen: of each image that is here.
        here: their places in the request.
        course: learns who is left.
        stage: at which they are, from 0.
        found: takes the refusals.
    """
    places = [place for place, each in enumerate(seen) if not isinstance(each, Refusal)]
    if len(places) < len(here):
        found |= {i: each for i, each in zip(here, seen, strict=True) if isinstance(each, Refusal)}
        if stage:
            course.keep(places)
    kept = [each for each in seen if not isinstance(each, Refusal)]
    return kept, [here[place] for place in places]
