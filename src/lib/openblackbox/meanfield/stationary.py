r"""The synchronization cost of a law: its limit for many neurons, and for copies of few.

For a law :math:`\mu` of s rows, with a second moment,

.. math:: D_\infty(\mu) = \inf \; \mathbb{E} \sum_{k<l} \|U^k_k - U^l_l\|^2,

the infimum over stationary sequences :math:`U_1, U_2, \dots` whose terms have the law :math:`\mu`;
:math:`U^k_t` is row k of the term t. For the law of m neurons it is a linear program.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import vstack

from openblackbox.meanfield.multimarginal import (
    all_tuples,
    incidence,
    solved,
    stacked_rows,
    tuple_cost,
)

__all__ = ["StationaryCost", "stationary_cost"]


@dataclass(frozen=True)
class StationaryCost:
    r"""The synchronization cost of a law, and the stationary sequence that attains it.

    Parameters
    ----------
    cost : float
        :math:`D_\infty`.
    windows : numpy.ndarray, shape (m,) * s
        The probability that s successive terms of the sequence are the neurons
        :math:`i_1, \dots, i_s`.

    Notes
    -----
    Defined in the chapter Synchronization of many rows.
    """

    cost: float
    windows: np.ndarray


def stationary_cost(rows):
    r"""Compute the synchronization cost of the law of m neurons.

    .. math:: D_\infty = \min_q \sum_{i_1, \dots, i_s} q_{i_1 \dots i_s}
              \sum_{k<l} \|u^k_{i_k} - u^l_{i_l}\|^2,

    the minimum over the laws q on s-tuples of neurons whose first marginal is uniform and for which
    the first s - 1 and the last s - 1 indices have the same law.

    Parameters
    ----------
    rows : array_like, shape (s, m, p)
        The rows, s >= 2.

    Returns
    -------
    StationaryCost
        The cost and q.

    Raises
    ------
    ValueError
        Rows of a wrong shape, numbers that are not finite or differ by more than 1e150, or more
        than 20000 tuples.

    Notes
    -----
    A linear program with m^s variables, solved by HiGHS. It is at most the synchronization cost of
    these m neurons, and equal to that of some number of copies of each.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> from openblackbox.meanfield.stationary import stationary_cost
    >>> from openblackbox.meanfield.synchronization import synchronization_cost
    >>> rows = [[[0.0], [1.0]], [[0.0], [0.0]], [[1.0], [0.0]]]
    >>> round(stationary_cost(rows).cost, 12), synchronization_cost(rows).upper
    (1.0, 2.0)
    """
    rows = stacked_rows(rows)
    s, m, _ = rows.shape
    tuples = all_tuples(rows, instead="synchronization_cost returns a certified interval")
    costs = tuple_cost(rows[np.arange(s)[:, None], tuples])
    shape = (m,) * (s - 1)
    first, last = (np.ravel_multi_index(part, shape) for part in (tuples[:-1], tuples[1:]))
    size = m ** (s - 1)
    equations = vstack([incidence(first, size) - incidence(last, size), incidence(tuples[0], m)])
    right = np.concatenate([np.zeros(size), np.full(m, 1 / m)])
    cost, law = solved(costs, equations, right)
    return StationaryCost(cost, law.reshape((m,) * s))
