r"""One hidden layer of ReLU in the form of the lecture notes, and its rescaling symmetry.

A network is :math:`f(x) = \sum_j \eta_j (w_j \cdot x + b_j)_+`. The size of the inner weights of
neuron j is :math:`c_j = (\|w_j\|^2 + b_j^2 / M^2)^{1/2}`, with M the radius of the data.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import number, real_array
from openblackbox.frozen import freeze
from openblackbox.networks import ReLUNetwork

__all__ = ["OneHiddenLayer", "inner_sizes", "rescale"]


@dataclass(frozen=True, eq=False)
class OneHiddenLayer:
    r"""A network with one hidden layer of m neurons, d inputs, one output and no output bias.

    .. math:: f(x) = \sum_{j=1}^m \eta_j (w_j \cdot x + b_j)_+

    Parameters
    ----------
    eta : array_like, shape (m,)
        Outer weights :math:`\eta_j`.
    w : array_like, shape (m, d)
        Inner weights; row j is :math:`w_j`.
    b : array_like, shape (m,)
        Biases :math:`b_j`.

    Raises
    ------
    ValueError
        Shapes that do not fit, no neuron, NaN or infinity, something else than real numbers.

    Notes
    -----
    Calling the network on points of shape (n, d) gives n values. ``network()`` is the same function
    as a `openblackbox.networks.ReLUNetwork`.

    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> net = OneHiddenLayer([1.0, 1.0], [[1.0], [-1.0]], [0.0, 0.0])
    >>> net([[-3.0], [2.0]])
    array([3., 2.])
    """

    eta: np.ndarray
    w: np.ndarray
    b: np.ndarray

    def __post_init__(self):
        eta, w = real_array("eta", self.eta, ndim=1), real_array("w", self.w, ndim=2)
        b = real_array("b", self.b, ndim=1)
        if not len(eta):
            raise ValueError("eta: expected at least one neuron, got none")
        if len(w) != len(eta):
            raise ValueError(f"w: expected {len(eta)} rows, one per neuron, got {len(w)}")
        if b.shape != eta.shape:
            raise ValueError(f"b: expected shape {eta.shape}, got {b.shape}")
        freeze(self, eta=eta, w=w, b=b)

    def hidden(self, x):
        """Return the values of the hidden neurons, shape (n, m), at points of shape (n, d)."""
        x = real_array("x", x, ndim=2)
        if x.shape[1] != self.w.shape[1]:
            raise ValueError(f"x: expected points of {self.w.shape[1]} entries, got {x.shape[1]}")
        return np.maximum(x @ self.w.T + self.b, 0)

    def __call__(self, x):
        """Return the n values of the function at points of shape (n, d)."""
        return self.hidden(x) @ self.eta

    def network(self):
        """Return the same function as a `openblackbox.networks.ReLUNetwork`."""
        return ReLUNetwork([self.w, self.eta[None, :]], [self.b, np.zeros(1)])


def rescale(net, scales):
    r"""Move a network along its rescaling symmetry.

    .. math:: (\eta_j, w_j, b_j) \mapsto (a_j \eta_j,\; w_j / a_j,\; b_j / a_j), \qquad a_j > 0

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.
    scales : array_like, shape (m,)
        The numbers :math:`a_j > 0`.

    Returns
    -------
    OneHiddenLayer
        A network with the same function; with powers of two, to the last bit.

    Raises
    ------
    ValueError
        A scale that is not positive and finite, or not one for each neuron.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer, rescale
    >>> moved = rescale(OneHiddenLayer([3.0], [[8.0]], [4.0]), [2.0])
    >>> moved.eta, moved.w, moved.b
    (array([6.]), array([[4.]]), array([2.]))
    """
    scales = real_array("scales", scales, ndim=1)
    if scales.shape != net.eta.shape:
        raise ValueError(f"scales: expected shape {net.eta.shape}, got {scales.shape}")
    if not (scales > 0).all():
        raise ValueError(f"scales: expected positive numbers, got {scales.min()!r}")
    return OneHiddenLayer(net.eta * scales, net.w / scales[:, None], net.b / scales)


def inner_sizes(net, *, radius=1.0):
    r"""Sizes of the inner weights, :math:`c_j = (\|w_j\|^2 + b_j^2/M^2)^{1/2}`.

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.
    radius : float
        Radius M > 0 of the data.

    Returns
    -------
    ndarray, shape (m,)
        The norms of the lifted weights :math:`(w_j, b_j / M)`.

    Raises
    ------
    ValueError
        A radius that is not positive and finite.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer, inner_sizes
    >>> inner_sizes(OneHiddenLayer([1.0], [[3.0]], [8.0]), radius=2.0)
    array([5.])
    """
    radius = number("radius", radius)
    return np.linalg.norm(np.column_stack([net.w, net.b / radius]), axis=1)
