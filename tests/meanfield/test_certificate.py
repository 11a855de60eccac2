"""The certificate against hand computation, brute force, and a convex solver of its own."""

from functools import partial

import numpy as np
import pytest
from cloud_cases import normal_task
from openblackbox.meanfield.certificate import Certificate, certify, dual_value, height
from openblackbox.meanfield.energy import first_variation, risk
from openblackbox.meanfield.flow import run_flow
from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.starts import start
from openblackbox.relu_supremum import relu_sup

draw = partial(normal_task, m=6, d=2)


def designed(seed, *, d=2, n=11):
    """Make a task whose optimum is known: choose the residual, then the labels.

    With p given, s = sup |2/n sum p_i (u.x_i)_+| attained at u, and decay s, the measure of mass c
    at u with the sign against p is optimal for the labels f - p."""
    rng = np.random.default_rng(seed)
    x, p, mass = rng.standard_normal((n, d)), rng.standard_normal(n), rng.uniform(0.5, 2)
    top = relu_sup(x, 2 * p / n)
    root = np.sqrt(mass)
    cloud = Cloud([-top.sign * root], [root * top.direction])
    task = Regression(x, predict(cloud, x) - p, decay=top.value)
    return cloud, task, p @ p / n + top.value * mass


def test_one_point_by_hand():
    # x = y = 1: f = g >= 0 costs (g - 1)^2 + decay g, best at g = 1 - decay / 2.
    task = Regression([[1.0]], [1.0], decay=0.5)
    root = np.sqrt(0.75)
    best = certify(Cloud([root], [[root]]), task)
    assert best.risk == pytest.approx(0.4375, rel=1e-15)
    assert best.lower == pytest.approx(0.4375, rel=1e-14)
    assert (best.scale, best.exact) == (pytest.approx(1), True)
    assert best.supremum == pytest.approx(0.5, rel=1e-14)
    # a = 1/2, w = 1: r = -1/2, s = 1, c = 1/2, p = -1/4, D = 1/2 - 1/16.
    other = certify(Cloud([0.5], [[1.0]]), task)
    assert (other.supremum, other.scale, other.lower) == (1, 0.5, 0.4375)
    assert other.risk == 0.25 + 0.5 * 0.625
    assert (other.mismatch, other.imbalance, other.slack) == (0.0625, 0.0625, 0.0)
    assert other.gap == 0.125
    assert other.relative == 0.125 / 0.5625


def test_large_decay_makes_zero_optimal():
    cloud, task = draw(decay=100.0)
    zero = certify(Cloud([0.0], [[0.0, 0.0]]), task)
    assert zero.scale == pytest.approx(1, rel=1e-14)
    assert zero.risk == pytest.approx(np.mean(task.y**2), rel=1e-14)
    assert abs(zero.gap) < 1e-14
    assert certify(cloud, task).lower <= zero.risk


def test_labels_and_residuals_that_are_zero():
    cloud, task = draw()
    exact = certify(cloud, Regression(task.x, predict(cloud, task.x), decay=0.3))
    assert (exact.lower, exact.scale, exact.supremum) == (0, 0, 0)
    nothing = certify(Cloud([0.0], [[0.0, 0.0]]), Regression(task.x, np.zeros(task.n), decay=0.3))
    assert (nothing.risk, nothing.gap, nothing.relative) == (0, 0, 0)
    # f = 3 y: the residual 2 y has the sign of the labels, and a negative multiple is the best.
    y = predict(cloud, task.x) / 3
    against = certify(cloud, Regression(task.x, y, decay=0.3))
    assert against.supremum == pytest.approx(relu_sup(task.x, 4 * y / task.n).value, rel=1e-12)
    assert against.scale == pytest.approx(-min(0.5, 0.3 / against.supremum), rel=1e-12)
    assert against.lower > 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("penalty", ["half-square", "path"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_parts_are_not_negative_and_their_sum_is_the_gap(seed, penalty, d):
    cloud, task = draw(seed, d=d, penalty=penalty)
    found = certify(cloud, task)
    parts = [found.mismatch, found.imbalance, found.slack]
    assert found.exact
    assert min(parts) > -1e-13
    assert sum(parts) == pytest.approx(found.gap, rel=1e-11)
    assert found.risk == risk(cloud, task)
    if penalty == "path":
        assert abs(found.imbalance) < 1e-14


@pytest.mark.parametrize("seed", range(5))
def test_the_scale_is_the_best_of_all_that_are_feasible(seed):
    cloud, task = draw(seed, decay=0.05 * (seed + 1))
    found = certify(cloud, task)
    r = predict(cloud, task.x) - task.y
    most = task.decay / found.supremum
    values = [dual_value(c * r, task.y) for c in np.linspace(-most, most, 2001)]
    assert found.lower >= max(values) - 1e-14
    assert found.lower == pytest.approx(max(values), abs=1e-5)
    assert found.scale <= most * (1 + 1e-15)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_gap_is_zero_at_an_optimum_that_was_designed(seed, d):
    cloud, task, optimum = designed(seed, d=d)
    found = certify(cloud, task)
    assert found.risk == pytest.approx(optimum, rel=1e-13)
    assert found.lower == pytest.approx(optimum, rel=1e-12)
    assert found.scale == pytest.approx(1, rel=1e-12)
    assert found.supremum == pytest.approx(task.decay, rel=1e-13)
    # Twice the particle, or another one, is not optimal, and the bound stays below the optimum.
    for other in (Cloud(1.1 * cloud.a, cloud.w), start("balanced", m=4, d=d, rng=rng_of(seed))):
        found = certify(other, task)
        assert found.gap > 1e-4
        assert found.lower < optimum < found.risk


def rng_of(seed):
    return np.random.default_rng([seed, 7])


def test_a_wide_cloud_reaches_a_designed_optimum():
    _, task, optimum = designed(1)
    wide = start("balanced", m=30, d=2, rng=rng_of(0))
    end = run_flow(wide, task, step=0.2, steps=3000, every=3000).last
    found = certify(end, task)
    assert found.lower <= optimum <= found.risk
    assert found.relative < 0.02


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_no_cloud_goes_below_the_bound(d):
    rng = np.random.default_rng(d)
    cloud, task = draw(d, d=d, decay=0.1)
    lower = certify(cloud, task, rng=rng).lower
    for m in (1, 3, 30):
        other = start("balanced", m=m, d=d, rng=rng, scale=0.7)
        end = run_flow(other, task, step=0.05, steps=300, every=300).last
        assert risk(end, task) >= lower


def test_above_rank_three_the_bound_is_weaker_and_says_so():
    flat, task = draw(3, decay=0.1)
    pad = np.zeros((task.n, 3))
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    plane = Regression(np.hstack([task.x, pad]) @ turn, task.y, decay=0.1)
    cloud = Cloud(flat.a, np.hstack([flat.w, np.zeros((flat.m, 3))]) @ turn)
    one, other = certify(flat, task), certify(cloud, plane)
    assert other.exact
    assert other.lower == pytest.approx(one.lower, rel=1e-12)
    deep, wide = draw(3, d=5, decay=0.1)
    found = certify(deep, wide, rng=np.random.default_rng(0))
    assert not found.exact
    directions = np.random.default_rng(1).standard_normal((4000, 5))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    r = predict(deep, wide.x) - wide.y
    heights = np.abs(np.maximum(directions @ wide.x.T, 0) @ r) * 2 / wide.n
    assert found.supremum >= heights.max()
    with pytest.raises(TypeError, match="rng"):
        certify(deep, wide)


@pytest.mark.parametrize("p", [(4.0, 1.0, 1.0, 1.0), (1.0, 2.0, 3.0, 4.0, 5.0)])
def test_above_rank_three_a_minimizer_can_keep_a_gap(p):
    # Orthonormal points, p >= 0: sum p_i (u_i)_+ <= |p|, with equality at u = p / |p|.
    p, n = np.array(p), len(p)
    size = np.linalg.norm(p)
    best = Cloud([-1.0], p[None] / size)
    task = Regression(np.eye(n), predict(best, np.eye(n)) - p, decay=2 * size / n)
    found = certify(best, task, rng=np.random.default_rng(0))
    optimum = size**2 / n + 2 * size / n
    assert found.risk == pytest.approx(optimum, rel=1e-13)
    assert not found.exact
    assert found.supremum > 1.01 * task.decay
    assert found.scale == pytest.approx(task.decay / found.supremum, rel=1e-12)
    assert 0.9 * optimum < found.lower < 0.999 * optimum


def test_the_supremum_is_where_the_first_variation_is_smallest():
    # min over balanced unit particles of Psi is decay - s.
    cloud, task = draw(4)
    found = certify(cloud, task)
    angles = np.linspace(0, 2 * np.pi, 20001)
    w = np.column_stack([np.cos(angles), np.sin(angles)])
    least = min(
        first_variation(Cloud(np.full(len(w), s), w), cloud, task).min() for s in (1.0, -1.0)
    )
    assert task.decay - found.supremum == pytest.approx(least, abs=1e-4)
    assert task.decay - found.supremum <= least + 1e-13


@pytest.mark.parametrize("penalty", ["half-square", "path"])
def test_the_height_is_the_sum_over_the_points(penalty):
    cloud, task = draw(6, penalty=penalty)
    u = np.random.default_rng(0).standard_normal((7, 2))
    f = np.maximum(task.x @ cloud.w.T, 0) @ cloud.a / cloud.m
    expected = [2 / 11 * np.maximum(task.x @ v, 0) @ (f - task.y) for v in u]
    np.testing.assert_allclose(height(cloud, task, u), expected, rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match=r"^task: expected the activation 'relu'"):
        height(cloud, Regression(task.x, task.y, activation="tanh"), u)
    with pytest.raises(ValueError, match=r"^directions: expected 2 axes"):
        height(cloud, task, u[0])


def test_invariances():
    cloud, task = draw(5)
    found = certify(cloud, task)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))[0]
    turned = certify(Cloud(cloud.a, cloud.w @ turn), Regression(task.x @ turn, task.y, decay=0.3))
    assert turned.lower == pytest.approx(found.lower, rel=1e-12)
    # Labels t y, decay t lambda, a and w times sqrt t: everything is multiplied by t^2.
    t = 7.0
    root = np.sqrt(t)
    scaled = certify(
        Cloud(root * cloud.a, root * cloud.w), Regression(task.x, t * task.y, decay=t * 0.3)
    )
    assert scaled.lower == pytest.approx(t**2 * found.lower, rel=1e-12)
    assert scaled.relative == pytest.approx(found.relative, rel=1e-11)
    single = certify(
        Cloud(cloud.a.astype("f4"), cloud.w.astype("f4")),
        Regression(task.x.astype("f4"), task.y.astype("f4"), decay=0.3),
    )
    assert single.lower == pytest.approx(found.lower, rel=1e-4)


def test_the_properties_of_the_result():
    one = Certificate(0.5, 0.375, 1.0, 0.1, True, 0.0, 0.025, 0.1)
    assert (one.gap, one.relative) == (0.125, 0.25)
    assert dual_value(np.array([-1.0, 0.0]), np.array([2.0, 1.0])) == 1.5


def test_what_is_refused():
    cloud, task = draw()
    with pytest.raises(ValueError, match=r"^task: expected a decay above 0, got 0.0"):
        certify(cloud, Regression(task.x, task.y))
    with pytest.raises(ValueError, match=r"^task: expected the activation 'relu', got 'tanh'"):
        certify(cloud, Regression(task.x, task.y, decay=0.1, activation="tanh"))
    with pytest.raises(ValueError, match=r"^cloud: expected inner weights of 2 entries, got 1"):
        certify(Cloud([1.0], [[1.0]]), task)
