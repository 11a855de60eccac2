r"""The cycles of an assignment, merged into one along a spanning tree.

The assignment :math:`\sigma` of two clouds is a permutation of 0, ..., m - 1 and falls apart into
cycles. What follows turns it into a single cycle of length m whose cost is little higher: the
sums :math:`z_i = u_i + v_{\sigma(i)}` are points of :math:`\mathbb{R}^p`, and cycles are joined
where two of these points are near.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from openblackbox.arguments import integer
from openblackbox.meanfield.assignment import two_clouds
from openblackbox.meanfield.trees import spanning_tree, tree_tour

__all__ = [
    "GapBounds",
    "cycle_labels",
    "gap_bounds",
    "merge_cycles",
]


@dataclass(frozen=True)
class GapBounds:
    r"""Upper bounds of the difference between the cyclic cost and the assignment cost.

    Parameters
    ----------
    first : float
        :math:`\frac2m \operatorname{diam}(v)\,\mathrm{MST}(u)`.
    second : float
        :math:`\frac2m \operatorname{diam}(u)\,\mathrm{MST}(v)`.
    sums : float
        :math:`\frac{3}{2m} \sum_e |e|^2` over the edges e of a minimum spanning tree of the sums
        :math:`u_i + v_{\sigma(i)}`.

    Notes
    -----
    Defined in the chapter Synchronization of two rows.
    """

    first: float
    second: float
    sums: float


def cycle_labels(permutation):
    """Number the cycles of a permutation.

    Parameters
    ----------
    permutation : array_like of int, shape (m,)
        Each of 0, ..., m - 1 once.

    Returns
    -------
    numpy.ndarray of int, shape (m,)
        Two entries are equal where the same cycle holds both positions; numbered from 0.

    Raises
    ------
    ValueError
        If ``permutation`` is not a permutation of 0, ..., m - 1.

    Notes
    -----
    Cost: linear in m. Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.merging import cycle_labels
    >>> cycle_labels([1, 0, 2]).tolist()
    [0, 0, 1]
    """
    permutation = permutation_array(permutation)
    m = len(permutation)
    graph = csr_array((np.ones(m), (np.arange(m), permutation)), shape=(m, m))
    return connected_components(graph, directed=False)[1]


def merge_cycles(u, v, permutation, *, merges=None):
    r"""Merge cycles of an assignment of two clouds, at little cost.

    Parameters
    ----------
    u, v : array_like, shape (m, p)
        The clouds.
    permutation : array_like of int, shape (m,)
        :math:`\sigma`, with k cycles.
    merges : int, optional
        How many times two cycles become one; by default k - 1, so that one cycle is left.

    Returns
    -------
    numpy.ndarray of int, shape (m,)
        A permutation with k - merges cycles. The mean cost exceeds that of :math:`\sigma` by at
        most :math:`\frac{3}{2m} \sum_e |e|^2` over the edges used.

    Raises
    ------
    ValueError
        Clouds that do not fit, no permutation, or more merges than cycles allow.

    Notes
    -----
    Edges of a minimum spanning tree of the sums :math:`z_i = u_i + v_{\sigma(i)}` are taken, short
    ones first, when they join two cycles. They form trees; on each, :math:`\sigma` is composed
    with the closed tour of `tree_tour`, in the direction that costs less. Cost: that of
    `spanning_tree`.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.merging import merge_cycles
    >>> points = [[0.0], [1.0], [3.0]]
    >>> merge_cycles(points, points, [0, 1, 2]).tolist()
    [2, 0, 1]
    """
    u, v = two_clouds(u, v)
    permutation = permutation_array(permutation, size=len(u))
    labels = cycle_labels(permutation)
    count = int(labels.max()) + 1
    merges = count - 1 if merges is None else integer("merges", merges, least=0, most=count - 1)
    v = v[permutation]
    chosen = _joining_edges(spanning_tree(u + v)[0], labels)[:merges]
    merged = permutation.copy()
    for edges in _components(chosen):
        tour = tree_tour(edges, root=int(edges[0, 0]))
        ahead, behind = np.roll(tour, -1), np.roll(tour, 1)
        if ((u[tour] * (v[ahead] - v[behind])).sum()) < 0:
            ahead = behind
        merged[tour] = permutation[ahead]
    return merged


def gap_bounds(u, v, permutation):
    r"""Bound the difference between the cyclic cost and the cost of an assignment.

    Parameters
    ----------
    u, v : array_like, shape (m, p)
        The clouds.
    permutation : array_like of int, shape (m,)
        :math:`\sigma`, a cheapest assignment. The first two bounds do not depend on it.

    Returns
    -------
    GapBounds
        Three upper bounds of the difference.

    Raises
    ------
    ValueError
        Clouds that do not fit, or no permutation.

    Notes
    -----
    Cost: three spanning trees. Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.merging import gap_bounds
    >>> points = [[0.0], [1.0], [3.0]]
    >>> bounds = gap_bounds(points, points, [0, 1, 2])
    >>> bounds.first, bounds.second, bounds.sums
    (6.0, 6.0, 10.0)
    """
    u, v = two_clouds(u, v)
    m = len(u)
    permutation = permutation_array(permutation, size=m)
    diameters = [float(cdist(x, x).max()) for x in (u, v)]
    trees = [float(spanning_tree(x)[1].sum()) for x in (u, v)]
    squares = float((spanning_tree(u + v[permutation])[1] ** 2).sum())
    return GapBounds(
        2 / m * diameters[1] * trees[0], 2 / m * diameters[0] * trees[1], 1.5 / m * squares
    )


def permutation_array(permutation, *, size=None):
    """Return a permutation of 0, ..., m - 1, of `size` entries if given, or raise ValueError."""
    array = np.asarray(permutation)
    whole = array.ndim == 1 and array.size and array.dtype.kind in "iu"
    if not whole or not np.array_equal(np.sort(array), np.arange(len(array))):
        raise ValueError(f"permutation: expected 0, ..., m - 1 in some order, got {permutation!r}")
    if size is not None and len(array) != size:
        raise ValueError(f"permutation: expected {size} entries, got {len(array)}")
    return array.astype(np.intp)


def _joining_edges(edges, labels):
    """Keep, in their order, the edges that join two cycles not joined yet (Kruskal)."""
    above = list(range(int(labels.max()) + 1))

    def top(label):
        while above[label] != label:
            above[label] = label = above[above[label]]
        return label

    kept = []
    for a, b in edges.tolist():
        first, second = top(labels[a]), top(labels[b])
        if first != second:
            above[first] = second
            kept.append((a, b))
    return np.array(kept, dtype=np.intp).reshape(-1, 2)


def _components(edges):
    """Split the edges of a forest into trees."""
    if not len(edges):
        return []
    size = int(edges.max()) + 1
    graph = csr_array((np.ones(len(edges)), tuple(edges.T)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][edges[:, 0]]
    return [edges[labels == label] for label in np.unique(labels)]
