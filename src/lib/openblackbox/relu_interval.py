r"""Bounds for the supremum of a sum of ReLUs on a sphere of any dimension.

The work behind `openblackbox.relu_supremum.relu_sup` above dimension 3.
"""

import numpy as np
from scipy.optimize import minimize_scalar

STEPS = 200  # of the ascent, at most
SMALLEST = 1e-7  # step of the ascent
FINALISTS = 8  # starts that are carried on to the exact maximum of a face
ROUNDS = 50  # of that, at most


def ascend(points, weights, starts):
    r"""Climb :math:`|h|` on the unit sphere from several starts; return the best unit vector.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, k)
        The rows :math:`z_i` of :math:`h(u) = \sum_i w_i (u \cdot z_i)_+`.
    weights : numpy.ndarray, shape (n,)
        The :math:`w_i`.
    starts : numpy.ndarray, shape (s, k)
        Nonzero vectors.

    Returns
    -------
    numpy.ndarray, shape (k,)
        The highest point reached.

    Notes
    -----
    A step goes from u to the direction of :math:`u + \alpha\, g / \|g\|`, with g the gradient of
    :math:`\pm h` at u. It is kept if the value grows, and then :math:`\alpha` is doubled for
    this start; otherwise it is halved. So no value ever falls.

    Where h has a concave kink such steps zigzag. So the best few then try the directions of the
    gradient projected on the faces :math:`u \cdot z_i = 0` of the j nearest kinks,
    j = 0, ..., k - 1, as long as the value grows.
    """
    u = starts / np.linalg.norm(starts, axis=1, keepdims=True)
    value, gradient = _climb(points, weights, u, None)
    sign = np.where(value < 0, -1.0, 1.0)
    value, gradient = value * sign, gradient * sign[:, None]
    step = np.ones(len(u))
    for _ in range(STEPS):
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        ahead = u + step[:, None] * gradient / np.where(length > 0, length, 1)
        norm = np.linalg.norm(ahead, axis=1, keepdims=True)
        ahead = np.where(norm > 0, ahead / np.where(norm > 0, norm, 1), u)
        new, slope = _climb(points, weights, ahead, sign)
        better = new > value
        u[better], value[better], gradient[better] = ahead[better], new[better], slope[better]
        step = np.where(better, 2 * step, step / 2)
        if (step < SMALLEST).all():
            break
    finalists = [_settle(points, weights, u[i], sign[i]) for i in value.argsort()[::-1][:FINALISTS]]
    return max(finalists, key=lambda pair: pair[0])[1]


def _settle(points, weights, u, sign):
    """Move to the maximum of the best face near u, as long as the value grows."""
    lengths = np.linalg.norm(points, axis=1)
    value, gradient = _climb(points, weights, u[None], sign)
    best, gradient = value[0], gradient[0]
    for _ in range(ROUNDS):
        near = np.argsort(np.abs(points @ u) / lengths)[: len(u) - 1]
        # Row j: the gradient without its parts along the j nearest rows.
        faces, _ = np.linalg.qr(points[near].T)
        parts = np.vstack([gradient, -(faces * (gradient @ faces)).T])
        ahead = np.cumsum(parts, axis=0)
        norm = np.linalg.norm(ahead, axis=1, keepdims=True)
        ahead = ahead[norm[:, 0] > SMALLEST * norm[0]] / norm[norm > SMALLEST * norm[0], None]
        if not len(ahead):
            break
        value, slopes = _climb(points, weights, ahead, sign)
        i = value.argmax()
        if value[i] <= best:
            break
        u, best, gradient = ahead[i], value[i], slopes[i]
    return best, u


def _climb(points, weights, u, sign):
    """Return the values and gradients of h, times the signs, at several points."""
    inner = u @ points.T
    active = (inner > 0) * weights
    value, gradient = (inner * active).sum(axis=1), active @ points
    return (value, gradient) if sign is None else (value * sign, gradient * sign[..., None])


def upper_bound(points, weights):
    r"""Bound :math:`\sup_{\|u\| = 1} |\sum_i w_i (u \cdot z_i)_+|` from above.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, k)
        The rows :math:`z_i`, none of them zero.
    weights : numpy.ndarray, shape (n,)
        The :math:`w_i`.

    Returns
    -------
    float
        The bound, proved in the Notes of `openblackbox.relu_supremum.relu_sup`.
    """
    lengths = np.linalg.norm(points, axis=1)
    units, mass = points / lengths[:, None], weights * lengths
    parts = []
    for sign in (1, -1):
        c = np.maximum(sign * mass, 0)
        parts.append(((units * c[:, None]).T @ units, c.sum()))
    (a, p), (b, m) = parts
    linear = np.linalg.norm(weights @ points)
    return 0.5 * float(linear + max(_even(a, b, p), _even(b, a, m)))


def _even(grow, shrink, mass):
    r"""Return the least of lambda_max(s grow / 2 - shrink) + mass / (2 s), and at least 0."""
    if mass == 0:
        return 0.0

    def bound(log_s):
        s = np.exp(log_s)
        return np.linalg.eigvalsh(s * grow / 2 - shrink)[-1] + mass / (2 * s)

    # |u . unit| <= 1 makes s >= 1 enough, and s = sqrt(mass / lambda_max(grow)) is best without
    # the part that shrinks; with it a larger s is.
    return max(0.0, float(minimize_scalar(bound, bounds=(0, 20), method="bounded").fun))
