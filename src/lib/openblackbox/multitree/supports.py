"""Supports of a layered network: its paths, and whether it is a multitree.

A *support* is the zero pattern of a weight matrix. The order of layers is first layer first:
``supports[l]`` has shape ``(n_{l+1}, n_l)`` and an edge runs from neuron ``j`` of layer ``l`` to
neuron ``i`` of layer ``l + 1`` when ``supports[l][i, j]`` is nonzero. Layer 0 holds the inputs.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from openblackbox.multitree.architectures import (
    dyadic_supports,
    kronecker_supports,
    random_multitree,
)

__all__ = [
    "NotMultitreeError",
    "ancestors",
    "as_supports",
    "check_multitree",
    "descendants",
    "dyadic_supports",
    "enumerate_paths",
    "is_multitree",
    "kronecker_supports",
    "path_counts",
    "random_multitree",
]


class NotMultitreeError(ValueError):
    """Two neurons of a network are joined by two different paths.

    Parameters
    ----------
    start, stop : tuple of two int
        The two neurons, as ``(layer, index)``.
    paths : tuple of two tuples of int
        Two different paths from `start` to `stop`: one neuron index for each layer from that of
        `start` to that of `stop`, both included.
    """

    def __init__(self, start, stop, paths):
        """Keep the three fields and compose the message from them."""
        self.start, self.stop, self.paths = start, stop, paths
        first, second = (" -> ".join(map(str, path)) for path in paths)
        super().__init__(
            f"supports: not a multitree, neuron {start[1]} of layer {start[0]} and neuron "
            f"{stop[1]} of layer {stop[0]} are joined by two paths: {first} and {second}"
        )

    def __reduce__(self):
        """Rebuild from the three fields: exceptions cross process borders on a cluster."""
        return type(self), (self.start, self.stop, self.paths)


def as_supports(supports: Sequence) -> tuple[np.ndarray, ...]:
    """Return supports as a tuple of boolean matrices, after checking them.

    Parameters
    ----------
    supports : sequence of 2-D array_like or sparse matrices
        One matrix per layer, first layer first. Numbers count as edges where they are nonzero, so
        a sequence of weight matrices is accepted and stands for its zero pattern.

    Returns
    -------
    tuple of 2-D bool arrays
        Shapes ``(n_1, n_0), ..., (n_L, n_{L-1})``.

    Raises
    ------
    ValueError
        No layer, a matrix that is not 2-D, neighbouring shapes that do not match, or NaN. All the
        problems are listed.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> as_supports([[[2.0, 0.0]]])
    (array([[ True, False]]),)
    """
    matrices, problems = [], []
    for layer, support in enumerate(supports):
        array = support.toarray() if sp.issparse(support) else np.asarray(support)
        if array.ndim != 2:
            problems.append(f"supports[{layer}]: expected a matrix, got {array.ndim} dimension(s)")
        elif array.dtype.kind not in "biufc":
            problems.append(f"supports[{layer}]: expected numbers, got dtype {array.dtype}")
        elif array.dtype.kind in "fc" and np.isnan(array).any():
            problems.append(f"supports[{layer}]: holds NaN")
        matrices.append(array.astype(bool, copy=False) if array.dtype.kind in "biufc" else array)
    if not matrices:
        problems.append("supports: expected at least one layer, got none")
    if not problems:
        for layer in range(1, len(matrices)):
            got, expected = matrices[layer].shape[1], matrices[layer - 1].shape[0]
            if got != expected:
                problems.append(
                    f"supports[{layer}]: expected {expected} columns (the rows of "
                    f"supports[{layer - 1}]), got {got}"
                )
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(matrices)


def _layer(name: str, value, low: int, high: int) -> int:
    """Check a layer number."""
    if not isinstance(value, int | np.integer) or not low <= value <= high:
        raise ValueError(f"{name}: expected a layer from {low} to {high}, got {value!r}")
    return int(value)


def path_counts(supports: Sequence, *, start: int = 0, stop: int | None = None) -> np.ndarray:
    r"""Count the paths between the neurons of two layers.

    .. math:: C = S_j S_{j-1} \cdots S_{i+1} \qquad (i = \text{start},\ j = \text{stop})

    with :math:`S_l` the 0/1 support of layer :math:`l`, in integer arithmetic: the entry
    :math:`C_{vu}` is the number of paths from neuron :math:`u` of layer `start` to neuron
    :math:`v` of layer `stop`.

    Parameters
    ----------
    supports : sequence of 2-D array_like
        One matrix per layer, first layer first.
    start, stop : int, optional
        Layers, from 0 (inputs) to ``len(supports)`` (outputs). By default from inputs to outputs.

    Returns
    -------
    2-D int64 array
        Shape ``(n_stop, n_start)``; the identity when `start` equals `stop`.

    Raises
    ------
    ValueError
        Bad supports or layers.
    OverflowError
        A count is at least 2**53: the products are formed exactly in double precision.

    Notes
    -----
    Only one pair of layers is returned. A table of all pairs would need L(L+1)/2 matrices, and
    `is_multitree` answers their question with one sweep. Cost: sparse products.

    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> path_counts([[[1], [1]], [[1, 1]]])
    array([[2]])
    >>> path_counts(dyadic_supports(3)).max()
    np.int64(1)
    """
    matrices = as_supports(supports)
    stop = len(matrices) if stop is None else stop
    stop = _layer("stop", stop, 0, len(matrices))
    start = _layer("start", start, 0, stop)
    width = matrices[start].shape[1] if start < len(matrices) else matrices[-1].shape[0]
    counts = sp.identity(width, dtype=np.float64, format="csr")
    for matrix in matrices[start:stop]:
        counts = sp.csr_array(matrix.astype(np.float64)) @ counts
        if counts.nnz and counts.data.max() >= 2.0**53:
            raise OverflowError("path_counts: more than 2**53 paths join two neurons")
    return counts.toarray().astype(np.int64)


def ancestors(supports: Sequence, layer: int) -> np.ndarray:
    """Tell which inputs have a path to each neuron of a layer.

    Parameters
    ----------
    supports : sequence of 2-D array_like
        One matrix per layer, first layer first.
    layer : int
        From 0 (identity) to ``len(supports)``.

    Returns
    -------
    2-D bool array
        Shape ``(n_layer, n_0)``: the boolean product of the supports before `layer`.

    Raises
    ------
    ValueError
        Bad supports or layer.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> ancestors(dyadic_supports(2), 1)[0]
    array([ True,  True, False, False])
    """
    return _boolean_product(as_supports(supports), 0, layer)


def descendants(supports: Sequence, layer: int) -> np.ndarray:
    """Tell which outputs each neuron of a layer has a path to.

    Parameters
    ----------
    supports : sequence of 2-D array_like
        One matrix per layer, first layer first.
    layer : int
        From 0 to ``len(supports)`` (identity).

    Returns
    -------
    2-D bool array
        Shape ``(n_L, n_layer)``: the boolean product of the supports after `layer`.

    Raises
    ------
    ValueError
        Bad supports or layer.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> descendants(dyadic_supports(2), 1)[:, 0]
    array([ True, False,  True, False])
    """
    matrices = as_supports(supports)
    return _boolean_product(matrices, layer, len(matrices))


def _boolean_product(matrices: tuple[np.ndarray, ...], start: int, stop: int) -> np.ndarray:
    """Boolean product of the supports between two layers."""
    for name in (start, stop):
        _layer("layer", name, 0, len(matrices))
    width = matrices[start].shape[1] if start < len(matrices) else matrices[-1].shape[0]
    reach = sp.csr_array(sp.identity(width, dtype=bool, format="csr"))
    for matrix in matrices[start:stop]:
        reach = sparse_rows(matrix) @ reach
    return reach.toarray()


def sparse_rows(matrix: np.ndarray) -> sp.csr_array:
    """Sparse form of a boolean matrix, faster than the generic conversion of scipy."""
    matrix = np.ascontiguousarray(matrix)
    indices = np.flatnonzero(matrix) % max(1, matrix.shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(matrix, axis=1))])
    return sp.csr_array((np.ones(indices.size, dtype=bool), indices, indptr), shape=matrix.shape)


def source_masks(edges: Sequence[sp.csr_array]) -> Iterator[sp.csr_array]:
    """Sweep a network forwards: for each layer, which sources have a path to each neuron.

    `edges` are the supports as `sparse_rows`. The sources are the inputs, then the hidden neurons
    without parents (virtual inputs) of the layers passed, each a column. The matrices yielded are
    boolean, for the layers 1 to L. At the first neuron that a source reaches twice,
    `NotMultitreeError` is raised.
    """
    width = edges[0].shape[1]
    sources = [(0, index) for index in range(width)]
    reach = sp.csr_array(sp.identity(width, dtype=bool, format="csr"))
    for layer, matrix in enumerate(edges, start=1):
        # Pigeonhole, before any product: a row with more paths than sources has a double one.
        # It also bounds the work of the product below by n_l times the number of sources.
        totals = matrix @ np.diff(reach.indptr).astype(np.float64)
        crowded = np.flatnonzero(totals > len(sources))
        if crowded.size:
            raise _collision(edges, layer, int(crowded[0]), sources, reach)
        following = matrix if layer == 1 else matrix @ reach
        crowded = np.flatnonzero(np.diff(following.indptr) < totals)  # an entry met two terms
        if crowded.size:
            raise _collision(edges, layer, int(crowded[0]), sources, reach)
        # A hidden neuron without parents starts paths of its own: it becomes a virtual input.
        born = np.flatnonzero(np.diff(matrix.indptr) == 0)
        if born.size and layer < len(edges):
            ones, columns = np.ones(born.size, dtype=bool), np.arange(born.size)
            units = sp.csr_array((ones, (born, columns)), shape=(matrix.shape[0], born.size))
            following = sp.csr_array(sp.hstack([following, units], format="csr"))
            sources += [(layer, int(index)) for index in born]
        reach = following
        yield reach


def _collision(edges, layer, row, sources, reach) -> NotMultitreeError:
    """Trace back two paths from one source to neuron `row` of `layer`; `reach`: layer below."""
    children = np.sort(edges[layer - 1][[row]].indices)
    counts = reach[children].astype(np.int64).sum(axis=0)
    birth, index = sources[int(np.flatnonzero(counts > 1)[0])]
    reached = [np.arange(edges[birth].shape[1]) == index]
    for matrix in edges[birth : layer - 1]:
        reached.append(matrix @ reached[-1])
    paths = []
    for end in children[reached[-1][children]][:2]:
        path = [row, int(end)]
        for below in range(len(reached) - 2, -1, -1):  # unique below: no collision so far
            parents = edges[birth + below][[path[-1]]].indices
            path.append(int(parents[reached[below][parents]][0]))
        paths.append(path[::-1])
    # The two paths share a stem up to a last common neuron, and nothing after it but their end.
    fork = max(k for k in range(layer - birth) if paths[0][k] == paths[1][k])
    first, second = (tuple(path[fork:]) for path in paths)
    return NotMultitreeError((birth + fork, first[0]), (layer, row), (first, second))


def is_multitree(supports: Sequence) -> bool:
    r"""Tell whether at most one path joins every two neurons, hidden neurons included.

    .. math:: (S_j S_{j-1} \cdots S_i)_{vu} \le 1 \quad \text{for all } i \le j,\ u,\ v

    Parameters
    ----------
    supports : sequence of 2-D array_like
        One matrix per layer, first layer first.

    Returns
    -------
    bool
        True for a multitree.

    Raises
    ------
    ValueError
        Bad supports.

    Notes
    -----
    One forward sweep replaces the L(L+1)/2 products of the definition. Two paths from u to v,
    prolonged backwards from u to a neuron without parents, are two paths from that neuron to v.
    So it suffices to count paths from the inputs and from the hidden neurons without parents,
    which get a column of their own (virtual inputs). Testing inputs and outputs alone is wrong:
    the two paths may start at such a neuron, or end at one without children. The sweep stops at
    the first double path, thus its matrices stay 0/1, and a layer of n neurons costs at most n
    times the number of sources.

    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> is_multitree(dyadic_supports(4))
    True
    >>> is_multitree([[[0]], [[1], [1]], [[1, 1]]])  # no input, but two paths from layer 1
    False
    """
    try:
        check_multitree(supports)
    except NotMultitreeError:
        return False
    return True


def check_multitree(supports: Sequence) -> tuple[np.ndarray, ...]:
    """Raise unless the supports are those of a multitree.

    Parameters
    ----------
    supports : sequence of 2-D array_like
        One matrix per layer, first layer first.

    Returns
    -------
    tuple of 2-D bool arrays
        The supports, as `as_supports` returns them.

    Raises
    ------
    NotMultitreeError
        Names two neurons, as ``(layer, index)``, and two paths between them that share nothing
        else.
    ValueError
        Bad supports.

    Notes
    -----
    Same sweep as `is_multitree`; the two paths are then traced back.

    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> check_multitree([[[1], [1]], [[1, 1]]])
    Traceback (most recent call last):
    ...
    openblackbox.multitree.supports.NotMultitreeError: supports: not a multitree, neuron 0 of
    layer 0 and neuron 0 of layer 2 are joined by two paths: 0 -> 0 -> 0 and 0 -> 1 -> 0
    """
    matrices = as_supports(supports)
    for _ in source_masks([sparse_rows(matrix) for matrix in matrices]):
        pass
    return matrices


def enumerate_paths(
    supports: Sequence,
    *,
    start: tuple[int, int] | None = None,
    stop: tuple[int, int] | None = None,
) -> Iterator[tuple[int, ...]]:
    """Enumerate paths one by one: the slow and sure way, for small networks.

    Parameters
    ----------
    supports : sequence of 2-D array_like
        One matrix per layer, first layer first.
    start, stop : tuple of two int, optional
        Neurons, as ``(layer, index)``. By default every input, and every output.

    Yields
    ------
    tuple of int
        One neuron index for each layer, from that of `start` to that of `stop`, in lexicographic
        order.

    Raises
    ------
    ValueError
        Bad supports, or a neuron that is not there.

    Notes
    -----
    Depth first. The number of paths may be exponential in the number of layers.

    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> list(enumerate_paths(dyadic_supports(2), start=(0, 1), stop=(2, 2)))
    [(1, 0, 2)]
    """
    matrices = as_supports(supports)
    widths = [matrices[0].shape[1], *(matrix.shape[0] for matrix in matrices)]
    for name, neuron in (("start", start), ("stop", stop)):
        if neuron is not None:
            layer = _layer(name, neuron[0], 0, len(matrices))
            if not 0 <= neuron[1] < widths[layer]:
                raise ValueError(
                    f"{name}: expected an index from 0 to {widths[layer] - 1} in layer {layer}, "
                    f"got {neuron[1]}"
                )
    first = 0 if start is None else start[0]
    last = len(matrices) if stop is None else stop[0]

    def extend(path):
        layer = first + len(path) - 1
        if layer == last:
            if stop is None or path[-1] == stop[1]:
                yield path
            return
        for index in np.flatnonzero(matrices[layer][:, path[-1]]):
            yield from extend((*path, int(index)))

    def walk():
        if first <= last:
            for index in range(widths[first]) if start is None else (start[1],):
                yield from extend((int(index),))

    return walk()
