r"""Teachers: random butterflies, and networks that are close to one and are no multitree."""

from itertools import pairwise

import numpy as np

from openblackbox.multitree.supports import as_supports, dyadic_supports
from openblackbox.networks import ReLUNetwork

__all__ = ["add_edges", "add_network", "random_butterfly"]

DRAWS = 1 << 14
"""Number of Gaussian points at which ``add_network`` measures the size of a function."""


def random_butterfly(depth, *, rng):
    r"""Draw a dyadic butterfly without biases, with weights from N(0, 1) inside the supports.

    .. math:: f(x) = W_L\,\mathrm{relu}(W_{L-1} \cdots \mathrm{relu}(W_1 x)),
              \qquad W_\ell \in \mathbb R^{N \times N}, \quad N = 2^L

    Parameters
    ----------
    depth : int
        The number L of layers.
    rng : numpy.random.Generator
        Draws the weights.

    Returns
    -------
    ReLUNetwork
        The network, of width :math:`2^L`.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> random_butterfly(3, rng=np.random.default_rng(0))
    ReLUNetwork(8 -> 8 -> 8 -> 8)
    """
    return ReLUNetwork([s * rng.standard_normal(s.shape) for s in dyadic_supports(depth)])


def add_edges(network, supports, delta, *, rng):
    r"""Add to each layer small weights on all edges outside its support.

    .. math:: W_\ell + \delta\,\frac{\|W_\ell\|_F}{\|G_\ell\|_F}\,G_\ell, \qquad
              G_\ell \sim N(0, 1) \text{ outside } S_\ell,\ 0 \text{ inside}

    Parameters
    ----------
    network : ReLUNetwork
        A network, without weights outside the supports.
    supports : sequence of L boolean arrays
        The supports :math:`S_\ell`.
    delta : float
        The relative size of what is added, layer by layer. A full support gets nothing.
    rng : numpy.random.Generator
        Draws the weights.

    Returns
    -------
    ReLUNetwork
        The network with the edges added and the same biases.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> network = ReLUNetwork([np.diag([3.0, 4.0])])
    >>> dense = add_edges(network, [np.eye(2)], 0.1, rng=np.random.default_rng(0))
    >>> round(float(np.linalg.norm(dense.weights[0] - network.weights[0])), 6)
    0.5
    """
    weights = []
    for weight, support in zip(network.weights, as_supports(supports), strict=True):
        noise = rng.standard_normal(weight.shape) * ~support
        norm = np.linalg.norm(noise)
        scale = delta * np.linalg.norm(weight) / norm if norm > 0 else 0
        weights.append(weight + scale * noise)
    return ReLUNetwork(weights, network.biases)


def add_network(network, delta, width, *, rng):
    r"""Add to a function a small dense network of the same depth.

    .. math:: f + \delta\,\frac{\|f\|}{\|g\|}\,g, \qquad
              \|f\|^2 = \mathbb E\,\|f(x)\|^2, \quad x \sim N(0, I)

    Parameters
    ----------
    network : ReLUNetwork
        The function f, without biases, of at least two layers.
    delta : float
        The relative size of what is added, as a function.
    width : int
        Number of neurons of each hidden level of g.
    rng : numpy.random.Generator
        Draws g, with weights from N(0, 1), and the points at which the norms are measured.

    Returns
    -------
    ReLUNetwork
        The sum, one network with the two side by side.

    Notes
    -----
    So f is at the relative distance :math:`\delta` from what is returned, up to the error of the
    norms, each a mean over `DRAWS` points.

    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> network = ReLUNetwork([np.eye(2), np.eye(2)])
    >>> add_network(network, 0.1, 5, rng=np.random.default_rng(0))
    ReLUNetwork(2 -> 7 -> 2)
    """
    if network.n_layers < 2 or any(bias.any() for bias in network.biases):
        raise ValueError(f"network: expected no biases and two layers or more, got {network}")
    widths = [network.n_inputs, *[width] * (network.n_layers - 1), network.n_outputs]
    added = [rng.standard_normal((after, before)) for before, after in pairwise(widths)]
    x = rng.standard_normal((DRAWS, network.n_inputs))
    added[-1] *= delta * np.linalg.norm(network(x)) / np.linalg.norm(ReLUNetwork(added)(x))
    first = np.vstack([network.weights[0], added[0]])
    last = np.hstack([network.weights[-1], added[-1]])
    middle = [
        np.block([
            [a, np.zeros((a.shape[0], b.shape[1]))],
            [np.zeros((b.shape[0], a.shape[1])), b],
        ])
        for a, b in zip(network.weights[1:-1], added[1:-1], strict=True)
    ]  # fmt: skip
    return ReLUNetwork([first, *middle, last])
