r"""Labels that are nearly random: a family on which the rate of the bound cannot be improved.

The table of the book is made by::

    python -m openblackbox.study openblackbox.foundations.hard_labels:STUDY
        --out book/data/hard-labels.csv
"""

import numpy as np
from scipy.stats import binom

from openblackbox.arguments import integer
from openblackbox.foundations.erm import fit_certified
from openblackbox.foundations.erm_study import population_risk
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
from openblackbox.study import Study

__all__ = ["STUDY", "hard_excess", "mean_value", "overlap"]


def hard_excess(n, loss, draws):
    r"""Measure the mean excess risk on labels that are nearly random, D = M = 1.

    .. math:: x \sim U[-1, 1], \qquad P(y = 1) = \tfrac12 (1 + 1/\sqrt n) \ \text{ for every } x

    Parameters
    ----------
    n : int
        The number of samples.
    loss : str
        ``"linear"`` or ``"logistic"``.
    draws : int
        The number of samples of size n, with the seeds 0, 1, ...

    Returns
    -------
    dict
        ``excess``: the mean of :math:`\mathcal R(\hat f) - \inf \mathcal R`; ``error``: the
        standard error of this mean.

    Raises
    ------
    ValueError
        If the loss is another one.

    Notes
    -----
    Linear loss: :math:`\mathcal R(f) = -\frac1{\sqrt n} \mathbb E f(x)`, smallest for
    :math:`f = 1`. Logistic loss: smallest for the constant :math:`\log \frac{1 + s}{1 - s}`,
    :math:`s = 1/\sqrt n`, which is in the class for :math:`n \ge 5`.

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> row = hard_excess(100, "linear", 20)
    >>> bool(0.01 < row["excess"] < 0.1), sorted(row)
    (True, ['error', 'excess'])
    """
    if loss not in ("linear", "logistic"):
        raise ValueError(f"loss: expected 'linear' or 'logistic', got {loss!r}")
    n, shift = integer("n", n, least=5), 1 / np.sqrt(n)
    best = OneHiddenLayer([np.log((1 + shift) / (1 - shift))], [[0.0]], [1.0])
    floor = population_risk(best, teacher=best)
    excesses = []
    for seed in range(integer("draws", draws, least=2)):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, (n, 1))
        y = np.where(rng.random(n) < (1 + shift) / 2, 1.0, -1.0)
        net = fit_certified(X, y, radius=1.0, budget=1.0, loss=loss, tol=1e-7).net
        if loss == "linear":
            excesses.append(shift * (1 - mean_value(net)))
        else:
            excesses.append(population_risk(net, teacher=best) - floor)
    spread = np.std(excesses, ddof=1) / np.sqrt(draws)
    return {"excess": float(np.mean(excesses)), "error": float(spread)}


def mean_value(net):
    r"""Return the mean of a network with one input over the uniform law on [-1, 1].

    .. math:: \tfrac12 \int_{-1}^1 (wx + b)_+ \, dx
              = \frac{(b + w)_+^2 - (b - w)_+^2}{4 w}, \qquad w \ne 0

    Parameters
    ----------
    net : openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The network.

    Returns
    -------
    float
        The mean.

    Notes
    -----
    The formula is used with :math:`|w|`, which gives the same mean, and for
    :math:`b \ge |w|`, where the neuron is affine, the mean is b.

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> mean_value(OneHiddenLayer([2.0, 1.0], [[1.0], [0.0]], [0.0, 3.0]))
    3.5
    """
    w, b = np.abs(net.w[:, 0]), net.b
    inside = np.abs(b) < w
    kinked = np.square(np.where(inside, b + w, 0)) / np.where(inside, 4 * w, 1)
    return float(net.eta @ np.where(inside, kinked, np.maximum(b, 0)))


def overlap(n, *, shift=1.0):
    r"""Return how much the two laws of the labels of the hard family overlap, exactly.

    .. math::

       \sum_k \min\big(P_+(k), P_-(k)\big), \qquad
       P_\pm = \mathrm{Binomial}\Big(n, \tfrac12 \big(1 \pm \tfrac{c}{\sqrt n}\big)\Big)

    Parameters
    ----------
    n : int
        The number of labels.
    shift : float
        The number :math:`c`, at least 0 and at most :math:`\sqrt n`.

    Returns
    -------
    float
        One minus the total variation distance; it tends to :math:`2 \Phi(-c)`.

    Raises
    ------
    ValueError
        If the shift is outside its range.

    Notes
    -----
    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> overlap(1), round(overlap(10000), 4)  # 2 * Phi(-1) = 0.3173
    (0.0, 0.3173)
    """
    n = integer("n", n)
    if not 0 <= shift <= np.sqrt(n):
        raise ValueError(f"shift: expected a number from 0 to sqrt(n), got {shift!r}")
    probability, k = (1 + shift / np.sqrt(n)) / 2, np.arange(n + 1)
    laws = binom.pmf(k, n, probability), binom.pmf(k, n, 1 - probability)
    return float(np.minimum(*laws).sum())


STUDY = Study(
    "excess risk on nearly random labels",
    hard_excess,
    {"n": [25, 100, 400, 1600, 6400], "loss": ["linear", "logistic"], "draws": [2000]},
    ["excess", "error"],
)
"""The family on which the rate cannot be improved, and the same labels with a curved loss."""
