"""The network itself, in float64, and how far its own float32 answers are from that."""

import copy
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cladenet.data.preprocess import Preprocess

CHUNK = 5  # images in one run


class Exact(NamedTuple):
    """Answers in float64.

    Args:
        log_posteriors: (N, K).
        largest: of the logits, without sign.
        own: by how much those of the network in float32 differ from them at the most.
    """

    log_posteriors: NDArray[np.float64]
    largest: float
    own: float


class Reference:
    """Asks a network as training and evaluation do.

    Args:
        model: in evaluation mode; it stays as it is.
        preprocess: from prepared pixels to what it reads.
    """

    def __init__(self, model: nn.Module, preprocess: Preprocess) -> None:
        self._plain, self._preprocess = model, preprocess
        self._exact = copy.deepcopy(model).double().eval()
        self._answers: dict[tuple[tuple[int, ...], bytes], Exact] = {}

    def answer(self, pixels: NDArray[np.uint8]) -> Exact:
        """Of prepared images, uint8 (N, height, width, C); worked out once for the same pixels.

        A file is asked in several runtimes, and most prepare an image to the same pixels.
        """
        key = pixels.shape, sha256(pixels.tobytes()).digest()
        if key not in self._answers:
            self._answers[key] = self._worked_out(pixels)
        return self._answers[key]

    def _worked_out(self, pixels: NDArray[np.uint8]) -> Exact:
        exact = torch.from_numpy(self.logits(pixels, torch.float64))
        plain = torch.from_numpy(self.logits(pixels, torch.float32)).double()
        logs = exact.log_softmax(1)
        own = (plain.log_softmax(1) - logs).abs().max().item()
        return Exact(logs.numpy(), exact.abs().max().item(), own)

    def logits(self, pixels: NDArray[np.uint8], dtype: torch.dtype) -> NDArray[np.floating]:
        """(N, height, width, C) -> (N, K)."""
        model = self._exact if dtype == torch.float64 else self._plain
        found = []
        with torch.inference_mode():
            for part in torch.from_numpy(np.ascontiguousarray(pixels)).split(CHUNK):
                found.append(model(self._preprocess.to_input(part, dtype=dtype)))
        answer: NDArray[np.floating] = torch.cat(found).numpy()
        return answer
