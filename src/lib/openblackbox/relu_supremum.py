r"""The supremum of a weighted sum of ReLUs over the unit sphere.

For lifted data :math:`z_i = (x_i, M)` it is n times the empirical Rademacher complexity of one
draw of signs, and the oracle of Frank-Wolfe for networks of any width.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer, real_array
from openblackbox.relu_interval import ascend, upper_bound
from openblackbox.relu_sphere import PARALLEL, Plane, Space

__all__ = ["Arrangement", "ReluSup", "relu_sup"]

NEGLIGIBLE = 1e-150  # a row so much shorter than the largest entry; its square would underflow


@dataclass(frozen=True)
class ReluSup:
    r"""The supremum of :math:`|h(u)|` over unit vectors, :math:`h(u) = \sum_i w_i (u \cdot z_i)_+`.

    Parameters
    ----------
    value : float
        :math:`|h|` at `direction`: the supremum, where it is exact, and else the largest value
        found.
    lower, upper : float
        The supremum lies between them. Both equal `value` when it is exact.
    direction : numpy.ndarray, shape (k,)
        A unit vector :math:`u`.
    sign : float
        The sign of :math:`h` at `direction`, 1.0 or -1.0: `value` is `sign` times h.

    Notes
    -----
    Defined in the chapter Rademacher complexity.
    """

    value: float
    lower: float
    upper: float
    direction: np.ndarray
    sign: float


class Arrangement:
    r"""Points whose kinks have been sorted once, for many weights.

    The hyperplanes :math:`u \cdot z_i = 0` cut the unit sphere into cells, on each of which every
    sum :math:`\sum_i w_i (u \cdot z_i)_+` is linear. The cells depend on the points only.

    Parameters
    ----------
    points : array_like, shape (n, k)
        The rows :math:`z_i`. Rows may be zero, parallel or equal.

    Raises
    ------
    ValueError
        If ``points`` is not a non-empty matrix of finite numbers.

    Notes
    -----
    Points that span a space of dimension r < k are written in coordinates of that space: there
    the supremum is attained, since the part of u orthogonal to all points changes nothing.
    `dimension` is this r, and `exact` says that r is at most 3.

    Cost: r = 2: a sort of n angles. r = 3: n sorts of n angles, and about 100 n^2 bytes kept.

    Defined in the chapter Rademacher complexity.

    Examples
    --------
    >>> arrangement = Arrangement([[1.0, 1.0], [-1.0, 1.0], [0.5, 1.0]])
    >>> arrangement.dimension, arrangement.exact
    (2, True)
    >>> [round(relu_sup(arrangement, signs).value, 3) for signs in ([1, 1, 1], [1, -1, 1])]
    [3.041, 2.475]
    """

    def __init__(self, points):
        """Check and sort the points."""
        points = real_array("points", points)
        if points.ndim != 2 or 0 in points.shape:
            raise ValueError(
                f"points: expected a matrix (n, k) with n, k >= 1, got the shape {points.shape}"
            )
        self.points = points
        self.scale = np.abs(points).max() or 1.0
        scaled = points / self.scale
        lengths = np.linalg.norm(scaled, axis=1)
        self.kept = np.flatnonzero(lengths > NEGLIGIBLE)
        scaled = scaled[self.kept]
        self.basis = _row_space(scaled / lengths[self.kept, None])
        self.dimension = len(self.basis)
        self.exact = self.dimension <= 3
        self.inner = scaled @ self.basis.T
        kinds = {2: Plane, 3: Space}
        self.cells = kinds[self.dimension](self.inner) if self.dimension in kinds else None


def _row_space(units):
    """Return an orthonormal basis of the space of some unit rows, one vector a row."""
    k = units.shape[1]
    if len(units) == 0:
        return np.zeros((0, k))
    _, values, basis = np.linalg.svd(units, full_matrices=False)
    # Above PARALLEL, so that rows of rank 3 do not merge into fewer than three.
    rank = int((values > 10 * PARALLEL * values[0]).sum())
    return np.eye(k) if rank == k else basis[:rank]


def relu_sup(points, weights, *, rng=None, starts=64):
    r"""Find the supremum of a weighted sum of ReLUs over the unit sphere, and where it is.

    .. math:: \sup_{\|u\|_2 = 1} \Big| \sum_{i=1}^n w_i\,(u \cdot z_i)_+ \Big|

    Parameters
    ----------
    points : array_like, shape (n, k), or Arrangement
        The rows :math:`z_i`. An `Arrangement` saves the sort when many weights are tried.
    weights : array_like, shape (n,)
        Real numbers :math:`w_i`; signs, for a Rademacher complexity.
    rng : numpy.random.Generator, optional
        Draws the starts of the ascent; needed if the points span more than 3 dimensions.
    starts : int, optional
        Number of random starts, there.

    Returns
    -------
    ReluSup
        `value`, `lower`, `upper`, `direction`, `sign`.

    Raises
    ------
    ValueError
        If an array has a wrong shape or is not finite, or ``starts`` is not positive.
    TypeError
        If ``rng`` is needed and is no generator.

    Notes
    -----
    Write h for the sum, :math:`G = \sum_i w_i z_i`, :math:`Q(u) = \sum_i w_i |u \cdot z_i|`. As
    :math:`(t)_+ = (t + |t|)/2`, and Q is even, replacing u by -u gives

    .. math:: \sup |h| = \tfrac12 \sup_u \big( |G \cdot u| + |Q(u)| \big) \ge \tfrac12 \|G\|.

    *Two dimensions*. On each arc between two kinks :math:`h(u) = g \cdot u`, so :math:`|h|` is
    largest at an end of the arc or at :math:`\pm g / \|g\|`, if this is in the arc. The gradients
    are prefix sums. O(n log n) for the sort, O(n) for each vector of weights.

    *Three dimensions*. On each cell :math:`|h|` is largest at :math:`\pm g / \|g\|`, if this is in
    the cell, or on an edge. The edges lie on n great circles, and on each circle the problem is
    the one of two dimensions. Each edge then gives the gradients of the two cells beside it.
    Of those longer than the best value so far, and that three edges of their cell do not exclude,
    the longest are tried first, until none is longer than the best. O(n^2 log n) for the
    sorts, O(n^2) for each vector of weights and O(n) for each gradient that is tried.

    Both are exact up to rounding; one and no dimension are immediate.

    *More dimensions*. `lower` is the best of an ascent from the directions of G, -G and from
    random ones, and the best few are carried on to the exact maximum of a face; it is at least
    :math:`\|G\| / 2`. `upper` is

    .. math:: \tfrac12 \big( \|G\| + \max(q_+, q_-) \big), \qquad
              q_+ = \min_{s \ge 1} \Big[ \lambda_{\max} \Big( \frac s2 \sum_{w_i > 0} c_i e_i e_i^T
              - \sum_{w_i < 0} c_i e_i e_i^T \Big) + \frac 1{2 s} \sum_{w_i > 0} c_i \Big]

    with :math:`c_i = |w_i| \|z_i\|`, :math:`e_i = z_i / \|z_i\|`, and :math:`q_-` the same for
    the opposite weights; negative q count as 0. *Proof*. Put :math:`t_i = u \cdot e_i`, so that
    :math:`|t_i| \le 1`. Then :math:`|t_i| \le s t_i^2 / 2 + 1 / (2 s)`, by
    :math:`(s |t_i| - 1)^2 \ge 0`, and :math:`|t_i| \ge t_i^2`. Use the first where
    :math:`w_i > 0` and the second where :math:`w_i < 0`:

    .. math:: Q(u) \le u^T \Big( \frac s2 \sum_{w_i > 0} c_i e_i e_i^T - \sum_{w_i < 0} c_i e_i
              e_i^T \Big) u + \frac 1{2 s} \sum_{w_i > 0} c_i

    which is at most :math:`q_+`; likewise :math:`-Q(u) \le q_-`, and :math:`|G \cdot u| \le \|G\|`.

    Defined in the chapter Rademacher complexity.

    References
    ----------
    * F. Bach, Breaking the curse of dimensionality with convex neural networks, JMLR, 2017.

    Examples
    --------
    The two points (1, 1) and (-1, 1), the second with weight -1:

    >>> found = relu_sup([[1.0, 1.0], [-1.0, 1.0]], [1, -1])
    >>> round(found.value, 4), found.lower == found.upper
    (1.4142, True)
    """
    arrangement = points if isinstance(points, Arrangement) else Arrangement(points)
    points = arrangement.points
    weights = real_array("weights", weights)
    if weights.shape != (len(points),):
        raise ValueError(f"weights: expected the shape {(len(points),)}, got {weights.shape}")
    starts = integer("starts", starts)
    size = np.abs(weights).max() or 1.0
    inner, scaled = arrangement.inner, weights[arrangement.kept] / size
    if arrangement.dimension == 0:
        direction = np.eye(points.shape[1])[0]
    elif arrangement.dimension == 1:
        direction = arrangement.basis[0]
    elif arrangement.cells is not None:
        direction = arrangement.cells.direction(scaled) @ arrangement.basis
    else:
        total = scaled @ inner
        first = [total, -total] if total.any() else []
        drawn = generator(rng).standard_normal((starts, inner.shape[1]))
        direction = ascend(inner, scaled, np.array([*first, *drawn])) @ arrangement.basis
    value, direction, sign = _evaluate(points, weights, direction)
    upper = value
    if not arrangement.exact:
        upper = max(value, float(upper_bound(inner, scaled) * arrangement.scale * size))
    return ReluSup(value, value, upper, direction, sign)


def _evaluate(points, weights, direction):
    """Return the value, the better of u and -u, normalized, and the sign of h there."""
    direction = direction / np.linalg.norm(direction)
    inner = points @ direction
    ahead, behind = np.maximum(inner, 0) @ weights, np.maximum(-inner, 0) @ weights
    if abs(behind) > abs(ahead):
        ahead, direction = behind, -direction
    return float(abs(ahead)), direction, -1.0 if ahead < 0 else 1.0
