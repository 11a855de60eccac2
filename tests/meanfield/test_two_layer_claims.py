"""The statements of the report on networks with two layers, tested one by one."""

import math

import numpy as np
import pytest
import torch
from cloud_cases import normal_task, torch_gradient
from openblackbox.meanfield.energy import dissipation, energy, first_variation, risk, velocity
from openblackbox.meanfield.flow import run_flow, take_step
from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.penalties import penalty
from openblackbox.meanfield.starts import start
from scipy.integrate import solve_ivp
from scipy.optimize import linprog

# --- RS-01 to RS-03: networks, laws of the data, and the norm


@pytest.mark.claim("RS-01")
def test_the_function_is_the_integral_over_the_measure():
    cloud, task = normal_task()
    f = predict(cloud, task.x)
    terms = [a * np.maximum(task.x @ w, 0) / cloud.m for a, w in zip(cloud.a, cloud.w, strict=True)]
    np.testing.assert_allclose(f, np.sum(terms, axis=0), rtol=1e-13, atol=1e-15)
    # Only the measure counts: neither the order nor copies of all particles.
    order = np.random.default_rng(1).permutation(np.tile(np.arange(cloud.m), 3))
    other = Cloud(cloud.a[order], cloud.w[order])
    np.testing.assert_allclose(predict(other, task.x), f, rtol=1e-12, atol=1e-14)
    assert risk(other, task) == pytest.approx(risk(cloud, task), rel=1e-13)


@pytest.mark.claim("RS-02", counterexample=True)
def test_the_law_of_the_labels_does_not_give_the_risk():
    cloud, x = Cloud([1.0], [[1.0]]), [[1.0], [-1.0]]
    one, other = Regression(x, [1.0, 0.0]), Regression(x, [0.0, 1.0])
    assert sorted(one.y) == sorted(other.y)
    assert risk(cloud, one) == 0
    assert risk(cloud, other) == 1


@pytest.mark.claim("RS-02")
def test_the_law_of_the_points_does():
    cloud, task = normal_task(decay=0.0)
    order = np.random.default_rng(1).permutation(task.n)
    twice = np.tile(order, 2)
    other = Regression(task.x[twice], task.y[twice])
    assert risk(cloud, other) == pytest.approx(risk(cloud, task), rel=1e-13)


@pytest.mark.claim("RS-03", counterexample=True)
def test_the_integral_of_the_penalty_is_no_function_of_the_network():
    x = np.random.default_rng(0).standard_normal((20, 2))
    twins = Cloud([3.0, -3.0], [[1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_allclose(predict(twins, x), 0, atol=1e-14)
    assert np.mean(penalty(twins, kind="path")) == pytest.approx(3 * math.sqrt(5), rel=1e-15)
    # With V = |theta| even the infimum is 0: mass 1 - e at 0 and e at theta / sqrt(e).
    theta = np.array([3.0, 1.0, 2.0])
    expected, lengths = theta[0] * np.maximum(x @ theta[1:], 0), []
    for k in (1, 2, 10):
        e = k**-2.0
        cloud = np.zeros((k**2, 3))
        cloud[0] = theta / math.sqrt(e)
        f = predict(Cloud(cloud[:, 0], cloud[:, 1:]), x)
        np.testing.assert_allclose(f, expected, rtol=1e-13)
        lengths.append(np.mean(np.linalg.norm(cloud, axis=1)))
        assert lengths[-1] == pytest.approx(math.sqrt(e) * np.linalg.norm(theta), rel=1e-14)
    assert lengths[-1] < lengths[0] / 9


def variation(values, features):
    """The least total variation of weights on the directions that give the values."""
    k = features.shape[1]
    done = linprog(np.ones(2 * k), A_eq=np.hstack([features, -features]), b_eq=values)
    assert done.status == 0
    return done.fun


@pytest.mark.claim("RS-03")
@pytest.mark.parametrize("seed", range(3))
def test_the_infimum_is_a_norm_and_the_same_for_both_penalties(seed):
    # Inputs in dimension 1: two directions, so f is p x_+ + q (-x)_+ and its norm |p| + |q|.
    rng = np.random.default_rng(seed)
    x = np.array([[1.0], [-1.0]])
    cloud = start("gaussian", m=30, d=1, rng=rng)
    norm = np.abs(predict(cloud, x)).sum()
    assert norm < np.mean(penalty(cloud, kind="path")) < np.mean(penalty(cloud))
    p, q = predict(cloud, x)
    c = abs(p) + abs(q)
    root = math.sqrt(c)
    # Mass |p|/c and |q|/c at balanced particles: both penalties are c.
    best = Cloud([math.copysign(root, p), math.copysign(root, q)], [[root], [-root]])
    mass = np.array([abs(p), abs(q)]) / c
    features = np.maximum(x @ best.w.T, 0) * best.a
    np.testing.assert_allclose(features @ mass, [p, q], rtol=1e-14)
    for kind in ("path", "half-square"):
        assert mass @ penalty(best, kind=kind) == pytest.approx(norm, rel=1e-14)


@pytest.mark.claim("RS-03")
@pytest.mark.parametrize("seed", range(3))
def test_the_infimum_over_directions_is_a_norm_of_functions(seed):
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    directions, x = np.column_stack([np.cos(angle), np.sin(angle)]), rng.standard_normal((60, 2))
    features = np.maximum(x @ directions.T, 0)
    f, g = (features @ (rng.standard_normal(40) * (rng.random(40) < 0.2)) for _ in range(2))
    size = variation(f, features)
    assert size > 0.1
    assert variation(-2 * f, features) == pytest.approx(2 * size, rel=1e-7)
    assert variation(f + g, features) < size + variation(g, features) + 1e-9


# --- RS-04 to RS-09: gradient descent


@pytest.mark.claim("RS-04", counterexample=True)
@pytest.mark.parametrize("kind", ["half-square", "path"])
@pytest.mark.parametrize("seed", range(3))
def test_the_risk_is_never_convex_in_the_particles(kind, seed):
    cloud, task = normal_task(seed, penalty=kind)
    e = task.x[0] / np.linalg.norm(task.x[0])
    c = np.maximum(task.x @ e, 0)
    A, B = np.mean(c**2), np.mean(c * task.y)
    least = 1 + math.sqrt(max(0.0, (task.decay + 2 * B) / (2 * A)))

    def at(s, shift):
        a, w = np.full(cloud.m, s + shift), np.tile((s - shift) * e, (cloud.m, 1))
        return risk(Cloud(a, w), task)

    # In the direction (1, -1): the penalty adds 2 lambda, the path penalty -2 lambda.
    decay = task.decay if kind == "half-square" else -task.decay
    for s in (least, 10 * least, 100 * least):  # without a bound: the gradient is not Lipschitz
        h = 1e-3 * s
        second = (at(s, h) - 2 * at(s, 0.0) + at(s, -h)) / h**2
        assert second == pytest.approx(2 * (decay + 2 * B - 2 * A * s**2), rel=1e-4)
        assert second < -1
    assert second < -1000


@pytest.mark.claim("RS-04", counterexample=True)
def test_permuted_minimizers_are_minimizers_and_their_mean_is_none():
    x = np.random.default_rng(0).standard_normal((50, 2))
    best = Cloud([1.0, -1.0], [[1.0, 0.0], [0.0, 1.0]])
    task = Regression(x, predict(best, x))
    swapped = Cloud(best.a[::-1], best.w[::-1])
    middle = Cloud((best.a + swapped.a) / 2, (best.w + swapped.w) / 2)
    assert risk(best, task) == risk(swapped, task) == 0
    assert risk(middle, task) > 0.01


@pytest.mark.claim("RS-04")
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_risk_is_convex_in_the_measure(share):
    one, task = normal_task(0, m=8)
    other, _ = normal_task(1, m=8)
    k = round(8 * share)  # of 8 copies of each particle, 8 - k of the one and k of the other
    mixed = Cloud(
        np.concatenate([np.tile(one.a, 8 - k), np.tile(other.a, k)]),
        np.concatenate([np.tile(one.w, (8 - k, 1)), np.tile(other.w, (k, 1))]),
    )
    gap = np.mean((predict(one, task.x) - predict(other, task.x)) ** 2)
    expected = (1 - share) * risk(one, task) + share * risk(other, task)
    expected -= share * (1 - share) * gap
    assert risk(mixed, task) == pytest.approx(expected, rel=1e-13)


def convex(seed=0, d=4, alpha=0.2):
    """A function between alpha and L convex: value, gradient, L, and its least value."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((6, d))
    L = alpha + np.linalg.eigvalsh(Z.T @ Z)[-1] / 4

    def value(t):
        return np.logaddexp(0, Z @ t).sum() + alpha / 2 * t @ t

    def gradient(t):
        return Z.T @ (1 / (1 + np.exp(-Z @ t))) + alpha * t

    t = np.zeros(d)
    for _ in range(20000):
        t = t - gradient(t) / L
    assert np.linalg.norm(gradient(t)) < 1e-12
    return value, gradient, L, alpha, value(t)


@pytest.mark.claim("RS-05", counterexample=True)
def test_the_printed_right_side_is_too_small():
    # f = x^2 / 2 + 2 y^2 with the best constants, from (8, 0): f after one step is 18, and the
    # right side, read as a length, 3/2.
    curvature, start_at = np.array([1.0, 4.0]), np.array([8.0, 0.0])
    alpha, L = curvature.min(), curvature.max()
    after = start_at - curvature * start_at / L
    value, before = curvature @ after**2 / 2, curvature @ start_at**2 / 2
    assert value == 18
    assert (1 - alpha / L) * np.linalg.norm(after - start_at) == 1.5
    assert value <= (1 - alpha / L) * before


@pytest.mark.claim("RS-05")
@pytest.mark.parametrize("seed", range(3))
def test_the_excess_falls_by_the_factor(seed):
    value, gradient, L, alpha, best = convex(seed)
    t = np.random.default_rng(seed).standard_normal(4)
    excess = value(t) - best
    for _ in range(50):
        t = t - gradient(t) / L
        assert value(t) - best <= (1 - alpha / L) * excess + 1e-13
        excess = value(t) - best


@pytest.mark.claim("RS-05")
def test_the_inequality_on_the_gradient_is_enough():
    # F(u, v) = u^2 v^2 / 2 is not convex, and |grad F|^2 = 2 F (u^2 + v^2).
    t, L, alpha = np.array([2.0, 1.0]), 7.0, 2.5
    value = t[0] ** 2 * t[1] ** 2 / 2
    for _ in range(40):
        slope = np.prod(t) * t[::-1]
        assert slope @ slope == pytest.approx(2 * value * (t @ t), rel=1e-12)
        t = t - slope / L
        assert np.prod(t) ** 2 / 2 <= (1 - alpha / L) * value
        value = np.prod(t) ** 2 / 2
        assert t @ t > alpha


@pytest.mark.claim("RS-06", counterexample=True)
def test_strictly_convex_is_not_enough():
    theta, t = 1.0, 0
    for t in range(1, 1001):
        theta = theta - 4 * theta**3 / 12  # L = 12 on [-1, 1]
        low, high = (1 + 5 * t / 4) ** -2, (1 + 2 * t / 3) ** -2
        assert low * (1 - 1e-10) <= theta**4 <= high  # equal to low at t = 1
    assert theta**4 == pytest.approx(2.2e-6, rel=0.02)
    # Any factor below 1 would have beaten the lower bound.
    t = np.arange(1, 10**5)
    assert np.any(0.999**t < (1 + 5 * t / 4) ** -2.0)


@pytest.mark.claim("RS-06")
def test_the_printed_definition_is_that_of_strong_convexity():
    value, gradient, _, alpha, _ = convex()
    rng = np.random.default_rng(5)
    for _ in range(100):
        x, y = rng.standard_normal((2, 4))
        lower = value(y) + gradient(y) @ (x - y) + alpha / 2 * np.sum((x - y) ** 2)
        assert value(x) >= lower
    # x^4 fails it at y = 0 for every alpha > 0: x^4 < alpha x^2 / 2 for small x.
    for alpha in (1.0, 1e-3, 1e-6):
        x = math.sqrt(alpha) / 2
        assert x**4 < alpha / 2 * x**2


@pytest.mark.claim("RS-07", counterexample=True)
def test_the_printed_auxiliary_inequality_fails():
    x = y = 1.0
    f, slope = (x - 2) ** 2 / 2, x - 2
    assert f == 0.5
    assert f + slope * y == -0.5


@pytest.mark.claim("RS-07")
@pytest.mark.parametrize("seed", range(3))
def test_the_corrected_auxiliary_inequality_holds(seed):
    value, gradient, _, alpha, _ = convex(seed)
    rng = np.random.default_rng(seed)
    for _ in range(200):
        x, y = rng.standard_normal((2, 4))
        upper = value(x) + gradient(x) @ (y - x)
        assert value(y) <= upper + np.sum((gradient(x) - gradient(y)) ** 2) / (2 * alpha)


@pytest.mark.claim("RS-08")
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_bounds_the_excess(seed):
    value, gradient, _, alpha, best = convex(seed)
    for t in np.random.default_rng(seed).standard_normal((200, 4)):
        assert gradient(t) @ gradient(t) >= 2 * alpha * (value(t) - best)
    assert 3.0**2 == 2 * (3.0**2 / 2)  # equality for x^2 / 2


@pytest.mark.claim("RS-09")
@pytest.mark.parametrize("seed", range(3))
def test_each_step_gains_the_square_of_the_gradient(seed):
    value, gradient, L, alpha, best = convex(seed)
    rng = np.random.default_rng(seed)
    for t, other in rng.standard_normal((200, 2, 4)):
        slope = gradient(t)
        upper = value(t) + slope @ (other - t) + L / 2 * np.sum((other - t) ** 2)
        assert value(other) <= upper
        assert value(t - slope / L) <= value(t) - slope @ slope / (2 * L)
        # alpha <= L: the slope of the gradient along a segment is between the two.
        change = (gradient(other) - slope) @ (other - t) / np.sum((other - t) ** 2)
        assert alpha < change < L
    t, steps = 3 * rng.standard_normal(4), math.ceil(math.log(1e-10) / math.log(1 - alpha / L))
    excess = value(t) - best
    for _ in range(steps):
        t = t - gradient(t) / L
    assert -1e-13 < value(t) - best < 1e-10 * excess + 1e-13


# --- RS-10 to RS-15: the flow


@pytest.mark.claim("RS-10")
def test_descent_with_small_steps_follows_the_flow():
    cloud, task = normal_task(2, m=5, d=2, activation="tanh")

    def field(_, theta):
        theta = theta.reshape(cloud.m, -1)
        return velocity(Cloud(theta[:, 0], theta[:, 1:]), task).theta.ravel()

    done = solve_ivp(field, (0, 1), cloud.theta.ravel(), rtol=1e-11, atol=1e-12)
    exact, errors = done.y[:, -1].reshape(cloud.m, -1), []
    for steps in (50, 100, 200):
        last = run_flow(cloud, task, step=1 / steps, steps=steps, every=steps).last
        errors.append(np.abs(last.theta - exact).max())
    ratios = np.array(errors[:-1]) / errors[1:]
    assert np.all((ratios > 1.85) & (ratios < 2.15))


@pytest.mark.claim("RS-11")
@pytest.mark.parametrize("kind", ["half-square", "path"])
def test_the_risk_is_an_energy_of_pairs(kind):
    cloud, task = normal_task(penalty=kind)
    parts = energy(cloud, task)
    assert parts.total == pytest.approx(risk(cloud, task), rel=1e-14)
    f = predict(cloud, task.x)
    expanded = np.mean(task.y**2) + np.mean(f**2) - 2 * np.mean(f * task.y)
    expanded += task.decay * np.mean(penalty(cloud, kind=kind))
    assert parts.total == pytest.approx(expanded, rel=1e-14)
    # The constant does not move anything.
    assert parts.constant == energy(Cloud(2 * cloud.a, cloud.w), task).constant


def printed_potential(cloud, task):
    """Return the gradients at the particles of G = F - int K dmu, as printed, by torch."""
    x, y = torch.tensor(task.x), torch.tensor(task.y)
    a, w = (torch.tensor(array, requires_grad=True) for array in (cloud.a, cloud.w))
    phi = torch.relu(x @ w.T) * a  # one column for each particle
    f = torch.tensor(predict(cloud, task.x))
    V = (a**2 + (w**2).sum(dim=1)) / 2
    G = (phi * y[:, None]).mean(dim=0) - task.decay / 2 * V - (phi * f[:, None]).mean(dim=0)
    slope_a, slope_w = torch.autograd.grad(G.sum(), (a, w))
    return G.detach().numpy(), np.column_stack([slope_a.numpy(), slope_w.numpy()])


@pytest.mark.claim("RS-12", counterexample=True)
@pytest.mark.parametrize("m", [3, 7, 20])
def test_the_printed_force_is_m_halves_of_minus_the_gradient(m):
    cloud, task = normal_task(m=m)
    _, force = printed_potential(cloud, task)  # grad F - (1/m) sum grad K
    np.testing.assert_allclose(
        force, -m / 2 * torch_gradient(cloud, task)[1], rtol=1e-10, atol=1e-14
    )


@pytest.mark.claim("RS-12")
@pytest.mark.parametrize("seed", range(3))
def test_the_velocity_is_minus_m_times_the_gradient(seed):
    cloud, task = normal_task(seed)
    _, force = printed_potential(cloud, task)
    moved = velocity(cloud, task).theta
    np.testing.assert_allclose(
        moved, -cloud.m * torch_gradient(cloud, task)[1], rtol=1e-10, atol=1e-13
    )
    np.testing.assert_allclose(moved, 2 * force, rtol=1e-10, atol=1e-13)


@pytest.mark.claim("RS-13", counterexample=True)
def test_minus_the_slope_of_the_printed_potential_is_the_gradient():
    cloud, task = normal_task()
    _, force = printed_potential(cloud, task)
    np.testing.assert_allclose(
        -force, cloud.m / 2 * torch_gradient(cloud, task)[1], rtol=1e-10, atol=1e-14
    )
    # A particle that follows it climbs.
    climbed = Cloud(cloud.a - 1e-4 * force[:, 0], cloud.w - 1e-4 * force[:, 1:])
    assert risk(climbed, task) > risk(cloud, task)


@pytest.mark.claim("RS-13", "RS-14")
def test_the_first_variation_is_minus_twice_the_printed_potential():
    cloud, task = normal_task()
    G, force = printed_potential(cloud, task)
    np.testing.assert_allclose(first_variation(cloud, cloud, task), -2 * G, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(velocity(cloud, task).theta, 2 * force, rtol=1e-10, atol=1e-13)


@pytest.mark.claim("RS-14", counterexample=True)
def test_the_slope_of_the_risk_along_a_new_particle_is_not_the_printed_potential():
    cloud, task = normal_task()
    theta, _ = normal_task(4, m=1)
    f, phi = predict(cloud, task.x), predict(theta, task.x)
    V, v = np.mean(penalty(cloud)), penalty(theta)[0]
    values = []
    for e in (-1e-3, 1e-3):
        g = (1 - e) * f + e * phi
        values.append(np.mean((g - task.y) ** 2) + task.decay * ((1 - e) * V + e * v))
    slope = (values[1] - values[0]) / 2e-3
    G = [
        np.mean(one * task.y) - task.decay / 2 * cost - np.mean(one * f)
        for one, cost in ((phi, v), (f, V))
    ]
    assert slope == pytest.approx(-2 * (G[0] - G[1]), rel=1e-9)
    assert abs(slope - (G[0] - G[1])) > 0.1


@pytest.mark.claim("RS-15")
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_transport_equation_holds_against_a_test_function(activation):
    cloud, task = normal_task(m=20, activation=activation)
    moved = velocity(cloud, task).theta

    def mean(theta):
        return np.mean(np.exp(-np.sum(theta**2, axis=1)))

    slopes = -2 * cloud.theta * np.exp(-np.sum(cloud.theta**2, axis=1))[:, None]
    weak = np.mean(np.sum(slopes * moved, axis=1))  # -int grad chi . grad Psi dmu
    errors = []
    for step in (1e-4, 5e-5):
        later = take_step(cloud, task, step=step).theta
        errors.append((mean(later) - mean(cloud.theta)) / step - weak)
    assert abs(weak) > 0.01
    assert 2 * errors[1] - errors[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.claim("RS-15", counterexample=True)
def test_with_the_printed_potential_the_risk_increases():
    # d_t mu = div(mu grad G) moves each particle by -grad G.
    cloud, task = normal_task()
    _, force = printed_potential(cloud, task)
    moved = Cloud(cloud.a - 1e-6 * force[:, 0], cloud.w - 1e-6 * force[:, 1:])
    slope = (risk(moved, task) - risk(cloud, task)) / 1e-6
    assert slope == pytest.approx(-dissipation(cloud, task) / 2, rel=1e-4)
    assert slope > 0.1


# --- RS-16: the test error


def relative_error(f, y):
    return np.sum((f - y) ** 2) / np.sum(y**2)


@pytest.mark.claim("RS-16", counterexample=True)
def test_the_relative_error_is_not_bounded_by_one():
    cloud, task = normal_task(decay=0.0)
    y = predict(cloud, task.x)
    values = [
        relative_error(predict(Cloud(c * cloud.a, cloud.w), task.x), y) for c in (0, -1, 5, 1)
    ]
    assert values == pytest.approx([1, 4, 16, 0], rel=1e-13)


@pytest.mark.claim("RS-16", counterexample=True)
def test_it_may_rise_while_the_training_error_falls():
    # f* = (x_2)_+; the training point is e_1, the new point e_2.
    cloud, task = Cloud([1.0], [[1.0, 1.0]]), Regression([[1.0, 0.0]], [0.0])
    path = run_flow(cloud, task, step=0.01, steps=20000, every=10)
    errors = (path.a[:, 0] * np.maximum(path.w[:, 0, 1], 0) - 1) ** 2
    assert errors[0] == 0
    assert np.all(np.diff(path.risks) < 0)
    assert np.all(np.diff(errors) > 0)
    a = (1 + 4 * path.times) ** -0.5  # a = w_1 on the way, and a' = -2 a^3
    np.testing.assert_allclose(path.a[:, 0], a, rtol=0.01)
    assert errors[-1] > 0.9
    assert path.risks[-1] < 1e-5


@pytest.mark.claim("RS-16")
@pytest.mark.parametrize("seed", range(3))
def test_with_the_best_scale_it_lies_between_zero_and_one(seed):
    cloud, task = normal_task(seed)
    f, y = predict(cloud, task.x), task.y
    scale = (f @ y) / (f @ f)
    cosine = (f @ y) / (np.linalg.norm(f) * np.linalg.norm(y))
    least = relative_error(scale * f, y)
    assert least == pytest.approx(1 - cosine**2, rel=1e-12)
    assert 0 <= least <= 1
    for factor in (-1.0, 0.5, 0.9, 1.1, 3.0):
        assert relative_error(factor * scale * f, y) >= least
    # A scale from other points promises nothing: the same line, fitted on one point.
    wrong = max(np.abs(y / f)) * 3
    assert relative_error(wrong * f, y) > 1


@pytest.mark.claim("RS-16")
def test_it_is_nonnegative_zero_for_the_target_and_one_for_the_network_zero():
    cloud, task = normal_task(decay=0.0)
    y = predict(cloud, task.x)
    assert relative_error(y, y) == 0
    assert relative_error(0 * y, y) == 1
    for seed in range(5):
        other, _ = normal_task(seed + 1)
        f = predict(other, task.x)
        ratio = np.linalg.norm(f) / np.linalg.norm(y)
        assert (1 - ratio) ** 2 < relative_error(f, y) < (1 + ratio) ** 2
