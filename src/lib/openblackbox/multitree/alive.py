r"""Which neurons and paths of a known multitree network without biases can ever carry a signal.

The weights are those of a multitree perceptron without biases, first layer first, as dense arrays
or as scipy.sparse matrices. Zeros inside the supports are allowed everywhere. Levels are numbered
from 0 (inputs) to L (outputs); lists over *hidden* levels have L - 1 entries, for 1 to L - 1.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from openblackbox.multitree.reach import Graph
from openblackbox.multitree.supports import NotMultitreeError

__all__ = [
    "activatable_mask",
    "alive_neurons",
    "masked_factors",
    "useful_neurons",
    "visible_edges",
]


def alive_neurons(weights: Sequence) -> tuple[np.ndarray, ...]:
    r"""Tell which hidden neurons some input activates.

    .. math:: h \text{ is alive} \iff z_h(x) > 0 \text{ for some } x

    Parameters
    ----------
    weights : sequence of L matrices
        Of a multitree, dense or sparse; ``weights[l]`` is :math:`W_{l+1}`, shape (n_{l+1}, n_l).

    Returns
    -------
    tuple of L - 1 bool arrays
        For the hidden levels 1 to L - 1, shapes ``(n_1,), ..., (n_{L-1},)``.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.
    ValueError
        Bad shapes, or entries that are not finite real numbers.

    Notes
    -----
    In the first hidden level a neuron is alive when its row is not zero. Higher up, it is alive
    when it has an alive parent with a **positive** weight. That this is enough is special to
    multitrees without biases: the ancestors of two parents are disjoint, so one parent can be
    active while the others rest.

    Cost: one look at every weight, and the multitree test.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> levels = alive_neurons([[[1, 0], [0, -1]], [[2, 0], [0, -3]], [[1, 1]]])
    >>> [level.tolist() for level in levels]
    [[True, True], [True, False]]
    """
    return _alive(_read(weights))


def useful_neurons(weights: Sequence) -> tuple[np.ndarray, ...]:
    r"""Tell which hidden neurons lie on an activatable path.

    .. math:: h \text{ is useful} \iff \text{some path through } h \text{ is visible at some } x

    A path from an input to an output is visible at x when its weights are nonzero and its hidden
    neurons active.

    Parameters
    ----------
    weights : sequence of L matrices
        Of a multitree, dense or sparse, first layer first.

    Returns
    -------
    tuple of L - 1 bool arrays
        For the hidden levels 1 to L - 1.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.
    ValueError
        Bad shapes, or entries that are not finite real numbers.

    Notes
    -----
    A useful neuron is alive, and nonzero weights lead from it over alive neurons to an output. A
    neuron that is not useful can be removed without changing the function.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> levels = useful_neurons([[[1, 0], [0, -1]], [[2, 0], [0, -3]], [[1, 1]]])
    >>> [level.tolist() for level in levels]
    [[True, False], [True, False]]
    """
    return _useful(_read(weights))


def masked_factors(weights: Sequence) -> tuple:
    r"""Return the weights with all that no activatable path uses set to zero.

    .. math:: W_l \mapsto U_l W_l U_{l-1}, \qquad U_l = \mathrm{diag}(\text{useful}), \quad
       U_0 = U_L = I

    Parameters
    ----------
    weights : sequence of L matrices
        Of a multitree, dense or sparse, first layer first.

    Returns
    -------
    tuple of L matrices
        Of the kinds, shapes and types of `weights`. Their product has at (o, i) the product of the
        weights on the path from i to o, if that path is activatable, and 0 if not.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.
    ValueError
        Bad shapes, or entries that are not finite real numbers.

    Notes
    -----
    The network with these weights has the same function.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> factors = masked_factors([[[1, 0], [0, -1]], [[2, 0], [0, -3]], [[1, 1]]])
    >>> [factor.tolist() for factor in factors]
    [[[1, 0], [0, 0]], [[2, 0], [0, 0]], [[1, 0]]]
    """
    matrices = _read(weights)
    keep = _with_ends(matrices, _useful(matrices))
    masked = []
    for layer, weight in enumerate(weights):
        above, below = keep[layer + 1], keep[layer]
        if sp.issparse(weight):
            kept = sp.csr_array(weight).multiply(above[:, None]).multiply(below)
            kept = sp.csr_array(kept, dtype=weight.dtype)
            kept.eliminate_zeros()
        else:
            kept = np.where(above[:, None] & below, weight, 0)
            kept = kept.astype(np.asarray(weight).dtype, copy=False)
        masked.append(kept)
    return tuple(masked)


def activatable_mask(weights: Sequence) -> np.ndarray:
    r"""Tell which pairs (output, input) are joined by an activatable path.

    Parameters
    ----------
    weights : sequence of L matrices
        Of a multitree, dense or sparse, first layer first.

    Returns
    -------
    bool array of shape (n_L, n_0)
        The mask M: the places where the Jacobian is nonzero at some x.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.
    ValueError
        Bad shapes, or entries that are not finite real numbers.

    Notes
    -----
    A path is activatable when its weights are nonzero and its hidden neurons alive. The part of the
    mask that belongs to one hidden neuron is a rectangle, and the mask is the zero pattern of
    the product of `masked_factors`.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> activatable_mask([[[1.0, 2.0]], [[-1.0]], [[1.0]]])
    array([[False, False]])
    """
    matrices = _read(weights)
    alive = _alive(matrices)
    reach = _edges(matrices[0])
    for active, weight in zip(alive, matrices[1:], strict=True):
        open_edges = sp.csr_array(_edges(weight).multiply(active))
        reach = sp.csr_array(open_edges @ reach)
    return reach.toarray() > 0


def visible_edges(network, x) -> tuple:
    r"""Tell which edges lie on a path that is visible at x.

    Parameters
    ----------
    network : ReLUNetwork or SparseReLUNetwork
        A multitree, known: its ``weights`` and its ``activation_pattern`` are read.
    x : array_like of shape (n_0,)
        The point.

    Returns
    -------
    tuple of L bool matrices
        Shaped like the weights, dense or sparse as they are.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.
    ValueError
        If x is not one point, or the weights are bad.

    Notes
    -----
    An edge is visible at x when it leads from a neuron that a visible path from the inputs reaches
    to one from which a visible path leads to an output. Equivalently, some entry of the Jacobian
    at x would be 0 without it. An active neuron without biases always has a visible path below it.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[1.0, 0.0], [0.0, 1.0]], [[1.0, -1.0]]])
    >>> [edges.astype(int).tolist() for edges in visible_edges(network, [2.0, -1.0])]
    [[[1, 0], [0, 0]], [[1, 0]]]
    """
    x = np.asarray(x)
    matrices = _read(network.weights)
    if x.shape != (matrices[0].shape[1],):
        raise ValueError(f"x: expected shape ({matrices[0].shape[1]},), got {x.shape}")
    active = _with_ends(matrices, network.activation_pattern(x))
    edges = [_edges(matrix) for matrix in matrices]
    below = [active[0]]
    for layer, edge in enumerate(edges):
        below.append(active[layer + 1] & (edge @ below[-1].astype(np.int64) > 0))
    above = [active[-1]]
    for layer in range(len(edges) - 1, -1, -1):
        above.insert(0, active[layer] & (edges[layer].T @ above[0].astype(np.int64) > 0))
    visible = []
    for layer, (weight, edge) in enumerate(zip(network.weights, edges, strict=True)):
        kept = edge.multiply(above[layer + 1][:, None]).multiply(below[layer])
        kept = sp.csr_array(kept).astype(bool)
        kept.eliminate_zeros()
        visible.append(kept if sp.issparse(weight) else kept.toarray())
    return tuple(visible)


def _read(weights) -> list[sp.csr_array]:
    """Check the weights; return them as sparse rows without stored zeros."""
    try:
        Graph(weights)  # the test that forms no matrix of all inputs by all outputs
    except NotMultitreeError:
        raise
    except ValueError as error:
        raise ValueError(str(error).replace("supports", "weights")) from None
    matrices = []
    for layer, weight in enumerate(weights):
        # A copy: what follows works in place, and the stored zeros of the caller stay.
        matrix = sp.csr_array(weight if sp.issparse(weight) else np.asarray(weight), copy=True)
        matrix.sum_duplicates()
        if matrix.dtype.kind == "c" or not np.isfinite(matrix.data).all():
            raise ValueError(f"weights[{layer}]: expected finite real numbers")
        matrix.eliminate_zeros()
        matrices.append(matrix)
    return matrices


def _edges(matrix) -> sp.csr_array:
    """Return the zero pattern as integers, so that products count and do not cancel."""
    return sp.csr_array(matrix != 0).astype(np.int64)


def _with_ends(matrices, hidden) -> list[np.ndarray]:
    """Add the inputs and the outputs, which no activation switches off, to hidden levels."""
    inputs, outputs = matrices[0].shape[1], matrices[-1].shape[0]
    return [np.ones(inputs, dtype=bool), *hidden, np.ones(outputs, dtype=bool)]


def _alive(matrices) -> tuple[np.ndarray, ...]:
    """Sweep the hidden levels from the inputs."""
    levels: list[np.ndarray] = []
    for weight in matrices[:-1]:
        if levels:
            positive = sp.csr_array(weight > 0).astype(np.int64)
            levels.append(positive @ levels[-1].astype(np.int64) > 0)
        else:
            levels.append(np.diff(weight.indptr) > 0)
    return tuple(levels)


def _useful(matrices) -> tuple[np.ndarray, ...]:
    """Sweep the alive neurons from the outputs."""
    levels: list[np.ndarray] = []
    above = np.ones(matrices[-1].shape[0], dtype=bool)
    for alive, weight in zip(_alive(matrices)[::-1], matrices[:0:-1], strict=True):
        above = alive & (_edges(weight).T @ above.astype(np.int64) > 0)
        levels.append(above)
    return tuple(levels[::-1])
