"""Local methods on two factors with given supports, and the infimum that is not attained."""

import itertools
from math import comb

import numpy as np
import pytest
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.fixed_support import (
    alternating_least_squares,
    classes_of_supports,
    gradient_descent,
    local_minima,
    solve_by_classes,
)
from openblackbox.multitree.supports import NotMultitreeError
from scipy.integrate import solve_ivp
from scipy.optimize import lsq_linear

EXCHANGE = np.array([[0.0, 1.0], [1.0, 0.0]])
TRIANGLES = [np.triu(np.ones((2, 2))), np.tril(np.ones((2, 2)))]


def instance(seed, shape=(4, 5), neurons=3, density=0.7):
    rng = np.random.default_rng(seed)
    supports = [
        rng.random((neurons, shape[1])) < density,
        rng.random((shape[0], neurons)) < density,
    ]
    start = [support * rng.standard_normal(support.shape) for support in supports]
    return rng.standard_normal(shape), supports, start


def loss_of(matrix, factors):
    return np.linalg.norm(matrix - factors[1] @ factors[0]) ** 2


# ---------------------------------------------------------------- alternating least squares


@pytest.mark.parametrize("seed", range(5))
def test_a_sweep_solves_each_row_and_column(seed):
    matrix, supports, start = instance(seed)
    fit = alternating_least_squares(matrix, supports, start=start, steps=1)
    second = np.zeros(supports[1].shape)
    for row, neurons in enumerate(supports[1]):
        if neurons.any():
            second[row, neurons] = lsq_linear(start[0][neurons].T, matrix[row]).x
    first = np.zeros(supports[0].shape)
    for column, neurons in enumerate(supports[0].T):
        if neurons.any():
            first[neurons, column] = lsq_linear(second[:, neurons], matrix[:, column]).x
    np.testing.assert_allclose(fit.factors[1] @ fit.factors[0], second @ first, atol=1e-8)
    np.testing.assert_allclose(
        fit.losses, [loss_of(matrix, start), loss_of(matrix, (first, second))]
    )


@pytest.mark.parametrize("seed", range(5))
def test_losses_never_grow_and_are_those_of_the_factors(seed):
    matrix, supports, start = instance(seed)
    fit = alternating_least_squares(matrix, supports, start=start, steps=40)
    assert np.all(np.diff(fit.losses) <= 1e-12)
    assert fit.steps.tolist() == list(range(41))
    for factor, support in zip(fit.factors, supports, strict=True):
        assert not factor[~support].any()
    np.testing.assert_allclose(fit.losses[-1], loss_of(matrix, fit.factors), rtol=1e-9)
    np.testing.assert_allclose(fit.losses[0], loss_of(matrix, start), rtol=1e-12)
    sizes = [np.linalg.norm(np.concatenate([w.ravel() for w in ws])) for ws in (start, fit.factors)]
    np.testing.assert_allclose(fit.sizes[[0, -1]], sizes, rtol=1e-12)
    rows, columns = np.linalg.norm(fit.factors[0], axis=1), np.linalg.norm(fit.factors[1], axis=0)
    np.testing.assert_allclose(rows, columns, rtol=1e-10)


def test_on_one_dense_neuron_it_is_the_power_method():
    rng = np.random.default_rng(0)
    matrix, w = rng.standard_normal((5, 4)), rng.standard_normal(4)
    fit = alternating_least_squares(
        matrix, [np.ones((1, 4)), np.ones((5, 1))], start=(w[None], np.zeros((5, 1))), steps=60
    )
    for step in range(1, 61):
        w = matrix.T @ (matrix @ w)
        w /= np.linalg.norm(w)
        u = matrix @ w
        expected = np.linalg.norm(matrix - np.outer(u, w)) ** 2
        assert fit.losses[step] >= expected - 1e-12  # u was fitted to the w before
    tail = (np.linalg.svd(matrix, compute_uv=False)[1:] ** 2).sum()
    np.testing.assert_allclose(fit.losses[-1], tail, rtol=1e-9)


def test_a_neuron_that_dies_stays_finite():
    fit = alternating_least_squares(
        np.zeros((2, 2)), [np.ones((1, 2)), np.ones((2, 1))], start=([[1, 1]], [[0], [0]]), steps=3
    )
    assert fit.losses.tolist() == [0.0] * 4
    assert np.isfinite(fit.factors[0]).all()


# ---------------------------------------------------------------- gradient descent


def test_the_step_is_minus_the_gradient():
    matrix, supports, start = instance(1)
    step_size, h = 1e-3, 1e-6
    fit = gradient_descent(matrix, supports, start=start, step_size=step_size, steps=1)
    for k in (0, 1):
        slope = np.zeros(supports[k].shape)
        for place in np.argwhere(supports[k]):
            ends = []
            for sign in (1, -1):
                moved = [factor.copy() for factor in start]
                moved[k][tuple(place)] += sign * h
                ends.append(loss_of(matrix, moved))
            slope[tuple(place)] = (ends[0] - ends[1]) / (2 * h)
        np.testing.assert_allclose(fit.factors[k], start[k] - step_size * slope, atol=1e-9)


def test_small_steps_follow_the_gradient_flow():
    matrix, supports, start = instance(2)
    split = supports[0].sum()

    def factors(weights):
        first, second = (np.zeros(s.shape) for s in supports)
        first[supports[0]], second[supports[1]] = weights[:split], weights[split:]
        return first, second

    def flow(_, weights):
        first, second = factors(weights)
        rest = 2 * (matrix - second @ first)
        return np.r_[(second.T @ rest)[supports[0]], (rest @ first.T)[supports[1]]]

    weights = np.r_[start[0][supports[0]], start[1][supports[1]]]
    exact = solve_ivp(flow, (0, 0.256), weights, rtol=1e-10, atol=1e-12).y[:, -1]
    fit = gradient_descent(matrix, supports, start=start, step_size=1e-4, steps=2560)
    np.testing.assert_allclose(fit.losses[-1], loss_of(matrix, factors(exact)), rtol=2e-3)
    np.testing.assert_allclose(fit.sizes[-1], np.linalg.norm(exact), rtol=1e-3)
    assert fit.steps.tolist() == [0, *(2**k for k in range(12)), 2560]
    size = np.hypot(*(np.linalg.norm(factor) for factor in fit.factors))
    np.testing.assert_allclose(fit.sizes[-1], size, rtol=1e-12)
    np.testing.assert_allclose(fit.losses[-1], loss_of(matrix, fit.factors), rtol=1e-12)


def test_zero_steps_and_steps_that_are_too_large():
    matrix, supports, start = instance(3)
    fit = gradient_descent(matrix, supports, start=start, step_size=1, steps=0)
    np.testing.assert_array_equal(fit.factors[0], start[0])
    assert fit.losses.shape == fit.sizes.shape == fit.steps.shape == (1,)
    with pytest.raises(OverflowError, match="step_size: 10 is too large"):
        gradient_descent(matrix, supports, start=start, step_size=10, steps=64)


# ---------------------------------------------------------------- the infimum not attained


def near(e):
    """Triangular factors whose product misses the exchange matrix by e^2 in one entry."""
    return np.array([[e, 1 / e], [0, -1 / e]]), np.array([[e, 0], [1 / e, 1 / e]])


@pytest.mark.claim("LQ-03")
@pytest.mark.parametrize("e", [1, 0.1, 0.01, 0.001])
def test_the_infimum_is_zero(e):
    first, second = near(e)
    np.testing.assert_allclose(second @ first, [[e * e, 1], [1, 0]], atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(EXCHANGE - second @ first), e**2, rtol=1e-9)
    assert max(abs(first).max(), abs(second).max()) == 1 / e


@pytest.mark.claim("LQ-03")
def test_small_errors_need_large_weights():
    """Error at most t < 1 forces a weight of at least (1 - t) / sqrt(t), for any factors."""
    rng = np.random.default_rng(0)
    worst = np.inf
    for e in 10.0 ** rng.uniform(-2, -0.05, 300):
        first, second = near(e)
        factors = [w + rng.normal(0, e**3, w.shape) * (w != 0) for w in (first, second)]
        error = np.linalg.norm(EXCHANGE - factors[1] @ factors[0])
        if error < 1:
            largest = max(abs(w).max() for w in factors)
            worst = min(worst, largest * error**0.5 / (1 - error))
            assert largest >= (1 - error) / error**0.5
    assert 1 <= worst < 1.1


@pytest.mark.claim("LQ-03")
def test_gradient_descent_runs_to_infinity_at_the_predicted_rate():
    rng = np.random.default_rng(0)
    start = [support * rng.standard_normal((2, 2)) for support in TRIANGLES]
    fit = gradient_descent(EXCHANGE, TRIANGLES, start=start, step_size=0.01, steps=2**15)
    assert np.all(np.diff(fit.losses) < 0)
    assert np.all(np.diff(fit.sizes) > 0)
    np.testing.assert_allclose(fit.losses[-1] * fit.sizes[-1] ** 4, 16, rtol=0.01)
    np.testing.assert_allclose(fit.sizes[-1], (384 * 0.01 * 2**15) ** (1 / 6), rtol=0.02)


def test_factorize_refuses_overlapping_blocks():
    with pytest.raises(NotMultitreeError, match="joined by two paths"):
        factorize(EXCHANGE, TRIANGLES)


# ---------------------------------------------------------------- the setting


@pytest.mark.claim("LQ-01")
def test_training_a_shallow_linear_network_is_the_matrix_problem():
    """Inputs B = I: the squared errors add up to the Frobenius norm, sparse weights included."""
    matrix, supports, weights = instance(4)
    total = 0.0
    for unit, wanted in zip(np.eye(matrix.shape[1]), matrix.T, strict=True):
        hidden = weights[0] @ unit  # no bias, linear activation
        total += ((weights[1] @ hidden - wanted) ** 2).sum()
    np.testing.assert_allclose(total, loss_of(matrix, weights), rtol=1e-13)
    fit = gradient_descent(matrix, supports, start=weights, step_size=1e-3, steps=64)
    assert fit.losses[-1] < fit.losses[0]
    for factor, support in zip(fit.factors, supports, strict=True):
        assert np.count_nonzero(factor) <= support.sum() < support.size


@pytest.mark.claim("LQ-02")
@pytest.mark.parametrize("count, exact", [(1, 6), (2, 1), (3, 0)])
def test_supports_first_then_values(count, exact):
    """All pairs of supports with so many weights: binomially many, each a problem of values."""
    matrix = np.array([[2.0, 1.0], [1.0, 2.0]])
    patterns = [
        np.isin(np.arange(4), places).reshape(2, 2)
        for places in itertools.combinations(range(4), count)
    ]
    pairs = list(itertools.product(patterns, repeat=2))
    assert len(pairs) == comb(4, count) ** 2
    rng, best = np.random.default_rng(0), np.inf
    for pair in pairs:
        if classes_of_supports(pair).is_tractable:
            best = min(best, solve_by_classes(matrix, pair).residual ** 2)
        elif (pair[1] @ pair[0]).any():
            best = min(best, local_minima(matrix, pair, rng=rng, starts=3).endings.min())
    np.testing.assert_allclose(best, exact, atol=1e-9)
    for _ in range(300):  # any sparse factors have one of these pairs of supports
        first, second = (
            np.where(patterns[rng.integers(len(patterns))], rng.normal(0, 1.5, (2, 2)), 0)
            for _ in "ab"
        )
        assert loss_of(matrix, (first, second)) >= exact - 1e-12


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"matrix": np.eye(3)}, ValueError, r"expected shape \(2, 2\) from the supports"),
        ({"matrix": 1j * EXCHANGE}, TypeError, "matrix: expected real numbers, got dtype"),
        ({"supports": TRIANGLES[:1]}, ValueError, "expected two layers, got 1"),
        ({"start": [np.eye(2)]}, ValueError, r"start: expected shapes .* got \[\(2, 2\)\]"),
        ({"start": [np.eye(2), np.eye(3)]}, ValueError, "start: expected shapes"),
        ({"start": [np.ones((2, 2)), np.eye(2)]}, ValueError, "weights outside the supports"),
        ({"start": [np.eye(2) * np.nan, np.eye(2)]}, ValueError, r"start\[0\]: holds NaN"),
        ({"steps": -1}, ValueError, "steps: expected a number of at least 0, got -1"),
        ({"step_size": 0}, ValueError, "step_size: expected a positive number, got 0"),
    ],
)
def test_bad_arguments(changes, error, message):
    options = {"matrix": EXCHANGE, "supports": TRIANGLES, "start": [np.eye(2), np.eye(2)]}
    options |= {"steps": 1, **changes}
    matrix, supports = options.pop("matrix"), options.pop("supports")
    step_size = options.pop("step_size", 0.01)
    with pytest.raises(error, match=message):
        gradient_descent(matrix, supports, step_size=step_size, **options)
    if "step_size" not in changes:
        with pytest.raises(error, match=message):
            alternating_least_squares(matrix, supports, **options)
