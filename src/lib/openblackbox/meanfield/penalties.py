r"""Penalties of particles, of the same degree of homogeneity as the features of ReLU."""

import numpy as np

from openblackbox.arguments import choice

__all__ = ["PENALTIES", "penalty", "penalty_gradient"]

PENALTIES = ("half-square", "path")


def penalty(cloud, *, kind="half-square"):
    r"""Evaluate the penalty of each particle, :math:`V(\theta_j)`.

    Parameters
    ----------
    cloud : Cloud
        The particles.
    kind : {"half-square", "path"}
        :math:`\frac12 (a^2 + \|w\|^2)` or :math:`|a|\,\|w\|`.

    Returns
    -------
    numpy.ndarray, shape (m,)
        The penalties.

    Raises
    ------
    ValueError
        An unknown kind.

    Notes
    -----
    By the inequality of the means the first is at least the second, with equality when the particle
    is balanced, :math:`|a| = \|w\|`.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.penalties import penalty
    >>> from openblackbox.meanfield.particles import Cloud
    >>> cloud = Cloud([-2.0, 5.0], [[3.0, 4.0], [3.0, 4.0]])
    >>> penalty(cloud), penalty(cloud, kind="path")
    (array([14.5, 25. ]), array([10., 25.]))
    """
    choice("kind", kind, PENALTIES)
    if kind == "half-square":
        return (cloud.a**2 + np.sum(cloud.w**2, axis=1)) / 2
    return np.abs(cloud.a) * np.linalg.norm(cloud.w, axis=1)


def penalty_gradient(cloud, *, kind="half-square"):
    r"""Evaluate the gradient of the penalty of each particle.

    .. math:: \nabla V = (a, w) \qquad \text{or} \qquad
              \nabla V = \big(\operatorname{sign}(a)\,\|w\|,\ |a|\,w / \|w\|\big)

    Parameters
    ----------
    cloud : Cloud
        The particles.
    kind : {"half-square", "path"}
        As in `penalty`.

    Returns
    -------
    a : numpy.ndarray, shape (m,)
        The derivatives in :math:`a_j`.
    w : numpy.ndarray, shape (m, d)
        The gradients in :math:`w_j`.

    Raises
    ------
    ValueError
        An unknown kind.

    Notes
    -----
    Where the path penalty has a kink, at a = 0 or w = 0, the entries that do not exist are 0.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.penalties import penalty_gradient
    >>> from openblackbox.meanfield.particles import Cloud
    >>> penalty_gradient(Cloud([-2.0], [[3.0, 4.0]]), kind="path")
    (array([-5.]), array([[1.2, 1.6]]))
    """
    choice("kind", kind, PENALTIES)
    return slopes(cloud.a, cloud.w, kind)


def slopes(a, w, kind):
    """Return the gradients at some particles: the arrays themselves for "half-square"."""
    if kind == "half-square":
        return a, w
    norms = np.linalg.norm(w, axis=1)
    units = w / np.where(norms > 0, norms, 1)[:, None]
    return np.sign(a) * norms, np.abs(a)[:, None] * units
