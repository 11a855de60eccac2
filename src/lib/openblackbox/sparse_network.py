r"""A bias-free ReLU network whose weights are sparse matrices: the same questions, less memory.

A dense network of width N and L layers stores L N**2 numbers. This one stores its nonzero weights
alone, and a product costs about as many operations as there are weights.
"""

import numpy as np
import scipy.sparse as sp

from openblackbox.layered import LayeredNetwork
from openblackbox.oracles import points, same_length

__all__ = ["SparseReLUNetwork"]


class SparseReLUNetwork(LayeredNetwork):
    r"""A perceptron without biases, with sparse weights and exact derivatives.

    .. math::

       y_0 = x, \qquad z_\ell = W_\ell\, y_{\ell-1}, \qquad y_\ell = \max(z_\ell, 0),
       \qquad R_\theta(x) = z_L .

    Parameters
    ----------
    weights : sequence of L matrices
        First layer first, sparse or dense: ``weights[l]`` is :math:`W_{l+1}`, of shape
        (n_{l+1}, n_l). L >= 1. Zeros that a sparse matrix stores are dropped.

    Raises
    ------
    TypeError
        If a matrix is not of real numbers.
    ValueError
        If there is no layer, the shapes do not fit, or an entry is not finite. All the problems
        are listed in the one message.

    Notes
    -----
    It follows the protocol `openblackbox.networks.Oracle` and answers what
    `openblackbox.networks.ReLUNetwork` answers, batches and kinks included. Every matrix is
    converted to the common floating type of all (integers count as float64).

    Cost: a call, a jvp or a vjp costs one sparse product per layer. Derivatives in many directions
    at a single point compute its activations once.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> network = SparseReLUNetwork([[[1.0, -1.0], [0.0, 2.0]], [[1.0, 3.0]]])
    >>> network
    SparseReLUNetwork(2 -> 2 -> 1, 5 weights)
    >>> network([3.0, 1.0]), network.jvp([3.0, 1.0], [0.0, 1.0])
    (array([8.]), array([5.]))
    """

    def __init__(self, weights):
        """Check and copy the weights."""
        self.weights = _checked(weights)
        # Row-major transposes: a product with a transposed view would be converted every time.
        self._transposes = tuple(weight.T.tocsr() for weight in self.weights)

    def __repr__(self):
        """Return the widths, inputs first, and the number of weights."""
        count = sum(weight.nnz for weight in self.weights)
        return f"SparseReLUNetwork({' -> '.join(map(str, self.widths))}, {count} weights)"

    @property
    def supports(self):
        """The nonzero patterns of the weights: a tuple of L sparse boolean arrays."""
        return tuple(weight.astype(bool) for weight in self.weights)

    def __call__(self, x):
        r"""Return :math:`R_\theta(x)`, shape (n_L,) or (k, n_L)."""
        x = points("x", x, self.n_inputs, self.dtype)
        y = _columns(x)
        for weight in self.weights[:-1]:
            y = np.maximum(weight @ y, 0)
        return _rows([self.weights[-1] @ y], x.shape[:-1])

    def preactivations(self, x):
        r"""Return :math:`(z_1(x), \dots, z_L(x))`, shapes (n_l,) or (k, n_l)."""
        x = points("x", x, self.n_inputs, self.dtype)
        y, levels = _columns(x), []
        for weight in self.weights:
            z = weight @ y
            y = np.maximum(z, 0)
            levels.append(_rows([z], x.shape[:-1]))
        return tuple(levels)

    def jacobian(self, x):
        r"""Return :math:`W_L A_{L-1} \cdots A_1 W_1`, shape (n_L, n_0) or (k, n_L, n_0)."""
        x = points("x", x, self.n_inputs, self.dtype)
        answers = []
        for point in np.atleast_2d(x):
            product = self.weights[0]
            for z, weight in zip(self.preactivations(point), self.weights[1:], strict=False):
                product = weight @ (sp.diags_array((z > 0).astype(self.dtype)) @ product)
            answers.append(product.toarray())
        shape = (*x.shape[:-1], self.n_outputs, self.n_inputs)
        return np.array(answers, dtype=self.dtype).reshape(shape)

    def jvp(self, x, v):
        r"""Return :math:`Df(x)\,v`, shape (n_L,) or (k, n_L); v is like x.

        Where one of x and v is a batch and the other a single vector, the single one is used for
        the whole batch.
        """
        x = points("x", x, self.n_inputs, self.dtype)
        v = points("v", v, self.n_inputs, self.dtype)
        batch = _batch("v", x, v)
        answers = []
        for y, product in _parts(x, v):
            for weight in self.weights[:-1]:
                z, product = weight @ y, weight @ product
                product = _masked(product, z > 0)
                y = np.maximum(z, 0, out=z)
            answers.append(self.weights[-1] @ product)
        return _rows(answers, batch)

    def vjp(self, x, u):
        r"""Return :math:`Df(x)^\top u`, shape (n_0,) or (k, n_0); u is (n_L,) or (k, n_L).

        Where one of x and u is a batch and the other a single vector, the single one is used for
        the whole batch.
        """
        x = points("x", x, self.n_inputs, self.dtype)
        u = points("u", u, self.n_outputs, self.dtype)
        batch = _batch("u", x, u)
        answers = []
        for y, product in _parts(x, u):
            active = []
            for weight in self.weights[:-1]:
                z = weight @ y
                active.append(z > 0)
                y = np.maximum(z, 0, out=z)
            product = self._transposes[-1] @ product
            for weight, on in zip(self._transposes[-2::-1], active[::-1], strict=True):
                product = weight @ _masked(product, on)
            answers.append(product)
        return _rows(answers, batch)


def _batch(name, x, direction):
    """Return the shape of the batch of a point and a direction, each single or a batch."""
    if x.ndim == 2 and direction.ndim == 2:
        same_length(name, x, direction)
    return (x if x.ndim == 2 else direction).shape[:-1]


def _columns(array):
    """Return points as the columns of a row-major matrix: what sparse products are fast on."""
    return np.ascontiguousarray(np.atleast_2d(array).T)


def _parts(x, directions):
    """Yield points and directions as columns, a few at a time: as many as a cache may hold."""
    both = [np.atleast_2d(x), np.atleast_2d(directions)]
    step = max(8, 2**17 // max(1, x.shape[-1]))
    for start in range(0, max(1, *map(len, both)), step):
        yield tuple(
            _columns(some if many.ndim == 1 else some[start : start + step])
            for some, many in zip(both, (x, directions), strict=True)
        )


def _masked(product, on):
    """Multiply by 0 or 1, in place where the columns are as many."""
    return np.multiply(product, on, out=product if product.shape == on.shape else None)


def _rows(parts, batch):
    """Return the columns of an answer, given in parts, as points, as many as the batch has."""
    if batch == ():
        return parts[0][:, 0].copy()
    columns = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    if columns.shape[1:] == batch:
        return columns.T  # a view: its rows are the columns
    # No hidden layer, one direction: every part has one column, and all of them are the same.
    return np.broadcast_to(columns[:, :1], (len(columns), *batch)).T.copy()


def _checked(weights):
    """Return the weights as sparse rows of one floating type, or raise with all the problems."""
    matrices, problems = [], []
    for layer, weight in enumerate(weights):
        name = f"weights[{layer}]"
        matrix = weight if sp.issparse(weight) else np.asarray(weight)
        if matrix.dtype.kind not in "fiub":
            raise TypeError(f"{name}: expected real numbers, got {matrix.dtype}")
        if matrix.ndim != 2:
            raise ValueError(f"{name}: expected a matrix, got {matrix.ndim} dimension(s)")
        matrix = sp.csr_array(matrix, copy=True)  # what follows works in place
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        if not np.isfinite(matrix.data).all():
            problems.append(f"{name}: holds nan or infinity")
        if matrices and matrix.shape[1] != matrices[-1].shape[0]:
            problems.append(
                f"{name}: expected {matrices[-1].shape[0]} columns (the rows of "
                f"weights[{layer - 1}]), got {matrix.shape[1]}"
            )
        matrices.append(matrix)
    if not matrices:
        problems.append("weights: expected at least one layer, got none")
    if problems:
        raise ValueError("; ".join(problems))
    kinds = [matrix.dtype if matrix.dtype.kind == "f" else np.float64 for matrix in matrices]
    return tuple(matrix.astype(np.result_type(*kinds)) for matrix in matrices)
