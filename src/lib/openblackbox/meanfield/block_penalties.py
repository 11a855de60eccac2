r"""Penalties of blocks, and the rescaling that makes them equal."""

import numpy as np

from openblackbox.arguments import choice
from openblackbox.meanfield.blocks import BlockNetwork, require_blocks

__all__ = ["balanced", "block_penalties"]


def block_penalties(network, *, kind="path"):
    r"""Evaluate a penalty of each block.

    Parameters
    ----------
    network : BlockNetwork
        The blocks.
    kind : {"path", "product", "half-square"}
        :math:`|a| \sum_k |u_k| \|w_k\|`, :math:`|a|\,\|u\|\,\|W\|_F` or
        :math:`\frac12 (a^2 + \|u\|^2 + \|W\|_F^2)`.

    Returns
    -------
    numpy.ndarray, shape (m,)
        The penalties.

    Raises
    ------
    ValueError
        An unknown kind.
    TypeError
        If `network` is no BlockNetwork.

    Notes
    -----
    The path penalty is at most the product. With P the path penalty, the last one is at least
    :math:`\frac32 P^{2/3}`; there is equality in both for the blocks of `balanced`.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_penalties import block_penalties
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> network = BlockNetwork([2.0], [[3.0, 0.0]], [[[0.0, 1.0], [0.0, 0.0]]])
    >>> block_penalties(network), block_penalties(network, kind="half-square")
    (array([6.]), array([7.]))
    """
    require_blocks(network)
    choice("kind", kind, ("path", "product", "half-square"))
    lengths = np.linalg.norm(network.w, axis=2)
    if kind == "path":
        return np.abs(network.a) * np.sum(np.abs(network.u) * lengths, axis=1)
    squares = network.a**2, np.sum(network.u**2, axis=1), np.sum(lengths**2, axis=1)
    return np.sqrt(np.prod(squares, axis=0)) if kind == "product" else np.sum(squares, axis=0) / 2


def balanced(network):
    r"""Rescale blocks of ReLUs so that each layer of a block has the same length.

    Parameters
    ----------
    network : BlockNetwork
        The blocks.

    Returns
    -------
    BlockNetwork
        With P the path penalty of a block, :math:`|a| = \|u\| = \|W\|_F = P^{1/3}`, and
        :math:`|u_k| = \|w_k\|` for each k. Blocks with P = 0 become 0.

    Raises
    ------
    TypeError
        If `network` is no BlockNetwork.

    Notes
    -----
    The function with ReLU and the path penalties are the same.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_penalties import balanced
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> even = balanced(BlockNetwork([-1.0], [[16.0]], [[[0.5]]]))
    >>> even.a.round(12), even.u.round(12), even.w.round(12)
    (array([-2.]), array([[2.]]), array([[[2.]]]))
    """
    require_blocks(network)
    lengths = np.linalg.norm(network.w, axis=2)
    shares = np.abs(network.u) * lengths
    total = shares.sum(axis=1)
    size = np.cbrt(np.abs(network.a) * total)
    one = np.ones_like(shares)
    parts = np.sqrt(np.divide(shares, total[:, None], out=0 * one, where=total[:, None] > 0))
    units = np.divide(
        network.w, lengths[..., None], out=0 * network.w, where=lengths[..., None] > 0
    )
    radius = size[:, None] * parts
    return BlockNetwork(
        np.sign(network.a) * size, np.sign(network.u) * radius, radius[..., None] * units
    )
