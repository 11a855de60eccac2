r"""The blocks of the Jacobian of a network with one hidden layer: seeing and splitting them.

The block of a hidden neuron h has the rows it feeds and the columns it reads. In a multitree the
blocks are disjoint, so every entry of the Jacobian speaks of one neuron.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.factorization import factorize

__all__ = ["Blocks", "block_owners", "see_blocks", "split_blocks"]


@dataclass(frozen=True)
class Blocks:
    """What the search of `see_blocks` saw.

    Parameters
    ----------
    product : numpy.ndarray, shape (n_2, n_0)
        The blocks seen, 0 elsewhere.
    owner : numpy.ndarray of int, shape (n_2, n_0)
        The neuron of every entry, -1 outside all the blocks.
    shown : numpy.ndarray of bool, shape (H,)
        Neurons whose block was seen.
    always_on : numpy.ndarray of bool, shape (H,)
        Neurons seen, but on both sides at every scale.
    first_seen : numpy.ndarray of int, shape (H,)
        Doublings made when the neuron was first seen on exactly one side, or -1.
    side : numpy.ndarray of int, shape (H,)
        The side, +1 or -1, or 0.
    doublings : int
        Number of doublings made.
    tolerance : float
        Relative size up to which answers may contradict the model.

    Notes
    -----
    Defined in the chapter One hidden layer.
    """

    product: np.ndarray
    owner: np.ndarray
    shown: np.ndarray
    always_on: np.ndarray
    first_seen: np.ndarray
    side: np.ndarray
    doublings: int
    tolerance: float


def block_owners(first, second):
    """Return which hidden neuron every entry of the Jacobian belongs to.

    Parameters
    ----------
    first, second : arrays of bool, shapes (H, n_0) and (n_2, H)
        Supports that form a multitree.

    Returns
    -------
    numpy.ndarray of int, shape (n_2, n_0)
        The neuron on the only path from the input to the output, -1 where there is none.

    Notes
    -----
    One matrix product: with at most one path, the sum over the paths of the number of the hidden
    neuron is that number.

    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> block_owners([[True, True, False], [False, False, True]], [[True, False], [True, True]])
    array([[ 0,  0, -1],
           [ 0,  0,  1]])
    """
    numbered = np.asarray(first, dtype=float) * np.arange(1, len(first) + 1)[:, None]
    return (np.asarray(second, dtype=float) @ numbered).astype(int) - 1


def see_blocks(ask, x, first, second, growth, max_doublings, noise, tolerance):
    r"""Ask Df(x) and Df(-x), and double x until each block shows in exactly one of the two.

    Parameters
    ----------
    ask : object with a method ``jacobians``
        Answers a batch of points with checked Jacobians.
    x : numpy.ndarray, shape (n_0,)
        The first point.
    first, second : arrays of bool, shapes (H, n_0) and (n_2, H)
        Supports that form a multitree.
    growth, max_doublings, noise, tolerance : float, int, float, float or None
        As in `openblackbox.multitree.shallow.recover_shallow`.

    Returns
    -------
    Blocks
        What was seen.

    Raises
    ------
    ValueError
        If a Jacobian has mass outside the blocks, or a block changes from point to point.

    Notes
    -----
    A block in both means that the neuron is active at both points, and the sum
    :math:`Df(x) + Df(-x)` counts it twice: it is "exactly one" that certifies
    :math:`|b_h| < |\langle w_h, x\rangle|`. Each neuron is settled at the first x where this holds.
    Neurons without inputs or without outputs have no block, and nothing is doubled for them.

    Defined in the chapter One hidden layer.

    Examples
    --------
    Kinks at 1 and -5 for two inputs: x = (2, 2) sees the first neuron, 4 x the second one.

    >>> from types import SimpleNamespace
    >>> from openblackbox.networks import ReLUNetwork
    >>> supports = np.eye(2, dtype=bool), np.ones((1, 2), dtype=bool)
    >>> network = ReLUNetwork([np.eye(2), [[3, 4]]], [[-1, 5], [0]])
    >>> ask = SimpleNamespace(jacobians=network.jacobian)
    >>> blocks = see_blocks(ask, np.array([2.0, 2.0]), *supports, 2.0, 40, 0.0, None)
    >>> blocks.product, blocks.first_seen
    (array([[3., 4.]]), array([0, 2]))
    """
    owner = block_owners(first, second)
    hidden, inside = len(first), owner >= 0
    shown, doublings = np.zeros(hidden, dtype=bool), 0
    first_seen, side = np.full(hidden, -1), np.zeros(hidden, dtype=int)
    product = np.zeros(owner.shape)
    has_block = first.any(axis=1) & second.any(axis=0)
    for doublings in range(max_doublings + 1):
        pair = ask.jacobians(growth**doublings * np.stack([x, -x]))
        tolerance = float(np.sqrt(np.finfo(pair.dtype).eps)) if tolerance is None else tolerance
        active = np.zeros((2, hidden), dtype=bool)
        for jacobian, on in zip(pair, active, strict=True):
            nonzero = np.abs(jacobian) > noise
            _check_outside(jacobian, nonzero & ~inside)
            on[owner[nonzero]] = True
            # A block is one matrix, wherever it shows: keep the first copy, compare the others.
            product = np.where(inside & (on & ~shown)[owner], jacobian, product)
            shown |= on
            _check_copies(jacobian, product, owner, inside & on[owner], tolerance, noise)
        one_side = (active[0] != active[1]) & (first_seen < 0)
        first_seen[one_side] = doublings
        side[one_side] = np.where(active[0], 1, -1)[one_side]
        if (first_seen >= 0)[has_block].all():
            break
    always_on = shown & (first_seen < 0)
    return Blocks(product, owner, shown, always_on, first_seen, side, doublings, tolerance)


def split_blocks(blocks, first, second, x):
    r"""Split every block in a row of norm 1 and a column, active on the side where it was seen.

    Parameters
    ----------
    blocks : Blocks
        What the search saw.
    first, second : arrays of bool, shapes (H, n_0) and (n_2, H)
        Supports that form a multitree.
    x : numpy.ndarray, shape (n_0,)
        The point of the search.

    Returns
    -------
    list of two numpy.ndarray, shapes (H, n_0) and (n_2, H)
        The weights. A neuron that was not seen has zeros.

    Raises
    ------
    ValueError
        If a block is not of rank one, up to the tolerance.

    Notes
    -----
    The blocks fix the weights up to :math:`(w_h, v_h) \mapsto (t w_h, v_h / t)`, t not 0. The norm
    takes away :math:`|t|`, and the sign of :math:`\langle w_h, \pm x\rangle`, positive where the
    neuron was seen alone, the sign of t.

    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from openblackbox.networks import ReLUNetwork
    >>> supports = np.ones((1, 2), dtype=bool), np.ones((1, 1), dtype=bool)
    >>> network = ReLUNetwork([[[-3, 4]], [[2]]], [[1], [0]])
    >>> ask, x = SimpleNamespace(jacobians=network.jacobian), np.array([1.0, -1.0])
    >>> blocks = see_blocks(ask, x, *supports, 2.0, 40, 0.0, None)
    >>> [weight.round(6).tolist() for weight in split_blocks(blocks, *supports, x)]
    [[[-0.6, 0.8]], [[10.0]]]
    """
    rows, columns = (factor.copy() for factor in factorize(blocks.product, [first, second]).factors)
    error = np.abs(columns @ rows - blocks.product)
    worst = _relative_to_block(error, blocks.product, blocks.owner)
    if worst.max(initial=0) > blocks.tolerance:
        raise ValueError(
            f"oracle: the block of hidden neuron {worst.argmax()} in the Jacobian is not of rank "
            f"one, relative error {worst.max():.1e}: contradicts the supports"
        )
    scales = np.where(blocks.shown, np.linalg.norm(rows, axis=1), 1)
    rows, columns = rows / scales[:, None], columns * scales
    signs = np.where(blocks.side * (rows @ x) < 0, -1, 1)
    return [rows * signs[:, None], columns * signs]


def _check_outside(jacobian, excess):
    """Raise when a Jacobian has mass where no path goes."""
    if excess.any():
        output, source = np.argwhere(excess)[0]
        raise ValueError(
            f"oracle: its Jacobian has {excess.sum()} nonzero entries outside the supports, up to "
            f"{np.abs(jacobian[excess]).max():.1e}, the first at output {output}, input {source}, "
            f"which no path joins"
        )


def _check_copies(jacobian, product, owner, mask, tolerance, noise):
    """Raise when a block differs from the copy seen before."""
    error = np.where(mask, np.maximum(np.abs(jacobian - product) - noise, 0), 0)
    if not error.any():
        return
    worst = _relative_to_block(error, product, owner)
    if worst.max() > tolerance:
        raise ValueError(
            f"oracle: the block of hidden neuron {worst.argmax()} in the Jacobian changes from "
            f"point to point by {worst.max():.1e} (relative): contradicts the supports"
        )


def _relative_to_block(error, product, owner):
    """Return the largest error in every block, relative to the largest entry of the block."""
    inside = owner >= 0
    sizes = np.zeros((2, owner.max(initial=0) + 1))
    np.maximum.at(sizes[0], owner[inside], error[inside])
    np.maximum.at(sizes[1], owner[inside], np.abs(product[inside]))
    return np.divide(sizes[0], sizes[1], out=np.zeros_like(sizes[0]), where=sizes[1] > 0)
