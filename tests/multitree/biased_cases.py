"""Networks with biases, for the tests of several modules."""

import numpy as np
from openblackbox.multitree.supports import dyadic_supports, random_multitree
from openblackbox.networks import ReLUNetwork

AND = ReLUNetwork([np.eye(2), -np.ones((1, 2)), [[1.0]]], [[1.0, 1.0], [0.5], [0.0]])
"""Nonzero on a quadrant only: max(1/2 - max(x_1 + 1, 0) - max(x_2 + 1, 0), 0)."""


def biased_network(supports, rng, *, size=1.0, kind="any"):
    """Draw normal weights and biases; kind "negative": biases <= 0 from the second level on."""
    weights = [np.where(support, rng.standard_normal(support.shape), 0) for support in supports]
    biases = [size * rng.standard_normal(len(support)) for support in supports]
    if kind == "negative":
        biases[1:-1] = [-np.abs(bias) for bias in biases[1:-1]]
    return ReLUNetwork(weights, biases)


def random_case(seed, *, kind="any", largest=6):
    """Draw a butterfly or an irregular multitree, with biases of a random size."""
    rng = np.random.default_rng(seed)
    layers = int(rng.integers(1, 6))
    widths = [int(width) for width in rng.integers(1, largest + 1, layers + 1)]
    supports = dyadic_supports(min(layers, 4)) if seed % 2 else random_multitree(widths, rng=rng)
    return biased_network(supports, rng, size=10 ** rng.uniform(-2, 2), kind=kind)


def spread_points(n_inputs, count, rng, *, low=-2, high=3):
    """Draw points of all sizes, with entries of different sizes."""
    scales = 10 ** rng.uniform(low, high, (count, 1)) * 10 ** rng.uniform(-2, 2, (count, n_inputs))
    return scales * rng.standard_normal((count, n_inputs))
