"""The rescaling symmetry: networks and factors are compared up to it, never by raw weights.

A *network* here is a `openblackbox.networks.ReLUNetwork` (anything with ``weights`` and ``biases``
that can be built from them), a pair ``(weights, biases)``, or a plain sequence of weight matrices,
first layer first. The first two mean a ReLU network, whose scales must be positive; the last means
the linear product ``weights[-1] @ ... @ weights[0]``, whose scales must be nonzero.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from openblackbox.multitree.rankone import unit_rows
from openblackbox.oracles import as_arrays

__all__ = ["canonical", "gauge_distance", "rescale"]


def rescale(network, scales: Sequence):
    r"""Move a network along its rescaling symmetry.

    .. math:: W_l \mapsto D_l W_l D_{l-1}^{-1}, \qquad b_l \mapsto D_l b_l, \qquad D_0 = D_L = I

    Parameters
    ----------
    network : ReLUNetwork, pair (weights, biases), or sequence of 2-D array_like
        L layers, see the module.
    scales : sequence of 1-D array_like
        The diagonals of :math:`D_1, \dots, D_{L-1}`, of shapes ``(n_1,), ..., (n_{L-1},)``:
        positive for a ReLU network, nonzero for a linear product.

    Returns
    -------
    same kind as `network`
        With the same function: the scales of inputs and outputs stay 1.

    Raises
    ------
    ValueError
        Bad shapes, NaN or infinity, a scale that is zero, or not positive for a ReLU network.
    TypeError
        No sequence of arrays, or arrays of something else than numbers.
    OverflowError
        A weight or bias would exceed the largest number of its precision.

    Notes
    -----
    Defined in the chapter Factorization.

    Examples
    --------
    >>> first, second = rescale([[[1.0], [1.0]], [[2.0, 3.0]]], [[2.0, -1.0]])
    >>> first.ravel(), second.ravel()
    (array([ 2., -1.]), array([ 1., -3.]))
    """
    weights, biases, rebuild = _read("network", network)
    scales = _numbers("scales", scales)
    if len(scales) != len(weights) - 1:
        raise ValueError(
            f"scales: expected {len(weights) - 1} vectors, one per hidden layer, got {len(scales)}"
        )
    diagonals = []
    for layer, (scale, weight) in enumerate(zip(scales, weights, strict=False)):
        if scale.shape != (len(weight),):
            raise ValueError(f"scales[{layer}]: expected shape ({len(weight)},), got {scale.shape}")
        if not np.isfinite(scale).all() or not scale.all():
            raise ValueError(f"scales[{layer}]: expected finite nonzero numbers")
        if biases is not None and not (np.isrealobj(scale) and (scale > 0).all()):
            raise ValueError(f"scales[{layer}]: expected positive numbers for a ReLU network")
        diagonals.append(scale)
    one = np.ones(1, np.float32)  # keeps single precision single
    columns = [one, *diagonals]
    rows = [*diagonals, one]
    with np.errstate(over="ignore", invalid="ignore"):
        weights = [
            row[:, None] * weight / column
            for row, weight, column in zip(rows, weights, columns, strict=True)
        ]
        if biases is not None:
            biases = [row * bias for row, bias in zip(rows, biases, strict=True)]
    if not all(np.isfinite(array).all() for array in (*weights, *(biases or ()))):
        raise OverflowError("scales: too large, a weight or bias would exceed its precision")
    return rebuild(weights, biases)


def canonical(network):
    r"""Representative of a network up to its rescaling symmetry.

    Parameters
    ----------
    network : ReLUNetwork, pair (weights, biases), or sequence of 2-D array_like
        See the module.

    Returns
    -------
    same kind as `network`
        The same function, with every hidden row of norm 1 (biases follow). In a linear product
        the first entry of a row that exceeds 0.3 times its largest is moreover positive.

    Raises
    ------
    ValueError
        Bad shapes, NaN or infinity.

    Notes
    -----
    A hidden neuron with a zero row has no norm to divide by. In a ReLU network with a positive
    bias it is a constant, and the bias becomes 1. Otherwise, and also when its column in the next
    layer is zero, it contributes nothing: its weights on the other side are free, no rescaling
    relates their values, and all of them are set to zero. So two networks with the same canonical
    form have the same function, and equal forms mean: same up to rescaling and to the free weights
    of neurons that contribute nothing. Cost: linear in the number of weights.

    Defined in the chapter Factorization.

    Examples
    --------
    >>> first, second = canonical([[[3.0, 4.0], [0.0, 0.0]], [[2.0, 7.0]]])
    >>> first.round(4), second.round(4)
    (array([[0.6, 0.8],
           [0. , 0. ]]), array([[10.,  0.]]))
    """
    weights, biases, rebuild = _read("network", network)
    weights = [weight.copy() for weight in weights]
    biases = None if biases is None else [bias.copy() for bias in biases]
    for layer in range(len(weights) - 2, -1, -1):  # a zero column makes its row free
        unused = ~weights[layer + 1].any(axis=0)
        weights[layer][unused] = 0
        if biases is not None:
            biases[layer][unused] = 0
    for layer in range(len(weights) - 1):
        weight = weights[layer]
        size = _row_norms(weight)
        rows = unit = weight / np.where(size > 0, size, 1)[:, None]
        if biases is None:
            unit = unit_rows(rows)
            size = size * (rows * unit.conj()).sum(axis=1)  # norm times sign or phase
        else:
            constant = (size == 0) & (biases[layer] > 0)
            size[constant] = biases[layer][constant]
            biases[layer] = np.where(size > 0, biases[layer] / np.where(size > 0, size, 1), 0)
        weights[layer] = unit
        weights[layer + 1] = weights[layer + 1] * size  # 0 frees the column of a neuron without row
    return rebuild(weights, biases)


def gauge_distance(a, b, *, entrywise: bool = False) -> float:
    r"""Relative difference of two networks, after removing the rescaling symmetry.

    Parameters
    ----------
    a, b : ReLUNetwork, pair (weights, biases), or sequence of 2-D array_like
        Two networks of the same kind and shapes.
    entrywise : bool, optional
        False: the largest over all neurons of the error of a row relative to the norm of the row,
        and of a bias relative to the larger of the bias and the norm of its row. True: the largest
        over all weights and biases of the error relative to the entry itself, which sees the
        smallest entries, and is 1 where one entry is zero and the other is not.

    Returns
    -------
    float
        Zero, in exact arithmetic, when and only when the canonical forms agree. Unchanged when
        `a` or `b` is rescaled; symmetric. At most 2 for each row.

    Raises
    ------
    ValueError
        Bad shapes, NaN or infinity, or networks that cannot be compared.

    Notes
    -----
    Both are brought to canonical form. For linear products, whose scales may have any sign or
    phase, the rows of the one are then turned to agree best with those of the other, layer by
    layer, so that no sign hangs on a tie.

    Defined in the chapter Factorization.

    Examples
    --------
    >>> a = [[[3.0, 4.0], [1.0, 0.0]], [[2.0, 1.0]]]
    >>> gauge_distance(a, rescale(a, [[-7.0, 0.01]])) < 1e-15
    True
    >>> round(gauge_distance(a, [[[3.0, 4.0], [1.0, 0.0]], [[2.0, 1.1]]], entrywise=True), 4)
    0.0909
    """
    (wa, ba, _), (wb, bb, _) = _read("a", canonical(a)), _read("b", canonical(b))
    if (ba is None) != (bb is None):
        raise ValueError("a and b: expected two ReLU networks or two linear products")
    shapes = [[w.shape for w in ws] for ws in (wa, wb)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"a and b: expected equal shapes, got {shapes[0]} and {shapes[1]}")
    if ba is None:
        wa = _turned(wa, wb)
    worst = 0.0
    for layer, (x, y) in enumerate(zip(wa, wb, strict=True)):
        row = np.maximum(_row_norms(x), _row_norms(y))
        if entrywise:
            worst = max(worst, _ratio(np.abs(x - y), np.maximum(np.abs(x), np.abs(y))))
        else:
            worst = max(worst, _ratio(_row_norms(x - y), row))
        if ba is not None:
            p, q = ba[layer], bb[layer]
            size = np.maximum(np.abs(p), np.abs(q))
            worst = max(worst, _ratio(np.abs(p - q), size if entrywise else np.maximum(size, row)))
    return worst


def _read(name: str, network):
    """Weights, biases or None, and the function that builds a network of the same kind."""
    if hasattr(network, "weights") and hasattr(network, "biases"):
        weights, biases, rebuild = network.weights, network.biases, type(network)
    elif isinstance(network, tuple) and len(network) == 2 and isinstance(network[0], list | tuple):
        (weights, biases), rebuild = network, lambda w, b: (w, b)
    else:
        weights, biases, rebuild = network, None, lambda w, b: w
    weights = _numbers(f"{name}: weights", weights)
    shapes = [weight.shape for weight in weights]
    if not weights or any(len(shape) != 2 for shape in shapes):
        raise ValueError(f"{name}: expected one matrix per layer, got shapes {shapes}")
    if any(after[1] != before[0] for before, after in pairwise(shapes)):
        raise ValueError(f"{name}: expected widths that match, got shapes {shapes}")
    if biases is not None:
        biases = _numbers(f"{name}: biases", biases)
        if [bias.shape for bias in biases] != [(shape[0],) for shape in shapes]:
            raise ValueError(
                f"{name}: expected one bias per neuron, got shapes {[b.shape for b in biases]}"
            )
    if not all(np.isfinite(array).all() for array in (*weights, *(biases or ()))):
        raise ValueError(f"{name}: holds NaN or infinity")
    return weights, biases, rebuild


def _numbers(name: str, arrays) -> list[np.ndarray]:
    """Floating arrays, real or complex, in single precision or better."""
    arrays = as_arrays(name, arrays)
    for number, array in enumerate(arrays):
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{name}[{number}]: expected numbers, got dtype {array.dtype}")
    return [array.astype(np.result_type(array, np.float32)) for array in arrays]


def _row_norms(matrix: np.ndarray) -> np.ndarray:
    """Norms of the rows, without underflow or overflow of the squares."""
    largest = np.abs(matrix).max(axis=1, initial=0.0)
    return largest * np.linalg.norm(matrix / np.where(largest > 0, largest, 1)[:, None], axis=1)


def _ratio(error: np.ndarray, size: np.ndarray) -> float:
    """Largest error / size, where 0 / 0 is 0."""
    return float((error / np.where(error > 0, size, 1)).max(initial=0.0))


def _turned(weights, reference):
    """Turn the phases of the hidden rows to agree best with the reference, first layer first."""
    turned, phase = [], np.ones(weights[0].shape[1])
    for layer, (weight, other) in enumerate(zip(weights, reference, strict=True)):
        moved = weight * phase.conj()
        phase = np.ones(len(weight))
        if layer < len(weights) - 1:
            inner = (other * moved.conj()).sum(axis=1)
            size = np.abs(inner)
            phase = np.where(size > 0, inner / np.where(size > 0, size, 1), 1)
        turned.append(phase[:, None] * moved)
    return turned
