"""Teachers: random butterflies, and what is added to them has the size asked for."""

import numpy as np
import pytest
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.multitree.teachers import DRAWS, add_edges, add_network, random_butterfly
from openblackbox.networks import ReLUNetwork


def test_a_random_butterfly_has_standard_normal_weights():
    network = random_butterfly(4, rng=np.random.default_rng(0))
    rng = np.random.default_rng(0)
    for weight, support in zip(network.weights, dyadic_supports(4), strict=True):
        np.testing.assert_array_equal(weight, support * rng.standard_normal((16, 16)))


@pytest.mark.parametrize("delta", [0.0, 0.1, 2.0])
def test_edges_are_added_outside_the_supports_only(delta):
    supports = dyadic_supports(3)
    network = random_butterfly(3, rng=np.random.default_rng(1))
    dense = add_edges(network, supports, delta, rng=np.random.default_rng(2))
    for new, old, support in zip(dense.weights, network.weights, supports, strict=True):
        np.testing.assert_array_equal(new[support], old[support])
        size = np.linalg.norm(new - old) / np.linalg.norm(old)
        assert size == pytest.approx(delta, rel=1e-12)


def test_a_full_support_gets_no_edges_and_biases_stay():
    network = ReLUNetwork([[[1.0, 2.0]]], [[3.0]])
    same = add_edges(network, [np.ones((1, 2))], 0.5, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same.weights[0], network.weights[0])
    assert same.biases[0] == 3


@pytest.mark.parametrize("depth", [2, 4])
def test_the_network_added_has_the_size_asked_for(depth):
    network = random_butterfly(depth, rng=np.random.default_rng(3))
    teacher = add_network(network, 0.1, 7, rng=np.random.default_rng(4))
    assert teacher.widths == (2**depth, *[2**depth + 7] * (depth - 1), 2**depth)
    rng = np.random.default_rng(4)
    widths = [2**depth, *[7] * (depth - 1), 2**depth]
    other = ReLUNetwork([rng.standard_normal((widths[k + 1], widths[k])) for k in range(depth)])
    x = rng.standard_normal((DRAWS, 2**depth))
    added = teacher(x) - network(x)
    assert np.linalg.norm(added) == pytest.approx(0.1 * np.linalg.norm(network(x)), rel=1e-10)
    np.testing.assert_allclose(added / added[0, 0], other(x) / other(x)[0, 0], rtol=1e-6, atol=1e-9)


def test_add_network_refuses_what_it_cannot_add_to():
    for network in (ReLUNetwork([np.eye(2)]), ReLUNetwork([np.eye(2)] * 2, [[1, 0], [0, 0]])):
        with pytest.raises(ValueError, match="expected no biases and two layers or more"):
            add_network(network, 0.1, 3, rng=np.random.default_rng(0))
