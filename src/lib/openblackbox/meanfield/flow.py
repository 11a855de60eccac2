r"""The gradient flow of a cloud, by explicit steps :math:`\theta + \tau \dot\theta`."""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer, number
from openblackbox.meanfield.energy import risk, velocity
from openblackbox.meanfield.particles import Cloud

__all__ = ["Trajectory", "run_flow", "take_step"]


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""What was recorded along a flow.

    Parameters
    ----------
    times : numpy.ndarray, shape (k,)
        The times :math:`t = \tau \cdot \text{steps}`, the start included.
    risks : numpy.ndarray, shape (k,)
        :math:`\mathcal{L}[\mu_t]`.
    a : numpy.ndarray, shape (k, m)
        The outer weights.
    w : numpy.ndarray, shape (k, m, d)
        The inner weights.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.
    """

    times: np.ndarray
    risks: np.ndarray
    a: np.ndarray
    w: np.ndarray

    def cloud(self, index) -> Cloud:
        """Return the cloud of one record."""
        return Cloud(self.a[index], self.w[index])

    @property
    def last(self) -> Cloud:
        """The last cloud."""
        return self.cloud(-1)


def take_step(cloud, task, *, step, field=velocity):
    r"""Take one explicit step, :math:`\theta_j + \tau \dot\theta_j`.

    Parameters
    ----------
    cloud : Cloud
        The particles.
    task : Regression
        The data and the penalty.
    step : float
        :math:`\tau > 0`. It is gradient descent with the step :math:`m \tau` on the risk.
    field : callable
        ``field(cloud, task)`` gives the velocities; `openblackbox.meanfield.energy.velocity`, or
        one that is faster.

    Returns
    -------
    Cloud
        The moved particles.

    Raises
    ------
    ValueError
        A step that is not positive, or so large that a particle overflows.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.flow import take_step
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> moved = take_step(Cloud([3.0], [[1.0]]), Regression([[1.0]], [1.0]), step=0.125)
    >>> moved.a, moved.w
    (array([2.5]), array([[-0.5]]))
    """
    step = number("step", step)
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            moved = field(cloud, task)
            return Cloud(cloud.a + step * moved.a, cloud.w + step * moved.w)
        except ValueError as error:
            if "finite" not in str(error):
                raise
            raise ValueError(f"step: the particles overflow with a step of {step}") from error


def run_flow(cloud, task, *, step, steps, every=1, field=velocity):
    r"""Follow the flow by explicit steps and record it.

    Parameters
    ----------
    cloud : Cloud
        The start.
    task : Regression
        The data and the penalty.
    step : float
        :math:`\tau > 0`.
    steps : int
        Number of steps, at least 1.
    every : int
        The start, each ``every``-th cloud and the last are recorded.
    field : callable
        As in `take_step`.

    Returns
    -------
    Trajectory
        `times`, `risks`, `a`, `w`; its property ``last`` is the last cloud.

    Raises
    ------
    ValueError
        Numbers out of range, or a step so large that a particle overflows; the message tells after
        how many steps.

    Notes
    -----
    Where the velocity is smooth, the error at a fixed time is of order :math:`\tau`.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.flow import run_flow
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> path = run_flow(Cloud([1.0], [[1.0]]), Regression([[1.0]], [4.0]), step=0.01, steps=100)
    >>> round(float(path.risks[0]), 4), round(float(path.risks[-1]), 4)
    (9.0, 0.0)
    """
    steps, every = integer("steps", steps), integer("every", every)
    records = [(0, cloud)]
    for done in range(1, steps + 1):
        try:
            cloud = take_step(cloud, task, step=step, field=field)
        except ValueError as error:
            if "overflow" not in str(error):
                raise
            raise ValueError(f"{error}, after {done - 1} of {steps} steps") from error
        if done % every == 0 or done == steps:
            records.append((done, cloud))
    counts, clouds = zip(*records, strict=True)
    return Trajectory(
        times=np.array(counts) * float(step),
        risks=np.array([risk(one, task) for one in clouds]),
        a=np.stack([one.a for one in clouds]),
        w=np.stack([one.w for one in clouds]),
    )
