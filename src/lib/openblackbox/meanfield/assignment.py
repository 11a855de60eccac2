r"""The assignment of one cloud of points to another, and the Wasserstein distance of the two.

For two clouds of m points in :math:`\mathbb{R}^p` with masses 1/m,

.. math:: W_2^2 = \min_\sigma \frac1m \sum_{i=1}^m \|u_i - v_{\sigma(i)}\|^2,

the minimum over all permutations: a linear assignment problem. SciPy and POT solve it exactly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from openblackbox.arguments import choice, real_array
from openblackbox.optional import needed_by

__all__ = ["Assignment", "assignment_cost", "faster_method", "squared_distances"]

METHODS = ("auto", "scipy", "pot", "sorted")
CROWDED = 3000
"""From so many points on, in dimension 2 and 3, the simplex method of POT is the faster one."""
MANY_PIVOTS = 2**40
"""A limit on pivots that is never met; with POT's own, large problems end without an optimum."""


@dataclass(frozen=True)
class Assignment:
    r"""A cheapest assignment of one cloud to another.

    Parameters
    ----------
    cost : float
        :math:`W_2^2 = \frac1m \sum_i \|u_i - v_{\sigma(i)}\|^2`: the square of the distance.
    permutation : numpy.ndarray of int, shape (m,)
        :math:`\sigma`, from 0: point i of the first cloud goes to point ``permutation[i]`` of the
        second.
    method : {"sorted", "scipy", "pot"}
        What found it.

    Notes
    -----
    Defined in the chapter Synchronization of two rows.
    """

    cost: float
    permutation: np.ndarray
    method: str


def assignment_cost(u, v, *, method="auto"):
    r"""Solve the assignment problem of two clouds, exactly.

    .. math:: \frac1m \min_{\sigma \in \mathcal S(m)} \sum_{i=1}^m \|u_i - v_{\sigma(i)}\|^2
              = W_2^2\Big(\frac1m \sum_i \delta_{u_i}, \frac1m \sum_i \delta_{v_i}\Big)

    Parameters
    ----------
    u, v : array_like, shape (m, p)
        The clouds, one point a row.
    method : {"auto", "scipy", "pot", "sorted"}
        "scipy": shortest augmenting paths; "pot": the network simplex of POT; "sorted": the order
        on the line, for p = 1 alone. "auto" takes the faster one, by `faster_method`.

    Returns
    -------
    Assignment
        Its ``cost`` is the square of the Wasserstein distance.

    Raises
    ------
    ValueError
        Clouds of different sizes (that is, unequal masses) or dimensions, an empty cloud, numbers
        that are not finite or whose squares are not, "sorted" in dimension 2 or more.
    ImportError
        If "pot" is chosen and POT is not installed.

    Notes
    -----
    The clouds are shifted and scaled before the m by m squared distances are formed by one product
    of matrices. So :math:`\sigma` is optimal up to rounding errors of about :math:`10^{-15}`
    times the square of the largest distance; ``cost`` is computed from the differences
    :math:`u_i - v_{\sigma(i)}` and is exact for this :math:`\sigma`. Ties are broken by the solver.

    The smallest entry of each column is subtracted before SciPy's solver starts, which changes the
    cost of every permutation by the same number and saves half of its time or more from p = 4 on.
    Cost: one m by m array, and time of order :math:`m^3` at worst, less on random clouds;
    m log m on the line.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.assignment import assignment_cost
    >>> found = assignment_cost([[0.0, 0.0], [3.0, 0.0]], [[3.0, 1.0], [0.0, 2.0]])
    >>> found.cost, found.permutation.tolist(), found.method
    (2.5, [1, 0], 'scipy')
    """
    u, v = two_clouds(u, v)
    m, p = u.shape
    choice("method", method, METHODS)
    if method == "sorted" and p > 1:
        raise ValueError(f"method: expected 'sorted' for p = 1 only, got points of {p} entries")
    if method == "auto":
        method = faster_method(m, p)
    permutation = _SOLVERS[method](u, v)
    return Assignment(mean_square(u, v[permutation]), permutation, method)


def faster_method(m, p):
    """Name the method that is the faster one on random clouds of m points in dimension p.

    Parameters
    ----------
    m, p : int
        Number of points, dimension.

    Returns
    -------
    {"sorted", "scipy", "pot"}
        "sorted" for p = 1; "pot" for p = 2 and 3 from 3000 points on, if POT is installed; else
        "scipy".

    Notes
    -----
    Measured: in low dimension the augmenting paths of SciPy become long. The table of
    ``tests/benchmarks/bench_assignment.py`` has the times of both.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.assignment import faster_method
    >>> faster_method(100, 1), faster_method(100, 2), faster_method(4000, 100)
    ('sorted', 'scipy', 'scipy')
    """
    if p == 1:
        return "sorted"
    return "pot" if m >= CROWDED and p <= 3 and _has_pot() else "scipy"


def squared_distances(u, v):
    r"""Form the matrix of squared distances :math:`C_{ij} = \|u_i - v_j\|^2`.

    Parameters
    ----------
    u : array_like, shape (m, p)
        Points, one a row.
    v : array_like, shape (n, p)
        Points, one a row.

    Returns
    -------
    numpy.ndarray, shape (m, n)
        The squared distances.

    Raises
    ------
    ValueError
        Points of different dimensions, no point, or numbers that are not finite.

    Notes
    -----
    From differences, so that small distances keep their digits. Cost: m n p operations and as many
    numbers in memory at once.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.assignment import squared_distances
    >>> squared_distances([[0.0, 0.0], [1.0, 0.0]], [[3.0, 4.0]])
    array([[25.],
           [20.]])
    """
    u, v = _cloud("u", u), _cloud("v", v)
    _same_dimension(u, v)
    return ((u[:, None] - v[None]) ** 2).sum(axis=2)


def two_clouds(u, v):
    """Return two clouds of m points in one dimension as arrays (m, p), or raise ValueError."""
    u, v = _cloud("u", u), _cloud("v", v)
    if len(v) != len(u):
        raise ValueError(
            f"v: expected {len(u)} points as in u, got {len(v)}: unequal masses, "
            "which need a transport plan (ot.emd2) and not a permutation"
        )
    _same_dimension(u, v)
    return u, v


def mean_square(u, v):
    """Return the mean of the squared distances of the rows, without early overflow."""
    differences = u - v
    scale = float(np.abs(differences).max())
    if scale == 0:
        return 0.0
    cost = float(((differences / scale) ** 2).sum() / len(u)) * scale * scale
    if not np.isfinite(cost):
        raise ValueError(f"u, v: expected distances with finite squares, got {scale:.3g}")
    return cost


def _cloud(name, points):
    points = real_array(name, points, ndim=2)
    if 0 in points.shape:
        raise ValueError(
            f"{name}: expected at least one point with one entry, got shape {points.shape}"
        )
    return points


def _same_dimension(u, v):
    if v.shape[1] != u.shape[1]:
        raise ValueError(f"v: expected points of {u.shape[1]} entries as in u, got {v.shape[1]}")


def _has_pot():
    from importlib.util import find_spec

    return find_spec("ot") is not None


def _costs(u, v):
    """Form squared distances by one matrix product, of clouds brought to the origin and to scale.

    Shift and scale change the cost of all permutations alike.
    """
    scale = max(float(np.abs(u).max()), float(np.abs(v).max())) or 1.0
    u, v = u / scale, v / scale
    centre = (u.mean(axis=0) + v.mean(axis=0)) / 2
    u, v = u - centre, v - centre
    spread = max(float(np.abs(u).max()), float(np.abs(v).max())) or 1.0
    u, v = u / spread, v / spread
    costs = u @ (-2 * v.T)
    costs += (u**2).sum(axis=1)[:, None]
    costs += (v**2).sum(axis=1)
    return costs


def _sorted(u, v):
    permutation = np.empty(len(u), dtype=np.intp)
    permutation[np.argsort(u[:, 0], kind="stable")] = np.argsort(v[:, 0], kind="stable")
    return permutation


def _scipy(u, v):
    costs = _costs(u, v)
    costs -= costs.min(axis=0)
    return linear_sum_assignment(costs)[1]


def _pot(u, v):
    with needed_by("assignment_cost", "pot"):
        import ot
    ones = np.ones(len(u))
    plan, log = ot.emd(ones, ones, _costs(u, v), numItermax=MANY_PIVOTS, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"the solver of POT found no optimum: {log['warning']}")
    return plan.argmax(axis=1)


_SOLVERS = {"sorted": _sorted, "scipy": _scipy, "pot": _pot}
