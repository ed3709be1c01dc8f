"""Images that show nearly the same: saved again, resized, cropped a little, brighter, mirrored.

They are compared by their thumbnails, 16x16 cells of brightness, in two steps:

    step          two images stay together where
    fingerprint   of 112 bits, whether each of 8x8 cells is brighter than its left and its upper
                  neighbour (dHash), at most `MOST_BITS` differ
    correlation   of the 256 cells, brightness and contrast apart, it is `LEAST_CORRELATION` or more

Pairs for the first step are found by sorting: in each of `ORDERS` random orders of the bits, an
image meets the `NEIGHBOURS` that follow it. So the work grows as n log n, and few pairs are missed.

A mirror image is met by turning each image so that its left half is the brighter one; where that
is in doubt, both ways are looked at. It is alike where the labels are the same: of left and right,
or of b and d, each is the other's mirror image.

Found: other formats and qualities, sizes and aspect ratios, borders cut by 2 %, most by 4 %, half
by 6 %, brightness, contrast, gamma, grey, mirrored. Not found: turned, more cropped, written over,
recoloured to another brightness order. Pictures that differ little by nature (digits on one
background, X-rays, frames of a video) are alike by this measure; those of one colour have no
fingerprint and are left out.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from cladenet.data.ahead import in_threads
from cladenet.data.check.duplicates import Duplicates, Group, by_number
from cladenet.data.dataset import DataSet
from cladenet.data.file_images import FileImages
from cladenet.data.images.thumbnail import SIDE
from cladenet.threads import our_share

MOST_BITS = 20
LEAST_CORRELATION = 0.95
IN_DOUBT = 0.16  # lean of an image, below; two that are so correlated differ by twice that at most
LEAST_CONTRAST = 8  # levels of 255 between the darkest cell and the lightest
BITS = 112
ORDERS = 16
NEIGHBOURS = 6
AT_ONCE = 1 << 13  # pairs
MASKS = (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F)

Thumbnails = NDArray[np.uint8]


def alike(
    thumbnails: Thumbnails, groups: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Numbers of images that show nearly the same, int64 (N,): the place of the first of them.

    Who is like one that is like a third is in its group too.

    Args:
        thumbnails: uint8 (N, 16, 16).
        groups: numbers of images that are equal, of which one each is looked at, int64 (N,).
        labels: mirror images are alike where these are the same, int64 (N,).
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    cells = thumbnails.reshape(-1, SIDE * SIDE)
    contrast = cells.max(axis=1, initial=0) - cells.min(axis=1, initial=255)
    shown = first[contrast[first] >= LEAST_CONTRAST]
    if len(shown) < 2:
        return groups
    number = np.arange(len(thumbnails))
    parts = [shown[start : start + AT_ONCE] for start in range(0, len(shown), AT_ONCE)]
    place, turned = np.concatenate([_ways(thumbnails, part) for part in parts], axis=1)
    starts = range(0, len(place), AT_ONCE)
    views = (slice(start, start + AT_ONCE) for start in starts)
    pairs = _close(
        np.concatenate([_fingerprints(_seen(thumbnails, place[v], turned[v])) for v in views])
    )
    for start in range(0, len(pairs), AT_ONCE):
        view = pairs[start : start + AT_ONCE].T
        (one, other), apart = place[view], turned[view[0]] ^ turned[view[1]]
        likeness = _correlations(thumbnails[one], _seen(thumbnails, other, apart))
        same = (likeness >= LEAST_CORRELATION) & ((apart == 0) | (labels[one] == labels[other]))
        for a, b in zip(one[same].tolist(), other[same].tolist(), strict=True):
            low, high = sorted((_root(number, a), _root(number, b)))
            number[high] = low
    roots = np.array([_root(number, place) for place in first.tolist()], np.int64)
    return roots[group.reshape(-1)]


def _ways(thumbnails: Thumbnails, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How images are looked at: (2, n) of a place, and 1 where it is turned to its mirror image.

    The lean is the correlation of an image with one whose left half is white, its right half black.
    """
    cells = _centred(thumbnails[places])
    halves = cells.reshape(-1, SIDE, 2, SIDE // 2).sum(axis=(1, 3))
    lean = (halves[:, 0] - halves[:, 1]) / (SIDE * np.sqrt((cells**2).sum(axis=1)))
    index, turned = np.nonzero(np.stack([lean >= -IN_DOUBT, lean <= IN_DOUBT], axis=1))
    return np.stack([places[index], turned])


def _seen(
    thumbnails: Thumbnails, places: NDArray[np.int64], turned: NDArray[np.int64]
) -> Thumbnails:
    """Some of the thumbnails, mirrored where `turned` is 1."""
    seen = thumbnails[places]
    mirrored = turned == 1
    seen[mirrored] = seen[mirrored, :, ::-1]
    return seen


def _fingerprints(thumbnails: Thumbnails) -> NDArray[np.uint8]:
    """112 bits and 16 of nothing, uint8 (N, 16)."""
    wide = thumbnails.astype(np.uint16)
    rows = wide[:, ::2] + wide[:, 1::2]
    cells = rows[:, :, ::2] + rows[:, :, 1::2]
    bits = np.zeros((len(thumbnails), 128), bool)
    bits[:, :56] = (cells[:, :, 1:] > cells[:, :, :-1]).reshape(-1, 56)
    bits[:, 56:112] = (cells[:, 1:] > cells[:, :-1]).reshape(-1, 56)
    return np.packbits(bits, axis=1)


def _close(prints: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Places of the pairs that differ in few bits, each once, int64 (P, 2)."""
    draw = np.random.Generator(np.random.Philox(0))
    orders = [draw.permutation(BITS)[:64] for _ in range(ORDERS)]
    found = in_threads(partial(_close_in, prints), orders, our_share().cpus)
    pairs = np.unique(np.concatenate(list(found)))
    return np.stack(np.divmod(pairs, max(1, len(prints))), axis=1)


def _close_in(prints: NDArray[np.uint8], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs that differ in few bits and are neighbours in an order of the bits: first * n + second.

    Python's lock is not held: NumPy sorts, gathers and counts.
    """
    n, found = len(prints), [np.zeros(0, np.int64)]
    ranks = np.argsort(_reordered(prints, order), kind="stable")
    low, high = np.ascontiguousarray(prints[ranks].view("<u8").T)
    for step in range(1, 1 + NEIGHBOURS):
        differ = _bit_count(low[:-step] ^ low[step:])
        close = np.flatnonzero(differ <= MOST_BITS)
        differ = differ[close] + _bit_count(high[close] ^ high[close + step])
        close = close[differ <= MOST_BITS]
        one, other = ranks[close], ranks[close + step]
        found.append(np.minimum(one, other) * n + np.maximum(one, other))
    return np.concatenate(found)


def _reordered(prints: NDArray[np.uint8], order: NDArray[np.int64]) -> NDArray[np.uint64]:
    """64 of the bits in another order, as numbers to sort by, (N,)."""
    keys = np.zeros(len(prints), np.uint64)
    for place in order.tolist():
        bit = prints[:, place // 8] >> np.uint8(7 - place % 8) & np.uint8(1)
        keys = keys << np.uint64(1) | bit
    return keys


def _bit_count(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """How many bits are set in each: Warren, Hacker's Delight, Fig. 5-2."""
    two, four, eight = (np.uint64(mask) for mask in MASKS)
    count = words - (words >> np.uint64(1) & two)
    count = (count & four) + (count >> np.uint64(2) & four)
    count = count + (count >> np.uint64(4)) & eight
    return count * np.uint64(0x0101010101010101) >> np.uint64(56)


def _correlations(one: Thumbnails, other: Thumbnails) -> NDArray[np.float32]:
    """Of the cells of pairs of thumbnails, -1 to 1, float32 (P,)."""
    first, second = _centred(one), _centred(other)
    squares = (first**2).sum(axis=1) * (second**2).sum(axis=1)
    found: NDArray[np.float32] = (first * second).sum(axis=1) / np.sqrt(squares)
    return found


def _centred(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Each with a mean of 0, float32 (n, 256)."""
    cells = thumbnails.reshape(-1, SIDE * SIDE).astype(np.float32)
    centred: NDArray[np.float32] = cells - cells.mean(axis=1, keepdims=True)
    return centred


def _root(number: NDArray[np.int64], place: int) -> int:
    """The first of its group so far; the way to it is shortened."""
    root = place
    while (up := int(number[root])) != root:
        root = up
    while (up := int(number[place])) != root:
        number[place], place = root, up
    return root


def find_alike(dataset: DataSet, equal: Duplicates) -> tuple[Group, ...]:
    """Files that show nearly the same, see `alike`, and are not equal; of equal ones the first.

    Images in arrays and in shards are not looked at.
    """
    splits = dataset.splits()
    files = [each.images for each in splits.values() if isinstance(each.images, FileImages)]
    if len(files) < len(splits):
        return ()
    every = [images.column("thumbnail") for images in files]
    thumbnails = every[0] if len(every) == 1 else np.concatenate(every)
    labels = np.concatenate([split.labels for split in splits.values()])
    numbers = alike(thumbnails, np.concatenate(list(equal.of.values())), labels)
    ends = np.cumsum([len(images) for images in files])[:-1]
    _, first = np.unique(np.concatenate(list(equal.of.values())), return_index=True)
    chosen = np.full(len(numbers), -1)
    chosen[first] = numbers[first]
    of = dict(zip(splits, np.split(chosen, ends), strict=True))
    return tuple(by_number(dataset, of).values())
