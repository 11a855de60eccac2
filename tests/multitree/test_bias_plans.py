"""The points at which one neuron shows its bias."""

import numpy as np
import pytest
from biased_cases import random_case
from openblackbox.multitree.alive import masked_factors
from openblackbox.multitree.bias_plans import BiasPlan
from openblackbox.networks import ReLUNetwork


def test_directions_follow_the_signs_of_the_paths():
    weights = [np.diag([1.0, -1.0, 1.0, 1.0]), [[1.0, 0, 0, 0], [0, -2.0, 3.0, 0]], [[-1.0, 1.0]]]
    tries = BiasPlan(weights).tries(1)
    assert tries.neurons.tolist() == [0, 1, 2]
    assert tries.outputs.tolist() == [0, 0, 0]
    # The first is the only parent of its child; the second has a positive sister.
    assert tries.signs.tolist() == [[1, 0, 0, 0], [0, -1, 1, 0], [0, 1, 1, 0]]
    assert tries.stages.tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert tries.spreads.tolist() == [2, 2, 2]
    upper, lower = tries.points(4)
    assert upper.tolist() == [[4, 0, 0, 0], [0, -4, 8, 0], [0, 8, 4, 0]]
    assert lower.tolist() == [[-4, 0, 0, 0], [0, 4, 8, 0], [0, 8, -4, 0]]
    assert tries.only([1]).signs.tolist() == [[0, -1, 1, 0]]


def test_the_spread_grows_until_the_context_wins():
    for strength, spread in ((1.5, 2), (3.0, 4), (100.0, 256)):
        weights = [np.eye(2), [[-strength, 1.0]], [[1.0]]]
        assert BiasPlan(weights).tries(1).spreads.tolist() == [spread, 2]


def test_one_output_is_enough_when_a_sister_can_hold_the_child_open():
    weights = [np.eye(2), [[1.0, 1.0], [0, 0]], [[1.0, 0], [5.0, 0], [0, 0]]]
    plan = BiasPlan(weights)
    assert plan.tries(1).neurons.tolist() == [0, 1]
    assert plan.tries(2).neurons.tolist() == [0]
    assert plan.products[1][:, 0].tolist() == [1, 5, 0]
    alone = BiasPlan([[[1.0]], [[1.0]], [[1.0], [5.0]]]).tries(1)
    assert alone.outputs.tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(10))
def test_tries_read_the_biases_of_a_known_network(seed):
    network = random_case(seed, kind="negative")
    plan = BiasPlan(masked_factors(network.weights))
    network = plan.network(network.biases)
    for level in range(1, network.n_layers):
        tries = plan.tries(level)
        if not tries.neurons.size:
            continue
        scale = 1e6 * max(np.abs(bias).max() for bias in network.biases)
        values = plan.read(network, tries, scale)
        biases = network.biases[level - 1][tries.neurons]
        # At most the bias: what a neuron hides is subtracted. Never more, up to rounding.
        doubt = plan.doubt(network, tries, scale)
        assert (values <= biases + doubt).all()
        near = plan.near(network, tries, np.full(len(biases), scale))
        assert (near <= scale).all()
        assert (np.abs(plan.read(network, tries, near) - values) <= 2 * doubt + 1e-9).all()


def test_rounding_is_the_size_of_the_terms_over_the_product():
    weights = [np.eye(2), [[1.0, 1.0]], [[2.0]]]
    plan = BiasPlan(weights)
    tries = plan.tries(1)
    assert plan.rounding(plan.network(None), tries, 1).tolist() == [3, 3]
    assert plan.doubt(plan.network(None), tries, 1).tolist() == [3 * 2**-42] * 2
    assert plan.received(plan.network(None), tries, 5).tolist() == [5, 5]
    kinks = plan.network([[-8.0, -8.0], [0.0], [0.0]])
    assert plan.near(kinks, tries, np.full(2, 2.0**30)).tolist() == [64, 64]


def test_best_takes_the_largest_of_every_neuron():
    tries = BiasPlan([[[1.0], [1.0]], [[1.0, 0], [0, 1.0]], [[1.0, 0], [5.0, 0], [0, 1.0]]]).tries(
        1
    )
    assert tries.neurons.tolist() == [0, 0, 1]
    assert tries.best(np.array([3.0, 2.0, -1.0])).tolist() == [0, 2]
    assert tries.best(np.array([2.0, 3.0, -1.0])).tolist() == [1, 2]
    assert tries.only([]).best(np.array([])).tolist() == []


def test_dead_neurons_need_weights_0():
    with pytest.raises(ValueError, match="neuron 1 of level 2 is dead"):
        BiasPlan([[[1.0]], [[1.0], [-1.0]], np.eye(2)])
    assert BiasPlan([[[1.0]], [[1.0], [-1.0]], [[1.0, 0]]]).tries(2).neurons.tolist() == [0]
    assert BiasPlan([[[0.0]], [[0.0]]]).tries(1).neurons.size == 0
    assert BiasPlan(ReLUNetwork([[[2.0]]]).weights).n_layers == 1
