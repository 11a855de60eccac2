"""Clouds and their partners: exact growth, its bound, the field of another cloud, bad input."""

import numpy as np
import pytest
from cloud_cases import normal_cloud
from openblackbox.meanfield.chaos import cloud_distance, first_particles
from openblackbox.meanfield.coupling import (
    coupled_error,
    coupling_growth,
    driven_velocity,
)
from openblackbox.meanfield.energy import velocity
from openblackbox.meanfield.flow import run_flow, take_step
from openblackbox.meanfield.particles import Cloud, Regression, predict


def smooth_task(seed=0, n=15, d=2):
    rng = np.random.default_rng(seed)
    return Regression(rng.standard_normal((n, d)), rng.standard_normal(n), activation="tanh")


def test_particles_and_partners():
    cloud = normal_cloud(9)
    part = first_particles(cloud, 4)
    assert coupled_error(part, cloud) == 0
    moved = Cloud(part.a + 1, part.w + 2)
    assert coupled_error(moved, cloud) == pytest.approx(9, rel=1e-14)
    assert cloud_distance(moved, part) <= coupled_error(moved, part) * (1 + 1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_the_driven_velocity_is_that_of_the_large_cloud(activation, decay):
    base = smooth_task()
    task = Regression(base.x, base.y, decay=decay, activation=activation)
    large = normal_cloud(30)
    part = first_particles(large, 7)
    full = velocity(large, task).theta
    driven = driven_velocity(part, task, driver=large).theta
    np.testing.assert_allclose(driven, full[:7], rtol=1e-12, atol=1e-14)
    own = driven_velocity(part, task, driver=part).theta
    np.testing.assert_allclose(own, velocity(part, task).theta, rtol=1e-12, atol=1e-14)


def test_the_growth_is_the_derivative_of_the_coupled_error():
    task, large = smooth_task(), normal_cloud(40)
    cloud = Cloud(large.a[:10] + 0.1, large.w[:10] * 0.9)
    now = coupling_growth(cloud, large, task)
    assert now.error == pytest.approx(coupled_error(cloud, large), rel=1e-14)
    slopes = []
    for step in (1e-4, 5e-5):
        later = [take_step(one, task, step=step) for one in (cloud, large)]
        slopes.append((coupled_error(*later) - now.error) / step)
    assert 2 * slopes[1] - slopes[0] == pytest.approx(now.rate, rel=1e-6)
    partners = first_particles(large, 10)
    f, g = (predict(one, task.x, activation="tanh") for one in (partners, large))
    assert now.sampling == pytest.approx(np.mean((f - g) ** 2), rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_the_growth_stays_below_its_bound_along_the_flow(seed):
    task, large = smooth_task(seed), normal_cloud(60, seed=seed)
    cloud = first_particles(large, 6)
    paths = [run_flow(one, task, step=0.05, steps=40, every=8) for one in (cloud, large)]
    for k in range(6):
        now = coupling_growth(paths[0].cloud(k), paths[1].cloud(k), task)
        assert now.rate <= now.bound
    # far apart and with a large residual as well
    wild = Regression(task.x, 10 * task.y, activation="tanh")
    other = normal_cloud(60, seed=seed + 10, scale=2.0)
    now = coupling_growth(cloud, other, wild)
    assert now.rate <= now.bound


def test_the_bound_of_the_growth_by_hand():
    # one point x = 2: kappa = 2; A = 1 gives Lambda = 6
    task = Regression([[2.0]], [0.5], activation="tanh")
    cloud, large = Cloud([1.0], [[0.3]]), Cloud([0.8, -0.4], [[0.2], [0.1]])
    now = coupling_growth(cloud, large, task)
    f, g = np.tanh(0.6), 0.8 * np.tanh(0.4)
    limit = (g - 0.4 * np.tanh(0.2)) / 2
    expected = 12 * (2 * abs(limit - 0.5) + abs(f - limit)) * 0.05 + (g - limit) ** 2
    assert now.bound == pytest.approx(expected, rel=1e-12)
    assert now.factor == pytest.approx((expected - now.sampling) / 0.05, rel=1e-12)


def test_partners_may_stand_anywhere():
    task, large = smooth_task(), normal_cloud(40)
    cloud = Cloud(large.a[10:20] + 0.1, large.w[10:20])
    order = np.roll(np.arange(40), -10)
    turned = Cloud(large.a[order], large.w[order])
    assert coupled_error(cloud, large, first=10) == coupled_error(cloud, turned)
    here, there = (
        coupling_growth(cloud, large, task, first=10),
        coupling_growth(cloud, turned, task),
    )
    for name in ("error", "rate", "bound", "factor", "sampling"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), rel=1e-10)


def test_bad_input():
    one, two = normal_cloud(4), normal_cloud(4, 3)
    task = smooth_task()
    with pytest.raises(ValueError, match="other: expected at least 4 particles, got 3"):
        coupled_error(one, first_particles(one, 3))
    with pytest.raises(ValueError, match="other: expected inner weights"):
        coupled_error(one, two)
    with pytest.raises(ValueError, match="cloud: expected inner weights"):
        driven_velocity(two, task, driver=two)
    with pytest.raises(ValueError, match="'tanh' and no decay, got 'relu'"):
        coupling_growth(one, one, Regression(task.x, task.y))
    with pytest.raises(ValueError, match=r"no decay, got 'tanh' and a decay of 0\.5"):
        coupling_growth(one, one, Regression(task.x, task.y, decay=0.5, activation="tanh"))
    with pytest.raises(ValueError, match="other: expected at least 6 particles, got 5"):
        coupled_error(one, normal_cloud(5), first=2)
    with pytest.raises(ValueError, match="first: expected an integer, at least 0"):
        coupled_error(one, one, first=-1)
