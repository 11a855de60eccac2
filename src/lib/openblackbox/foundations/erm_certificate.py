r"""A certificate for networks of one hidden layer: how far a risk is from the smallest one.

The class: :math:`f = \sum_j \eta_j (w_j \cdot x + b_j)_+` with
:math:`\|w_j\|^2 + b_j^2 / M^2 \le 1` and :math:`\sum_j |\eta_j| \le D`, with any number of neurons.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import number
from openblackbox.foundations.losses import as_loss
from openblackbox.foundations.one_hidden_layer import inner_sizes
from openblackbox.relu_supremum import Arrangement, relu_sup

__all__ = ["Certificate", "certify", "outer_norm"]


@dataclass(frozen=True)
class Certificate:
    r"""How far a network of the class is from the smallest empirical risk.

    Parameters
    ----------
    risk : float
        The empirical risk :math:`\hat{\mathcal R}(f) = \frac1n \sum_i \ell(y_i, f(x_i))`.
    gap : float
        A proved bound: the risk exceeds the infimum over the class by at most this.
    norm : float
        The norm :math:`\sum_j |\eta_j| (\|w_j\|^2 + b_j^2 / M^2)^{1/2}`, at most the budget.

    Notes
    -----
    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> Certificate(risk=0.5, gap=0.125, norm=1.0).lower
    0.375
    """

    risk: float
    gap: float
    norm: float

    @property
    def lower(self):
        """A number that no network of the class goes below."""
        return self.risk - self.gap


def outer_norm(net, *, radius):
    r"""Return the norm that the budget bounds, unchanged when a neuron is rescaled.

    .. math:: \sum_j |\eta_j| \, \big(\|w_j\|^2 + b_j^2 / M^2\big)^{1/2}

    Parameters
    ----------
    net : openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The network.
    radius : float
        :math:`M > 0`.

    Returns
    -------
    float
        The norm.

    Raises
    ------
    ValueError
        If the radius is not positive and finite.

    Notes
    -----
    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> outer_norm(OneHiddenLayer([-2.0], [[3.0]], [4.0]), radius=1)
    10.0
    """
    return float(np.abs(net.eta) @ inner_sizes(net, radius=radius))


def certify(net, X, y, *, radius, budget, loss="logistic"):
    r"""Bound how far the empirical risk of a network is from the infimum over the class.

    .. math::

       \mathrm{gap} = \sup_{g} \langle p, f - g\rangle
       = \langle p, f \rangle + D \sup_{\|u\| \le 1} \Big|\sum_i p_i (u \cdot z_i)_+\Big|,
       \qquad p_i \in \tfrac1n \, \partial_f \ell(y_i, f(x_i)),

    with the lifted points :math:`z_i = (x_i, M)`. By convexity
    :math:`\hat{\mathcal R}(g) \ge \hat{\mathcal R}(f) + \langle p, g - f \rangle` for every g.

    Parameters
    ----------
    net : openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The network, however it was found.
    X : array of shape (n, d)
        The points, of norm at most ``radius``; shape (n,) will do for d = 1. The lifted points must
        span at most three dimensions, as they do for d at most 2.
    y : array of shape (n,)
        The labels; -1 and 1 for the logistic loss.
    radius, budget : float
        :math:`M` and :math:`D`.
    loss : str or openblackbox.foundations.losses.Loss
        The loss.

    Returns
    -------
    Certificate
        Risk, gap, norm.

    Raises
    ------
    ValueError
        If an argument is not as above, or the norm of the network is larger than ``budget``.

    Notes
    -----
    One call of the exact oracle. At a kink of the absolute loss the subgradient 0 is taken: the
    bound stays true, but it need not vanish at a minimizer.

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> zero = OneHiddenLayer([0.0], [[1.0]], [0.0])
    >>> found = certify(zero, [0.5], [1.0], radius=1, budget=2, loss="linear")
    >>> found.risk, round(found.gap, 6)  # -2 sqrt(0.5**2 + 1) is the smallest risk
    (0.0, 2.236068)
    """
    points, y, radius, budget, loss = problem(X, y, radius, budget, loss)
    norm = outer_norm(net, radius=radius)
    if norm > budget * (1 + 1e-9):
        raise ValueError(f"net: expected a norm of at most budget = {budget}, got {norm}")
    values = net(points.points[:, :-1])
    slopes = loss.derivative(y, values) / len(y)
    gap = slopes @ values + budget * relu_sup(points, slopes).upper
    return Certificate(float(loss.value(y, values).mean()), float(gap), norm)


def problem(X, y, radius, budget, loss):
    """Check the data, and return the sorted lifted points with the rest."""
    loss, radius, budget = as_loss(loss), number("radius", radius), number("budget", budget)
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    X = X[:, None] if X.ndim == 1 else X
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X: expected the shape (n, d) with n, d >= 1, got {X.shape}")
    if y.shape != (len(X),):
        raise ValueError(f"y: expected the shape {(len(X),)}, got {y.shape}")
    for name, array in (("X", X), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers, got nan or infinity")
    largest = np.linalg.norm(X, axis=1).max()
    if largest > radius * (1 + 1e-12):
        raise ValueError(f"X: expected norms of at most radius = {radius}, got {largest}")
    if loss.signs and not np.isin(y, (-1.0, 1.0)).all():
        raise ValueError(f"y: expected labels -1 and 1 for the {loss.name} loss")
    points = Arrangement(np.column_stack([X, np.full(len(X), radius)]))
    if not points.exact:
        raise ValueError(
            f"X: expected points whose lifts span at most 3 dimensions, got {points.dimension}: "
            "beyond, the oracle is not exact, and nothing would be certified"
        )
    return points, y, radius, budget, loss
