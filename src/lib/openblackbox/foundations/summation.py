r"""Rounding errors of a network with one input and one hidden layer.

A network :math:`f(x) = \sum_{i=1}^N \eta_i h_i(x)`, :math:`h_i(x) = (w_i x + b_i)_+`, whose terms
are much larger than their sum, loses digits. How many is governed by

.. math:: S(x) = \sum_{i=1}^N |\eta_i| \, h_i(x) .
"""

import numpy as np

from openblackbox.networks import ReLUNetwork

__all__ = ["absolute_sum", "rounding_bound", "sum_in_order"]


def absolute_sum(network: ReLUNetwork, x):
    r"""Return S(x), the sum of the absolute values of the terms of f(x).

    Parameters
    ----------
    network : ReLUNetwork
        One input, one hidden layer, one output, no output bias.
    x : array of shape (n,)
        Points.

    Returns
    -------
    array of shape (n,)
        S at these points, in float64.

    Raises
    ------
    ValueError
        If the network is another one.

    Notes
    -----
    Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.summation import absolute_sum
    >>> from openblackbox.foundations.width import relu_network
    >>> network = relu_network([-1, 0, 1], [1, 0, 1], radius=1, order="left")
    >>> network([[0.5]])[0], absolute_sum(network, [0.5])
    (array([0.5]), array([2.]))
    """
    outer, weights, biases = _parameters(network, np.float64)
    return np.maximum(np.outer(np.asarray(x, float), weights) + biases, 0) @ np.abs(outer)


def sum_in_order(network: ReLUNetwork, x, *, order=None, dtype=np.float32):
    r"""Evaluate a network in a given arithmetic, adding its neurons one after another.

    Parameters
    ----------
    network : ReLUNetwork
        One input, one hidden layer, one output, no output bias.
    x : array of shape (n,)
        Points.
    order : sequence of int, optional
        The positions of the neurons in the order in which they are added; all, as they stand, when
        omitted.
    dtype : floating type
        Parameters, points and every operation are rounded to it.

    Returns
    -------
    array of shape (n,)
        The values, of this type: the same on every machine, whatever its matrix product does.

    Raises
    ------
    ValueError
        If the network is another one, or ``order`` is no order of its neurons.

    Notes
    -----
    Cost: n N operations, and an array of that size. Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.summation import sum_in_order
    >>> from openblackbox.foundations.width import relu_network
    >>> sum_in_order(relu_network([-1, 0, 1], [1, 0, 1], radius=1), [-1, 0.5])
    array([1. , 0.5], dtype=float32)
    """
    outer, weights, biases = _parameters(network, dtype)
    if order is not None:
        order = np.asarray(order)
        if not np.array_equal(np.sort(order, axis=None), np.arange(len(outer))):
            raise ValueError(f"order: expected the numbers from 0 to {len(outer) - 1}")
        outer, weights, biases = outer[order], weights[order], biases[order]
    before = np.multiply.outer(np.asarray(x, dtype), weights) + biases
    return np.add.accumulate(np.maximum(before, 0) * outer, axis=1)[:, -1]


def rounding_bound(network: ReLUNetwork, x, *, dtype=np.float32):
    r"""Bound the rounding error of a network whose hidden weights are 1 or -1.

    Parameters
    ----------
    network : ReLUNetwork
        One input, one hidden layer of N neurons with weights 1 or -1, one output, no output bias.
    x : array of shape (n,)
        Points that are numbers of the type ``dtype``.
    dtype : floating type
        The arithmetic.

    Returns
    -------
    array of shape (n,)
        The bound, in float64, for parameters rounded to the type, whatever the order of the sum.

    Raises
    ------
    ValueError
        If the network is another one, or N times the unit roundoff is too large.

    Notes
    -----
    With the unit roundoff :math:`\epsilon` and :math:`\gamma = (N + 2) \epsilon / (1 - (N + 2)
    \epsilon)`,

    .. math:: |\hat f(x) - f(x)| \le \gamma S(x)
       + (1 + \gamma) \, \epsilon \sum_i |\eta_i| |b_i| .

    Overflow and underflow are left out. Defined in the chapter Universal approximation.

    References
    ----------
    * Higham, Accuracy and Stability of Numerical Algorithms, SIAM, 2002.

    Examples
    --------
    >>> from openblackbox.display import rounded
    >>> from openblackbox.foundations.summation import rounding_bound
    >>> from openblackbox.foundations.width import relu_network
    >>> rounded(rounding_bound(relu_network([-1, 0, 1], [1, 0, 1], radius=1), [0.5]))
    [6.557e-07]
    """
    outer, weights, biases = _parameters(network, np.float64)
    if not (np.abs(weights) == 1).all():
        raise ValueError("network: expected hidden weights 1 or -1")
    unit = float(np.finfo(dtype).eps) / 2
    share = (len(outer) + 2) * unit
    if share >= 1:
        raise ValueError(f"network: {len(outer)} neurons are too many for this type")
    gamma = share / (1 - share)
    return gamma * absolute_sum(network, x) + (1 + gamma) * unit * (np.abs(outer) @ np.abs(biases))


def _parameters(network, dtype):
    """Return outer weights, hidden weights and biases, rounded to a type."""
    sizes = (network.n_inputs, network.n_layers, network.n_outputs)
    if sizes != (1, 2, 1) or network.biases[1].any():
        raise ValueError(
            "network: expected one input, one hidden layer, one output and no output bias, "
            f"got {network!r}"
        )
    arrays = (network.weights[1][0], network.weights[0][:, 0], network.biases[0])
    return tuple(array.astype(dtype) for array in arrays)
