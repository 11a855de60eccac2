"""Explicit steps: by hand, their order, what the flow conserves and dissipates, overflow."""

import numpy as np
import pytest
from openblackbox.meanfield.energy import dissipation, risk, velocity
from openblackbox.meanfield.flow import run_flow, take_step
from openblackbox.meanfield.particles import Cloud, Regression
from openblackbox.meanfield.starts import plane_teacher, start
from scipy.integrate import solve_ivp


def smooth_task(seed=0, decay=0.05, activation="tanh"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, 2))
    y = np.sin(x[:, 0]) - 0.5 * x[:, 1]
    return start("gaussian", m=6, d=2, rng=rng), Regression(
        x, y, decay=decay, activation=activation
    )


def flow_of_scipy(cloud, task, time):
    def field(_, theta):
        theta = theta.reshape(cloud.m, -1)
        return velocity(Cloud(theta[:, 0], theta[:, 1:]), task).theta.ravel()

    done = solve_ivp(field, (0, time), cloud.theta.ravel(), rtol=1e-11, atol=1e-12, method="DOP853")
    return done.y[:, -1].reshape(cloud.m, -1)


def test_a_step_by_hand():
    moved = take_step(Cloud([3.0], [[1.0]]), Regression([[1.0]], [1.0]), step=0.125)
    assert moved.a.tolist() == [2.5]
    assert moved.w.tolist() == [[-0.5]]


def test_the_records_are_those_of_single_steps():
    cloud, task = smooth_task()
    path = run_flow(cloud, task, step=0.1, steps=7, every=3)
    np.testing.assert_allclose(path.times, [0, 0.3, 0.6, 0.7], rtol=1e-15)
    one = cloud
    for done in range(1, 8):
        one = take_step(one, task, step=0.1)
        if done in (3, 6, 7):
            at = [3, 6, 7].index(done) + 1
            assert np.array_equal(path.a[at], one.a)
            assert np.array_equal(path.w[at], one.w)
            assert path.risks[at] == risk(one, task)
    assert np.array_equal(path.last.theta, one.theta)
    assert np.array_equal(path.cloud(0).theta, cloud.theta)
    assert path.risks[0] == risk(cloud, task)


def test_explicit_steps_are_of_first_order():
    cloud, task = smooth_task()
    exact = flow_of_scipy(cloud, task, 2.0)
    errors = []
    for steps in (40, 80, 160, 320):
        last = run_flow(cloud, task, step=2.0 / steps, steps=steps, every=steps).last
        errors.append(np.abs(last.theta - exact).max())
    ratios = np.array(errors[:-1]) / errors[1:]
    assert np.all((ratios > 1.85) & (ratios < 2.15)), ratios
    assert errors[-1] < 0.01


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_risk_falls_at_the_rate_of_the_dissipation(activation):
    # Forward differences err by the step, central ones would need a step back: extrapolate.
    cloud, task = smooth_task(activation=activation)
    errors = []
    for step in (1e-4, 5e-5):
        slope = (risk(take_step(cloud, task, step=step), task) - risk(cloud, task)) / step
        errors.append(slope - dissipation(cloud, task))
    assert 1.95 < errors[0] / errors[1] < 2.05
    assert 2 * errors[1] - errors[0] == pytest.approx(0, abs=1e-6)
    assert dissipation(cloud, task) < -0.01


def test_without_decay_relu_conserves_a_square_minus_w_square():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 2))
    task = Regression(x, np.abs(x[:, 0]))
    cloud = start("gaussian", m=5, d=2, rng=rng)

    def level(one):
        return one.a**2 - np.sum(one.w**2, axis=-1)

    drifts = []
    for steps in (100, 200, 400):
        path = run_flow(cloud, task, step=1.0 / steps, steps=steps, every=steps)
        drifts.append(np.abs(level(path.last) - level(cloud)).max())
    # Exactly: each step adds tau^2 (da^2 - |dw|^2).
    ratios = np.array(drifts[:-1]) / drifts[1:]
    assert np.all((ratios > 1.8) & (ratios < 2.2)), ratios
    moved, one = velocity(cloud, task), take_step(cloud, task, step=0.01)
    change = 1e-4 * (moved.a**2 - np.sum(moved.w**2, axis=1))
    np.testing.assert_allclose(level(one) - level(cloud), change, rtol=1e-9, atol=1e-14)


def test_with_decay_relu_forgets_its_imbalance_at_a_known_rate():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 2))
    task = Regression(x, np.abs(x[:, 0]), decay=0.7)
    cloud, levels = start("gaussian", m=5, d=2, rng=rng), []
    for steps in (400, 800):
        last = run_flow(cloud, task, step=1 / steps, steps=steps, every=steps).last
        levels.append(last.a**2 - np.sum(last.w**2, axis=1))
    expected = np.exp(-2 * 0.7) * (cloud.a**2 - np.sum(cloud.w**2, axis=1))
    np.testing.assert_allclose(2 * levels[1] - levels[0], expected, atol=1e-3)


def test_a_teacher_stays_where_it_is():
    x = np.random.default_rng(1).standard_normal((30, 2))
    teacher = plane_teacher()
    y = np.maximum(x @ teacher.w.T, 0) @ teacher.a / 3
    path = run_flow(teacher, Regression(x, y), step=0.1, steps=5)
    np.testing.assert_allclose(path.last.theta, teacher.theta, atol=1e-14)


def test_the_field_is_used():
    cloud, task = smooth_task()
    path = run_flow(cloud, task, step=0.5, steps=2, field=lambda c, t: Cloud(c.a * 0 + 1, c.w * 0))
    np.testing.assert_allclose(path.last.a, cloud.a + 1, rtol=1e-14)
    assert np.array_equal(path.last.w, cloud.w)


def test_an_overflow_tells_the_step_and_when():
    task = Regression([[1.0], [-1.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"overflow with a step of 10.0, after \d+ of 50 steps$"):
        run_flow(Cloud([3.0], [[1.0]]), task, step=10.0, steps=50)
    with pytest.raises(ValueError, match=r"^step: the particles overflow with a step of 1e\+200$"):
        take_step(Cloud([3e150], [[1e5]]), task, step=1e200)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0.0}, "step: expected a number above 0"),
        ({"step": -1.0}, "step: expected a finite number"),
        ({"step": np.nan}, "step: expected a finite number"),
        ({"steps": 0}, "steps: expected a positive integer"),
        ({"every": 0}, "every: expected a positive integer"),
    ],
)
def test_bad_options_are_refused(options, message):
    cloud, task = smooth_task()
    with pytest.raises(ValueError, match=f"^{message}"):
        run_flow(cloud, task, **({"step": 0.1, "steps": 3} | options))


def test_a_cloud_that_does_not_fit_is_refused_as_such():
    with pytest.raises(ValueError, match=r"^cloud: expected inner weights of 1 entries, got 2"):
        run_flow(Cloud([1.0], [[1.0, 1.0]]), Regression([[1.0]], [1.0]), step=0.1, steps=1)
