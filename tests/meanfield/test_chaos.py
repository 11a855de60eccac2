"""Clouds of two sizes: exact cases, exhaustion, torch, linear programs, bad input."""

from itertools import product

import numpy as np
import pytest
from cloud_cases import normal_cloud
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.chaos import (
    cloud_distance,
    first_particles,
    function_error,
    sampling_variance,
    sliced_distance,
    split_cloud,
)
from openblackbox.meanfield.particles import Cloud
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

# Distances


@pytest.mark.parametrize("m, n", [(1, 1), (3, 5), (4, 6), (7, 2)])
def test_the_distance_solves_the_transport_problem(m, n):
    u, v = normal_cloud(m), normal_cloud(n, seed=1)
    costs = cdist(u.theta, v.theta, "sqeuclidean")
    rows = np.kron(np.eye(m), np.ones(n))
    columns = np.kron(np.ones(m), np.eye(n))
    masses = np.concatenate([np.full(m, 1 / m), np.full(n, 1 / n)])
    best = linprog(costs.ravel(), A_eq=np.vstack([rows, columns]), b_eq=masses)
    assert cloud_distance(u, v) == pytest.approx(best.fun, rel=1e-9)
    assert cloud_distance(v, u) == pytest.approx(best.fun, rel=1e-9)


def test_equal_sizes_are_an_assignment_and_copies_change_nothing():
    u, v = normal_cloud(60, 3), normal_cloud(60, 3, seed=1)
    exact = assignment_cost(u.theta, v.theta).cost
    assert cloud_distance(u, v) == pytest.approx(exact, rel=1e-12)
    copies = Cloud(np.tile(v.a, 3), np.tile(v.w, (3, 1)))
    assert cloud_distance(u, copies) == pytest.approx(exact, rel=1e-12)
    assert cloud_distance(u, u) == pytest.approx(0, abs=1e-14)
    moved = Cloud(u.a + 2, u.w - 1)
    assert cloud_distance(u, moved) == pytest.approx(4 + 3, rel=1e-12)


def test_the_sliced_distance_of_points_and_shifts():
    # E (u . z)^2 = |z|^2 / D; four standard errors of 20000 directions are 3.7 %
    u = normal_cloud(9)
    shifted = Cloud(u.a + 3, u.w + [[0, 4.0]])
    rng = np.random.default_rng(0)
    value = sliced_distance(u, shifted, rng=rng, directions=20_000)
    assert value == pytest.approx(25 / 3, rel=0.037)
    assert sliced_distance(u, u, rng=rng) == 0


def test_the_sliced_distance_is_the_mean_over_directions_of_the_line():
    # cell by cell: scipy has W1 on the line only, so compare shifted supports where W2 = W1
    u = normal_cloud(5, 1)
    far = Cloud(u.a + 1, u.w)
    rng = np.random.default_rng(3)
    value = sliced_distance(u, far, rng=rng, directions=40)
    ways = np.random.default_rng(3).standard_normal((2, 40))
    ways /= np.linalg.norm(ways, axis=0)
    each = [wasserstein_distance(u.theta @ z, far.theta @ z) ** 2 for z in ways.T]
    assert value == pytest.approx(np.mean(each), rel=1e-12)


def test_the_sliced_distance_of_unequal_sizes_by_quantiles():
    u, v = normal_cloud(4, 1), normal_cloud(6, 1, seed=1)
    value = sliced_distance(u, v, rng=np.random.default_rng(5), directions=30)
    ways = np.random.default_rng(5).standard_normal((2, 30))
    ways /= np.linalg.norm(ways, axis=0)
    each = []
    for z in ways.T:  # both as 12 points
        p, q = np.repeat(np.sort(u.theta @ z), 3), np.repeat(np.sort(v.theta @ z), 2)
        each.append(np.mean((p - q) ** 2))
    assert value == pytest.approx(np.mean(each), rel=1e-12)
    assert value <= cloud_distance(u, v)


# Functions


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_variance_by_exhaustion(activation):
    law, x = normal_cloud(4), np.random.default_rng(1).standard_normal((6, 2))
    errors = []
    for chosen in product(range(4), repeat=3):
        index = list(chosen)
        sample = Cloud(law.a[index], law.w[index])
        errors.append(function_error(sample, law, x, activation=activation))
    variance = sampling_variance(law, x, activation=activation)
    assert np.mean(errors) == pytest.approx(variance / 3, rel=1e-12)
    assert variance > 0.01


def test_the_function_error_by_hand():
    one, two = Cloud([2.0], [[1.0]]), Cloud([1.0, 1.0], [[1.0], [-1.0]])
    assert function_error(one, two, [[1.0], [-3.0]]) == pytest.approx((1.5**2 + 1.5**2) / 2)
    squashed = function_error(one, two, [[1.0], [-3.0]], activation="tanh")
    assert squashed == pytest.approx(2 * np.mean(np.tanh([1.0, 3.0]) ** 2) * 2, rel=1e-14)


def test_first_particles():
    cloud = normal_cloud(9)
    assert np.array_equal(first_particles(cloud, 4).theta, cloud.theta[:4])
    parts = split_cloud(cloud, 3)
    assert [part.m for part in parts] == [3, 3, 3]
    assert np.array_equal(np.concatenate([part.theta for part in parts]), cloud.theta)


def test_bad_input():
    one, two = normal_cloud(4), normal_cloud(4, 3)
    with pytest.raises(ValueError, match="other: expected inner weights of 2 entries, got 3"):
        cloud_distance(one, two)
    with pytest.raises(ValueError, match="other: expected inner weights"):
        sliced_distance(one, two, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng"):
        sliced_distance(one, one, rng=0)
    with pytest.raises(ValueError, match="directions"):
        sliced_distance(one, one, rng=np.random.default_rng(0), directions=0)
    with pytest.raises(ValueError, match="m: expected an integer from 1 to 4"):
        first_particles(one, 5)
    with pytest.raises(ValueError, match="m: expected a divisor of 4, got 3"):
        split_cloud(one, 3)
    with pytest.raises(ValueError, match="expected points of 2 entries"):
        sampling_variance(one, np.ones((3, 3)))
    with pytest.raises(ValueError, match="activation"):
        function_error(one, one, np.ones((3, 2)), activation="sine")
