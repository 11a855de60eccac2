"""Expressivity: exact counts against exhaustive search of cells, and theorems on examples."""

import itertools

import numpy as np
import pytest
from openblackbox.multitree.alive import activatable_mask, alive_neurons, masked_factors
from openblackbox.multitree.expressivity import (
    activatable_probability,
    active_set_counts,
    alive_probability,
    linear_pieces,
)
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.gauge import gauge_distance, rescale
from openblackbox.multitree.identifiability import uniqueness
from openblackbox.multitree.supports import (
    NotMultitreeError,
    dyadic_supports,
    random_multitree,
)
from openblackbox.networks import ReLUNetwork


def draw(rng, supports, zeros=0.0):
    """Random weights on the supports; each is zero with the given probability."""
    return [s * rng.standard_normal(s.shape) * (rng.random(s.shape) >= zeros) for s in supports]


def many_scales(rng, count, size, decades=6):
    """Points whose coordinates differ by orders of magnitude: rare cells are met too."""
    return rng.standard_normal((count, size)) * 10 ** rng.uniform(-decades, decades, (count, size))


def gradients_met(network, points):
    """The different gradients of each output at the points, as sets of active inputs."""
    patterns = network.jacobian(points) != 0
    return [len({row.tobytes() for row in patterns[:, o]}) for o in range(patterns.shape[1])]


# --- counts


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("zeros", [0.0, 0.25])
def test_pieces_are_those_that_points_meet(seed, zeros):
    rng = np.random.default_rng(seed)
    weights = draw(rng, dyadic_supports(3), zeros)
    met = gradients_met(ReLUNetwork(weights), many_scales(rng, 6000, 8))
    assert met == linear_pieces(weights)


@pytest.mark.parametrize("seed", range(4))
def test_pieces_of_irregular_multitrees(seed):
    rng = np.random.default_rng(seed)
    weights = draw(rng, random_multitree([6, 6, 4, 4, 3], rng=rng))
    met = gradients_met(ReLUNetwork(weights), many_scales(rng, 6000, 6))
    assert met == linear_pieces(weights)


def test_pieces_are_bounded_by_the_first_level_and_depth_adds_none():
    rng = np.random.default_rng(0)
    for n_layers in (2, 3, 4, 5):
        weights = draw(rng, dyadic_supports(n_layers))
        first = 2 ** (n_layers - 1)  # neurons of level 1 below each output
        assert max(linear_pieces(weights)) <= 2**first
        positive = [weights[0], *(np.abs(w) for w in weights[1:])]
        assert linear_pieces(positive) == [2**first] * 2**n_layers
        negative = [weights[0], *(-np.abs(w) for w in weights[1:])]
        expected = 2**first if n_layers == 2 else 1
        assert linear_pieces(negative) == [expected] * 2**n_layers


def test_pieces_of_small_networks_by_hand():
    assert linear_pieces([[[1.0, 2.0]]]) == [1]
    assert linear_pieces([[[1.0, 2.0]], [[3.0]]]) == [2]
    assert linear_pieces([[[1.0, 0], [0, 1]], [[1.0, 0]]]) == [2]  # one weight is zero
    assert linear_pieces([[[1.0, 0], [0, 1]], [[-1.0, -1]], [[1.0]]]) == [1]
    assert active_set_counts([[[0.0]], [[1.0]], [[1.0]]]) == [[0], [0]]
    assert active_set_counts([[[2.0]]]) == []
    big = draw(np.random.default_rng(1), dyadic_supports(8))
    big = [big[0], *(np.abs(w) for w in big[1:])]
    assert linear_pieces(big)[0] == 2**128  # exact integers


@pytest.mark.parametrize("seed", range(5))
def test_alive_means_some_active_set(seed):
    rng = np.random.default_rng(seed)
    weights = draw(rng, dyadic_supports(5), 0.2)
    for counts, alive in zip(active_set_counts(weights), alive_neurons(weights), strict=True):
        assert [count > 0 for count in counts] == alive.tolist()


# --- fractions


def test_probabilities_against_all_sign_patterns():
    """Two hidden levels above the first: all signs of the weights, each equally likely."""
    for fan_in in (1, 2, 3):
        n_layers, alive, path = 3, 0, 0
        for signs in itertools.product((-1.0, 1.0), repeat=fan_in):
            first = np.eye(fan_in)
            weights = [first, np.array([signs]), np.ones((1, 1))]
            alive += bool(alive_neurons(weights)[1][0])
            path += bool(activatable_mask(weights)[0, 0])
        assert alive_probability(n_layers, fan_in=fan_in)[1] == alive / 2**fan_in
        assert activatable_probability(n_layers, fan_in=fan_in) == path / 2**fan_in


def test_probabilities_are_the_means_of_random_butterflies():
    rng = np.random.default_rng(0)
    n_layers, alive, path = 6, [], []
    for _ in range(60):
        weights = draw(rng, dyadic_supports(n_layers))
        alive.append([level.mean() for level in alive_neurons(weights)])
        path.append(activatable_mask(weights).mean())
    expected = alive_probability(n_layers)
    assert np.allclose(np.mean(alive, axis=0), expected, atol=0.02)
    error = np.std(path) / np.sqrt(len(path))
    assert abs(np.mean(path) - activatable_probability(n_layers)) < 4 * error
    values = [round(activatable_probability(n), 4) for n in range(3, 9)]
    assert values == [0.75, 0.5156, 0.3364, 0.2116, 0.1296, 0.0777]


def test_a_biased_coin():
    rng = np.random.default_rng(1)
    path = []
    for _ in range(60):
        weights = [np.abs(w) for w in draw(rng, dyadic_supports(5))]
        weights = [w * np.where(rng.random(w.shape) < 0.7, 1, -1) for w in weights]
        path.append(activatable_mask(weights).mean())
    error = np.std(path) / np.sqrt(len(path))
    assert abs(np.mean(path) - activatable_probability(5, positive=0.7)) < 4 * error


def test_the_critical_recursion_and_its_bounds():
    p = alive_probability(400)
    level = np.arange(1, 400)
    np.testing.assert_allclose(p[1:], p[:-1] - p[:-1] ** 2 / 4, rtol=1e-13)
    assert (p <= 4 / (level + 3) + 1e-15).all()
    assert (p >= 3 / (level + 2) - 1e-15).all()
    assert (p >= 4 / (level + 3 + 4 / 3 * np.log((level + 2) / 3)) - 1e-15).all()
    for n in range(3, 60):
        q = activatable_probability(n)
        bound = 4.0 * (n + 2) * (n + 3) / 20 / 2.0**n
        assert bound / 4 < q <= bound * (1 + 1e-12)
        ratio = activatable_probability(n + 1) / q
        assert ratio == pytest.approx((2 + p[n - 2]) / 4, rel=1e-12)
    # One parent: the chain dies; four parents: it lives.
    assert alive_probability(9, fan_in=1)[-1] == 2.0**-7
    assert alive_probability(60, fan_in=4)[-1] == pytest.approx(0.9126, abs=1e-4)
    assert alive_probability(1).size == 0
    assert activatable_probability(1) == 1.0


# --- what is and what is not representable


@pytest.mark.parametrize("seed", range(4))
def test_along_each_axis_an_output_is_a_ramp(seed):
    """With biases: slope 0 or the path product, and the latter on one interval."""
    rng = np.random.default_rng(seed)
    supports = random_multitree([3, 4, 4, 3], rng=rng)
    weights = draw(rng, supports)
    network = ReLUNetwork(weights, [rng.standard_normal(len(w)) for w in weights])
    product = weights[2] @ weights[1] @ weights[0]
    line = np.sinh(np.linspace(-15, 15, 3001))  # far out, and fine near zero
    for axis in range(3):
        points = np.tile(rng.standard_normal(3), (3001, 1))
        points[:, axis] = line
        slopes = network.jacobian(points)[:, :, axis]
        for o in range(3):
            on = slopes[:, o] != 0
            np.testing.assert_allclose(slopes[on, o], product[o, axis], rtol=1e-9)
            assert np.abs(np.diff(on.astype(int))).sum() <= 2
            assert not (on[0] and on[-1])


def test_the_best_network_for_the_maximum_and_the_lower_bound():
    """An error of 1/6 on the unit square, for three ramps; four points forbid less."""
    network = ReLUNetwork([np.eye(2), [[-1, -1]], [[-1]]], [[-1 / 3, -1 / 3], [2 / 3], [5 / 6]])
    grid = np.linspace(0, 1, 61)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    error = np.abs(network(points)[:, 0] - points.max(axis=1)).max()
    assert error == pytest.approx(1 / 6, rel=1e-12)
    # The lower bound's certificate: random ramps never do better.
    rng = np.random.default_rng(0)
    best = 1.0
    for _ in range(2000):
        knots = np.sort(rng.uniform(-1, 2, (3, 2)), axis=1)
        u = np.clip(points[:, 0], *knots[0]) + rng.uniform(0.5, 2) * np.clip(
            points[:, 1], *knots[1]
        )
        v = np.clip(u, *(knots[2] + np.median(u)))
        slope = rng.uniform(0.3, 1.5)
        gap = slope * v - points.max(axis=1)
        best = min(best, (gap.max() - gap.min()) / 2)  # the best constant is added
    assert best >= 1 / 6


def test_sums_leave_the_class():
    """The absolute value is a sum of two multitree perceptrons, and is not monotone."""
    rng = np.random.default_rng(0)
    plus = ReLUNetwork([[[1.0]], [[1.0]]])
    minus = ReLUNetwork([[[-1.0]], [[1.0]]])
    x = rng.standard_normal((50, 1))
    np.testing.assert_allclose(plus(x) + minus(x), np.abs(x))
    with pytest.raises(NotMultitreeError):
        linear_pieces([[[1.0], [-1.0]], [[1.0, 1.0]]])


# --- the function determines the useful weights


@pytest.mark.parametrize("seed", range(6))
def test_the_function_determines_the_useful_weights(seed):
    rng = np.random.default_rng(seed)
    supports = dyadic_supports(4)
    weights = draw(rng, supports, 0.1)
    useful = masked_factors(weights)
    mask = activatable_mask(weights)
    product = weights[3] @ weights[2] @ weights[1] @ weights[0]
    seen = useful[3] @ useful[2] @ useful[1] @ useful[0]
    np.testing.assert_allclose(seen, product * mask, rtol=1e-12)
    # Without the useless edges, the masked product has one factorization.
    kept = [
        s & ((w != 0).any(axis=1)[:, None] | (layer == 3))
        for layer, (s, w) in enumerate(zip(supports, useful, strict=True))
    ]
    for layer in range(3):
        kept[layer + 1] = kept[layer + 1] & (useful[layer] != 0).any(axis=1)
    assert uniqueness(seen, kept).unique
    found = list(factorize(seen, kept).factors)
    assert gauge_distance(found, list(useful)) < 1e-9
    # Other weights with the same function: rescale, and change what is useless.
    other = [np.array(w) for w in weights]
    for layer in range(3):
        dead = ~alive_neurons(weights)[layer]
        other[layer + 1][:, dead] *= 7.0
    scales = [10.0 ** rng.uniform(-2, 2, 16) for _ in range(3)]
    other = rescale(other, scales)
    points = many_scales(rng, 200, 16, 2)
    np.testing.assert_allclose(
        ReLUNetwork(other)(points), ReLUNetwork(weights)(points), rtol=1e-8, atol=1e-12
    )
    pair = [(list(w), [np.zeros(16)] * 4) for w in (masked_factors(other), useful)]
    assert gauge_distance(*pair) < 1e-12


def test_errors_name_the_argument():
    with pytest.raises(TypeError, match=r"weights\[0\]: expected real numbers"):
        linear_pieces([[[1j]]])
    with pytest.raises(ValueError, match=r"weights\[0\]: holds NaN"):
        active_set_counts([[[np.nan]]])
    with pytest.raises(ValueError, match="n_layers: expected a positive integer, got 0"):
        alive_probability(0)
    with pytest.raises(ValueError, match=r"fan_in: expected a positive integer, got 2\.0"):
        activatable_probability(3, fan_in=2.0)
    with pytest.raises(ValueError, match="positive: expected a probability, got 2"):
        alive_probability(3, positive=2)
