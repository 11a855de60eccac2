r"""A cloud that moves in its own field, and partners that move in the field of a larger one.

The comparison particle by particle is the proof of the propagation of chaos; what it uses is
computed here.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer
from openblackbox.meanfield.chaos import same_dimension
from openblackbox.meanfield.energy import check_dimensions, velocity
from openblackbox.meanfield.growth_bounds import fourth_moment
from openblackbox.meanfield.particles import Cloud, Regression, predict

__all__ = [
    "Growth",
    "coupled_error",
    "coupling_growth",
    "driven_velocity",
]


def coupled_error(cloud, other, *, first=0):
    r"""Compare particles with their partners, :math:`\frac1m \sum_j \|\theta_j - \bar\theta_j\|^2`.

    Parameters
    ----------
    cloud : Cloud
        m particles.
    other : Cloud
        A cloud that holds the partners.
    first : int
        The place of the partner of particle 0 in `other`, from 0; the others follow.

    Returns
    -------
    float
        The mean of the squared distances. It is at least :math:`W_2^2` of the cloud and of the
        cloud of its partners.

    Raises
    ------
    ValueError
        Inner weights of different dimensions, or too few particles in `other`.

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
    gap = cloud.theta - _partners(cloud, other, first).theta
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


def coupling_growth(cloud, limit, task, *, first=0):
    r"""Evaluate how fast the particles of a cloud leave their partners, and bound it.

    Particles :math:`\theta_j` move in their own field, their partners :math:`\bar\theta_j`, m
    particles of a large cloud :math:`\mu'`, in that of the large cloud. With
    :math:`h = f_{\mu_m} - f_{\mu'}`, :math:`r' = f_{\mu'} - f^*` and :math:`\xi` the
    difference of the function of the partners and of :math:`f_{\mu'}`,

    .. math:: \frac{d}{dt} e^2 \le 2 \Lambda (2 \|r'\|_\nu + \|h\|_\nu)\,e^2 + \|\xi\|_\nu^2,
              \qquad \Lambda = \kappa (1 + A \kappa) .

    Parameters
    ----------
    cloud : Cloud
        m particles.
    limit : Cloud
        The cloud :math:`\mu'`, which holds the partners.
    task : Regression
        The data, with the activation tanh and without decay.
    first : int
        The place of the partner of particle 0 in `limit`, from 0; the others follow.

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
    partners = _partners(cloud, limit, first)
    gap = cloud.theta - partners.theta
    check_dimensions(cloud, task)
    if task.activation != "tanh" or task.decay:
        raise ValueError(
            "task: expected the activation 'tanh' and no decay, got "
            f"{task.activation!r} and a decay of {task.decay}"
        )
    speed = velocity(cloud, task).theta - driven_velocity(partners, task, driver=limit).theta
    f, g, driver = (predict(c, task.x, activation="tanh") for c in (cloud, partners, limit))
    residual, apart = _norm(driver - task.y), _norm(f - driver)
    reach = max(np.abs(cloud.a).max(), np.abs(partners.a).max())
    k = fourth_moment(task.x)
    error, sampling = float(np.sum(gap**2) / cloud.m), _norm(g - driver) ** 2
    rate = float(2 * np.sum(gap * speed) / cloud.m)
    factor = float(2 * k * (1 + reach * k) * (2 * residual + apart))
    return Growth(error, rate, factor * error + sampling, factor, sampling)


def _norm(values):
    return float(np.sqrt(np.mean(values**2)))


def _partners(cloud, other, first):
    same_dimension(cloud, other)
    first = integer("first", first, least=0)
    if other.m < first + cloud.m:
        raise ValueError(f"other: expected at least {first + cloud.m} particles, got {other.m}")
    where = slice(first, first + cloud.m)
    return Cloud(other.a[where], other.w[where])
