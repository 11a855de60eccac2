r"""Both sides of the contraction inequalities, exactly, for finite sets.

With signs :math:`\varepsilon_i = \pm 1`, independent and fair, the complexity of a finite set
:math:`T \subset \mathbb{R}^n` is a mean over :math:`2^n` sign vectors. For small n all of them are
enumerated: no sampling, and every value is exact up to the rounding of sums.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer

__all__ = [
    "Contraction",
    "contraction_sides",
    "expected_supremum",
    "largest_ratio",
    "mean_absolute_sum",
    "sign_vectors",
]

_MOST_SIGNS = 20


@dataclass(frozen=True)
class Contraction:
    """Both sides of a contraction inequality.

    Parameters
    ----------
    before, after : float
        Complexity of the set, and of its image under the functions.
    ratio : float
        ``after / before``; infinite if only ``before`` is zero, one if both are.
    vectors : ndarray of shape (k, n)
        The set T.

    Notes
    -----
    Defined in the chapter Rademacher complexity.
    """

    before: float
    after: float
    ratio: float
    vectors: np.ndarray


def _finite_set(T) -> np.ndarray:
    T = np.asarray(T, dtype=float)
    if T.ndim != 2 or 0 in T.shape:
        raise ValueError(
            f"T: expected a non-empty matrix with one vector a row, got shape {T.shape}"
        )
    if T.shape[1] > _MOST_SIGNS:
        raise ValueError(
            f"T: expected vectors of at most {_MOST_SIGNS} entries, got {T.shape[1]}: "
            "the number of sign vectors doubles with each"
        )
    if not np.isfinite(T).all():
        raise ValueError("T: expected finite numbers, got nan or an infinity")
    return T


def sign_vectors(n: int) -> np.ndarray:
    r"""List all sign vectors.

    Parameters
    ----------
    n : int
        Length, from 1 to 20.

    Returns
    -------
    ndarray of shape (2**n, n)
        The vectors of :math:`\{-1, 1\}^n`, one a row, in the order of binary numbers.

    Raises
    ------
    ValueError
        If n is not an integer from 1 to 20.

    Notes
    -----
    Memory and time :math:`O(n 2^n)`. Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> sign_vectors(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    n = integer("n", n, most=_MOST_SIGNS)
    bits = (np.arange(2**n)[:, None] >> np.arange(n)[::-1]) & 1
    return 2.0 * bits - 1.0


def expected_supremum(T, *, absolute: bool = False) -> float:
    r"""Compute the complexity of a finite set exactly.

    .. math:: \mathbb{E}_\varepsilon \max_{t \in T} \sum_i \varepsilon_i t_i

    or, with ``absolute``, the same mean of :math:`\max_t |\sum_i \varepsilon_i t_i|`. There is no
    factor :math:`1/n`.

    Parameters
    ----------
    T : array_like of shape (k, n)
        The vectors of the set, one a row, n at most 20.
    absolute : bool
        Whether the sums are taken in absolute value.

    Returns
    -------
    float
        The mean over all :math:`2^n` sign vectors.

    Raises
    ------
    ValueError
        If T is not a finite matrix with at least one row, or n is larger than 20.

    Notes
    -----
    Enumeration, :math:`O(k n 2^n)`. Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> expected_supremum([[1, 1], [-1, -1]])
    1.0
    >>> expected_supremum([[1, 1]]), expected_supremum([[1, 1]], absolute=True)
    (0.0, 1.0)
    """
    T = _finite_set(T)
    sums = sign_vectors(T.shape[1]) @ T.T
    return float((np.abs(sums) if absolute else sums).max(axis=1).mean())


def contraction_sides(
    T,
    phi: Callable | Sequence[Callable],
    *,
    absolute: bool = False,
) -> Contraction:
    r"""Compute both sides of a contraction inequality exactly.

    The sides are the complexities of T and of its image

    .. math:: \{(\phi_1(t_1), \dots, \phi_n(t_n)) : t \in T\}.

    Parameters
    ----------
    T : array_like of shape (k, n)
        The vectors of the set, one a row, n at most 20.
    phi : callable or sequence of n callables
        One function for all coordinates, or one for each. Each is called with an array of
        coordinates and returns an array of the same shape.
    absolute : bool
        Whether the sums are taken in absolute value.

    Returns
    -------
    Contraction
        ``before``, ``after``, ``ratio`` and the set.

    Raises
    ------
    ValueError
        If T is not as ``expected_supremum`` asks, there is not one function for each coordinate, or
        a value of a function is not a finite number of the right shape.
    TypeError
        If ``phi`` is neither callable nor a sequence of callables.

    Notes
    -----
    For functions with Lipschitz constant L the ratio is at most L without absolute values (if
    ``before`` is positive); with absolute values, and functions that vanish at 0, at most 2 L.
    Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> triangle = [[-1, 1, 0], [0, -1, -1], [-1, 0, -1]]
    >>> sides = contraction_sides(triangle, np.abs, absolute=True)
    >>> sides.before, sides.after
    (1.5, 2.0)
    """
    T = _finite_set(T)
    functions = [phi] * T.shape[1] if callable(phi) else list(phi)
    if not all(callable(function) for function in functions):
        raise TypeError("phi: expected a function, or one function for each coordinate")
    if len(functions) != T.shape[1]:
        raise ValueError(f"phi: expected {T.shape[1]} functions, got {len(functions)}")
    image = np.empty_like(T)
    for i, function in enumerate(functions):
        column = np.asarray(function(T[:, i].copy()), dtype=float)
        if column.shape != T[:, i].shape or not np.isfinite(column).all():
            raise ValueError(f"phi: function {i} must return {len(T)} finite numbers")
        image[:, i] = column
    before = expected_supremum(T, absolute=absolute)
    after = expected_supremum(image, absolute=absolute)
    return Contraction(before, after, _ratio(before, after), T)


def _ratio(before: float, after: float) -> float:
    if before == 0:
        return 1.0 if after == 0 else math.copysign(math.inf, after)
    return after / before


def largest_ratio(vectors, *, size: int, phi: Callable = np.abs) -> Contraction:
    r"""Search all small subsets for the largest ratio with absolute values.

    Parameters
    ----------
    vectors : array_like of shape (k, n)
        Where the sets T are taken from, n at most 20.
    size : int
        Every subset with at most this many vectors is tried.
    phi : callable
        One function for all coordinates.

    Returns
    -------
    Contraction
        The first subset with the largest ratio: vectors in the order of ``vectors``, smaller
        subsets before larger ones.

    Raises
    ------
    ValueError
        If ``vectors`` is not as ``expected_supremum`` asks, or ``size`` is not an integer from 1
        to their number.

    Notes
    -----
    The sums of all vectors with all signs are computed once; a subset costs :math:`2^n` maxima.
    Differences of ratios below one part in a billion are taken for rounding.
    Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> edges = [[1, 1, 0], [1, -1, 0], [0, 1, 1], [0, 1, -1], [1, 0, 1], [1, 0, -1]]
    >>> best = largest_ratio(edges, size=3)
    >>> round(best.ratio, 4), best.vectors.astype(int).tolist()
    (1.3333, [[1, 1, 0], [0, 1, 1], [1, 0, -1]])
    """
    vectors = _finite_set(vectors)
    size = integer("size", size, most=len(vectors))
    signs = sign_vectors(vectors.shape[1])
    before = np.abs(signs @ vectors.T)
    after = np.abs(signs @ np.asarray(phi(vectors.copy()), dtype=float).T)
    best, chosen = -math.inf, None
    for count in range(1, size + 1):
        for subset in itertools.combinations(range(len(vectors)), count):
            low = before[:, subset].max(axis=1).mean()
            ratio = _ratio(low, after[:, subset].max(axis=1).mean())
            if chosen is None or ratio > best * (1 + 1e-9):
                best, chosen = ratio, subset
    return contraction_sides(vectors[list(chosen)], phi, absolute=True)


def mean_absolute_sum(n: int) -> float:
    r"""Compute the mean of the absolute value of a sum of n random signs.

    .. math:: \mathbb{E}\,|\varepsilon_1 + \dots + \varepsilon_n| = \frac{2m}{4^m} \binom{2m}{m},
        \qquad m = \lceil n / 2 \rceil

    Parameters
    ----------
    n : int
        Number of signs, at least 1.

    Returns
    -------
    float
        The mean, between :math:`\sqrt{n/2}` (at n = 2) and :math:`\sqrt{n}` (at n = 1); divided by
        :math:`\sqrt{n}` it tends to :math:`\sqrt{2/\pi}`.

    Raises
    ------
    ValueError
        If n is not a positive integer.

    Notes
    -----
    Exact integers, rounded once. Defined in the chapter Rademacher complexity.

    References
    ----------
    * S. J. Szarek, On the best constants in the Khinchin inequality, Studia Mathematica 58, 1976
      (the lower bound, for any weights).

    Examples
    --------
    >>> [mean_absolute_sum(n) for n in (1, 2, 3, 4)]
    [1.0, 1.0, 1.5, 1.5]
    """
    m = -(-integer("n", n) // 2)
    return float(2 * m * math.comb(2 * m, m) / 4**m)
