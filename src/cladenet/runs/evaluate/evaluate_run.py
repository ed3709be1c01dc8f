"""How well a run's weights do on a data set, under one protocol."""

import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from cladenet.checkpoints import load
from cladenet.data.check.verify import OnUnreadable
from cladenet.errors import BadArgument
from cladenet.evaluation import Evaluation, single_scale
from cladenet.evaluation.protocol import PLAIN, Options, parse_names
from cladenet.inference import FastClassifier
from cladenet.layers.classifier import Classifier
from cladenet.runs.evaluate.evaluated import Evaluated
from cladenet.runs.evaluate.protocol_table import evaluate_protocols
from cladenet.runs.evaluate.quick import as_sentence, check_precision, quick
from cladenet.runs.evaluate.scored import opened, scored
from cladenet.world import choose_device


def evaluate(
    run: str | Path | Sequence[str | Path],
    data: str | None = None,
    split: str | None = None,
    *,
    batch_size: int = 256,
    device: str = "auto",
    protocol: str = PLAIN,
    scales: Sequence[int] = (),
    train_scale: Sequence[int] = (),
    flip: bool | None = None,
    average: str = "scores",
    precision: str = "fp32",
    engine: str = "auto",
    worst: int = 0,
    workers: int = 0,
    on_unreadable: OnUnreadable = "stop",
    cache_dir: str | PathLike[str] | None = None,
) -> Evaluated:
    """Top-1 and top-5 error of a run's best weights, with everything that follows from the counts.

    Args:
        run: run or checkpoint folder; several are fused by the mean of their posteriors.
        data: see `open_dataset`; by default what the (first) run was trained on.
        split: `test`, `val` or `train`; by default `test` if there is one, else `val`. Images that
            the run held out of its training data are the `val` (or `test`) of that data.
        batch_size: images in one forward pass.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        protocol: one of `evaluation.protocol.NAMES`; by default the checkpoint's own view.
        scales: test scales Q in pixels, see `evaluation.protocol.Options`.
        train_scale: S, or Smin and Smax, see `evaluate_protocols`.
        flip: mirror images too, see `evaluate_protocols`.
        average: `scores` or `posteriors` of a dense evaluation's positions.
        precision: `fp32` or `bf16`; for the checkpoint's own view also `int8`, for which training
            images are looked at, and whose cost in accuracy is noted.
        engine: what runs the network on crops, see `for_inference`; whole images of any size, as
            dense protocols have them, go through the plain one.
        worst: how many of the worst mistakes to keep.
        workers: threads that decode images.
        on_unreadable: `stop`, or `skip` to leave images out that cannot be decoded.
        cache_dir: where decoded photographs are kept, for the checkpoint's own view.

    Raises:
        BadArgument: an unknown protocol, split, device or precision, or a scale that is too small.
        DataError: the data cannot be opened or are not the ones that the run divided.
        CheckpointError: the checkpoint is damaged, or tells other classes apart than the data.
    """
    runs = [run] if isinstance(run, str | PathLike) else list(run)
    if len(parse_names(protocol)) != 1:
        raise BadArgument(
            f"protocol is {protocol!r}; name one, or measure several with "
            "cladenet.evaluate_protocols(runs, protocols=...)"
        )
    options = Options(tuple(scales), flip, average)
    if protocol == PLAIN and len(runs) == 1 and not options.scales and not flip:
        return _own_view(
            runs[0],
            data,
            split,
            batch_size=batch_size,
            device=device,
            precision=precision,
            engine=engine,
            worst=worst,
            workers=workers,
            on_unreadable=on_unreadable,
            cache_dir=cache_dir,
        )
    table = evaluate_protocols(
        runs,
        data,
        split,
        protocols=protocol,
        scales=scales,
        train_scale=train_scale,
        flip=flip,
        average=average,
        batch_size=batch_size,
        device=device,
        precision=precision,
        engine=engine,
        worst=worst,
        workers=workers,
        on_unreadable=on_unreadable,
    )
    return table.rows[-1]


def _own_view(
    run: str | Path,
    data: str | None,
    split: str | None,
    *,
    batch_size: int,
    device: str,
    precision: str,
    engine: str,
    worst: int,
    workers: int,
    on_unreadable: OnUnreadable,
    cache_dir: str | PathLike[str] | None,
) -> Evaluated:
    """The view that the checkpoint describes, from the cache of decoded images."""
    where = choose_device(device)
    check_precision(precision, where)
    loaded = load(run)
    whole = opened(loaded, data, on_unreadable)
    dataset, name, images, notes = scored(whole, loaded, split, given=data is not None)
    start = time.perf_counter()
    network = quick(loaded, precision, min(batch_size, len(images)), where, engine, data)

    def measured(model: Classifier | FastClassifier) -> Evaluation:
        return single_scale.evaluate(
            model,
            images,
            loaded.card.preprocess,
            batch_size=batch_size,
            device=where,
            worst=worst,
            workers=workers,
            cache_dir=cache_dir,
        )

    evaluation = measured(network)
    if precision == "int8":
        notes += (_cost(evaluation, measured(loaded.model)),)
    return Evaluated(
        evaluation=evaluation,
        network=loaded.card.network,
        checkpoint=loaded.folder,
        data=dataset.spec,
        split=name,
        protocol=PLAIN,
        precision=precision,
        classes=loaded.card.classes,
        notes=notes,
        seconds=time.perf_counter() - start,
        engine=as_sentence(network),
    )


def _cost(evaluation: Evaluation, exact: Evaluation) -> str:
    """What 8 bits cost on these images."""
    return (
        f"int8 errs on {evaluation.top1_error:.2f} % of these images, fp32 on "
        f"{exact.top1_error:.2f} %: {evaluation.top1_error - exact.top1_error:+.2f} points"
    )
