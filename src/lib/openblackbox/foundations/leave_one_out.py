r"""What one sample changes: minimizers without each sample in turn, and the leverages."""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import number
from openblackbox.foundations.erm_corrective import best_combination
from openblackbox.foundations.losses import as_loss

__all__ = ["LeftOut", "leave_one_out"]


@dataclass(frozen=True)
class LeftOut:
    r"""The values of a minimizer, and of the minimizers without each sample.

    Parameters
    ----------
    values : array of shape (n,)
        :math:`\hat f(x_j)`, with all samples.
    without : array of shape (n, n)
        Row i: the values :math:`f^{(i)}(x_j)` of the minimizer without sample i, at all n points.
    leverages : array of shape (n,)
        :math:`\Pi_{ii}`: the diagonal of the orthogonal projection on the span of the columns.

    Notes
    -----
    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> found = LeftOut(np.array([1.0]), np.array([[3.0]]), np.array([1.0]))
    >>> found.moves
    array([2.])
    """

    values: np.ndarray
    without: np.ndarray
    leverages: np.ndarray

    @property
    def moves(self):
        r"""How far each prediction moves at its own point: :math:`|f^{(i)}(x_i) - \hat f(x_i)|`."""
        return np.abs(np.diag(self.without) - self.values)


def leave_one_out(columns, y, *, budget, loss="logistic", tol=1e-12):
    r"""Minimize the empirical risk over the combinations of a few functions, less one sample each.

    .. math::

       \hat f = \arg\min_{f \in \mathcal C} \sum_j \ell\big(y_j, f(x_j)\big), \qquad
       f^{(i)} = \arg\min_{f \in \mathcal C} \sum_{j \ne i} \ell\big(y_j, f(x_j)\big), \qquad
       \mathcal C = \Big\{ \sum_l \eta_l v_l : \ \sum_l |\eta_l| \le D \Big\}

    Parameters
    ----------
    columns : array of shape (n, k)
        The values :math:`v_l(x_j)` of k functions at the n points, n at least 2.
    y : array of shape (n,)
        The labels.
    budget : float
        :math:`D > 0`.
    loss : str or openblackbox.foundations.losses.Loss
        ``"logistic"`` or ``"squared"``: a loss with curvature, so that the minimizers have one
        vector of values.
    tol : float
        The excess over the smallest mean loss that is allowed.

    Returns
    -------
    LeftOut
        The values of the n + 1 minimizers at all points, and the leverages.

    Raises
    ------
    ValueError
        If an argument is not as above.

    Notes
    -----
    n + 1 calls of `best_combination`, each from the minimizer with all samples. If the loss has a
    second derivative of at least :math:`\kappa` between the values found, and a slope of at most G
    there, then :math:`|f^{(i)}(x_i) - \hat f(x_i)| \le \frac{G}{\kappa}\, \Pi_{ii}`, and the
    leverages add up to the rank of ``columns``, at most k.

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> found = leave_one_out(np.ones((3, 1)), [0.0, 3.0, 6.0], budget=9, loss="squared")
    >>> found.values.round(6), found.moves.round(6), found.leverages.round(6)
    (array([3., 3., 3.]), array([1.5, 0. , 1.5]), array([0.333333, 0.333333, 0.333333]))
    """
    loss, budget, tol = as_loss(loss), number("budget", budget), number("tol", tol)
    columns, y = np.asarray(columns, dtype=float), np.asarray(y, dtype=float)
    if loss.name not in ("logistic", "squared"):
        raise ValueError(f"loss: expected 'logistic' or 'squared', got {loss.name!r}")
    if columns.ndim != 2 or len(columns) < 2 or not columns.shape[1]:
        raise ValueError(f"columns: expected the shape (n, k), n >= 2, got {columns.shape}")
    if y.shape != (len(columns),):
        raise ValueError(f"y: expected the shape {(len(columns),)}, got {y.shape}")
    for name, array in (("columns", columns), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers, got nan or infinity")
    if loss.signs and not np.isin(y, (-1.0, 1.0)).all():
        raise ValueError(f"y: expected labels -1 and 1 for the {loss.name} loss")
    both = budget * np.hstack([columns, -columns])
    full, _ = best_combination(loss, both, y, np.zeros(both.shape[1]), tol=tol)
    without = []
    for i in range(len(y)):
        rest = np.delete(both, i, axis=0), np.delete(y, i)
        without.append(both @ best_combination(loss, *rest, full, tol=tol)[0])
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    # Directions that only rounding errors span carry no leverage.
    basis = left[:, sizes > 1e-9 * sizes[0]]
    return LeftOut(both @ full, np.array(without), np.square(basis).sum(axis=1))
