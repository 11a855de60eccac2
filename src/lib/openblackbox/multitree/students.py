r"""Students before their training, and how far a function is from its teacher."""

import numpy as np

from openblackbox.multitree.gauge import rescale
from openblackbox.multitree.supports import as_supports

__all__ = ["balanced", "perturbed_starts", "random_starts", "relative_error"]


def random_starts(supports, starts, *, rng):
    r"""Draw the weights of students before training, by the law of He, Zhang, Ren and Sun.

    .. math:: W_\ell[h, p] \sim N(0,\, 2 / k_h), \qquad k_h = \text{number of inputs of } h

    Parameters
    ----------
    supports : sequence of L boolean arrays
        First layer first, ``supports[l]`` of shape (n_{l+1}, n_l). Full ones for a dense student.
    starts : int
        The number k of students.
    rng : numpy.random.Generator
        Draws the weights.

    Returns
    -------
    list of L arrays, shapes (k, n_{l+1}, n_l)
        Zero outside the supports.

    Notes
    -----
    For a dyadic butterfly, where each neuron has two inputs, this is N(0, 1).

    Defined in the chapter Distillation or reconstruction.

    References
    ----------
    * K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, ICCV 2015.

    Examples
    --------
    >>> first, last = random_starts([np.ones((3, 2)), np.eye(3)], 5, rng=np.random.default_rng(0))
    >>> first.shape, last.shape, int((last != 0).sum())
    ((5, 3, 2), (5, 3, 3), 15)
    """
    weights = []
    for support in as_supports(supports):
        spread = np.sqrt(2 / np.maximum(support.sum(axis=1, keepdims=True), 1))
        weights.append(support * spread * rng.standard_normal((starts, *support.shape)))
    return weights


def balanced(network, *, sweeps=50):
    r"""Rescale a network so that what enters a hidden neuron is as large as what leaves it.

    .. math:: \|W_\ell[h, :]\| = \|W_{\ell+1}[:, h]\|, \qquad 1 \le \ell < L

    Parameters
    ----------
    network : ReLUNetwork
        The network. A hidden neuron with a zero row or column is left as it is.
    sweeps : int
        How often each layer is visited.

    Returns
    -------
    ReLUNetwork
        The same function. Adam treats weights one by one, so a start should not mix scales.

    Notes
    -----
    Each visit multiplies a row by :math:`(\|W_{\ell+1}[:, h]\| / \|W_\ell[h, :]\|)^{1/2}` and
    divides the column by it; this never increases :math:`\sum_\ell \|W_\ell\|_F^2`.

    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> [weight.item() for weight in balanced(ReLUNetwork([[[8.0]], [[2.0]]])).weights]
    [4.0, 4.0]
    """
    for _ in range(sweeps):
        for level in range(network.n_layers - 1):
            rows = np.linalg.norm(network.weights[level], axis=1)
            columns = np.linalg.norm(network.weights[level + 1], axis=0)
            scales = [np.ones(width) for width in network.widths[1:-1]]
            used = (rows > 0) & (columns > 0)
            scales[level][used] = np.sqrt(columns[used] / rows[used])
            network = rescale(network, scales)
    return network


def perturbed_starts(network, spread, starts, *, rng):
    r"""Draw the weights of students that begin near a given network.

    .. math:: W_\ell[h, p]\,(1 + s\, g), \qquad g \sim N(0, 1)

    Parameters
    ----------
    network : ReLUNetwork
        The weights to begin near to.
    spread : float
        The relative size s of the change.
    starts : int
        The number k of students.
    rng : numpy.random.Generator
        Draws the changes.

    Returns
    -------
    list of L arrays, shapes (k, n_{l+1}, n_l)
        What ``distill`` takes as starts.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[2.0]], [[-1.0]]])
    >>> first, last = perturbed_starts(network, 0.0, 2, rng=np.random.default_rng(0))
    >>> first.ravel(), last.ravel()
    (array([2., 2.]), array([-1., -1.]))
    """
    return [
        weight * (1 + spread * rng.standard_normal((starts, *weight.shape)))
        for weight in network.weights
    ]


def relative_error(network, teacher, points):
    r"""Return the relative root mean square error of a function at given points.

    .. math:: \Big( \sum_t \|g(x_t) - f(x_t)\|^2 \Big/ \sum_t \|f(x_t)\|^2 \Big)^{1/2}

    Parameters
    ----------
    network, teacher : callable
        The functions g and f: they take points of shape (k, n_0).
    points : array, shape (k, n_0)
        The points.

    Returns
    -------
    float
        0 for equal functions, 1 for g = 0; where f is 0 at all points, 0 if g is and else
        infinity.

    Notes
    -----
    Rescaling a network leaves its error unchanged, because it leaves the function unchanged.

    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> relative_error(lambda x: 0.5 * x, lambda x: x, np.ones((3, 2)))
    0.5
    """
    answers = teacher(points)
    gap, size = np.linalg.norm(network(points) - answers), np.linalg.norm(answers)
    if size == 0:
        return np.inf if gap > 0 else 0.0
    return float(gap / size)
