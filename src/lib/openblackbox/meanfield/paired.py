r"""Differences of two models on the same tasks, and what they allow one to conclude."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

from openblackbox.arguments import real_array

__all__ = ["PairedDifference", "paired_difference", "select"]

MOST = 20
"""The largest number of pairs for which all sign flips are tried."""


@dataclass(frozen=True)
class PairedDifference:
    r"""The mean of n differences.

    Parameters
    ----------
    mean : float
        :math:`\bar d`.
    error : float
        The standard error :math:`s_d/\sqrt n`.
    low, high : float
        Ends of the interval :math:`\bar d \pm t_{n-1}\,s_d/\sqrt n` of level 95 %.
    p : float
        The share of the :math:`2^n` choices of signs with
        :math:`|\sum_i \varepsilon_i d_i| \ge |\sum_i d_i|`.

    Notes
    -----
    Defined in the chapter Training synchronized networks.
    """

    mean: float
    error: float
    low: float
    high: float
    p: float


def paired_difference(first, second):
    r"""Compare two models on the same n tasks, :math:`d_i = x_i - y_i`.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        The errors :math:`x_i` and :math:`y_i`, :math:`2 \le n \le 20`.

    Returns
    -------
    PairedDifference
        Mean, standard error, interval and the p-value of the sign flips.

    Raises
    ------
    ValueError
        Numbers that are not finite, different lengths, fewer than 2 or more than 20 pairs.

    Notes
    -----
    The interval is exact for normal differences. The p-value is valid when each difference is
    symmetric about 0 under the hypothesis, and it is never below :math:`2^{1-n}`. Sums that differ
    by a rounding error count as equal. Cost: all :math:`2^n` sums, one after the other.

    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.paired import paired_difference
    >>> found = paired_difference([3.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    >>> found.mean, round(found.error, 4), found.p
    (2.0, 0.5774, 0.25)
    """
    first, second = real_array("first", first, ndim=1), real_array("second", second, ndim=1)
    n = len(first)
    if len(second) != n:
        raise ValueError(f"second: expected {n} errors, as in first, got {len(second)}")
    if not 2 <= n <= MOST:
        raise ValueError(f"first: expected from 2 to {MOST} errors, got {n}")
    d = first - second
    mean, error = float(d.mean()), float(d.std(ddof=1) / np.sqrt(n))
    half = float(student_t.ppf(0.975, n - 1)) * error
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    p = float(np.mean(np.abs(sums) >= abs(d.sum()) - 1e-12 * np.abs(d).sum()))
    return PairedDifference(mean, error, mean - half, mean + half, p)


def select(table, column, **where):
    r"""Pick the values of a column in the rows that have given values in others.

    Parameters
    ----------
    table : dict from str to list
        As `openblackbox.study.read_study` returns it.
    column : str
        What to pick.
    **where
        Names of columns, and the value that each must have.

    Returns
    -------
    numpy.ndarray
        The values, in the order of the rows; None becomes nan.

    Raises
    ------
    ValueError
        A name that is no column, or no row that fits.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.paired import select
    >>> select({"seed": [0, 0, 1], "who": ["a", "b", "a"], "e": [1.0, 2.0, 3.0]}, "e", who="a")
    array([1., 3.])
    """
    for name in (column, *where):
        if name not in table:
            raise ValueError(f"column: expected one of {', '.join(table)}, got {name!r}")
    rows = [
        k
        for k in range(len(table[column]))
        if all(table[name][k] == value for name, value in where.items())
    ]
    if not rows:
        raise ValueError(f"where: expected values of some row, got {where}")
    return np.array([table[column][k] for k in rows], dtype=float)
