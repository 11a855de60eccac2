r"""A step of the flow that keeps balanced particles balanced: :math:`|a| = \|w\|`.

The flow of ReLU particles keeps the sign of :math:`a^2 - \|w\|^2`. An explicit step does not: it
moves a particle that slides along a kink to :math:`\|w\| > |a|`, and there a can change its sign.
"""

from functools import partial

import numpy as np

from openblackbox.meanfield.energy import velocity
from openblackbox.meanfield.flow import run_flow, take_step
from openblackbox.meanfield.particles import Cloud

__all__ = ["rebalance", "run_balanced"]


def rebalance(cloud):
    r"""Replace each particle by the balanced one with the same ReLU feature.

    .. math:: (a, w) \mapsto \sqrt{|a|\,\|w\|}\, \Big(\operatorname{sign}(a),
              \frac{w}{\|w\|}\Big), \qquad (0, w), (a, 0) \mapsto 0

    Parameters
    ----------
    cloud : Cloud
        The particles.

    Returns
    -------
    Cloud
        Particles with :math:`|a_j| = \|w_j\|`.

    Notes
    -----
    The network of ReLU is the same, the path penalty too, and the half-square penalty is not
    larger; it is then the path penalty.

    Defined in the chapter Global convergence.

    Examples
    --------
    >>> from openblackbox.meanfield.balance import rebalance
    >>> from openblackbox.meanfield.particles import Cloud
    >>> one = rebalance(Cloud([-8.0], [[0.0, 2.0]]))
    >>> one.a, one.w
    (array([-4.]), array([[0., 4.]]))
    """
    norms = np.linalg.norm(cloud.w, axis=1)
    size = np.sqrt(np.abs(cloud.a) * norms)
    units = cloud.w / np.where(norms > 0, norms, 1)[:, None]
    return Cloud(np.sign(cloud.a) * size, size[:, None] * units)


def _balanced_velocity(cloud, task, *, step):
    """Return the velocity that leads to the rebalanced end of an explicit step."""
    end = rebalance(take_step(cloud, task, step=step, field=velocity))
    return Cloud((end.a - cloud.a) / step, (end.w - cloud.w) / step)


def run_balanced(cloud, task, *, step, steps, every=1):
    r"""Follow the flow by explicit steps, each of which is followed by `rebalance`.

    Parameters
    ----------
    cloud : Cloud
        The start.
    task : Regression
        The data and the penalty, with ReLU.
    step : float
        :math:`\tau > 0`.
    steps, every : int
        As in :func:`openblackbox.meanfield.flow.run_flow`.

    Returns
    -------
    openblackbox.meanfield.flow.Trajectory
        `times`, `risks`, `a`, `w`; its property ``last`` is the last cloud.

    Raises
    ------
    ValueError
        Another activation, numbers out of range, or a step so large that a particle overflows.

    Notes
    -----
    For balanced particles this is a method of order 1 for the flow, as the explicit step is. A
    balanced particle with a >= 0 keeps a >= 0, up to rounding, in each step with
    :math:`\tau (s + \lambda) \le 1`, :math:`s = \sup_{\|u\| = 1} |\frac2n \sum_i r_i (u \cdot
    x_i)_+|`.

    Defined in the chapter Global convergence.

    Examples
    --------
    >>> from openblackbox.meanfield.balance import run_balanced
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> path = run_balanced(Cloud([1.0], [[1.0]]), Regression([[1.0]], [4.0]), step=0.01, steps=100)
    >>> bool(path.last.a[0] == path.last.w[0, 0]), round(float(path.risks[-1]), 4)
    (True, 0.0)
    """
    if task.activation != "relu":
        raise ValueError(f"task: expected the activation 'relu', got {task.activation!r}")
    field = partial(_balanced_velocity, step=step)
    return run_flow(cloud, task, step=step, steps=steps, every=every, field=field)
