r"""Where to ask for the biases of a multitree network: far points that show one neuron each.

A *try* is a hidden neuron h and an output j that it reaches. Two points belong to it. They differ
in the inputs of h, with signs that drive h up at the one and down at the other; all other inputs
have the signs that drive up the neuron at which they join the path from h to j.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.agreement import term_sizes
from openblackbox.multitree.alive import alive_neurons
from openblackbox.networks import ReLUNetwork

__all__ = ["BiasPlan", "Tries"]

SPREADS = 2.0 ** np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32])
"""Ratios tried between the inputs that join a path at one level and those that join before."""


@dataclass(frozen=True)
class Tries:
    r"""Tries of the hidden neurons of a level.

    Parameters
    ----------
    level : int
        The level of the neurons, from 1.
    neurons, outputs : arrays of int, shape (k,)
        h and j of every try.
    signs : array of shape (k, n_0)
        The direction of the upper point, with entries -1, 0 and 1.
    stages : array of int, shape (k, n_0)
        0 for the inputs of h, and the number of layers after h where another input joins.
    spreads : array of shape (k,)
        An input of stage m is multiplied by the m-th power of the spread.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.
    """

    level: int
    neurons: np.ndarray
    outputs: np.ndarray
    signs: np.ndarray
    stages: np.ndarray
    spreads: np.ndarray

    def points(self, scale):
        """Return the upper and the lower points, two arrays of shape (k, n_0)."""
        upper = self.signs * self.spreads[:, None] ** self.stages * np.reshape(scale, (-1, 1))
        return upper, np.where(self.stages == 0, -upper, upper)

    def only(self, chosen):
        """Return some of the tries."""
        arrays = (self.neurons, self.outputs, self.signs, self.stages, self.spreads)
        return Tries(self.level, *(array[chosen] for array in arrays))

    def best(self, values):
        """Return the positions of the tries whose value is the largest of their neuron."""
        order = np.lexsort((values, self.neurons))
        return order[np.diff(self.neurons[order], append=-1) != 0]


class BiasPlan:
    r"""The tries of a network with known weights.

    Parameters
    ----------
    weights : sequence of L arrays
        First layer first, of a multitree.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.
    ValueError
        If a hidden neuron has weights on both sides and is dead without biases.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.
    """

    def __init__(self, weights):
        """Compute the signs of the paths from the inputs and the products to the outputs."""
        self.weights = ReLUNetwork(weights).weights
        self.n_layers = len(self.weights)
        for level, alive in enumerate(alive_neurons(self.weights), start=1):
            dead = ~alive & self.weights[level - 1].any(axis=1) & self.weights[level].any(axis=0)
            if dead.any():
                raise ValueError(
                    f"weights: neuron {int(np.flatnonzero(dead)[0])} of level {level} is dead "
                    "without biases; give it weights 0"
                )
        # At most one path joins two neurons: a product of signs cannot cancel.
        self.signs = [np.eye(self.weights[0].shape[1])]
        for weight in self.weights:
            self.signs.append(np.sign(weight) @ self.signs[-1])
        self.products = [np.eye(len(self.weights[-1]))]
        for weight in self.weights[:0:-1]:
            self.products.insert(0, self.products[0] @ weight)
        self.products.insert(0, None)

    def network(self, biases):
        """Return the network with these biases."""
        return ReLUNetwork(self.weights, biases)

    def tries(self, level):
        """Return the tries of a hidden level: one for a neuron when one is enough."""
        seen = [self._outputs(level, h) for h in range(len(self.weights[level - 1]))]
        pairs = [(h, j) for h, (outputs, _) in enumerate(seen) for j in outputs]
        neurons, outputs = np.array(pairs, dtype=int).reshape(-1, 2).T
        signs = np.zeros((len(pairs), self.weights[0].shape[1]))
        stages = np.zeros(signs.shape, dtype=int)
        for row, (h, j) in enumerate(pairs):
            self._direct(level, h, j, signs[row], stages[row])
        tries = Tries(level, neurons, outputs, signs, stages, np.full(len(pairs), SPREADS[-1]))
        bare = self.network(None)
        for spread in SPREADS[-2::-1]:
            other = Tries(level, neurons, outputs, signs, stages, np.full(len(pairs), spread))
            errors = np.abs(self.read(bare, other, 1))
            good = errors <= np.abs(self.received(bare, other, 1)) / 2**20
            tries.spreads[good] = spread
        one_is_enough = np.array([enough for _, enough in seen], dtype=bool)[neurons]
        sharpest = tries.best(-self.rounding(bare, tries, 1))
        return tries.only(np.union1d(np.flatnonzero(~one_is_enough), sharpest))

    def received(self, network, tries, scale):
        """Return what the neurons receive from their parents at the upper points."""
        upper = tries.points(scale)[0]
        rows = np.arange(len(upper))
        z = network.preactivations(upper)[tries.level - 1][rows, tries.neurons]
        return z - network.biases[tries.level - 1][tries.neurons]

    def rise(self, oracle, tries, scale):
        """Return by how much the outputs rise, over the product; 2 values each."""
        values = oracle(np.concatenate(tries.points(scale)))
        rows = np.arange(len(tries.neurons))
        rise = (values[: rows.size] - values[rows.size :])[rows, tries.outputs]
        return rise / self.products[tries.level][tries.outputs, tries.neurons]

    def read(self, network, tries, scale):
        """Return the biases that the tries read in a known network."""
        return self.rise(network, tries, scale) - self.received(network, tries, scale)

    def rounding(self, network, tries, scale):
        """Return the size of the terms that are added up where a bias is read."""
        sizes = term_sizes(network, tries.points(scale)[0])
        products = self.products[tries.level][tries.outputs, tries.neurons]
        return sizes[np.arange(len(sizes)), tries.outputs] / np.abs(products)

    def doubt(self, network, tries, scale):
        """Return how far a bias that was read at a scale may be off, by rounding."""
        return 2.0**-42 * self.rounding(network, tries, scale)

    def near(self, network, tries, scales):
        """Return for every try a small scale at which it reads what it reads at the given one.

        The network is right up to what was read at the given scales, and up to rounding there. The
        signals must stay well above that.
        """
        values = self.read(network, tries, scales)
        doubt = np.abs(values) / 2**30 + self.doubt(network, tries, scales)
        nearest = scales
        going = np.ones(len(values), dtype=bool)
        for _ in range(40):
            nearer = np.where(going, nearest / 4, nearest)
            going &= np.abs(self.read(network, tries, nearer) - values) <= doubt
            going &= np.abs(self.received(network, tries, nearer)) >= 16 * doubt
            nearest = np.where(going, nearer, nearest)
        return np.minimum(4 * nearest, scales)

    def _outputs(self, level, h):
        """Return outputs to try, and whether one of them is enough."""
        products = self.products[level]
        reached = np.flatnonzero(products[:, h])
        if level + 1 == self.n_layers:
            return reached, True
        # A neuron sees its parent h inactive where another parent switches it on.
        after = self.weights[level]
        others = (after > 0).sum(axis=1) - (after[:, h] > 0)
        witnesses = np.flatnonzero((after[:, h] != 0) & (others > 0))
        through = reached[self.products[level + 1][np.ix_(reached, witnesses)].any(axis=1)]
        return (through, True) if through.size else (reached, False)

    def _direct(self, level, h, j, signs, stages):
        """Fill the directions of a try: up the path from h to j, the inputs of each neuron."""
        signs[:] = self.signs[level][h]
        for after in range(level + 1, self.n_layers):
            way = (self.weights[after - 1][:, h] != 0) & (self.products[after][j] != 0)
            h = int(np.flatnonzero(way)[0])
            joining = (signs == 0) & (self.signs[after][h] != 0)
            signs[joining] = self.signs[after][h][joining]
            stages[joining] = after - level
