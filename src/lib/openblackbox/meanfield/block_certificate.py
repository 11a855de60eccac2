r"""A certificate for smooth blocks: how far a risk is from the least one, with proof.

Inputs in the plane, blocks of two tanh neurons: :math:`\Theta = S^1 \times (S^1)^2` is a torus.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer, real_array
from openblackbox.meanfield.block_directions import require_on_spheres
from openblackbox.meanfield.block_flow import block_risk, check_blocks
from openblackbox.meanfield.three_layer import evaluate

__all__ = ["BlockGap", "Supremum", "block_gap", "torus_supremum"]

BEND = 4 / (3 * np.sqrt(3))  # the largest absolute second derivative of tanh


@dataclass(frozen=True)
class Supremum:
    r"""An interval for a supremum, and where its lower end is attained.

    Parameters
    ----------
    lower, upper : float
        The ends.
    angles : tuple of float
        Angles of u, :math:`w_1` and :math:`w_2` with the value `lower`.

    Notes
    -----
    Defined in the chapter Three layers.
    """

    lower: float
    upper: float
    angles: tuple


def torus_supremum(g, x, *, cells=48):
    r"""Enclose :math:`\sup_{\theta \in \Theta} |\langle g, \phi(\theta) \rangle_\nu|`.

    Parameters
    ----------
    g : array_like, shape (n,)
        Values of a function at the points.
    x : array_like, shape (n, 2)
        The points.
    cells : int
        Cells of a half circle.

    Returns
    -------
    Supremum
        `lower`, `upper`, `angles`.

    Raises
    ------
    ValueError
        Shapes that do not fit, or no point.

    Notes
    -----
    Signs of :math:`(u_k, w_k)` and of all of W leave :math:`|\langle g, \phi \rangle|` as it is, so
    a quarter of a circle, a half and a whole one suffice. A maximum is a stationary point, so the
    value at the nearest centre of a cell, at a distance of at most
    :math:`\delta = \sqrt3\,\pi / (2 \cdot \text{cells})`, is less by at most
    :math:`\frac12 \delta^2 B`. Here B is the mean of :math:`|g_i| B_i`, where, with
    :math:`R = \|x_i\|` and :math:`b = 4 / (3 \sqrt3)`,
    :math:`B_i = b\,(2 + R^2) + R + \max(\sqrt2, R + b R^2)` bounds second derivatives along lines
    of unit speed. Cost: about :math:`\text{cells}^3\,n` values of tanh.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> from openblackbox.meanfield.block_certificate import torus_supremum
    >>> found = torus_supremum([1.0], [[1.0, 0.0]], cells=64)
    >>> round(found.lower, 3), round(found.upper, 3)
    (0.792, 0.797)
    """
    g, x, cells = real_array("g", g, ndim=1), real_array("x", x, ndim=2), integer("cells", cells)
    if len(x) != len(g) or x.shape[1] != 2 or not len(x):
        raise ValueError(f"x: expected shape ({len(g)}, 2) with at least one row, got {x.shape}")
    step = np.pi / cells
    centres = (np.arange(2 * cells) + 0.5) * step
    inner = np.tanh(x @ np.array([np.cos(centres), np.sin(centres)]))
    quarter = centres[: (cells + 1) // 2]
    best, where = -1.0, (0, 0, 0)
    for i, angle in enumerate(quarter):
        one, two = np.cos(angle) * inner[:, :cells], np.sin(angle) * inner
        for j in range(cells):
            values = np.abs(g @ np.tanh(one[:, j, None] + two)) / len(g)
            k = int(values.argmax())
            if values[k] > best:
                best, where = float(values[k]), (i, j, k)
    size = np.linalg.norm(x, axis=1)
    bound = BEND * (2 + size**2) + size + np.maximum(np.sqrt(2), size + BEND * size**2)
    slack = 3 / 8 * step**2 * np.mean(np.abs(g) * bound)
    return Supremum(best, float(best + slack), tuple(float(centres[i]) for i in where))


@dataclass(frozen=True)
class BlockGap:
    r"""A risk and a lower bound of all risks.

    Parameters
    ----------
    risk : float
        The risk of the network.
    bound : float
        No network of blocks, of any number, has a smaller risk.
    supremum : Supremum
        Of :math:`|\langle f - f^*, \phi(\theta) \rangle_\nu|`.

    Notes
    -----
    Defined in the chapter Three layers.
    """

    risk: float
    bound: float
    supremum: Supremum

    @property
    def relative(self) -> float:
        """The gap as a share of the risk."""
        return (self.risk - self.bound) / self.risk if self.risk else 0.0


def block_gap(network, task, *, cells=48):
    r"""Bound the least risk of blocks with directions on spheres from below.

    Parameters
    ----------
    network : BlockNetwork
        Blocks with s = 2, d = 2 and directions of length 1.
    task : Regression
        Data with positive decay and the activation tanh.
    cells : int
        As in `torus_supremum`.

    Returns
    -------
    BlockGap
        `risk`, `bound`, `supremum`; its property ``relative`` is the relative gap.

    Raises
    ------
    TypeError
        Something else than a `BlockNetwork` and a `Regression`.
    ValueError
        Other sizes, directions of another length, another activation, or no decay.

    Notes
    -----
    For any q with :math:`2 \sup_\theta |\langle q, \phi(\theta) \rangle_\nu| \le \lambda` each
    measure has at least the risk :math:`-2 \langle q, f^* \rangle_\nu - \|q\|_\nu^2`. Here q is the
    best multiple of the residual, with the upper end of the supremum.

    Defined in the chapter Three layers.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.block_certificate import block_gap
    >>> from openblackbox.meanfield.block_directions import sphere_start
    >>> from openblackbox.meanfield.particles import Regression
    >>> network = sphere_start(3, 2, 2, rng=np.random.default_rng(0))
    >>> task = Regression([[1.0, 0.0]], [0.1], decay=0.5, activation="tanh")
    >>> gap = block_gap(network, task)
    >>> round(gap.risk, 6), round(gap.bound, 6)
    (0.01, 0.01)
    """
    check_blocks(network, task)
    if (network.s, network.d) != (2, 2):
        raise ValueError(f"network: expected s = 2 and d = 2, got {network.s} and {network.d}")
    if task.activation != "tanh" or not task.decay:
        raise ValueError(
            f"task: expected tanh and a decay above 0, got {task.activation}, {task.decay}"
        )
    require_on_spheres(network)
    residual = evaluate(network, task.x, activation="tanh") - task.y
    found = torus_supremum(residual, task.x, cells=cells)
    square, along = np.mean(residual**2), np.mean(residual * task.y)
    most = task.decay / (2 * found.upper) if found.upper else 0.0
    scale = np.clip(-along / square, -most, most) if square else 0.0
    return BlockGap(block_risk(network, task), float(-2 * scale * along - scale**2 * square), found)
