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
from openblackbox.multitree.layers import as_supports, sparse_rows
from openblackbox.multitree.paths import ancestors, descendants, enumerate_paths, path_counts

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
