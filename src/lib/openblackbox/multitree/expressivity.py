r"""Expressivity of multitree perceptrons: what an architecture can compute, in exact numbers.

Networks are bias-free, given by their weights, first layer first; their zero patterns must form a
multitree. At a point x, the *active set* of a neuron h is the set of inputs whose path to h is
active: nonzero weights, hidden neurons on, h included. On the set of points with one active set,
:math:`y_h` is one linear function. `active_set_counts` counts the nonempty active sets that occur
near some point. Which neurons and paths can carry a signal at all is in
`openblackbox.multitree.alive`.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from openblackbox.arguments import integer
from openblackbox.multitree.rankone import numeric
from openblackbox.multitree.supports import check_multitree

__all__ = [
    "activatable_probability",
    "active_set_counts",
    "alive_probability",
    "linear_pieces",
]


def active_set_counts(weights: Sequence) -> list[list[int]]:
    r"""Count the nonempty active sets of each hidden neuron.

    .. math:: s_h = \prod_{p} (1 + s_p) - \prod_{p :\, w_{hp} < 0} (1 + s_p)

    over the parents p of h with :math:`w_{hp} \ne 0`; at the first hidden level :math:`s_h = 1` for
    a nonzero row, else 0.

    Parameters
    ----------
    weights : sequence of 2-D array_like
        Real weights of a bias-free multitree perceptron.

    Returns
    -------
    list of lists of int
        For each hidden level, the counts of its neurons, exact integers. A neuron is alive (some
        input switches it on) exactly when its count is positive.

    Raises
    ------
    NotMultitreeError
        Two paths of nonzero weights join two neurons.
    ValueError
        Bad weights, NaN or infinity.
    TypeError
        Complex weights.

    Notes
    -----
    Parents of one neuron see disjoint inputs, so their active sets are chosen independently; the
    neuron is on for a suitable scale of the inputs when a parent of positive weight is on, and
    off otherwise. Cost: linear in the number of weights, in integers of at most as many bits as
    there are neurons in the first hidden level.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> active_set_counts([[[1, 0], [0, 1]], [[1, -1]], [[1]]])  # relu(x1 +) - (x2 +)
    [[1, 1], [2]]
    """
    weights = _signs(weights)
    counts, below = [], None
    for weight in weights[:-1]:
        if below is None:
            level = [int(row.any()) for row in weight]
        else:
            level = [
                prod(1 + below[p] for p in np.flatnonzero(row))
                - prod(1 + below[p] for p in np.flatnonzero(row < 0))
                for row in weight
            ]
        counts.append(level)
        below = level
    return counts


def linear_pieces(weights: Sequence) -> list[int]:
    r"""Count the linear functions of which each output of a network is made.

    .. math:: \text{pieces}_o = \prod_{p :\, w_{op} \ne 0} (1 + s_p) \le 2^{H_1(o)}

    with :math:`s_p` from `active_set_counts` and :math:`H_1(o)` the number of neurons of the first
    hidden level on paths of nonzero weights to the output o.

    Parameters
    ----------
    weights : sequence of 2-D array_like
        Real weights of a bias-free multitree perceptron.

    Returns
    -------
    list of int
        For each output, the number of different linear functions with which it agrees on some open
        set: exact integers. Without hidden layer, one.

    Raises
    ------
    NotMultitreeError
        Two paths of nonzero weights join two neurons.
    ValueError
        Bad weights, NaN or infinity.
    TypeError
        Complex weights.

    Notes
    -----
    Equality holds in the bound when all weights after the first layer are positive: depth adds no
    piece.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> linear_pieces([[[1, 0], [0, 1]], [[1, -1]], [[1]]])  # 0, x1, and x1 - x2
    [3]
    """
    weights = _signs(weights)
    if len(weights) == 1:
        return [1] * len(weights[0])
    below = active_set_counts(weights)[-1]
    return [prod(1 + below[p] for p in np.flatnonzero(row)) for row in weights[-1]]


def alive_probability(n_layers: int, *, fan_in: int = 2, positive: float = 0.5) -> np.ndarray:
    r"""Probability that a hidden neuron of a random bias-free multitree is alive.

    .. math:: p_1 = 1, \qquad p_{l+1} = 1 - (1 - \alpha p_l)^d

    Parameters
    ----------
    n_layers : int
        Number of layers :math:`L \ge 1`.
    fan_in : int, optional
        Number :math:`d` of parents of a neuron.
    positive : float, optional
        Probability :math:`\alpha` that a weight is positive. Weights are independent, nonzero with
        probability one.

    Returns
    -------
    1-D array
        :math:`p_1, \dots, p_{L-1}`.

    Raises
    ------
    ValueError
        An option out of range.

    Notes
    -----
    The survival probability of a branching process with mean :math:`d \alpha`: critical for two
    parents and symmetric weights, where :math:`p_{l+1} = p_l - p_l^2 / 4` and
    :math:`3 / (l + 2) \le p_l \le 4 / (l + 3)`.

    Defined in the chapter Identifiability.

    References
    ----------
    * K. B. Athreya and P. E. Ney, Branching Processes, Springer, 1972.

    Examples
    --------
    >>> alive_probability(4)
    array([1.      , 0.75    , 0.609375])
    """
    _check(n_layers, fan_in, positive)
    values, value = [], 1
    for _ in range(1, n_layers):
        values.append(value)
        value = 1 - (1 - positive * value) ** fan_in
    return np.array(values, dtype=np.float64)


def activatable_probability(n_layers: int, *, fan_in: int = 2, positive: float = 0.5) -> float:
    r"""Probability that a path of a random bias-free multitree is activatable.

    .. math:: q_L = \prod_{l=1}^{L-2} \big( \alpha + (1 - \alpha) (1 - (1 - \alpha p_l)^{d-1}) \big)

    Parameters
    ----------
    n_layers : int
        Number of layers :math:`L \ge 1`.
    fan_in : int, optional
        Number :math:`d` of parents of a neuron.
    positive : float, optional
        Probability :math:`\alpha` that a weight is positive; see `alive_probability`.

    Returns
    -------
    float
        :math:`q_L`: the mean, over random weights, of the fraction of paths that are activatable.

    Raises
    ------
    ValueError
        An option out of range.

    Notes
    -----
    Given that the parent on the path is alive, the next neuron is alive when its weight is
    positive, or when another parent is alive through a positive weight.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> [round(activatable_probability(n), 4) for n in (2, 3, 4, 5)]
    [1.0, 0.75, 0.5156, 0.3364]
    """
    alive = alive_probability(n_layers, fan_in=fan_in, positive=positive)[:-1]
    other = 1 - (1 - positive * alive) ** (fan_in - 1)
    return float(np.prod(positive + (1 - positive) * other))


def _check(n_layers, fan_in, positive):
    """Check the options of a random network."""
    integer("n_layers", n_layers)
    integer("fan_in", fan_in)
    if not 0 <= positive <= 1:
        raise ValueError(f"positive: expected a probability, got {positive!r}")


def _signs(weights) -> list[np.ndarray]:
    """Signs of real weights whose nonzero entries form a multitree: nothing else matters here."""
    arrays = [numeric(f"weights[{layer}]", weight) for layer, weight in enumerate(weights)]
    for layer, array in enumerate(arrays):
        if np.iscomplexobj(array):
            raise TypeError(f"weights[{layer}]: expected real numbers, got dtype {array.dtype}")
    check_multitree(arrays)
    return [np.sign(array).astype(np.int8) for array in arrays]
