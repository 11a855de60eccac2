"""Starts of students, balance, and the relative error."""

import numpy as np
import pytest
from openblackbox.multitree.gauge import gauge_distance, rescale
from openblackbox.multitree.students import (
    balanced,
    perturbed_starts,
    random_starts,
    relative_error,
)
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.multitree.teachers import random_butterfly
from openblackbox.networks import ReLUNetwork


def test_random_starts_follow_the_law_of_he():
    supports = [np.ones((3, 8)), np.array([[1, 1, 0], [0, 0, 0]])]
    first, last = random_starts(supports, 4000, rng=np.random.default_rng(0))
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(first, 0.5 * rng.standard_normal((4000, 3, 8)), rtol=1e-13)
    g = rng.standard_normal((4000, 2, 3))
    np.testing.assert_allclose(last[:, 0, :2], g[:, 0, :2], rtol=1e-13)  # 2 inputs: N(0, 1)
    assert not last[:, 1].any()
    assert not last[:, 0, 2].any()


def test_perturbed_starts_change_each_weight_relatively():
    network = ReLUNetwork([[[2.0, 0.0], [1.0, -3.0]], [[5.0, 1.0]]])
    first, last = perturbed_starts(network, 0.25, 3, rng=np.random.default_rng(1))
    rng = np.random.default_rng(1)
    change = 1 + 0.25 * rng.standard_normal((3, 2, 2))
    np.testing.assert_allclose(first, change * network.weights[0], rtol=1e-13)
    assert last.shape == (3, 1, 2)
    assert not first[:, 0, 1].any()


@pytest.mark.parametrize("depth", [2, 4])
def test_balanced_is_the_same_function_with_equal_sizes(depth):
    network = random_butterfly(depth, rng=np.random.default_rng(2))
    rng = np.random.default_rng(3)
    moved = rescale(network, [10 ** rng.uniform(-2, 2, 2**depth) for _ in range(depth - 1)])
    even = balanced(moved)
    assert gauge_distance(even, network) < 1e-12
    for level in range(depth - 1):
        rows = np.linalg.norm(even.weights[level], axis=1)
        np.testing.assert_allclose(rows, np.linalg.norm(even.weights[level + 1], axis=0), rtol=1e-6)
    once = balanced(moved, sweeps=1)
    assert sum((w**2).sum() for w in once.weights) < sum((w**2).sum() for w in moved.weights)


def test_balanced_leaves_neurons_without_effect_alone():
    network = ReLUNetwork([[[3.0], [0.0], [1.0]], [[12.0, 5.0, 0.0]]])
    first, last = balanced(network).weights
    np.testing.assert_allclose(first.ravel(), [6, 0, 1], rtol=1e-14)
    np.testing.assert_allclose(last.ravel(), [6, 5, 0], rtol=1e-14)


def test_relative_error_is_that_of_the_root_mean_squares():
    a, b = (random_butterfly(2, rng=np.random.default_rng(seed)) for seed in (0, 1))
    x = np.random.default_rng(2).standard_normal((50, 4))
    mean = np.mean((a(x) - b(x)) ** 2) / np.mean(b(x) ** 2)
    assert relative_error(a, b, x) == pytest.approx(np.sqrt(mean), rel=1e-12)
    assert relative_error(b, b, x) == 0
    assert relative_error(lambda x: 0 * x, b, x) == 1
    assert relative_error(lambda x: 0 * x, lambda x: 0 * x, x) == 0
    assert relative_error(b, lambda x: 0 * x, x) == np.inf


def test_the_supports_are_those_of_a_butterfly():
    assert random_butterfly(3, rng=np.random.default_rng(0)).widths == (8, 8, 8, 8)
    starts = random_starts(dyadic_supports(3), 2, rng=np.random.default_rng(0))
    for start, support in zip(starts, dyadic_supports(3), strict=True):
        assert ((start != 0) == support).all()
