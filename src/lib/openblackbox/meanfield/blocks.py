r"""Blocks with three layers, as particles.

A block is :math:`\theta = (a, u, W) \in \mathbb{R} \times \mathbb{R}^s \times \mathbb{R}^{s \times
d}`; its feature is :math:`\varphi(\theta, x) = a\,\sigma\big(\sum_k u_k\,\sigma(w_k \cdot x)\big)`,
with the rows :math:`w_k` of W.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import real_array
from openblackbox.frozen import freeze

__all__ = ["BlockNetwork"]


def require_blocks(network):
    """Raise TypeError for anything else than a `BlockNetwork`."""
    if not isinstance(network, BlockNetwork):
        raise TypeError(f"network: expected a BlockNetwork, got a {type(network).__name__}")


def outer_weights(a):
    """Return the outer weights, or raise ValueError."""
    a = real_array("a", a, ndim=1)
    if not len(a):
        raise ValueError("a: expected at least one neuron, got none")
    return a


@dataclass(frozen=True, eq=False)
class BlockNetwork:
    r"""m blocks :math:`\theta_j = (a_j, u_j, W_j)` of mass 1/m each: no weight is shared.

    .. math:: f(x) = \frac1m \sum_{j=1}^m a_j\,\sigma\Big(\sum_{k=1}^s u_{jk}\,
              \sigma(w_{jk} \cdot x)\Big)

    Parameters
    ----------
    a : array_like, shape (m,)
        Outer weights.
    u : array_like, shape (m, s)
        Middle weights.
    w : array_like, shape (m, s, d)
        Inner weights.

    Raises
    ------
    ValueError
        No block, shapes that do not fit, something else than finite real numbers.

    Notes
    -----
    The arrays are copied and cannot be written.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> network = BlockNetwork([1.0], [[1.0, -1.0]], [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> network.m, network.s, network.d
    (1, 2, 3)
    """

    a: np.ndarray
    u: np.ndarray
    w: np.ndarray

    def __post_init__(self):
        """Check the arrays and freeze copies."""
        a = outer_weights(self.a)
        u, w = real_array("u", self.u, ndim=2), real_array("w", self.w, ndim=3)
        if len(u) != len(a) or not u.shape[1]:
            raise ValueError(f"u: expected shape ({len(a)}, s) with s >= 1, got {u.shape}")
        if w.shape[:2] != u.shape or not w.shape[2]:
            m, s = u.shape
            raise ValueError(f"w: expected shape ({m}, {s}, d) with d >= 1, got {w.shape}")
        freeze(self, a=a, u=u, w=w)

    @property
    def m(self) -> int:
        """The number of blocks."""
        return len(self.a)

    @property
    def s(self) -> int:
        """The number of inner neurons of a block."""
        return self.u.shape[1]

    @property
    def d(self) -> int:
        """The dimension of the inputs."""
        return self.w.shape[2]
