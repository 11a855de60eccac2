"""Balanced particles: by hand, what is kept, order one, and the sign that cannot change."""

import numpy as np
import pytest
from openblackbox.meanfield.balance import rebalance, run_balanced
from openblackbox.meanfield.energy import risk
from openblackbox.meanfield.flow import run_flow, take_step
from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.penalties import penalty
from openblackbox.meanfield.starts import start
from openblackbox.relu_supremum import relu_sup


def task_of(seed=0, *, n=20, d=2, **options):
    rng = np.random.default_rng(seed)
    return Regression(rng.standard_normal((n, d)), rng.standard_normal(n), **options)


def test_by_hand():
    one = rebalance(Cloud([-8.0, 0.0, 5.0], [[0.0, 2.0], [3.0, 4.0], [0.0, 0.0]]))
    assert one.a.tolist() == [-4, 0, 0]
    assert one.w.tolist() == [[0, 4], [0, 0], [0, 0]]


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_network_and_the_path_penalty_are_kept(d):
    rng = np.random.default_rng(d)
    cloud = start("gaussian", m=12, d=d, rng=rng)
    other, x = rebalance(cloud), rng.standard_normal((9, d))
    np.testing.assert_allclose(predict(other, x), predict(cloud, x), rtol=1e-12, atol=1e-15)
    path = penalty(cloud, kind="path")
    np.testing.assert_allclose(penalty(other, kind="path"), path, rtol=1e-13)
    np.testing.assert_allclose(penalty(other), path, rtol=1e-13)
    assert np.all(penalty(other) <= penalty(cloud) * (1 + 1e-15))
    np.testing.assert_allclose(np.linalg.norm(other.w, axis=1), np.abs(other.a), rtol=1e-14)
    np.testing.assert_allclose(rebalance(other).theta, other.theta, rtol=1e-13)


def test_a_step_is_an_explicit_step_and_then_the_balance():
    task = task_of(decay=0.2)
    cloud = start("balanced", m=7, d=2, rng=np.random.default_rng(1))
    path = run_balanced(cloud, task, step=0.125, steps=2)
    expected = cloud
    for k in range(2):
        expected = rebalance(take_step(expected, task, step=0.125))
        np.testing.assert_allclose(path.cloud(k + 1).theta, expected.theta, rtol=1e-12, atol=1e-14)
        assert path.times[k + 1] == 0.125 * (k + 1)
        assert path.risks[k + 1] == pytest.approx(risk(expected, task), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_order_one_where_no_kink_is_met(seed):
    # One point in dimension 1, w > 0: the flow is smooth; u = aw solves a logistic equation.
    y, u0 = 2.0, 0.5 + 0.1 * seed
    root = np.sqrt(u0)
    ends = []
    for k in (100, 200, 400):
        done = run_balanced(
            Cloud([root], [[root]]), Regression([[1.0]], [y]), step=0.5 / k, steps=k
        )
        ends.append(done.last.a[0] * done.last.w[0, 0])
    exact = y / (1 + (y / u0 - 1) * np.exp(-4 * y * 0.5))
    errors = np.abs(np.array(ends) - exact)
    assert np.all((errors[:-1] / errors[1:] > 1.8) & (errors[:-1] / errors[1:] < 2.2))
    assert errors[-1] < 0.01


@pytest.mark.parametrize("seed", range(4))
def test_signs_are_kept_while_the_step_is_short_enough(seed):
    task = task_of(seed, decay=0.1)
    cloud = start("one-sided", m=15, d=2, rng=np.random.default_rng(seed), scale=2.0)
    for _ in range(40):
        r = predict(cloud, task.x) - task.y
        s = relu_sup(task.x, 2 * r / task.n).value
        cloud = run_balanced(cloud, task, step=0.999 / (s + task.decay), steps=1).last
        assert np.all(cloud.a >= 0)


def test_the_bound_of_the_step_is_sharp():
    # x = 1, f = a^2, y = 0: s = 2 a^2, and the step leads to a (1 - tau (s + decay)).
    task = Regression([[1.0]], [0.0], decay=0.5)
    for factor, sign in ((0.99, 1.0), (1.01, -1.0)):
        end = run_balanced(Cloud([2.0], [[2.0]]), task, step=factor / 8.5, steps=1).last
        assert np.sign(end.a[0]) == sign


def test_an_explicit_step_alone_loses_the_balance():
    task = task_of(3, n=8)
    cloud = start("balanced", m=20, d=2, rng=np.random.default_rng(0))
    plain = run_flow(cloud, task, step=0.1, steps=400, every=400).last
    kept = run_balanced(cloud, task, step=0.1, steps=400, every=400).last
    drift = [np.abs(c.a**2 - np.sum(c.w**2, axis=1)).max() for c in (plain, kept)]
    assert drift[0] > 0.005
    assert drift[1] < 1e-12


def test_what_is_refused():
    cloud = Cloud([1.0], [[1.0, 0.0]])
    with pytest.raises(ValueError, match=r"^task: expected the activation 'relu', got 'tanh'"):
        run_balanced(cloud, task_of(activation="tanh"), step=0.1, steps=1)
    with pytest.raises(ValueError, match=r"^step: expected a number above 0"):
        run_balanced(cloud, task_of(), step=0, steps=1)
    with pytest.raises(ValueError, match=r"^step: the particles overflow"):
        run_balanced(Cloud([1e3], [[1e3, 0.0]]), task_of(), step=10.0, steps=50)
