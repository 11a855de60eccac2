r"""The cheapest cyclic assignment of two clouds: one ring through all neurons.

.. math:: D(u, v) = \min_\tau \frac1m \sum_{i=1}^m \|u_i - v_{\tau(i)}\|^2,

the minimum over the permutations :math:`\tau` that are one cycle of length m: a travelling
salesman problem whose step from i to j costs :math:`\|u_i - v_j\|^2`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from openblackbox.arguments import integer
from openblackbox.meanfield.assignment import (
    assignment_cost,
    dual_potentials,
    mean_square,
    two_clouds,
)
from openblackbox.meanfield.merging import cycle_labels, merge_cycles

__all__ = ["EXACT_LIMIT", "CyclicCost", "cyclic_cost"]

EXACT_LIMIT = 20
"""The largest m for which the exact method is offered: 80 MB and some seconds."""


@dataclass(frozen=True)
class CyclicCost:
    r"""The cyclic cost of two clouds, or an interval that holds it.

    Parameters
    ----------
    lower, upper : float
        :math:`D` lies between them. They are equal if it is known.
    permutation : numpy.ndarray of int, shape (m,)
        One cycle of length m, of mean cost ``upper``.
    exact : bool
        Whether ``lower`` and ``upper`` are equal because the minimum was found.
    assignment : float
        The minimum over all permutations, :math:`W_2^2`.

    Notes
    -----
    Defined in the chapter Synchronization of two rows.
    """

    lower: float
    upper: float
    permutation: np.ndarray
    exact: bool
    assignment: float


def cyclic_cost(u, v, *, exact_up_to=12):
    r"""Find the cheapest cyclic assignment of two clouds, or an interval that holds its cost.

    Parameters
    ----------
    u, v : array_like, shape (m, p)
        The clouds, one point a row. The order of the rows counts: :math:`u_i` and :math:`v_i`
        belong to one neuron.
    exact_up_to : int
        For m up to this number, at most 20, the minimum is found; above, an interval.

    Returns
    -------
    CyclicCost
        Interval, cyclic permutation, and the cost of the assignment problem.

    Raises
    ------
    ValueError
        Clouds that do not fit, or ``exact_up_to`` above 20: the exact method would need more than
        80 MB; leave it out and take the interval.
    ImportError
        Above ``exact_up_to``, if POT is not installed.

    Notes
    -----
    Exact: dynamic programming over subsets (Held and Karp), :math:`m^2 2^m` operations; and for
    every m where the cheapest assignment is one cycle already.

    Interval. Above: the cycles of a cheapest assignment are merged (`merge_cycles`), which is
    within :math:`\frac{3}{2m} \sum_e |e|^2` of the assignment; then pieces of the ring, of up to
    three neurons, are moved while this lowers the cost. Below: let :math:`f_i + g_j \le C_{ij}` be
    potentials of the assignment problem. A cyclic permutation leaves each cycle S of the
    assignment at least once, so

    .. math:: m D \ge \sum_i (f_i + g_i) + \sum_S \min_{i \in S,\, j \notin S}
              (C_{ij} - f_i - g_j),

    and likewise for the steps that enter S; the better of the two is taken. Neither end needs
    more than the assignment, a spanning tree and passes over an m by m array.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.cyclic import cyclic_cost
    >>> points = [[0.0], [1.0], [3.0]]
    >>> found = cyclic_cost(points, points)
    >>> round(3 * found.upper, 12), found.exact, found.assignment
    (14.0, True, 0.0)
    """
    u, v = two_clouds(u, v)
    limit = integer("exact_up_to", exact_up_to, least=0)
    if limit > EXACT_LIMIT:
        raise ValueError(
            f"exact_up_to: expected at most {EXACT_LIMIT}, got {limit}: the exact method "
            "needs m 2^m numbers in memory; above its limit cyclic_cost returns an interval"
        )
    assignment = assignment_cost(u, v)
    m = len(u)
    if int(cycle_labels(assignment.permutation).max()) == 0:
        cost = assignment.cost
        return CyclicCost(cost, cost, assignment.permutation, True, cost)
    if m <= limit:
        permutation = _held_karp(cdist(u, v, "sqeuclidean"))
        cost = mean_square(u, v[permutation])
        return CyclicCost(cost, cost, permutation, True, assignment.cost)
    permutation = merge_cycles(u, v, assignment.permutation)
    permutation = _shortened(cdist(u, v, "sqeuclidean"), permutation)
    upper = mean_square(u, v[permutation])
    lower = min(max(_lower_bound(u, v, assignment.permutation), assignment.cost), upper)
    return CyclicCost(lower, upper, permutation, False, assignment.cost)


def _held_karp(costs):
    """Return the cheapest cyclic permutation for an m by m matrix of costs, m >= 2.

    ``best[S, j]`` is the cost of the cheapest path from city m - 1 through the set S of other
    cities that ends in j; sets are bit masks, and those of one size are treated together.
    """
    m = len(costs)
    n = m - 1
    cities, masks = np.arange(n), np.arange(1 << n)
    sizes = ((masks[:, None] >> cities) & 1).sum(axis=1)
    best = np.full((1 << n, n), np.inf)
    best[1 << cities, cities] = costs[n, :n]
    for size in range(1, n):
        sets = masks[sizes == size]
        for city in range(n):
            free = sets[(sets >> city) & 1 == 0]
            best[free | (1 << city), city] = (best[free] + costs[:n, city]).min(axis=1)
    permutation = np.empty(m, dtype=np.intp)
    rest, follower = (1 << n) - 1, n
    while rest:
        city = int(np.argmin(best[rest] + costs[:n, follower]))
        permutation[city] = follower
        rest, follower = rest ^ (1 << city), city
    permutation[n] = follower
    return permutation


def _shortened(costs, permutation):
    """Move pieces of a ring, of up to three cities, to other places while that lowers the cost."""
    m, after = len(costs), permutation.copy()
    before, places = np.argsort(after), np.arange(m)
    least = m * np.finfo(float).eps * float(costs.max())
    moved = m > 4
    while moved:
        moved = False
        for start in range(m):
            previous, end, piece = before[start], start, [before[start]]
            for _ in range(3):
                piece.append(end)
                following = after[end]
                rises = costs[:, start] + costs[end, after] - costs[places, after]
                rises[piece] = np.inf
                place = int(np.argmin(rises))
                saved = costs[previous, start] + costs[end, following] - costs[previous, following]
                if rises[place] < saved - least:
                    after[[previous, end, place]] = following, after[place], start
                    before[after[[previous, end, place]]] = previous, end, place
                    moved = True
                    break
                end = following
    return after


def _lower_bound(u, v, permutation):
    """Bound the cyclic cost from below, by potentials and the cycles of the assignment."""
    rows, columns, reduced = dual_potentials(u, v)
    labels = cycle_labels(permutation)
    outside = np.where(labels[:, None] == labels, np.inf, reduced)
    ways = []
    for least in (outside.min(axis=1), outside.min(axis=0)):
        of_cycles = np.full(int(labels.max()) + 1, np.inf)
        np.minimum.at(of_cycles, labels, least)
        ways.append(of_cycles.sum())
    return float(rows.sum() + columns.sum() + max(ways)) / len(u)
