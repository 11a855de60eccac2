"""From the largest biclique of a graph to rank-one completion: why completion is hard."""

from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

__all__ = ["Biclique", "biclique_completion", "biclique_vectors", "largest_biclique"]

LARGEST = 16


@dataclass(frozen=True)
class Biclique:
    """A set of rows and a set of columns of a 0/1 matrix with ones only where they cross.

    Parameters
    ----------
    rows, columns : tuple of int
        The two sets.
    size : int
        Number of crossings: the edges of the biclique.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    size: int


def biclique_completion(
    edges: np.ndarray, *, height: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""Rank-one completion whose infimum tells the size of the largest biclique of a graph.

    Parameters
    ----------
    edges : array_like of bool, shape (s, t)
        Bipartite graph: row i and column j are joined. At least one edge.
    height : int, optional
        The number d written in each gadget, by default :math:`32 e^4 + e` for e edges.

    Returns
    -------
    tuple of two arrays, shape (s + z, t + z)
        The matrix and which of its entries are observed; z is the number of pairs that are not
        joined.

    Raises
    ------
    ValueError
        Not a matrix, or a graph without edges.

    Notes
    -----
    The block of the graph is observed, with 1 for an edge and 0 else. Pair k that is not joined,
    (i, j), has a row and a column of its own, in which three entries are observed: 0 at (i, t + k)
    and at (s + k, j), d at (s + k, t + k). They force :math:`u_i v_j` to be small. With e edges
    and :math:`\beta` edges in the largest biclique, the default height gives

    .. math:: e - \beta - 1/2 \le \inf \text{masked loss} \le e - \beta

    Defined in the chapter Hardness of fixed supports.

    References
    ----------
    * N. Gillis and F. Glineur, Low-rank matrix approximation with weights or missing data is
      NP-hard, SIAM Journal on Matrix Analysis and Applications, 2011.

    Examples
    --------
    >>> matrix, observed = biclique_completion([[1, 1], [1, 0]], height=9)
    >>> matrix
    array([[1., 1., 0.],
           [1., 0., 0.],
           [0., 0., 9.]])
    >>> observed.astype(int).tolist()
    [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    """
    edges = _graph(edges)
    count = int(edges.sum())
    height = 32 * count**4 + count if height is None else height
    (s, t), (i, j) = edges.shape, np.nonzero(~edges)
    k = np.arange(len(i))
    matrix = np.zeros((s + len(k), t + len(k)))
    observed = np.zeros(matrix.shape, dtype=bool)
    matrix[:s, :t], observed[:s, :t] = edges, True
    matrix[s + k, t + k] = height
    observed[i, t + k] = observed[s + k, j] = observed[s + k, t + k] = True
    return matrix, observed


def biclique_vectors(
    edges: np.ndarray, biclique: Biclique, *, height: float, small: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Vectors whose masked loss is near the number of edges outside a biclique.

    Parameters
    ----------
    edges : array_like of bool, shape (s, t)
        Bipartite graph.
    biclique : Biclique
        One of its bicliques.
    height : float
        The number d of `biclique_completion`.
    small : float
        :math:`\eta > 0`: the loss exceeds the number of edges outside the biclique by at most
        :math:`z \eta^2`, and the entries are as large as :math:`d / \eta`.

    Returns
    -------
    tuple of two arrays, shapes (s + z,) and (t + z,)
        The vectors u and v.

    Raises
    ------
    ValueError
        Not a matrix, no edge, or rows and columns that are no biclique.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.

    Examples
    --------
    >>> from openblackbox.multitree.completion import masked_loss
    >>> edges = [[1, 1], [1, 0]]
    >>> u, v = biclique_vectors(edges, largest_biclique(edges), height=9, small=0.5)
    >>> u, v
    (array([1. , 0. , 0.5]), array([ 1.,  1., 18.]))
    >>> masked_loss(*biclique_completion(edges, height=9), u, v)
    1.25
    """
    edges = _graph(edges)
    rows, columns = (
        np.isin(np.arange(size), chosen)
        for size, chosen in zip(edges.shape, (biclique.rows, biclique.columns), strict=True)
    )
    if (np.outer(rows, columns) & ~edges).any():
        raise ValueError("biclique: a row and a column of it are not joined")
    off = ~rows[np.nonzero(~edges)[0]]  # the row is not in the biclique; else the column is not
    left = np.where(off, small, height / small)
    return np.concatenate([rows, left]), np.concatenate([columns, height / left])


def largest_biclique(edges: np.ndarray) -> Biclique:
    """Largest biclique of a small bipartite graph, by trying every set of rows.

    Parameters
    ----------
    edges : array_like of bool, shape (s, t)
        Bipartite graph with at most 16 rows.

    Returns
    -------
    Biclique
        One with the largest number of edges.

    Raises
    ------
    ValueError
        Not a matrix, no edge, or more than 16 rows.

    Notes
    -----
    *Cost*: 2**s sets. To find the number of edges of the largest biclique is NP-hard.

    Defined in the chapter Hardness of fixed supports.

    References
    ----------
    * R. Peeters, The maximum edge biclique problem is NP-complete, Discrete Applied Mathematics,
      2003.

    Examples
    --------
    >>> largest_biclique([[1, 1, 0], [1, 1, 1], [0, 0, 1]])
    Biclique(rows=(0, 1), columns=(0, 1), size=4)
    """
    edges = _graph(edges)
    if edges.shape[0] > LARGEST:
        raise ValueError(f"edges: expected at most {LARGEST} rows, got {edges.shape[0]}")
    sets = chain.from_iterable(
        combinations(range(edges.shape[0]), size) for size in range(1, edges.shape[0] + 1)
    )
    found = ((rows, np.flatnonzero(edges[list(rows)].all(axis=0))) for rows in sets)
    rows, columns = max(found, key=lambda pair: len(pair[0]) * len(pair[1]))
    return Biclique(rows, tuple(columns.tolist()), len(rows) * len(columns))


def _graph(edges) -> np.ndarray:
    edges = np.asarray(edges, dtype=bool)
    if edges.ndim != 2 or not edges.any():
        raise ValueError("edges: expected a matrix with at least one edge")
    return edges
