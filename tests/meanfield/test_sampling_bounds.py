"""Bounds between a law and its samples: attained cases, integrals, exact transport, bad input."""

import math
from itertools import product

import numpy as np
import ot
import pytest
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.sampling_bounds import (
    dyadic_bound,
    dyadic_mean_bound,
    quantization_bound,
)
from scipy.integrate import quad
from scipy.spatial.distance import cdist


@pytest.mark.parametrize("m", [1, 7, 100])
def test_middles_of_equal_parts_attain_the_lower_bound(m):
    bound = quantization_bound(m, dimension=1, concentration=2.0)
    assert bound == pytest.approx(1 / (12 * m**2), rel=1e-13)


@pytest.mark.parametrize("k, q", [(2, 3.0), (3, 0.5), (10, 7.0), (2.5, 1.0)])
def test_the_lower_bound_is_its_integral(k, q):
    end = (5 * q) ** (-2 / k)
    value = quad(lambda s: 1 - 5 * q * s ** (k / 2), 0, end, epsabs=1e-13)[0]
    assert quantization_bound(5, dimension=k, concentration=q) == pytest.approx(value, rel=1e-9)


def test_the_center_of_a_ball_attains_it_in_every_dimension():
    # E r^2 = D / (D + 2) for the uniform law on the unit ball, Q = 1
    for dimension in (1, 2, 5):
        bound = quantization_bound(1, dimension=dimension, concentration=1.0)
        assert bound == pytest.approx(dimension / (dimension + 2), rel=1e-14)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dimension, depth", [(1, 5), (2, 3), (3, 2), (5, 1)])
def test_counting_bounds_the_transport(dimension, depth, seed):
    rng = np.random.default_rng([dimension, seed])
    u, v = rng.uniform(1, 3, (20, dimension)), rng.uniform(1, 3, (35, dimension))
    exact = ot.emd2(np.full(20, 1 / 20), np.full(35, 1 / 35), cdist(u, v, "sqeuclidean"))
    bound = dyadic_bound(u, v, corner=np.ones(dimension), side=2.0, depth=depth)
    assert exact <= bound
    assert dyadic_bound(v, u, corner=np.ones(dimension), side=2.0, depth=depth) == pytest.approx(
        bound, rel=1e-12
    )


def test_counting_by_brute_force():
    rng = np.random.default_rng(0)
    u, v = rng.uniform(0, 4, (9, 2)), rng.uniform(0, 4, (5, 2))
    left = [0.0]
    for j in (1, 2):
        size, total = 4 / 2**j, 0.0
        for place in product(range(2**j), repeat=2):
            low = np.array(place) * size
            inside = [np.mean(np.all((z >= low) & (z < low + size), axis=1)) for z in (u, v)]
            total += abs(inside[0] - inside[1]) / 2
        left.append(total)
    moved = (1 - left[2]) / 16 + left[1] + (left[2] - left[1]) / 4
    bound = dyadic_bound(u, v, corner=[0, 0], side=4, depth=2)
    assert bound == pytest.approx(2 * 16 * moved, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3, 10])
def test_points_beside_a_face_are_in_the_right_cubes(depth):
    # two points of one smallest cube, one of them just inside a face: nothing is left over
    side = 2.0**-depth
    for first, second in ((0.9999 * side, 0.5 * side), (1 - side, 1 - 0.5 * side)):
        bound = dyadic_bound([[first]], [[second]], corner=[0.0], side=1.0, depth=depth)
        assert bound == pytest.approx(4.0**-depth, rel=1e-14)
    # on the two sides of the middle: all is left over until the last step
    apart = dyadic_bound([[0.4999]], [[0.5]], corner=[0.0], side=1.0, depth=depth)
    assert apart == pytest.approx(1.0, rel=1e-14)


def test_counting_by_hand_and_equal_clouds():
    opposite = dyadic_bound([[0.0, 0.0]], [[0.5, 0.9]], corner=[0, 0], side=1, depth=3)
    assert opposite == pytest.approx(2.0, rel=1e-15)
    same = np.random.default_rng(1).uniform(size=(50, 3))
    assert dyadic_bound(same, same, corner=[0, 0, 0], side=1, depth=4) == pytest.approx(3 / 4**4)


@pytest.mark.parametrize("dimension", [1, 2, 4, 6])
def test_the_mean_bound_holds_for_uniform_points(dimension):
    # against an independent cloud: the mean is larger than against the law, and still below
    rng, m = np.random.default_rng(dimension), 64
    values = [
        assignment_cost(rng.uniform(size=(m, dimension)), rng.uniform(size=(m, dimension))).cost
        for _ in range(5)
    ]
    assert np.mean(values) < dyadic_mean_bound(m, dimension=dimension, side=1.0)
    assert dyadic_mean_bound(m, dimension=dimension, side=3.0) == pytest.approx(
        9 * dyadic_mean_bound(m, dimension=dimension, side=1.0), rel=1e-14
    )


def test_the_mean_bound_by_hand():
    # D = 2: 2^(-j) summed; with m = 4 the terms are 1/4 + 1/2, 1/16 + 3/4, ...: J = 1 is best
    assert dyadic_mean_bound(4, dimension=2, side=1.0) == pytest.approx(1.5, rel=1e-15)
    # D = 6, m = 64: J = 0 gives 1, J = 1 gives 1/4 + 2/8 * 2 = 3/4, J = 2 more than 1
    assert dyadic_mean_bound(64, dimension=6, side=1.0) == pytest.approx(4.5, rel=1e-15)
    # D = 6, m = 1: J = 0 is best, the whole cube
    assert dyadic_mean_bound(1, dimension=6, side=1.0) == pytest.approx(6.0, rel=1e-15)
    # in many dimensions as well, where the terms that are not taken exceed all floats
    for dimension in (100, 10_000):
        assert dyadic_mean_bound(64, dimension=dimension, side=1.0) == dimension


@pytest.mark.parametrize("dimension, slope", [(1, -0.5), (3, -0.5), (6, -1 / 3), (10, -0.2)])
def test_the_order_of_the_mean_bound(dimension, slope):
    # a full period of the best depth: m times 2^D multiplies by 2^(D slope), for large m
    m = 2**dimension
    while m < 2**50:
        m *= 2**dimension
    bounds = [dyadic_mean_bound(k, dimension=dimension, side=1.0) for k in (m, m * 2**dimension)]
    assert math.log2(bounds[1] / bounds[0]) / dimension == pytest.approx(slope, abs=0.01)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: quantization_bound(0, dimension=1, concentration=1), "m: expected a positive"),
        (lambda: quantization_bound(1, dimension=0, concentration=1), "dimension"),
        (lambda: quantization_bound(1, dimension=1, concentration=-1), "concentration"),
        (lambda: dyadic_mean_bound(1, dimension=1.5, side=1), "dimension"),
        (lambda: dyadic_mean_bound(1, dimension=1, side=0), "side"),
        (lambda: dyadic_bound([[0.0]], [[1.0]], corner=[0], side=1, depth=1), "a point outside"),
        (lambda: dyadic_bound([[-0.1]], [[0.5]], corner=[0], side=1, depth=1), "a point outside"),
        (lambda: dyadic_bound([[0.0]], [[0.5]], corner=[0, 0], side=1, depth=1), "expected shapes"),
        (lambda: dyadic_bound([[0.0]], [[0.5]], corner=[0], side=1, depth=0), "depth"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
