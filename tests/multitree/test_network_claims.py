"""Claims of the slides on networks and products that no single module of the library settles."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.gauge import rescale
from openblackbox.multitree.supports import enumerate_paths, random_multitree
from openblackbox.networks import ReLUNetwork

MODERATE = settings(deadline=None, derandomize=True, max_examples=40)
WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=5)
SEEDS = st.integers(0, 10**6)


def dense(widths, rng):
    """A network without structure, with biases."""
    weights = [rng.normal(size=(b, a)) for a, b in pairwise(widths)]
    return ReLUNetwork(weights, [rng.normal(size=w) for w in widths[1:]])


def multitree(widths, rng):
    """A multitree network, with biases."""
    supports = random_multitree(widths, rng=rng)
    weights = [rng.normal(size=s.shape) * s for s in supports]
    return ReLUNetwork(weights, [rng.normal(size=w) for w in widths[1:]])


@pytest.mark.claim("SL-05")
@MODERATE
@given(WIDTHS, SEEDS)
def test_rescaling_hidden_neurons_keeps_the_function(widths, seed):
    rng = np.random.default_rng(seed)
    network = dense(widths, rng)
    scales = [10 ** rng.uniform(-3, 3, size=width) for width in widths[1:-1]]
    x = rng.normal(size=(6, widths[0]))
    np.testing.assert_allclose(rescale(network, scales)(x), network(x), rtol=1e-9, atol=1e-11)


@pytest.mark.claim("SL-05", counterexample=True)
def test_rescaling_the_output_changes_the_function():
    # As printed, with L = 1: D_0 = 1 and D_1 = 2 turn W_1* = 1 into D_1 W_1* / D_0 = 2.
    true, printed = ReLUNetwork([[[1.0]]]), ReLUNetwork([[[2.0]]])
    assert printed([1.0]) == 2 * true([1.0]) != true([1.0])


@pytest.mark.claim("SL-06")
@MODERATE
@given(WIDTHS, SEEDS)
def test_the_jacobian_off_the_kinks_is_the_product(widths, seed):
    rng = np.random.default_rng(seed)
    network = dense(widths, rng)
    x, v = rng.normal(size=(2, widths[0]))
    hidden = network.preactivations(x)[: network.n_layers - 1]
    product = network.weights[0]
    for z, weight in zip(hidden, network.weights[1:], strict=True):
        assert np.all(z != 0)
        product = weight @ np.diag((z > 0).astype(float)) @ product
    np.testing.assert_allclose(network.jacobian(x), product, rtol=1e-12, atol=1e-13)
    # The derivative itself: in the cell of x, f is affine, so a difference quotient is exact.
    step = 1e-3
    while any(
        np.any((a > 0) != (b > 0))
        for a, b in zip(hidden, network.preactivations(x + step * v)[: len(hidden)], strict=True)
    ):
        step /= 2
    difference = (network(x + step * v) - network(x)) / step
    np.testing.assert_allclose(difference, product @ v, atol=1e-11 / step)


@pytest.mark.claim("SL-06", counterexample=True)
def test_on_a_kink_the_product_may_differ_from_the_derivative():
    # f(x) = ReLU(x) - ReLU(-x) = x has the derivative 1 everywhere, also at 0.
    network = ReLUNetwork([[[1.0], [-1.0]], [[1.0, -1.0]]])
    x = np.linspace(-1, 1, 9)[:, None]
    np.testing.assert_array_equal(network(x), x)
    assert network.jacobian([0.0]) == 0.0  # the printed product, with the printed A
    assert network.jacobian([1e-9]) == network.jacobian([-1e-9]) == 1.0


@pytest.mark.claim("SL-08")
@MODERATE
@given(WIDTHS, SEEDS, st.booleans())
def test_an_entry_of_the_jacobian_is_its_path_or_zero(widths, seed, kink):
    rng = np.random.default_rng(seed)
    network = multitree(widths, rng)
    x = rng.normal(size=widths[0])
    if kink:  # the product of the slide is defined on the kinks too
        network = ReLUNetwork(network.weights)
        x[rng.integers(widths[0])] = 0.0
    active = [z > 0 for z in network.preactivations(x)[: network.n_layers - 1]]
    product = np.linalg.multi_dot([*network.weights[::-1], np.eye(widths[0])])
    jacobian = network.jacobian(x)
    expected = np.zeros_like(jacobian)
    seen = set()
    for start, *hidden, stop in enumerate_paths(network.supports):
        assert (start, stop) not in seen  # one path at most
        seen.add((start, stop))
        if all(on[h] for on, h in zip(active, hidden, strict=True)):
            expected[stop, start] = product[stop, start]
    np.testing.assert_allclose(jacobian, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.claim("SL-09", counterexample=True)
def test_one_product_of_two_pairs_of_factors():
    # One hidden neuron, one input, one output: a multitree. Both pairs have the product zero.
    pairs = [(np.array([[0.0]]), np.array([[1.0]])), (np.array([[1.0]]), np.array([[0.0]]))]
    products = [w2 @ w1 for w1, w2 in pairs]
    np.testing.assert_array_equal(products[0], products[1])
    # An algorithm sees the product alone. As printed, W_1^ = D W_1 and W_2^ = W_2 / D are zero
    # where W_1 and W_2 are, and only there: what it returns is wrong for one of the two.
    first, second = factorize(products[0], [[[1]], [[1]]]).factors
    right = [(first != 0) == (w1 != 0) and (second != 0) == (w2 != 0) for w1, w2 in pairs]
    assert not all(right)
    # What remains true: the product.
    np.testing.assert_array_equal(second @ first, products[0])


@pytest.mark.claim("SL-10", counterexample=True)
def test_one_product_of_two_triples_of_factors():
    # A chain of four neurons. The second weight, or the third, is zero: the product is zero.
    one, zero = np.array([[1.0]]), np.array([[0.0]])
    triples = [(one, zero, one), (one, one, zero)]
    products = [c @ b @ a for a, b, c in triples]
    np.testing.assert_array_equal(products[0], products[1])
    factors = factorize(products[0], [[[1]]] * 3).factors
    right = [
        all((found != 0) == (true != 0) for found, true in zip(factors, triple, strict=True))
        for triple in triples
    ]
    assert not all(right)
