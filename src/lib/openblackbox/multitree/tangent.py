"""First-order identifiability: what a product of sparse factors feels of a small change of them.

Any supports are accepted, multitree or not. The order of layers is first layer first. *Factors* are
a sequence of weight matrices; their supports are those given, or else where they are nonzero.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from openblackbox.multitree.rankone import numeric
from openblackbox.multitree.supports import ancestors, as_supports, check_multitree, descendants

__all__ = [
    "cross_ratios",
    "is_locally_unique",
    "product_dimension",
    "scaling_dimension",
    "tangent_map",
    "tangent_rank",
]


def tangent_map(factors: Sequence, supports: Sequence | None = None) -> np.ndarray:
    r"""Matrix of the derivative of the product with respect to the weights.

    .. math:: (\dot W_1, \dots, \dot W_L) \mapsto \sum_{l=1}^{L} W_L \cdots \dot W_l \cdots W_1

    Parameters
    ----------
    factors : sequence of 2-D array_like
        Weights :math:`W_1, \dots, W_L`, first layer first.
    supports : sequence of 2-D array_like, optional
        Where the weights may change; by default where they are nonzero.

    Returns
    -------
    2-D array
        One row for each entry of the product, row by row; one column for each edge, layer by
        layer, within a layer row by row.

    Raises
    ------
    ValueError
        Bad factors or supports, or a nonzero weight outside the supports.

    Notes
    -----
    The column of the edge from p to h is the outer product of column h of what follows the layer
    and row p of what precedes it. Memory: number of entries times number of edges.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> tangent_map([[[2.0]], [[3.0]]])  # the product w2 w1 = 6
    array([[3., 2.]])
    """
    weights, edges = _read(factors, supports)
    before = [np.eye(weights[0].shape[1])]
    for weight in weights[:-1]:
        before.append(weight @ before[-1])
    columns, after = [], np.eye(weights[-1].shape[0])
    for layer in range(len(weights) - 1, -1, -1):
        heads, tails = np.nonzero(edges[layer])
        outer = after.T[heads, :, None] * before[layer][tails, None, :]
        columns.append(outer.reshape(len(heads), len(after) * before[0].shape[0]).T)
        after = after @ weights[layer]
    return np.concatenate(columns[::-1], axis=1)


def tangent_rank(factors: Sequence, supports: Sequence | None = None) -> int:
    """Rank of `tangent_map`: the number of directions in which the product moves.

    Parameters
    ----------
    factors : sequence of 2-D array_like
        Weights, first layer first.
    supports : sequence of 2-D array_like, optional
        Where the weights may change; by default where they are nonzero.

    Returns
    -------
    int
        The rank, singular values below the usual rounding threshold counted as zero.

    Raises
    ------
    ValueError
        Bad factors or supports, or a nonzero weight outside the supports.

    Notes
    -----
    Defined in the chapter Identifiability.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> tangent_rank(dyadic_supports(3), dyadic_supports(3))
    32
    """
    matrix = tangent_map(factors, supports)
    return int(np.linalg.matrix_rank(matrix)) if matrix.size else 0


def scaling_dimension(factors: Sequence) -> int:
    r"""Dimension of the set of factors that rescaling makes from given ones.

    Parameters
    ----------
    factors : sequence of 2-D array_like
        Weights :math:`W_1, \dots, W_L`, or supports.

    Returns
    -------
    int
        Number of hidden neurons, minus the number of connected components (edges taken without
        direction, nonzero weights only) that hold hidden neurons alone: in these, a common scale
        moves no weight.

    Raises
    ------
    ValueError
        Bad factors.

    Notes
    -----
    Defined in the chapter Identifiability.

    Examples
    --------
    >>> scaling_dimension([[[1, 0], [0, 1]], [[1, 1]]])
    2
    >>> scaling_dimension([[[1], [0]], [[1, 0]]])  # the second neuron has no weight to scale
    1
    """
    edges = as_supports(factors)
    widths = [edges[0].shape[1], *(matrix.shape[0] for matrix in edges)]
    starts = np.concatenate([[0], np.cumsum(widths)])
    heads, tails = [], []
    for layer, matrix in enumerate(edges):
        head, tail = np.nonzero(matrix)
        heads.append(head + starts[layer + 1])
        tails.append(tail + starts[layer])
    heads, tails = np.concatenate(heads), np.concatenate(tails)
    ones = np.ones(len(heads))
    graph = sp.coo_array((ones, (heads, tails)), shape=(starts[-1], starts[-1]))
    count, label = sp.csgraph.connected_components(graph, directed=False)
    anchored = np.zeros(count, dtype=bool)
    anchored[label[: widths[0]]] = True
    anchored[label[starts[-2] :]] = True
    return int(sum(widths[1:-1]) - np.count_nonzero(~anchored))


def is_locally_unique(factors: Sequence, supports: Sequence | None = None) -> bool:
    r"""Test whether all factors nearby with the same product are rescalings of the given ones.

    .. math:: \operatorname{rank} = \text{number of edges} - \text{scaling dimension}
              \implies \text{locally unique up to scaling}

    Parameters
    ----------
    factors : sequence of 2-D array_like
        Weights, first layer first; any supports, multitree or not.
    supports : sequence of 2-D array_like, optional
        Where the weights may change; by default where they are nonzero.

    Returns
    -------
    bool
        True when the condition holds. It is sufficient; False proves nothing by itself.

    Raises
    ------
    ValueError
        Bad factors or supports, or a nonzero weight outside the supports.

    Notes
    -----
    The rank is at most the right side, because a rescaling does not move the product. Equality
    makes the rank constant nearby, and the constant rank theorem does the rest.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> is_locally_unique([[[1, 2], [0, 3]], [[1, 0], [4, 5]]])  # an LU decomposition
    True
    >>> is_locally_unique([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])  # two dense factors
    False
    """
    weights, edges = _read(factors, supports)
    n_edges = sum(int(matrix.sum()) for matrix in edges)
    return tangent_rank(weights, edges) == n_edges - scaling_dimension(weights)


def product_dimension(supports: Sequence) -> int:
    r"""Dimension of the set of products with given multitree supports.

    .. math:: \dim = \text{edges} - \text{hidden neurons, counted on paths from input to output}

    Parameters
    ----------
    supports : sequence of 2-D array_like
        Supports of a multitree, first layer first.

    Returns
    -------
    int
        For the dyadic butterfly of width N: :math:`2NL - N(L-1) = N(L+1)`.

    Raises
    ------
    NotMultitreeError
        Two paths join two neurons.
    ValueError
        Bad supports.

    Notes
    -----
    It is the rank of `tangent_map` at factors without a zero block.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> [product_dimension(dyadic_supports(n)) for n in (2, 3, 4, 5)]
    [12, 32, 80, 192]
    """
    edges = check_multitree(supports)
    used = [
        ancestors(edges, level).any(axis=1) & descendants(edges, level).any(axis=0)
        for level in range(len(edges) + 1)
    ]
    n_edges = sum(
        np.count_nonzero(matrix[used[layer + 1]][:, used[layer]])
        for layer, matrix in enumerate(edges)
    )
    return int(n_edges - sum(np.count_nonzero(mask) for mask in used[1:-1]))


def cross_ratios(factor: np.ndarray) -> np.ndarray:
    r"""Cross ratios of the two by two blocks of a butterfly factor, which no rescaling changes.

    .. math:: \frac{w_{hp}\, w_{gq}}{w_{hq}\, w_{gp}}

    Parameters
    ----------
    factor : 2-D array_like
        A matrix whose rows, up to proportionality of supports, come in pairs: two rows (h < g)
        with the same two nonzero columns (p < q).

    Returns
    -------
    1-D array
        One number for each pair of rows, in the order of the first row.

    Raises
    ------
    ValueError
        The nonzero entries do not form disjoint blocks of two rows and two columns.

    Notes
    -----
    In a multitree product the same number is that of four entries of the product: rows o, o' that
    descend from h, g alone among the two, columns i, j that lead to p, q alone.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> cross_ratios([[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 1, 1], [0, 0, 1, -1]])
    array([ 0.66666667, -1.        ])
    """
    factor = numeric("factor", factor)
    if factor.ndim != 2 or not (np.count_nonzero(factor, axis=1) == 2).all():
        raise ValueError("factor: expected a matrix with two nonzero entries in each row")
    columns = np.nonzero(factor)[1].reshape(-1, 2)
    pairs, block, counts = np.unique(columns, axis=0, return_inverse=True, return_counts=True)
    if not (counts == 2).all() or np.unique(pairs).size != pairs.size:
        raise ValueError("factor: expected disjoint blocks of two rows and two columns")
    rows = np.argsort(block.ravel(), kind="stable").reshape(-1, 2)
    rows = rows[np.argsort(rows[:, 0])]
    (h, g), (p, q) = rows.T, columns[rows[:, 0]].T
    return factor[h, p] * factor[g, q] / (factor[h, q] * factor[g, p])


def _read(factors, supports):
    """Weights as arrays, and their supports, which must hold every nonzero weight."""
    weights = [numeric(f"factors[{layer}]", factor) for layer, factor in enumerate(factors)]
    nonzero = as_supports(weights)
    edges = nonzero if supports is None else as_supports(supports)
    if [matrix.shape for matrix in edges] != [weight.shape for weight in weights]:
        raise ValueError("supports: expected the shapes of the factors")
    for layer, (matrix, weight) in enumerate(zip(edges, nonzero, strict=True)):
        if (weight & ~matrix).any():
            raise ValueError(f"factors[{layer}]: a nonzero weight lies outside the supports")
    return weights, edges
