r"""The corrective step of the certified minimizer: the best combination of a few neurons."""

import numpy as np
from scipy.optimize import brentq, linprog, nnls

__all__ = ["best_combination", "nearest_combination"]


def nearest_combination(columns, target):
    r"""Return the point of a convex hull that is nearest to a target.

    .. math::

       \min \; \Big\| \sum_j \lambda_j a_j - b \Big\|^2, \qquad
       \lambda \ge 0, \quad \sum_j \lambda_j = 1 .

    Parameters
    ----------
    columns : array of shape (n, k)
        The vertices :math:`a_j`.
    target : array of shape (n,)
        The point :math:`b`.

    Returns
    -------
    array of shape (k,)
        The weights :math:`\lambda`.

    Notes
    -----
    With :math:`c_j = a_j - b`, non-negative least squares minimize
    :math:`\|\sum_j \mu_j c_j\|^2 + (\sum_j \mu_j - 1)^2` over :math:`\mu \ge 0`. For
    :math:`\mu = t \lambda` the best :math:`t` leaves :math:`q / (1 + q)`,
    :math:`q = \|\sum_j \lambda_j c_j\|^2`, which increases with :math:`q`: so
    :math:`\lambda = \mu / \sum_j \mu_j` is the answer, exactly.

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> nearest_combination(np.array([[0.0, 4.0], [0.0, 0.0]]), np.array([1.0, 3.0])).round(12)
    array([0.75, 0.25])
    """
    centred = columns - target[:, None]
    # Any scale gives the same answer; this one keeps the two terms of similar size.
    scale = np.abs(centred).max() or 1.0
    system = np.vstack([centred / scale, np.ones(centred.shape[1])])
    # The triangular factor replaces n rows by at most k + 1, without squaring the condition.
    sides = np.zeros(len(system))
    sides[-1] = 1.0
    small = np.linalg.qr(np.column_stack([system, sides]), mode="r")
    weights, _ = nnls(small[:, :-1], small[:, -1], maxiter=100 * small.shape[1])
    return weights / weights.sum()


def best_combination(loss, columns, y, weights, *, tol):
    r"""Minimize the empirical risk over the combinations of a few functions.

    .. math::

       \min_\lambda \; \frac1n \sum_i \ell\big(y_i, (A\lambda)_i\big), \qquad
       \lambda \ge 0, \quad \sum_j \lambda_j \le 1 .

    Parameters
    ----------
    loss : openblackbox.foundations.losses.Loss
        The loss.
    columns : array of shape (n, k)
        The matrix :math:`A`: values of k functions at the n points.
    y : array of shape (n,)
        The labels.
    weights : array of shape (k,)
        Where to begin; feasible.
    tol : float
        The excess over the smallest risk of these combinations that is allowed.

    Returns
    -------
    weights : array of shape (k,)
        The solution.
    slopes : array of shape (n,)
        Numbers :math:`p_i` in :math:`\frac1n \partial_f \ell(y_i, (A\lambda)_i)`, with
        :math:`\langle p, A\lambda \rangle \le \min(0, \min_j \langle p, a_j\rangle)` + `tol`. For
        the absolute loss they are the multipliers of a linear program: no other subgradients will
        do.

    Notes
    -----
    Newton's method with the constraints: each quadratic model is minimized exactly over the
    polytope (`nearest_combination`, weighted), and the segment to that minimizer is searched
    exactly. For the squared loss the first model is the problem. The linear loss is minimal at a
    vertex. The absolute loss is a linear program (HiGHS).

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> from openblackbox.foundations.losses import as_loss
    >>> A = np.array([[2.0, 0.0], [0.0, 2.0]])
    >>> best_combination(as_loss("squared"), A, np.array([1.0, 0.4]), np.zeros(2), tol=1e-12)[0]
    array([0.5, 0.2])
    """
    if loss.name == "absolute":
        return _linear_program(columns, y)
    n = len(y)
    if loss.smoothness == 0:
        slopes = loss.derivative(y, np.zeros(n)) / n
        scores = slopes @ columns
        vertex = np.zeros(len(weights))
        vertex[scores.argmin()] = scores.min() < 0
        return vertex, slopes
    vertices = np.column_stack([columns, np.zeros(n)])
    for _ in range(100):
        values = columns @ weights
        slopes = loss.derivative(y, values) / n
        if slopes @ values - min(0.0, (slopes @ columns).min()) <= tol:
            break
        # Where a prediction is very sure the curvature underflows; the floor keeps a model there,
        # and the direction remains one of descent.
        roots = np.sqrt(np.maximum(loss.second(y, values), 1e-12) / n)
        target = roots * values - slopes / roots
        step = nearest_combination(roots[:, None] * vertices, target)[:-1] - weights
        along = columns @ step

        def slope(s, values=values, along=along):
            return along @ loss.derivative(y, values + s * along)

        if slope(0.0) >= 0:  # nothing left that floating point can gain
            break
        weights = weights + step * (1.0 if slope(1.0) <= 0 else brentq(slope, 0, 1, xtol=1e-15))
    return weights, slopes


def _linear_program(columns, y):
    """Minimize the mean absolute error: residual r_i at least plus and minus the error."""
    n, k = columns.shape
    cost = np.concatenate([np.zeros(k), np.full(n, 1 / n)])
    identity = np.eye(n)
    rows = np.block([[columns, -identity], [-columns, -identity]])
    rows = np.vstack([rows, np.concatenate([np.ones(k), np.zeros(n)])])
    sides = np.concatenate([y, -y, [1.0]])
    found = linprog(cost, A_ub=rows, b_ub=sides, bounds=(0, None), method="highs")
    if found.status != 0:
        raise RuntimeError(f"the linear program of the corrective step failed: {found.message}")
    multipliers = -found.ineqlin.marginals[:-1]
    slopes = np.clip(multipliers[:n] - multipliers[n:], -1 / n, 1 / n)
    weights = np.maximum(found.x[:k], 0)
    return weights / max(1.0, weights.sum()), slopes
