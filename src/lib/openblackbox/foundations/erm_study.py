r"""Excess risk of the certified minimizer: a task whose population risk is an exact integral.

The table of the book is made by::

    python -m openblackbox.study openblackbox.foundations.erm_study:STUDY
        --out book/data/excess-risk.csv
"""

import numpy as np

from openblackbox.arguments import generator, integer
from openblackbox.foundations.erm import fit_certified
from openblackbox.foundations.losses import as_loss
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
from openblackbox.study import Study

__all__ = [
    "BUDGET",
    "STUDY",
    "TEACHER",
    "draw_task",
    "excess_risk",
    "population_risk",
]

BUDGET = 3.0
"""The budget D of the task; its radius M is 1."""

TEACHER = OneHiddenLayer([1.8, -1.2], [[1.0], [-0.6]], [0.0, 0.8])
r"""The network :math:`f^*` that draws the labels: :math:`1.8 (x)_+ - 1.2 (0.8 - 0.6 x)_+`.

Its norm is 3, the budget.
"""


def draw_task(n, *, rng):
    r"""Draw points and labels of the task.

    .. math:: x \sim U[-1, 1], \qquad P(y = 1 \mid x) = 1 / (1 + e^{-f^*(x)})

    Parameters
    ----------
    n : int
        The number of samples.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    X : array of shape (n, 1)
        The points.
    y : array of shape (n,)
        The labels, -1 or 1.

    Notes
    -----
    :math:`f^*` is `TEACHER`. Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> X, y = draw_task(1000, rng=np.random.default_rng(0))
    >>> X.shape, sorted(set(y.tolist()))
    ((1000, 1), [-1.0, 1.0])
    """
    X = generator(rng).uniform(-1, 1, (integer("n", n), 1))
    slopes = as_loss("logistic").derivative(1.0, -TEACHER(X))  # minus the probability of 1
    return X, np.where(rng.random(n) < -slopes, 1.0, -1.0)


def population_risk(net, *, teacher=TEACHER, points=24):
    r"""Integrate the logistic risk of a network over the law of the task.

    .. math::

       \mathcal R(f) = \frac12 \int_{-1}^1 \Big( q(x) \log\big(1 + e^{-f(x)}\big)
       + (1 - q(x)) \log\big(1 + e^{f(x)}\big) \Big) \, dx, \qquad q = 1 / (1 + e^{-f^*})

    Parameters
    ----------
    net : openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The network, with one input.
    teacher : openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The function :math:`f^*`, with one input.
    points : int
        The number of nodes on each piece.

    Returns
    -------
    float
        The risk.

    Raises
    ------
    ValueError
        If the network has another number of inputs.

    Notes
    -----
    The integrand is analytic between two kinks of f and of the teacher. On each piece the
    Gauss-Legendre rule converges geometrically: 24 nodes and 48 agree to 13 digits.
    :math:`\mathcal R` is smallest at the teacher, among all functions.

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> zero = OneHiddenLayer([0.0], [[1.0]], [0.0])
    >>> round(population_risk(zero), 6), round(population_risk(TEACHER), 6)
    (0.693147, 0.570237)
    """
    if net.w.shape[1] != 1:
        raise ValueError(f"net: expected one input, got {net.w.shape[1]}")
    nodes, weights = np.polynomial.legendre.leggauss(integer("points", points))
    slopes = np.concatenate([net.w[:, 0], teacher.w[:, 0]])
    biases = np.concatenate([net.b, teacher.b])
    kinks = -biases[slopes != 0] / slopes[slopes != 0]
    ends = np.sort(np.concatenate([[-1.0, 1.0], kinks[np.abs(kinks) < 1]]))
    half = np.diff(ends) / 2
    x = ((ends[:-1] + half)[:, None] + half[:, None] * nodes).reshape(-1, 1)
    mass = (half[:, None] * weights).ravel() / 2
    loss, values, likely = as_loss("logistic"), net(x), teacher(x)
    q = -loss.derivative(1.0, -likely)
    return float(mass @ (q * loss.value(1.0, values) + (1 - q) * loss.value(-1.0, values)))


def excess_risk(n, seed):
    r"""Fit one sample of the task, and compare with the best network.

    Parameters
    ----------
    n : int
        The number of samples.
    seed : int
        Of the sample.

    Returns
    -------
    dict
        ``excess``: :math:`\mathcal R(\hat f) - \mathcal R(f^*)`; ``generalization``:
        :math:`\mathcal R(\hat f) - \hat{\mathcal R}(\hat f)`; ``neurons``; ``certified``: whether
        the gap is at most :math:`10^{-8}`.

    Notes
    -----
    Minimizers need not be unique between the points, so that the last digits of the excess may
    depend on rounding. Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> row = excess_risk(50, 0)
    >>> row["certified"], 0 < row["excess"] < 0.1
    (True, True)
    """
    X, y = draw_task(n, rng=np.random.default_rng(seed))
    fit = fit_certified(X, y, radius=1.0, budget=BUDGET, tol=1e-8)
    risk = population_risk(fit.net)
    return {
        "excess": risk - population_risk(TEACHER),
        "generalization": risk - fit.risk,
        "neurons": len(fit.net.eta),
        "certified": fit.gap <= 1e-8,
    }


STUDY = Study(
    "excess risk of the certified minimizer",
    excess_risk,
    {"n": [20, 50, 100, 200, 500, 1000, 2000, 5000], "seed": range(40)},
    ["excess", "generalization", "neurons", "certified"],
)
"""How the excess falls with n, on the task."""
