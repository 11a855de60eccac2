"""Blocks whose directions lie on spheres."""

import numpy as np

from openblackbox.arguments import generator, integer
from openblackbox.meanfield.blocks import BlockNetwork, require_blocks

__all__ = ["on_spheres", "sphere_start"]


def require_on_spheres(network):
    """Raise ValueError for blocks with a direction whose length is not 1."""
    lengths = [np.linalg.norm(v, axis=-1) for v in (network.u, network.w)]
    if max(np.abs(length - 1).max() for length in lengths) > 1e-9:
        raise ValueError("network: expected directions of length 1, got others; see on_spheres")


def on_spheres(network):
    r"""Project the directions of blocks: each u and each row of W to length 1.

    Parameters
    ----------
    network : BlockNetwork
        Blocks with u and all rows of W different from 0.

    Returns
    -------
    BlockNetwork
        The same a, with directions of length 1.

    Raises
    ------
    ValueError
        A direction of length 0.
    TypeError
        If `network` is no BlockNetwork.

    Notes
    -----
    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_directions import on_spheres
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> on_spheres(BlockNetwork([5.0], [[2.0]], [[[0.0, 3.0]]])).w
    array([[[0., 1.]]])
    """
    require_blocks(network)
    u, w = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (network.u, network.w))
    if not (u.all() and w.all()):
        raise ValueError("network: expected directions u and w of positive length, got length 0")
    return BlockNetwork(network.a, network.u / u, network.w / w)


def sphere_start(m, s, d, *, rng):
    r"""Draw m blocks with a = 0 and independent uniform directions.

    Parameters
    ----------
    m, s, d : int
        Blocks, inner neurons of a block, dimension of the inputs.
    rng : numpy.random.Generator
        Draws the directions.

    Returns
    -------
    BlockNetwork
        The blocks; their function is 0.

    Raises
    ------
    ValueError
        Numbers below 1.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    In the limit of many blocks the support of this start is all of :math:`\{0\} \times \Theta`.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.block_directions import sphere_start
    >>> network = sphere_start(4, 2, 3, rng=np.random.default_rng(0))
    >>> network.a, np.linalg.norm(network.w, axis=2).round(12).min()
    (array([0., 0., 0., 0.]), np.float64(1.0))
    """
    m, s, d = integer("m", m), integer("s", s), integer("d", d)
    rng = generator(rng)
    return on_spheres(
        BlockNetwork(np.zeros(m), rng.standard_normal((m, s)), rng.standard_normal((m, s, d)))
    )
