r"""The place, size and shape of clouds, which the cheapest assignment does not depend on.

For permutations only the products :math:`u_i \cdot v_{\sigma(i)}` matter. So both clouds may be
moved, and mapped by a matrix and its inverse transpose.
"""

import numpy as np

__all__ = ["at_the_origin", "balanced", "tails"]

RIDGE = 1e-4
"""Share of the mean variance added to all variances, so that nothing is divided by zero."""
FAR = 1e60
"""Sums of squares between 1 / FAR and FAR are safe from overflow and underflow as they are."""


def at_the_origin(points):
    """Move the mean to 0, without overflow.

    Parameters
    ----------
    points : numpy.ndarray, shape (m, p)
        The cloud, finite.

    Returns
    -------
    numpy.ndarray, shape (m, p)
        The moved points. If their sum of squares would overflow or underflow, they are divided by
        their largest entry too.

    Notes
    -----
    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.cloud_shapes import at_the_origin
    >>> at_the_origin(np.array([[1.0], [5.0]])).ravel()
    array([-2.,  2.])
    >>> at_the_origin(np.array([[1e200], [5e200]])).ravel()
    array([-1.,  1.])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        moved = points - points.sum(axis=0) / len(points)
    if 1 / FAR < np.vdot(moved, moved) < FAR:
        return moved
    for _ in range(2):
        points = points / (float(np.abs(points).max()) or 1.0)
        points = points - points.mean(axis=0)
    return points


def tails(points):
    r"""Tell how heavy the tails of a cloud are.

    .. math:: \frac{\frac1m \sum_i \|u_i - \bar u\|^4}
              {\big( \frac1m \sum_i \|u_i - \bar u\|^2 \big)^2}

    Parameters
    ----------
    points : numpy.ndarray, shape (m, p)
        The cloud, finite.

    Returns
    -------
    float
        The quotient, at least 1, and 1 for points that are all the same. For normal points of the
        plane it is near 2.

    Notes
    -----
    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.cloud_shapes import tails
    >>> float(tails(np.array([[-2.0], [0.0], [0.0], [2.0]])))
    2.0
    """
    squares = (at_the_origin(points) ** 2).sum(axis=1)
    mean = squares.mean()
    return ((squares / mean) ** 2).mean() if mean else 1.0


def balanced(u, v):
    r"""Map two clouds at the origin by A and :math:`A^{-1}` to nearly equal covariances.

    Parameters
    ----------
    u, v : numpy.ndarray, shape (m, p)
        Clouds with mean 0.

    Returns
    -------
    u, v : numpy.ndarray, shape (m, p)
        :math:`A u_i` and :math:`A^{-1} v_i` with a symmetric A: products of points of the two
        clouds are kept. With fewer than 20 p points A is a number, and the sizes alone are equal.

    Notes
    -----
    :math:`A^2` is the optimal map between normal laws with the covariances of the clouds, to which
    a ridge of :math:`10^{-4}` of the mean variance is added.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.cloud_shapes import balanced
    >>> u, v = balanced(np.array([[-1.0], [1.0]]), np.array([[-4.0], [4.0]]))
    >>> u.ravel(), v.ravel()
    (array([-2.,  2.]), array([-2.,  2.]))
    """
    m, p = u.shape
    sizes = [float((x**2).sum() / m) for x in (u, v)]
    if not all(sizes):
        return u, v
    if m < 20 * p:
        ratio = (sizes[1] / sizes[0]) ** 0.25
        return u * ratio, v / ratio
    first, second = (
        x.T @ x / m + RIDGE * size / p * np.eye(p) for x, size in zip((u, v), sizes, strict=True)
    )
    root, inverse = _power(first, 0.5), _power(first, -0.5)
    squared = inverse @ _power(root @ second @ root, 0.5) @ inverse
    return u @ _power(squared, 0.5), v @ _power(squared, -0.5)


def _power(matrix, exponent):
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, np.finfo(float).tiny) ** exponent) @ vectors.T
