r"""What it costs to synchronize the rows of a network.

For rows :math:`u^1, \dots, u^s`, each of m points in :math:`\mathbb{R}^p`,

.. math:: D = \min_\sigma D_\sigma, \qquad D_\sigma = \frac1m \sum_{i=1}^m \sum_{k<l}
              \|u^k_{\sigma^k(i)} - u^l_{\sigma^l(i)}\|^2,

the minimum over permutations of the m neurons, or over those that are one cycle. The shift cost P
is one assignment problem, and D is P up to explicit constants.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from openblackbox.arguments import integer
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.merging import merge_cycles, permutation_array
from openblackbox.meanfield.multimarginal import stacked_rows, tuple_cost

__all__ = [
    "EXACT_LIMIT",
    "SynchronizationCost",
    "gap_costs",
    "permutation_cost",
    "shift_constants",
    "shift_cost",
    "synchronization_cost",
]

EXACT_LIMIT = 9
"""The largest m for which permutations are enumerated: 362880 of them, some hundred MB."""


@dataclass(frozen=True)
class SynchronizationCost:
    r"""The synchronization cost of rows, or an interval that holds it.

    Parameters
    ----------
    lower, upper : float
        :math:`D` lies between them. They are equal if it is known.
    permutation : numpy.ndarray of int, shape (m,)
        :math:`\sigma` with :math:`D_\sigma` equal to ``upper``.
    exact : bool
        Whether the minimum was found.
    shift : float
        The shift cost P.

    Notes
    -----
    Defined in the chapter Synchronization of many rows.
    """

    lower: float
    upper: float
    permutation: np.ndarray
    exact: bool
    shift: float


def synchronization_cost(rows, *, exact_up_to=7, cyclic=False):
    r"""Find the synchronization cost of rows, or a certified interval.

    Parameters
    ----------
    rows : array_like, shape (s, m, p)
        The rows, s >= 2. Their order counts: row k is read k steps further.
    exact_up_to : int
        For m up to this number, at most 9, all permutations are tried; above, an interval.
    cyclic : bool
        Whether only permutations that are one cycle of length m are admitted.

    Returns
    -------
    SynchronizationCost
        The cost or the interval, a permutation for its upper end, and the shift cost.

    Raises
    ------
    ValueError
        Rows of a wrong shape, or with numbers that are not finite or differ by more than 1e150;
        ``exact_up_to`` above 9: leave it out and take the interval.

    Notes
    -----
    Interval. Below: the larger of :math:`s P / (4 \cos^2(\pi / 2s))` and of the sum of the gap
    costs (`gap_costs`). Above: :math:`D_\sigma` for the permutation of the assignment problem of P,
    which is at most :math:`s P / (4 \sin^2(\pi / 2s))`; with ``cyclic``, its cycles are merged
    first, and the upper end has this bound no more. Cost: s - 1 assignment problems.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.synchronization import synchronization_cost
    >>> found = synchronization_cost([[[0.0], [1.0]], [[0.0], [1.0]], [[1.0], [0.0]]])
    >>> found.lower, found.upper, found.exact, found.shift
    (2.0, 2.0, True, 1.0)
    """
    rows = stacked_rows(rows)
    limit = integer("exact_up_to", exact_up_to, least=0)
    if limit > EXACT_LIMIT:
        raise ValueError(
            f"exact_up_to: expected at most {EXACT_LIMIT}, got {limit}: all m! permutations "
            "are tried; above this limit synchronization_cost returns a certified interval"
        )
    if not isinstance(cyclic, bool):
        raise ValueError(f"cyclic: expected True or False, got {cyclic!r}")
    s, m, _ = rows.shape
    shift = shift_cost(rows)
    if m <= limit:
        order = _enumerated(_gap_matrices(rows), cyclic=cyclic)
        cost = permutation_cost(rows, order)
        return SynchronizationCost(cost, cost, order, True, shift.cost)
    order = shift.permutation
    if cyclic:
        order = merge_cycles(*_windows(rows, 1), order)
    upper = permutation_cost(rows, order)
    further = [_gap_cost(rows, gap) for gap in range(2, s)]
    lower = max(shift_constants(s)[0] * shift.cost, float(np.sum([shift.cost, *further])))
    return SynchronizationCost(min(lower, upper), upper, order, False, shift.cost)


def shift_cost(rows):
    r"""Compute the shift cost of rows, which is one assignment problem.

    .. math:: P = W_2^2\big(\mu^{(1, \dots, s-1)}, \mu^{(2, \dots, s)}\big)
              = \min_\sigma \frac1m \sum_{i=1}^m \sum_{k=1}^{s-1} \|u^k_i - u^{k+1}_{\sigma(i)}\|^2

    Parameters
    ----------
    rows : array_like, shape (s, m, p)
        The rows, s >= 2.

    Returns
    -------
    Assignment
        Its ``cost`` is P, its ``permutation`` the best one.

    Raises
    ------
    ValueError
        Rows of a wrong shape, or numbers that are not finite or differ by more than 1e150.

    Notes
    -----
    `assignment_cost` of two clouds of m points in dimension (s - 1) p. P is convex in the joint law
    of the rows, does not change when each neuron is copied, and is 0 exactly if D is.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.synchronization import shift_cost
    >>> shift_cost([[[0.0], [1.0]], [[0.0], [1.0]], [[1.0], [0.0]]]).cost
    1.0
    """
    return assignment_cost(*_windows(stacked_rows(rows), 1))


def gap_costs(rows):
    r"""Compute the distances of the windows at each gap.

    .. math:: P_g = W_2^2\big(\mu^{(1, \dots, s-g)}, \mu^{(g+1, \dots, s)}\big),
              \qquad g = 1, \dots, s - 1

    Parameters
    ----------
    rows : array_like, shape (s, m, p)
        The rows, s >= 2.

    Returns
    -------
    numpy.ndarray, shape (s - 1,)
        :math:`P_1, \dots, P_{s-1}`; the first is :math:`P`, the last is
        :math:`W_2^2(\mu^1, \mu^s)`.

    Raises
    ------
    ValueError
        Rows of a wrong shape, or numbers that are not finite or differ by more than 1e150.

    Notes
    -----
    Their sum is at most D, because :math:`D_\sigma` is a sum over g of the costs of
    :math:`\sigma^g` between the windows. Cost: s - 1 assignment problems.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.synchronization import gap_costs
    >>> gap_costs([[[0.0], [1.0]], [[0.0], [1.0]], [[1.0], [2.0]]]).tolist()
    [1.0, 1.0]
    """
    rows = stacked_rows(rows)
    return np.array([_gap_cost(rows, gap) for gap in range(1, len(rows))])


def permutation_cost(rows, permutation):
    r"""Compute :math:`D_\sigma` of one permutation.

    Parameters
    ----------
    rows : array_like, shape (s, m, p)
        The rows, s >= 2.
    permutation : array_like of int, shape (m,)
        :math:`\sigma`: each of 0, ..., m - 1 once.

    Returns
    -------
    float
        :math:`D_\sigma`.

    Raises
    ------
    ValueError
        Rows of a wrong shape, numbers that are not finite or differ by more than 1e150, or no
        permutation of m numbers.

    Notes
    -----
    Cost: s m p. Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.synchronization import permutation_cost
    >>> permutation_cost([[[0.0], [1.0]], [[0.0], [1.0]], [[1.0], [0.0]]], [0, 1])
    2.0
    """
    rows = stacked_rows(rows)
    order = permutation_array(permutation, size=rows.shape[1])
    place, orbit = np.arange(len(order)), []
    for row in rows:
        place = order[place]
        orbit.append(row[place])
    return float(tuple_cost(np.array(orbit)).mean())


def shift_constants(s):
    r"""Compute the constants between the synchronization cost and the shift cost.

    .. math:: \frac{s}{4 \cos^2(\pi / 2s)} P \le D \le \frac{s}{4 \sin^2(\pi / 2s)} P

    Parameters
    ----------
    s : int
        The number of rows, at least 2.

    Returns
    -------
    lower, upper : float
        The constants. Both are attained.

    Raises
    ------
    ValueError
        If ``s`` is not an integer of at least 2.

    Notes
    -----
    s divided by the largest and by the smallest positive eigenvalue of the Laplacian of a path with
    s vertices. Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.synchronization import shift_constants
    >>> [round(c, 12) for c in shift_constants(3)]
    [1.0, 3.0]
    """
    s = integer("s", s, least=2)
    angle = math.pi / (2 * s)
    return s / (4 * math.cos(angle) ** 2), s / (4 * math.sin(angle) ** 2)


def _windows(rows, gap):
    """Return the windows (1, ..., s - g) and (g + 1, ..., s) of each neuron as two clouds."""
    m = rows.shape[1]
    return tuple(x.transpose(1, 0, 2).reshape(m, -1) for x in (rows[:-gap], rows[gap:]))


def _gap_cost(rows, gap):
    return assignment_cost(*_windows(rows, gap)).cost


def _gap_matrices(rows):
    """Return the m by m costs between the windows at each gap: D is a sum over their gaps."""
    return [cdist(*_windows(rows, gap), "sqeuclidean") for gap in range(1, len(rows))]


def _enumerated(matrices, *, cyclic):
    """Return the best permutation, of all or of those with one cycle, by trying them."""
    m = len(matrices[0])
    orders = np.array(list(itertools.permutations(range(m))), dtype=np.intp)
    places = np.arange(m)
    if cyclic:
        orders = orders[_is_cycle(orders)]
    costs, power = np.zeros(len(orders)), np.broadcast_to(places, orders.shape)
    for matrix in matrices:
        power = np.take_along_axis(orders, power, axis=1)
        costs += matrix[places, power].sum(axis=1)
    return orders[int(np.argmin(costs))]


def _is_cycle(orders):
    """Tell which permutations, one a line, return to 0 after m steps and not before."""
    place = orders[:, 0]
    single = np.ones(len(orders), dtype=bool)
    for _ in range(orders.shape[1] - 1):
        single &= place != 0
        place = orders[np.arange(len(orders)), place]
    return single
