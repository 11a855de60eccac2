r"""Weight decay and the path penalty of one hidden layer of ReLU, related by rescaling.

Weight decay, :math:`\sum_j \alpha\eta_j^2 + c_j^2`, changes along the orbit of a rescaling; its
infimum there is the path penalty, :math:`2\sqrt\alpha \sum_j |\eta_j| c_j`. The network itself is a
`openblackbox.foundations.one_hidden_layer.OneHiddenLayer`.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import number, real_array
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer, inner_sizes

__all__ = [
    "Balanced",
    "balance",
    "dead_directions",
    "normalise",
    "path_penalty",
    "reduce_neurons",
    "weight_decay",
]


def weight_decay(net, *, alpha=1.0, radius=1.0):
    r"""Weight decay of the notes, :math:`\sum_j \alpha \eta_j^2 + c_j^2`.

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.
    alpha : float
        Weight :math:`\alpha > 0` of the outer weights.
    radius : float
        Radius M > 0 of the data.

    Returns
    -------
    float
        The penalty. Rescaling changes it.

    Raises
    ------
    ValueError
        An `alpha` or a `radius` that is not positive and finite.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.homogeneity import weight_decay
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> weight_decay(OneHiddenLayer([2.0], [[3.0]], [1.0]), alpha=4.0)
    26.0
    """
    alpha = number("alpha", alpha)
    return float(np.sum(alpha * net.eta**2 + inner_sizes(net, radius=radius) ** 2))


def path_penalty(net, *, alpha=1.0, radius=1.0):
    r"""Infimum of weight decay over all rescalings, :math:`2\sqrt\alpha \sum_j |\eta_j| c_j`.

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.
    alpha : float
        Weight :math:`\alpha > 0` of the outer weights in weight decay.
    radius : float
        Radius M > 0 of the data.

    Returns
    -------
    float
        The penalty. Rescaling leaves it.

    Raises
    ------
    ValueError
        An `alpha` or a `radius` that is not positive and finite.

    Notes
    -----
    The notes print :math:`2 |\eta_j| c_j`, which is the value at :math:`\alpha = 1`.

    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.homogeneity import path_penalty
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> path_penalty(OneHiddenLayer([-2.0], [[3.0]], [4.0]), alpha=4.0)
    40.0
    """
    alpha = number("alpha", alpha)
    sizes = inner_sizes(net, radius=radius)
    return float(2 * np.sqrt(alpha) * np.sum(np.abs(net.eta) * sizes))


def dead_directions(net):
    r"""Neurons whose weights are zero on exactly one side: they do nothing, and decay would shrink.

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.

    Returns
    -------
    ndarray of bool, shape (m,)
        True where either :math:`\eta_j = 0` or :math:`(w_j, b_j) = 0`, not both.

    Notes
    -----
    On the orbit of such a neuron weight decay has infimum 0, and no point of the orbit attains it.

    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.homogeneity import dead_directions
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> dead_directions(OneHiddenLayer([1.0, 0.0, 0.0], [[0.0], [2.0], [0.0]], [0.0, 0.0, 0.0]))
    array([ True,  True, False])
    """
    inner = net.w.any(axis=1) | (net.b != 0)
    return (net.eta != 0) ^ inner


@dataclass(frozen=True, eq=False)
class Balanced:
    """What `balance` returns.

    Parameters
    ----------
    network : OneHiddenLayer
        The balanced network.
    scales : ndarray, shape (m,)
        The scales that lead to it; 1 for neurons that are zero, NaN for dead directions.
    attained : bool
        Whether it lies on the orbit: False if there are dead directions.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.
    """

    network: OneHiddenLayer
    scales: np.ndarray
    attained: bool


def balance(net, *, alpha=1.0, radius=1.0):
    r"""Rescale a network so that weight decay is smallest.

    .. math:: a_j^2 = \frac{c_j}{\sqrt\alpha\,|\eta_j|}, \qquad \text{then} \quad
       \sqrt\alpha\,|\eta_j| = c_j .

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.
    alpha : float
        Weight :math:`\alpha > 0` of the outer weights.
    radius : float
        Radius M > 0 of the data.

    Returns
    -------
    Balanced
        The network with the same function and the smallest weight decay, which is its path penalty.
        A dead direction becomes zero: the limit of its orbit, and not on it.

    Raises
    ------
    ValueError
        An `alpha` or a `radius` that is not positive and finite.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.homogeneity import balance
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> balanced = balance(OneHiddenLayer([1.0], [[16.0]], [0.0]))
    >>> balanced.scales, balanced.network.eta, balanced.network.w
    (array([4.]), array([4.]), array([[4.]]))
    """
    alpha = number("alpha", alpha)
    sizes, dead = inner_sizes(net, radius=radius), dead_directions(net)
    live = (net.eta != 0) & ~dead
    scales = np.where(dead, np.nan, 1.0)
    scales[live] = np.sqrt(sizes[live]) / np.sqrt(np.abs(net.eta[live])) / alpha**0.25
    used = np.where(dead, 1.0, scales)
    keep = (~dead).astype(float)
    network = OneHiddenLayer(
        keep * net.eta * used, keep[:, None] * net.w / used[:, None], keep * net.b / used
    )
    return Balanced(network, scales, not dead.any())


def normalise(net, *, radius=1.0):
    r"""Put the inner weights on the sphere :math:`\|w_j\|^2 + b_j^2/M^2 = 1`.

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.
    radius : float
        Radius M > 0 of the data.

    Returns
    -------
    OneHiddenLayer
        The same function, with outer weights :math:`\eta_j c_j`. A neuron with
        :math:`(w_j, b_j) = 0` has no direction; it becomes 0 times the constant neuron (0, M).

    Raises
    ------
    ValueError
        A radius that is not positive and finite.

    Notes
    -----
    Its path penalty is :math:`2\sqrt\alpha\,\|\eta\|_1`.

    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.homogeneity import normalise
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> unit = normalise(OneHiddenLayer([2.0], [[3.0]], [4.0]))
    >>> unit.eta, unit.w, unit.b
    (array([10.]), array([[0.6]]), array([0.8]))
    """
    sizes = inner_sizes(net, radius=radius)
    zero = sizes == 0
    used = np.where(zero, 1.0, sizes)
    b = np.where(zero, float(radius), net.b / used)
    return OneHiddenLayer(net.eta * sizes, net.w / used[:, None], b)


def reduce_neurons(net, x, *, radius=1.0):
    r"""At most n neurons with the same values at n points, and no larger path penalty.

    Parameters
    ----------
    net : OneHiddenLayer
        m neurons.
    x : array_like, shape (n, d)
        The points.
    radius : float
        Radius M > 0 of the data.

    Returns
    -------
    OneHiddenLayer
        At most max(n, 1) neurons with :math:`c_j = 1`. Their directions are among those of `net`,
        their outer weights keep the signs, and :math:`\|\eta\|_1` is at most the path norm
        :math:`\sum_j |\eta_j| c_j` of `net`. Away from the points the function may change.

    Raises
    ------
    ValueError
        Points of another dimension, no point, NaN or infinity; a bad `radius`.

    Notes
    -----
    Caratheodory's argument: while there are more than n neurons, their vectors of values at the
    points are linearly dependent. Moving the outer weights along a dependence, in the direction
    that does not increase their sum of absolute values, keeps all values; the first weight to
    vanish is dropped. Cost: one SVD of size n x (n + 1) for each neuron dropped.

    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.homogeneity import reduce_neurons
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> twice = OneHiddenLayer([1.0, 2.0], [[1.0], [1.0]], [0.0, 0.0])
    >>> reduce_neurons(twice, [[0.5]]).eta
    array([3.])
    """
    unit = normalise(net, radius=radius)
    x = real_array("x", x, ndim=2)
    n = len(x)
    if n < 1:
        raise ValueError("x: expected at least one point, got none")
    values = unit.hidden(x) * np.sign(unit.eta)  # columns: what each unit of |eta_j| adds
    size = np.abs(unit.eta)
    keep = np.flatnonzero(size)
    while len(keep) > n:
        few = keep[: n + 1]
        move = np.linalg.svd(values[:, few])[2][-1]  # values[:, few] @ move = 0, move not 0
        if move.sum() < 0:
            move = -move
        up = np.flatnonzero(move > 0)  # not empty: the sum is nonnegative and move is not 0
        ratios = size[few[up]] / move[up]
        first = np.argmin(ratios)
        size[few] = np.maximum(size[few] - ratios[first] * move, 0)
        size[few[up[first]]] = 0  # exactly, whatever the rounding
        keep = np.flatnonzero(size)
    keep = keep if len(keep) else np.array([0])
    return OneHiddenLayer((np.sign(unit.eta) * size)[keep], unit.w[keep], unit.b[keep])
