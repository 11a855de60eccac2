r"""The multi-marginal transport problem of several rows: all rows at once, each free of the others.

For clouds :math:`u^1, \dots, u^s` of m points in :math:`\mathbb{R}^p` with masses 1/m,

.. math:: M = \min_q \sum_{i_1, \dots, i_s} q_{i_1 \dots i_s}
              \sum_{k<l} \|u^k_{i_k} - u^l_{i_l}\|^2,

the minimum over the laws q on s-tuples of indices whose s marginals are uniform.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from openblackbox.arguments import choice, real_array
from openblackbox.meanfield.assignment import assignment_cost

__all__ = [
    "LP_LIMIT",
    "MultimarginalCost",
    "multimarginal_cost",
    "pairwise_w2",
]

LP_LIMIT = 20_000
"""The largest number of s-tuples, m^s, for which the linear program is offered."""
METHODS = ("auto", "lp", "sorted", "bounds")
LARGEST_DIFFERENCE = 1e150
"""Squares of numbers up to this one can be added without overflow."""


@dataclass(frozen=True)
class MultimarginalCost:
    r"""The multi-marginal cost of rows, or an interval that holds it.

    Parameters
    ----------
    lower, upper : float
        :math:`M` lies between them. They are equal if it is known.
    exact : bool
        Whether it is known, up to rounding and the tolerance of the solver.
    method : {"lp", "sorted", "bounds"}
        What found it.

    Notes
    -----
    Defined in the chapter Synchronization of many rows.
    """

    lower: float
    upper: float
    exact: bool
    method: str


def multimarginal_cost(rows, *, method="auto"):
    r"""Find the multi-marginal cost of rows, or an interval that holds it.

    Parameters
    ----------
    rows : array_like, shape (s, m, p)
        The rows, s >= 2.
    method : {"auto", "lp", "sorted", "bounds"}
        "lp": a linear program in m^s variables, for m^s up to 20000. "sorted": on the line, p = 1,
        where sorting all rows is optimal. "bounds": an interval. "auto" takes "sorted" for p = 1,
        "lp" where it is offered, and else "bounds".

    Returns
    -------
    MultimarginalCost
        The cost, or the interval.

    Raises
    ------
    ValueError
        Rows of a wrong shape, or with numbers that are not finite or differ by more than 1e150;
        "sorted" for p > 1; "lp" for more than 20000 tuples, where "bounds" remains.

    Notes
    -----
    Interval. Below: :math:`S = \sum_{k<l} W_2^2(\mu^k, \mu^l)`, because two marginals of a law q
    are a coupling. Above: all rows are assigned to row c, which couples them, and the best c is
    taken. The upper end is at most 2 S. Cost: s (s - 1) / 2 assignment problems.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.multimarginal import multimarginal_cost
    >>> multimarginal_cost([[[0.0], [1.0]], [[1.0], [0.0]], [[3.0], [2.0]]])
    MultimarginalCost(lower=8.0, upper=8.0, exact=True, method='sorted')
    """
    rows = stacked_rows(rows)
    s, m, p = rows.shape
    choice("method", method, METHODS)
    fits = m**s <= LP_LIMIT
    if method == "auto":
        method = "sorted" if p == 1 else ("lp" if fits else "bounds")
    if method == "sorted":
        if p > 1:
            raise ValueError(f"method: expected 'sorted' for p = 1 only, got p = {p}")
        cost = tuple_cost(np.sort(rows, axis=1)).mean()
        return MultimarginalCost(float(cost), float(cost), True, method)
    if method == "lp":
        cost = _linear_program(rows)
        return MultimarginalCost(cost, cost, True, method)
    lower, upper = _bounds(rows)
    return MultimarginalCost(lower, upper, False, method)


def pairwise_w2(rows):
    r"""Compute the squared Wasserstein distances of all pairs of rows.

    Parameters
    ----------
    rows : array_like, shape (s, m, p)
        The rows, s >= 2.

    Returns
    -------
    numpy.ndarray, shape (s, s)
        :math:`W_2^2(\mu^k, \mu^l)`: symmetric, with zeros on the diagonal.

    Raises
    ------
    ValueError
        Rows of a wrong shape, or numbers that are not finite or differ by more than 1e150.

    Notes
    -----
    One assignment problem for each pair. S is half of the sum of all entries.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.multimarginal import pairwise_w2
    >>> pairwise_w2([[[0.0], [1.0]], [[1.0], [0.0]], [[3.0], [2.0]]]).tolist()
    [[0.0, 0.0, 4.0], [0.0, 0.0, 4.0], [4.0, 4.0, 0.0]]
    """
    rows = stacked_rows(rows)
    distances = np.zeros((len(rows), len(rows)))
    for k, other in itertools.combinations(range(len(rows)), 2):
        distances[k, other] = distances[other, k] = assignment_cost(rows[k], rows[other]).cost
    return distances


def stacked_rows(rows):
    """Return rows as an array (s, m, p), s >= 2, no points too far apart, or raise ValueError."""
    rows = real_array("rows", rows)
    if rows.ndim != 3 or len(rows) < 2 or 0 in rows.shape:
        raise ValueError(f"rows: expected shape (s, m, p), s >= 2, m, p >= 1, got {rows.shape}")
    with np.errstate(over="ignore"):
        spread = float(np.abs(rows - rows[0, 0]).max())
    if spread > LARGEST_DIFFERENCE:
        raise ValueError(
            f"rows: expected differences up to {LARGEST_DIFFERENCE:g}, got {spread:.3g}"
        )
    return rows


def tuple_cost(points):
    r"""Return :math:`\sum_{k<l} |x_k - x_l|^2` for points of shape (s, ..., p)."""
    centred = points - points.mean(axis=0)
    return len(points) * (centred**2).sum(axis=(0, -1))


def all_tuples(rows, *, instead):
    """Return all s-tuples of indices, shape (s, m^s), or raise ValueError if they are too many."""
    s, m, _ = rows.shape
    if m**s > LP_LIMIT:
        raise ValueError(
            f"rows: expected m^s at most {LP_LIMIT} for the linear program, got {m}^{s}: {instead}"
        )
    return np.indices((m,) * s).reshape(s, -1)


def incidence(positions, size):
    """Return the 0-1 matrix, shape (size, n), with a one in row ``positions[j]`` of column j."""
    n = len(positions)
    return csr_array((np.ones(n), (positions, np.arange(n))), shape=(size, n))


def solved(costs, equations, right):
    """Return the minimum of a linear program over non-negative variables, and a minimizer."""
    scale = float(costs.max()) or 1.0
    found = linprog(costs / scale, A_eq=equations, b_eq=right, method="highs")
    if found.x is None:
        raise RuntimeError(f"the linear program was not solved: {found.message}")
    return float(found.fun) * scale, found.x


def _linear_program(rows):
    s, m, _ = rows.shape
    tuples = all_tuples(rows, instead="take method='bounds'")
    costs = tuple_cost(rows[np.arange(s)[:, None], tuples])
    marginals = vstack([incidence(indices, m) for indices in tuples])
    return solved(costs, marginals, np.full(s * m, 1 / m))[0]


def _bounds(rows):
    s, lower = len(rows), 0.0
    glued = np.repeat(rows[None], s, axis=0)  # glued[c, k] is row k in the order of row c
    for c, k in itertools.combinations(range(s), 2):
        found = assignment_cost(rows[c], rows[k])
        glued[c, k] = rows[k][found.permutation]
        glued[k, c] = rows[c][np.argsort(found.permutation)]
        lower += found.cost
    upper = min(float(tuple_cost(points).mean()) for points in glued)
    return min(lower, upper), upper
