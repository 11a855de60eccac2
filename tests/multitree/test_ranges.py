"""Exact ranges of pre-activations, neurons that live by their bias, and what the outputs see."""

import numpy as np
import pytest
from biased_cases import AND, biased_network, random_case, spread_points
from openblackbox.multitree.alive import alive_neurons, useful_neurons
from openblackbox.multitree.ranges import (
    bias_alive,
    preactivation_ranges,
    seen_states,
    useful_with_biases,
)
from openblackbox.multitree.supports import NotMultitreeError, random_multitree
from openblackbox.networks import ReLUNetwork


def test_ranges_of_small_networks():
    inf = np.inf
    ranges = preactivation_ranges(AND)
    assert [level.tolist() for level in ranges] == [[[-inf, inf]] * 2, [[-inf, 0.5]], [[0.0, 0.5]]]
    # Two bounded neurons of both signs, and an input that nothing reads.
    weights = [[[2.0, 0, 0], [0, -1.0, 0]], [[-4.0, 0], [0, -1.0]], [[3.0, -5.0]]]
    network = ReLUNetwork(weights, [[0.0, 7.0], [8.0, 2.0], [0.25]])
    levels = [level.tolist() for level in preactivation_ranges(network)]
    assert levels == [[[-inf, inf]] * 2, [[-inf, 8], [-inf, 2]], [[0.25 - 10, 0.25 + 24]]]
    # A neuron without parents is its bias.
    lonely = ReLUNetwork([[[0.0]], [[1.0]]], [[-3.0], [2.0]])
    assert [r.tolist() for r in preactivation_ranges(lonely)] == [[[-3, -3]], [[2, 2]]]


@pytest.mark.parametrize("seed", range(20))
def test_ranges_hold_and_are_reached(seed):
    network = random_case(seed)
    signs = np.eye(network.n_inputs)
    points = spread_points(network.n_inputs, 200, np.random.default_rng(seed))
    for level, bounds in enumerate(preactivation_ranges(network), start=1):
        signs = np.sign(network.weights[level - 1]) @ signs
        z = network.preactivations(points)[level - 1]
        slack = 1e-9 * np.abs(z).max()
        assert (z >= bounds[:, 0] - slack).all()
        assert (z <= bounds[:, 1] + slack).all()
        for neuron, (low, high) in enumerate(bounds):
            # The extreme values are far away in the direction of the signs of the paths.
            down, up = network.preactivations(1e12 * np.outer([-1, 1], signs[neuron]))[level - 1][
                :, neuron
            ]
            for bound, reached in ((low, down), (-high, -up)):
                if np.isfinite(bound):
                    assert reached == pytest.approx(bound, rel=1e-3, abs=1e-3)
                else:
                    assert reached < -1e5


@pytest.mark.parametrize("seed", range(10))
def test_without_biases_ranges_tell_who_is_alive(seed):
    network = ReLUNetwork(random_case(seed).weights)
    alive = alive_neurons(network.weights)
    for level, bounds in zip(alive, preactivation_ranges(network), strict=False):
        assert (level == (bounds[:, 1] == np.inf)).all()
        assert set(bounds[:, 1]) <= {0.0, np.inf}
        assert set(bounds[:, 0]) <= {0.0, -np.inf}
    assert not any(level.any() for level in bias_alive(network))


@pytest.mark.parametrize("seed", range(20))
def test_paths_are_activatable_when_their_neurons_are_alive(seed):
    network = random_case(seed, largest=4)
    alive = [bounds[:, 1] > 0 for bounds in preactivation_ranges(network)[:-1]]
    open_paths = np.eye(network.n_inputs, dtype=bool)
    for level, support in zip((*alive, True), network.supports, strict=True):
        open_paths = (support.astype(int) @ open_paths > 0) & np.reshape(level, (-1, 1))
    points = spread_points(network.n_inputs, 20000, np.random.default_rng(seed))
    shown = (network.jacobian(points) != 0).any(axis=0)
    assert not (shown & ~open_paths).any()  # what random points show is activatable
    if seed not in (15, 19):  # butterflies of 16 inputs: some paths are open on small regions
        assert np.array_equal(shown, open_paths)
    bare = ReLUNetwork(network.weights)
    for with_biases, without in zip(
        useful_with_biases(bare), useful_neurons(bare.weights), strict=True
    ):
        assert np.array_equal(with_biases, without)


def test_biases_that_are_not_positive_wake_nobody_from_the_second_level_on():
    for seed in range(20):
        assert not any(level.any() for level in bias_alive(random_case(seed, kind="negative")))
    assert bias_alive(AND)[1].tolist() == [True]


def test_states_of_small_networks():
    on, off = seen_states(AND)
    assert [level.tolist() for level in on] == [[True, True], [True]]
    assert [level.tolist() for level in off] == [[True, True], [True]]
    # The second neuron hides the kink of the first, until its bias is positive.
    for bias, kink_seen in ((-1.0, False), (1.0, True)):
        on, off = seen_states(ReLUNetwork([[[1.0]], [[1.0]], [[1.0]]], [[0.0], [bias], [0.0]]))
        assert on[0][0]
        assert on[1][0]
        assert off[0][0] == kink_seen
        assert off[1][0] == (not kink_seen)
    # A dead neuron, and one without weights to the outputs.
    on, off = seen_states(ReLUNetwork([np.eye(2), [[-1.0, 0]], [[1.0]]], [[0, 0], [-1.0], [0.0]]))
    assert not on[0].any()
    assert not on[1].any()
    assert off[1][0]
    # A neuron that is seen only where another one is on enough to hide its child's kink.
    chain = ReLUNetwork([[[1.0]], [[-1.0]], [[-1.0]], [[1.0]]], [[0.0], [3.0], [1.0], [0.0]])
    on, off = seen_states(chain)
    assert [level.tolist() for level in on] == [[True], [True], [True]]
    assert [level.tolist() for level in off] == [[False], [True], [True]]


@pytest.mark.parametrize("seed", range(60))
def test_what_is_seen_counts_the_biases_that_linear_equations_determine(seed):
    rng = np.random.default_rng(seed)
    widths = [int(width) for width in rng.integers(1, 5, rng.integers(3, 6))]
    network = biased_network(random_multitree(widths, rng=rng), rng)
    points = spread_points(network.n_inputs, 2000, rng)
    active = network.activation_pattern(points)
    gradient = np.broadcast_to(np.eye(network.n_outputs), (len(points), *[network.n_outputs] * 2))
    blocks = [gradient]
    for layer in range(network.n_layers - 1, 0, -1):
        gradient = (gradient @ network.weights[layer]) * active[layer - 1][:, None, :]
        blocks.append(gradient)
    rows = np.unique(np.concatenate(blocks, axis=2).reshape(-1, sum(network.widths[1:])), axis=0)
    size = np.abs(rows).max(axis=0)
    rank = np.linalg.matrix_rank(rows / np.where(size > 0, size, 1), tol=1e-9)
    on, off = seen_states(network)
    determined = sum(int((up & down).sum()) for up, down in zip(on, off, strict=True))
    assert rank == determined + network.n_outputs


def test_only_multitrees():
    double = ReLUNetwork([[[1.0], [1.0]], [[1.0, 1.0]]])
    for function in (preactivation_ranges, bias_alive, seen_states, useful_with_biases):
        with pytest.raises(NotMultitreeError):
            function(double)
