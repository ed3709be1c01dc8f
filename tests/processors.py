"""Processors that a test may pretend to be on."""

import pytest

from cladenet import processor
from cladenet.processor import Processor

AVX2 = Processor("AMD Ryzen 7 5800H", "AVX2", bf16=False, vnni=False, amx=False)
needs_bf16 = pytest.mark.skipif(
    not processor.has_bf16("cpu"), reason="this processor has no bfloat16, and it is refused"
)
