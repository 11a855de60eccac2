"""Paths of a layered network: counted, enumerated, and as masks of ancestors and descendants.

They are re-exported by `openblackbox.multitree.supports`. The order of layers is first layer first;
layer 0 holds the inputs.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from openblackbox.multitree.layers import as_supports, sparse_rows

__all__ = ["ancestors", "descendants", "enumerate_paths", "path_counts"]


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
    >>> from openblackbox.multitree.supports import dyadic_supports
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
    >>> from openblackbox.multitree.supports import dyadic_supports
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
    >>> from openblackbox.multitree.supports import dyadic_supports
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

    Returns
    -------
    iterator of tuples of int
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
    >>> from openblackbox.multitree.supports import dyadic_supports
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
