"""Minimizers without one sample: closed forms, a general optimizer, the bound of the theorem."""

import numpy as np
import pytest
from openblackbox.foundations.leave_one_out import leave_one_out
from openblackbox.foundations.losses import as_loss
from scipy.optimize import minimize


def task(seed, n=30, k=4):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, k)), rng.choice([-1.0, 1.0], n)


@pytest.mark.parametrize("seed", range(3))
def test_least_squares_with_room_in_the_budget_are_the_closed_forms(seed):
    columns, y = task(seed)
    found = leave_one_out(columns, y, budget=50, loss="squared")
    hat = columns @ np.linalg.pinv(columns)
    np.testing.assert_allclose(found.leverages, np.diag(hat), rtol=1e-12)
    np.testing.assert_allclose(found.values, hat @ y, atol=1e-8)
    for i in range(len(y)):
        rest = np.linalg.lstsq(np.delete(columns, i, axis=0), np.delete(y, i), rcond=None)[0]
        np.testing.assert_allclose(found.without[i], columns @ rest, atol=1e-8)
    # The theorem is an equality here, with the slope at the point left out in place of G.
    slopes = np.abs(np.diag(found.without) - y)
    np.testing.assert_allclose(found.moves, found.leverages * slopes, atol=1e-8)


@pytest.mark.parametrize("name", ["logistic", "squared"])
def test_each_row_minimizes_the_risk_without_its_sample(name):
    columns, y = task(5, n=12, k=3)
    loss, found = as_loss(name), leave_one_out(columns, y, budget=0.7, loss=name)
    both = 0.7 * np.hstack([columns, -columns])
    for i in (None, 0, 7):
        kept = np.arange(12) != i
        peer = minimize(
            lambda w, kept=kept: loss.value(y, both @ w)[kept].mean(),
            np.full(6, 0.1),
            bounds=[(0, 1)] * 6,
            constraints={"type": "ineq", "fun": lambda w: 1 - w.sum()},
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 500},
        )
        values = found.values if i is None else found.without[i]
        np.testing.assert_allclose(values, both @ peer.x, atol=2e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("budget", [0.5, 3.0])
def test_the_bound_of_the_theorem_with_the_slopes_and_curvature_that_occur(seed, budget):
    columns, y = task(seed, n=40, k=5)
    found = leave_one_out(columns, y, budget=budget)
    reach = max(np.abs(found.values).max(), np.abs(found.without).max())
    kappa = 1 / (2 + 2 * np.cosh(reach))
    slopes = np.abs(as_loss("logistic").derivative(y, np.diag(found.without)))
    assert (kappa * found.moves <= slopes * found.leverages + 1e-8).all()
    assert found.moves.max() > 0.01


def test_columns_that_repeat_carry_no_leverage():
    columns, y = task(6)
    twice = np.hstack([columns, columns @ np.ones((4, 2))])
    once, again = (leave_one_out(A, y, budget=2) for A in (columns, twice))
    np.testing.assert_allclose(again.leverages, once.leverages, rtol=1e-9)
    assert again.leverages.sum() == pytest.approx(4, rel=1e-12)
    zero = leave_one_out(np.zeros((3, 2)), [1.0, -1.0, 1.0], budget=1)
    assert not zero.leverages.any()
    assert not zero.moves.any()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"columns": np.ones(3)}, "columns: expected the shape"),
        ({"columns": np.ones((1, 1)), "y": [1.0]}, "columns: expected the shape"),
        ({"columns": np.ones((3, 0))}, "columns: expected the shape"),
        ({"columns": np.full((3, 1), np.nan)}, "columns: expected finite numbers"),
        ({"y": [1.0, -1.0]}, "y: expected the shape"),
        ({"y": [1.0, -1.0, np.inf]}, "y: expected finite numbers"),
        ({"y": [1.0, -1.0, 0.0]}, "y: expected labels -1 and 1 for the logistic loss"),
        ({"budget": 0.0}, "budget: expected a number above 0, got 0.0"),
        ({"tol": 0.0}, "tol: expected a number above 0, got 0.0"),
        ({"loss": "linear"}, "loss: expected 'logistic' or 'squared', got 'linear'"),
        ({"loss": "hinge"}, "loss: expected one of"),
    ],
)
def test_bad_input_is_named(changes, message):
    given = {"columns": np.ones((3, 1)), "y": [1.0, -1.0, 1.0], "budget": 1.0} | changes
    with pytest.raises(ValueError, match=message):
        leave_one_out(given.pop("columns"), given.pop("y"), **given)
