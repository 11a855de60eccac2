"""Minimum spanning trees of points, and tours of trees in short steps."""

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from openblackbox.arguments import integer, real_array

__all__ = ["spanning_tree", "tree_tour"]


def spanning_tree(points):
    """Find a minimum spanning tree of points in Euclidean space.

    Parameters
    ----------
    points : array_like, shape (m, p)
        The points, one a row.

    Returns
    -------
    edges : numpy.ndarray of int, shape (m - 1, 2)
        Pairs of points, the shortest edge first.
    lengths : numpy.ndarray, shape (m - 1,)
        Their lengths.

    Raises
    ------
    ValueError
        If ``points`` is not a matrix of finite numbers with at least one row and one column.

    Notes
    -----
    `scipy.sparse.csgraph.minimum_spanning_tree` of the complete graph. It takes an edge of length
    0 for a missing one, so the largest length is added to all, which changes all trees alike.
    Among the spanning trees it minimizes the sum of every increasing function of the lengths.
    Cost: of order m m log m.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.trees import spanning_tree
    >>> edges, lengths = spanning_tree([[0.0], [5.0], [1.0], [1.0]])
    >>> lengths.tolist()
    [0.0, 1.0, 4.0]
    """
    points = real_array("points", points, ndim=2)
    distances = cdist(points, points)
    weights = distances + (float(distances.max()) or len(points))
    tree = minimum_spanning_tree(np.triu(weights, 1)).tocoo()
    edges = np.column_stack([tree.row, tree.col]).astype(np.intp)
    lengths = distances[tree.row, tree.col]
    order = np.argsort(lengths, kind="stable")
    return edges[order], lengths[order]


def tree_tour(edges, *, root=0):
    r"""Order the vertices of a tree so that neighbours in the closed tour are near in the tree.

    Parameters
    ----------
    edges : array_like of int, shape (n - 1, 2)
        The edges of a tree; its vertices are the numbers that occur, or `root` alone.
    root : int
        The vertex to start from.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        Each vertex once. From each to the next, and from the last to the first, it is at most
        three edges of the tree, and together these n walks use each edge exactly twice.

    Raises
    ------
    ValueError
        If ``edges`` are not pairs of integers, or not those of a tree that holds ``root``.

    Notes
    -----
    A walk around the tree; a vertex at an even distance from the root is written down when the
    walk enters it, one at an odd distance when the walk leaves it for good. Cost: linear in n.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> from openblackbox.meanfield.trees import tree_tour
    >>> tree_tour([[0, 1], [1, 2], [2, 3], [3, 4]]).tolist()
    [0, 2, 4, 3, 1]
    """
    neighbours = {integer("root", root, least=0): []}
    edges = real_array("edges", edges, ndim=2)
    if edges.shape[1] != 2 or np.any(edges % 1):
        raise ValueError(f"edges: expected n - 1 pairs of integers, got an array {edges.shape}")
    for a, b in edges.astype(np.intp).tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    tour, met, stack = [], {root}, [(root, 0, True)]
    while stack:
        vertex, depth, enters = stack.pop()
        if enters == (depth % 2 == 0):
            tour.append(vertex)
        if enters:
            stack.append((vertex, depth, False))
            ahead = [other for other in neighbours[vertex] if other not in met]
            met.update(ahead)
            stack.extend((other, depth + 1, True) for other in reversed(ahead))
    if not len(tour) == len(neighbours) == len(edges) + 1:
        raise ValueError(f"edges: expected those of a tree that holds {root}, got another graph")
    return np.array(tour, dtype=np.intp)
