r"""How far independent particles are from their law: bounds of the Wasserstein distance.

Both bounds are elementary: no m points serve a spread-out law well, and mass that is matched cube
by cube moves by no more than the sides of the cubes.
"""

import math

import numpy as np

from openblackbox.arguments import integer, number, real_array

__all__ = ["dyadic_bound", "dyadic_mean_bound", "quantization_bound"]


def quantization_bound(m, *, dimension, concentration):
    r"""Bound the distance of any m points from a law that is spread out.

    If :math:`\mu(B(\theta, r)) \le Q r^k` for all balls, then every measure on m points satisfies

    .. math:: W_2^2(\mu_m, \mu) \ge \frac{k}{k + 2}\,(m Q)^{-2/k} .

    Parameters
    ----------
    m : int
        The number of points.
    dimension : float
        k > 0.
    concentration : float
        Q > 0. A density of at most q in dimension k = p has Q = q times the volume of the unit
        ball.

    Returns
    -------
    float
        The lower bound.

    Raises
    ------
    ValueError
        Numbers out of range.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    The uniform law on an interval of length 1 has Q = 2, and m points in the middle of m equal
    parts attain the bound:

    >>> from openblackbox.meanfield.sampling_bounds import quantization_bound
    >>> round(quantization_bound(10, dimension=1, concentration=2.0) * 12 * 10**2, 12)
    1.0
    """
    m, k, q = (
        integer("m", m),
        number("dimension", dimension),
        number("concentration", concentration),
    )
    return k / (k + 2) * (m * q) ** (-2 / k)


def dyadic_bound(u, v, *, corner, side, depth):
    r"""Bound the squared distance of two clouds by counting points in cubes.

    .. math:: W_2^2 \le p S^2 \Big( 4^{-J} (1 - e_J)
              + \sum_{j=0}^{J-1} 4^{-j} (e_{j+1} - e_j) \Big), \qquad
              e_j = \frac12 \sum_{Q} |\mu(Q) - \mu'(Q)|,

    where Q runs over the :math:`2^{jp}` cubes of side :math:`2^{-j} S`, and :math:`e_0 = 0`.

    Parameters
    ----------
    u, v : array_like, shapes (m, p) and (M, p)
        The clouds, one point a row, with masses 1/m and 1/M.
    corner : array_like, shape (p,)
        The lowest corner of the first cube.
    side : float
        S > 0.
    depth : int
        J, from 1 to 50.

    Returns
    -------
    float
        An upper bound of :math:`W_2^2`, and the cost bound of an explicit transport.

    Raises
    ------
    ValueError
        Points outside the cube ``[corner, corner + side)``, or shapes that do not fit.

    Notes
    -----
    Mass is matched inside the smallest cubes first; what is left over inside those twice as large,
    and so on. Cost: (m + M) J p, times a logarithm for the sorting.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.sampling_bounds import dyadic_bound
    >>> dyadic_bound([[0.1], [0.6]], [[0.2], [0.3]], corner=[0.0], side=1.0, depth=1)
    0.625
    """
    u, v = real_array("u", u, ndim=2), real_array("v", v, ndim=2)
    corner, side = real_array("corner", corner, ndim=1), number("side", side)
    depth = integer("depth", depth, most=50)
    if 0 in u.shape or 0 in v.shape or not u.shape[1] == v.shape[1] == len(corner):
        raise ValueError(
            f"u, v, corner: expected shapes (m, p), (M, p), (p,), m, M, p >= 1, "
            f"got {u.shape}, {v.shape}, {corner.shape}"
        )
    places = (np.concatenate([u, v]) - corner) / side
    if places.min() < 0 or places.max() >= 1:
        raise ValueError("u, v: expected points in the cube, got a point outside")
    masses = np.concatenate([np.full(len(u), 1 / len(u)), np.full(len(v), -1 / len(v))])
    left = [0.0]
    for j in range(1, depth + 1):
        cubes = np.unique(np.floor(places * 2.0**j), axis=0, return_inverse=True)[1]
        left.append(float(np.abs(np.bincount(cubes.ravel(), masses)).sum() / 2))
    moved = np.diff(left) @ 4.0 ** -np.arange(depth) + (1 - left[-1]) / 4.0**depth
    return float(len(corner) * side**2 * moved)


def dyadic_mean_bound(m, *, dimension, side):
    r"""Bound the mean squared distance of m independent points from their law, in a cube.

    .. math:: \mathbb{E}\,W_2^2(\mu_m, \mu) \le p S^2 \min_J \Big( 4^{-J}
              + \frac{2}{\sqrt m} \sum_{j=1}^J 2^{(p/2 - 2) j} \Big)

    Parameters
    ----------
    m : int
        The number of points.
    dimension : int
        p.
    side : float
        S, the side of a cube that carries the law.

    Returns
    -------
    float
        The upper bound: of the order :math:`m^{-1/2}` for p < 4, :math:`m^{-1/2} \log m` for p = 4,
        :math:`m^{-2/p}` for p > 4.

    Raises
    ------
    ValueError
        Numbers out of range.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.sampling_bounds import dyadic_mean_bound
    >>> round(dyadic_mean_bound(4, dimension=1, side=1.0), 4)
    0.5384
    """
    m, dimension = integer("m", m), integer("dimension", dimension)
    side, best, total = number("side", side), 1.0, 0.0
    for j in range(1, 60):
        total += 2.0 ** min((dimension / 2 - 2) * j, 1000)  # more than any m makes up for
        best = min(best, 4.0**-j + 2 / math.sqrt(m) * total)
    return dimension * side**2 * best
