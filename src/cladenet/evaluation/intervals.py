"""How far a measured share can be from the true one.

Wilson. Probable Inference, the Law of Succession, and Statistical Inference. JASA 22 (1927).
"""

from math import sqrt

from cladenet.errors import BadArgument

# The 97.5 % point of the normal distribution: 95 % lie within so many standard deviations.
Z = 1.959963984540054


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `hits` of `n` were seen, in percent.

    It stays within 0..100 and is sensible for 0 hits and for few samples, where the usual
    "plus or minus two standard errors" is not.

    Raises:
        BadArgument: `n` is not positive, or `hits` is not within 0..n.
    """
    if not 0 <= hits <= n or n < 1:
        raise BadArgument(f"{hits} hits of {n}; expected 0 <= hits <= n and n of 1 or more")
    share = hits / n
    centre = share + Z**2 / (2 * n)
    reach = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    low = 0.0 if hits == 0 else (centre - reach) / scale
    high = 1.0 if hits == n else (centre + reach) / scale
    return 100 * low, 100 * high


def difference(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """The 95 % interval of one share minus another, each (hits, n), in percentage points.

    Newcombe. Interval Estimation for the Difference between Independent Proportions. Statistics in
    Medicine 17 (1998), method 10: Wilson's intervals put together. For two networks on the same
    images, whose mistakes are mostly the same, it is wider than need be.

    Raises:
        BadArgument: as in `wilson`.
    """
    (low1, high1), (low2, high2) = wilson(*first), wilson(*second)
    share1, share2 = 100 * first[0] / first[1], 100 * second[0] / second[1]
    between = share1 - share2
    below = sqrt((share1 - low1) ** 2 + (high2 - share2) ** 2)
    above = sqrt((high1 - share1) ** 2 + (share2 - low2) ** 2)
    return between - below, between + above
