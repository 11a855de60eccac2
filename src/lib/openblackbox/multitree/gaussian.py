r"""The baseline: Jacobians at Gaussian points, and a factorization that copes with missing entries.

An entry of the Jacobian of a multitree network is 0 or the product of the weights of one path. So
Jacobians at many points fill in, entry by entry, a masked version of the product of the weights.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.sketch import finite

__all__ = ["Samples", "complete", "sample"]


@dataclass(frozen=True)
class Samples:
    """What Jacobians at some points show of the product of the weights.

    Parameters
    ----------
    points : numpy.ndarray, shape (k, n_0)
        The points asked.
    product : numpy.ndarray, shape (n_L, n_0)
        The entries seen; 0 elsewhere.
    first : numpy.ndarray of int, shape (n_L, n_0)
        The first point that shows an entry, or -1.

    Notes
    -----
    Defined in the chapter Deep recovery.
    """

    points: np.ndarray
    product: np.ndarray
    first: np.ndarray


def sample(oracle, *, rng, most, patience, noise=0.0):
    """Ask for Jacobians at Gaussian points until several in a row show no new entry.

    Parameters
    ----------
    oracle : Oracle
        The black box; only Jacobians are asked.
    rng : numpy.random.Generator
        Draws the points.
    most : int
        How many points at most.
    patience : int
        How many in a row must show nothing new.
    noise : float
        Size up to which an entry counts as 0.

    Returns
    -------
    Samples
        The masked product.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[1.0], [-1.0]], [[2.0, 3.0]]])
    >>> found = sample(network, rng=np.random.default_rng(0), most=50, patience=10)
    >>> found.product, len(found.points) >= 10
    (array([[2.]]), True)
    """
    product = np.zeros((oracle.n_outputs, oracle.n_inputs))
    first = np.full(product.shape, -1)
    points, idle = [], 0
    while idle < patience and len(points) < most:
        x = rng.standard_normal(oracle.n_inputs)
        jacobian = finite(oracle.jacobian(x), product.shape)
        new = (np.abs(jacobian) > noise) & (first < 0)
        product[new] = jacobian[new]
        first[new] = len(points)
        points.append(x)
        idle = 0 if new.any() else idle + 1
    return Samples(np.array(points), product, first)


def complete(samples, graph):
    r"""Factorize a masked product, as far as its entries determine the factors.

    Parameters
    ----------
    samples : Samples
        The entries seen.
    graph : openblackbox.multitree.reach.Graph
        The multitree.

    Returns
    -------
    weights : list of scipy.sparse.csr_array
        First layer first; rows of hidden layers have norm 1, or are 0.
    first_seen : list of numpy.ndarray of int
        For every level 0 to L, the first point that shows a neuron, or -1.
    unresolved : list of numpy.ndarray of int
        For every level 0 to L, the neurons whose row is not determined by the entries.

    Notes
    -----
    From the input upwards: two parents of a neuron h are compared at an output where entries of
    both were seen, directly or through other parents. Then every entry, divided by the weight, is
    one of the matrix of the layers after. The sign of a row makes the neuron active at a point that
    shows it; it is a guess where rows below are not resolved.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.reach import Graph
    >>> product, first = np.array([[6.0, 8.0]]), np.array([[0, 0]])
    >>> samples = Samples(np.array([[1.0, 1.0]]), product, first)
    >>> weights, first_seen, unresolved = complete(samples, Graph([[[1, 1]], [[1]]]))
    >>> [weight.toarray().round(3).tolist() for weight in weights]
    [[[0.6, 0.8]], [[10.0]]]
    """
    remaining, first, y = samples.product.T.copy(), samples.first.T.copy(), samples.points
    weights, seen, shows = [], [_first(first)], first
    unresolved = [np.zeros(0, dtype=np.int64)]
    for layer, support in enumerate(graph.supports):
        if layer + 1 == graph.n_layers:
            data = remaining[graph.columns[layer], graph.rows[layer]]
            weights.append(graph.matrix(layer, data))
            break
        following = np.zeros((support.shape[0], remaining.shape[1]))
        index, above = np.full(following.shape, -1), np.full(following.shape, -1)
        data, missing = np.zeros(support.nnz), []
        for neuron in range(support.shape[0]):
            edges = slice(support.indptr[neuron], support.indptr[neuron + 1])
            parents = support.indices[edges]
            group = graph.outputs[layer + 1].of[neuron]
            if not parents.size or group < 0:
                continue
            outputs = graph.outputs[layer + 1].members(group)
            above[neuron, outputs] = _first(shows[np.ix_(parents, outputs)].T)
            block = np.where(
                first[np.ix_(parents, outputs)] < 0, 0, remaining[np.ix_(parents, outputs)]
            )
            shown = first[np.ix_(parents, outputs)]
            if (shown < 0).all():
                continue
            row = _row(block, shown >= 0)
            known = (shown >= 0) & (row != 0)[:, None]
            pick = known.argmax(axis=0)
            at = np.arange(outputs.size)
            point = np.where(known.any(axis=0), shown[pick, at], -1)
            if row @ y[point.max()][parents] < 0:
                row = -row
            data[edges] = row
            index[neuron, outputs] = point
            following[neuron, outputs[point >= 0]] = (
                block[pick, at][point >= 0] / row[pick][point >= 0]
            )
            if ((shown >= 0).any(axis=1) & (row == 0)).any():
                missing.append(neuron)
        weights.append(graph.matrix(layer, data))
        y = np.maximum((weights[-1] @ y.T).T, 0)
        remaining, first, shows = following, index, above
        seen.append(_first(shows))
        unresolved.append(np.array(missing, dtype=np.int64))
    return weights, [*seen, _first(samples.first)], [*unresolved, np.zeros(0, dtype=np.int64)]


def _first(numbers):
    """Return the smallest number of each row that is not negative, or -1."""
    lowest = np.where(numbers < 0, np.iinfo(numbers.dtype).max, numbers).min(axis=1)
    return np.where((numbers >= 0).any(axis=1), lowest, -1)


def _row(block, shown):
    """Return the ratios of the rows of a rank-one block, some entries missing, with norm 1."""
    row = np.zeros(len(block))
    start = int(shown.sum(axis=1).argmax())
    row[start] = 1
    left, grown = shown.any(axis=1), True  # a ratio that underflows to 0 is not tried again
    left[start] = False
    while grown:
        grown = False
        for parent in np.flatnonzero(left):
            # Of all outputs that compare the parent with a known one, the first.
            both = shown[parent] & shown[row != 0]
            known, where = np.nonzero(both)
            if known.size:
                other, output = np.flatnonzero(row != 0)[known[0]], where[0]
                row[parent] = row[other] * block[parent, output] / block[other, output]
                left[parent], grown = False, True
    return row / np.linalg.norm(row)
