r"""The biases of a network with one hidden layer, by switching neurons on one at a time.

The neurons that feed one output of a multitree read disjoint sets of inputs, so each of them can be
set on or off without the others noticing.
"""

import numpy as np

__all__ = ["isolate_biases", "parallel_outputs"]

REFINEMENTS = 2
"""How many times a bias is read again, closer to its kink."""

MARGIN = 8.0
"""A bias is read again when its offset exceeds so many times its size."""


def parallel_outputs(first, second):
    r"""Group outputs fed by the same neurons, and groups that can be set at the same time.

    Parameters
    ----------
    first, second : arrays of bool, shapes (H, n_0) and (n_2, H)
        Supports that form a multitree.

    Returns
    -------
    groups, rounds : two numpy.ndarray of int, shape (n_2,)
        The group and the round of every output. Two outputs of one group are fed by the same
        hidden neurons; two groups of one round read disjoint sets of inputs.

    Notes
    -----
    A greedy colouring of the conflicts between sets of hidden neurons. One output is always
    consistent with itself: in a multitree two neurons that feed it share no input.

    Defined in the chapter One hidden layer.

    Examples
    --------
    Outputs 0 and 1 read different inputs, output 2 the inputs of output 0 by another neuron.

    >>> import numpy as np
    >>> first = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 0]], dtype=bool)
    >>> second = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)
    >>> parallel_outputs(first, second)[1]
    array([0, 0, 1])
    """
    sets, groups = np.unique(np.asarray(second, dtype=bool), axis=0, return_inverse=True)
    groups = groups.ravel()
    reads = (sets.astype(float) @ np.asarray(first, dtype=float)) > 0
    taken, round_of = [], np.full(len(sets), -1)
    for group in dict.fromkeys(groups.tolist()):  # in the order of the outputs
        free = [not (busy & reads[group]).any() for busy in taken]
        if not any(free):
            taken.append(np.zeros(first.shape[1], dtype=bool))
            free.append(True)
        round_of[group] = free.index(True)
        taken[round_of[group]] |= reads[group]
    return groups, round_of[groups]


def isolate_biases(ask, weights, offsets, blocks, first, second):
    r"""Read the hidden and the output biases off values of f at designed points.

    Parameters
    ----------
    ask : object with a method ``values``
        Answers a batch of points with checked values of f.
    weights : two arrays, shapes (H, n_0) and (n_2, H)
        The recovered weights; rows of norm 1.
    offsets : numpy.ndarray, shape (H,)
        For every neuron seen a number :math:`p_h > |b_h|`.
    blocks : Blocks
        What the search saw.
    first, second : arrays of bool, shapes (H, n_0) and (n_2, H)
        Supports that form a multitree.

    Returns
    -------
    tuple of two numpy.ndarray, shapes (H,) and (n_2,)
        :math:`b`, with 0 for the neurons that were not seen on exactly one side, and
        :math:`b_2`, which holds the values of those that are always active.

    Raises
    ------
    ValueError
        If a value contradicts the certificate :math:`|b_h| \le p_h`.

    Notes
    -----
    With :math:`y_0 = -\sum_h p_h w_h` over the neurons that feed output j, all are off and
    :math:`f_j(y_0) = b_{2,j}`. Replacing :math:`-p_h` by :math:`+p_h` switches h alone on:
    :math:`f_j(y_1) = b_{2,j} + W_2[j,h] (p_h + b_h)`. The rounding error of :math:`b_h` is about
    the unit roundoff times :math:`p_h + |b_{2,j}| / |W_2[j,h]|`; j is chosen to make it small, and
    :math:`p_h` is lowered to twice what is then known of :math:`|b_h|`, where this is much less.

    Cost: one evaluation for each round of `parallel_outputs`, and one for each neuron that is
    switched on, neurons of outputs that read disjoint inputs sharing theirs.

    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from openblackbox.networks import ReLUNetwork
    >>> supports = np.eye(2, dtype=bool), np.ones((1, 2), dtype=bool)
    >>> network = ReLUNetwork([np.eye(2), [[3, 4]]], [[-1, 5], [7]])
    >>> seen = SimpleNamespace(first_seen=np.array([0, 2]), tolerance=1e-8)
    >>> ask, offsets = SimpleNamespace(values=network), np.array([4.0, 16.0])
    >>> bias, output_bias = isolate_biases(ask, network.weights, offsets, seen, *supports)
    >>> bias.round(6), output_bias
    (array([-1.,  5.]), array([7.]))
    """
    rows, columns = weights
    groups, rounds = parallel_outputs(first, second)
    # members[r, h]: neuron h is set in round r.
    members = np.zeros((rounds.max() + 1, len(first)), dtype=bool)
    np.logical_or.at(members, rounds, second)
    settled = blocks.first_seen >= 0
    off = members * np.where(settled, -offsets, 0)
    zero = ask.values(off @ rows)
    output_bias = zero[rounds, np.arange(len(second))].astype(float)
    output = _best_outputs(columns, offsets, output_bias)
    unit = 16 * np.finfo(zero.dtype).eps
    bias, todo, p = np.zeros(len(first)), np.flatnonzero(settled), offsets.copy()
    for _ in range(1 + REFINEMENTS):
        if not todo.size:
            break
        j = output[todo]
        point, round_of_point = _schedule(groups[j], rounds[j])
        points = off[round_of_point]
        points[point, todo] = p[todo]
        values = ask.values(points @ rows)[point, j].astype(float)
        slope = columns[j, todo]
        bias[todo] = (values - output_bias[j]) / slope - p[todo]
        error = unit * (p[todo] + (np.abs(values) + np.abs(output_bias[j])) / np.abs(slope))
        _check_certificate(todo, np.abs(bias[todo]) - error, p[todo], blocks.tolerance)
        size = np.abs(bias[todo]) + error
        again = p[todo] > MARGIN * size
        todo, size = todo[again], size[again]
        p[todo] = 2 * size
    return bias, output_bias


def _best_outputs(columns, offsets, output_bias):
    """Return for every neuron the output that reads its bias with the smallest rounding error."""
    slopes = np.abs(columns)
    cost = np.abs(output_bias)[:, None] + slopes * offsets
    return np.argmax(np.divide(slopes, cost, out=np.zeros_like(slopes), where=cost > 0), axis=0)


def _schedule(groups, rounds):
    """Return the point of every task, and the round of every point.

    Tasks of one group get different points, tasks of different groups of one round share them.
    """
    order = np.argsort(groups, kind="stable")
    rank = np.empty(len(groups), dtype=int)
    rank[order] = np.arange(len(groups)) - np.searchsorted(groups[order], groups[order])
    lengths = np.zeros(rounds.max(initial=-1) + 1, dtype=int)
    np.maximum.at(lengths, rounds, rank + 1)
    starts = np.cumsum(lengths) - lengths
    return starts[rounds] + rank, np.repeat(np.arange(len(lengths)), lengths)


def _check_certificate(neurons, size, p, tolerance):
    """Raise when a bias is larger than the Jacobians allow."""
    wrong = size > p * (1 + tolerance)
    if wrong.any():
        worst = neurons[wrong][0]
        raise ValueError(
            f"oracle: its values contradict its Jacobians, the bias of hidden neuron {worst} would "
            f"be {size[wrong][0]:.1e} while the Jacobians bound it by {p[wrong][0]:.1e}"
        )
