r"""Rademacher complexity of networks with one hidden layer, against its bounds.

The class of functions, for data in a ball of radius M, is

.. math:: f(x) = \sum_j \eta_j (w_j \cdot x + b_j)_+, \qquad
          \|w_j\|^2 + b_j^2 / M^2 \le 1, \quad \|\eta\|_1 \le D

with any number of neurons. With :math:`z = (x, M)` and :math:`u = (w, b / M)` a neuron is
:math:`(u \cdot z)_+` with :math:`\|u\| \le 1`.

`Bounds` and `bounds` are defined in `openblackbox.foundations.rademacher_bounds` and re-exported.
"""

import math
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer, number, real_array
from openblackbox.foundations.rademacher_bounds import Bounds, bounds
from openblackbox.relu_supremum import Arrangement, ReluSup, relu_sup

__all__ = [
    "Arrangement",
    "Bounds",
    "Rademacher",
    "ReluSup",
    "bounds",
    "lift",
    "linear_complexity",
    "rademacher_complexity",
    "relu_sup",
]


@dataclass(frozen=True)
class Rademacher:
    r"""An estimate of a Rademacher complexity from random signs.

    Parameters
    ----------
    mean : float
        The mean over the draws. Where the supremum is not exact, that of the largest values found.
    standard_error : float
        Sample standard deviation of the draws over the square root of their number.
    lower, upper : float
        The mean over the same draws of bounds that hold for each of them: the mean of the suprema
        of these draws lies in between. Both equal `mean` when `exact`.
    expectation_bound : float
        A bound of the complexity itself, the expectation over the signs: 3/2 times
        `linear_complexity`. No draw enters, and single draws may be larger.
    linear : float
        The mean of :math:`D \|g\|`, :math:`g = \frac1n \sum_i \varepsilon_i z_i`, over the same
        draws: the complexity of the class without the ReLU.
    linear_error : float
        Its standard error.
    exact : bool
        Whether each supremum is exact, which it is for data in dimension 1 or 2.
    values : numpy.ndarray, shape (draws,)
        What is averaged in `mean`.

    Notes
    -----
    Defined in the chapter Rademacher complexity.
    """

    mean: float
    standard_error: float
    lower: float
    upper: float
    expectation_bound: float
    linear: float
    linear_error: float
    exact: bool
    values: np.ndarray


def lift(X, radius):
    r"""Append the coordinate M to each sample: :math:`z_i = (x_i, M)`.

    Parameters
    ----------
    X : array_like, shape (n, d) or (n,)
        The samples :math:`x_i`, numbers for d = 1.
    radius : float
        M > 0; no sample may be longer.

    Returns
    -------
    numpy.ndarray, shape (n, d + 1)
        The lifted samples, :math:`\|z_i\|^2 \le 2 M^2`.

    Raises
    ------
    ValueError
        If ``X`` is empty, is not finite or has a sample longer than ``radius`` by more than
        rounding, or if ``radius`` is not a positive number.

    Notes
    -----
    Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> lift([0.5, -1.0], 2)
    array([[ 0.5,  2. ],
           [-1. ,  2. ]])
    """
    radius = number("radius", radius)
    X = real_array("X", X)
    if X.ndim == 1:
        X = X[:, None]
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X: expected n >= 1 samples, shape (n, d) or (n,), got {X.shape}")
    longest = np.linalg.norm(X, axis=1).max()
    if longest > radius * (1 + 1e-12):
        raise ValueError(f"X: expected samples in the ball of radius {radius}, one has {longest}")
    return np.column_stack([X, np.full(len(X), radius)])


def rademacher_complexity(X, *, radius, budget, draws, rng):
    r"""Estimate the empirical Rademacher complexity of the class, with the samples fixed.

    .. math:: \mathbb E_\varepsilon \sup_f \frac1n \sum_i \varepsilon_i f(x_i) = \frac Dn\,
              \mathbb E_\varepsilon \sup_{\|u\| = 1}
              \Big| \sum_i \varepsilon_i (u \cdot z_i)_+ \Big|, \qquad z_i = (x_i, M)

    Parameters
    ----------
    X : array_like, shape (n, d) or (n,)
        The samples :math:`x_i`.
    radius : float
        M.
    budget : float
        D > 0, the bound of :math:`\|\eta\|_1`.
    draws : int
        Number of vectors of signs, at least 2.
    rng : numpy.random.Generator
        Draws the signs, and the starts of the ascent for d > 2.

    Returns
    -------
    Rademacher
        `mean`, `standard_error`, `lower`, `upper`, `expectation_bound`, `linear`, `linear_error`,
        `exact`, `values`.

    Raises
    ------
    ValueError
        As `lift` does, and if ``budget`` or ``draws`` is out of range.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    Each supremum is found by `openblackbox.relu_supremum.relu_sup`; the points are sorted once.

    `lower` and `upper` speak of the draws: :math:`l_k \le s_k \le r_k` for the supremum
    :math:`s_k` of each draw and the two ends that `relu_sup` proves, so the means are in the same
    order. Both differ from the expectation by a statistical error.

    `expectation_bound` speaks of the expectation. As :math:`(t)_+ = (t + |t|) / 2`, the complexity
    is at most :math:`\frac D2 \mathbb E \|g\| + \frac D2 \mathbb E \sup_u |\frac1n \sum_i
    \varepsilon_i |u \cdot z_i||`, and by contraction the last expectation is at most
    :math:`2\,\mathbb E \|g\|`; then Jensen's inequality. The contraction holds in the mean only:
    for single signs :math:`g = 0` is possible where the supremum is not 0. So 3/2 times `linear`,
    a mean over draws, would bound neither the draws nor the expectation.

    Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = rademacher_complexity([-1, 0, 1], radius=1, budget=2, draws=50, rng=rng)
    >>> found.exact, found.lower == found.mean == found.upper
    (True, True)
    >>> bounds(3, radius=1, budget=2).lower < found.mean < found.expectation_bound
    True
    """
    points = lift(X, radius)
    budget = number("budget", budget)
    draws, rng = integer("draws", draws, least=2), generator(rng)
    arrangement, n = Arrangement(points), len(points)
    signs = rng.choice([-1.0, 1.0], (draws, n))
    found = [relu_sup(arrangement, row, rng=rng) for row in signs]
    values, uppers = (
        budget / n * np.array([getattr(one, end) for one in found]) for end in ("lower", "upper")
    )
    linear = budget / n * np.linalg.norm(signs @ points, axis=1)
    mean, slope = float(values.mean()), float(linear.mean())
    error, linear_error = (float(a.std(ddof=1)) / math.sqrt(draws) for a in (values, linear))
    return Rademacher(
        mean=mean,
        standard_error=error,
        lower=mean,
        upper=mean if arrangement.exact else float(uppers.mean()),
        expectation_bound=1.5 * budget / n * float(np.linalg.norm(points)),
        linear=slope,
        linear_error=linear_error,
        exact=arrangement.exact,
        values=values,
    )


def linear_complexity(X, *, radius, budget):
    r"""Bound :math:`D\,\mathbb E \|g\|`, the complexity of the class without ReLU, by Jensen.

    .. math:: D\,\mathbb E \Big\| \frac1n \sum_i \varepsilon_i z_i \Big\| \le
              \frac Dn \Big( \sum_i \|x_i\|^2 + n M^2 \Big)^{1/2}

    Parameters
    ----------
    X : array_like, shape (n, d) or (n,)
        The samples :math:`x_i`.
    radius, budget : float
        M and D.

    Returns
    -------
    float
        The right-hand side. It lies between :math:`D M / \sqrt n` and
        :math:`\sqrt2\, D M / \sqrt n`.

    Raises
    ------
    ValueError
        As `lift` does, and if ``budget`` is not a positive number.

    Notes
    -----
    The complexity of the class with ReLU is at least half and at most 3/2 of
    :math:`D\,\mathbb E \|g\|`, so 3/2 times this number bounds it for the data at hand.

    Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> round(linear_complexity([0.0, 0.0, 0.0, 0.0], radius=1, budget=3), 4)
    1.5
    """
    points = lift(X, radius)
    return number("budget", budget) / len(points) * float(np.linalg.norm(points))
