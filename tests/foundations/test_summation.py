"""Rounding errors of networks against exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from openblackbox.foundations.summation import absolute_sum, rounding_bound, sum_in_order
from openblackbox.foundations.width import relu_network
from openblackbox.networks import ReLUNetwork


def exact_value(network, x):
    """Evaluate in fractions."""
    neurons = zip(network.weights[1][0], network.weights[0][:, 0], network.biases[0], strict=True)
    return sum(
        Fraction(eta) * max(Fraction(w) * Fraction(x) + Fraction(b), 0) for eta, w, b in neurons
    )


def some_network(n, seed):
    rng = np.random.default_rng(seed)
    knots = np.r_[-1, np.sort(rng.uniform(-1, 1, n - 1)), 1]
    order = "centre" if seed % 2 else "left"
    return relu_network(knots, rng.standard_normal(n + 1), radius=1, order=order)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_error_is_below_the_bound(seed, dtype):
    network = some_network(25, seed)
    x = np.random.default_rng(9).uniform(-1, 1, 40).astype(dtype)
    truth = [exact_value(network, float(t)) for t in x]
    error = np.abs([float(Fraction(float(y)) - t)
                    for y, t in zip(sum_in_order(network, x, dtype=dtype), truth,
                                    strict=True)])  # fmt: skip
    bound = rounding_bound(network, x, dtype=dtype)
    assert (error <= bound).all()
    assert error.max() > bound.max() / 1e4


def test_the_sum_is_the_one_that_is_written():
    # 1 + 2^-24 is 1 in float32, twice; added the other way round nothing is lost.
    weights = np.ones((3, 1))
    for outer, expected in (([1, 2**-24, 2**-24], 1), ([2**-24, 2**-24, 1], 1 + 2**-23)):
        network = ReLUNetwork([weights, np.array([outer], float)], [np.zeros(3), np.zeros(1)])
        result = sum_in_order(network, [1.0])
        assert result.dtype == np.float32
        assert result[0] == expected
        assert sum_in_order(network, [1.0], dtype=np.float64)[0] == 1 + 2**-23
    assert sum_in_order(network, [1.0], order=[2, 0, 1])[0] == 1
    for bad in ([0, 1], [0, 1, 1], [0, 1, 3]):
        with pytest.raises(ValueError, match="order: expected the numbers from 0 to 2"):
            sum_in_order(network, [1.0], order=bad)
    network = some_network(8, 0)
    x = np.linspace(-1, 1, 7)
    assert np.allclose(
        sum_in_order(network, x, dtype=np.float64), network(x[:, None])[:, 0], atol=1e-13
    )


def test_the_numbers_by_hand():
    network = ReLUNetwork(
        [np.array([[1.0], [-1.0], [1.0]]), np.array([[2.0, -3.0, 5.0]])],
        [np.array([0.5, 1.0, -1.0]), np.zeros(1)],
    )
    assert absolute_sum(network, [0.0, 1.0, -1.0]).tolist() == [4, 3, 6]
    unit = 2.0**-24
    gamma = 5 * unit / (1 - 5 * unit)
    expected = gamma * np.array([4, 3]) + (1 + gamma) * unit * (1 + 3 + 5)
    assert np.allclose(rounding_bound(network, [0.0, 1.0]), expected, rtol=1e-12, atol=0)


def test_the_absolute_sum_of_a_zigzag():
    # Naive: k^2 at the right end. From the centre: a quarter of it.
    for k in (8, 64):
        knots, values = np.linspace(-1, 1, k + 1), np.arange(k + 1) % 2
        left = relu_network(knots, values, radius=1, order="left")
        centre = relu_network(knots, values, radius=1)
        x = np.linspace(-1, 1, 401)
        assert absolute_sum(left, x).max() == pytest.approx(k * (k - 1) + k / 2 * 2, rel=1e-12)
        ends = absolute_sum(centre, [-1.0, 1.0])
        inner = k * np.sum(1 - np.abs(knots[1:-1]))
        assert ends.sum() >= inner


def test_outwards_is_within_a_factor_of_five():
    # Every network that equals f has max S >= max(B, max|f|); the outward one <= max|f| + 4 B.
    rng = np.random.default_rng(1)
    ends = [-2.0, 2.0]  # S is convex
    for n in (2, 3, 6, 20):
        for _ in range(20):
            knots = np.r_[-2, np.sort(rng.uniform(-2, 2, n - 1)), 2]
            values = rng.standard_normal(n + 1)
            outwards = relu_network(knots, values, radius=2)
            inner, jumps = knots[1:-1], np.diff(np.diff(values) / np.diff(knots))
            B, size = np.abs(jumps) @ (2 - np.abs(inner)) / 2, np.abs(values).max()
            largest = absolute_sum(outwards, ends).max()
            assert largest <= (size + 4 * B) * (1 + 1e-12)
            # Some other networks that are f: sides at random, and one kink split into two.
            for _ in range(5):
                sides = rng.choice([-1.0, 1.0], n - 1)
                split = rng.normal(0, 3)
                outer = np.r_[jumps, split * jumps[0], -split * jumps[0]]
                weights, places = np.r_[sides, 1, 1], np.r_[inner, inner[0], inner[0]]
                hidden = np.maximum(np.multiply.outer(ends, weights) - weights * places, 0)
                rest = values[[0, -1]] - hidden @ outer  # at -M and M
                network = ReLUNetwork(
                    [np.r_[weights, 1, -1][:, None], np.r_[outer, rest[1] / 4, rest[0] / 4][None]],
                    [np.r_[-weights * places, 2, 2], np.zeros(1)],
                )
                assert np.allclose(network(knots[:, None])[:, 0], values, rtol=0, atol=1e-9 * B)
                other = absolute_sum(network, ends).max()
                assert other >= max(B, size) * (1 - 1e-12)
                assert largest <= 5 * other * (1 + 1e-12)


def test_adding_by_sign_goes_through_the_largest_partial_sums():
    # The sum of the negative terms is -(S - f) / 2; no partial sum of any order is below it.
    knots, values = np.linspace(-1, 1, 41), np.arange(41) % 2
    for side in ("left", "centre"):
        network = relu_network(knots, values, radius=1, order=side)
        outer, x = network.weights[1][0], np.array([1.0, -0.97, 0.33])
        lowest = -(absolute_sum(network, x) - network(x[:, None])[:, 0]) / 2
        terms = outer * np.maximum(np.multiply.outer(x, network.weights[0][:, 0])
                                   + network.biases[0], 0)  # fmt: skip
        by_sign = np.add.accumulate(terms[:, np.argsort(outer > 0, kind="stable")], axis=1)
        assert np.allclose(by_sign[:, np.sum(outer < 0) - 1], lowest, rtol=1e-12)
        shuffled = np.random.default_rng(0).permutation(len(outer))
        for order in (np.arange(len(outer)), shuffled):
            partial = np.add.accumulate(terms[:, order], axis=1)
            assert (partial.min(axis=1) >= lowest - 1e-9).all()


def test_other_networks_are_refused():
    two = ReLUNetwork([np.ones((3, 2)), np.ones((1, 3))])
    biased = ReLUNetwork([np.ones((3, 1)), np.ones((1, 3))], [np.zeros(3), np.ones(1)])
    for bad in (two, biased):
        for function in (absolute_sum, sum_in_order, rounding_bound):
            with pytest.raises(ValueError, match="network: expected one input"):
                function(bad, [0.5])
    scaled = ReLUNetwork([np.array([[2.0]]), np.ones((1, 1))])
    with pytest.raises(ValueError, match="hidden weights 1 or -1"):
        rounding_bound(scaled, [0.5])
    wide = ReLUNetwork([np.ones((2046, 1)), np.ones((1, 2046))])
    with pytest.raises(ValueError, match="too many"):
        rounding_bound(wide, [0.5], dtype=np.float16)
