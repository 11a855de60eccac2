"""Weight decay and the path penalty: constants, attainment, the sphere, few neurons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations.homogeneity import (
    balance,
    dead_directions,
    normalise,
    path_penalty,
    reduce_neurons,
    weight_decay,
)
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer, inner_sizes, rescale
from scipy.optimize import linprog, minimize_scalar

# |eta| c = 1.7 * 0.6 = 1.02 at M = 2
SAMPLE = OneHiddenLayer([1.7], [[0.36]], [0.96])


def random_layer(rng, m=5, d=3):
    return OneHiddenLayer(
        rng.standard_normal(m), rng.standard_normal((m, d)), rng.standard_normal(m)
    )


def decay_at(net, scale, **options):
    return weight_decay(rescale(net, [scale]), **options)


def test_weight_decay_is_the_sum_of_the_notes():
    net = OneHiddenLayer([2.0, -1.0], [[3.0, 1.0], [0.0, 2.0]], [4.0, -6.0])
    # 4 * (4 + 1) + (9 + 1 + 4) + (0 + 4 + 9)
    assert weight_decay(net, alpha=4, radius=2) == pytest.approx(47, rel=1e-15)
    assert weight_decay(net) == pytest.approx(4 + 1 + 26 + 40, rel=1e-15)


@pytest.mark.claim("LN-14")
@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10**6))
def test_the_path_penalty_is_the_minimum_along_the_orbit(seed):
    rng = np.random.default_rng(seed)
    net = random_layer(rng, m=1)
    options = {"alpha": 10 ** rng.uniform(-2, 2), "radius": 10 ** rng.uniform(-1, 1)}
    best = minimize_scalar(lambda t: decay_at(net, np.exp(t), **options), tol=1e-10)
    assert path_penalty(net, **options) == pytest.approx(best.fun, rel=1e-9)
    assert balance(net, **options).scales[0] == pytest.approx(np.exp(best.x), rel=1e-3)


@pytest.mark.claim("LN-14", counterexample=True)
def test_the_constant_is_twice_the_root_of_alpha():
    scales = np.exp(np.linspace(-5, 5, 20001))
    least = min(decay_at(SAMPLE, scale, alpha=4, radius=2) for scale in scales)
    printed = 2 * 1.7 * 0.6
    assert printed == pytest.approx(2.04, rel=1e-14)
    assert least == pytest.approx(4.08, rel=1e-6)
    assert least > 1.99 * printed
    assert path_penalty(SAMPLE, alpha=4, radius=2) == pytest.approx(4.08, rel=1e-14)
    assert path_penalty(SAMPLE, alpha=1, radius=2) == pytest.approx(printed, rel=1e-14)


@pytest.mark.claim("LN-15", counterexample=True)
def test_on_the_sphere_the_penalty_is_alpha_times_eta_only_at_alpha_four():
    unit = normalise(SAMPLE, radius=2)
    for alpha in (0.25, 1.0, 4.0, 9.0):
        true = path_penalty(unit, alpha=alpha, radius=2)
        assert true == pytest.approx(2 * np.sqrt(alpha) * abs(unit.eta[0]), rel=1e-14)
        assert true == pytest.approx(path_penalty(SAMPLE, alpha=alpha, radius=2), rel=1e-14)
        printed = alpha * abs(unit.eta[0])
        assert (abs(true / printed - 1) < 1e-14) == (alpha == 4)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10**6))
def test_balancing_attains_the_path_penalty_and_keeps_the_function(seed):
    rng = np.random.default_rng(seed)
    net, x = random_layer(rng), rng.standard_normal((10, 3))
    options = {"alpha": 10 ** rng.uniform(-2, 2), "radius": 10 ** rng.uniform(-1, 1)}
    found = balance(net, **options)
    level = path_penalty(net, **options)
    assert found.attained
    assert weight_decay(found.network, **options) == pytest.approx(level, rel=1e-13)
    assert path_penalty(found.network, **options) == pytest.approx(level, rel=1e-13)
    assert weight_decay(net, **options) >= level
    np.testing.assert_allclose(found.network(x), net(x), atol=1e-12)
    sizes = inner_sizes(found.network, radius=options["radius"])
    outer = np.sqrt(options["alpha"]) * np.abs(found.network.eta)
    np.testing.assert_allclose(outer, sizes, rtol=1e-13)
    again = rescale(net, found.scales)
    np.testing.assert_allclose(again.eta, found.network.eta, rtol=1e-15)
    np.testing.assert_allclose(again.w, found.network.w, rtol=1e-15)
    np.testing.assert_allclose(again.b, found.network.b, rtol=1e-15)


@pytest.mark.claim("LN-14")
def test_a_dead_direction_has_an_infimum_that_is_not_attained():
    for net, way in (
        (OneHiddenLayer([2.0], [[0.0]], [0.0]), -1),
        (OneHiddenLayer([0.0], [[3.0]], [4.0]), 1),
    ):
        assert dead_directions(net).tolist() == [True]
        values = [decay_at(net, 10.0 ** (way * power)) for power in range(8)]
        assert all(value > 0 for value in values)
        assert values[-1] < 1e-12
        assert path_penalty(net) == 0
        found = balance(net)
        assert not found.attained
        assert np.isnan(found.scales).tolist() == [True]
        assert weight_decay(found.network) == 0


def test_balancing_very_unequal_layers_does_not_overflow():
    found = balance(OneHiddenLayer([1e-300], [[1e10]], [0.0]))
    assert found.network.eta[0] == pytest.approx(1e-145, rel=1e-13)
    assert found.network.w[0, 0] == pytest.approx(1e-145, rel=1e-13)


def test_balancing_treats_every_kind_of_neuron():
    net = OneHiddenLayer([0.0, 3.0, 0.0, 1.0], [[0.0], [0.0], [5.0], [16.0]], [0.0, 0.0, 1.0, 0.0])
    assert dead_directions(net).tolist() == [False, True, True, False]
    found = balance(net)
    assert not found.attained
    np.testing.assert_array_equal(found.scales, [1, np.nan, np.nan, 4])
    assert found.network.eta.tolist() == [0, 0, 0, 4]
    assert found.network.w.tolist() == [[0], [0], [0], [4]]
    assert found.network.b.tolist() == [0, 0, 0, 0]
    biased = OneHiddenLayer([1.0], [[0.0]], [2.0])  # w = 0 with a bias: a constant, alive
    assert not dead_directions(biased).any()


@pytest.mark.claim("LN-13")
@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10**6))
def test_the_sphere_has_all_the_functions(seed):
    rng = np.random.default_rng(seed)
    net, x = random_layer(rng), rng.standard_normal((10, 3))
    radius = 10 ** rng.uniform(-1, 1)
    unit = normalise(net, radius=radius)
    np.testing.assert_allclose(inner_sizes(unit, radius=radius), 1, rtol=1e-14)
    np.testing.assert_allclose(unit(x), net(x), atol=1e-13)
    np.testing.assert_allclose(unit.eta, net.eta * inner_sizes(net, radius=radius), rtol=1e-15)
    assert path_penalty(unit, radius=radius) == pytest.approx(2 * np.abs(unit.eta).sum(), rel=1e-13)
    moved = normalise(rescale(net, 10 ** rng.uniform(-3, 3, 5)), radius=radius)
    for name in ("eta", "w", "b"):
        np.testing.assert_allclose(getattr(moved, name), getattr(unit, name), rtol=1e-12)


def test_a_neuron_without_direction_becomes_a_constant_of_weight_zero():
    unit = normalise(OneHiddenLayer([5.0], [[0.0, 0.0]], [0.0]), radius=3.0)
    assert unit.eta.tolist() == [0]
    assert unit.w.tolist() == [[0, 0]]
    assert unit.b.tolist() == [3]
    assert inner_sizes(unit, radius=3.0).tolist() == [1]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_n_points_need_n_neurons_and_no_larger_penalty(seed, n):
    rng = np.random.default_rng(seed)
    net, x = random_layer(rng, m=20), rng.standard_normal((n, 3))
    few = reduce_neurons(net, x, radius=2.0)
    unit = normalise(net, radius=2.0)
    assert len(few.eta) <= n
    np.testing.assert_allclose(few(x), net(x), atol=1e-11)
    assert np.abs(few.eta).sum() <= np.abs(unit.eta).sum() * (1 + 1e-12)
    for eta, w, b in zip(few.eta, few.w, few.b, strict=True):
        match = (unit.w == w).all(axis=1) & (unit.b == b)
        assert match.any()
        assert np.sign(eta) == np.sign(unit.eta[match][0])


def test_reducing_an_optimal_network_keeps_its_penalty():
    """The smallest l1 norm over 40 given directions, by linear programming."""
    rng = np.random.default_rng(3)
    unit, x = normalise(random_layer(rng, m=40)), rng.standard_normal((4, 3))
    phi = unit.hidden(x)
    y = phi @ rng.standard_normal(40)
    best = linprog(np.ones(80), A_eq=np.hstack([phi, -phi]), b_eq=y)
    eta = best.x[:40] - best.x[40:]
    # an optimal network of 8 neurons: every neuron of the solution twice
    used = np.flatnonzero(np.abs(eta) > 1e-9)
    twice = np.concatenate([used, used])
    double = OneHiddenLayer(
        np.concatenate([0.25 * eta[used], 0.75 * eta[used]]), unit.w[twice], unit.b[twice]
    )
    few = reduce_neurons(double, x)
    assert len(few.eta) == len(used) <= 4
    assert np.abs(few.eta).sum() == pytest.approx(best.fun, rel=1e-9)


def test_nothing_to_reduce():
    net = OneHiddenLayer([0.0, 0.0], [[1.0], [2.0]], [0.0, 0.0])
    few = reduce_neurons(net, [[1.0]])
    assert few.eta.tolist() == [0]
    assert few([[5.0]]) == 0
    same = reduce_neurons(SAMPLE, [[1.0], [2.0]], radius=2.0)
    assert same.eta[0] == pytest.approx(1.02, rel=1e-15)


def test_bad_arguments_are_named():
    for function in (weight_decay, path_penalty, balance):
        for alpha in (0.0, -1.0, np.nan):
            with pytest.raises(ValueError, match=r"^alpha: expected a .*number"):
                function(SAMPLE, alpha=alpha)
        with pytest.raises(ValueError, match=r"radius: expected a number above 0, got 0\.0"):
            function(SAMPLE, radius=0.0)
    with pytest.raises(
        ValueError, match=r"radius: expected a finite number, at least 0, got -1\.0"
    ):
        normalise(SAMPLE, radius=-1.0)
    with pytest.raises(ValueError, match="x: expected at least one point, got none"):
        reduce_neurons(SAMPLE, np.zeros((0, 1)))
    with pytest.raises(ValueError, match="x: expected points of 1 entries, got 2"):
        reduce_neurons(SAMPLE, [[1.0, 2.0]])
