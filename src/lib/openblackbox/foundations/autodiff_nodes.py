r"""Nodes for the tape: activations, and the cross-entropy, in forms that do not overflow.

Every function takes a node or an array and returns a node. Its pullback reads the values of nodes
and keeps nothing else.
"""

import numpy as np

from openblackbox.foundations.autodiff_graph import as_node, record

__all__ = ["cross_entropy", "exp", "log", "log_softmax", "relu", "sigmoid", "softmax", "tanh"]


def exp(z):
    r"""Return the exponential of every entry.

    Parameters
    ----------
    z : Node or array_like
        The arguments; above 709.78 the value overflows, which is an error.

    Returns
    -------
    Node
        :math:`e^z`, of the shape of z.

    Notes
    -----
    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_nodes import exp
    >>> exp(0.0)
    Node(exp, 1.0)
    """
    return record("exp", np.exp, [lambda g, y, z: g * y], z)


def log(z):
    r"""Return the natural logarithm of every entry.

    Parameters
    ----------
    z : Node or array_like
        Positive arguments.

    Returns
    -------
    Node
        :math:`\ln z`, of the shape of z.

    Notes
    -----
    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_nodes import log
    >>> log(1.0)
    Node(log, 0.0)
    """
    return record("log", np.log, [lambda g, y, z: g / z], z)


def relu(z):
    r"""Return the positive part of every entry.

    Parameters
    ----------
    z : Node or array_like
        The arguments.

    Returns
    -------
    Node
        :math:`\max(z, 0)`, of the shape of z.

    Notes
    -----
    At the kink the sweep uses the convention :math:`\mathrm{ReLU}'(0) = 0`, the one of the whole
    book. Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, gradient
    >>> from openblackbox.foundations.autodiff_nodes import relu
    >>> z = Node([-1.0, 0.0, 2.0])
    >>> gradient(relu(z).sum(), [z])
    [array([0., 0., 1.])]
    """
    return record("relu", lambda z: np.maximum(z, 0), [lambda g, y, z: g * (z > 0)], z)


def tanh(z):
    r"""Return the hyperbolic tangent of every entry.

    Parameters
    ----------
    z : Node or array_like
        The arguments.

    Returns
    -------
    Node
        :math:`\tanh z = 2 \sigma(2z) - 1`, of the shape of z.

    Notes
    -----
    The derivative is :math:`4 \sigma'(2z)`, not :math:`1 - \tanh^2 z`, which loses all digits where
    the tangent is close to 1. Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_nodes import tanh
    >>> tanh(1000.0)
    Node(tanh, 1.0)
    """
    return record("tanh", np.tanh, [lambda g, y, z: g * (4 * _sigmoid_slope(2 * z))], z)


def sigmoid(z):
    r"""Return the logistic function of every entry.

    Parameters
    ----------
    z : Node or array_like
        The arguments.

    Returns
    -------
    Node
        :math:`\sigma(z) = 1 / (1 + e^{-z})`, of the shape of z.

    Notes
    -----
    Computed from :math:`e = e^{-|z|} \leq 1`, as :math:`1/(1+e)` or :math:`e/(1+e)`; the derivative
    is :math:`e/(1+e)^2`. Both are right to a few units of rounding for every z. Defined in the
    chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_nodes import sigmoid
    >>> sigmoid(-1000.0), sigmoid(0.0)
    (Node(sigmoid, 0.0), Node(sigmoid, 0.5))
    """

    def forward(z):
        e = np.exp(-np.abs(z))
        return np.where(z >= 0, 1, e) / (1 + e)

    return record("sigmoid", forward, [lambda g, y, z: g * _sigmoid_slope(z)], z)


def _sigmoid_slope(z):
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


def _log_softmax(z):
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax(z):
    r"""Return the logarithm of the softmax along the last axis.

    Parameters
    ----------
    z : Node or array_like
        Scores, of shape (..., c).

    Returns
    -------
    Node
        :math:`z_i - \ln \sum_j e^{z_j}`, of the shape of z.

    Raises
    ------
    ValueError
        If z has no axis, or no entry along the last one.

    Notes
    -----
    The largest score is subtracted first: no exponential overflows, and the sum is at least 1.
    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_nodes import log_softmax
    >>> log_softmax([1000.0, 0.0]).value.tolist()
    [0.0, -1000.0]
    """
    z = as_node(z)
    if not z.shape or not z.shape[-1]:
        raise ValueError(f"z: expected scores along the last axis, got shape {z.shape}")
    pull = [lambda g, y, z: g - np.exp(y) * g.sum(axis=-1, keepdims=True)]
    return record("log_softmax", _log_softmax, pull, z)


def softmax(z):
    r"""Return the softmax along the last axis.

    Parameters
    ----------
    z : Node or array_like
        Scores, of shape (..., c).

    Returns
    -------
    Node
        :math:`e^{z_i} / \sum_j e^{z_j}`, of the shape of z.

    Notes
    -----
    The exponential of `log_softmax`. Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_nodes import softmax
    >>> softmax([1000.0, 1000.0]).value.tolist()
    [0.5, 0.5]
    """
    return exp(log_softmax(z))


def cross_entropy(scores, labels):
    r"""Return the mean cross-entropy of scores against labels.

    .. math:: \frac{1}{n} \sum_{i=1}^n \Big( \ln \sum_j e^{z_{ij}} - z_{i y_i} \Big)

    Parameters
    ----------
    scores : Node or array_like
        The scores z, of shape (n, c), n at least 1.
    labels : array_like of int
        The classes y, of shape (n,), from 0 to c - 1.

    Returns
    -------
    Node
        A scalar.

    Raises
    ------
    ValueError
        If a shape does not fit, or a label is not an integer from 0 to c - 1.

    Notes
    -----
    One node, whose pullback is the softmax minus the labels, over n.

    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, gradient
    >>> from openblackbox.foundations.autodiff_nodes import cross_entropy
    >>> scores = Node([[0.0, 0.0], [1000.0, 0.0]])
    >>> loss = cross_entropy(scores, [1, 1])
    >>> round(float(loss.value), 4)  # (ln 2 + 1000) / 2
    500.3466
    >>> gradient(loss, [scores])[0].tolist()
    [[0.25, -0.25], [0.5, -0.5]]
    """
    scores, labels = as_node(scores), np.asarray(labels)
    if len(scores.shape) != 2 or 0 in scores.shape:
        raise ValueError(f"scores: expected shape (n, c), both at least 1, got {scores.shape}")
    n, c = scores.shape
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels: expected {n} integers, got an array of {labels.dtype} of shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= c:
        raise ValueError(f"labels: expected 0 to {c - 1}, got {labels.min()} to {labels.max()}")

    def pull(g, y, z):
        slope = np.exp(_log_softmax(z))
        slope[np.arange(n), labels] -= 1
        return slope * (g / n)

    def forward(z):
        return -_log_softmax(z)[np.arange(n), labels].mean()

    return record("cross_entropy", forward, [pull], scores)
