r"""The graph of a computation: nodes that remember what they were computed from.

A node holds the value of one operation, the nodes it was computed from, and a pullback, which sends
the derivative of the loss in the node to derivatives in those nodes. The backward sweep is in
`openblackbox.foundations.autodiff`, which offers everything here too.
"""

import itertools

import numpy as np

__all__ = ["Node", "record"]

_numbers = itertools.count()
watchers = []  # called with every new node; used to count memory


class Node:
    r"""The value of one operation, with what the backward sweep needs.

    Parameters
    ----------
    value : array_like
        Finite real numbers, kept in double precision and not copied: do not change them in place
        while the node is in use.
    parents : sequence of Node
        What the value was computed from; none for a leaf, that is, an input or a parameter.
    pullback : callable, optional
        Maps the adjoint of this node, and one boolean for each parent that says whether it is
        needed, to a list of adjoints of the parents (None where not needed).
    name : str
        The operation, for messages.

    Raises
    ------
    TypeError
        If the value does not hold real numbers.
    ValueError
        If a number is not finite: for an operation, overflow or a point outside its domain.

    Notes
    -----
    Nodes are combined by ``+ - * / ** @``, by indexing, and by the methods below; shapes are
    broadcast as in numpy. Arrays and numbers that meet a node become leaves.

    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, gradient
    >>> a = Node([1.0, 2.0, 3.0])
    >>> loss = (a * a).sum() + a[0]
    >>> loss, gradient(loss, [a])
    (Node(add, 15.0), [array([3., 4., 6.])])
    """

    __slots__ = ("__weakref__", "name", "number", "parents", "pullback", "value")
    __array_ufunc__ = None  # array + node is left to the node

    def __init__(self, value, *, parents=(), pullback=None, name="value"):
        value = np.asarray(value)
        if value.dtype.kind not in "fiub":
            raise TypeError(f"{name}: expected real numbers, got an array of {value.dtype}")
        self.value = value.astype(float, copy=False)
        if not np.isfinite(self.value).all():
            raise ValueError(f"{name}: expected finite numbers, got nan or infinity")
        self.parents, self.pullback, self.name = tuple(parents), pullback, name
        self.number = next(_numbers)
        for watch in watchers:
            watch(self)

    def __repr__(self):
        shown = self.value if self.value.ndim == 0 else f"shape {self.value.shape}"
        return f"Node({self.name}, {shown})"

    @property
    def shape(self):
        """The shape of the value."""
        return self.value.shape

    def __add__(self, other):
        return record("add", np.add, [lambda g, y, a, b: g, lambda g, y, a, b: g], self, other)

    def __sub__(self, other):
        pulls = [lambda g, y, a, b: g, lambda g, y, a, b: -g]
        return record("subtract", np.subtract, pulls, self, other)

    def __mul__(self, other):
        pulls = [lambda g, y, a, b: g * b, lambda g, y, a, b: g * a]
        return record("multiply", np.multiply, pulls, self, other)

    def __truediv__(self, other):
        pulls = [lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b]
        return record("divide", np.divide, pulls, self, other)

    def __matmul__(self, other):
        other = as_node(other)
        if len(other.shape) == 1:
            product = self @ other.reshape(-1, 1)
            return product.reshape(product.shape[:-1])
        if len(self.shape) == 1:
            product = self.reshape(1, -1) @ other
            return product.reshape(*product.shape[:-2], product.shape[-1])
        pulls = [
            lambda g, y, a, b: g @ b.swapaxes(-1, -2),
            lambda g, y, a, b: a.swapaxes(-1, -2) @ g,
        ]
        return record("matmul", np.matmul, pulls, self, other)

    def __pow__(self, power):
        if not np.isscalar(power):
            raise TypeError(f"power: expected a number, got a {type(power).__name__}")
        slope = (lambda a: power * a ** (power - 1)) if power else np.zeros_like
        return record("power", lambda a: a**power, [lambda g, y, a: g * slope(a)], self)

    def __getitem__(self, index):
        def pull(g, y, a):
            adjoint = np.zeros_like(a)
            np.add.at(adjoint, index, g)  # an entry that was read twice receives both
            return adjoint

        return record("index", lambda a: a[index], [pull], self)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1.0

    def __rsub__(self, other):
        return as_node(other) - self

    def __rtruediv__(self, other):
        return as_node(other) / self

    def __rmatmul__(self, other):
        return as_node(other) @ self

    def sum(self, axis=None):
        """Return the sum of the entries, or along an axis or a tuple of axes."""

        def pull(g, y, a):
            return np.broadcast_to(g if axis is None else np.expand_dims(g, axis), a.shape)

        return record("sum", lambda a: a.sum(axis=axis), [pull], self)

    def reshape(self, *shape):
        """Return the same entries in another shape."""
        pull = [lambda g, y, a: g.reshape(a.shape)]
        return record("reshape", lambda a: a.reshape(*shape), pull, self)

    def transpose(self, *axes):
        """Return the value with its axes permuted; reversed when no order is given."""
        back = np.argsort(axes) if axes else None
        pull = [lambda g, y, a: g.transpose(back)]
        return record("transpose", lambda a: a.transpose(*axes), pull, self)

    @property
    def T(self):
        """The value with its axes reversed."""
        return self.transpose()


def as_node(value):
    """Return a node as it is, and anything else as a leaf."""
    return value if isinstance(value, Node) else Node(value)


def record(name, function, pullbacks, *inputs):
    r"""Compute an operation and record it on the tape.

    Parameters
    ----------
    name : str
        The operation, for messages.
    function : callable
        Maps the values of the inputs to the value of the operation.
    pullbacks : sequence of callables
        One for each input. ``pull(g, y, *values)`` maps the adjoint g of the operation, its value y
        and the values of the inputs to the adjoint of that input, :math:`J^\top g`. It may leave
        out the sums over broadcast axes.
    *inputs : Node or array_like
        The inputs.

    Returns
    -------
    Node
        The new node. Its pullback keeps the values of nodes and no other array.

    Notes
    -----
    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.foundations.autodiff import Node, gradient, record
    >>> angle = Node(0.0)
    >>> sine = record("sin", np.sin, [lambda g, y, x: g * np.cos(x)], angle)
    >>> gradient(3 * sine, [angle])
    [array(3.)]
    """
    parents = [as_node(entry) for entry in inputs]
    values = [parent.value for parent in parents]
    with np.errstate(all="ignore"):
        try:
            value = np.asarray(function(*values))
        except ValueError as error:
            shapes = " and ".join(str(entry.shape) for entry in values)
            raise ValueError(f"{name}: inputs of shape {shapes} do not fit: {error}") from None

    def pullback(adjoint, needed):
        return [
            pull(adjoint, value, *values) if need else None
            for pull, need in zip(pullbacks, needed, strict=True)
        ]

    return Node(value, parents=parents, pullback=pullback, name=name)
