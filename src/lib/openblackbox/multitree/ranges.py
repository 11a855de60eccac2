r"""What values the neurons of a multitree network with biases can take, and where they are seen.

In a multitree the parents of a neuron read disjoint sets of inputs, so their values are
independent, and interval arithmetic, elsewhere a rough bound, is exact.
"""

import numpy as np

from openblackbox.multitree.supports import check_multitree

__all__ = ["bias_alive", "preactivation_ranges", "seen_states", "useful_with_biases"]


def preactivation_ranges(network):
    r"""Return the exact range of every pre-activation over all inputs.

    .. math::

       \underline z_h = b_h + \sum_p \inf_{y \in J_p} W_{hp}\, y, \qquad
       \overline z_h = b_h + \sum_p \sup_{y \in J_p} W_{hp}\, y, \qquad
       J_p = \mathrm{ReLU}([\underline z_p, \overline z_p]),

    where p runs over the parents of h, and an input has :math:`J = \mathbb R`.

    Parameters
    ----------
    network : ReLUNetwork
        A multitree, with biases.

    Returns
    -------
    tuple of L arrays, shapes (n_l, 2)
        Infimum and supremum, possibly infinite, for the levels 1 to L.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.

    Notes
    -----
    Every value strictly between the two bounds is attained, and a finite bound is attained too. So
    a hidden neuron can be active if and only if its supremum is positive, and is never inactive if
    and only if its infimum is positive, or 0 as the value of a neuron that only rests.

    Cost: one look at every weight, and the multitree test.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[1.0]], [[-2.0]], [[1.0]]], [[0.0], [3.0], [1.0]])
    >>> [level.tolist() for level in preactivation_ranges(network)]
    [[[-inf, inf]], [[-inf, 3.0]], [[1.0, 4.0]]]
    """
    check_multitree(network.supports)
    low = np.full(network.n_inputs, -np.inf)
    high = -low
    levels = []
    for weight, bias in zip(network.weights, network.biases, strict=True):
        ends = _times(weight, low), _times(weight, high)
        low = bias + np.minimum(*ends).sum(axis=1)
        high = bias + np.maximum(*ends).sum(axis=1)
        levels.append(np.stack([low, high], axis=1))
        low, high = np.maximum(low, 0), np.maximum(high, 0)
    return tuple(levels)


def bias_alive(network):
    r"""Tell which hidden neurons can be active only thanks to biases.

    .. math:: \overline z_h > 0 \text{ in the network, but not in the network without its biases}

    Parameters
    ----------
    network : ReLUNetwork
        A multitree, with biases.

    Returns
    -------
    tuple of L - 1 bool arrays
        For the hidden levels 1 to L - 1.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.

    Notes
    -----
    What such a neuron computes is bounded. It leaves no trace in the Jacobian far from the origin,
    in almost every direction.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[1.0]], [[-2.0]], [[1.0]]], [[0.0], [3.0], [1.0]])
    >>> [level.tolist() for level in bias_alive(network)]
    [[False], [True]]
    """
    from openblackbox.networks import ReLUNetwork

    bare = preactivation_ranges(ReLUNetwork(network.weights))
    full = preactivation_ranges(network)
    return tuple(
        (one[:, 1] > 0) & ~(other[:, 1] > 0) for one, other in zip(full, bare, strict=True)
    )[:-1]


def useful_with_biases(network):
    r"""Tell which hidden neurons lie on an activatable path of a network with biases.

    Parameters
    ----------
    network : ReLUNetwork
        A multitree, with biases.

    Returns
    -------
    tuple of L - 1 bool arrays
        For the hidden levels 1 to L - 1.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.

    Notes
    -----
    A path is activatable, with biases as without, when its weights are nonzero and the suprema of
    its hidden neurons positive.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> weights = [[[1.0]], [[-2.0]], [[1.0]]]
    >>> for bias in (3.0, -3.0):
    ...     network = ReLUNetwork(weights, [[0.0], [bias], [1.0]])
    ...     print([level.tolist() for level in useful_with_biases(network)])
    [[True], [True]]
    [[False], [False]]
    """
    alive = [bounds[:, 1] > 0 for bounds in preactivation_ranges(network)[:-1]]
    edges = network.supports
    reached = np.ones(network.n_inputs, dtype=bool)
    useful = []
    for level, edge in zip(alive, edges, strict=False):
        reached = level & (edge & reached).any(axis=1)
        useful.append(reached)
    reached = np.ones(network.n_outputs, dtype=bool)
    for layer in range(len(useful) - 1, -1, -1):
        useful[layer] = reached = useful[layer] & edges[layer + 1][reached].any(axis=0)
    return tuple(useful)


def seen_states(network):
    r"""Tell which hidden neurons the outputs see active, and which they see inactive.

    A neuron h is seen at x when the hidden neurons after h, on a path of nonzero weights from h
    to some output, are all active at x. What h computes then reaches that output.

    Parameters
    ----------
    network : ReLUNetwork
        A multitree, with biases.

    Returns
    -------
    on, off : tuples of L - 1 bool arrays
        For the hidden levels 1 to L - 1: whether h is seen with :math:`z_h > 0` at some x, and
        with :math:`z_h < 0` at some x.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.

    Notes
    -----
    The bias of a neuron that is seen in both states is determined by the function, up to the scale
    of the neuron, once the biases of its ancestors are. A neuron seen only active passes its bias
    on: it can be moved to its children, towards the outputs. A neuron never seen active
    contributes nothing.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> weights = [[[1.0]], [[2.0]], [[1.0]]]
    >>> for bias in (-3.0, 3.0):
    ...     on, off = seen_states(ReLUNetwork(weights, [[1.0], [bias], [0.0]]))
    ...     print([level.tolist() for level in on], [level.tolist() for level in off])
    [[True], [True]] [[False], [True]]
    [[True], [True]] [[True], [False]]
    """
    ranges = preactivation_ranges(network)
    windows = [[_Window(-np.inf, np.inf)] for _ in ranges[-1]]
    on, off = [], []
    for layer in range(network.n_layers - 1, 0, -1):
        weight, bias = network.weights[layer], network.biases[layer]
        active = np.maximum(ranges[layer - 1], 0)
        ends = _times(weight, active[:, 0]), _times(weight, active[:, 1])
        shares = np.stack([np.minimum(*ends), np.maximum(*ends)])
        below = [[] for _ in range(weight.shape[1])]
        for child, parent in np.argwhere(weight):
            # What the other parents of the child can add to it, its bias included.
            others = bias[child] + np.delete(shares[:, child], parent, axis=1).sum(axis=1)
            below[parent] += [w.back(weight[child, parent], *others) for w in windows[child]]
        # Values out of the range of a neuron need not be removed: nothing leads from them to it.
        values = [
            [w.within(*ends) for w in ws] for ws, ends in zip(below, ranges[layer - 1], strict=True)
        ]
        on.append(np.array([any(w.high > 0 for w in ws if not w.empty) for ws in values], bool))
        off.append(np.array([any(w.low < 0 for w in ws if not w.empty) for ws in values], bool))
        windows = [[w.active() for w in ws if w.high > 0] for ws in below]
    return tuple(on[::-1]), tuple(off[::-1])


def _times(weight, values):
    """Return the products of weights and values, where 0 times infinity is 0."""
    with np.errstate(invalid="ignore"):
        return np.where(weight == 0, 0, weight * values)


class _Window:
    """An interval of values of a pre-activation, whose ends may be excluded."""

    def __init__(self, low, high, low_open=False, high_open=False):
        self.low, self.high, self.low_open, self.high_open = low, high, low_open, high_open

    @property
    def empty(self):
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def within(self, low, high):
        """Intersect with a closed interval."""
        return _Window(
            max(self.low, low),
            min(self.high, high),
            self.low_open and self.low >= low,
            self.high_open and self.high <= high,
        )

    def active(self):
        """Intersect with the positive numbers."""
        if self.low > 0:
            return self
        return _Window(0.0, self.high, True, self.high_open)

    def back(self, weight, low, high):
        """Return the z with: weight ReLU(z) + o is in the window, for some low <= o <= high."""
        ends = [
            ((self.low - high) / weight, self.low_open),
            ((self.high - low) / weight, self.high_open),
        ]
        (least, least_open), (most, most_open) = ends if weight > 0 else ends[::-1]
        if most < 0 or (most == 0 and most_open):
            return _Window(1, 0)
        if least < 0 or (least == 0 and not least_open):
            least, least_open = -np.inf, False  # ReLU(z) = 0 for every z <= 0
        return _Window(least, most, least_open, most_open)
