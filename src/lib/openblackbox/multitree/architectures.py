"""Supports to work with: Kronecker-sparse factors, the dyadic butterfly, random multitrees.

They are re-exported by `openblackbox.multitree.supports`. The order of layers is first layer first.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from openblackbox.arguments import integer, integer_problems

__all__ = ["dyadic_supports", "kronecker_supports", "random_multitree"]


def kronecker_supports(a: int, b: int, c: int, d: int) -> np.ndarray:
    r"""Support of a Kronecker-sparse factor of pattern (a, b, c, d).

    .. math:: I_a \otimes 1_{b \times c} \otimes I_d

    Parameters
    ----------
    a, b, c, d : int
        Positive sizes.

    Returns
    -------
    2-D bool array
        Shape ``(a b d, a c d)``.

    Raises
    ------
    ValueError
        A size that is not a positive integer.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> kronecker_supports(1, 1, 2, 2).astype(int)
    array([[1, 0, 1, 0],
           [0, 1, 0, 1]])
    """
    for name, size in zip("abcd", (a, b, c, d), strict=True):
        integer(name, size)
    eye, ones = np.eye(a, dtype=bool), np.ones((b, c), dtype=bool)
    return np.kron(np.kron(eye, ones), np.eye(d, dtype=bool))


def dyadic_supports(n_layers: int) -> list[np.ndarray]:
    r"""Supports of the square dyadic butterfly of width :math:`2^L`.

    .. math:: S_l = I_{2^{L-l}} \otimes 1_{2 \times 2} \otimes I_{2^{l-1}}, \quad l = 1, \dots, L

    Parameters
    ----------
    n_layers : int
        Number of layers :math:`L \ge 1`.

    Returns
    -------
    list of 2-D bool arrays
        First layer first, each of shape :math:`(2^L, 2^L)`.

    Raises
    ------
    ValueError
        `n_layers` is not a positive integer.

    Notes
    -----
    Exactly one path joins each input to each output: read the binary digits of the two indices.

    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> dyadic_supports(2)[1].astype(int)
    array([[1, 0, 1, 0],
           [0, 1, 0, 1],
           [1, 0, 1, 0],
           [0, 1, 0, 1]])
    """
    n = integer("n_layers", n_layers)
    return [
        kronecker_supports(2 ** (n - level), 2, 2, 2 ** (level - 1)) for level in range(1, n + 1)
    ]


def random_multitree(
    widths: Sequence[int],
    *,
    rng: np.random.Generator,
    density: float = 1.0,
    parents: bool = True,
) -> list[np.ndarray]:
    """Draw the supports of a random multitree, irregular on purpose.

    Parameters
    ----------
    widths : sequence of int
        Widths of the layers 0 to L, at least two of them, positive.
    rng : numpy.random.Generator
        Source of randomness.
    density : float, optional
        Probability in [0, 1] that an edge is proposed. With 1 the multitree is maximal: no edge
        can be added.
    parents : bool, optional
        Give first one random parent to every neuron that is not an input. A network where every
        neuron has at most one parent is a multitree.

    Returns
    -------
    list of 2-D bool arrays
        First layer first.

    Raises
    ------
    ValueError
        Bad widths or density.

    Notes
    -----
    Edges are proposed in random order; u -> v is accepted when no ancestor of u (u included)
    already reaches a descendant of v (v included). Hidden neurons may lack children, and, without
    `parents`, parents: tests want both. Not a uniform law. Cost: (number of neurons)**2 bits for
    each proposed edge.

    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> from openblackbox.multitree.supports import is_multitree
    >>> supports = random_multitree([4, 5, 3], rng=np.random.default_rng(0))
    >>> is_multitree(supports), [s.shape for s in supports]
    (True, [(5, 4), (3, 5)])
    """
    if len(widths) < 2 or any(integer_problems("widths", width) for width in widths):
        raise ValueError(f"widths: expected at least two positive integers, got {widths!r}")
    if not 0.0 <= density <= 1.0:
        raise ValueError(f"density: expected a number from 0 to 1, got {density!r}")
    supports = [np.zeros((after, before), dtype=bool) for before, after in pairwise(widths)]
    offsets = np.concatenate([[0], np.cumsum(widths)])
    reach = np.eye(int(offsets[-1]), dtype=bool)  # reach[v, u]: a path u -> v, or u = v

    def propose(layer, before, after):
        u, v = offsets[layer] + before, offsets[layer + 1] + after
        grid = np.ix_(np.flatnonzero(reach[:, v]), np.flatnonzero(reach[u]))
        if not reach[grid].any():
            reach[grid] = True
            supports[layer][after, before] = True

    if parents:
        for layer, support in enumerate(supports):
            for after in range(support.shape[0]):
                propose(layer, int(rng.integers(support.shape[1])), after)
    edges = [
        (layer, before, after)
        for layer, support in enumerate(supports)
        for after in range(support.shape[0])
        for before in range(support.shape[1])
    ]
    for index in rng.permutation(len(edges)):
        if rng.random() < density:
            propose(*edges[index])
    return supports
