r"""The best network in the plane whose outer weights are not negative, with a certificate.

The risk without penalty, over nonnegative measures :math:`\gamma` on the unit circle:

.. math:: \min_{\gamma \ge 0} \; \frac1n \sum_{i=1}^n \Big( \int (u \cdot x_i)_+ \, \gamma(du)
          - y_i \Big)^2 .
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from openblackbox.arguments import real_array
from openblackbox.meanfield.particles import Cloud

__all__ = ["ConeFit", "kink_directions", "positive_cone"]


@dataclass(frozen=True, eq=False)
class ConeFit:
    r"""The best nonnegative measure on the circle.

    Parameters
    ----------
    directions : numpy.ndarray, shape (k, 2)
        The unit vectors :math:`u_j` that carry it.
    masses : numpy.ndarray, shape (k,)
        The masses :math:`c_j > 0`.
    value : float
        :math:`\frac1n \sum_i (f(x_i) - y_i)^2` for :math:`f(x) = \sum_j c_j (u_j \cdot x)_+`.
    lower : float
        A proved bound: no nonnegative measure has a smaller value.
    dual : numpy.ndarray, shape (n,)
        The vector p of the proof, with :math:`\sum_i p_i (u \cdot x_i)_+ \ge 0` for all u.

    Notes
    -----
    Defined in the chapter Global convergence.
    """

    directions: np.ndarray
    masses: np.ndarray
    value: float
    lower: float
    dual: np.ndarray

    @property
    def cloud(self) -> Cloud:
        """The same function as a cloud of k balanced particles; one particle 0 if k is 0."""
        k = len(self.masses)
        if not k:
            return Cloud([0.0], [[0.0, 0.0]])
        size = np.sqrt(k * self.masses)
        return Cloud(size, size[:, None] * self.directions)


def kink_directions(x):
    r"""List the unit vectors whose features span the cone of all features.

    .. math:: \{ u : \|u\| = 1, \; u \cdot x_i = 0 \text{ for some } x_i \ne 0 \}

    Parameters
    ----------
    x : array_like, shape (n, 2)
        The points.

    Returns
    -------
    numpy.ndarray, shape (k, 2)
        Two opposite unit vectors for each point that is not zero, sorted by their angle, and the
        middles of the arcs between them that are half circles.

    Raises
    ------
    ValueError
        Points that are not in the plane, or not finite.

    Notes
    -----
    On the arc between two neighbours :math:`u_1, u_2` no :math:`u \cdot x_i` changes its sign. If
    the arc is shorter than a half circle, each u of it is :math:`\alpha u_1 + \beta u_2` with
    :math:`\alpha, \beta \ge 0`, and so is its feature:
    :math:`(u \cdot x_i)_+ = \alpha (u_1 \cdot x_i)_+ + \beta (u_2 \cdot x_i)_+`. Arcs are half
    circles if all points are parallel; then each feature is a multiple of one of the two middles.

    Defined in the chapter Global convergence.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.positive_cone import kink_directions
    >>> np.round(kink_directions([[1.0, 0.0], [0.0, 3.0]])) + 0.0
    array([[ 0., -1.],
           [ 1.,  0.],
           [ 0.,  1.],
           [-1.,  0.]])
    """
    x = real_array("x", x, ndim=2)
    if x.shape[1] != 2:
        raise ValueError(f"x: expected points in the plane, shape (n, 2), got {x.shape}")
    x = x[np.any(x != 0, axis=1)]
    normal = np.column_stack([-x[:, 1], x[:, 0]]) / np.hypot(*x.T)[:, None]
    normal = np.concatenate([normal, -normal])
    normal = normal[np.argsort(np.arctan2(normal[:, 1], normal[:, 0]), kind="stable")]
    if len(x):
        after = np.roll(normal, -1, axis=0)
        turn = normal[:, 0] * after[:, 1] - normal[:, 1] * after[:, 0]
        half = (np.abs(turn) < 1e-12) & (np.sum(normal * after, axis=1) < 0)
        normal = np.concatenate([normal, normal[half] @ [[0.0, 1.0], [-1.0, 0.0]]])
    return normal


def positive_cone(task):
    r"""Find the best nonnegative measure on the circle, and prove that it is the best.

    Parameters
    ----------
    task : Regression
        Points in the plane and labels, with ReLU and without decay.

    Returns
    -------
    ConeFit
        `directions`, `masses`, `value`, `lower`, `dual`, and `cloud`.

    Raises
    ------
    ValueError
        Points that are not in the plane, another activation, a positive decay.

    Notes
    -----
    *Algorithm.* Nonnegative least squares over the features of `kink_directions`, whose cone is the
    cone of all features. *Certificate.* Let r be the residual, :math:`h_p(u) = \sum_i p_i
    (u \cdot x_i)_+` and

    .. math:: p = c\,(r + \eta \mathbf 1), \qquad
              \eta = \max_u \frac{h_r(u)_-}{h_{\mathbf 1}(u)}, \qquad
              c = \frac{-\langle r + \eta \mathbf 1, y \rangle}{\|r + \eta \mathbf 1\|^2}
              \text{ or } 0,

    the maximum over the kink directions with :math:`h_{\mathbf 1}(u) > 0`. Then :math:`h_p \ge 0`
    there, and everywhere, and :math:`D(p) = -\frac2n \langle p, y \rangle - \frac1n \|p\|^2` is a
    lower bound. At the exact residual :math:`\eta = 0` and :math:`c = 1`, so the two values agree.

    With decay the risk is larger, so that `lower` is a lower bound there too.

    Cost: one call of ``scipy.optimize.nnls`` with n rows and 2 n columns.

    Defined in the chapter Global convergence.

    Examples
    --------
    The label 1 can be had, the label -1 cannot:

    >>> from openblackbox.meanfield.particles import Regression
    >>> from openblackbox.meanfield.positive_cone import positive_cone
    >>> fit = positive_cone(Regression([[1.0, 0.0], [-1.0, 0.0]], [1.0, -1.0]))
    >>> fit.value, fit.lower, fit.masses
    (0.5, 0.5, array([1.]))
    """
    if task.activation != "relu":
        raise ValueError(f"task: expected the activation 'relu', got {task.activation!r}")
    if task.decay:
        raise ValueError(
            f"task: expected no decay, got {task.decay}: the value without decay is a lower bound"
        )
    x, y = task.x.astype(float), task.y.astype(float)
    directions = kink_directions(x)
    features = np.maximum(x @ directions.T, 0)
    masses = nnls(features, y)[0] if features.any() else np.zeros(len(directions))
    r = features @ masses - y
    total, pull = features.sum(axis=0), features.T @ r
    some = total > 0
    eta = max(0.0, float(np.max(-pull[some] / total[some], initial=0.0)))
    p = r + eta
    square = p @ p
    p = p * (max(0.0, -(p @ y) / square) if square else 0.0)
    kept = masses > 0
    return ConeFit(
        directions=directions[kept],
        masses=masses[kept],
        value=float(r @ r / task.n),
        lower=float(-(2 * (p @ y) + p @ p) / task.n),
        dual=p,
    )
