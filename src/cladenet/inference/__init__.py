"""Networks made ready to answer quickly: `for_inference`, and the engines it has."""

from cladenet.inference.prepare import FastClassifier, for_inference

__all__ = ["FastClassifier", "for_inference"]
