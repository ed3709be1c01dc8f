"""A first convolution that whitens patches: its filters are computed from images, and stay.

Coates, Ng. Learning Feature Representations with K-means. 2012, Sec. 4.2, whiten patches before
they learn; Page. How to Train Your ResNet, part 8, 2019, does so in a frozen first layer; Jordan
2024, arXiv:2404.00498, Sec. 3.2, gives each direction both signs.

    C = mean of p p^T over patches p    = sum of l_i u_i u_i^T
    filter i = u_i / sqrt(l_i + eps)    the largest l first, then all of them with the other sign

The outputs of the first half of the filters have the identity for their second moments, up to what
eps takes from directions in which images hardly vary. Noise is whitened as everything is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.models.progress import FollowsProgress

EPSILON = 5e-4  # of the paper's code, in units of normalised images
MOST_VALUES = 2**22  # of the patches that are held at a time: 32 MB in double precision


class WhiteningConv2d(nn.Conv2d, FollowsProgress):
    """y = W x + b with fixed filters W; b is learned in the first part of the training.

    `weight` is a buffer: it is saved with the network and no optimiser knows of it. Until `fit`
    has seen images it holds torch's random filters.

    Args:
        kernel_size: side of the patches; there are 2 x in_channels x kernel_size^2 filters.
        bias_until: share of the training in which the bias is learned.
    """

    from_first_batch = True

    def __init__(self, in_channels: int, kernel_size: int, bias_until: float = 1.0) -> None:
        filters = 2 * in_channels * kernel_size**2
        super().__init__(in_channels, filters, kernel_size)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight)
        self.bias_until = bias_until

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Set the filters to whiten the patches of normalised images (N, in_channels, H, W).

        In double precision, so that the directions do not depend on how sums are cut up.
        """
        size = self.kernel_size[0]
        values = self.weight[0].numel()
        moments = torch.zeros(values, values, dtype=torch.float64, device=images.device)
        places = (images.shape[2] - size + 1) * (images.shape[3] - size + 1)
        for part in images.split(max(1, MOST_VALUES // (places * values))):
            patches = F.unfold(part.double(), size)
            moments += torch.einsum("nip,njp->ij", patches, patches)
        moments /= len(images) * places
        spread, directions = torch.linalg.eigh(moments)
        filters = (directions / (spread.clamp(min=0) + EPSILON).sqrt()).T.flip(0)
        # An eigenvector has no sign of its own: the entry that is largest is above 0.
        largest = filters.gather(1, filters.abs().argmax(1, keepdim=True))
        filters = (filters * largest.sign()).reshape(values, *self.weight.shape[1:])
        self.weight.copy_(torch.cat([filters, -filters]))

    def at_progress(self, progress: float) -> None:
        """Stop learning the bias when its share of the training is done."""
        if self.bias is not None:
            self.bias.requires_grad_(progress < self.bias_until)


def whitening_layers(model: nn.Module) -> list[WhiteningConv2d]:
    """The layers that `fit` is for: they read images."""
    return [layer for layer in model.modules() if isinstance(layer, WhiteningConv2d)]
