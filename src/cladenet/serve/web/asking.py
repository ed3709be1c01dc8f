"""From the files of a request to answers: decoded, put into the queue, waited for."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from cladenet.serve.models.course import Course, Stage
from cladenet.serve.models.lanes import Answer, Job, LaneLost, Lanes
from cladenet.serve.settings import Limits
from cladenet.serve.web.metrics import Metrics
from cladenet.serve.web.problems import Problem
from cladenet.serve.web.replies import Decoded, Refusal, decode
from cladenet.serve.web.uploads import Upload


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
            if number and stage.preprocess != before:
                again = await self.decode(stage, [given[place] for place in here])
                seen |= dict(zip(here, again, strict=True))
            before = stage.preprocess
            pixels, places = [], []
            for place, image in enumerate(seen[i] for i in here):
                if isinstance(image, Refusal):
                    found[here[place]] = image
                else:
                    pixels.append(image.pixels)
                    places.append(place)
            if number and len(places) < len(here):
                course.keep(places)
            here = [here[place] for place in places]
            if not here:
                break
            answers = await self._computed(name, [stage.job(each) for each in pixels])
            settled = dict(zip(here, course.settle(answers), strict=True))
            found |= {i: answer for i, answer in settled.items() if answer is not None}
            here = [i for i, answer in settled.items() if answer is None]
        return [found[i] for i in range(len(given))]

    async def _computed(self, name: str, jobs: Sequence[Job]) -> list[Answer]:
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
