r"""Where stochastic gradient descent with a constant step stops: exact formulas for quadratics."""

import numpy as np
from scipy.linalg import eigh

from openblackbox.arguments import integer

__all__ = ["cycle_limit", "expected_error", "shuffled_floor", "stationary_covariance"]


def expected_error(hessian, noise, offset, *, rate, steps):
    r"""Compute the mean squared distance to the minimum after each step.

    For :math:`\theta_t - \theta^* = (I - \gamma A)(\theta_{t-1} - \theta^*) - \gamma \xi_t` with
    centred noise of covariance C, given the past,

    .. math::

        \mathbb{E} \lVert \theta_t - \theta^* \rVert^2 = \sum_i
        (1 - \gamma\lambda_i)^{2t} e_i^2 + \frac{\gamma c_i}{\lambda_i (2 - \gamma\lambda_i)}
        \bigl(1 - (1 - \gamma\lambda_i)^{2t}\bigr)

    where :math:`e_i` and :math:`c_i` are the coordinates of the offset and the diagonal
    entries of C in the basis of eigenvectors of A.

    Parameters
    ----------
    hessian : array_like, shape (p, p)
        The symmetric positive definite matrix A.
    noise : array_like, shape (p, p)
        Covariance C of the noise of one gradient.
    offset : array_like, shape (p,)
        :math:`\theta_0 - \theta^*`.
    rate : float
        Step size, in (0, 2 / λ_max).
    steps : int
        Number of steps.

    Returns
    -------
    numpy.ndarray, shape (steps + 1,)
        The expectation after 0, 1, ..., ``steps`` steps.

    Raises
    ------
    ValueError
        If a matrix is not symmetric and positive (semi)definite, or the rate is out of range.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> expected_error([[1.0]], [[1.0]], [2.0], rate=0.5, steps=2)
    array([4.    , 1.25  , 0.5625])
    """
    values, vectors, noise = _spectrum(hessian, noise, rate)
    offset = np.asarray(offset, dtype=float)
    if offset.shape != values.shape or not np.isfinite(offset).all():
        raise ValueError(f"offset: expected {values.size} finite numbers, got {offset!r}")
    start = (vectors.T @ offset) ** 2
    spread = np.einsum("ji,jk,ki->i", vectors, noise, vectors)
    floor = rate * spread / (values * (2 - rate * values))
    kept = (1 - rate * values) ** (2 * np.arange(integer("steps", steps, least=0) + 1)[:, None])
    return kept @ start + (1 - kept) @ floor


def stationary_covariance(hessian, noise, *, rate):
    r"""Compute the limit of the covariance of the parameters for a constant step.

    It is the solution of :math:`V = (I - \gamma A) V (I - \gamma A) + \gamma^2 C`. In the basis of
    eigenvectors of A,

    .. math::

        V_{ij} = \frac{\gamma C_{ij}}{\lambda_i + \lambda_j - \gamma \lambda_i \lambda_j} .

    Parameters
    ----------
    hessian, noise, rate
        As in ``expected_error``.

    Returns
    -------
    numpy.ndarray, shape (p, p)
        The matrix V.

    Raises
    ------
    ValueError
        As in ``expected_error``.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> stationary_covariance([[1.0]], [[3.0]], rate=0.5)
    array([[1.]])
    """
    values, vectors, noise = _spectrum(hessian, noise, rate)
    inside = vectors.T @ noise @ vectors
    inside = rate * inside / (values[:, None] + values - rate * np.multiply.outer(values, values))
    return vectors @ inside @ vectors.T


def shuffled_floor(points, *, rate, after=0):
    r"""Compute the limit of the mean squared error when every epoch is shuffled anew.

    The samples are :math:`f_i(\theta) = \frac12 \lVert \theta - x_i \rVert^2`, the batches have
    size 1, and the error :math:`\lVert \theta - \bar x \rVert^2` is taken k steps after the ends
    of epochs. With :math:`q = 1 - \gamma` and
    :math:`\sigma^2 = \frac1n \sum_i \lVert x_i - \bar x \rVert^2`,

    .. math::

        \frac{n \sigma^2}{n - 1} \Bigl(\frac{\gamma}{2 - \gamma} - \frac{(1 - q^k)^2}{n}
        - \frac{q^{2k} (1 - q^n)}{n (1 + q^n)}\Bigr) .

    Parameters
    ----------
    points : array_like, shape (n,) or (n, p)
        The points x.
    rate : float
        Step size, in (0, 2).
    after : int
        Number k of steps of the next epoch already done, from 0 (the end of an epoch) to n - 1.

    Returns
    -------
    float
        The limit.

    Raises
    ------
    ValueError
        If there are fewer than two points, one is not finite, or another argument is out of
        range.

    Notes
    -----
    Computed from the weights of the samples, without the cancellation of the formula above.
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.display import rounded
    >>> rounded(shuffled_floor([0.0, 2.0], rate=0.5))
    0.06667
    >>> rounded(shuffled_floor([0.0, 2.0], rate=0.5, after=1))
    0.2667
    """
    points, weights, kept = _weights(points, rate)
    n = len(points)
    k = integer("after", after, least=0, most=n - 1)
    variance = np.mean(np.sum((points - points.mean(axis=0)) ** 2, axis=1)) * n / (n - 1)
    floor = variance * np.sum((weights - weights.mean()) ** 2) / (1 - kept**2)
    last = weights[n - k :]
    added = variance * (np.sum(last**2) - np.sum(last) ** 2 / n)
    return float((1 - rate) ** (2 * k) * floor + added)


def cycle_limit(points, *, rate):
    r"""Compute where the ends of epochs converge when every epoch has the same order.

    .. math::

        \theta_\infty = \frac{1}{1 - q^n} \sum_{t=1}^{n} \gamma q^{n-t} x_t, \qquad q = 1 - \gamma

    Parameters
    ----------
    points : array_like, shape (n,) or (n, p)
        The points x in their order, with the samples of ``shuffled_floor``.
    rate : float
        Step size, in (0, 2).

    Returns
    -------
    numpy.ndarray, shape (p,)
        The limit; p = 1 for a list of numbers.

    Raises
    ------
    ValueError
        As in ``shuffled_floor``.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> cycle_limit([0.0, 3.0], rate=0.5)
    array([2.])
    """
    points, weights, kept = _weights(points, rate)
    return weights @ points / (1 - kept)


def _weights(points, rate):
    points = np.asarray(points, dtype=float)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise ValueError("points: expected at least two points of finite numbers")
    if not 0 < rate < 2:
        raise ValueError(f"rate: expected a number in (0, 2), got {rate!r}")
    n = len(points)
    return points, rate * (1 - rate) ** np.arange(n - 1, -1, -1), (1 - rate) ** n


def _spectrum(hessian, noise, rate):
    hessian, noise = np.asarray(hessian, dtype=float), np.asarray(noise, dtype=float)
    for name, matrix in (("hessian", hessian), ("noise", noise)):
        square = matrix.ndim == 2 and matrix.shape == hessian.shape[::-1]
        if not square or not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T):
            raise ValueError(f"{name}: expected a symmetric matrix of finite numbers")
    values, vectors = eigh(hessian)
    if values[0] <= 0:
        raise ValueError(f"hessian: expected positive eigenvalues, got {values[0]}")
    if np.linalg.eigvalsh(noise)[0] < -1e-10 * np.abs(noise).max():
        raise ValueError("noise: expected a positive semidefinite matrix")
    if not 0 < rate < 2 / values[-1]:
        raise ValueError(f"rate: expected a number in (0, {2 / values[-1]}), got {rate!r}")
    return values, vectors, noise
