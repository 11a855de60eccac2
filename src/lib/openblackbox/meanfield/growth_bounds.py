r"""Bounds of what separates a trained cloud from independent particles of the limit."""

import math

import numpy as np

from openblackbox.arguments import integer, number, real_array

__all__ = ["chaos_bound", "fourth_moment", "integrated_bound"]


def fourth_moment(x):
    r"""Bound the fourth moments of a sample in all directions.

    .. math:: \kappa^4
              = \lambda_{\max}\Big(\frac1n \sum_i (x_i \otimes x_i)(x_i \otimes x_i)^\top\Big)
              \ge \sup_{\|u\| = 1} \frac1n \sum_i (u \cdot x_i)^4

    Parameters
    ----------
    x : array_like, shape (n, d)
        The points.

    Returns
    -------
    float
        :math:`\kappa`.

    Raises
    ------
    ValueError
        No point, or numbers that are not finite.

    Notes
    -----
    Cost of order :math:`n d^4 + d^6`. Equality for d = 1; for normal points and large n,
    :math:`\kappa^4 = d + 2`, and the supremum is 3.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.growth_bounds import fourth_moment
    >>> fourth_moment([[2.0], [-2.0]])
    2.0
    """
    x = real_array("x", x, ndim=2)
    if 0 in x.shape:
        raise ValueError(f"x: expected at least one point with one entry, got shape {x.shape}")
    squares = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    largest = np.linalg.svd(squares, compute_uv=False)[0]
    return float(np.sqrt(largest / np.sqrt(len(x))))


def chaos_bound(m, time, *, reach, residual, moment):
    r"""Bound how far m particles leave the particles of the limit, in the mean.

    .. math:: \mathbb{E} \frac1m \sum_j \|\theta_j(t) - \bar\theta_j(t)\|^2
              \le \frac{A_t^2}{m}\,\frac{e^{8 \Lambda_t \rho t} - 1}{8 \Lambda_t \rho}, \qquad
              A_t = A_0 + 2 \rho t, \quad \Lambda_t = \kappa (1 + A_t \kappa)

    Parameters
    ----------
    m : int
        The number of particles.
    time : float
        t, at least 0.
    reach : float
        :math:`A_0`, a bound of :math:`|a|` at time 0.
    residual : float
        :math:`\rho = A_0 + \|f^*\|_\nu`, or any bound of the residuals of both flows.
    moment : float
        :math:`\kappa`.

    Returns
    -------
    float
        The bound; infinity where it is too large for a float.

    Raises
    ------
    ValueError
        Numbers out of range.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.growth_bounds import chaos_bound
    >>> round(chaos_bound(100, 0.25, reach=1.0, residual=0.5, moment=1.0), 4)
    0.0147
    """
    m, time = integer("m", m), number("time", time, zero=True)
    reach, residual = number("reach", reach), number("residual", residual)
    moment = number("moment", moment)
    reach += 2 * residual * time
    rate = 8 * moment * (1 + reach * moment) * residual
    if rate * time > 700:
        return math.inf
    return reach**2 / m * math.expm1(rate * time) / rate


def integrated_bound(times, factors, sources):
    r"""Integrate the inequality of growth along a flow.

    .. math:: \dot y = c(t)\,y + s(t), \quad y(0) = 0, \qquad
              y_{i+1} = \Big(y_i + \frac{\Delta_i}2 s_i\Big) e^{\Delta_i (c_i + c_{i+1}) / 2}
              + \frac{\Delta_i}2 s_{i+1}, \quad \Delta_i = t_{i+1} - t_i

    Parameters
    ----------
    times : array_like, shape (k,)
        Times, increasing.
    factors, sources : array_like, shape (..., k)
        c and s at these times: `Growth.factor` and `Growth.sampling` of one or more clouds.

    Returns
    -------
    numpy.ndarray, shape (..., k)
        The solution, which bounds :math:`e^2` up to the error of the rule.

    Raises
    ------
    ValueError
        Shapes that do not fit, or times that do not increase.

    Notes
    -----
    The trapezoidal rule with the exponential of the factor: an error of second order in the steps.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.growth_bounds import integrated_bound
    >>> integrated_bound([0.0, 1.0, 3.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    array([0., 1., 3.])
    """
    times = real_array("times", times, ndim=1)
    factors, sources = real_array("factors", factors), real_array("sources", sources)
    if not len(times) or np.any(np.diff(times) <= 0):
        raise ValueError("times: expected at least one, increasing")
    if factors.shape != sources.shape or factors.shape[-1:] != times.shape:
        raise ValueError(
            f"factors, sources: expected two shapes (..., {len(times)}), "
            f"got {factors.shape} and {sources.shape}"
        )
    values = np.zeros(factors.shape)
    for i, step in enumerate(np.diff(times)):
        grown = np.exp(step * (factors[..., i] + factors[..., i + 1]) / 2)
        values[..., i + 1] = (values[..., i] + step / 2 * sources[..., i]) * grown
        values[..., i + 1] += step / 2 * sources[..., i + 1]
    return values
