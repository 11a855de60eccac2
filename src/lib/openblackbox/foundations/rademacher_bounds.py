"""The bounds of the complexity and of the excess risk that hold for all data in a ball."""

import math
from dataclasses import dataclass

from openblackbox.arguments import integer, number

__all__ = ["Bounds", "bounds"]


@dataclass(frozen=True)
class Bounds:
    r"""Bounds for n samples, radius M, budget D and a loss that is G-Lipschitz.

    Parameters
    ----------
    source : float
        :math:`2 \sqrt2\, G D M / \sqrt n`, the bound of the lecture notes for the complexity of
        the class behind the loss.
    improved : float
        :math:`(3 / \sqrt2)\, G D M / \sqrt n`, for the same.
    lower : float
        :math:`D M / \sqrt{2 n}`: no data in the ball give the class, without the loss, a smaller
        complexity.
    excess_source : float
        :math:`8 \sqrt2\, G D M / \sqrt n`, four times `source`: a bound of the expected excess
        risk of the empirical risk minimizer.
    excess : float
        :math:`3 \sqrt2\, G D M / \sqrt n`, twice `improved`: the same.

    Notes
    -----
    Defined in the chapter Rademacher complexity.
    """

    source: float
    improved: float
    lower: float
    excess_source: float
    excess: float


def bounds(n, *, radius, budget, lipschitz=1.0):
    r"""Evaluate the bounds of the complexity and of the excess risk that hold for all data.

    Parameters
    ----------
    n : int
        Number of samples.
    radius, budget : float
        M and D.
    lipschitz : float, optional
        G, the Lipschitz constant of the loss in its second argument.

    Returns
    -------
    Bounds
        `source`, `improved`, `lower`, `excess_source`, `excess`.

    Raises
    ------
    ValueError
        If an argument is not positive.

    Notes
    -----
    Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> found = bounds(100, radius=1, budget=1)
    >>> round(found.source, 4), round(found.improved, 4), round(found.lower, 4)
    (0.2828, 0.2121, 0.0707)
    """
    n = integer("n", n)
    scale = number("radius", radius) * number("budget", budget) / math.sqrt(n)
    lossy = number("lipschitz", lipschitz) * scale
    root = math.sqrt(2)
    return Bounds(
        source=2 * root * lossy,
        improved=3 / root * lossy,
        lower=scale / root,
        excess_source=8 * root * lossy,
        excess=3 * root * lossy,
    )
