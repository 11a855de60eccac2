r"""Who reaches whom in a multitree, without a matrix of all inputs by all outputs.

In the dyadic butterfly, N neurons of level l have only :math:`N / 2^l` different sets of inputs. So
the sets are stored once for each *class* of neurons that share one: N numbers a level instead of
N times N. The same holds for the outputs.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from openblackbox.multitree.layers import checked_layers
from openblackbox.multitree.supports import check_multitree

__all__ = ["Classes", "Graph", "sparse_supports"]


@dataclass(frozen=True)
class Classes:
    """The neurons of one level, grouped by the set of sources that reach them.

    Parameters
    ----------
    of : numpy.ndarray of int, shape (n,)
        The class of every neuron; -1 for a neuron that no source reaches.
    sets : scipy.sparse.csr_array, shape (number of classes, number of sources)
        The sets, one a row; the entries are 1.

    Notes
    -----
    Defined in the chapter Deep recovery.
    """

    of: np.ndarray
    sets: sp.csr_array

    def __len__(self):
        """Return the number of classes."""
        return self.sets.shape[0]

    def members(self, index):
        """Return the sources of one class."""
        return self.sets.indices[self.sets.indptr[index] : self.sets.indptr[index + 1]]


class Graph:
    r"""The edges of a multitree, numbered, with the classes of its neurons.

    Parameters
    ----------
    supports : sequence of L matrices
        First layer first, sparse or dense; nonzero where an edge may be.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths; a ValueError.
    ValueError
        Bad supports.

    Notes
    -----
    ``rows[l]`` and ``columns[l]`` are the ends of the edges of layer l + 1, sorted by rows;
    ``first[l]`` is the number of its first edge when the edges of all layers are numbered in a row.

    *The test.* A graph is a multitree exactly when the parents of every neuron are reached by
    disjoint sets of sources, where neurons without parents are sources too. One neuron a class is
    tested; sets are told apart by sums of random 64-bit numbers, so two different ones are
    confounded with a probability below :math:`n^2 / 2^{64}`. Cost: the size of the stored
    sets, N a level for a dyadic butterfly.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> graph = Graph(dyadic_supports(3))
    >>> [len(level) for level in graph.inputs], [len(level) for level in graph.outputs]
    ([8, 4, 2, 1], [1, 2, 4, 8])
    >>> level = graph.inputs[1]
    >>> level.members(level.of[0]).tolist()  # the inputs of neuron 0 of level 1
    [0, 1]
    """

    def __init__(self, supports):
        """Number the edges and test the graph."""
        self.supports = sparse_supports(supports)
        self.widths = (self.supports[0].shape[1], *(s.shape[0] for s in self.supports))
        self.n_layers = len(self.supports)
        self.columns = [s.indices.astype(np.int64) for s in self.supports]
        self.rows = [
            np.repeat(np.arange(s.shape[0]), np.diff(s.indptr)).astype(np.int64)
            for s in self.supports
        ]
        self.first = np.concatenate([[0], np.cumsum([s.nnz for s in self.supports])])
        _ = self.inputs  # raises unless a multitree

    @property
    def n_edges(self):
        """The number of edges."""
        return int(self.first[-1])

    def layer(self, number):
        """Return the slice of the edges of a layer, numbered from 0."""
        return slice(int(self.first[number]), int(self.first[number + 1]))

    @cached_property
    def inputs(self):
        """For every level 0 to L, the classes of its neurons by the inputs that reach them."""
        return _classes(self.supports, self.supports)

    @cached_property
    def outputs(self):
        """For every level 0 to L, the classes of its neurons by the outputs that they reach."""
        reverse = [s.T.tocsr() for s in self.supports[::-1]]
        return _classes(reverse, self.supports)[::-1]

    @cached_property
    def cut(self):
        """The level where a sketch is cheapest: few classes of inputs above, of outputs below."""
        costs = [
            (len(self.inputs[level]) if level < self.n_layers else 0)
            + (len(self.outputs[level]) if level > 0 else 0)
            for level in range(self.n_layers + 1)
        ]
        return int(np.argmin(costs))

    def numbered(self, number):
        """Return the support of a layer with, at every edge, its number in the layer plus one."""
        return self.matrix(number, np.arange(1, self.supports[number].nnz + 1, dtype=np.int64))

    def matrix(self, number, values):
        """Return the sparse matrix with a value at every edge of a layer."""
        support = self.supports[number]
        return sp.csr_array((values, support.indices, support.indptr), shape=support.shape)


def sparse_supports(supports):
    """Return supports as a tuple of sparse boolean rows with sorted indices, or raise ValueError.

    Parameters
    ----------
    supports : sequence of 2-D array_like or sparse matrices
        One matrix per layer, first layer first; nonzero where there is an edge.

    Returns
    -------
    tuple of scipy.sparse.csr_array
        Shapes ``(n_1, n_0), ..., (n_L, n_{L-1})``.

    Raises
    ------
    ValueError
        No layer, a matrix that is not 2-D, neighbouring shapes that do not match, or NaN.

    Notes
    -----
    What `openblackbox.multitree.supports.as_supports` is for dense supports.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> sparse_supports([[[2.0, 0.0]]])[0].toarray()
    array([[ True, False]])
    """
    return checked_layers(supports, _boolean_rows)


def _boolean_rows(matrix):
    """Return a support as sparse rows, and whether it holds NaN."""
    matrix = sp.csr_array(matrix, copy=True)
    matrix.sum_duplicates()
    holds_nan = matrix.dtype.kind in "fc" and bool(np.isnan(matrix.data).any())
    matrix = matrix.astype(bool)
    matrix.eliminate_zeros()
    return matrix, holds_nan


def _classes(layers, supports):
    """Sweep the layers from the sources: the classes of every level, the sources' own included."""
    # The numbers are random for the graph's sake, not for the reader's: a fixed seed will do.
    rng = np.random.default_rng(0)
    width = layers[0].shape[1]
    keys = rng.integers(1, 2**63, width, dtype=np.uint64)
    sets = sp.csr_array(sp.identity(width, dtype=np.int64, format="csr"))
    of = np.arange(width)
    levels = [Classes(of, sets)]
    for layer in layers:
        keys = layer.astype(np.uint64) @ keys
        # A neuron without parents is a source too, of paths that carry no signal.
        born = np.flatnonzero(np.diff(layer.indptr) == 0)
        keys[born] = rng.integers(1, 2**63, born.size, dtype=np.uint64)
        _, first, following = np.unique(keys, return_index=True, return_inverse=True)
        # One row a class: the classes of the parents of one of its neurons.
        picked = sp.csr_array(layer[first])
        parents = sp.csr_array(
            (np.ones(picked.nnz, dtype=np.int64), of[picked.indices], picked.indptr),
            shape=(first.size, sets.shape[0]),
        )
        new = sp.csr_array(
            (np.ones(born.size, dtype=np.int64), (following.ravel()[born], np.arange(born.size))),
            shape=(first.size, born.size),
        )
        sets = sp.csr_array(sp.hstack([parents @ sets, new], format="csr"))
        of = following.ravel()
        if sets.nnz and sets.data.max() > 1:
            check_multitree(supports)
        levels.append(_of_true_sources(of, sets, width))
    return levels


def _of_true_sources(of, sets, width):
    """Drop the sources that carry no signal, and the classes that have no other."""
    sets = sp.csr_array(sets[:, :width])
    empty = np.diff(sets.indptr) == 0
    numbers = np.where(empty, -1, np.cumsum(~empty) - 1)
    sets = sp.csr_array(sets[np.flatnonzero(~empty)])
    sets.sort_indices()
    return Classes(numbers[of], sets)
