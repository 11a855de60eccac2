"""The rescaling symmetry: same function, one representative, comparison that forgets it."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.gauge import canonical, gauge_distance, rescale
from openblackbox.multitree.supports import dyadic_supports, random_multitree
from openblackbox.networks import ReLUNetwork


def chain(factors):
    return reduce(lambda product, factor: factor @ product, factors)


def random_network(rng, widths=(4, 5, 6, 3), dead=True):
    """A random multitree ReLU network; with `dead`, some zero rows, columns and constants."""
    weights = [s * rng.standard_normal(s.shape) for s in random_multitree(widths, rng=rng)]
    biases = [rng.standard_normal(len(w)) for w in weights]
    if dead:
        weights[0][0] = 0
        weights[1][1] = 0
        weights[1][:, 2] = 0
        biases[1][1] = rng.choice([-1.0, 0.0, 2.0])
    return weights, biases


def positive_scales(rng, weights, decades=3):
    return [10.0 ** rng.uniform(-decades, decades, len(w)) for w in weights[:-1]]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10**6), st.booleans())
def test_rescaling_and_canonical_form_keep_the_relu_function(seed, dead):
    rng = np.random.default_rng(seed)
    weights, biases = random_network(rng, dead=dead)
    net = ReLUNetwork(weights, biases)
    x = rng.standard_normal((20, 4)) * 10 ** rng.uniform(-2, 2, (20, 1))
    moved = rescale(net, positive_scales(rng, weights))
    assert isinstance(moved, ReLUNetwork)
    size = np.abs(net(x)).max()
    np.testing.assert_allclose(moved(x), net(x), atol=1e-12 * size)
    form = canonical(moved)
    np.testing.assert_allclose(form(x), net(x), atol=1e-12 * size)
    for weight, bias in zip(form.weights[:-1], form.biases[:-1], strict=True):
        norms = np.linalg.norm(weight, axis=1)
        np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-14)
        assert set(bias[norms == 0]) <= {0.0, 1.0}
    again = canonical(form)
    for one, two in zip(again.weights + again.biases, form.weights + form.biases, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-14)
    reference = canonical(net)
    for one, two in zip(
        form.weights + form.biases, reference.weights + reference.biases, strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-12)
    assert gauge_distance(net, moved, entrywise=True) < 1e-12
    assert gauge_distance(moved, (weights, biases)) < 1e-12


@pytest.mark.claim("SL-05")
def test_scaling_the_outputs_changes_the_function():
    """D_0 = D_L = I is part of the hypotheses: with D_L != I the realization changes."""
    net = ReLUNetwork([[[1.0]], [[1.0]]])
    scaled = ReLUNetwork([net.weights[0], 2 * net.weights[1]])
    assert net([1.0]) == 1.0
    assert scaled([1.0]) == 2.0
    assert gauge_distance(net, scaled) == 0.5
    with pytest.raises(ValueError, match="expected 1 vectors, one per hidden layer, got 2"):
        rescale(net, [[1.0], [2.0]])


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10**6), st.booleans())
def test_linear_products_have_scales_of_any_sign_or_phase(seed, complex_):
    rng = np.random.default_rng(seed)
    weights, _ = random_network(rng, dead=seed % 2 == 0)
    scales = [s * rng.choice([-1, 1], len(s)) for s in positive_scales(rng, weights)]
    if complex_:
        weights = [w * np.exp(1j * rng.uniform(0, 6, w.shape)) for w in weights]
        scales = [s * np.exp(1j * rng.uniform(0, 6, s.shape)) for s in scales]
    moved = rescale(weights, scales)
    assert isinstance(moved, list)
    size = np.abs(chain(weights)).max()
    np.testing.assert_allclose(chain(moved), chain(weights), atol=1e-12 * size)
    form = canonical(moved)
    np.testing.assert_allclose(chain(form), chain(weights), atol=1e-12 * size)
    for one, two in zip(form, canonical(weights), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-15)
    assert gauge_distance(moved, weights, entrywise=True) < 1e-12


def test_the_formula_on_numbers():
    first, second = rescale([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]], [[2.0, -4.0]])
    np.testing.assert_array_equal(first, [[2, 4], [-12, -16]])
    np.testing.assert_array_equal(second, [[2.5, -1.5]])
    weights, biases = rescale(([[[1.0]], [[2.0]], [[3.0]]], [[5.0], [7.0], [11.0]]), [[2.0], [8.0]])
    assert [w.item() for w in weights] == [2.0, 8.0, 0.375]
    assert [b.item() for b in biases] == [10.0, 56.0, 11.0]


def test_canonical_numbers():
    weights, biases = canonical(([[[-3.0, 4.0]], [[2.0]]], [[10.0], [1.0]]))
    np.testing.assert_allclose(weights[0], [[-0.6, 0.8]], rtol=1e-15)  # a ReLU keeps its sign
    np.testing.assert_allclose(weights[1], [[10.0]], rtol=1e-15)
    assert (biases[0].item(), biases[1].item()) == (2.0, 1.0)
    first, second = canonical([[[-3.0, 4.0]], [[2.0]]])
    np.testing.assert_allclose(first, [[0.6, -0.8]], rtol=1e-15)
    np.testing.assert_allclose(second, [[-10.0]], rtol=1e-15)


@pytest.mark.parametrize(
    "bias, kept_bias, kept_column", [(4.0, 1.0, 12.0), (0.0, 0.0, 0.0), (-4.0, 0.0, 0.0)]
)
def test_zero_row_is_a_constant_or_nothing(bias, kept_bias, kept_column):
    net = ReLUNetwork([[[0.0]], [[3.0]]], [[bias], [0.5]])
    form = canonical(net)
    assert form.biases[0].item() == kept_bias
    assert form.weights[1].item() == kept_column
    assert form([7.0]) == net([7.0])


def test_free_weights_of_silent_neurons_are_forgotten():
    a = ([[[1.0], [2.0]], [[1.0, 0.0]], [[1.0]]], [[1.0, 5.0], [0.0], [0.0]])
    b = ([[[1.0], [-9.0]], [[1.0, 0.0]], [[1.0]]], [[1.0, 6.0], [0.0], [0.0]])
    assert gauge_distance(a, b) == 0.0
    # through layers: the second hidden layer is cut off from the output
    deep = [[[1.0]], [[1.0]], [[0.0]]]
    other = [[[5.0]], [[-2.0]], [[0.0]]]
    assert gauge_distance(deep, other) == 0.0
    assert not any(w.any() for w in canonical(deep))
    # and forwards: a zero row in the first layer silences the next neurons
    assert not any(w.any() for w in canonical([[[0.0]], [[3.0]], [[2.0]]]))


def test_distance_measures_what_was_changed():
    weights, biases = random_network(np.random.default_rng(1), dead=False)
    rng = np.random.default_rng(2)
    target = canonical((weights, biases))
    for layer in range(3):
        changed = ([w.copy() for w in target[0]], [b.copy() for b in target[1]])
        row = int(np.flatnonzero(target[0][layer].any(axis=1))[0])
        size = abs(target[1][layer][row])
        changed[1][layer][row] *= 1 + 1e-6
        moved = rescale(changed, positive_scales(rng, weights))
        reference = max(size, np.linalg.norm(target[0][layer][row]))
        assert gauge_distance(moved, target) == pytest.approx(1e-6 * size / reference, rel=1e-5)
        assert gauge_distance(moved, target, entrywise=True) == pytest.approx(1e-6, rel=1e-5)
    changed = [w.copy() for w in target[0]]
    row, column = np.argwhere(changed[-1])[0]
    changed[-1][row, column] *= 1.001
    relative = 0.001 * abs(target[0][-1][row, column]) / np.linalg.norm(changed[-1][row])
    assert gauge_distance((changed, target[1]), target) == pytest.approx(relative, rel=1e-9)
    assert gauge_distance(target, (changed, target[1])) == pytest.approx(relative, rel=1e-9)


def test_distance_of_rows_is_the_chord_between_them():
    a = [[[1.0, 0.0]], [[1.0]]]
    b = [[[np.cos(0.1), np.sin(0.1)]], [[1.0]]]
    assert gauge_distance(a, b) == pytest.approx(2 * np.sin(0.05), rel=1e-12)
    assert gauge_distance(a, b, entrywise=True) == 1.0  # zero against nonzero
    opposite = ReLUNetwork([[[-1.0, 0.0]], [[-1.0]]])
    assert gauge_distance(ReLUNetwork(a), opposite) == 2.0  # positive scales only
    assert gauge_distance(a, list(opposite.weights)) == 0.0


def test_no_sign_hangs_on_a_tie():
    """A Hadamard row has many largest entries: rounding must not decide its sign."""
    a = [np.array([[1.0, 1.0], [1.0, -1.0]]), np.eye(2)]
    b = [np.array([[1 - 1e-9, 1.0], [-1.0, 1 + 1e-9]]), np.diag([1.0, -1.0])]
    assert gauge_distance(a, b) < 2e-9
    c = [np.array([[0.3 - 1e-9, -1.0]]), np.ones((1, 1))]
    d = [np.array([[0.3 + 1e-9, -1.0]]), np.ones((1, 1))]
    assert gauge_distance(c, d) < 1e-8


@pytest.mark.claim("SL-10")
def test_factorization_is_unique_up_to_the_gauge():
    rng = np.random.default_rng(3)
    for n_layers in (2, 3, 5):
        weights = [s * rng.standard_normal(s.shape) for s in dyadic_supports(n_layers)]
        result = factorize(chain(weights), dyadic_supports(n_layers))
        assert gauge_distance(result.factors, weights) < 1e-11
        for one, two in zip(canonical(list(result.factors)), result.factors, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-14)


def test_single_precision_stays_single_and_extreme_scales_are_safe():
    net = ReLUNetwork([np.ones((2, 2), np.float32), np.ones((1, 2), np.float32)])
    assert canonical(net).weights[0].dtype == np.float32
    assert rescale(net, [np.full(2, 2, np.float32)]).weights[1].dtype == np.float32
    tiny = [np.array([[3e-200, 4e-200]]), np.array([[1.0]])]
    form = canonical(tiny)
    np.testing.assert_allclose(form[0], [[0.6, 0.8]], rtol=1e-15)
    np.testing.assert_allclose(form[1], [[5e-200]], rtol=1e-15)
    assert gauge_distance(tiny, [np.array([[0.6, 0.8]]), np.array([[5e-200]])]) < 1e-15


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: rescale([np.ones((1, 1))], [[1.0]]), "expected 0 vectors"),
        (lambda: rescale([np.ones((2, 1)), np.ones((1, 2))], [[1.0]]), r"scales\[0\]: .*\(2,\)"),
        (lambda: rescale([np.ones((1, 1))] * 2, [[0.0]]), "finite nonzero"),
        (lambda: rescale([np.ones((1, 1))] * 2, [[np.nan]]), "finite nonzero"),
        (lambda: rescale(ReLUNetwork([[[1.0]], [[1.0]]]), [[-1.0]]), "positive"),
        (lambda: rescale(ReLUNetwork([[[1.0]], [[1.0]]]), [[1j]]), "positive"),
        (lambda: canonical([np.ones(3)]), "expected one matrix per layer"),
        (lambda: canonical([]), "expected one matrix per layer"),
        (lambda: canonical([np.ones((2, 2)), np.ones((2, 3))]), "expected widths that match"),
        (lambda: canonical(([np.ones((2, 2))], [np.ones(3)])), "one bias per neuron"),
        (lambda: canonical([np.full((1, 1), np.nan)]), "NaN"),
        (lambda: gauge_distance([np.ones((1, 1))], [np.ones((1, 2))]), "expected equal shapes"),
        (
            lambda: gauge_distance([np.ones((1, 1))], ([np.ones((1, 1))], [np.ones(1)])),
            "two ReLU networks or two linear products",
        ),
    ],
)
def test_bad_input_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda: canonical(None), TypeError, "network: weights: expected a sequence of arrays"),
        (lambda: canonical("ab"), TypeError, "network: weights: expected a sequence of arrays"),
        (lambda: canonical([["a"]]), TypeError, r"network: weights\[0\]: expected numbers"),
        (lambda: canonical([[[1.0], [1.0, 2.0]]]), ValueError, r"weights\[0\]: expected an array"),
        (lambda: rescale([np.ones((1, 1))] * 2, None), TypeError, "scales: expected a sequence"),
        (lambda: rescale([np.ones((1, 1))] * 2, [["a"]]), TypeError, r"scales\[0\]: .* numbers"),
        (lambda: rescale([np.full((1, 1), 1e200)] * 2, [[1e200]]), OverflowError, "too large"),
        (lambda: gauge_distance([np.ones((1, 1))], 3), TypeError, "network: weights: expected"),
    ],
)
def test_input_of_another_kind_is_named(call, error, match):
    with pytest.raises(error, match=match):
        call()
