"""`predict`: the top classes of images, in one call."""

from collections.abc import Callable, Iterable
from inspect import Parameter, signature
from os import PathLike
from pathlib import Path
from typing import Concatenate, ParamSpec

import numpy as np
from PIL import Image

from cladenet.checkpoints import Loaded
from cladenet.data.images.decode import readable
from cladenet.errors import DataError
from cladenet.keywords import refuse_unknown
from cladenet.runs.predict.given_images import Source, expanded
from cladenet.runs.predict.prediction import Prediction
from cladenet.runs.predict.predictor import Predictor
from cladenet.runs.undisturbed import undisturbed

Run = str | Path | Loaded
Images = Source | Iterable[Source]
Options = ParamSpec("Options")


def _by(
    make: Callable[Concatenate[Run, Options], Predictor],
) -> Callable[Concatenate[Run, Images, Options], list[Prediction]]:
    """`predict` with the arguments of what makes a `Predictor`, which has their list."""

    @undisturbed()
    def predict(
        run: Run, images: Images, /, *args: Options.args, **options: Options.kwargs
    ) -> list[Prediction]:
        """What the network of `run` sees in each image, in their order.

        The logits are those of an evaluation, bit for bit where the batches are the same and have 8
        images or more; otherwise numbers are added in another order, and they differ by some 1e-6.

        Args:
            run: run or checkpoint folder, or what `load` gave.
            images: one or several of: path, folder (its images, sorted), pattern, bytes of an image
                file, uint8 array (H, W) or (H, W, 1, 3 or 4), Pillow image.
            args: `top`, see `Predictor`, which keeps a network for one stream after the other.
            options: the further arguments of `Predictor`.

        Raises:
            DataError: an image cannot be read, or has a size that the network was not made for.
            BadArgument: an argument is out of range.
            CheckpointError: the checkpoint is damaged.
        """
        refuse_unknown("predict", options, [option.name for option in others])
        single = isinstance(images, str | PathLike | bytes | Image.Image) or (
            isinstance(images, np.ndarray) and images.ndim < 4
        )
        given: Iterable[Source] = [images] if single else images  # type: ignore[list-item, assignment]
        found = []
        for prediction in make(run, *args, **options)(expanded(given)):
            if prediction.error:
                raise DataError(f"{readable(prediction.source)}: {prediction.error}")
            found.append(prediction)
        return found

    run, *others = signature(make).parameters.values()
    only = Parameter.POSITIONAL_ONLY
    shown = [run.replace(kind=only), Parameter("images", only, annotation=Images), *others]
    predict.__signature__ = signature(predict).replace(parameters=shown)  # type: ignore[attr-defined]
    return predict


predict = _by(Predictor)
