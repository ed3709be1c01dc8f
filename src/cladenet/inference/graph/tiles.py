"""3x3 convolutions in tiles, with a quarter of the multiplications; see `kernels.winograd`.

There the layout is what gradients need, and batches are large. Here the products of all 36 points
are one convolution of oneDNN in 36 groups, whose weights are packed once: it is at the peak from 16
tiles on, where products of a batch of matrices by MKL reach two thirds. So a tile holds its points
one after the other, channels last. Maps are laid out column by column before columns are
transformed, which then is a product as wide as all rows and images; copies are cheap beside narrow
products. The bias is added to the products of the points, as what makes a bias in every output.

ResNet-50's convolutions on one thread of an AMD EPYC kept to AVX2, ms of 8 images by oneDNN and in
tiles: 128 channels at 28x28 13.5 and 7.9, 256 at 14x14 13.5 and 7.6, 512 at 7x7 13.2 and 7.3; of
one image 1.74 and 1.01, 1.75 and 1.21; 64 at 56x56 13.8 and 12.7, and on two threads no gain.
"""

import torch
from torch import Tensor

from cladenet import processor
from cladenet.inference.graph.products import Product, convolution, shape
from cladenet.inference.graph.program import Program, Step
from cladenet.kernels.toom_cook import MADE, READ, TAPS, Axis, of_ones, side_by_side
from cladenet.kernels.winograd import MOST_MADE, spread_kernels

POSTS = ("none", "relu")
FEWEST_CHANNELS = 128
FEWEST_TILES = 16  # of all images; with fewer, the weights wait for memory
LARGEST = 5 * 2**19  # bytes of all points; images are taken apart, so that they stay in the caches
AT_ONCE = 2  # tiles of a matrix: with fewer there are more calls, with more, more zeros


def together(product: Product, program: Program, batch: int) -> int:
    """How many tiles are best computed at a time; 0: the convolution is faster without.

    Args:
        product: a convolution.
        program: that it belongs to.
        batch: images that will usually come at a time.
    """
    weight = program.constants[product.step.args[1]]
    (stride, padding, dilation), groups = convolution(product.step)
    if (
        weight.dtype != torch.float32
        or (groups, stride, dilation, *weight.shape[2:]) != (1, [1, 1], [1, 1], TAPS, TAPS)
        or max(padding) > 1
        or product.post[0] not in POSTS
        or min(weight.shape[:2]) < FEWEST_CHANNELS
        or not (processor.abilities().vectors == "AVX2" and processor.has_fast_products())
    ):
        return 0
    high, wide = shape(product.step.args[0], program)[2:]
    rows, columns = Axis(high, padding[0]), Axis(wide, padding[1])
    tiles = -(-rows.outputs // MADE) * -(-columns.outputs // MADE)
    if MADE**2 * tiles > MOST_MADE * rows.outputs * columns.outputs:
        return 0
    parts = -(-batch // max(1, LARGEST // (4 * READ**2 * tiles * max(weight.shape[:2]))))
    tiles *= -(-batch // parts)
    return tiles if tiles >= FEWEST_TILES else 0


def in_tiles(product: Product, direct: Tensor, tiles: int, program: Program) -> Step:
    """The step, with weights of all points packed.

    Args:
        product: a convolution.
        direct: its weights, packed for what cannot be in tiles.
        tiles: see `together`.
        program: gets more constants.
    """
    weight = program.constants[product.step.args[1]]
    made, channels = weight.shape[:2]
    points = spread_kernels(weight.double()).to(weight.dtype).reshape(-1, channels, 1, 1)
    packed = torch.ops.mkldnn._reorder_convolution_weight(
        points, [0, 0], [1, 1], [1, 1], READ**2, [1, READ**2 * channels, 1, tiles]
    )
    bias = weight.new_zeros(made) if product.bias is None else program.constants[product.bias]
    of_points = torch.outer(of_ones(bias.dtype), bias).flatten()
    matrices = side_by_side(AT_ONCE, weight.dtype)
    args = (
        product.step.args[0],
        [program.new_constant(value) for value in (packed, of_points, direct, bias)],
        [program.new_constant(matrix) for matrix in matrices],
        convolution(product.step)[0][1],
        [tiles, _threads_now()],
        product.other,
        product.post[0] == "relu",
    )
    return Step(convolved, args, {}, product.output)


def convolved(
    x: Tensor,
    kernels: list[Tensor],
    matrices: list[Tensor],
    padding: list[int],
    packed_for: list[int],
    other: Tensor | None,
    relu: bool,
    made: int = MADE,
) -> Tensor:
    """A 3x3 convolution of x (N, C, H, W) -> (N, C', H', W'), channels last. Known to TorchScript.

    oneDNN lays packed weights out anew, many times as slowly as it convolves, for another number of
    tiles or threads. So tiles are always as many, and images that would make less than half of them
    are convolved directly; as are all on other threads, or of which not one fits.

    Args:
        x: of any number and size.
        kernels: weights of all points, packed, and the bias of all, (36 C',); then weights and bias
            (C',) of the plain convolution.
        matrices: B^T and A^T of tiles side by side.
        padding: of rows and columns, 1 at most.
        packed_for: so many tiles and threads.
        other: what is added to the whole, of its shape.
        relu: whether ReLU comes last.
        made: outputs of a tile along either side.
    """
    weight, of_points, direct, bias = kernels
    channels, (tiles, threads) = bias.size(0), packed_for
    points = of_points.size(0) // channels
    count = x.size(0)
    high, wide = x.size(2) + 2 * padding[0] - 2, x.size(3) + 2 * padding[1] - 2
    of_one = ((high + made - 1) // made) * ((wide + made - 1) // made)
    images, done = tiles // max(1, of_one), 0
    if images > 0 and threads == _threads_now():
        rest = count % images
        done = count - rest if 2 * rest * of_one < tiles else count
    if done == 0:
        y = _directly(x, direct, bias, padding)
    else:
        y = x.new_empty([count, high, wide, channels]).permute(0, 3, 1, 2)
        maps, to = x.permute(0, 2, 3, 1).contiguous(), y.permute(0, 2, 3, 1)
        for first in range(0, done, images):
            last = min(first + images, done)
            spread = x.new_empty([1, 1, tiles, points * x.size(1)])
            _spread(maps[first:last], matrices[0], padding, spread)
            pixels, once, none = spread.permute(0, 3, 1, 2), [1, 1], [0, 0]
            products = torch.ops.mkldnn._convolution_pointwise(
                pixels, weight, of_points, none, once, once, points, "none", [], ""
            )
            _collect(products.permute(0, 2, 3, 1), matrices[1], to[first:last])
        if done < count:
            y[done:] = _directly(x[done:], direct, bias, padding)
    if other is not None:
        y = y.add_(other)
    return y.relu_() if relu else y


@torch.jit.ignore  # type: ignore[untyped-decorator]
def _threads_now() -> int:
    """That oneDNN chooses a layout for, on a thread that takes images of its own, too.

    TorchScript does not know their number, but asks Python.
    """
    return torch.get_num_threads()


def _directly(x: Tensor, weight: Tensor, bias: Tensor, padding: list[int]) -> Tensor:
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, padding, [1, 1], [1, 1], 1, "none", [], ""
    )
    return y


def _spread(
    maps: Tensor, matrix: Tensor, padding: list[int], to: Tensor, made: int = MADE, read: int = READ
) -> None:
    """Make `to` (1, 1, tiles, 36 C), all points of maps (N, H, W, C); zeros where none are left."""
    count, height, width, channels = maps.shape
    down = (height + 2 * padding[0] - read + 2 * made - 1) // made
    across = (width + 2 * padding[1] - read + 2 * made - 1) // made
    step = matrix.size(0) // read
    columns = maps.permute(2, 0, 1, 3).contiguous().view(width, -1)
    half = maps.new_empty([read * across, count * height * channels])
    for start in range(0, across, step):
        stop = min(start + step, across)
        above = made * start - padding[1]
        first, last = max(above, 0), min(made * stop - padding[1] + read - made, width)
        some = matrix[: read * (stop - start), first - above : last - above]
        torch.mm(some, columns[first:last], out=half[read * start : read * stop])
    rows = half.view(across, read, count, height, channels).permute(3, 2, 0, 1, 4).contiguous()
    rows = rows.view(height, count * across, read * channels)
    whole = to.view(-1, read, read * channels)
    whole[count * across * down :].zero_()
    for start in range(0, down, step):
        stop = min(start + step, down)
        above = made * start - padding[0]
        first, last = max(above, 0), min(made * stop - padding[0] + read - made, height)
        some = matrix[: read * (stop - start), first - above : last - above]
        part = whole[count * across * start : count * across * stop]
        part = part.view(count * across, -1, read * channels)
        torch.bmm(some.expand(count * across, -1, -1), rows[first:last].transpose(0, 1), out=part)


def _collect(
    products: Tensor, matrix: Tensor, to: Tensor, made: int = MADE, read: int = READ
) -> None:
    """Make `to` (N, H', W', C') of products (1, 1, tiles, 36 C'); the last may be nobody's."""
    count, high, wide, channels = to.shape
    across, down = (wide + made - 1) // made, (high + made - 1) // made
    step = matrix.size(0) // made
    parts = products.view(-1, read * read * channels)
    rows = to.new_empty([high, count * across, read * channels])
    for start in range(0, down, step):
        stop = min(start + step, down)
        first, last = made * start, min(made * stop, high)
        some = matrix[: last - first, : read * (stop - start)].expand(count * across, -1, -1)
        part = parts[count * across * start : count * across * stop]
        part = part.view(count * across, -1, read * channels)
        torch.bmm(some, part, out=rows[first:last].transpose(0, 1))
    half = rows.view(high, count, across, read, channels).permute(2, 3, 1, 0, 4).contiguous()
    half = half.view(read * across, -1)
    columns = to.new_empty([wide, count * high * channels])
    for start in range(0, across, step):
        stop = min(start + step, across)
        first, last = made * start, min(made * stop, wide)
        some = matrix[: last - first, : read * (stop - start)]
        torch.mm(some, half[read * start : read * stop], out=columns[first:last])
    to.copy_(columns.view(wide, count, high, channels).permute(1, 2, 0, 3))
