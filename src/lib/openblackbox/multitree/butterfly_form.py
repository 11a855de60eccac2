"""The compact form of a dyadic butterfly: one array of 2 x 2 blocks for each layer.

Re-exported by `openblackbox.multitree.butterfly`. The order of layers is first layer first.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from openblackbox.arguments import integer
from openblackbox.networks import ReLUNetwork

__all__ = ["Butterfly", "butterfly_supports"]


def butterfly_supports(n_layers: int) -> list[sp.csr_array]:
    r"""Supports of the square dyadic butterfly of width :math:`N = 2^L`, as sparse matrices.

    .. math:: S_l = I_{2^{L-l}} \otimes 1_{2 \times 2} \otimes I_{2^{l-1}}, \quad l = 1, \dots, L

    Parameters
    ----------
    n_layers : int
        Number of layers :math:`L \ge 1`.

    Returns
    -------
    list of scipy.sparse.csr_array of bool
        First layer first, each of shape (N, N) with 2 N entries, the columns of a row in order.

    Raises
    ------
    ValueError
        `n_layers` is not a positive integer.

    Notes
    -----
    The matrices of `openblackbox.multitree.supports.dyadic_supports`, never formed densely: row o
    of layer l has the columns o with binary digit l - 1 set to 0 and to 1. Cost: O(N) a layer.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> butterfly_supports(2)[1].toarray().astype(int)
    array([[1, 0, 1, 0],
           [0, 1, 0, 1],
           [1, 0, 1, 0],
           [0, 1, 0, 1]])
    """
    size = 2 ** integer("n_layers", n_layers)
    ones = np.ones(2 * size, dtype=bool)
    return [_rows(ones, level, size) for level in range(int(n_layers))]


class Butterfly:
    r"""A product of L factors with dyadic butterfly supports, in 2 N L numbers.

    .. math:: B = W_L W_{L-1} \cdots W_1, \qquad \operatorname{supp} W_l \subseteq
              I_{2^{L-l}} \otimes 1_{2 \times 2} \otimes I_{2^{l-1}}

    Parameters
    ----------
    blocks : array_like, shape (L, 2, 2, N / 2) with N = 2**L
        ``blocks[l - 1, i, j, p]`` is the entry (i, j) of block p of :math:`W_l`. With
        :math:`p = d\, 2^{L-l} + a` and :math:`0 \le d < 2^{l-1}`, the block has the rows and
        columns :math:`a\, 2^l + i\, 2^{l-1} + d`, for i = 0, 1. Integers become float64.

    Raises
    ------
    ValueError
        Another shape, NaN or infinity.
    TypeError
        Not numbers.

    Notes
    -----
    *Apply*. In layer l the binary digit l - 1 of the index changes. Keep this digit last, so
    that the two entries that meet are neighbours, and put it first afterwards: each layer is then
    four products of vectors of length N / 2, and after L layers the digits are back in order. This
    is the constant-geometry form of the fast Fourier transform. Cost: 2 N products and N sums a
    layer, 3 N L operations in all, instead of 2 N**2.

    Defined in the chapter Butterflies.

    References
    ----------
    * M. C. Pease, An adaptation of the fast Fourier transform for parallel processing, Journal of
      the ACM 15, 1968.

    Examples
    --------
    >>> butterfly = Butterfly(np.tile([[[1.0], [1.0]], [[1.0], [-1.0]]], (2, 1, 1, 2)))
    >>> butterfly
    Butterfly(4 x 4, 2 layers)
    >>> butterfly.apply([1.0, 2.0, 3.0, 4.0])
    array([10., -2., -4.,  0.])
    """

    def __init__(self, blocks):
        """Check the blocks and keep them."""
        blocks = np.asarray(blocks)
        if blocks.dtype.kind not in "biufc":
            raise TypeError(f"blocks: expected numbers, got dtype {blocks.dtype}")
        layers = len(blocks) if blocks.ndim else 0
        if layers < 1 or blocks.shape != (layers, 2, 2, 2**layers // 2):
            raise ValueError(
                f"blocks: expected shape (L, 2, 2, 2**L / 2) with L >= 1, got {blocks.shape}"
            )
        if blocks.dtype.kind in "biu":
            blocks = blocks.astype(np.float64)
        if not np.isfinite(blocks).all():
            raise ValueError("blocks: holds NaN or infinity")
        self.blocks = blocks

    @classmethod
    def from_factors(cls, factors: Sequence) -> "Butterfly":
        """Make the compact form of factors with dyadic butterfly supports.

        Parameters
        ----------
        factors : sequence of L matrices, dense or sparse, shapes (2**L, 2**L)
            First layer first.

        Returns
        -------
        Butterfly
            The same product.

        Raises
        ------
        ValueError
            A wrong shape, or a nonzero entry outside the support.

        Examples
        --------
        >>> Butterfly.from_factors([[[1, 2], [3, 4]]]).blocks[0, :, :, 0]
        array([[1., 2.],
               [3., 4.]])
        """
        factors = [sp.csr_array(factor) for factor in factors]
        n_layers, blocks = len(factors), []
        size = 2**n_layers
        for level, factor in enumerate(factors):
            if factor.shape != (size, size):
                raise ValueError(
                    f"factors[{level}]: expected shape {(size, size)} for {n_layers} factors, "
                    f"got {factor.shape}"
                )
            rows, columns = _places(level, size)
            values = factor[rows.ravel(), columns.ravel()]
            outside = factor.count_nonzero() - np.count_nonzero(values)
            if outside:
                raise ValueError(f"factors[{level}]: {outside} nonzero entries outside the support")
            blocks.append(np.reshape(values, rows.shape))
        return cls(np.array(blocks).reshape(-1, 2, 2, max(1, size // 2)))

    def __repr__(self):
        """Return the size and the number of layers."""
        return f"Butterfly({self.size} x {self.size}, {self.n_layers} layers)"

    @property
    def n_layers(self) -> int:
        """The number of factors, L."""
        return len(self.blocks)

    @property
    def size(self) -> int:
        """The number of rows and of columns, N."""
        return 2**self.n_layers

    @property
    def dtype(self) -> np.dtype:
        """The type of the blocks."""
        return self.blocks.dtype

    def apply(self, x) -> np.ndarray:
        """Return B x, shape (N,), or B times each of k vectors, shape (k, N)."""
        y = self._vectors(x)
        for (b00, b01), (b10, b11) in self.blocks:
            even, odd = y[..., 0::2], y[..., 1::2]
            y = np.concatenate([b00 * even + b01 * odd, b10 * even + b11 * odd], axis=-1)
        return y

    def adjoint(self, x) -> np.ndarray:
        r"""Return :math:`B^* x`, shape (N,), or :math:`B^*` times each of k vectors, (k, N)."""
        y, half = self._vectors(x), self.size // 2
        for (b00, b01), (b10, b11) in self.blocks[::-1].conj():
            low, high = y[..., :half], y[..., half:]
            y = np.stack([b00 * low + b10 * high, b01 * low + b11 * high], axis=-1)
            y = y.reshape(*y.shape[:-2], self.size)
        return y

    def toarray(self) -> np.ndarray:
        """Return B as a matrix, shape (N, N), in O(N**2): each entry is one product of weights."""
        return dense(self.blocks)[..., 0]

    def factors(self) -> list[np.ndarray]:
        r"""Return :math:`W_1, \dots, W_L` as L dense arrays of shape (N, N)."""
        return [factor.toarray() for factor in self.sparse_factors()]

    def sparse_factors(self) -> list[sp.csr_array]:
        r"""Return :math:`W_1, \dots, W_L` as L sparse arrays of 2 N entries, zeros included."""
        factors = []
        for level, blocks in enumerate(self.blocks):
            rows, columns = _places(level, self.size)
            data = np.empty((self.size, 2), self.dtype)
            data[rows, (columns >> level) & 1] = blocks
            factors.append(_rows(data.ravel(), level, self.size))
        return factors

    def to_network(self) -> ReLUNetwork:
        """Return the network without biases that has these factors as weights (real only)."""
        return ReLUNetwork(self.factors())

    def to_sparse_network(self):
        """Return the same network with sparse weights, an `openblackbox.sparse_network` one."""
        from openblackbox.sparse_network import SparseReLUNetwork

        return SparseReLUNetwork(self.sparse_factors())

    def _vectors(self, x):
        """Check one vector or a batch of them."""
        x = np.asarray(x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.size:
            raise ValueError(f"x: expected shape ({self.size},) or (k, {self.size}), got {x.shape}")
        return x


def dense(blocks: np.ndarray) -> np.ndarray:
    """Multiply out n consecutive layers: shape (2**n, 2**n, K), a stack of K = N / 2**n matrices.

    The layers up to m and those after it are multiplied out first. Entry (o', d), (a, i') of the
    product is entry (o', a) of a matrix of the second stack times entry (d, i') of one of the
    first. The index of the stack consists of the digits of outputs below, then of inputs above.
    """
    n = len(blocks)
    if n == 1:
        return blocks[0]
    m = n // 2
    q, p, stack = 2**m, 2 ** (n - m), 2 * blocks.shape[-1] >> n
    left = dense(blocks[m:]).reshape(p, p, q, stack).transpose(0, 2, 1, 3)
    right = dense(blocks[:m]).reshape(q, q, stack, p).transpose(0, 3, 1, 2)
    product = np.empty((p, q, p, q, stack), blocks.dtype)
    np.multiply(left[:, :, :, None], np.ascontiguousarray(right), out=product)
    return product.reshape(2**n, 2**n, stack)


def _places(level: int, size: int):
    """Rows and columns of the entries (i, j) of all blocks of a layer: two arrays (2, 2, N / 2)."""
    low, high = 2**level, size >> (level + 1)
    first = (np.arange(high) * 2 * low + np.arange(low)[:, None]).ravel()  # a 2**l + d, d slow
    ends = first + low * np.arange(2)[:, None]
    shape = (2, 2, size // 2)
    return np.broadcast_to(ends[:, None], shape), np.broadcast_to(ends[None], shape)


def _rows(data: np.ndarray, level: int, size: int) -> sp.csr_array:
    """Sparse matrix with the support of a layer and the entries given row by row."""
    index, bit = np.arange(size), 2**level
    columns = np.stack([index & ~bit, index | bit], axis=1).ravel()
    return sp.csr_array((data, columns, 2 * np.arange(size + 1)), shape=(size, size))
