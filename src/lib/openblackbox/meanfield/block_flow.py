r"""Two gradient flows of blocks: in their weights, and with directions on spheres.

On spheres a block is :math:`(a, \theta)` with :math:`\theta = (u, W) \in S^{s-1} \times
(S^{d-1})^s`, the penalty is :math:`|a|`, and the feature is :math:`a\,\phi(\theta)`.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import choice, integer, number
from openblackbox.meanfield.block_directions import on_spheres, require_on_spheres
from openblackbox.meanfield.blocks import BlockNetwork, require_blocks
from openblackbox.meanfield.particles import Regression
from openblackbox.meanfield.three_layer import evaluate

__all__ = [
    "BlockPath",
    "block_risk",
    "block_velocity",
    "run_blocks",
    "sphere_velocity",
]


def check_blocks(network, task):
    """Refuse what is no network of blocks, what is no regression, and different dimensions."""
    require_blocks(network)
    if not isinstance(task, Regression):
        raise TypeError(f"task: expected a Regression, got a {type(task).__name__}")
    if network.d != task.d:
        raise ValueError(f"network: expected inner weights of {task.d} entries, got {network.d}")


def block_risk(network, task):
    r"""Evaluate the risk of a network of blocks on data.

    .. math:: \mathcal{L} = \frac1n \sum_i \big(f(x_i) - y_i\big)^2
              + \frac{\lambda}{m} \sum_j |a_j|

    Parameters
    ----------
    network : BlockNetwork
        The blocks.
    task : Regression
        The data, the decay :math:`\lambda` and the activation. Its `penalty` does not count: the
        penalty of a block is :math:`|a|` here, for directions on spheres.

    Returns
    -------
    float
        The risk.

    Raises
    ------
    TypeError, ValueError
        Something else, or different dimensions.

    Notes
    -----
    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_flow import block_risk
    >>> from openblackbox.meanfield.particles import Regression
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> task = Regression([[1.0]], [1.0], decay=0.5)
    >>> block_risk(BlockNetwork([3.0], [[1.0]], [[[1.0]]]), task)
    5.5
    """
    check_blocks(network, task)
    residual = evaluate(network, task.x, activation=task.activation) - task.y
    return float(np.mean(residual**2) + task.decay * np.mean(np.abs(network.a)))


def block_velocity(network, task):
    r"""Evaluate the velocity :math:`-m \nabla \mathcal{L}` of each block in its weights.

    Parameters
    ----------
    network : BlockNetwork
        The blocks.
    task : Regression
        The data and the activation, without decay.

    Returns
    -------
    BlockNetwork
        The velocities :math:`(\dot a_j, \dot u_j, \dot W_j)`.

    Raises
    ------
    TypeError, ValueError
        Something else, different dimensions, or a decay.

    Notes
    -----
    With :math:`z = u \cdot \sigma(Wx)` and the residual r the velocities of a block are
    :math:`-2 \langle r, \sigma(z) \rangle`, :math:`-2 \langle r, a\,\sigma'(z)\,\sigma(Wx) \rangle`
    and :math:`-2 \langle r, a\,\sigma'(z)\,u_k\,\sigma'(w_k \cdot x)\,x \rangle`. Cost: of the
    order of n m s d operations.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_flow import block_velocity
    >>> from openblackbox.meanfield.particles import Regression
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> moved = block_velocity(BlockNetwork([3.0], [[2.0]], [[[1.0]]]), Regression([[1.0]], [1.0]))
    >>> moved.a, moved.u, moved.w
    (array([-20.]), array([[-30.]]), array([[[-60.]]]))
    """
    check_blocks(network, task)
    if task.decay:
        raise ValueError(f"task: expected a Regression without decay, got {task.decay}")
    return _velocity(network, task)


def _velocity(network, task):
    sigma, (n, d), (m, s) = task.sigma, task.x.shape, network.u.shape
    inner = (task.x @ network.w.reshape(-1, d).T).reshape(n, m, s)
    first = sigma.value(inner)
    middle = np.einsum("njk,jk->nj", first, network.u)
    second = sigma.value(middle)
    residual = -2 / n * (second @ network.a / m - task.y)
    back = residual[:, None] * sigma.derivative(middle) * network.a
    into = back[..., None] * network.u * sigma.derivative(inner)
    return BlockNetwork(
        second.T @ residual,
        np.einsum("nj,njk->jk", back, first),
        (into.reshape(n, -1).T @ task.x).reshape(m, s, d),
    )


def sphere_velocity(network, task):
    r"""Evaluate the velocity of each block, with directions that stay on spheres.

    With :math:`h(\theta) = 2 \langle \phi(\theta), f - f^* \rangle_\nu`,

    .. math:: \dot a = -h(\theta) - \lambda \operatorname{sign}(a), \qquad
              \dot\theta = -a\,\nabla_\Theta h(\theta)

    Parameters
    ----------
    network : BlockNetwork
        Blocks with directions of length 1.
    task : Regression
        The data, the decay and the activation.

    Returns
    -------
    BlockNetwork
        The velocities.

    Raises
    ------
    TypeError, ValueError
        Something else, different dimensions, or directions of another length.

    Notes
    -----
    Where a = 0 the velocity of a is that of the flow: 0 if :math:`|h| \le \lambda`, and otherwise
    :math:`-h + \lambda \operatorname{sign}(h)`.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_flow import sphere_velocity
    >>> from openblackbox.meanfield.particles import Regression
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> task = Regression([[1.0]], [1.0], decay=0.5)
    >>> sphere_velocity(BlockNetwork([3.0], [[1.0]], [[[1.0]]]), task).a
    array([-4.5])
    """
    pushes = _tangent_velocity(network, task)
    moving = pushes.a - task.decay * np.sign(network.a)
    return BlockNetwork(
        np.where(network.a == 0, _shrink(pushes.a, task.decay), moving), pushes.u, pushes.w
    )


def _tangent_velocity(network, task):
    """Return -h and the velocities of the directions, without the penalty."""
    check_blocks(network, task)
    require_on_spheres(network)
    free = _velocity(network, task)
    u = free.u - np.sum(free.u * network.u, axis=1, keepdims=True) * network.u
    w = free.w - np.sum(free.w * network.w, axis=2, keepdims=True) * network.w
    return BlockNetwork(free.a, u, w)


def _shrink(values, by):
    return np.sign(values) * np.maximum(np.abs(values) - by, 0)


@dataclass(frozen=True, eq=False)
class BlockPath:
    r"""What was recorded along a flow of blocks.

    Parameters
    ----------
    times : numpy.ndarray, shape (k,)
        The times, the start included.
    risks : numpy.ndarray, shape (k,)
        The risks.
    networks : tuple of BlockNetwork
        The networks.

    Notes
    -----
    Defined in the chapter Three layers.
    """

    times: np.ndarray
    risks: np.ndarray
    networks: tuple

    @property
    def last(self) -> BlockNetwork:
        """The last network."""
        return self.networks[-1]


def _free_step(network, task, step):
    moved = block_velocity(network, task)
    return BlockNetwork(
        network.a + step * moved.a, network.u + step * moved.u, network.w + step * moved.w
    )


def _sphere_step(network, task, step):
    pushes = _tangent_velocity(network, task)
    a = _shrink(network.a + step * pushes.a, step * task.decay)
    return on_spheres(BlockNetwork(a, network.u + step * pushes.u, network.w + step * pushes.w))


STEPS = {"weights": _free_step, "spheres": _sphere_step}


def run_blocks(network, task, *, step, steps, every=1, space="spheres"):
    r"""Follow one of the two flows of blocks by steps, and record it.

    Parameters
    ----------
    network : BlockNetwork
        The start.
    task : Regression
        The data.
    step : float
        :math:`\tau > 0`.
    steps : int
        Number of steps.
    every : int
        The start, each ``every``-th network and the last are recorded.
    space : {"spheres", "weights"}
        The flow of `sphere_velocity` or that of `block_velocity`.

    Returns
    -------
    BlockPath
        `times`, `risks`, `networks`.

    Raises
    ------
    TypeError, ValueError
        What the velocities refuse, numbers out of range, or an unknown space.

    Notes
    -----
    Explicit steps. On spheres the directions are projected after each step, and the penalty
    :math:`|a|` is taken implicitly: :math:`a` moves to :math:`a - \tau h`, and then by
    :math:`\tau \lambda` towards 0, but not across it.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_flow import run_blocks
    >>> from openblackbox.meanfield.particles import Regression
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> task = Regression([[1.0]], [1.0], decay=0.5)
    >>> path = run_blocks(BlockNetwork([0.0], [[1.0]], [[[1.0]]]), task, step=0.1, steps=200)
    >>> path.last.a.round(6)
    array([0.75])
    """
    take = STEPS[choice("space", space, STEPS)]
    step, steps, every = number("step", step), integer("steps", steps), integer("every", every)
    records = [(0, network)]
    for done in range(1, steps + 1):
        network = take(network, task, step)
        if done % every == 0 or done == steps:
            records.append((done, network))
    counts, networks = zip(*records, strict=True)
    risks = np.array([block_risk(one, task) for one in networks])
    return BlockPath(np.array(counts) * step, risks, networks)
