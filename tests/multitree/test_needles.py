"""Needles against their closed formula, and how rarely points find them."""

import numpy as np
import pytest
from openblackbox.multitree.alive import alive_neurons, useful_neurons
from openblackbox.multitree.needles import needle_network
from openblackbox.multitree.supports import dyadic_supports


def formula(x, n_layers, needle, strength):
    sums = x[:, 0::2][:, : 2 ** (n_layers - 2)] + x[:, 1::2][:, : 2 ** (n_layers - 2)]
    others = np.maximum(np.delete(sums, needle, axis=1), 0).sum(axis=1)
    return np.maximum(sums[:, needle] - strength * others, 0)


@pytest.mark.parametrize("n_layers", [2, 3, 4, 5])
@pytest.mark.parametrize("background", [0, 0.5])
def test_the_formula(n_layers, background):
    rng = np.random.default_rng(n_layers)
    x = rng.standard_normal((500, 2**n_layers)) * 10 ** rng.uniform(-3, 3, (500, 2**n_layers))
    for needle in range(2 ** (n_layers - 2)):
        network = needle_network(n_layers, needle=needle, strength=3, background=background)
        expected = formula(x, n_layers, needle, 3)
        hidden = np.maximum(network.preactivations(x)[-2][:, 0], 0)  # the needle itself
        assert np.allclose(hidden, expected, rtol=1e-12, atol=1e-12)
        assert (hidden > 0).any()
        if not background:
            assert np.allclose(network(x)[:, 0], expected, rtol=1e-12, atol=1e-12)
            assert not network(x)[:, 1:].any()


def test_supports_and_the_scale_of_the_background():
    network = needle_network(4, needle=1, strength=7, background=0.25)
    for weight, support in zip(network.weights, dyadic_supports(4), strict=True):
        assert np.array_equal(weight != 0, support)
        assert set(np.unique(weight)) <= {-7, 0, 0.25, 1}
    assert network.weights[-1][0, 0] == 1
    assert network.weights[-1][8, 0] == 0.25


def test_the_needle_is_alive_and_useful():
    network = needle_network(5, needle=3, strength=1e6)
    assert alive_neurons(network.weights)[-1][0]
    assert useful_neurons(network.weights)[-1].tolist() == [True] + [False] * 31


def test_no_point_activates_two_needles():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 16)) * 10 ** rng.uniform(-2, 2, (2000, 16))
    x = np.r_[x, np.eye(16), -np.eye(16), np.ones((1, 16))]
    active = [needle_network(4, needle=i)(x)[:, 0] > 0 for i in range(4)]
    assert np.sum(active, axis=0).max() == 1
    # Just below K = 1 it is no longer so.
    both = np.eye(16)[:1] + np.eye(16)[2:3]
    assert all(needle_network(4, needle=i, strength=0.99)(both)[0, 0] > 0 for i in (0, 1))


def test_how_often_gaussian_points_fire_a_needle():
    n, count = 4, 200_000
    x = np.random.default_rng(1).standard_normal((count, 16))
    rate = np.mean(needle_network(4, needle=1, strength=n)(x)[:, 0] > 0) * 2**n
    assert 1 < rate < 2.2  # the standard error is 0.01


def test_bad_arguments_are_refused():
    for bad, name in [
        ({"n_layers": 1}, "n_layers"),
        ({"n_layers": 3, "needle": 2}, "needle"),
        ({"n_layers": 3, "strength": 0.0}, "strength"),
        ({"n_layers": 3, "background": np.inf}, "background"),
    ]:
        with pytest.raises(ValueError, match=f"{name}: expected"):
            needle_network(**bad)


def test_strengths_are_not_rounded_to_integers():
    for strength in (0.5, 1e30):
        weights = needle_network(3, strength=strength).weights
        assert min(weight.min() for weight in weights) == -strength
