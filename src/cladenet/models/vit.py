"""The vision transformer: an image as a sentence of patches.

Dosovitskiy, Beyer, Kolesnikov, Weissenborn, Zhai, Unterthiner, Dehghani, Minderer, Heigold, Gelly,
Uszkoreit, Houlsby. An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale.
ICLR 2021. arXiv:2010.11929. Table 1, and the small ones that later papers added to it:

    model            Ti     S      B      L      H
    layers           12     12     12     24     32
    width D          192    384    768    1024   1280
    MLP              768    1536   3072   4096   5120
    heads            3      6      12     16     16

    part        out (B/16, 224 in)   Eq.
    stem        197 x 768            (1)  patches, linear; the class token before them; positions
    stages.i.0  197 x 768            (2)  z' = MSA(LN(z)) + z
    stages.i.1  197 x 768            (3)  z  = MLP(LN(z')) + z'
    head        num_classes          (4)  the class token, LN, linear

A name's last number is the patch size P: an image of H x W pixels is HW / P^2 tokens and the class
token. Positions are learnt for the grid of `input_size`; an image of another size gets them by
bicubic interpolation over the grid (Sec. 3.2), so a network takes any size that patches tile.

LN's eps is 1e-6, GELU is the exact one, the queries, keys and values have biases. Weights start as
in the authors' code: Glorot's rule in the encoder, LeCun's for the patches, positions from
N(0, 0.02^2), zeros for the class token and for the last layer.

That code, in Flax, approximates GELU by tanh (2.5e-4 of the logits) and interpolates positions
linearly between the grids' corners, where the paper says "2D interpolation" and most ports are
bicubic, as here: `released` does so, and the official .npz weights come with it.
"""

import math
from collections.abc import Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import is_symbol, is_traced
from cladenet.layers.classifier import Classifier
from cladenet.layers.init import fan_in

layer_norm = partial(nn.LayerNorm, eps=1e-6)
POSITIONS = "stem.1.positions"


class Patches(nn.Conv2d):
    """x_p E: every patch through one linear layer, which is a convolution of stride P."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, width, H / P, W / P).

        Raises:
            BadArgument: patches do not tile the images.
        """
        p = self.stride[0]
        height, width = x.shape[2:]
        if not is_traced(x) and (height % p or width % p):
            near = [max(p, side // p * p) for side in (height, width)]
            raise BadArgument(
                f"input is {height}x{width}; its sides must be multiples of the patch size {p}, "
                f"such as {near[0]}x{near[1]}. Resize or crop"
            )
        return super().forward(x)


class Tokens(nn.Module):
    """z_0 = [x_class; x_1 E; ...; x_N E] + E_pos: Eq. (1).

    Args:
        width: D, the length of a token.
        grid: patches to a side of the images whose positions are learnt.
        linear: interpolate them linearly, see `resize_positions`.
    """

    def __init__(self, width: int, grid: int, linear: bool) -> None:
        super().__init__()
        self.grid, self.linear = grid, linear
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, 1 + grid**2, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, rows, columns) -> (N, 1 + rows x columns, width)."""
        rows, columns = x.shape[2:]
        tokens = x.flatten(2).transpose(1, 2)
        class_tokens = self.class_token.expand_as(tokens[:, :1])
        tokens = torch.cat([class_tokens, tokens], dim=1)
        grid = rows, columns
        return tokens + resize_positions(self.positions, grid, self.linear, self.grid)


class DotProductAttention(nn.Module):
    """softmax(q k^T / sqrt(D_h)) v of every head: Eq. (6) and (7)."""

    def forward(self, q_nhld: Tensor, k_nhld: Tensor, v_nhld: Tensor) -> Tensor:
        """Three of (N, heads, L, D_h) -> the same shape."""
        return F.scaled_dot_product_attention(q_nhld, k_nhld, v_nhld)


class AttentionBlock(nn.Module):
    """z' = MSA(LN(z)) + z: Eq. (2)."""

    def __init__(self, width: int, heads: int, drop_rate: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = layer_norm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attend = DotProductAttention()
        self.project = nn.Linear(width, width)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, z: Tensor) -> Tensor:
        """(N, L, width) -> the same shape."""
        return z + self.attention(self.norm(z))

    def attention(self, z: Tensor) -> Tensor:
        """MSA: Appendix A, Eq. (5) to (8)."""
        qkv = self.queries_keys_values(z).unflatten(2, (3, self.heads, -1))
        q_nhld, k_nhld, v_nhld = qkv.permute(2, 0, 3, 1, 4)
        seen_nhld = self.attend(q_nhld, k_nhld, v_nhld)
        return self.drop(self.project(seen_nhld.transpose(1, 2).flatten(2)))


class MlpBlock(nn.Module):
    """z = MLP(LN(z')) + z': Eq. (3), with GELU between two linear layers."""

    def __init__(self, width: int, hidden: int, drop_rate: float, gelu: nn.GELU) -> None:
        super().__init__()
        self.norm = layer_norm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden),
            gelu,
            nn.Dropout(drop_rate),
            nn.Linear(hidden, width),
            nn.Dropout(drop_rate),
        )

    def forward(self, z: Tensor) -> Tensor:
        """(N, L, width) -> the same shape."""
        return z + self.mlp(self.norm(z))


class ClassToken(nn.Module):
    """The first token, which has looked at all others: z_L^0 of Eq. (4)."""

    def forward(self, z: Tensor) -> Tensor:
        """(N, L, width) -> (N, width)."""
        return z[:, 0]


class VisionTransformer(Classifier):
    """One column of Table 1 with a patch size.

    Args:
        patch_size: P, in pixels.
        depth: layers of the encoder.
        width: D, a multiple of `heads`.
        heads: of the attention.
        input_size: height and width of the images whose positions are learnt, a multiple of P;
            images of other sizes get them interpolated.
        drop_rate: of dropout after the positions and every linear layer but the queries, keys and
            values: 0.1 when trained on ImageNet, 0 on JFT (Table 3).
        released: GELU by tanh, and positions interpolated linearly, as in the authors' code.

    Raises:
        BadArgument: patches do not tile `input_size`, or heads do not divide the width.
    """

    def __init__(
        self,
        patch_size: int,
        depth: int,
        width: int,
        heads: int,
        num_classes: int = 1000,
        in_channels: int = 3,
        input_size: int = 224,
        drop_rate: float = 0.1,
        released: bool = False,
    ) -> None:
        grid, rest = divmod(input_size, patch_size)
        if rest or grid < 1:
            raise BadArgument(
                f"input_size is {input_size}; expected a multiple of the patch size {patch_size}, "
                f"such as {max(grid, 1) * patch_size}"
            )
        if width % heads:
            raise BadArgument(f"width is {width}; expected a multiple of the {heads} heads")
        super().__init__(in_channels, num_classes)
        self.least_size, self.tuned_size = patch_size, input_size
        self.patch_size = patch_size
        self.grid = grid
        self.released = released
        self.stem = nn.Sequential(
            Patches(in_channels, width, patch_size, stride=patch_size),
            Tokens(width, grid, released),
            nn.Dropout(drop_rate),
        )
        self.stages = nn.Sequential(
            *(layer(width, heads, drop_rate, released) for _ in range(depth))
        )
        self.head = nn.Sequential(ClassToken(), layer_norm(width), self.new_classifier(width))
        self.initialise(self)

    def as_map(self, features: Tensor, image_size: tuple[int, int]) -> Tensor:
        """The patches' tokens (N, 1 + hw, D) in their places: (N, D, h, w)."""
        grid = [side // self.patch_size for side in image_size]
        return features[:, 1:].transpose(1, 2).unflatten(2, grid)

    def adopt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the same network for another `input_size`, with their positions resized."""
        adopted = dict(weights)
        if POSITIONS in adopted and adopted[POSITIONS].ndim == 3:
            grid = self.grid, self.grid
            adopted[POSITIONS] = resize_positions(adopted[POSITIONS], grid, self.released)
        return adopted

    def no_weight_decay(self) -> set[str]:
        """Positions and the class token."""
        return {POSITIONS, "stem.1.class_token"}

    def initialise(self, module: nn.Module) -> None:
        """As in the authors' code; see the module's docstring."""
        for part in module.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)
            elif isinstance(part, Tokens):
                nn.init.normal_(part.positions, std=0.02)
                nn.init.zeros_(part.class_token)
            elif isinstance(part, nn.Conv2d):
                std = math.sqrt(1 / fan_in(part)) / 0.8796  # of a normal cut off at 2 std
                nn.init.trunc_normal_(part.weight, std=std, a=-2 * std, b=2 * std)
                nn.init.zeros_(part.get_parameter("bias"))
        last = self.head[-1]
        if isinstance(last, nn.Linear) and last in set(module.modules()):
            nn.init.zeros_(last.weight)


def layer(width: int, heads: int, drop_rate: float, released: bool) -> nn.Sequential:
    """A layer of the encoder: Fig. 1, right. (N, L, width) -> the same shape."""
    gelu = nn.GELU("tanh" if released else "none")
    return nn.Sequential(
        AttentionBlock(width, heads, drop_rate), MlpBlock(width, 4 * width, drop_rate, gelu)
    )


def resize_positions(
    positions: Tensor, grid: tuple[int, int], linear: bool = False, side: int | None = None
) -> Tensor:
    """Position embeddings of a square grid of patches for a grid of another size (Sec. 3.2).

    Args:
        positions: (1, 1 + n^2, D), that of the class token first; it stays as it is.
        grid: rows and columns of patches wanted.
        linear: between the four nearest, the corners of both grids on each other, as the authors'
            code does by `scipy.ndimage.zoom(order=1)`.
        side: n, for positions that are a symbol; else their shape says it.

    Returns:
        (1, 1 + rows x columns, D); if not linear bicubic, antialiased where the grid shrinks.
    """
    side = side or math.isqrt(positions.shape[1] - 1)
    if not is_symbol(grid[0]) and grid == (side, side):
        return positions
    of_class, of_patches = positions[:, :1], positions[:, 1:]
    maps = of_patches.transpose(1, 2).unflatten(2, (side, side))
    if linear:
        resized = F.interpolate(maps, grid, mode="bilinear", align_corners=True)
    else:
        resized = F.interpolate(maps, grid, mode="bicubic", antialias=True)
    return torch.cat([of_class, resized.flatten(2).transpose(1, 2)], dim=1)


TINY = partial(VisionTransformer, depth=12, width=192, heads=3)
SMALL = partial(VisionTransformer, depth=12, width=384, heads=6)
BASE = partial(VisionTransformer, depth=12, width=768, heads=12)
LARGE = partial(VisionTransformer, depth=24, width=1024, heads=16)
HUGE = partial(VisionTransformer, depth=32, width=1280, heads=16)

VARIANTS = {
    "vit_ti_16": partial(TINY, patch_size=16),
    "vit_s_16": partial(SMALL, patch_size=16),
    "vit_s_32": partial(SMALL, patch_size=32),
    "vit_b_16": partial(BASE, patch_size=16),
    "vit_b_32": partial(BASE, patch_size=32),
    "vit_l_16": partial(LARGE, patch_size=16),
    "vit_l_32": partial(LARGE, patch_size=32),
    "vit_l_14": partial(LARGE, patch_size=14),
    "vit_h_14": partial(HUGE, patch_size=14),
    "vit_b_16_384": partial(BASE, patch_size=16, input_size=384),
    "vit_b_32_384": partial(BASE, patch_size=32, input_size=384),
    "vit_l_16_384": partial(LARGE, patch_size=16, input_size=384),
    "vit_l_32_384": partial(LARGE, patch_size=32, input_size=384),
    "vit_h_14_392": partial(HUGE, patch_size=14, input_size=392),
    "vit_l_16_512": partial(LARGE, patch_size=16, input_size=512),
    "vit_h_14_518": partial(HUGE, patch_size=14, input_size=518),
}
