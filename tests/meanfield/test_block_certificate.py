"""The certificate of blocks: suprema by ascent, bounds of derivatives, weak duality, bad input."""

import math

import numpy as np
import pytest
from openblackbox.meanfield.block_certificate import BlockGap, block_gap, torus_supremum
from openblackbox.meanfield.block_directions import on_spheres, sphere_start
from openblackbox.meanfield.block_flow import block_risk, run_blocks
from openblackbox.meanfield.blocks import BlockNetwork
from openblackbox.meanfield.particles import Regression
from openblackbox.meanfield.three_layer import evaluate
from scipy.optimize import minimize


def value(angles, g, x):
    p, q, r = angles
    one, two = (np.tanh(x @ [math.cos(t), math.sin(t)]) for t in (q, r))
    return np.mean(g * np.tanh(math.cos(p) * one + math.sin(p) * two))


def problem(seed=0, n=8):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n), rng.uniform(-1, 1, (n, 2))


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_contains_the_supremum(seed):
    g, x = problem(seed)
    found = torus_supremum(g, x, cells=24)
    assert abs(value(found.angles, g, x)) == pytest.approx(found.lower, rel=1e-12)
    rng = np.random.default_rng(seed)
    starts = [found.angles, *rng.uniform(0, 2 * math.pi, (30, 3))]
    best = max(
        -minimize(lambda t, sign: -sign * value(t, g, x), start, args=(sign,)).fun
        for start in starts
        for sign in (1, -1)
    )
    assert found.lower <= best + 1e-9
    assert best <= found.upper
    assert found.upper - found.lower < 0.05 * np.mean(np.abs(g))
    finer = torus_supremum(g, x, cells=48)
    assert finer.upper - finer.lower == pytest.approx((found.upper - found.lower) / 4, rel=1e-9)
    assert finer.lower <= best + 1e-9 <= finer.upper + 2e-9


def test_the_slack_of_one_point_by_hand():
    found = torus_supremum([2.0], [[3.0, 4.0]], cells=30)
    b = 4 / (3 * math.sqrt(3))
    bound = b * 27 + 5 + max(math.sqrt(2), 5 + 25 * b)
    assert found.upper - found.lower == pytest.approx(
        0.5 * (math.sqrt(3) / 2 * math.pi / 30) ** 2 * 2 * bound, rel=1e-12
    )
    # One point at distance R along both w: tanh(sqrt(2) tanh(R)) is the supremum.
    best = 2 * math.tanh(math.sqrt(2) * math.tanh(5))
    assert found.lower <= best <= found.upper


def test_the_grid_has_the_centres_of_its_cells():
    # Four centres, from an eighth of a circle on; both w there serve the point (1, 0) best.
    found = torus_supremum([1.0], [[1.0, 0.0]], cells=2)
    assert found.angles == pytest.approx([math.pi / 4] * 3, rel=1e-14)
    best = math.tanh(math.sqrt(2) * math.tanh(math.sqrt(0.5)))
    assert found.lower == pytest.approx(best, rel=1e-14)


def test_second_derivatives_stay_below_the_bound():
    rng = np.random.default_rng(4)
    b, worst = 4 / (3 * math.sqrt(3)), 0.0
    for _ in range(300):
        size = rng.uniform(0, 3)
        x, angles = np.array([[size, 0.0]]), rng.uniform(0, 2 * math.pi, 3)
        speed = rng.standard_normal(3)
        speed /= np.linalg.norm(speed)
        h = 1e-4
        values = [value(angles + k * h * speed, np.ones(1), x) for k in (-1, 0, 1)]
        second = abs(values[0] - 2 * values[1] + values[2]) / h**2
        bound = b * (2 + size**2) + size + max(math.sqrt(2), size + b * size**2)
        worst = max(worst, second / bound)
    assert 0.1 < worst < 1


def test_no_network_is_below_the_bound():
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (8, 2))
    teacher = on_spheres(
        BlockNetwork([2.0, -2.0], rng.standard_normal((2, 2)), rng.standard_normal((2, 2, 2)))
    )
    task = Regression(x, evaluate(teacher, x, activation="tanh"), decay=0.02, activation="tanh")
    trained = run_blocks(sphere_start(60, 2, 2, rng=rng), task, step=0.2, steps=1500).last
    gap = block_gap(trained, task, cells=40)
    assert gap.risk == block_risk(trained, task)
    assert gap.bound <= min(gap.risk, block_risk(teacher, task))
    assert 0 <= gap.relative < 0.2
    # The bound of another network bounds this risk too.
    for other in (teacher, sphere_start(3, 2, 2, rng=rng)):
        assert 0 <= block_gap(other, task, cells=24).bound <= gap.risk


def test_a_decay_above_all_prices_makes_zero_optimal():
    network = sphere_start(2, 2, 2, rng=np.random.default_rng(0))
    task = Regression([[1.0, 0.0], [0.0, 1.0]], [0.3, -0.1], decay=2.0, activation="tanh")
    gap = block_gap(network, task)
    assert gap.bound == pytest.approx(gap.risk, rel=1e-12)
    assert gap.risk == pytest.approx(0.05, rel=1e-12)
    assert gap.relative == pytest.approx(0, abs=1e-12)


def test_the_relative_gap_is_a_share_of_the_risk():
    assert BlockGap(4.0, 3.0, torus_supremum([1.0], [[1.0, 0.0]], cells=2)).relative == 0.25


def test_a_network_without_residual():
    network = sphere_start(2, 2, 2, rng=np.random.default_rng(0))
    gap = block_gap(network, Regression([[1.0, 0.0]], [0.0], decay=1.0, activation="tanh"))
    assert (gap.risk, gap.bound, gap.relative) == (0.0, 0.0, 0.0)


def test_what_is_refused():
    g, x = problem()
    with pytest.raises(ValueError, match=r"x: expected shape \(8, 2\)"):
        torus_supremum(g, x[:5])
    with pytest.raises(ValueError, match="x: expected shape"):
        torus_supremum(g, np.ones((8, 3)))
    with pytest.raises(ValueError, match="x: expected shape"):
        torus_supremum([], np.ones((0, 2)))
    with pytest.raises(ValueError, match="cells"):
        torus_supremum(g, x, cells=0)
    rng = np.random.default_rng(0)
    task = Regression(x, g, decay=0.1, activation="tanh")
    with pytest.raises(ValueError, match="network: expected s = 2 and d = 2"):
        block_gap(sphere_start(2, 3, 2, rng=rng), task)
    long = BlockNetwork([1.0], [[2.0, 0.0]], [[[1.0, 0.0], [1.0, 0.0]]])
    with pytest.raises(ValueError, match="network: expected directions of length 1"):
        block_gap(long, task)
    with pytest.raises(TypeError, match="network: expected a BlockNetwork, got a list"):
        block_gap([1.0], task)
    for other in (Regression(x, g, activation="tanh"), Regression(x, g, decay=0.1)):
        with pytest.raises(ValueError, match="task: expected tanh"):
            block_gap(sphere_start(2, 2, 2, rng=rng), other)
