"""Networks whose names are neither timm's nor torchvision's, library by library."""

from collections.abc import Iterator

from cladenet.weights.dialects.caffe import caffe_sources
from cladenet.weights.dialects.flax_vit import flax_sources
from cladenet.weights.dialects.keras import keras_sources
from cladenet.weights.dialects.mmpretrain import mmpretrain_sources
from cladenet.weights.dialects.transformers import transformers_sources
from cladenet.weights.source import Source


def dialect_sources() -> Iterator[Source]:
    """All of them."""
    yield from transformers_sources()
    yield from keras_sources()
    yield from mmpretrain_sources()
    yield from flax_sources()
    yield from caffe_sources()
