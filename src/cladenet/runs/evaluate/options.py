"""What an evaluation of runs can be asked for, in Python and on the command line: one list."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cladenet.checkpoints import Loaded
from cladenet.data.check.verify import OnUnreadable
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.protocol import ViewOptions


@dataclass(frozen=True, kw_only=True)
class ReadingLimits:
    """How image files are read, where that is not as in training.

    Args:
        max_megapixels: files of which more would be decoded are refused; by default as in training.
        white_level: the sample that is white where more than 8 bits are not declared, see
            `open_dataset`; by default as in training.
    """

    max_megapixels: float | None = None
    white_level: float | None = None

    def limits(self, loaded: Loaded) -> Loaded:
        """A network that reads image files by these limits instead of its own."""
        how = loaded.card.preprocess
        if self.max_megapixels is not None:
            how = replace(how, max_megapixels=self.max_megapixels)
        if self.white_level is not None:
            how = replace(how, white_level=self.white_level)
        return loaded._replace(card=replace(loaded.card, preprocess=how))


@dataclass(frozen=True)
class EvaluateOptions(ViewOptions, PassOptions, ReadingLimits):
    """What to evaluate runs on, what to show them, and how.

    Args:
        data: see `open_dataset`; by default what the (first) run was trained on.
        split: `test`, `val` or `train`; by default `test` if there is one, else `val`. Images that
            the run held out of its training data are the `val` (or `test`) of that data.
        protocol: one of `evaluation.protocol.NAMES`, several separated by commas, or `all`; by
            default the checkpoint's own view, for `evaluate_protocols` all.
        scales: test scales Q in pixels, see `ViewOptions`.
        train_scale: S, or Smin and Smax, that the default test scales follow from; by default what
            the run's recipe says, else the short side of the checkpoint's own view.
        flip: mirror images too; by default for all but single-scale, if the run was trained so.
        average: `scores` or `posteriors` of a dense evaluation's positions.
        batch_size: images in one forward pass; see `PassOptions`.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        precision: `fp32` or `bf16`; for one run in the checkpoint's own view also `int8`, whose
            cost in accuracy is noted.
        calibration: for `int8`, data with images such as those to come, see `open_dataset`, of any
            classes; by default the training images of `data`.
        engine: what runs the network on crops, see `for_inference`; whole images of any size, as
            dense protocols have them, go through the plain one.
        threads: for the engine, see `for_inference`.
        worst: how many of the worst mistakes to keep.
        workers: threads that decode images.
        max_megapixels: see `ReadingLimits`.
        white_level: see `ReadingLimits`.
        on_unreadable: `stop`, or `skip` to leave images out that cannot be decoded, or that are too
            large at a scale.
        cache_dir: where decoded photographs are kept, for the checkpoint's own view.
        cache_limit: bytes that they may take; 0 decodes them each time, None leaves it to the disk.
    """

    data: str | None = None
    split: str | None = None
    protocol: str = ""
    train_scale: Sequence[int] = ()
    device: str = "auto"
    calibration: str | None = None
    engine: str = "auto"
    threads: int | None = None
    on_unreadable: OnUnreadable = "stop"
