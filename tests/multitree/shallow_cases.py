"""Networks and oracles that the tests of the recovery of one hidden layer share."""

import numpy as np
from openblackbox.multitree.supports import kronecker_supports
from openblackbox.networks import ReLUNetwork


def block_supports(p):
    """Supports of p * p inputs, neurons and outputs, in p * p blocks of size p by p."""
    return [kronecker_supports(1, p, p, p), kronecker_supports(p, p, p, 1)]


def random_network(supports, rng, *, decades=1.0, scales=0.0):
    """Draw a network with |b_h| / |w_h| over 2 * decades and |w_h| over 2 * scales decades."""
    first, second = (np.asarray(s, dtype=bool) for s in supports)
    rows = np.where(first, rng.standard_normal(first.shape), 0)
    rows *= 10 ** rng.uniform(-scales, scales, (len(first), 1))
    columns = np.where(second, rng.standard_normal(second.shape), 0)
    size = 10 ** rng.uniform(-decades, decades, len(first)) * np.linalg.norm(rows, axis=1)
    signs = rng.choice([-1, 1], len(first))
    return ReLUNetwork([rows, columns], [signs * size, rng.standard_normal(len(second))])


def normalized(network, seen=None):
    """Return the parameters with rows of norm 1, and zeros for the neurons that are not seen."""
    (rows, columns), (hidden, output) = network.weights, network.biases
    seen = np.ones(len(rows), dtype=bool) if seen is None else seen
    norms = np.where(seen, np.linalg.norm(rows, axis=1), 1)
    return (
        rows / norms[:, None] * seen[:, None],
        columns * norms * seen,
        hidden / norms * seen,
        output,
    )


class Recorder:
    """An oracle that keeps every point it was asked about, and may change the answers.

    ``change(kind, points, answer)`` returns the answer given; kind is "value" or "jacobian".
    """

    def __init__(self, network, change=None):
        self.network, self.change = network, change or (lambda kind, points, answer: answer)
        self.n_inputs, self.n_outputs = network.n_inputs, network.n_outputs
        self.values, self.jacobians = [], []

    def __call__(self, x):
        self.values.append(np.array(x))
        return self.change("value", x, self.network(x))

    def jacobian(self, x):
        self.jacobians.append(np.array(x))
        return self.change("jacobian", x, self.network.jacobian(x))

    def jvp(self, x, v):
        raise AssertionError("only values and Jacobians may be asked")

    vjp = jvp
