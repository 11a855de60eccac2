r"""The assignment of one cloud of points to another, and the Wasserstein distance of the two.

For two clouds of m points in :math:`\mathbb{R}^p` with masses 1/m,

.. math:: W_2^2 = \min_\sigma \frac1m \sum_{i=1}^m \|u_i - v_{\sigma(i)}\|^2,

the minimum over all permutations: a linear assignment problem. SciPy and POT solve it exactly.
"""

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from openblackbox.arguments import choice, real_array
from openblackbox.meanfield.cloud_shapes import FAR, at_the_origin, balanced, tails
from openblackbox.optional import needed_by

__all__ = [
    "Assignment",
    "assignment_cost",
    "dual_potentials",
]

METHODS = ("auto", "scipy", "pot", "sorted")
CROWDED = 3000
"""From so many points in the plane on, augmenting paths are at risk of becoming long."""
CROWDED_WITH_TAILS = 500
"""The same for a cloud with heavy tails."""
HEAVY = 8
"""Quotient of moments from which tails are heavy; 2 for normal points of the plane."""
BALANCED_FROM = 200
"""From so many points on it pays to bring the two clouds to one shape first."""
FEW_ENTRIES = 20
"""Up to so many entries `cdist` is faster for small clouds than a product of matrices."""
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
        on the line, for p = 1 alone. "auto": "sorted" for p = 1; "pot" for p = 2 from 3000 points
        on, or from 500 on if a cloud has heavy tails, if it is installed; else "scipy".

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
    The cheapest permutation depends on the products :math:`u_i \cdot v_{\sigma(i)}` alone. So
    before the m by m costs are formed, the clouds are shifted to one place; from 200 points on
    they are mapped by A and :math:`A^{-1}`, where :math:`A^2` is the optimal map between normal
    laws with their covariances; and the smallest entry of each column is subtracted. None of this
    changes the order of the permutations by cost. It saves up to nine tenths of the solver's time
    where the clouds differ in place, size or shape. Where they are small and nearly equal it does
    not pay: for 50 points the whole, checks included, takes up to 2.4 times as long as the bare
    solver and its costs, less than 0.1 ms more.

    :math:`\sigma` is optimal up to rounding errors of about :math:`10^{-13}` times the square of
    the sizes of the clouds; ``cost`` is computed from the differences
    :math:`u_i - v_{\sigma(i)}` and is exact for this :math:`\sigma`. Ties are broken by the solver.

    "auto" is the rule that the table of ``tests/benchmarks/bench_assignment.py`` suggests: the
    augmenting paths are the faster method, but in the plane they become long, by a factor of 4 for
    2000 points with heavy tails: a mean fourth power of the distance to the centre that is more
    than 8 times the square of the mean second power.

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
    p = u.shape[1]
    choice("method", method, METHODS)
    if method == "sorted" and p > 1:
        raise ValueError(f"method: expected 'sorted' for p = 1 only, got points of {p} entries")
    if method == "auto":
        method = _faster(u, v)
    permutation = _SOLVERS[method](u, v)
    return Assignment(mean_square(u, v[permutation]), permutation, method)


def dual_potentials(u, v):
    r"""Find potentials that certify the assignment cost from below.

    .. math:: f_i + g_j \le C_{ij} = \|u_i - v_j\|^2 \quad \text{for all } i, j,
              \qquad \frac1m \sum_i (f_i + g_i) \le W_2^2,

    with equality at the end, up to rounding.

    Parameters
    ----------
    u, v : array_like, shape (m, p)
        The clouds, one point a row.

    Returns
    -------
    f, g : numpy.ndarray, shape (m,)
        The potentials.
    reduced : numpy.ndarray, shape (m, m)
        :math:`C_{ij} - f_i - g_j`, at least 0 up to one rounding.

    Raises
    ------
    ValueError
        Clouds that do not fit.
    ImportError
        If POT is not installed.

    Notes
    -----
    POT's dual variables g, and then :math:`f_i = \min_j (C_{ij} - g_j)`, so that the inequality
    does not depend on the solver's tolerance. Whatever g is, it certifies a lower bound.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.assignment import dual_potentials
    >>> f, g, reduced = dual_potentials([[0.0], [3.0]], [[1.0], [3.0]])
    >>> float(f.sum() + g.sum()) / 2, bool(reduced.min() >= 0)
    (0.5, True)
    """
    u, v = two_clouds(u, v)
    with needed_by("dual_potentials", "pot"):
        import ot
    ones, costs = np.ones(len(u)), cdist(u, v, "sqeuclidean")
    g = ot.emd(ones, ones, costs, numItermax=MANY_PIVOTS, log=True)[1]["v"]
    reduced = costs - g
    f = reduced.min(axis=1)
    return f, g, reduced - f[:, None]


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
    total = float(np.vdot(differences, differences))
    if 1 / FAR < total < FAR:
        return total / len(u)
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


def _faster(u, v):
    m, p = u.shape
    if p == 1:
        return "sorted"
    if p > 2 or m < CROWDED_WITH_TAILS or not find_spec("ot"):
        return "scipy"
    return "pot" if m >= CROWDED or max(tails(u), tails(v)) > HEAVY else "scipy"


def _costs(u, v):
    """Form a matrix of costs that has the same cheapest permutations as the squared distances.

    Permutations differ in the sum of the products of u_i and v_sigma(i) alone, up to constants: so
    clouds may be shifted apart, scaled apart, and mapped by A and its inverse transpose, and the
    smallest entry of each column may be 0.
    """
    few = len(u) < BALANCED_FROM and u.shape[1] <= FEW_ENTRIES
    costs = cdist(u, v - (v - u).sum(axis=0) / len(u), "sqeuclidean") if few else None
    if not few or not 1 / FAR < costs.sum() < FAR:
        costs = _products(u, v)
    costs -= costs.min(axis=0)
    return costs


def _products(u, v):
    """Return the squared distances up to column constants, from the products of moved points."""
    u, v = at_the_origin(u), at_the_origin(v)
    if len(u) >= BALANCED_FROM:
        u, v = balanced(u, v)
    costs = (-2 * u) @ v.T
    costs += np.einsum("ij,ij->i", u, u)[:, None]
    return costs


def _sorted(u, v):
    permutation = np.empty(len(u), dtype=np.intp)
    permutation[np.argsort(u[:, 0], kind="stable")] = np.argsort(v[:, 0], kind="stable")
    return permutation


def _scipy(u, v):
    return linear_sum_assignment(_costs(u, v))[1]


def _pot(u, v):
    with needed_by("assignment_cost", "pot"):
        import ot
    ones = np.ones(len(u))
    plan, log = ot.emd(ones, ones, _costs(u, v), numItermax=MANY_PIVOTS, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"the solver of POT found no optimum: {log['warning']}")
    return plan.argmax(axis=1)


_SOLVERS = {"sorted": _sorted, "scipy": _scipy, "pot": _pot}
