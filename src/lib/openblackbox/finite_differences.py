r"""Derivatives of a piecewise linear function of which only the values can be asked.

Re-exported by `openblackbox.black_boxes`.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer, number
from openblackbox.oracles import points, same_length


@dataclass(frozen=True)
class Differences:
    r"""How the last derivatives of a `FiniteDifferenceOracle` were found.

    Parameters
    ----------
    steps : numpy.ndarray
        The distance that was walked forwards, for each direction of each point, as a Euclidean
        length; 0 for a zero direction. Backwards it is half of that.
    errors : numpy.ndarray
        A bound on the error of the derivative along each direction, of length 1, largest over the
        outputs. It holds when at most one kink lies on the way and the values are right up to
        ``noise`` and a few units of rounding.

    Notes
    -----
    Both have the shape (n_0,) or (k, n_0) after a Jacobian or a vjp, () or (k,) after a jvp.

    Defined in the chapter Noise and finite differences.
    """

    steps: np.ndarray
    errors: np.ndarray


class FiniteDifferenceOracle:
    r"""An oracle for a piecewise linear function of which only the values can be asked.

    .. math::

       Df(x)\,v = \frac{f(x + h v) - f(x - g v)}{h + g}, \qquad g = h/2,

    exactly, as long as x + h v and x - g v are in the linear cell of x.

    Parameters
    ----------
    function : callable
        Maps a batch (k, n_0) to the values (k, n_L). An `Oracle`, such as a `CountingOracle`,
        will do.
    n_inputs, n_outputs : int
        The sizes n_0 and n_L.
    step : float
        The largest step tried, for a direction of length 1, relative to the root mean square of
        the entries of x (to 1 at x = 0).
    smallest : float, optional
        The smallest step allowed, relative to the same; the square root of the spacing of the
        floating-point numbers at 1 (eps of the values) when omitted. Below it the answers would
        lose more than half of the digits.
    noise : float
        Size of the errors of a value, beyond rounding.

    Raises
    ------
    TypeError
        If ``function`` is not callable.
    ValueError
        If a size or a step is out of range. When a derivative is asked: if some direction leaves
        the cell with all the steps allowed, or the values have a wrong shape, are not real or not
        finite.

    Notes
    -----
    A difference has no truncation error inside a cell, and its rounding error is that of the
    values divided by the step. So the step should be as large as the cell allows. The largest step
    is tried first, and divided by 4 as long as the forward and the backward difference disagree:
    then a kink lies between. Agreement leaves an error of at most

    .. math:: \frac{|f(x + h v) - f(x) - 2 (f(x) - f(x - g v))|}{h + g} + \frac{8 \eta}{h + g}

    where :math:`\eta` is the error of a value and one kink at most lies on the way. The steps h and
    g differ, so that two kinks placed symmetrically are noticed. Along an input of a multitree
    network agreement proves that no kink was passed, except on a set of points of measure 0.

    Steps are rounded down to powers of two. `last` tells the steps and the bounds of the last
    derivatives, and `evaluations` how many values were asked in all.

    Cost: 1 + 2 t values for a jvp, with t tries; 1 + 2 n_0 t for a Jacobian, and for a vjp, which
    needs a Jacobian.

    Defined in the chapter Noise and finite differences.

    Examples
    --------
    >>> from openblackbox.networks import CountingOracle, ReLUNetwork
    >>> inside = CountingOracle(ReLUNetwork([[[1.0, -1.0], [0.0, 2.0]], [[1.0, 3.0]]]))
    >>> oracle = FiniteDifferenceOracle(inside, 2, 1)
    >>> oracle.jacobian([3.0, 2.0])
    array([[1., 5.]])
    >>> oracle.last.steps, oracle.evaluations, inside.queries.evaluations
    (array([2. , 0.5]), 7, 7)
    """

    def __init__(self, function, n_inputs, n_outputs, *, step=1, smallest=None, noise=0):
        """Keep the function and the options; nothing is asked."""
        if not callable(function):
            raise TypeError(f"function: expected a callable, got a {type(function).__name__}")
        self.function = function
        self.n_inputs, self.n_outputs = (
            integer("n_inputs", n_inputs),
            integer("n_outputs", n_outputs),
        )
        self.step = number("step", step)
        self.smallest = None if smallest is None else number("smallest", smallest)
        if smallest is not None and self.smallest > self.step:
            raise ValueError(f"smallest: expected at most step, {step}, got {smallest}")
        self.noise = number("noise", noise, zero=True)
        self.evaluations = 0
        self.last = None

    def __call__(self, x):
        """Return f(x), shape (n_L,) or (k, n_L)."""
        x = points("x", x, self.n_inputs, np.float64)
        return self._values(np.atleast_2d(x)).reshape(*x.shape[:-1], self.n_outputs)

    def jacobian(self, x):
        """Return Df(x), shape (n_L, n_0) or (k, n_L, n_0), from values of f."""
        x = points("x", x, self.n_inputs, np.float64)
        directions = np.eye(self.n_inputs)
        pairs = zip(np.atleast_2d(x), np.atleast_2d(self(x)), strict=True)
        found = [
            self._slopes(np.tile(point, (len(directions), 1)), directions, value[None])
            for point, value in pairs
        ]
        slopes, steps, errors = (np.stack(parts) for parts in zip(*found, strict=True))
        batch = x.shape[:-1]
        self.last = Differences(*(a.reshape(*batch, self.n_inputs) for a in (steps, errors)))
        jacobians = np.ascontiguousarray(slopes.swapaxes(1, 2))
        return jacobians.reshape(*batch, self.n_outputs, self.n_inputs)

    def jvp(self, x, v):
        """Return Df(x) v, shape (n_L,) or (k, n_L); a single x or v serves a whole batch."""
        x, v, batch = self._pair("v", x, v, self.n_inputs)
        values = np.atleast_2d(self(x))
        shape = (*batch, self.n_inputs)
        x, v = (np.broadcast_to(a, shape).reshape(-1, self.n_inputs) for a in (x, v))
        slopes, steps, errors = self._slopes(x, v, values)
        self.last = Differences(steps.reshape(batch), errors.reshape(batch))
        return slopes.reshape(*batch, self.n_outputs)

    def vjp(self, x, u):
        """Return the transpose of Df(x) times u, by a whole Jacobian of each point."""
        x, u, _ = self._pair("u", x, u, self.n_outputs)
        jacobians = self.jacobian(x)
        return np.einsum("...ji,...j->...i", jacobians, u.astype(jacobians.dtype, copy=False))

    def _pair(self, name, x, direction, size):
        """Return a point and a direction, each single or a batch, and the shape of the batch."""
        x = points("x", x, self.n_inputs, np.float64)
        direction = points(name, direction, size, np.float64)
        if x.ndim == direction.ndim == 2:
            same_length(name, x, direction)
        return x, direction, np.broadcast_shapes(x.shape[:-1], direction.shape[:-1])

    def _values(self, x):
        """Return the values of a batch, checked, and count them."""
        values = np.asarray(self.function(x))
        if values.shape != (len(x), self.n_outputs):
            raise ValueError(
                f"function: expected values of shape {(len(x), self.n_outputs)}, got {values.shape}"
            )
        if values.dtype.kind != "f":
            raise ValueError(f"function: expected real values, got an array of {values.dtype}")
        if not np.isfinite(values).all():
            raise ValueError("function: expected finite values, got nan or infinity")
        self.evaluations += len(x)
        return values

    def _slopes(self, x, v, values):
        """Return the derivatives (m, n_L) along m directions, with their steps and error bounds."""
        values = np.broadcast_to(values, (len(x), self.n_outputs))
        lengths = np.linalg.norm(v, axis=1)
        slopes = np.zeros((len(x), self.n_outputs), values.dtype)
        errors = np.zeros(len(x))
        sizes = np.linalg.norm(x, axis=1) / np.sqrt(self.n_inputs)
        sizes[sizes == 0] = 1
        unit = np.finfo(values.dtype).eps
        smallest = sizes * (np.sqrt(unit) if self.smallest is None else self.smallest)
        h = np.where(lengths > 0, np.exp2(np.floor(np.log2(self.step * sizes))), 0)
        todo = np.flatnonzero(lengths)
        while todo.size:
            point, way = x[todo], v[todo] / lengths[todo, None]
            ahead = self._values(point + h[todo, None] * way)
            behind = self._values(point - h[todo, None] / 2 * way)
            rise, run = ahead - behind, (3 / 2) * h[todo]
            kink = np.abs(ahead - values[todo] - 2 * (values[todo] - behind)).max(axis=1)
            # What is rounded: the values, and the terms <w, x> of the first layer.
            largest = np.abs([ahead, behind, values[todo]]).max(axis=(0, 2))
            largest = largest + np.linalg.norm(point, axis=1) * np.abs(rise).max(axis=1) / run
            eta = self.noise + 4 * unit * largest
            good = kink <= 6 * eta
            slopes[todo[good]] = (rise / run[:, None] * lengths[todo, None])[good]
            errors[todo[good]] = ((kink + 8 * eta) / run)[good]
            todo = todo[~good]
            h[todo] /= 4
            stuck = todo[h[todo] < smallest[todo]]
            if stuck.size:
                raise ValueError(
                    f"x: along {stuck.size} of {len(x)} directions a kink of the function is "
                    f"nearer than the smallest step allowed, {smallest[stuck[0]]:.1e}: no "
                    f"difference of values gives this derivative"
                )
        return slopes, h, errors
