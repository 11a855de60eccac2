"""Noise floors: formulas against enumeration of all paths, recursions and scipy."""

import itertools

import numpy as np
import pytest
from openblackbox.foundations.batches import epoch_batches
from openblackbox.foundations.descent import trajectory
from openblackbox.foundations.noise_floor import (
    cycle_limit,
    expected_error,
    shuffled_floor,
    stationary_covariance,
)
from openblackbox.foundations.optimizers import sgd
from scipy.linalg import solve_discrete_lyapunov

POINTS = np.array([0.0, 1.0, 5.0])


def problem(p=3, seed=0):
    rng = np.random.default_rng(seed)
    root, other = rng.standard_normal((2, p, p))
    return root @ root.T + 0.3 * np.eye(p), other @ other.T, rng.standard_normal(p)


def follow(points, order, rate, theta):
    """SGD on theta -> |theta - x|^2 / 2, one sample after the other."""
    return trajectory(
        sgd, lambda theta, t: theta - points[order[t - 1]], theta, [rate] * len(order)
    )


def test_expected_error_over_all_paths():
    steps, rate = 6, 0.4
    orders = itertools.product(range(3), repeat=steps)
    paths = np.array([follow(POINTS, order, rate, [7.0]) for order in orders])
    exact = np.mean((paths[:, :, 0] - 2) ** 2, axis=0)
    variance = [[np.var(POINTS)]]
    assert np.allclose(expected_error([[1.0]], variance, [5.0], rate=rate, steps=steps), exact)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.3])
def test_expected_error_by_the_recursion_of_the_second_moment(fraction):
    hessian, noise, offset = problem()
    rate = fraction / np.linalg.eigvalsh(hessian)[-1]
    contraction = np.eye(3) - rate * hessian
    second, expected = np.outer(offset, offset), []
    for _ in range(31):
        expected.append(np.trace(second))
        second = contraction @ second @ contraction + rate**2 * noise
    found = expected_error(hessian, noise, offset, rate=rate, steps=30)
    assert np.allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("fraction", [0.01, 0.5, 1.9])
def test_stationary_covariance_by_scipy(fraction):
    hessian, noise, offset = problem(p=4, seed=1)
    rate = fraction / np.linalg.eigvalsh(hessian)[-1]
    found = stationary_covariance(hessian, noise, rate=rate)
    expected = solve_discrete_lyapunov(np.eye(4) - rate * hessian, rate**2 * noise)
    assert np.allclose(found, expected, rtol=1e-9)
    last = expected_error(hessian, noise, offset, rate=rate, steps=20000)[-1]
    assert np.isclose(last, np.trace(found), rtol=1e-9)


def test_the_floor_is_below_the_bound_of_the_theorem():
    for seed in range(10):
        hessian, noise, offset = problem(seed=seed)
        values = np.linalg.eigvalsh(hessian)
        for fraction in (0.1, 1.0):
            rate = 2 * fraction / (values[0] + values[-1])
            floor = rate * np.trace(noise) / (values[0] * (2 - rate * values[0]))
            kept = (1 - rate * values[0]) ** (2 * np.arange(41))
            found = expected_error(hessian, noise, offset, rate=rate, steps=40)
            assert (found <= (kept * (offset @ offset) + floor) * (1 + 1e-12)).all()


@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0, 1.7])
def test_shuffled_floor_over_all_orders(rate):
    """The variance that one epoch adds, over all orders, and its geometric series."""
    kept = (1 - rate) ** 3
    ends = [follow(POINTS, order, rate, [2.0])[-1, 0] for order in itertools.permutations(range(3))]
    assert np.isclose(np.mean(ends), 2.0, rtol=1e-13)
    expected = np.var(ends) / (1 - kept**2)
    assert np.isclose(shuffled_floor(POINTS, rate=rate), expected, rtol=1e-9)
    both = np.stack([POINTS, 2 * POINTS], axis=1)
    assert np.isclose(shuffled_floor(both, rate=rate), 5 * expected, rtol=1e-9)
    q, n = 1 - rate, 3
    closed = rate / (2 - rate) - (1 - q**n) / (n * (1 + q**n))
    assert np.isclose(expected, n / (n - 1) * np.var(POINTS) * closed, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_shuffled_floor_inside_an_epoch(rate, after):
    """From the end of an epoch, all orders of the next steps; and the formula of the chapter."""
    at_ends = shuffled_floor(POINTS, rate=rate)
    orders = itertools.permutations(range(3), after)
    ends = [follow(POINTS, order, rate, [2.0])[-1, 0] for order in orders]
    expected = (1 - rate) ** (2 * after) * at_ends + np.mean((np.array(ends) - 2) ** 2)
    found = shuffled_floor(POINTS, rate=rate, after=after)
    assert np.isclose(found, expected, rtol=1e-12, atol=0)
    q, n = 1 - rate, 3
    closed = rate / (2 - rate) - (1 - q**after) ** 2 / n
    closed -= q ** (2 * after) * (1 - q**n) / (n * (1 + q**n))
    assert np.isclose(found, n / (n - 1) * np.var(POINTS) * closed, rtol=1e-6, atol=0)


@pytest.mark.claim("LN-09")
def test_small_rates_have_the_orders_of_the_chapter():
    points, rate = np.arange(6.0), 1e-4
    variance = np.var(points)
    for k in range(1, 6):
        inside = rate**2 * k * (6 - k) / 5 * variance
        assert np.isclose(shuffled_floor(points, rate=rate, after=k), inside, rtol=2e-3, atol=0)
    assert np.isclose(shuffled_floor(points, rate=rate), rate**3 * 6 * 7 / 24 * variance, rtol=1e-3)
    lags = np.arange(6) - 2.5
    first = rate * (lags @ (points - 2.5)) / 6
    assert np.isclose(cycle_limit(points, rate=rate).item() - 2.5, first, rtol=1e-3)
    independent = stationary_covariance([[1.0]], [[variance]], rate=rate).item()
    assert np.isclose(independent, rate * variance / 2, rtol=1e-4)


@pytest.mark.claim("LN-09")
def test_the_order_of_a_fixed_order_is_a_bound():
    """Where the first coefficient is zero, the ends of epochs are nearer; one step later, not."""
    points = np.array([0.0, 3.0, 3.0, 0.0])
    for turn, power in [(0, 4), (1, 2), (2, 4), (3, 2)]:
        near, far = (
            (cycle_limit(np.roll(points, -turn), rate=rate).item() - 1.5) ** 2
            for rate in (1e-4, 1e-3)
        )
        assert abs(np.log10(far / near) - power) < 0.01
    path = follow(points, np.tile(np.arange(4), 400), 0.1, [9.0])[:, 0]
    for turn in range(4):
        limit = cycle_limit(np.roll(points, -turn), rate=0.1).item()
        assert np.isclose(path[1592 + turn], limit, rtol=1e-12, atol=0)


@pytest.mark.claim("LN-09")
@pytest.mark.parametrize("rate", [0.05, 0.5, 1.5])
def test_a_fixed_order_converges_to_its_cycle(rate):
    order = np.tile(np.concatenate(epoch_batches(3, 1)), 400)
    end = follow(POINTS, order, rate, [30.0])[-1]
    assert np.allclose(end, cycle_limit(POINTS, rate=rate), rtol=1e-12)
    assert abs(end.item() - 2) > rate / 2  # not at the minimum
    stacked = cycle_limit(np.stack([POINTS, -POINTS], axis=1), rate=rate)
    assert np.allclose(stacked, [end[0], -end[0]], rtol=1e-12)


@pytest.mark.claim("LN-09")
def test_rates_one_over_t_make_any_order_exact():
    points = np.random.default_rng(3).standard_normal(7)
    for order in ([0, 1, 2, 3, 4, 5, 6], [6, 2, 0, 1, 5, 4, 3]):
        path = trajectory(
            sgd,
            lambda theta, t, o=order: theta - points[o[(t - 1) % 7]],
            [9.0],
            1 / np.arange(1, 22),
        )
        assert np.allclose(path[[7, 14, 21], 0], points.mean(), rtol=1e-12)


@pytest.mark.claim("LN-09")
def test_any_order_makes_the_gradient_small():
    """The bound for epochs in any order, on a function that is not convex."""
    shifts = np.array([-0.6, -0.2, 0.3, 0.5])  # f_i = theta^2 / 20 - cos(theta) + shift * theta
    mean = shifts.mean()
    rate, n, epochs, smoothness = 0.1, 4, 30, 1.1
    assert rate * n <= 1 / smoothness
    grid = np.linspace(-30, 30, 600001)
    least = np.min(grid**2 / 20 - np.cos(grid) + mean * grid) - 1e-6
    for seed in range(5):
        rng = np.random.default_rng(seed) if seed else None
        theta, squares, largest = 9.0, [], 0.0
        initial = theta**2 / 20 - np.cos(theta) + mean * theta
        for _ in range(epochs):
            squares.append((theta / 10 + np.sin(theta) + mean) ** 2)
            for (i,) in epoch_batches(n, 1, rng=rng):
                gradient = theta / 10 + np.sin(theta) + shifts[i]
                largest = max(largest, abs(gradient))
                theta -= rate * gradient
        noise = (smoothness * rate * largest * (n - 1) / 2) ** 2
        bound = 2 * (initial - least) / (rate * n * epochs) + noise
        assert np.mean(squares) <= bound


@pytest.mark.parametrize(
    "hessian, noise, offset, rate, message",
    [
        ([[1.0, 2.0]], [[1.0]], [1.0], 0.1, "hessian: expected a symmetric"),
        ([[0.0]], [[1.0]], [1.0], 0.1, "hessian: expected positive eigenvalues"),
        ([[1.0]], [[-1.0]], [1.0], 0.1, "noise: expected a positive semidefinite"),
        ([[1.0]], [[np.nan]], [1.0], 0.1, "noise: expected a symmetric"),
        ([[1.0]], np.eye(2), [1.0], 0.1, "noise: expected a symmetric"),
        ([[1.0]], [[1.0]], [1.0, 2.0], 0.1, "offset: expected 1 finite"),
        ([[1.0]], [[1.0]], [np.inf], 0.1, "offset: expected 1 finite"),
        ([[1.0]], [[1.0]], [1.0], 2.0, r"rate: expected a number in \(0, 2.0\)"),
        ([[1.0]], [[1.0]], [1.0], 0.0, "rate: expected"),
    ],
)
def test_bad_quadratics_are_named(hessian, noise, offset, rate, message):
    with pytest.raises(ValueError, match=message):
        expected_error(hessian, noise, offset, rate=rate, steps=3)


@pytest.mark.parametrize("call", [shuffled_floor, cycle_limit])
def test_bad_points_are_named(call):
    for points in ([1.0], [1.0, np.nan], np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="points: expected at least two points"):
            call(points, rate=0.1)
    for rate in (0.0, 2.0, np.nan):
        with pytest.raises(ValueError, match="rate: expected a number in"):
            call([0.0, 1.0], rate=rate)


def test_the_place_in_an_epoch_is_a_count():
    for after in (-1, 3, 1.0, True):
        with pytest.raises(ValueError, match="after: expected an integer from 0 to 2"):
            shuffled_floor(POINTS, rate=0.1, after=after)


def test_steps_must_be_a_count():
    with pytest.raises(ValueError, match="steps: expected an integer, at least 0"):
        expected_error([[1.0]], [[1.0]], [1.0], rate=0.1, steps=-1)
    assert expected_error([[1.0]], [[1.0]], [2.0], rate=0.1, steps=0).tolist() == [4.0]


def test_rounding_may_make_a_covariance_slightly_indefinite():
    slightly, too_much = np.diag([1.0, -0.9995e-10]), np.diag([1.0, -1.0005e-10])
    assert stationary_covariance(np.eye(2), slightly, rate=1.0)[0, 0] == 1
    with pytest.raises(ValueError, match="noise: expected a positive semidefinite"):
        stationary_covariance(np.eye(2), too_much, rate=1.0)
