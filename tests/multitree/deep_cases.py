"""Networks without biases that deep recovery is tried on, and oracles that watch."""

import numpy as np
from openblackbox.multitree.alive import masked_factors, useful_neurons
from openblackbox.multitree.deep_study import LAWS
from openblackbox.multitree.reach import Graph
from openblackbox.multitree.sketch import Sketcher
from openblackbox.multitree.supports import dyadic_supports, random_multitree


def weights_on(supports, rng, *, law="gaussian", zeros=0.0):
    """Draw dense weights on given supports."""
    return [
        s * LAWS[law](s.size, rng).reshape(s.shape) * (rng.random(s.shape) >= zeros)
        for s in map(np.asarray, supports)
    ]


def irregular(seed):
    """Draw a small multitree: dead ends, neurons without inputs, widths from 1, 1 to 6 layers."""
    rng = np.random.default_rng([77, seed])
    widths = [int(width) for width in rng.integers(1, 7, int(rng.integers(2, 8)))]
    density = [1.0, 0.7][seed % 2]
    return random_multitree(widths, rng=rng, density=density, parents=bool(seed % 3)), rng


def cases(count, *, start=0):
    """Yield supports, weights, a generator: butterflies and irregular multitrees, dead layers."""
    for seed in range(start, start + count):
        supports, rng = irregular(seed)
        if seed % 4 == 0:
            supports = dyadic_supports(1 + seed // 4 % 5)
        law = list(LAWS)[seed % 3]
        weights = weights_on(supports, rng, law=law, zeros=0.25 * (seed % 5 == 0))
        if seed % 11 == 0:
            weights[int(rng.integers(len(weights)))][:] = 0
        yield supports, weights, rng


def product(weights):
    """Multiply the layers."""
    result = np.asarray(weights[0])
    for weight in weights[1:]:
        result = weight @ result
    return result


def dense(network):
    """Return the weights of a sparse network as arrays."""
    return [weight.toarray() for weight in network.weights]


def assert_exact(found, weights, rtol=1e-9):
    """Assert that a recovery found the function: the masked product, entry by entry."""
    true, mine = product(masked_factors(weights)), product(dense(found.network))
    assert np.array_equal(true == 0, mine == 0)
    assert np.allclose(mine, true, rtol=rtol, atol=0)
    for got, expected in zip(found.useful, useful_neurons(weights), strict=True):
        assert np.array_equal(got, expected)


def visible(network, x):
    """Return the visible edges: a plain and fast `visible_edges`."""
    some, every = np.ones(network.n_inputs, dtype=bool), np.ones(network.n_outputs, dtype=bool)
    active = [some, *network.activation_pattern(x), every]
    below, above = [some], [every]
    edges = [weight != 0 for weight in network.weights]
    for edge, on in zip(edges, active[1:], strict=True):
        below.append(on & (edge & below[-1]).any(axis=1))
    for edge, on in zip(edges[::-1], active[-2::-1], strict=True):
        above.insert(0, on & (edge & above[0][:, None]).any(axis=0))
    return [e & a[:, None] & b for e, a, b in zip(edges, above[1:], below, strict=False)]


def sketcher_of(network, supports, rng, **options):
    return Sketcher(network, Graph(supports), rng=rng, **options)


class Watched:
    """An oracle that writes down what it is asked, and may answer in another form."""

    def __init__(self, oracle, form=lambda answer: answer):
        self.oracle, self.form = oracle, form
        self.n_inputs, self.n_outputs = oracle.n_inputs, oracle.n_outputs
        self.dtype = getattr(oracle, "dtype", np.float64)
        self.asked = []

    def _answer(self, name, *arrays):
        self.asked.append((name, tuple(np.shape(array) for array in arrays)))
        return self.form(getattr(self.oracle, name)(*arrays))

    def __call__(self, x):
        return self._answer("__call__", x)

    def jacobian(self, x):
        return self._answer("jacobian", x)

    def jvp(self, x, v):
        return self._answer("jvp", x, v)

    def vjp(self, x, u):
        return self._answer("vjp", x, u)
