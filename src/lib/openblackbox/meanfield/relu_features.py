r"""How the feature :math:`w \mapsto (w \cdot x)_+` and its differential change with the direction.

The features are elements of :math:`L^2(\nu)`, for a law :math:`\nu` that is invariant under
rotations, with :math:`\mathbb{E}\,\|x\|^2 = d`; for example the normal law :math:`N(0, I_d)`.
"""

import numpy as np

from openblackbox.arguments import choice, real_array
from openblackbox.meanfield.particles import ACTIVATIONS

__all__ = ["differential_gap", "feature_kernel", "sample_differential_gap", "tangent_gap"]


def _angles(angle):
    angle = real_array("angle", angle)
    if ((angle < 0) | (angle > np.pi)).any():
        raise ValueError("angle: expected numbers from 0 to pi, got others")
    return angle


def feature_kernel(angle):
    r"""Evaluate the inner product of two features of unit vectors.

    .. math:: K(\alpha) = \mathbb{E}\,(w \cdot x)_+ (v \cdot x)_+
              = \frac{\sin \alpha + (\pi - \alpha) \cos \alpha}{2 \pi}

    Parameters
    ----------
    angle : array_like
        The angle :math:`\alpha` of w and v, from 0 to pi.

    Returns
    -------
    numpy.ndarray
        The inner products, in the shape of `angle`.

    Raises
    ------
    ValueError
        An angle out of range.

    Notes
    -----
    As a function on a circle of directions it is even, and its third derivative jumps from
    :math:`-1/\pi` to :math:`1/\pi` at 0.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.relu_features import feature_kernel
    >>> feature_kernel([0.0, np.pi]).round(12)
    array([0.5, 0. ])
    """
    angle = _angles(angle)
    return (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)


def differential_gap(angle):
    r"""Evaluate the distance of the differentials of the feature at two unit vectors.

    .. math:: \|d\phi_w - d\phi_v\| = \sqrt{\frac{\alpha + \sin \alpha}{\pi}}

    Parameters
    ----------
    angle : array_like
        The angle :math:`\alpha` of w and v, from 0 to pi.

    Returns
    -------
    numpy.ndarray
        The operator norms, in the shape of `angle`.

    Raises
    ------
    ValueError
        An angle out of range.

    Notes
    -----
    It is :math:`\sqrt{2 \alpha / \pi}` at first order: Hölder with exponent 1/2, and not Lipschitz.
    The dimension does not occur.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.relu_features import differential_gap
    >>> differential_gap([0.0, np.pi]).round(12)
    array([0., 1.])
    """
    angle = _angles(angle)
    return np.sqrt((angle + np.sin(angle)) / np.pi)


def tangent_gap(angle):
    r"""Evaluate the distance of the derivatives of the feature along a circle of directions.

    With :math:`w(t)` moving at unit speed on a great circle,

    .. math:: \Big\|\frac{d}{dt} \phi_{w(t + \alpha)} - \frac{d}{dt} \phi_{w(t)}\Big\|^2
              = 1 + \frac{\sin \alpha - (\pi - \alpha) \cos \alpha}{\pi}

    Parameters
    ----------
    angle : array_like
        The angle :math:`\alpha`, from 0 to pi.

    Returns
    -------
    numpy.ndarray
        The distances, in the shape of `angle`.

    Raises
    ------
    ValueError
        An angle out of range.

    Notes
    -----
    The square is :math:`2 K''(\alpha) - 2 K''(0)`, with the kernel of `feature_kernel`.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.relu_features import tangent_gap
    >>> tangent_gap([0.0, np.pi]).round(12)
    array([0., 1.])
    """
    angle = _angles(angle)
    square = 1 + (np.sin(angle) - (np.pi - angle) * np.cos(angle)) / np.pi
    return np.sqrt(np.maximum(square, 0))


def sample_differential_gap(w, v, x, *, activation="relu"):
    r"""Evaluate the distance of two differentials when the law is uniform on points.

    .. math:: \max_{\|h\| = 1} \Big( \frac1n \sum_i \big(\sigma'(w \cdot x_i)
              - \sigma'(v \cdot x_i)\big)^2 (h \cdot x_i)^2 \Big)^{1/2}

    Parameters
    ----------
    w, v : array_like, shape (d,)
        Two directions.
    x : array_like, shape (n, d)
        The points.
    activation : {"relu", "tanh"}
        :math:`\sigma`.

    Returns
    -------
    float
        The operator norm.

    Raises
    ------
    ValueError
        Shapes that do not fit, no point, no direction, or an unknown activation.

    Notes
    -----
    The largest eigenvalue of a d by d matrix. At a direction orthogonal to a point the feature of
    a sample of ReLU has no differential; the slope at the kink is taken to be 0.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.relu_features import sample_differential_gap
    >>> sample_differential_gap([1.0, 0.1], [1.0, -0.1], [[0.0, 2.0], [1.0, 0.0]])
    1.4142135623730951
    """
    slope = ACTIVATIONS[choice("activation", activation, ACTIVATIONS)].derivative
    w, v = real_array("w", w, ndim=1), real_array("v", v, ndim=1)
    x = real_array("x", x, ndim=2)
    if 0 in x.shape:
        raise ValueError(f"x: expected at least one point with one entry, got shape {x.shape}")
    for name, direction in (("w", w), ("v", v)):
        if direction.shape != x.shape[1:] or not direction.any():
            raise ValueError(
                f"{name}: expected {x.shape[1]} numbers, not all zero, got {direction}"
            )
    turned = (slope(x @ w) - slope(x @ v))[:, None] * x
    return float(np.sqrt(max(np.linalg.eigvalsh(turned.T @ turned / len(x))[-1], 0)))
