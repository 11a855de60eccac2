r"""A bank of points, and what each of them shows of a network.

The derivative of a bias-free network does not change when x is multiplied by a positive number, so
what matters of a point are the ratios of its entries. Points whose entries differ by many orders of
magnitude make many more neurons visible than Gaussian ones.
"""

from dataclasses import dataclass
from math import ldexp

import numpy as np

__all__ = ["Bank", "FloatRange", "RangeExhaustedError", "ends", "tropical_points"]


class RangeExhaustedError(ArithmeticError):
    """A probe needs entries of more orders of magnitude than floating-point numbers have."""


@dataclass(frozen=True)
class FloatRange:
    r"""The binary exponents that the entries of a point may have.

    Parameters
    ----------
    bits : int
        The largest exponent of the floating type: 1024 in double precision, 128 in single.

    Notes
    -----
    The smallest nonzero entry of a point is brought to :math:`2^{-b/5}` and the largest must stay
    below :math:`2^{4b/5}`: what is left on both sides is for the weights that multiply them.
    Exponents are integers throughout, so that nothing becomes 0 on the way.

    Defined in the chapter Deep recovery.
    """

    bits: int

    @classmethod
    def of(cls, oracle):
        """Return the range of the floating type of an oracle, double precision unless it says."""
        return cls(int(np.finfo(getattr(oracle, "dtype", np.float64)).maxexp))

    @property
    def floor(self):
        """The exponent of the smallest nonzero entry of a point."""
        return -(self.bits // 5)

    @property
    def gap(self):
        """How many binary orders a small block is first put below the point around it."""
        return max(1, self.bits // 16)

    @property
    def loud(self):
        """The size of a direction whose answer must stand out against a quiet one."""
        return ldexp(1, self.bits // 8)

    @property
    def audible(self):
        """The size above which an answer to a loud direction is told from a quiet one."""
        return ldexp(1, -(15 * self.bits // 16))

    @property
    def quiet(self):
        """The largest answer to a quiet direction beside which silence is a proof."""
        return ldexp(1, -(self.bits // 2))

    def softening(self, size):
        """Return by how many binary orders a direction with an answer of this size is reduced.

        The answer becomes a little larger than `audible`, unless the direction itself would leave
        the range.
        """
        exponent = int(np.frexp(size)[1]) + 7 * self.bits // 8
        return min(max(exponent, 0), 15 * self.bits // 16)

    def shift(self, low, high):
        """Return the exponent that brings entries with the exponent ``low`` to the floor.

        Raises
        ------
        RangeExhaustedError
            If entries with the exponent ``high`` then are too large.
        """
        width = int(high) - int(low)
        if width > self.bits:
            raise RangeExhaustedError(
                f"a point with entries {width} binary orders of magnitude apart is needed, the "
                f"floating type allows {self.bits}; use an oracle of higher precision, if it is a "
                f"bias-free network with these supports"
            )
        return self.floor - int(low)

    def normalized(self, x):
        """Multiply a point by the power of two that brings its smallest entry to the floor."""
        return np.ldexp(x, self.shift(*ends(x)))


def ends(x):
    """Return the binary exponents of the smallest and the largest nonzero entry of a point.

    Parameters
    ----------
    x : numpy.ndarray
        The point.

    Returns
    -------
    low, high : int
        The exponents, as `numpy.frexp` counts them; 0 and 0 for the origin.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> ends(np.array([0.0, -0.5, 6.0]))
    (0, 3)
    """
    exponents = np.frexp(x[x != 0])[1]
    return (int(exponents.min()), int(exponents.max())) if exponents.size else (0, 0)


class Bank:
    """The points asked so far, with their sketches.

    Parameters
    ----------
    sketcher : openblackbox.multitree.sketch.Sketcher
        What asks.

    Notes
    -----
    ``points``, ``sketches`` and ``origins`` are lists of equal length; ``visible[t]`` tells for
    every edge whether point t shows it, ``shown[l][t]`` for every neuron of level l.

    Defined in the chapter Deep recovery.
    """

    def __init__(self, sketcher):
        """Start empty."""
        self.sketcher, self.graph = sketcher, sketcher.graph
        self.points, self.sketches, self.origins = [], [], []
        self._rows = [np.zeros((0, width), dtype=bool) for width in self.graph.widths]
        self.seen = np.zeros(self.graph.n_edges, dtype=bool)
        self.first_seen = [np.full(width, -1) for width in self.graph.widths]

    def __len__(self):
        """Return the number of points."""
        return len(self.points)

    def add(self, x, origin):
        """Ask about one more point; return its number."""
        sketch = self.sketcher(x)
        number = len(self)
        self.points.append(x)
        self.sketches.append(sketch)
        self.origins.append(origin)
        self.seen |= sketch.visible
        for level in range(1, self.graph.n_layers + 1):
            row = self._neurons(sketch.visible, level)
            if level == self.graph.n_layers:
                row[:] = True  # an output is linear: it is never off
            if len(self._rows[level]) <= number:
                longer = np.zeros((max(16, 2 * number), row.size), dtype=bool)
                longer[:number] = self._rows[level][:number]
                self._rows[level] = longer
            self._rows[level][number] = row
            new = row & (self.first_seen[level] < 0)
            self.first_seen[level][new] = number
        return number

    def shown(self, level):
        """Return which neurons of a level each point shows, (number of points, n_level)."""
        return self._rows[level][: len(self)]

    def _neurons(self, visible, level):
        row = np.zeros(self.graph.widths[level], dtype=bool)
        row[self.graph.rows[level - 1][visible[self.graph.layer(level - 1)]]] = True
        return row


def tropical_points(graph, count, *, rng, bits=26.0, budget=341):
    r"""Draw points whose entries have very different orders of magnitude, block by block.

    .. math::

       x_i = g_i \prod_{X \ni i} 2^{-\beta_X u_X}, \qquad g_i \sim N(0, 1), \quad
       \beta_X \in \{0, 1\} \text{ fair}, \quad u_X \sim U(0, b),

    where X runs over the sets of inputs of the neurons of every level 0 to L - 1.

    Parameters
    ----------
    graph : openblackbox.multitree.reach.Graph
        The multitree.
    count : int
        Number of points.
    rng : numpy.random.Generator
        Source of randomness.
    bits : float
        b: how many binary orders of magnitude one block may be damped.
    budget : float
        Where L b would exceed it, b is lowered to budget / L.

    Returns
    -------
    numpy.ndarray, shape (count, n_0)
        The points.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.reach import Graph
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> points = tropical_points(Graph(dyadic_supports(5)), 100, rng=np.random.default_rng(0))
    >>> points.shape, bool(np.abs(points).max() > 1e9 * np.median(np.abs(points)))
    ((100, 32), True)
    """
    bits = min(bits, budget / graph.n_layers)
    points = rng.standard_normal((count, graph.widths[0]))
    for level in range(graph.n_layers):
        sets = graph.inputs[level].sets.astype(float)
        shape = (count, sets.shape[0])
        damping = bits * rng.random(shape) * rng.integers(0, 2, shape)
        points *= 2.0 ** -(damping @ sets)
    return points
