r"""Two-layer networks as clouds of particles, and the regression that moves them.

A particle is :math:`\theta = (a, w) \in \mathbb{R} \times \mathbb{R}^d`, and the feature that it
contributes is :math:`\varphi(\theta, x) = a\,\sigma(w \cdot x)`. A cloud of m particles is the
measure :math:`\mu = \frac1m \sum_j \delta_{\theta_j}`, and the network
:math:`f_\mu(x) = \int \varphi(\theta, x)\,\mu(d\theta)`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import choice, finite_array, number, real_array
from openblackbox.frozen import freeze
from openblackbox.meanfield.penalties import PENALTIES

__all__ = ["ACTIVATIONS", "Activation", "Cloud", "Regression", "predict"]

ENTRIES = 1 << 20  # inner products that `predict` holds at one time


@dataclass(frozen=True)
class Activation:
    r"""An activation :math:`\sigma` with its derivative.

    Parameters
    ----------
    name : str
        What a `Regression` calls it.
    value, derivative : callable
        Map arrays to arrays, entry by entry. The derivative of ReLU at its kink is 0, as in torch.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.
    """

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray]


def _relu(h):
    return np.maximum(h, 0)


def _step(h):
    return (h > 0).astype(h.dtype)


def _tanh_slope(h):
    return 1 - np.tanh(h) ** 2


ACTIVATIONS = {
    "relu": Activation("relu", _relu, _step),
    "tanh": Activation("tanh", np.tanh, _tanh_slope),
}


@dataclass(frozen=True, eq=False)
class Cloud:
    r"""m particles :math:`\theta_j = (a_j, w_j)` of mass 1/m each.

    Parameters
    ----------
    a : array_like, shape (m,)
        Outer weights :math:`a_j`.
    w : array_like, shape (m, d)
        Inner weights; row j is :math:`w_j`.

    Raises
    ------
    ValueError
        No particle, shapes that do not fit, something else than finite real numbers.

    Notes
    -----
    Arrays of float32 stay float32 when both are; everything else becomes float64. The arrays are
    copied and cannot be written.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.particles import Cloud
    >>> cloud = Cloud([1.0, -1.0], [[1.0, 0.0], [0.0, 2.0]])
    >>> cloud.m, cloud.d
    (2, 2)
    >>> cloud.theta
    array([[ 1.,  1.,  0.],
           [-1.,  0.,  2.]])
    """

    a: np.ndarray
    w: np.ndarray

    def __post_init__(self):
        """Check the arrays and freeze copies."""
        a = real_array("a", self.a, ndim=1, keep_single=True)
        w = real_array("w", self.w, ndim=2, keep_single=True)
        if not len(a):
            raise ValueError("a: expected at least one particle, got none")
        if len(w) != len(a) or not w.shape[1]:
            raise ValueError(f"w: expected shape ({len(a)}, d) with d >= 1, got {w.shape}")
        dtype = np.result_type(a, w)
        freeze(self, a=a.astype(dtype, copy=False), w=w.astype(dtype, copy=False))

    @property
    def m(self) -> int:
        """The number of particles."""
        return len(self.a)

    @property
    def d(self) -> int:
        """The dimension of the inputs."""
        return self.w.shape[1]

    @property
    def theta(self) -> np.ndarray:
        """The particles as rows :math:`(a_j, w_j)`, shape (m, 1 + d)."""
        return np.column_stack([self.a, self.w])


def adopt(a, w):
    """Return a cloud of two float arrays that nobody else holds: checked, frozen, not copied."""
    cloud = object.__new__(Cloud)
    freeze(cloud, a=finite_array("a", a), w=finite_array("w", w))
    return cloud


def predict(cloud, x, *, activation="relu"):
    r"""Evaluate the network of a cloud, :math:`f(x) = \frac1m \sum_j a_j\,\sigma(w_j \cdot x)`.

    Parameters
    ----------
    cloud : Cloud
        The particles.
    x : array_like, shape (n, d)
        The points.
    activation : {"relu", "tanh"}
        :math:`\sigma`.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The values.

    Raises
    ------
    ValueError
        Points of another dimension, or an unknown activation.

    Notes
    -----
    Cost: 2 n m d operations. Particles are taken in blocks, of 2^20 inner products or of 16
    particles, so that no n by m array is formed.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.particles import Cloud, predict
    >>> predict(Cloud([1.0, 1.0], [[1.0], [-1.0]]), [[-3.0], [2.0]])
    array([1.5, 1. ])
    """
    sigma = ACTIVATIONS[choice("activation", activation, ACTIVATIONS)]
    x = _points(cloud, x)
    size = max(16, ENTRIES // max(1, len(x)))
    total = np.zeros(len(x), np.result_type(x, cloud.w))
    for k in range(0, cloud.m, size):
        part = slice(k, k + size)
        total += sigma.value(x @ cloud.w[part].T) @ cloud.a[part]
    return total / cloud.m


def _points(cloud, x):
    x = real_array("x", x, ndim=2, keep_single=True)
    if x.shape[1] != cloud.d:
        raise ValueError(f"x: expected points of {cloud.d} entries, got {x.shape[1]}")
    return x


@dataclass(frozen=True, eq=False)
class Regression:
    r"""The risk that the particles descend.

    .. math:: \mathcal{L}[\mu] = \frac1n \sum_{i=1}^n \big(f_\mu(x_i) - y_i\big)^2
              + \lambda \int V(\theta)\,\mu(d\theta)

    Parameters
    ----------
    x : array_like, shape (n, d)
        The points; the law :math:`\nu` of the chapters is the uniform law on them.
    y : array_like, shape (n,)
        The values of the function to be learned, :math:`y_i = f^*(x_i)`.
    decay : float
        :math:`\lambda \ge 0`.
    penalty : {"half-square", "path"}
        :math:`V = \frac12 (a^2 + \|w\|^2)` or :math:`V = |a|\,\|w\|`.
    activation : {"relu", "tanh"}
        :math:`\sigma`.

    Raises
    ------
    ValueError
        No point, shapes that do not fit, numbers that are not finite, a negative decay, an unknown
        name.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.particles import Regression
    >>> task = Regression([[1.0], [2.0]], [1.0, 0.0], decay=0.1)
    >>> task.n, task.d, task.penalty
    (2, 1, 'half-square')
    """

    x: np.ndarray
    y: np.ndarray
    decay: float = 0.0
    penalty: str = "half-square"
    activation: str = "relu"

    def __post_init__(self):
        """Check everything and freeze copies of the arrays."""
        x = real_array("x", self.x, ndim=2, keep_single=True)
        y = real_array("y", self.y, ndim=1, keep_single=True)
        if 0 in x.shape:
            raise ValueError(f"x: expected at least one point with one entry, got shape {x.shape}")
        if y.shape != x.shape[:1]:
            raise ValueError(f"y: expected {len(x)} values, one per point, got {len(y)}")
        dtype = np.result_type(x, y)
        freeze(self, x=x.astype(dtype, copy=False), y=y.astype(dtype, copy=False))
        object.__setattr__(self, "decay", number("decay", self.decay, zero=True))
        choice("penalty", self.penalty, PENALTIES)
        choice("activation", self.activation, ACTIVATIONS)

    @property
    def n(self) -> int:
        """The number of points."""
        return len(self.x)

    @property
    def d(self) -> int:
        """The dimension of the points."""
        return self.x.shape[1]

    @property
    def sigma(self) -> Activation:
        """The activation with its derivative."""
        return ACTIVATIONS[self.activation]
