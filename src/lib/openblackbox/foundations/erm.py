r"""The empirical risk minimizer of a class of networks of any width, with a certificate."""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer, number
from openblackbox.foundations.erm_certificate import Certificate, certify, outer_norm, problem
from openblackbox.foundations.erm_corrective import best_combination
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
from openblackbox.relu_supremum import relu_sup

__all__ = ["Certificate", "CertifiedFit", "certify", "fit_certified", "outer_norm"]


@dataclass(frozen=True)
class CertifiedFit(Certificate):
    r"""An empirical risk minimizer, up to a proved gap.

    Parameters
    ----------
    risk, gap, norm : float
        As in `Certificate`.
    net : openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The network, with :math:`\|w_j\|^2 + b_j^2/M^2 = 1` for each neuron.
    risks, gaps : arrays of shape (steps + 1,)
        Risk and certified gap before each step; the last entries are those of ``net``.
    nets : tuple of openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The networks that belong to them; the first is the zero function.

    Notes
    -----
    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> fit = fit_certified([-1.0, 1.0], [0.0, 1.0], radius=1, budget=1, loss="squared")
    >>> fit.steps, fit.net.eta.round(6)
    (1, array([0.707107]))
    """

    net: OneHiddenLayer
    risks: np.ndarray
    gaps: np.ndarray
    nets: tuple

    @property
    def steps(self):
        """The number of calls of the oracle that added a neuron."""
        return len(self.nets) - 1


def fit_certified(X, y, *, radius, budget, loss="logistic", tol=1e-6, max_steps=500):
    r"""Minimize the empirical risk over the networks of any width, with a certificate.

    .. math::

       \min \; \frac1n \sum_i \ell\big(y_i, f(x_i)\big), \qquad
       f = \sum_{j=1}^m \eta_j (w_j \cdot x + b_j)_+, \quad
       \|w_j\|^2 + \tfrac{b_j^2}{M^2} \le 1, \quad \sum_j |\eta_j| \le D, \quad m \ \text{free.}

    Parameters
    ----------
    X : array of shape (n, d)
        The points, of norm at most ``radius``; shape (n,) will do for d = 1. The lifted points must
        span at most three dimensions, as they do for d at most 2.
    y : array of shape (n,)
        The labels; -1 and 1 for the logistic loss.
    radius, budget : float
        :math:`M > 0` and :math:`D > 0`.
    loss : str or openblackbox.foundations.losses.Loss
        ``"logistic"``, ``"squared"``, ``"linear"`` or ``"absolute"``.
    tol : float
        The gap at which to stop.
    max_steps : int
        The largest number of steps.

    Returns
    -------
    CertifiedFit
        The network, its risk, and the gap: at most ``tol``.

    Raises
    ------
    ValueError
        If an argument is not as above. Points in more dimensions are refused: the oracle is not
        exact there, and a minimizer without a certificate would be one more trained network.
    RuntimeError
        If the gap is larger than ``tol`` after ``max_steps`` steps.

    Notes
    -----
    The fully corrective Frank-Wolfe algorithm. Each step asks the exact oracle ``relu_sup`` for the
    neuron with the largest scalar product with the slopes, re-optimizes all weights
    :math:`\eta_j` (`best_combination`), and merges neurons that are active at the same points; for
    the absolute loss only in the networks that are returned, because its gap stalls otherwise.
    For a loss with second derivative at most :math:`\beta`, some gap among the first
    :math:`T \ge 4` is at most :math:`32 \beta D^2 M^2 / T`; in practice a dozen steps reach
    :math:`10^{-8}`.

    Defined in the chapter Generalization, tested.

    References
    ----------
    * M. Jaggi, Revisiting Frank-Wolfe: projection-free sparse convex optimization, ICML 2013.

    Examples
    --------
    >>> x, y = [-1.0, -0.5, 0.5, 1.0], [1.0, -1.0, -1.0, 1.0]
    >>> fit = fit_certified(x, y, radius=1, budget=4, loss="squared", tol=1e-9)
    >>> len(fit.net.eta), round(fit.risk, 4), bool(fit.gap < 1e-9)
    (3, 0.1769, True)
    """
    points, y, radius, budget, loss = problem(X, y, radius, budget, loss)
    tol, max_steps = number("tol", tol), integer("max_steps", max_steps)
    Z = points.points
    n, k = Z.shape
    units, signs, weights = merged = np.zeros((0, k)), np.zeros(0), np.zeros(0)
    values, slopes = np.zeros(n), loss.derivative(y, np.zeros(n)) / n
    risks, gaps, nets = [], [], []
    while True:
        top = relu_sup(points, slopes)
        risks.append(float(loss.value(y, values).mean()))
        slack = _slack(loss, y, values, slopes, risks[-1])
        gaps.append(float(slopes @ values + budget * top.upper + slack))
        nets.append(_net(merged[0], budget * merged[1] * merged[2], radius))
        if gaps[-1] <= tol:
            break
        if len(gaps) > max_steps:
            raise RuntimeError(
                f"tol: a gap of {tol} was not reached in max_steps = {max_steps} steps, "
                f"the smallest was {min(gaps)}"
            )
        units, signs = np.vstack([units, top.direction]), np.append(signs, -top.sign)
        columns = budget * signs * np.maximum(Z @ units.T, 0)
        weights, slopes = best_combination(
            loss, columns, y, np.append(weights, 0.0), tol=1e-3 * tol
        )
        merged = _merge(Z, units, signs, weights)
        values = np.maximum(Z @ merged[0].T, 0) @ (budget * merged[1] * merged[2])
        if loss.name != "absolute":  # its linear program stalls if it loses what it has found
            units, signs, weights = merged
            slopes = loss.derivative(y, values) / n
    norm = outer_norm(nets[-1], radius=radius)
    return CertifiedFit(
        risks[-1], gaps[-1], norm, nets[-1], np.array(risks), np.array(gaps), tuple(nets)
    )


def _slack(loss, y, values, slopes, risk):
    """Return what the slopes miss to be subgradients: they come from a dual solution there."""
    return risk - slopes @ (values - y) if loss.name == "absolute" else 0.0


def _merge(Z, units, signs, weights):
    """Join the neurons of one sign that are active at the same points: the values stay."""
    used = weights > 0
    units, signs, weights = units[used], signs[used], weights[used]
    groups = {}
    for unit, sign, weight in zip(units, signs, weights, strict=True):
        key = (sign, np.packbits(Z @ unit > 0).tobytes())
        groups[key] = groups.get(key, 0) + weight * unit
    sums = np.array(list(groups.values())).reshape(-1, Z.shape[1])
    norms = np.linalg.norm(sums, axis=1)
    kept = norms > 0
    merged = np.array([sign for sign, _ in groups])[kept] if groups else np.zeros(0)
    return sums[kept] / norms[kept, None], merged, norms[kept]


def _net(units, eta, radius):
    if not len(units):  # the zero function, as one neuron that is multiplied by zero
        units, eta = np.eye(units.shape[1])[-1:], np.zeros(1)
    return OneHiddenLayer(eta, units[:, :-1], radius * units[:, -1])
