r"""Networks with three layers: averages of blocks, and networks that share their first layer."""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import choice, generator, integer, real_array
from openblackbox.frozen import freeze
from openblackbox.meanfield.blocks import BlockNetwork, outer_weights
from openblackbox.meanfield.particles import ACTIVATIONS

__all__ = [
    "SharedNetwork",
    "duplicate",
    "evaluate",
    "exact_degree_masks",
    "path_norm",
]


@dataclass(frozen=True, eq=False)
class SharedNetwork:
    r"""A network whose m second neurons each read exactly s of k shared first neurons.

    .. math:: f(x) = \frac1m \sum_{j=1}^m a_j\,\sigma\Big(\sum_{i :\, M_{ji} = 1} u_{ji}\,
              \sigma(w_i \cdot x)\Big)

    Parameters
    ----------
    a : array_like, shape (m,)
        Outer weights.
    u : array_like, shape (m, k)
        Middle weights. Those outside of the mask do not count, and are set to 0.
    w : array_like, shape (k, d)
        Inner weights: one first layer for all.
    mask : array_like of 0 and 1, shape (m, k)
        M; each row has the same number s >= 1 of ones.

    Raises
    ------
    ValueError
        No neuron, shapes that do not fit, something else than finite real numbers, a mask with
        other entries or with rows of different degrees.

    Notes
    -----
    The arrays are copied and cannot be written.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.three_layer import SharedNetwork
    >>> network = SharedNetwork([1.0, 2.0], [[1.0, 5.0], [5.0, 1.0]], [[1.0], [-1.0]],
    ...                         [[1, 0], [0, 1]])
    >>> network.m, network.k, network.s, network.d
    (2, 2, 1, 1)
    >>> network.u
    array([[1., 0.],
           [0., 1.]])
    """

    a: np.ndarray
    u: np.ndarray
    w: np.ndarray
    mask: np.ndarray

    def __post_init__(self):
        """Check the arrays and freeze copies."""
        a = outer_weights(self.a)
        u, w = real_array("u", self.u, ndim=2), real_array("w", self.w, ndim=2)
        mask = real_array("mask", self.mask, ndim=2)
        if len(u) != len(a) or not u.shape[1]:
            raise ValueError(f"u: expected shape ({len(a)}, k) with k >= 1, got {u.shape}")
        if len(w) != u.shape[1] or not w.shape[1]:
            raise ValueError(f"w: expected shape ({u.shape[1]}, d) with d >= 1, got {w.shape}")
        if mask.shape != u.shape:
            raise ValueError(f"mask: expected shape {u.shape}, as u, got {mask.shape}")
        if not np.isin(mask, (0, 1)).all():
            raise ValueError("mask: expected entries 0 and 1, got others")
        mask = mask.astype(bool)
        degrees = np.unique(mask.sum(axis=1))
        if len(degrees) > 1 or degrees[0] == 0:
            raise ValueError(
                f"mask: expected the same number of ones, at least 1, in each row, got {degrees}"
            )
        freeze(self, a=a, u=np.where(mask, u, 0.0), w=w, mask=mask)

    @property
    def m(self) -> int:
        """The number of second neurons."""
        return len(self.a)

    @property
    def k(self) -> int:
        """The number of first neurons."""
        return len(self.w)

    @property
    def s(self) -> int:
        """The degree: how many first neurons a second neuron reads."""
        return int(self.mask[0].sum())

    @property
    def d(self) -> int:
        """The dimension of the inputs."""
        return self.w.shape[1]


def _kind(network):
    if not isinstance(network, BlockNetwork | SharedNetwork):
        raise TypeError(
            f"network: expected a BlockNetwork or a SharedNetwork, got a {type(network).__name__}"
        )


def evaluate(network, x, *, activation="relu"):
    r"""Evaluate a network with three layers.

    Parameters
    ----------
    network : BlockNetwork or SharedNetwork
        The network; the formulas are in these classes.
    x : array_like, shape (n, d)
        The points.
    activation : {"relu", "tanh"}
        :math:`\sigma`, for both hidden layers.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The values.

    Raises
    ------
    ValueError
        Points of another dimension, or an unknown activation.
    TypeError
        If `network` is none of the two.

    Notes
    -----
    Cost: 2 n m s d operations for blocks, 2 n k d + 2 n m k for a shared first layer.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> from openblackbox.meanfield.three_layer import evaluate
    >>> evaluate(BlockNetwork([2.0], [[1.0, -1.0]], [[[1.0], [-1.0]]]), [[3.0], [-3.0]])
    array([6., 0.])
    """
    _kind(network)
    sigma = ACTIVATIONS[choice("activation", activation, ACTIVATIONS)].value
    x = real_array("x", x, ndim=2)
    if x.shape[1] != network.d:
        raise ValueError(f"x: expected points of {network.d} entries, got {x.shape[1]}")
    if isinstance(network, SharedNetwork):
        middle = sigma(x @ network.w.T) @ network.u.T
    else:
        inner = sigma(x @ network.w.reshape(-1, network.d).T)
        middle = np.einsum("njk,jk->nj", inner.reshape(len(x), *network.u.shape), network.u)
    return sigma(middle) @ network.a / network.m


def exact_degree_masks(m, k, s, *, rng):
    r"""Draw m rows with exactly s ones among k entries, each row uniform, rows independent.

    Parameters
    ----------
    m, k, s : int
        Rows, entries of a row, ones in a row; s is at most k.
    rng : numpy.random.Generator
        Draws the masks.

    Returns
    -------
    numpy.ndarray of bool, shape (m, k)
        The masks.

    Raises
    ------
    ValueError
        Numbers below 1, or s above k.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    Independent entries with probability s/k have rows of s ones on average only: a row has
    exactly s with the probability :math:`\binom{k}{s} (s/k)^s (1 - s/k)^{k - s}`.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.three_layer import exact_degree_masks
    >>> exact_degree_masks(5, 9, 3, rng=np.random.default_rng(0)).sum(axis=1)
    array([3, 3, 3, 3, 3])
    """
    m, k = integer("m", m), integer("k", k)
    s = integer("s", s, most=k)
    rows = np.tile(np.arange(k) < s, (m, 1))
    return generator(rng).permuted(rows, axis=1)


def duplicate(shared):
    r"""Give each second neuron its own copies of the first neurons that it reads.

    Parameters
    ----------
    shared : SharedNetwork
        The network with a shared first layer.

    Returns
    -------
    BlockNetwork
        m blocks of s inner neurons, in the order of the first layer, with the same function and
        the same path norm.

    Raises
    ------
    TypeError
        If `shared` is something else.

    Notes
    -----
    The k first neurons become m s, and k d inner weights m s d, which are free from then on.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.three_layer import SharedNetwork, duplicate
    >>> shared = SharedNetwork([1.0, 1.0], [[2.0, 3.0], [4.0, 5.0]], [[1.0], [-1.0]],
    ...                        [[1, 0], [1, 0]])
    >>> blocks = duplicate(shared)
    >>> blocks.u.tolist(), blocks.w.tolist()
    ([[2.0], [4.0]], [[[1.0]], [[1.0]]])
    """
    if not isinstance(shared, SharedNetwork):
        raise TypeError(f"shared: expected a SharedNetwork, got a {type(shared).__name__}")
    columns = np.nonzero(shared.mask)[1].reshape(shared.m, shared.s)
    return BlockNetwork(shared.a, np.take_along_axis(shared.u, columns, axis=1), shared.w[columns])


def path_norm(network):
    r"""Evaluate the path norm, :math:`\frac1m \sum_j |a_j| \sum_k |u_{jk}|\,\|w_{jk}\|`.

    Parameters
    ----------
    network : BlockNetwork or SharedNetwork
        With a shared first layer, :math:`w_{jk}` is the first neuron that is read.

    Returns
    -------
    float
        The mean of the path penalties.

    Raises
    ------
    TypeError
        If `network` is none of the two.

    Notes
    -----
    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> from openblackbox.meanfield.three_layer import path_norm
    >>> path_norm(BlockNetwork([2.0], [[3.0, -1.0]], [[[0.0, 1.0], [3.0, 4.0]]]))
    16.0
    """
    _kind(network)
    if isinstance(network, SharedNetwork):
        lengths = np.linalg.norm(network.w, axis=1)
        return float(np.mean(np.abs(network.a) * (np.abs(network.u) @ lengths)))
    lengths = np.linalg.norm(network.w, axis=2)
    return float(np.mean(np.abs(network.a) * np.sum(np.abs(network.u) * lengths, axis=1)))
