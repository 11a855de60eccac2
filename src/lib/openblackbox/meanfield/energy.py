r"""The risk as an energy of interacting particles, its first variation and its gradient flow.

With :math:`F(\theta) = \langle \varphi(\theta), f^* \rangle_\nu - \frac\lambda2 V(\theta)` and
:math:`K(\theta, \theta') = \langle \varphi(\theta), \varphi(\theta') \rangle_\nu`,

.. math:: \mathcal{L}[\mu] = \|f^*\|_\nu^2 - 2 \int F\,d\mu + \iint K\,d\mu\,d\mu .
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.penalties import penalty, penalty_gradient

__all__ = ["Energy", "dissipation", "energy", "first_variation", "risk", "velocity"]


def risk(cloud, task):
    r"""Evaluate the risk :math:`\mathcal{L}[\mu]` of a cloud.

    Parameters
    ----------
    cloud : Cloud
        The particles.
    task : Regression
        The data and the penalty.

    Returns
    -------
    float
        :math:`\|f_\mu - f^*\|_\nu^2 + \lambda \int V\,d\mu`.

    Raises
    ------
    ValueError
        Particles and points of different dimensions.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.energy import risk
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> float(risk(Cloud([1.0], [[1.0]]), Regression([[1.0], [-1.0]], [0.0, 2.0], decay=0.5)))
    3.0
    """
    residual = predict(cloud, task.x, activation=task.activation) - task.y
    return float(np.mean(residual**2) + task.decay * np.mean(penalty(cloud, kind=task.penalty)))


@dataclass(frozen=True)
class Energy:
    r"""The parts of the risk of a cloud.

    Parameters
    ----------
    constant : float
        :math:`C = \|f^*\|_\nu^2`.
    external : float
        :math:`-2 \int F\,d\mu`: each particle in the field of the data and of the penalty.
    interaction : float
        :math:`\iint K\,d\mu\,d\mu`: all pairs of particles.
    total : float
        Their sum, which is the risk.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.
    """

    constant: float
    external: float
    interaction: float
    total: float


def _features(cloud, task):
    """Return the values of the features at the points, shape (n, m)."""
    return task.sigma.value(task.x @ cloud.w.T) * cloud.a


def energy(cloud, task):
    r"""Write the risk of a cloud as an energy of particles.

    .. math:: \mathcal{L} = C - \frac2m \sum_i F(\theta_i)
              + \frac1{m^2} \sum_{i, j} K(\theta_i, \theta_j)

    Parameters
    ----------
    cloud : Cloud
        The particles.
    task : Regression
        The data and the penalty.

    Returns
    -------
    Energy
        `constant`, `external`, `interaction`, `total`.

    Raises
    ------
    ValueError
        Particles and points of different dimensions.

    Notes
    -----
    The m by m matrix of K is formed, as the formula says: this is a check of `risk`, which costs
    m times less.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.energy import energy
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> energy(Cloud([1.0], [[1.0]]), Regression([[1.0], [-1.0]], [0.0, 2.0], decay=0.5))
    Energy(constant=2.0, external=0.5, interaction=0.5, total=3.0)
    """
    check_dimensions(cloud, task)
    features = _features(cloud, task)
    field = features.T @ task.y / task.n - task.decay / 2 * penalty(cloud, kind=task.penalty)
    kernel = features.T @ features / task.n
    constant = float(np.mean(task.y**2))
    external = -2 * float(np.mean(field))
    interaction = float(np.mean(kernel))
    return Energy(constant, external, interaction, constant + external + interaction)


def first_variation(theta, cloud, task):
    r"""Evaluate the first variation of the risk at a cloud, at any points of parameter space.

    .. math:: \Psi(\theta, \mu) = \frac{\delta \mathcal{L}}{\delta \mu}(\theta)
              = 2 \int K(\theta, \theta')\,\mu(d\theta') - 2 F(\theta)
              = 2\,\langle \varphi(\theta), f_\mu - f^* \rangle_\nu + \lambda V(\theta)

    Parameters
    ----------
    theta : Cloud
        Where it is evaluated.
    cloud : Cloud
        The cloud :math:`\mu`.
    task : Regression
        The data and the penalty.

    Returns
    -------
    numpy.ndarray, shape (k,)
        :math:`\Psi` at the k particles of `theta`.

    Raises
    ------
    ValueError
        Particles and points of different dimensions.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.energy import first_variation
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> task = Regression([[1.0]], [1.0])
    >>> first_variation(Cloud([1.0, 2.0], [[1.0], [1.0]]), Cloud([3.0], [[1.0]]), task)
    array([4., 8.])
    """
    check_dimensions(theta, task)
    residual = predict(cloud, task.x, activation=task.activation) - task.y
    slope = 2 * _features(theta, task).T @ residual / task.n
    return slope + task.decay * penalty(theta, kind=task.penalty)


def velocity(cloud, task):
    r"""Evaluate the velocity of each particle along the gradient flow.

    .. math:: \dot\theta_j = -\nabla_\theta \Psi(\theta_j, \mu_m)
              = -m\,\nabla_{\theta_j} \mathcal{L}(\theta_1, \dots, \theta_m)

    Parameters
    ----------
    cloud : Cloud
        The particles.
    task : Regression
        The data and the penalty.

    Returns
    -------
    Cloud
        The velocities :math:`(\dot a_j, \dot w_j)`.

    Raises
    ------
    ValueError
        Particles and points of different dimensions, or an overflow.

    Notes
    -----
    At a kink of ReLU the derivative is taken to be 0; where the path penalty has a kink, at a = 0
    or w = 0, the entries that do not exist are taken to be 0. Cost: 4 n m d operations and n by m
    arrays; `openblackbox.meanfield.blocked` computes the same without these arrays.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.energy import velocity
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> moved = velocity(Cloud([3.0], [[1.0]]), Regression([[1.0]], [1.0]))
    >>> moved.a, moved.w
    (array([-4.]), array([[-12.]]))
    """
    check_dimensions(cloud, task)
    inner = task.x @ cloud.w.T
    active = task.sigma.value(inner)
    residual = active @ cloud.a / cloud.m - task.y
    pull_a = active.T @ residual
    pull_w = (task.sigma.derivative(inner) * residual[:, None]).T @ task.x * cloud.a[:, None]
    decay_a, decay_w = penalty_gradient(cloud, kind=task.penalty)
    scale = 2 / task.n
    return Cloud(
        -scale * pull_a - task.decay * decay_a,
        -scale * pull_w - task.decay * decay_w,
    )


def dissipation(cloud, task):
    r"""Evaluate the rate at which the flow lowers the risk.

    .. math:: \frac{d}{dt} \mathcal{L}[\mu_t]
              = -\int \|\nabla \Psi(\theta, \mu_t)\|^2\,\mu_t(d\theta)
              = -\frac1m \sum_j \|\dot\theta_j\|^2

    Parameters
    ----------
    cloud : Cloud
        The particles.
    task : Regression
        The data and the penalty.

    Returns
    -------
    float
        The derivative of the risk in time, at most 0.

    Raises
    ------
    ValueError
        Particles and points of different dimensions, or an overflow.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.energy import dissipation
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> dissipation(Cloud([3.0], [[1.0]]), Regression([[1.0]], [1.0]))
    -160.0
    """
    moved = velocity(cloud, task)
    return -float(np.mean(moved.a**2 + np.sum(moved.w**2, axis=1)))


def check_dimensions(cloud: Cloud, task: Regression):
    """Refuse particles and points of different dimensions."""
    if cloud.d != task.d:
        raise ValueError(f"cloud: expected inner weights of {task.d} entries, got {cloud.d}")
