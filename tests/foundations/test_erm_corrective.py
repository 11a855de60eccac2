"""The corrective step, against scipy's general optimizers and in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations import erm_corrective
from openblackbox.foundations.erm_corrective import best_combination, nearest_combination
from openblackbox.foundations.losses import as_loss
from scipy.optimize import LinearConstraint, linprog, minimize


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 6), st.floats(-4, 4))
def test_the_nearest_point_of_a_hull_obeys_its_variational_inequality(seed, n, k, exponent):
    rng = np.random.default_rng(seed)
    columns, target = rng.standard_normal((n, k)), 10.0**exponent * rng.standard_normal(n)
    weights = nearest_combination(columns, target)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, rel=1e-14)
    away = target - columns @ weights
    # The hull is on one side of the hyperplane at the nearest point.
    scale = np.linalg.norm(columns - target[:, None], axis=0).max()
    assert ((columns - (columns @ weights)[:, None]).T @ away <= 1e-13 * scale**2).all()


def test_a_target_inside_the_hull_is_reached():
    corners = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    weights = nearest_combination(corners, np.array([0.25, 0.5]))
    np.testing.assert_allclose(weights, [0.25, 0.25, 0.5], rtol=1e-13)
    assert nearest_combination(np.array([[2.0]]), np.array([2.0])).tolist() == [1.0]


def problem(name, seed, n=30, k=5):
    rng = np.random.default_rng(seed)
    columns, loss = 3 * rng.standard_normal((n, k)), as_loss(name)
    return loss, columns, rng.choice([-1.0, 1.0], n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["logistic", "squared"])
def test_smooth_risks_against_a_general_optimizer(name, seed):
    loss, columns, y = problem(name, seed)
    weights, slopes = best_combination(loss, columns, y, np.zeros(5), tol=1e-13)
    assert (weights >= 0).all()
    assert weights.sum() <= 1 + 1e-14
    peer = minimize(
        lambda w: loss.value(y, columns @ w).mean(),
        np.full(5, 0.1),
        jac=lambda w: columns.T @ loss.derivative(y, columns @ w) / len(y),
        bounds=[(0, 1)] * 5,
        constraints=LinearConstraint(np.ones(5), -np.inf, 1),
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    risk = loss.value(y, columns @ weights).mean()
    assert risk == pytest.approx(peer.fun, rel=1e-9)
    assert risk <= peer.fun + 1e-12
    values = columns @ weights
    np.testing.assert_allclose(slopes, loss.derivative(y, values) / len(y), rtol=1e-13)
    assert slopes @ values - min(0, (slopes @ columns).min()) <= 1e-13


def test_a_loss_that_has_gone_flat_still_gives_a_direction():
    # At the start the prediction is very sure and wrong nowhere, the curvature underflows.
    loss, y = as_loss("logistic"), np.ones(2)
    columns = np.array([[3000.0, -3000.0], [3000.0, -3000.0]])
    weights, _ = best_combination(loss, columns, y, np.array([0.0, 1.0]), tol=1e-9)
    assert loss.value(y, columns @ weights).mean() <= 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_the_linear_loss_ends_in_a_vertex(seed):
    loss, columns, y = problem("linear", seed)
    weights, slopes = best_combination(loss, columns, y, np.zeros(5), tol=1e-9)
    np.testing.assert_allclose(slopes, -y / 30, rtol=1e-15)
    peer = linprog(-columns.T @ y / 30, A_ub=np.ones((1, 5)), b_ub=[1], bounds=(0, 1))
    assert -y @ columns @ weights / 30 == pytest.approx(peer.fun, rel=1e-12)
    assert sorted(weights)[:-1] == [0, 0, 0, 0]
    nothing, _ = best_combination(loss, -np.abs(columns) * y[:, None], y, np.zeros(5), tol=1e-9)
    assert not nothing.any()


@pytest.mark.parametrize("seed", range(3))
def test_the_absolute_loss_and_its_multipliers(seed):
    loss, columns, y = problem("absolute", seed)
    weights, slopes = best_combination(loss, columns, y, np.zeros(5), tol=1e-9)
    values, n = columns @ weights, len(y)
    risk = loss.value(y, values).mean()
    # Weak duality: -<p, y> + min(0, min <p, a>) is below every risk; here the two are equal.
    dual = -slopes @ y + min(0.0, (slopes @ columns).min())
    assert np.abs(slopes).max() <= 1 / n
    assert risk == pytest.approx(dual, abs=1e-9)
    clear = np.abs(values - y) > 1e-7
    np.testing.assert_allclose(slopes[clear], np.sign(values - y)[clear] / n, rtol=1e-6)


def test_a_failure_of_the_linear_program_is_said(monkeypatch):
    class Failed:
        status, message = 4, "numerical difficulties"

    monkeypatch.setattr(erm_corrective, "linprog", lambda *_, **__: Failed)
    loss, columns, y = problem("absolute", 0)
    with pytest.raises(RuntimeError, match="corrective step failed: numerical difficulties"):
        best_combination(loss, columns, y, np.zeros(5), tol=1e-9)
