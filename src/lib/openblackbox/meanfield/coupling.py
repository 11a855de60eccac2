r"""A cloud that moves in its own field, and partners that move in the field of a larger one.

The comparison particle by particle is the proof of the propagation of chaos; what it uses is
computed here.
"""

import math
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer, number, real_array
from openblackbox.meanfield.chaos import first_particles, same_dimension
from openblackbox.meanfield.energy import check_dimensions, velocity
from openblackbox.meanfield.particles import Regression, predict

__all__ = [
    "Growth",
    "chaos_bound",
    "coupled_error",
    "coupling_growth",
    "driven_velocity",
    "fourth_moment",
]


def coupled_error(cloud, other):
    r"""Compare particles with their partners, :math:`\frac1m \sum_j \|\theta_j - \bar\theta_j\|^2`.

    Parameters
    ----------
    cloud : Cloud
        m particles.
    other : Cloud
        At least m particles; the first m are the partners.

    Returns
    -------
    float
        The mean of the squared distances. It is at least :math:`W_2^2` of the cloud and of the
        cloud of its partners.

    Raises
    ------
    ValueError
        Inner weights of different dimensions, or fewer partners than particles.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.coupling import coupled_error
    >>> from openblackbox.meanfield.particles import Cloud
    >>> coupled_error(Cloud([1.0], [[1.0]]), Cloud([1.0, 7.0], [[3.0], [7.0]]))
    4.0
    """
    gap = _gap(cloud, other)
    return float(np.sum(gap**2) / cloud.m)


def driven_velocity(cloud, task, *, driver):
    r"""Evaluate the velocities of particles in the field of another cloud.

    .. math:: b(\theta_j, f_{\mu'} - f^*) = -\nabla_\theta \Psi(\theta_j, \mu')

    Parameters
    ----------
    cloud : Cloud
        The particles that move.
    task : Regression
        The data and the penalty.
    driver : Cloud
        The cloud :math:`\mu'` whose residual they descend.

    Returns
    -------
    Cloud
        The velocities.

    Raises
    ------
    ValueError
        Particles and points of different dimensions.

    Notes
    -----
    It is the velocity of the cloud for other labels, for which its residual is that of the driver.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.coupling import driven_velocity
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> one, two, task = Cloud([3.0], [[1.0]]), Cloud([1.0], [[1.0]]), Regression([[1.0]], [0.0])
    >>> driven_velocity(one, task, driver=two).theta
    array([[-2., -6.]])
    """
    check_dimensions(cloud, task)
    own, other = (predict(c, task.x, activation=task.activation) for c in (cloud, driver))
    labels = task.y + own - other
    moved = Regression(task.x, labels, task.decay, task.penalty, task.activation)
    return velocity(cloud, moved)


@dataclass(frozen=True)
class Growth:
    r"""How fast a cloud leaves its partners, and the bound of the chapter.

    Parameters
    ----------
    error : float
        :math:`e^2 = \frac1m \sum_j \|\theta_j - \bar\theta_j\|^2`.
    rate : float
        Its derivative in time.
    bound : float
        ``factor`` times ``error``, plus ``sampling``, which the rate never exceeds.
    factor : float
        :math:`2 \Lambda (2 \|r'\|_\nu + \|h\|_\nu)`.
    sampling : float
        :math:`\|\xi\|_\nu^2`: what the sampling of the partners adds.

    Notes
    -----
    Defined in the chapter Many particles.
    """

    error: float
    rate: float
    bound: float
    factor: float
    sampling: float


def coupling_growth(cloud, limit, task):
    r"""Evaluate how fast the particles of a cloud leave their partners, and bound it.

    Particles :math:`\theta_j` move in their own field, their partners :math:`\bar\theta_j`, the
    first m of a large cloud :math:`\mu'`, in that of the large cloud. With
    :math:`h = f_{\mu_m} - f_{\mu'}`, :math:`r' = f_{\mu'} - f^*` and :math:`\xi` the
    difference of the function of the partners and of :math:`f_{\mu'}`,

    .. math:: \frac{d}{dt} e^2 \le 2 \Lambda (2 \|r'\|_\nu + \|h\|_\nu)\,e^2 + \|\xi\|_\nu^2,
              \qquad \Lambda = \kappa (1 + A \kappa) .

    Parameters
    ----------
    cloud : Cloud
        m particles.
    limit : Cloud
        At least m particles, the partners first.
    task : Regression
        The data, with the activation tanh and without decay.

    Returns
    -------
    Growth
        `error`, `rate`, `bound`, `factor`, `sampling`.

    Raises
    ------
    ValueError
        Clouds or points that do not fit, a decay, or another activation.

    Notes
    -----
    A is the largest :math:`|a|` of the two clouds of m; :math:`\kappa` is `fourth_moment` of the
    points.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.coupling import coupling_growth
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> task = Regression([[1.0], [2.0]], [0.5, 1.0], activation="tanh")
    >>> now = coupling_growth(Cloud([1.0], [[0.5]]), Cloud([0.8, -1.0], [[0.4], [1.0]]), task)
    >>> now.rate < now.bound
    True
    """
    gap = _gap(cloud, limit)
    check_dimensions(cloud, task)
    if task.activation != "tanh" or task.decay:
        raise ValueError(
            "task: expected the activation 'tanh' and no decay, got "
            f"{task.activation!r} and a decay of {task.decay}"
        )
    partners = first_particles(limit, cloud.m)
    speed = velocity(cloud, task).theta - driven_velocity(partners, task, driver=limit).theta
    f, g, driver = (predict(c, task.x, activation="tanh") for c in (cloud, partners, limit))
    residual, apart = _norm(driver - task.y), _norm(f - driver)
    reach = max(np.abs(cloud.a).max(), np.abs(partners.a).max())
    k = fourth_moment(task.x)
    error, sampling = float(np.sum(gap**2) / cloud.m), _norm(g - driver) ** 2
    rate = float(2 * np.sum(gap * speed) / cloud.m)
    factor = float(2 * k * (1 + reach * k) * (2 * residual + apart))
    return Growth(error, rate, factor * error + sampling, factor, sampling)


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
    >>> from openblackbox.meanfield.coupling import fourth_moment
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
    >>> from openblackbox.meanfield.coupling import chaos_bound
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


def _norm(values):
    return float(np.sqrt(np.mean(values**2)))


def _gap(cloud, other):
    same_dimension(cloud, other)
    if other.m < cloud.m:
        raise ValueError(f"other: expected at least {cloud.m} particles, got {other.m}")
    return cloud.theta - other.theta[: cloud.m]
