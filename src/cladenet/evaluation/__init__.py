"""How well a network does on a split: counts, errors with intervals, and the protocols."""

from cladenet.evaluation.result import ClassRow, Evaluation, Mistake
from cladenet.evaluation.single_scale import evaluate
from cladenet.evaluation.tally import Tally

__all__ = ["ClassRow", "Evaluation", "Mistake", "Tally", "evaluate"]
