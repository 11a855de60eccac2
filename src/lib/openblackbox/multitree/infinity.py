r"""The network without biases, seen through the network with biases: far away they agree.

Without biases, :math:`f_\infty(\lambda x) = \lambda f_\infty(x)` for :math:`\lambda > 0`. With
biases this holds in the limit, and the derivative reaches its limit at a finite :math:`\lambda`.
"""

import numpy as np

from openblackbox.multitree.bank import RangeExhaustedError
from openblackbox.oracles import OracleAround, check_oracle, points

__all__ = ["AtInfinity"]


class AtInfinity(OracleAround):
    r"""The oracle of the network without biases, answered by the network with biases.

    .. math:: Df_\infty(x) = \lim_{\lambda \to \infty} Df(\lambda x), \qquad
       f_\infty(x) = Df_\infty(x)\, x

    Parameters
    ----------
    oracle : Oracle
        The black box, with biases. Only its derivatives are asked.
    reach : int, optional
        The smallest nonzero entry of a point is brought to :math:`2^{\mathrm{reach}}`. By default
        an eighth of the largest exponent of the floating type: 128 in double precision.

    Raises
    ------
    TypeError
        If ``oracle`` is not an `Oracle`.
    ValueError
        If ``reach`` is not positive.

    Notes
    -----
    Every question is asked at two points, :math:`\lambda x` and :math:`2^{60} \lambda x`. Where the
    answers differ, by more than rounding, :math:`\lambda` grows by :math:`2^{60}` and the question
    is asked again; where the floating type has no larger numbers, ``RangeExhaustedError`` is
    raised. Two equal answers are evidence that the limit is reached, and no proof: no number of
    questions can exclude a bias beyond the last point.

    A neuron of the first level all of whose inputs are 0 is off without biases, and on or off with
    them. Entries 0 are therefore asked at :math:`\pm \epsilon \zeta_i`, :math:`2^{59}` times or
    more below the smallest other entry, with numbers :math:`\zeta_i` between 1 and 2 in general
    position: such a neuron is on at one of the two points at most, the others do not notice, and
    the columns of the Jacobian that belong to entries 0 are what the two points have in common.
    (With equal :math:`\zeta_i`, a neuron with weights 1 and -1 would see 0 at both points, and its
    bias would decide.)

    The multiplication by a power of two is exact. Values :math:`f(\lambda x)` are not used: they
    would lose their last digits to the biases.

    Cost: two questions for one, and four more for each entry 0 where the direction v is not 0, or,
    in a question about the transpose, for each entry 0; the answers for a point are kept.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> far = AtInfinity(ReLUNetwork([[[1.0, 2.0]], [[3.0]]], [[-1e6], [5.0]]))
    >>> far.jacobian([1.0, 1.0]), far([1.0, 1.0]), far([-1.0, -1.0])
    (array([[3., 6.]]), array([9.]), array([0.]))
    """

    def __init__(self, oracle, *, reach=None):
        """Check the arguments."""
        check_oracle(oracle)
        self.oracle = oracle
        reach = _limit_of(self.dtype) // 7 if reach is None else reach
        if not reach > 0:
            raise ValueError(f"reach: expected a positive number, got {reach!r}")
        self.reach = int(reach)
        # The same for every question, so that a point has one answer.
        drawn = 1 + np.random.default_rng(0).random(self.n_inputs)
        self._zeta = drawn.astype(self.dtype)
        self._columns = {}

    @property
    def dtype(self):
        """The floating type of the oracle, double precision unless it says."""
        return np.dtype(getattr(self.oracle, "dtype", np.float64))

    def __call__(self, x):
        r"""Return :math:`f_\infty(x)`, shape (n_L,) or (k, n_L)."""
        return self.jvp(x, x)

    def jacobian(self, x):
        r"""Return :math:`Df_\infty(x)`, shape (n_L, n_0) or (k, n_L, n_0)."""
        batch = self._points("x", x, self.n_inputs)
        answers = self._limit(self._far(batch), lambda far, _: self.oracle.jacobian(far))
        for point, answer in zip(batch, answers, strict=True):
            if (point == 0).any():
                answer[:, point == 0] = self._kink_columns(point).T
        return answers if np.ndim(x) == 2 else answers[0]

    def jvp(self, x, v):
        r"""Return :math:`Df_\infty(x)\,v`, shape (n_L,) or (k, n_L)."""
        batch, directions = np.broadcast_arrays(
            self._points("x", x, self.n_inputs), self._points("v", v, self.n_inputs)
        )
        regular = np.where(batch == 0, 0, directions)
        answers = self._limit(self._far(batch), self.oracle.jvp, regular)
        for row in np.flatnonzero((regular != directions).any(axis=1)):
            zero = batch[row] == 0
            answers[row] += directions[row, zero] @ self._kink_columns(batch[row])
        return answers if np.ndim(x) == 2 or np.ndim(v) == 2 else answers[0]

    def vjp(self, x, u):
        r"""Return :math:`Df_\infty(x)^\top u`, shape (n_0,) or (k, n_0)."""
        batch, directions = (
            self._points("x", x, self.n_inputs),
            self._points("u", u, self.n_outputs),
        )
        count = max(len(batch), len(directions))
        batch = np.broadcast_to(batch, (count, self.n_inputs))
        directions = np.broadcast_to(directions, (count, self.n_outputs))
        answers = self._limit(self._far(batch), self.oracle.vjp, directions)
        for row in np.flatnonzero((batch == 0).any(axis=1)):
            answers[row, batch[row] == 0] = self._kink_columns(batch[row]) @ directions[row]
        return answers if np.ndim(x) == 2 or np.ndim(u) == 2 else answers[0]

    def _points(self, name, value, size):
        return np.atleast_2d(points(name, value, size, self.dtype))

    def _far(self, x, side=1):
        """Bring the smallest entry of every point to 2**reach, and zeros a step below."""
        zero = x == 0
        exponents = np.frexp(x)[1]
        least = np.where(zero, exponents.max(initial=0), exponents).min(axis=1, keepdims=True)
        tiny = np.ldexp(side * self._zeta, self.reach - _step_of(x.dtype))
        return np.where(zero, tiny, _shifted(x, self.reach - least))

    def _kink_columns(self, x):
        """Return the columns of the Jacobian at the entries 0 of a point, as rows."""
        key = x.tobytes()
        if key not in self._columns:
            places = np.flatnonzero(x == 0)
            moved = np.broadcast_to(x, (places.size, x.size))
            unit = np.eye(x.size, dtype=self.dtype)[places]
            above = self._limit(self._far(moved), self.oracle.jvp, unit)
            below = self._limit(self._far(moved, side=-1), self.oracle.jvp, unit)
            self._columns[key] = np.where(_differ(above, below), 0, above)
        return self._columns[key]

    def _limit(self, far, ask, directions=None):
        """Ask at two scales, and again farther away where the answers differ."""
        answers = np.array(ask(far, directions))
        todo = np.arange(len(far))
        while todo.size:
            far = _shifted(far, _step_of(self.dtype))
            again = np.asarray(ask(far, None if directions is None else directions[todo]))
            differ = _differ(answers[todo], again).reshape(len(todo), -1).any(axis=1)
            answers[todo] = again
            todo, far = todo[differ], far[differ]
        return answers


def _limit_of(dtype):
    """The largest binary exponent of a point: what is left is for the weights."""
    return np.finfo(dtype).maxexp * 7 // 8


def _step_of(dtype):
    """The binary orders of magnitude between the points of a pair, and down to a zero."""
    return np.finfo(dtype).maxexp // 17


def _differ(one, other):
    """Tell where two answers differ by more than rounding."""
    return np.abs(one - other) > np.abs(other) / 2**20


def _shifted(x, shift):
    """Multiply by a power of two; raise where the numbers leave too little room for the weights."""
    limit = _limit_of(x.dtype)
    if (np.frexp(x)[1] + shift)[x != 0].max(initial=0) > limit:
        raise RangeExhaustedError(
            f"the limit far away was not reached below 2**{limit}: the biases are too large, or "
            "the entries of a point too different, for the floating type"
        )
    return np.ldexp(x, shift)
