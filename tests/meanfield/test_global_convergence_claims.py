"""The theorem of the report, hypothesis by hypothesis: what was repaired, and what was proved."""

import numpy as np
import pytest
from openblackbox.meanfield.balance import run_balanced
from openblackbox.meanfield.certificate import certify
from openblackbox.meanfield.convergence_study import draw_problem
from openblackbox.meanfield.energy import first_variation, risk
from openblackbox.meanfield.flow import run_flow
from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.positive_cone import positive_cone
from openblackbox.meanfield.starts import plane_teacher, start


def plane(seed=0, **options):
    x = np.random.default_rng(seed).standard_normal((60, 2))
    return Regression(x, predict(plane_teacher(), x, activation="relu"), **options)


@pytest.mark.claim("RS-17", counterexample=True)
def test_with_the_printed_penalty_the_risk_has_no_lower_bound():
    task = plane(activation="tanh")
    values = []
    for A in (1.0, 100.0, 10000.0):
        silent = Cloud([-A], [[0.0, 0.0]])
        assert not predict(silent, task.x, activation="tanh").any()
        values.append(risk(silent, task) + 0.3 * np.mean(silent.a * 1.0))  # V = a, lambda = 0.3
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(np.mean(task.y**2) - 3000, rel=1e-12)


@pytest.mark.claim("RS-17")
def test_with_the_absolute_value_mass_makes_no_difference():
    # A measure of mass t, and the probability measure with a replaced by t a.
    rng = np.random.default_rng(1)
    a, w, mass = rng.standard_normal(5), rng.standard_normal((5, 2)), rng.uniform(0, 3, 5)
    x, t = rng.standard_normal((8, 2)), mass.sum()
    f = np.tanh(x @ w.T) @ (mass * a)
    other = np.tanh(x @ w.T) @ (mass / t * (t * a))
    np.testing.assert_allclose(other, f, rtol=1e-13)
    assert mass @ np.abs(a) == pytest.approx(mass / t @ np.abs(t * a), rel=1e-14)


@pytest.mark.claim("RS-18")
@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.02])
def test_the_differential_of_relu_is_hoelder_one_half(alpha):
    # Polar coordinates: |x|^2 has mean 2, the angle is uniform; integrate over the angle.
    angle = (np.arange(400_000) + 0.5) * 2 * np.pi / 400_000
    differ = (np.cos(angle) > 0) != (np.cos(angle - alpha) > 0)
    norm = np.sqrt(2 * differ.mean())
    assert norm == pytest.approx(np.sqrt(2 * alpha / np.pi), rel=1e-3)


@pytest.mark.claim("RS-19", counterexample=True)
def test_the_risk_is_not_convex_in_the_weights():
    x = np.random.default_rng(0).standard_normal((40, 2))
    one = Cloud([1.0, -1.0], [[1.0, 0.0], [0.0, 1.0]])
    task = Regression(x, predict(one, x))
    other = Cloud(one.a[::-1], one.w[::-1])
    middle = Cloud((one.a + other.a) / 2, (one.w + other.w) / 2)
    assert risk(one, task) == risk(other, task) == 0
    assert risk(middle, task) > 0.01


@pytest.mark.claim("RS-19")
def test_the_risk_of_functions_satisfies_the_hypothesis():
    rng = np.random.default_rng(0)
    f, g, aim = rng.standard_normal((3, 30))
    R = lambda v: np.mean((v - aim) ** 2)  # noqa: E731
    assert R((f + g) / 2) == pytest.approx((R(f) + R(g)) / 2 - np.mean((f - g) ** 2) / 4, rel=1e-12)
    # The gradient in the space with the inner product mean(f g) is 2 (f - aim).
    slope = (R(f + 1e-6 * g) - R(f - 1e-6 * g)) / 2e-6
    assert slope == pytest.approx(np.mean(2 * (f - aim) * g), rel=1e-7)
    assert np.sqrt(np.mean((2 * (f - aim)) ** 2)) == pytest.approx(2 * np.sqrt(R(f)), rel=1e-14)


@pytest.mark.claim("RS-23")
@pytest.mark.parametrize("decay", [0.0, 0.02])
@pytest.mark.parametrize("m", [2, 20, 120])
def test_from_a_one_sided_start_the_flow_stays_above_the_floor(m, decay):
    task = plane(decay=decay)
    fit = positive_cone(Regression(task.x, task.y))
    assert fit.value - fit.lower < 1e-12
    first = start("one-sided", m=m, d=2, rng=np.random.default_rng(m), scale=0.5)
    path = run_balanced(first, task, step=0.05, steps=800, every=20)
    assert path.a.min() > 0
    assert path.risks.min() > fit.lower > 0.2 * np.mean(task.y**2)
    if not decay and m > 2:
        assert path.risks[-1] < 1.01 * fit.lower


@pytest.mark.claim("RS-23")
@pytest.mark.parametrize("seed", range(3))
def test_with_both_signs_it_goes_below(seed):
    task = plane(seed)
    first = start("balanced", m=60, d=2, rng=np.random.default_rng(seed), scale=0.5)
    path = run_balanced(first, task, step=0.05, steps=800, every=800)
    assert path.risks[-1] < 0.1 * positive_cone(task).lower
    assert np.array_equal(np.sign(path.a[0]), np.sign(path.a[-1]))


@pytest.mark.claim("RS-24")
@pytest.mark.parametrize("seed", [0, 3, 5, 6, 9])
def test_where_a_stuck_cloud_could_grow_there_is_no_particle(seed):
    task = draw_problem(seed)
    first = start("balanced", m=4, d=2, rng=np.random.default_rng([seed, 1, 4]))
    end = run_balanced(first, task, step=0.1, steps=5000, every=5000).last
    size = np.linalg.norm(end.w, axis=1)
    assert np.all(size > 0)
    unit = Cloud(np.sign(end.a), end.w / size[:, None])
    assert set(unit.a) == {-1.0, 1.0}
    assert certify(end, task).supremum > 1.3 * task.decay
    assert first_variation(unit, end, task).min() > -0.02 * task.decay


@pytest.mark.claim("RS-24")
@pytest.mark.parametrize("seed", [0, 3, 5])
def test_clouds_with_decay_come_to_rest(seed):
    task = draw_problem(seed)
    first = start("balanced", m=4, d=2, rng=np.random.default_rng([seed, 1, 4]))
    path = run_balanced(first, task, step=0.1, steps=6000, every=1500)
    theta = np.stack([path.cloud(k).theta for k in range(5)])
    moves = np.linalg.norm(np.diff(theta, axis=0), axis=(1, 2))
    assert np.all(np.diff(moves) < 0)
    assert moves[-1] < 0.05 * moves[0]


@pytest.mark.claim("RS-25")
def test_without_optimality_the_limits_in_t_and_m_do_not_commute():
    task = Regression([[1.0]], [1.0])

    def at(m, time):
        root = np.full(5, 1 / m)  # m particles that are equal: five do
        steps = int(time / 0.01)
        path = run_flow(Cloud(root, root[:, None]), task, step=0.01, steps=steps, every=steps)
        exact = (1 - 1 / (1 + (m**2 - 1) * np.exp(-4 * time))) ** 2
        assert path.risks[-1] == pytest.approx(exact, abs=0.06)
        return path.risks[-1]

    assert at(1e4, 1.0) > 0.999
    assert at(10, 8.0) < 1e-6


@pytest.mark.claim("RS-25")
def test_the_risk_of_a_wide_cloud_at_a_late_time_is_small():
    # (T, m0) for one epsilon: from there on the risk stays below, as it decreases in t.
    task = plane(0)
    for m in (60, 120):
        first = start("balanced", m=m, d=2, rng=np.random.default_rng(m), scale=0.5)
        path = run_balanced(first, task, step=0.05, steps=1000, every=50)
        assert np.all(np.diff(path.risks) < 0)
        assert path.risks[-1] < 0.02 * np.mean(task.y**2)
