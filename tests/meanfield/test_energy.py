"""The risk three ways, its first variation and its velocities, against torch and differences."""

import numpy as np
import pytest
from cloud_cases import normal_task, torch_gradient
from openblackbox.meanfield.energy import dissipation, energy, first_variation, risk, velocity
from openblackbox.meanfield.particles import ACTIVATIONS, Cloud, Regression, predict
from openblackbox.meanfield.penalties import PENALTIES, penalty

KINDS = [(p, s) for p in PENALTIES for s in ACTIVATIONS]


def test_one_particle_by_hand():
    # f(x) = 6 x_+ at x = 1 and -1: residuals 5 and 0, risk 25/2 + (4 + 9)/4.
    cloud, task = Cloud([2.0], [[3.0]]), Regression([[1.0], [-1.0]], [1.0, 0.0], decay=0.5)
    assert risk(cloud, task) == 12.5 + 3.25
    moved = velocity(cloud, task)
    assert moved.a.tolist() == [-(5.0 * 3) - 0.5 * 2]
    assert moved.w.tolist() == [[-(5.0 * 2) - 0.5 * 3]]
    assert dissipation(cloud, task) == -(16.0**2 + 11.5**2)
    assert first_variation(Cloud([1.0], [[2.0]]), cloud, task).tolist() == [5.0 * 2 + 0.5 * 2.5]


@pytest.mark.parametrize(("penalty", "activation"), KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_velocity_is_minus_m_times_the_gradient_of_torch(penalty, activation, seed):
    cloud, task = normal_task(penalty=penalty, activation=activation, seed=seed)
    value, slope = torch_gradient(cloud, task)
    assert risk(cloud, task) == pytest.approx(value, rel=1e-14)
    moved = velocity(cloud, task).theta
    np.testing.assert_allclose(moved, -cloud.m * slope, rtol=1e-12, atol=1e-14)
    square = np.sum(slope**2)
    assert dissipation(cloud, task) == pytest.approx(-cloud.m * square, rel=1e-13)


def test_at_a_kink_of_relu_the_convention_is_that_of_torch():
    cloud, task = Cloud([1.0], [[0.0, 1.0]]), Regression([[1.0, 0.0]], [1.0])
    assert not torch_gradient(cloud, task)[1].any()
    assert not velocity(cloud, task).theta.any()


@pytest.mark.parametrize(("penalty", "activation"), KINDS)
def test_the_energy_of_pairs_is_the_risk(penalty, activation):
    cloud, task = normal_task(penalty=penalty, activation=activation)
    parts = energy(cloud, task)
    assert parts.total == pytest.approx(risk(cloud, task), rel=1e-14)
    assert parts.total == parts.constant + parts.external + parts.interaction
    assert parts.constant == pytest.approx(np.mean(task.y**2), rel=1e-15)
    f = predict(cloud, task.x, activation=activation)
    assert parts.interaction == pytest.approx(np.mean(f**2), rel=1e-13)


@pytest.mark.parametrize(("penalty", "activation"), KINDS)
def test_adding_mass_changes_the_risk_by_the_first_variation(penalty, activation):
    # mu + e (delta_theta - mu): the risk is a polynomial of degree 2 in e, with slope
    # Psi(theta) - int Psi dmu at 0 and curvature 2 |phi(theta) - f|^2. Both are checked exactly.
    cloud, task = normal_task(penalty=penalty, activation=activation)
    theta, _ = normal_task(seed=5, m=1)
    f, phi = (predict(one, task.x, activation=activation) for one in (cloud, theta))
    V, v = np.mean(penalty_of(cloud, penalty)), penalty_of(theta, penalty)[0]

    def mixed(e):
        g = (1 - e) * f + e * phi
        return np.mean((g - task.y) ** 2) + task.decay * ((1 - e) * V + e * v)

    at = first_variation(theta, cloud, task)[0] - np.mean(first_variation(cloud, cloud, task))
    assert mixed(0.0) == pytest.approx(risk(cloud, task), rel=1e-14)
    assert (mixed(1e-3) - mixed(-1e-3)) / 2e-3 == pytest.approx(at, rel=1e-10)
    curvature = (mixed(1) - 2 * mixed(0) + mixed(-1)) / 2
    assert curvature == pytest.approx(np.mean((phi - f) ** 2), rel=1e-12)


def penalty_of(cloud, kind):
    return penalty(cloud, kind=kind)


@pytest.mark.parametrize(("penalty", "activation"), KINDS)
def test_the_velocity_is_minus_the_slope_of_the_first_variation(penalty, activation):
    cloud, task = normal_task(penalty=penalty, activation=activation)
    theta, step = cloud.theta, 1e-6
    slopes = np.empty_like(theta)
    for k in range(theta.shape[1]):
        up, down = theta.copy(), theta.copy()
        up[:, k] += step
        down[:, k] -= step
        values = [first_variation(Cloud(t[:, 0], t[:, 1:]), cloud, task) for t in (up, down)]
        slopes[:, k] = (values[0] - values[1]) / (2 * step)
    np.testing.assert_allclose(velocity(cloud, task).theta, -slopes, atol=1e-7)


def test_order_and_copies_of_particles_do_not_matter():
    cloud, task = normal_task()
    order = np.random.default_rng(3).permutation(cloud.m)
    moved = velocity(cloud, task)
    shuffled = Cloud(cloud.a[order], cloud.w[order])
    doubled = Cloud(np.tile(cloud.a, 2), np.tile(cloud.w, (2, 1)))
    for other in (shuffled, doubled):
        assert risk(other, task) == pytest.approx(risk(cloud, task), rel=1e-14)
        assert dissipation(other, task) == pytest.approx(dissipation(cloud, task), rel=1e-13)
    np.testing.assert_allclose(velocity(shuffled, task).theta, moved.theta[order], rtol=1e-12)
    np.testing.assert_allclose(
        velocity(doubled, task).theta, np.tile(moved.theta, (2, 1)), rtol=1e-12
    )


def test_without_decay_relu_pulls_a_and_w_alike():
    cloud, task = normal_task(decay=0.0)
    moved = velocity(cloud, task)
    inner = np.sum(cloud.w * moved.w, axis=1)
    np.testing.assert_allclose(cloud.a * moved.a, inner, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda c, t: risk(c, t),
        lambda c, t: energy(c, t),
        lambda c, t: velocity(c, t),
        lambda c, t: dissipation(c, t),
        lambda c, t: first_variation(c, Cloud([1.0], [[1.0, 1.0]]), t),
        lambda c, t: first_variation(Cloud([1.0], [[1.0, 1.0]]), c, t),
    ],
)
def test_dimensions_that_do_not_fit_are_refused(call):
    cloud, task = Cloud([1.0], [[1.0]]), Regression([[1.0, 2.0]], [1.0])
    with pytest.raises(ValueError, match=r"expected (inner weights|points) of \d entries, got \d"):
        call(cloud, task)
