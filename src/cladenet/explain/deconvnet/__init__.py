"""What feature maps look for: Zeiler and Fergus's way back from activations to pixels.

Zeiler, Fergus. Visualizing and Understanding Convolutional Networks. ECCV 2014. arXiv:1311.2901.
"""

from cladenet.explain.deconvnet.network import Deconvnet
from cladenet.explain.deconvnet.strongest import Strongest, reconstructions, strongest
from cladenet.explain.deconvnet.switches import Switches, max_pool, unpool

__all__ = [
    "Deconvnet",
    "Strongest",
    "Switches",
    "max_pool",
    "reconstructions",
    "strongest",
    "unpool",
]
