r"""Descent from a starting point: the state of an optimizer, its path, the implicit step."""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["State", "implicit", "start", "trajectory"]


@dataclass(frozen=True)
class State:
    r"""Where an optimizer is, and what it remembers.

    Parameters
    ----------
    theta : numpy.ndarray, shape (p,)
        The parameters.
    first : numpy.ndarray, shape (p,)
        Velocity, or running mean of the gradients.
    second : numpy.ndarray, shape (p,)
        Sum, or running mean, of the squared gradients.
    count : int
        Number of steps done.

    Notes
    -----
    Defined in the chapter Stochastic gradients.
    """

    theta: np.ndarray
    first: np.ndarray
    second: np.ndarray
    count: int


def start(theta):
    r"""Make the state before the first step: no memory.

    Parameters
    ----------
    theta : array_like, shape (p,)
        The parameters.

    Returns
    -------
    State
        Zero moments and count.

    Raises
    ------
    ValueError
        If the parameters are not finite, or not a vector.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> start([1.0]).count
    0
    """
    theta = _vector("theta", theta)
    return State(theta, np.zeros_like(theta), np.zeros_like(theta), 0)


def implicit(state, matrix, vector, *, rate):
    r"""Do one implicit step for a quadratic: the gradient is taken at the point of arrival.

    For :math:`F(\theta) = \frac12 \theta^\top A \theta - b^\top \theta` with :math:`A`
    symmetric, the equation :math:`\theta_t = \theta_{t-1} - \gamma \nabla F(\theta_t)` reads
    :math:`(I + \gamma A)\, \theta_t = \theta_{t-1} + \gamma b`.

    Parameters
    ----------
    state : State
        The state before.
    matrix : array_like, shape (p, p)
        The Hessian A.
    vector : array_like, shape (p,)
        The vector b.
    rate : float
        Step size, positive.

    Returns
    -------
    State
        The state after.

    Raises
    ------
    ValueError
        If an argument is not finite or has another shape, or the rate is not positive.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> implicit(start([1.0]), [[1.0]], [0.0], rate=3.0).theta
    array([0.25])
    """
    b, matrix = checked_gradient(state, vector, rate), np.asarray(matrix, dtype=float)
    if matrix.shape != 2 * b.shape or not np.isfinite(matrix).all():
        raise ValueError(
            f"matrix: expected finite numbers in shape {2 * b.shape}, got shape {matrix.shape}"
        )
    theta = np.linalg.solve(np.eye(b.size) + rate * matrix, state.theta + rate * b)
    return replace(state, theta=theta, count=state.count + 1)


def trajectory(step, gradient, theta, rates, *, project=None):
    r"""Follow an optimizer from a starting point.

    Parameters
    ----------
    step : callable
        A step of the module optimizers, possibly with options bound by ``functools.partial``.
    gradient : callable
        ``gradient(theta, t)`` is the stochastic gradient of step t = 1, 2, ...
    theta : array_like, shape (p,)
        The starting point.
    rates : array_like, shape (T,)
        The step sizes.
    project : callable, optional
        Maps the parameters into the set of feasible ones after each step.

    Returns
    -------
    numpy.ndarray, shape (T + 1, p)
        The points visited, the starting point first.

    Raises
    ------
    ValueError
        As the step does, at the first gradient that is not finite.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.optimizers import sgd
    >>> trajectory(sgd, lambda theta, t: theta, [1.0], [3.0] * 5).ravel()
    array([  1.,  -2.,   4.,  -8.,  16., -32.])
    """
    state = start(theta)
    points = [state.theta]
    for t, rate in enumerate(np.asarray(rates, dtype=float), start=1):
        state = step(state, gradient(state.theta, t), rate=rate)
        if project is not None:
            state = replace(state, theta=_vector("theta", project(state.theta)))
        points.append(state.theta)
    return np.array(points)


def _vector(name, values):
    values = np.array(values, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"{name}: expected a vector of finite numbers, got {values!r}")
    return values


def checked_gradient(state, gradient, rate):
    if not 0 < rate < np.inf:
        raise ValueError(f"rate: expected a positive finite number, got {rate!r}")
    gradient = _vector("gradient", gradient)
    if gradient.shape != state.theta.shape:
        raise ValueError(f"gradient: expected shape {state.theta.shape}, got {gradient.shape}")
    return gradient
