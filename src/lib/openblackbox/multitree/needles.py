r"""Networks that are 0 almost everywhere: what random points do not find.

A *needle* is a dyadic butterfly that computes, at its output 0,

.. math:: f(x) = \max\Big(u_i - K \sum_{j \ne i} \max(u_j, 0),\ 0\Big), \qquad
   u_j = x_{2j} + x_{2j+1}, \quad 0 \le j < n = 2^{L-2} .

For :math:`K \ge 1` no point activates two needles with different i. For :math:`K \ge n` a Gaussian
point activates a given one with a probability between :math:`2^{-n}` and :math:`2.2 \cdot 2^{-n}`.
"""

import numpy as np

from openblackbox.arguments import integer
from openblackbox.multitree.architectures import dyadic_supports
from openblackbox.networks import ReLUNetwork

__all__ = ["needle_network"]


def needle_network(n_layers: int, *, needle: int = 0, strength: float = 1, background: float = 0):
    r"""Build a needle: one hidden neuron that is active on a thin cone only.

    Parameters
    ----------
    n_layers : int
        Number of layers L, at least 2. The width is :math:`N = 2^L`.
    needle : int
        The i of the module: which of the :math:`2^{L-2}` sums of two inputs switches it on.
    strength : float
        K > 0: how strongly the other sums switch it off.
    background : float
        The weight of all the edges that the needle does not use.

    Returns
    -------
    ReLUNetwork
        A dyadic butterfly without biases. The needle is neuron 0 of level L - 1.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The neurons of level m with the numbers :math:`j 2^m`, for :math:`j < 2^{L-1-m}`, form a binary
    tree under the needle. In it all weights are 1, but -K on the edges that leave the way from i to
    the top. The weight to output N/2 is the background's.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> import numpy as np
    >>> network = needle_network(4, needle=2, strength=10)
    >>> x = np.zeros(16)
    >>> x[4] = 1.0
    >>> network(x)[0], network(-x)[0], network(np.ones(16))[0]
    (np.float64(1.0), np.float64(0.0), np.float64(0.0))
    """
    sums = 2 ** (integer("n_layers", n_layers, least=2) - 2)
    integer("needle", needle, least=0, most=sums - 1)
    if not (np.isfinite(strength) and strength > 0):
        raise ValueError(f"strength: expected a positive number, got {strength!r}")
    if not np.isfinite(background):
        raise ValueError(f"background: expected a finite number, got {background!r}")
    weights = [float(background) * support for support in dyadic_supports(n_layers)]
    for level in range(1, n_layers):
        step = 2**level
        for node in range(2 ** (n_layers - 1 - level)):
            parents = 2 * node * step // 2, (2 * node + 1) * step // 2
            on_the_way = needle >> (level - 1) == node  # the sum i lies under this neuron
            for side, parent in enumerate(parents):
                towards = level == 1 or (needle >> (level - 2)) & 1 == side
                weights[level - 1][node * step, parent] = (
                    1 if towards or not on_the_way else -strength
                )
    weights[-1][0, 0] = 1
    return ReLUNetwork(weights)
