"""`Preprocess` in torch, for images whose size is known only when the file runs.

Each of Pillow's two passes is a product with a matrix of its filter's weights, made from the size
as a tensor: what comes out has the network's size whatever goes in. (torch.export would carry the
size of a resized image along as a formula, and take minutes to read it again.) Weights are whole
numbers, as in Pillow, and sums of them exact in float64, so pixels are the same. TorchScript
compiles this, too, so types are plain.
"""

import torch
from torch import Tensor, nn

from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import LONGEST
from cladenet.export.graph.preparing import columns_may_come_first


class Preparing(nn.Module):
    """uint8 (N, H, W, C) -> prepared uint8 (N, C, height, width).

    Args:
        preprocess: what it does.
    """

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        p = preprocess
        self.height, self.width, self.channels = p.height, p.width, p.channels
        self.fit, self.cubic, self.side = p.fit, p.interpolation == "bicubic", p.resize or 0
        self.longest = LONGEST
        self.columns_may_come_first = columns_may_come_first()
        colour = torch.from_numpy(p.mean_colour()).view(1, -1, 1, 1)
        self.register_buffer("colour", colour.double())
        self.colour: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        planes = images.permute(0, 3, 1, 2)
        if self.fit == "none":
            return planes.reshape(-1, self.channels, self.height, self.width)
        if self.fit == "pad":
            return self.bordered(planes)
        height = torch.full([], planes.shape[2], dtype=torch.float64)
        width = torch.full([], planes.shape[3], dtype=torch.float64)
        rows, columns = self.kept(height, width), self.kept(width, height)
        new_rows = self.resized_to(rows, columns, self.height)
        new_columns = self.resized_to(columns, rows, self.width)
        first_row = self.first(new_rows, self.height)
        first_column = self.first(new_columns, self.width)
        upper, lower = half(height - rows), half(width - columns)
        by_rows = self.weights(planes.shape[2], upper, rows, new_rows, first_row, self.height)
        by_columns = self.weights(
            planes.shape[3], lower, columns, new_columns, first_column, self.width
        ).transpose(0, 1)
        values = planes.to(torch.float64)
        pixels = levels(by_rows @ levels(values @ by_columns))
        if self.columns_may_come_first:
            lost = rows - new_rows
            turned = (lost > 0) & (lost > 2 * (columns - new_columns))
            pixels = torch.where(turned, levels(levels(by_rows @ values) @ by_columns), pixels)
        if self.fit == "border":
            inside = self.inside(first_row, new_rows, self.height).view(-1, 1)
            inside = inside & self.inside(first_column, new_columns, self.width).view(1, -1)
            pixels = torch.where(inside, pixels, self.colour)
        return pixels.to(torch.uint8)

    def kept(self, length: Tensor, other: Tensor) -> Tensor:
        """What is kept of a side; a strip is shortened where its ends would be cut off anyway."""
        if self.fit != "crop":
            return length
        return torch.minimum(length, self.longest * torch.minimum(length, other))

    def resized_to(self, length: Tensor, other: Tensor, wanted: int) -> Tensor:
        """The length that a side is resampled to."""
        if self.side == 0:
            return torch.full_like(length, wanted)
        if self.fit == "crop":
            return torch.floor(self.side * length / torch.minimum(length, other))
        if self.fit == "border":
            ratio = torch.maximum(length, other) / self.side
            return torch.round(length / ratio).clamp(min=1.0)
        return torch.full_like(length, self.side)

    def first(self, length: Tensor, wanted: int) -> Tensor:
        """Where the network's image begins in the resized one; below 0 in a border."""
        whole = length.clamp(min=float(wanted))
        return half(whole - wanted) - torch.floor((whole - length) / 2)

    def inside(self, first: Tensor, length: Tensor, wanted: int) -> Tensor:
        """Which rows, or columns, are no border."""
        place = first + torch.arange(wanted, dtype=torch.float64)
        return (place >= 0) & (place < length)

    def weights(
        self, have: int, start: Tensor, kept: Tensor, length: Tensor, first: Tensor, wanted: int
    ) -> Tensor:
        """(wanted, have): what each pixel of a side takes of each that there is, in 2^-22.

        Args:
            have: pixels of the side.
            start: of what is kept of them.
            kept: how many.
            length: that they are resampled to.
            first: of those that are wanted.
            wanted: how many.
        """
        scale = kept / length
        wide = scale.clamp(min=1.0)
        place = torch.arange(have, dtype=torch.float64) - start
        centre = (first + torch.arange(wanted, dtype=torch.float64) + 0.5) * scale
        x = ((place + 0.5).view(1, -1) - centre.view(-1, 1)).abs() / wide
        if self.cubic:  # with a = -1/2
            near = (1.5 * x - 2.5) * x * x + 1
            far = ((-0.5 * x + 2.5) * x - 4) * x + 2
            taken = torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
        else:
            taken = (1 - x).clamp(min=0.0)
        taken = taken * ((place >= 0) & (place < kept))
        total = taken.sum(1, keepdim=True)
        exact = taken / torch.where(total == 0, torch.ones_like(total), total) * 4194304
        return exact.sign() * torch.floor(exact.abs() + 0.5)

    def bordered(self, planes: Tensor) -> Tensor:
        """With copies of its outermost pixels, as many as are missing."""
        height, width = planes.shape[2], planes.shape[3]
        if height > self.height or width > self.width:
            raise ValueError("an image is larger than the network's input")
        rows = torch.arange(self.height) - (self.height - height) // 2
        columns = torch.arange(self.width) - (self.width - width) // 2
        return planes[:, :, rows.clamp(0, height - 1)][:, :, :, columns.clamp(0, width - 1)]


def levels(values: Tensor) -> Tensor:
    """Sums in 2^-22 as 8 bits hold them; halves go up, as in Pillow."""
    return torch.floor(values / 4194304 + 0.5).clamp(0.0, 255.0)


def half(length: Tensor) -> Tensor:
    """Half of a length, and of an odd one the even neighbour, as Python rounds."""
    return torch.round(length / 2)
