r"""A certificate of global optimality for clouds of ReLU particles with weight decay.

With decay :math:`\lambda > 0` the infimum of the risk over all probability measures is that of
the convex problem over signed measures :math:`\gamma` on the unit sphere S

.. math:: \min_\gamma \; \frac1n \sum_{i=1}^n \Big( \int (u \cdot x_i)_+ \, \gamma(du)
          - y_i \Big)^2 + \lambda\,|\gamma|(S),

for either penalty. Each point of its dual problem is a lower bound, valid for every width.
"""

from dataclasses import dataclass, replace

import numpy as np

from openblackbox.arguments import real_array
from openblackbox.meanfield.energy import check_dimensions, first_variation, risk
from openblackbox.meanfield.particles import Cloud, predict
from openblackbox.meanfield.penalties import penalty
from openblackbox.relu_supremum import Arrangement, relu_sup

__all__ = ["Certificate", "certify", "dual_value", "height"]


@dataclass(frozen=True)
class Certificate:
    r"""How far the risk of a cloud is from the smallest one, at most.

    Parameters
    ----------
    risk : float
        :math:`\mathcal{L}[\mu]`.
    lower : float
        The dual value: no measure has a smaller risk.
    scale : float
        The factor c of the residual in the dual point :math:`p = c r`; 1 at an optimum that is
        not zero.
    supremum : float
        :math:`\sup_{|u| = 1} |\frac2n \sum_i r_i (u \cdot x_i)_+|`, or an upper bound of it.
    exact : bool
        Whether it is the supremum itself: the points span at most three dimensions.
    mismatch, imbalance, slack : float
        The three parts of the gap, none of them negative:
        :math:`\frac1n \|r - p\|^2`, :math:`\lambda \int (V - |a|\,\|w\|)\,d\mu` and
        :math:`\int (\lambda |a|\,\|w\| + \frac2n \langle p, \varphi(\theta) \rangle)\,d\mu`.

    Notes
    -----
    Defined in the chapter Global convergence.

    Examples
    --------
    >>> from openblackbox.meanfield.certificate import Certificate
    >>> one = Certificate(0.5, 0.375, 1.0, 0.1, True, 0.0, 0.025, 0.1)
    >>> one.gap, one.relative
    (0.125, 0.25)
    """

    risk: float
    lower: float
    scale: float
    supremum: float
    exact: bool
    mismatch: float
    imbalance: float
    slack: float

    @property
    def gap(self) -> float:
        """The risk minus its lower bound."""
        return self.risk - self.lower

    @property
    def relative(self) -> float:
        """The part of the risk that another cloud could save, at most; from 0 to 1."""
        return self.gap / self.risk if self.risk else 0.0


def height(cloud, task, directions):
    r"""Evaluate the function on the sphere that decides whether a cloud is optimal.

    .. math:: h_\mu(u) = \frac2n \sum_{i=1}^n r_i\,(u \cdot x_i)_+, \qquad r_i = f_\mu(x_i) - y_i

    Parameters
    ----------
    cloud : Cloud
        The particles.
    task : Regression
        The data, with ReLU.
    directions : array_like, shape (k, d)
        The vectors u.

    Returns
    -------
    numpy.ndarray, shape (k,)
        The values: the first variation of the risk without penalty at the particles (1, u).

    Raises
    ------
    ValueError
        Another activation, or vectors of another dimension.

    Notes
    -----
    Defined in the chapter Global convergence.

    Examples
    --------
    >>> from openblackbox.meanfield.certificate import height
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> height(Cloud([3.0], [[1.0]]), Regression([[1.0]], [1.0]), [[1.0], [-1.0]])
    array([4., 0.])
    """
    _relu_only(task)
    directions = real_array("directions", directions, ndim=2)
    unit = Cloud(np.ones(len(directions)), directions)
    return first_variation(unit, cloud, replace(task, decay=0.0))


def _relu_only(task):
    """Refuse another activation than ReLU."""
    if task.activation != "relu":
        raise ValueError(f"task: expected the activation 'relu', got {task.activation!r}")


def dual_value(p, y):
    r"""Evaluate the dual objective.

    .. math:: D(p) = -\frac2n \langle p, y \rangle - \frac1n \|p\|^2

    Parameters
    ----------
    p, y : numpy.ndarray, shape (n,)
        A dual point and the labels.

    Returns
    -------
    float
        The value; a lower bound of the risk if
        :math:`|\frac2n \sum_i p_i (u \cdot x_i)_+| \le \lambda` for all unit vectors u.

    Notes
    -----
    It is largest at -y, where it is the risk of the network 0.

    Defined in the chapter Global convergence.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.certificate import dual_value
    >>> dual_value(np.array([-1.0, 0.0]), np.array([2.0, 1.0]))
    1.5
    """
    return float(-(2 * (p @ y) + p @ p) / len(y))


def certify(cloud, task, *, rng=None):
    r"""Bound how far the risk of a cloud is from the infimum over all measures.

    .. math:: p = c\,r, \qquad r_i = f_\mu(x_i) - y_i, \qquad
              c = -\frac{\langle r, y \rangle}{\|r\|^2} \text{ clipped to }
              \Big[ -\frac\lambda s, \frac\lambda s \Big], \qquad
              s = \sup_{\|u\| = 1} \Big| \frac2n \sum_i r_i (u \cdot x_i)_+ \Big|

    Of all multiples of the residual that the dual problem allows, p has the largest dual value
    :math:`D(p) = -\frac2n \langle p, y \rangle - \frac1n \|p\|^2`.

    Parameters
    ----------
    cloud : Cloud
        The particles, however they were found.
    task : Regression
        The data, with ReLU and a positive decay; either penalty.
    rng : numpy.random.Generator, optional
        Draws the starts of a search; needed if the points span more than three dimensions.

    Returns
    -------
    Certificate
        `risk`, `lower`, their difference `gap`, and its parts.

    Raises
    ------
    ValueError
        Another activation, no decay, or particles and points of different dimensions.
    TypeError
        If ``rng`` is needed and is no generator.

    Notes
    -----
    The bound holds for clouds of any size and for every measure. For a residual 0 it is 0.

    If the points span at most three dimensions s is exact, and the gap is 0 (up to rounding) if and
    only if the cloud is a minimizer over all measures. Else s is replaced by an upper bound: the
    lower bound is smaller and still true, and the gap need not vanish at a minimizer.

    Cost: that of :func:`openblackbox.relu_supremum.relu_sup`, O(n log n) in the plane.

    Defined in the chapter Global convergence.

    Examples
    --------
    One point x = 1 with y = 1: the smallest risk is :math:`\lambda - \lambda^2 / 4`.

    >>> from openblackbox.meanfield.certificate import certify
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> task = Regression([[1.0]], [1.0], decay=0.5)
    >>> best = certify(Cloud([0.75**0.5], [[0.75**0.5]]), task)
    >>> round(best.lower, 6), round(abs(best.gap), 12)
    (0.4375, 0.0)
    >>> round(certify(Cloud([0.5], [[1.0]]), task).gap, 6)
    0.125
    """
    check_dimensions(cloud, task)
    _relu_only(task)
    if not task.decay:
        raise ValueError(
            "task: expected a decay above 0, got 0.0: without decay a multiple of the residual "
            "is a dual point only if it is orthogonal to all features"
        )
    y = task.y.astype(float)
    r = predict(cloud, task.x).astype(float) - y
    points = Arrangement(task.x)
    s = relu_sup(points, 2 * r / task.n, rng=rng).upper
    square = r @ r
    best = -(r @ y) / square if square else 0.0
    most = task.decay / s if s else np.inf
    c = min(max(best, -most), most)
    p = c * r
    size = np.abs(cloud.a) * np.linalg.norm(cloud.w, axis=1)
    value = np.mean(penalty(cloud, kind=task.penalty))
    return Certificate(
        risk=risk(cloud, task),
        lower=dual_value(p, y),
        scale=float(c),
        supremum=float(s),
        exact=points.exact,
        mismatch=float((1 - c) ** 2 * square / task.n),
        imbalance=float(task.decay * (value - np.mean(size))),
        slack=float(task.decay * np.mean(size) + 2 * (p @ (r + y)) / task.n),
    )
