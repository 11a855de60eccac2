"""The network of the notes: its function, its rescaling symmetry, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer, inner_sizes, rescale


def random_layer(rng, m=5, d=3):
    return OneHiddenLayer(
        rng.standard_normal(m), rng.standard_normal((m, d)), rng.standard_normal(m)
    )


def test_the_function_is_the_sum_of_the_notes():
    rng = np.random.default_rng(0)
    net, x = random_layer(rng), rng.standard_normal((20, 3))
    by_hand = [
        sum(e * max(w @ p + b, 0) for e, w, b in zip(net.eta, net.w, net.b, strict=True)) for p in x
    ]
    np.testing.assert_allclose(net(x), by_hand, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(net.network()(x)[:, 0], by_hand, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(net.hidden(x) @ net.eta, by_hand, rtol=1e-13, atol=1e-14)


def apply(sigma, net, x):
    return sigma(x @ net.w.T + net.b) @ net.eta


@pytest.mark.claim("LN-12")
@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10**6))
def test_rescaling_keeps_the_function_of_positively_homogeneous_activations(seed):
    rng = np.random.default_rng(seed)
    net, x = random_layer(rng), rng.standard_normal((10, 3))
    exact = rescale(net, 2.0 ** rng.integers(-20, 20, 5))
    near = rescale(net, 10 ** rng.uniform(-3, 3, 5))
    slope, other = rng.standard_normal(2)
    for sigma in (
        lambda z: np.maximum(z, 0),
        np.abs,
        lambda z: slope * np.maximum(z, 0) + other * np.maximum(-z, 0),
    ):
        assert np.array_equal(apply(sigma, exact, x), apply(sigma, net, x))
        np.testing.assert_allclose(apply(sigma, near, x), apply(sigma, net, x), atol=1e-12)
    assert np.array_equal(exact(x), net(x))


@pytest.mark.claim("LN-12", counterexample=True)
def test_rescaling_changes_the_function_of_a_tanh_network():
    net = OneHiddenLayer([1.0], [[1.0]], [0.0])
    moved = rescale(net, [2.0])
    x = np.array([[1.0]])
    before, after = apply(np.tanh, net, x), apply(np.tanh, moved, x)
    # 2 tanh(1/2) - tanh(1), and the ReLU of the notes does not move at all
    assert (after - before).item() == pytest.approx(2 * np.tanh(0.5) - np.tanh(1), rel=1e-14)
    assert after.item() > before.item() + 0.16
    assert np.array_equal(net(x), moved(x))


@pytest.mark.claim("LN-12", counterexample=True)
def test_a_negative_scale_changes_the_function():
    turned = OneHiddenLayer([-1.0], [[-1.0]], [0.0])
    assert OneHiddenLayer([1.0], [[1.0]], [0.0])([[1.0]]) == 1
    assert turned([[1.0]]) == 0


def test_rescaling_moves_every_parameter_by_its_factor():
    moved = rescale(OneHiddenLayer([3.0, 1.0], [[8.0], [1.0]], [4.0, 2.0]), [2.0, 0.5])
    assert moved.eta.tolist() == [6, 0.5]
    assert moved.w.tolist() == [[4], [2]]
    assert moved.b.tolist() == [2, 4]


def test_sizes_are_norms_of_the_lifted_weights():
    net = OneHiddenLayer([1.0, 1.0], [[3.0, 0.0], [0.0, 0.0]], [8.0, -2.0])
    np.testing.assert_allclose(inner_sizes(net, radius=2.0), [5, 1], rtol=1e-15)
    np.testing.assert_allclose(inner_sizes(net), [np.sqrt(73), 2], rtol=1e-15)


def test_parameters_are_copied_and_frozen():
    eta = np.ones(1)
    net = OneHiddenLayer(eta, [[1]], [0])
    eta[0] = 7
    assert net.eta[0] == 1
    assert net.w.dtype == float
    for array in (net.eta, net.w, net.b):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [[1.0]], [0.0, 0.0]), r"w: expected 2 rows, one per neuron, got 1"),
        (([1.0], [[1.0]], [0.0, 0.0]), r"b: expected shape \(1,\), got \(2,\)"),
        (([], np.zeros((0, 1)), []), r"eta: expected at least one neuron, got none"),
        (([[1.0]], [[1.0]], [0.0]), r"eta: expected 1 axis, got shape \(1, 1\)"),
        (([np.nan], [[1.0]], [0.0]), r"eta: expected finite numbers"),
        (([1.0], [[np.inf]], [0.0]), r"w: expected finite numbers"),
        (([1.0], [1.0], [0.0]), r"w: expected 2 axes, got shape \(1,\)"),
    ],
)
def test_bad_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        OneHiddenLayer(*arguments)


def test_numbers_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="b: expected real numbers, got an array of complex128"):
        OneHiddenLayer([1.0], [[1.0]], [1j])


def test_bad_points_scales_and_radii_are_named():
    net = OneHiddenLayer([1.0], [[1.0, 2.0]], [0.0])
    with pytest.raises(ValueError, match="x: expected points of 2 entries, got 3"):
        net(np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"x: expected 2 axes, got shape \(2,\)"):
        net([1.0, 2.0])
    with pytest.raises(ValueError, match=r"scales: expected shape \(1,\), got \(2,\)"):
        rescale(net, [1.0, 1.0])
    for scale in (0.0, -1.0):
        with pytest.raises(ValueError, match="scales: expected positive numbers, got"):
            rescale(net, [scale])
    for radius in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"^radius: expected a .*number.*, got"):
            inner_sizes(net, radius=radius)
