"""Rademacher complexity: enumeration of all signs, exact cases, published values, the bounds."""

import itertools
import math

import numpy as np
import pytest
from openblackbox.foundations.rademacher import (
    bounds,
    lift,
    linear_complexity,
    rademacher_complexity,
    relu_sup,
)


def ball(rng, n, d):
    """Samples of the uniform law in the unit ball."""
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True) * rng.uniform(size=(n, 1)) ** (1 / d)


def all_signs(n):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def exact_complexity(X, radius, budget):
    """The mean over all signs."""
    points = lift(X, radius)
    n = len(points)
    return budget / n * np.mean([relu_sup(points, signs).value for signs in all_signs(n)])


def exact_linear(X, radius, budget):
    points = lift(X, radius)
    n = len(points)
    return budget / n * np.linalg.norm(all_signs(n) @ points, axis=1).mean()


def test_lift():
    assert lift([[3, 4]], 5).tolist() == [[3, 4, 5]]
    assert lift([1, -2], 2.0).tolist() == [[1, 2], [-2, 2]]
    X = [[0.6, 0.8]]
    assert lift(X, 1).tolist() == [[0.6, 0.8, 1]]  # on the sphere, up to rounding


@pytest.mark.parametrize("d", [1, 2, 5])
def test_one_sample(d):
    """One sample: the supremum is the length of the lifted sample, whatever the sign."""
    x = np.full((1, d), 0.3)
    length = 3 * math.sqrt(0.09 * d + 4)
    rng = np.random.default_rng(0)
    found = rademacher_complexity(x, radius=2, budget=3, draws=5, rng=rng)
    assert found.exact
    assert found.mean == found.lower == found.upper == pytest.approx(length, rel=1e-13)
    assert found.linear == pytest.approx(length, rel=1e-13)
    assert found.values == pytest.approx(np.full(5, length), rel=1e-13)
    assert found.standard_error == pytest.approx(0, abs=1e-13)
    assert found.linear_error == pytest.approx(0, abs=1e-13)
    assert linear_complexity(x, radius=2, budget=3) == pytest.approx(length, rel=1e-13)


def test_samples_at_the_origin():
    """All samples at 0: the supremum is M |sum of the signs|, the least possible."""
    n, draws = 7, 200
    rng = np.random.default_rng(1)
    found = rademacher_complexity(np.zeros((n, 2)), radius=0.5, budget=4, draws=draws, rng=rng)
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (draws, n))
    values = 2 / n * np.abs(signs.sum(axis=1))
    assert found.values == pytest.approx(values, rel=1e-12)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.standard_error == pytest.approx(values.std(ddof=1) / draws**0.5, rel=1e-12)
    assert found.linear == pytest.approx(values.mean(), rel=1e-12)
    assert found.linear_error == pytest.approx(found.standard_error, rel=1e-12)
    # The mean of |sum| over all signs, in closed form.
    expected = 2 * math.comb(n - 1, n // 2) / 2 ** (n - 1)
    assert exact_complexity(np.zeros((n, 2)), 0.5, 4) == pytest.approx(expected, rel=1e-12)
    assert bounds(n, radius=0.5, budget=4).lower <= expected


def test_the_lower_bound_is_attained_by_two_samples_at_the_origin():
    assert exact_complexity([0.0, 0.0], 3, 5) == pytest.approx(
        bounds(2, radius=3, budget=5).lower, rel=1e-12
    )


@pytest.mark.parametrize("d", [1, 2])
def test_mean_of_draws_against_all_signs(d):
    rng = np.random.default_rng(d)
    X = ball(rng, 8, d)
    found = rademacher_complexity(X, radius=1, budget=2, draws=600, rng=rng)
    assert found.exact
    exact, linear = exact_complexity(X, 1, 2), exact_linear(X, 1, 2)
    assert abs(found.mean - exact) < 4 * found.standard_error
    assert abs(found.linear - linear) < 4 * found.linear_error


def test_every_draw_is_the_supremum_of_its_signs():
    X, draws = ball(np.random.default_rng(0), 12, 2), 6
    found = rademacher_complexity(X, radius=2, budget=3, draws=draws, rng=np.random.default_rng(9))
    signs = np.random.default_rng(9).choice([-1.0, 1.0], (draws, 12))
    points = lift(X, 2)
    values = [3 / 12 * relu_sup(points, row).value for row in signs]
    assert found.values == pytest.approx(values, rel=1e-12)
    lengths = 3 / 12 * np.linalg.norm(signs @ points, axis=1)
    assert found.linear == pytest.approx(lengths.mean(), rel=1e-12)
    assert found.linear_error == pytest.approx(lengths.std(ddof=1) / draws**0.5, rel=1e-12)


@pytest.mark.parametrize("n", [4, 60])
def test_the_interval_above_dimension_two(n):
    """The ends are the means of the bounds of the draws; the expectation has a bound of its own."""
    d, draws = 4, 10
    X = ball(np.random.default_rng(n), n, d)
    rng = np.random.default_rng(7)
    found = rademacher_complexity(X, radius=1, budget=2, draws=draws, rng=rng)
    signs = np.random.default_rng(7).choice([-1.0, 1.0], (draws, n))
    points = lift(X, 1)
    uppers = [relu_sup(points, row, rng=rng, starts=1).upper for row in signs]
    assert found.upper == pytest.approx(2 / n * np.mean(uppers), rel=1e-9)
    assert not found.exact
    assert found.lower == found.mean <= found.upper
    jensen = linear_complexity(X, radius=1, budget=2)
    assert found.expectation_bound == pytest.approx(1.5 * jensen, rel=1e-14)


class Drawn(np.random.Generator):
    """A generator that draws the given signs."""

    signs = None

    def choice(self, *_):
        return self.signs


def test_the_ends_hold_for_draws_whose_signed_sum_vanishes():
    """There 3/2 of the norm of g is 0, and bounds no supremum: `upper` must not use it."""
    x = np.array([[4, 0, 0], [0, 4, 0], [0, 0, 4], [4, 4, 2], [0, -2, 4], [0, 2, -2]]) / 8
    points, signs = lift(x, 1), np.array([1.0, 1, 1, -1, -1, -1])
    assert np.linalg.matrix_rank(points) == 4
    rng = Drawn(np.random.PCG64(0))
    rng.signs = np.array([signs, -signs])
    found = rademacher_complexity(x, radius=1, budget=1, draws=2, rng=rng)
    assert found.linear == 0
    # One u of the sphere shows that the suprema are positive.
    u = np.array([2, 2, 2, -1]) / 13**0.5
    value = abs(signs @ np.maximum(points @ u, 0)) / 6
    assert 0.06 < value <= found.upper * (1 + 1e-12)
    assert found.values.mean() == found.lower <= found.upper


def test_the_bound_of_the_expectation_is_no_bound_of_a_draw():
    """Above it for one draw, never for the mean over all signs."""
    x = np.zeros((6, 1))
    signs = all_signs(6)
    values = [relu_sup(lift(x, 1), row).value / 6 for row in signs]
    rng = np.random.default_rng(0)
    bound = rademacher_complexity(x, radius=1, budget=1, draws=2, rng=rng).expectation_bound
    assert bound == pytest.approx(1.5 / 6**0.5, rel=1e-14)
    assert np.mean(values) <= bound < max(values)


@pytest.mark.claim("LN-20", "LN-21")
def test_networks_of_any_width_do_no_better_than_one_neuron():
    """The supremum over the class is reached by the single neuron of weight D."""
    rng = np.random.default_rng(0)
    X = ball(rng, 15, 2)
    points, signs = lift(X, 1), rng.choice([-1.0, 1.0], 15)
    top = relu_sup(points, signs)
    best = 2 * top.sign * signs @ np.maximum(points @ top.direction, 0)
    assert best == pytest.approx(2 * top.value, rel=1e-12)
    for width in (1, 2, 5, 50):
        for _ in range(50):
            units = rng.standard_normal((width, 3))
            units /= np.linalg.norm(units, axis=1, keepdims=True)
            eta = rng.standard_normal(width)
            eta *= 2 / np.abs(eta).sum()
            sums = signs @ np.maximum(points @ units.T, 0)
            # For these neurons the best outer weights put all of D on one of them.
            assert eta @ sums <= 2 * np.abs(sums).max() <= best * (1 + 1e-12)


def test_bounds():
    found = bounds(8, radius=2, budget=3, lipschitz=5)  # G D M / sqrt(n) = 30 / sqrt(8)
    assert found.source == pytest.approx(30, rel=1e-14)
    assert found.improved == pytest.approx(22.5, rel=1e-14)
    assert found.lower == pytest.approx(1.5, rel=1e-14)
    assert found.excess_source == pytest.approx(120, rel=1e-14)
    assert found.excess == pytest.approx(45, rel=1e-14)
    assert bounds(8, radius=2, budget=3).source == pytest.approx(6, rel=1e-14)
    # The bounds of the spec's table, for D = M = G = 1.
    for n, value in ((10, 0.8944), (100, 0.2828), (1000, 0.0894), (5000, 0.04)):
        assert bounds(n, radius=1, budget=1).source == pytest.approx(value, abs=5e-5)


def test_linear_complexity():
    assert linear_complexity([[3, 4], [0, 0]], radius=5, budget=2) == pytest.approx(
        math.sqrt(75), rel=1e-14
    )
    # Between D M / sqrt n and sqrt 2 D M / sqrt n, both attained.
    ends = [linear_complexity(np.full(9, x), radius=2, budget=3) for x in (0, 2)]
    assert ends == pytest.approx([2, 2 * 2**0.5], rel=1e-14)
    # Jensen: at least the mean of the norm; equal when the norm does not depend on the signs.
    X = ball(np.random.default_rng(0), 9, 2)
    assert exact_linear(X, 1, 1) <= linear_complexity(X, radius=1, budget=1)
    orthogonal = np.array([[1.0], [-1.0]])
    assert exact_linear(orthogonal, 1, 1) == pytest.approx(
        linear_complexity(orthogonal, radius=1, budget=1), rel=1e-14
    )


@pytest.mark.claim("LN-24")
@pytest.mark.parametrize("d", [1, 2])
def test_the_chain_of_inequalities_over_all_signs(d):
    """DM/sqrt(2n), half the linear class <= complexity <= 3/2 linear <= 3/2 Jensen <= bounds."""
    rng = np.random.default_rng(d)
    for n in (1, 2, 3, 5, 8):
        samples = [ball(rng, n, d), np.zeros((n, d)), np.full((n, d), d**-0.5)]
        for X in samples:
            exact, linear = exact_complexity(X, 1, 1), exact_linear(X, 1, 1)
            jensen, ends = linear_complexity(X, radius=1, budget=1), bounds(n, radius=1, budget=1)
            slack = 1 + 1e-12
            assert max(ends.lower, linear / 2) <= exact * slack
            assert exact <= 1.5 * linear * slack <= 1.5 * jensen * slack**2
            assert 1.5 * jensen <= ends.improved * slack < ends.source


# d, n, the published complexity for D = M = 1 of uniform samples, and its error from the draws
# and from the samples.
PUBLISHED = [(1, 10, 0.3008, 0.03), (1, 100, 0.0972, 0.008), (1, 1000, 0.0304, 0.003)]


@pytest.mark.parametrize("d, n, value, error", PUBLISHED)
def test_published_values(d, n, value, error):
    rng = np.random.default_rng(0)
    found = rademacher_complexity(ball(rng, n, d), radius=1, budget=1, draws=300, rng=rng)
    assert abs(found.mean - value) < 4 * found.standard_error + error / 2
    assert found.mean == pytest.approx(found.linear, rel=0.05)


def test_the_rate_is_one_over_the_root_of_n():
    rng = np.random.default_rng(1)
    sizes = np.array([10, 40, 160, 640, 2560])
    means = [
        rademacher_complexity(ball(rng, n, 1), radius=1, budget=1, draws=200, rng=rng).mean
        for n in sizes
    ]
    slope = np.polyfit(np.log(sizes), np.log(means), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.06)


def test_scale():
    X = ball(np.random.default_rng(0), 6, 2)
    one, other = (
        rademacher_complexity(
            scale * X, radius=scale, budget=budget, draws=4, rng=np.random.default_rng(0)
        )
        for scale, budget in ((1, 1), (4, 3))
    )
    assert other.values == pytest.approx(12 * one.values, rel=1e-12)
    assert other.standard_error == pytest.approx(12 * one.standard_error, rel=1e-12)
    assert other.upper == pytest.approx(12 * one.upper, rel=1e-12)


GOOD = {"radius": 1.0, "budget": 1.0}


@pytest.mark.parametrize(
    "X, options, message",
    [
        ([], {}, r"X: expected n >= 1 samples"),
        (np.zeros((0, 2)), {}, r"X: .* got \(0, 2\)"),
        (np.zeros((2, 2, 2)), {}, r"X: .* got \(2, 2, 2\)"),
        ([np.nan], {}, "X: expected finite numbers"),
        ([[0.5, np.inf]], {}, "X: expected finite numbers"),
        ([[0.8, 0.8]], {}, "X: expected samples in the ball of radius 1.0, one has 1.13"),
        ([1.001], {}, "X: expected samples in the ball of radius 1.0, one has 1.001"),
        ([1.0 + 1e-9], {}, "X: expected samples in the ball"),
        (["a"], {}, "X: expected real numbers"),
        ([0.5], {"radius": 0}, "radius: expected a number above 0, got 0"),
        ([0.5], {"radius": math.nan}, "radius: expected a finite number, at least 0, got nan"),
        ([0.5], {"radius": True}, "radius: expected a finite number, at least 0, got True"),
        ([0.5], {"budget": -1}, "budget: expected a finite number, at least 0, got -1"),
        ([0.5], {"budget": math.inf}, "budget: expected a finite number, at least 0, got inf"),
    ],
)
def test_bad_data(X, options, message):
    options = GOOD | options
    with pytest.raises(ValueError, match=message):
        rademacher_complexity(X, draws=2, rng=np.random.default_rng(0), **options)
    with pytest.raises(ValueError, match=message):
        linear_complexity(X, **options)


def test_bad_options():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="draws: expected an integer, at least 2, got 1"):
        rademacher_complexity([0.5], draws=1, rng=rng, **GOOD)
    with pytest.raises(TypeError, match="rng: expected a numpy"):
        rademacher_complexity([0.5], draws=2, rng=0, **GOOD)
    for name in ("radius", "budget", "lipschitz"):
        with pytest.raises(ValueError, match=f"{name}: expected a number above 0, got 0"):
            bounds(3, **(GOOD | {name: 0}))
    with pytest.raises(ValueError, match="n: expected a positive integer, got 0"):
        bounds(0, **GOOD)
