r"""What a black box lets one ask: the protocol and a counter of queries.

A recovery sees a network only through the protocol `Oracle`. Everything here is re-exported by
`openblackbox.networks`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Oracle(Protocol):
    r"""A function :math:`f : \mathbb R^{n_0} \to \mathbb R^{n_L}` that answers four questions.

    Every method takes one point (n_0,) or k points (k, n_0), and its answer has a leading axis k
    exactly in the second case.

    Notes
    -----
    ``isinstance(thing, Oracle)`` checks that the six names exist, nothing more.

    Defined in the chapter Multitree perceptrons.
    """

    n_inputs: int
    n_outputs: int

    def __call__(self, x):
        """Return f(x), shape (n_L,) or (k, n_L)."""

    def jacobian(self, x):
        """Return Df(x), shape (n_L, n_0) or (k, n_L, n_0)."""

    def jvp(self, x, v):
        """Return Df(x) v, shape (n_L,) or (k, n_L)."""

    def vjp(self, x, u):
        """Return the transpose of Df(x) times u, shape (n_0,) or (k, n_0)."""


@dataclass(frozen=True)
class Queries:
    """How many queries of every kind were asked; a batch of k points counts k.

    Parameters
    ----------
    evaluations, jacobians, jvps, vjps : int
        Values f(x), Jacobian matrices Df(x), products Df(x) v, products of the transpose with u.

    Notes
    -----
    Defined in the chapter One hidden layer.
    """

    evaluations: int = 0
    jacobians: int = 0
    jvps: int = 0
    vjps: int = 0

    def __add__(self, other):
        """Return the sum, kind by kind."""
        if not isinstance(other, Queries):
            return NotImplemented
        return Queries(
            self.evaluations + other.evaluations,
            self.jacobians + other.jacobians,
            self.jvps + other.jvps,
            self.vjps + other.vjps,
        )


class OracleAround:
    """An oracle of the sizes of another one, which it keeps as ``oracle``."""

    @property
    def n_inputs(self):
        """The number of inputs of the oracle."""
        return self.oracle.n_inputs

    @property
    def n_outputs(self):
        """The number of outputs of the oracle."""
        return self.oracle.n_outputs


class CountingOracle(OracleAround):
    """An oracle that counts the queries it passes on to another one.

    Parameters
    ----------
    oracle : Oracle
        What answers.

    Raises
    ------
    TypeError
        If ``oracle`` lacks one of the names of the protocol.

    Notes
    -----
    A batch of k points counts k. A query that raises is not counted.

    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> oracle = CountingOracle(ReLUNetwork([[[1.0, 2.0]]]))
    >>> answers = oracle([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), oracle.jacobian([1.0, 1.0])
    >>> oracle.queries
    Queries(evaluations=3, jacobians=1, jvps=0, vjps=0)
    """

    def __init__(self, oracle):
        """Start counting at 0."""
        check_oracle(oracle)
        self.oracle = oracle
        self.reset()

    def reset(self):
        """Set every count to 0."""
        self.queries = Queries()

    def __call__(self, x):
        """Return f(x) and count one evaluation a point."""
        answer = self.oracle(x)
        self.queries += Queries(evaluations=_number_of_points(x))
        return answer

    def jacobian(self, x):
        """Return Df(x) and count one Jacobian a point."""
        answer = self.oracle.jacobian(x)
        self.queries += Queries(jacobians=_number_of_points(x))
        return answer

    def jvp(self, x, v):
        """Return Df(x) v and count one jvp a product."""
        answer = self.oracle.jvp(x, v)
        self.queries += Queries(jvps=_number_of_points(x, v))
        return answer

    def vjp(self, x, u):
        """Return the transpose of Df(x) times u and count one vjp a product."""
        answer = self.oracle.vjp(x, u)
        self.queries += Queries(vjps=_number_of_points(x, u))
        return answer


def check_oracle(oracle):
    """Raise TypeError, with the missing names, when ``oracle`` is not an `Oracle`."""
    names = ("jacobian", "jvp", "vjp", "n_inputs", "n_outputs")
    missing = [name for name in names if not hasattr(oracle, name)]
    missing += [] if callable(oracle) else ["__call__"]
    if missing:
        raise TypeError(
            f"oracle: expected an Oracle, got a {type(oracle).__name__} without "
            f"{', '.join(missing)}; wrap a torch module in TorchOracle"
        )


def points(name, value, size, dtype):
    """Return a point (size,) or a batch (k, size) as an array of ``dtype``, or raise."""
    array = as_array(name, value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected real numbers, got an array of {array.dtype}")
    if array.ndim not in (1, 2) or array.shape[-1] != size:
        raise ValueError(f"{name}: expected shape ({size},) or (k, {size}), got {array.shape}")
    with np.errstate(over="ignore"):  # 1e39 is finite, and infinite in single precision
        array = array.astype(dtype, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name}: expected finite numbers of {np.dtype(dtype)}, got nan or infinity"
        )
    return array


def as_array(name, value):
    """Return what is array-like as an array, or raise an error that names it."""
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:  # such as rows of different lengths
        raise ValueError(f"{name}: expected an array, got {_shown(value)}: {error}") from error


def as_arrays(name, values):
    """Return a sequence of what is array-like as a list of arrays, or raise."""
    if isinstance(values, (str, bytes, dict, set)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name}: expected a sequence of arrays, got {_shown(values)}")
    return [as_array(f"{name}[{number}]", value) for number, value in enumerate(values)]


def _shown(value):
    """Show a value in a message, at most a line of it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def same_length(name, x, direction):
    """Raise when a batch of points and a batch of directions differ in length."""
    if len(x) != len(direction):
        raise ValueError(f"{name}: expected as many rows as x, {len(x)}, got {len(direction)}")


def _number_of_points(*arrays):
    """Return how many points (or pairs of a point and a direction) a query asks about."""
    batches = [np.shape(array)[0] for array in arrays if np.ndim(array) > 1]
    return batches[0] if batches else 1
