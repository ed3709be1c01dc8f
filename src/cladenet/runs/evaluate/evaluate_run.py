"""How well a run's weights do on a data set, under one protocol."""

import time
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from cladenet.checkpoints import load
from cladenet.device import check_calibration, check_precision, choose_device
from cladenet.errors import BadArgument
from cladenet.evaluation.protocol import PLAIN, parse_names
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.single_scale import evaluate as measure
from cladenet.keywords import by_keyword
from cladenet.runs.evaluate.evaluated import Evaluated
from cladenet.runs.evaluate.options import EvaluateOptions
from cladenet.runs.evaluate.protocol_table import table_of
from cladenet.runs.evaluate.quick import as_sentence, quick
from cladenet.runs.evaluate.scored import opened, scored
from cladenet.runs.undisturbed import undisturbed


@by_keyword(EvaluateOptions)
@undisturbed()
def evaluate(run: str | Path | Sequence[str | Path], options: EvaluateOptions) -> Evaluated:
    """Top-1 and top-5 error of a run's best weights, with everything that follows from the counts.

    Args:
        run: run or checkpoint folder; several are an ensemble: the mean of their posteriors.
        options: keywords, see `EvaluateOptions`; `protocol` names one.

    Raises:
        BadArgument: an unknown protocol, split, device or precision, or a scale that is too small.
        DataError: the data cannot be opened or are not the ones that the run divided.
        CheckpointError: the checkpoint is damaged, or tells other classes apart than the data.
    """
    options = replace(options, protocol=options.protocol or PLAIN)
    runs = [run] if isinstance(run, str | PathLike) else list(run)
    if len(parse_names(options.protocol)) != 1:
        raise BadArgument(
            f"protocol is {options.protocol!r}; name one, or measure several with "
            "cladenet.evaluate_protocols(runs, protocol=...)"
        )
    plain = options.protocol == PLAIN and not options.scales and not options.flip
    if plain and len(runs) == 1:
        return _own_view(runs[0], options)
    return table_of(runs, options).rows[-1]


def _own_view(run: str | Path, options: EvaluateOptions) -> Evaluated:
    """The view that the checkpoint describes, from the cache of decoded images."""
    device = choose_device(options.device)
    check_precision(options.precision, device.type)
    check_calibration(options.calibration, options.precision)
    loaded = options.limits(load(run))
    given = options.data is not None
    whole = opened(loaded, options.data, options.on_unreadable)
    dataset, name, images, notes = scored(whole, loaded, options.split, given=given)
    start = time.perf_counter()
    network = quick(
        loaded,
        options.precision,
        min(options.batch_size, len(images)),
        device,
        options.engine,
        options.threads,
        options.data,
        options.calibration,
    )
    prepared = replace(options, precision="fp32")  # the network has its precision by now
    evaluation = measure(network, images, loaded.card.preprocess, prepared)
    if options.precision == "int8":
        exact = measure(loaded.model, images, loaded.card.preprocess, prepared)
        notes += (_cost(evaluation, exact),)
    return Evaluated(
        evaluation=evaluation,
        network=loaded.card.network,
        checkpoint=loaded.folder,
        data=dataset.spec,
        split=name,
        protocol=PLAIN,
        precision=options.precision,
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
