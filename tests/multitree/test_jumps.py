"""Networks of any graph with one hidden layer, from jumps of the Jacobian."""

import numpy as np
import pytest
from biased_cases import spread_points
from openblackbox.multitree.jumps import _Line, jump_blocks, network_from_jumps
from openblackbox.networks import CountingOracle, ReLUNetwork


def dense(inputs, hidden, outputs, seed):
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((hidden, inputs)), rng.standard_normal((outputs, hidden))
    return ReLUNetwork(weights, [rng.standard_normal(hidden), rng.standard_normal(outputs)])


def line(network, seed, reach=1000):
    start, direction = np.random.default_rng(seed).standard_normal((2, network.n_inputs))
    return start - reach * direction, start + reach * direction


@pytest.mark.claim("SL-29")
@pytest.mark.parametrize("sizes", [(5, 12, 4), (8, 40, 8), (3, 4, 2), (2, 3, 6)])
def test_dense_networks_come_back_up_to_order_and_scale(sizes):
    network = dense(*sizes, 0)
    counter = CountingOracle(network)
    jumps = jump_blocks(counter, *line(network, 1))
    assert jumps.queries == counter.queries
    assert jumps.queries.jacobians < jumps.queries.evaluations <= 16 * sizes[1]
    found = network_from_jumps(jumps)
    assert found.widths == network.widths
    norms = np.linalg.norm(network.weights[0], axis=1)
    rows = network.weights[0] / norms[:, None]
    order = [int(np.argmax(rows @ row)) for row in found.weights[0]]
    assert sorted(order) == list(range(sizes[1]))
    same = {"rtol": 1e-7, "atol": 1e-7}
    np.testing.assert_allclose(found.weights[0], rows[order], **same)
    np.testing.assert_allclose(found.weights[1], (network.weights[1] * norms)[:, order], **same)
    np.testing.assert_allclose(found.biases[0], (network.biases[0] / norms)[order], **same)
    np.testing.assert_allclose(found.biases[1], network.biases[1], **same)


@pytest.mark.claim("SL-29")
@pytest.mark.parametrize("sizes", [(3, 30, 1), (1, 5, 1), (4, 40, 2)])
def test_with_few_outputs_the_function_comes_back_with_its_affine_part_apart(sizes):
    network = dense(*sizes, 3)
    jumps = jump_blocks(network, *line(network, 3, 4000))
    assert len(jumps.positions) == sizes[1]
    found = network_from_jumps(jumps)
    assert found.widths == (sizes[0], sizes[1] + 2 * min(sizes[0], sizes[2]), sizes[2])
    x = spread_points(sizes[0], 500, np.random.default_rng(0), low=-1, high=2)
    np.testing.assert_allclose(found(x), network(x), rtol=1e-8, atol=1e-8)


def test_blocks_are_those_of_single_neurons_even_where_paths_meet():
    # Two paths join the input to the output, and a skip connection.
    network = ReLUNetwork(
        [[[1.0], [2.0], [1.0], [-1.0]], [[3.0, 5.0, 7.0, -7.0]]], [[0, -1.0, 0, 0], [4.0]]
    )
    jumps = jump_blocks(network, [-1.5], [1.0])
    # ReLU(x) and the two parts of 7x: 3 ReLU(x) + 7 ReLU(x) - 7 ReLU(-x) = 3 ReLU(x) + 7 x.
    assert jumps.blocks.ravel().tolist() == [3, 10]
    np.testing.assert_allclose(jumps.positions, [0.6, 0.8], rtol=1e-12)
    assert jumps.start.tolist() == [-1.5]
    assert jumps.direction.tolist() == [2.5]
    assert jumps.value == -6.5
    assert jumps.jacobian == 7
    found = network_from_jumps(jumps)
    x = np.linspace(-20, 20, 101)[:, None]
    np.testing.assert_allclose(found(x), network(x), rtol=1e-12, atol=1e-12)
    assert found.widths == (1, 4, 1)


def test_neurons_drawn_the_wrong_way_round_are_turned():
    weights = [[[1.0, 0], [0, -1.0]], np.eye(2)]
    network = ReLUNetwork(weights, [[1.0, 2.0], [3.0, 4.0]])
    found = network_from_jumps(jump_blocks(network, [-5.0, -6.0], [5.0, 6.0]))
    assert found.widths == (2, 2, 2)
    order = np.argsort(-found.weights[0][:, 0])
    np.testing.assert_allclose(found.weights[0][order], weights[0], atol=1e-12)
    np.testing.assert_allclose(found.biases[0][order], [1, 2], rtol=1e-12)
    np.testing.assert_allclose(found.biases[1], [3, 4], rtol=1e-12)


def test_a_kink_that_the_segment_misses_is_missed():
    network = ReLUNetwork([np.eye(2), [[1.0, 1.0]]], [[0.0, 1.0], [0.0]])
    jumps = jump_blocks(network, [-1.0, 0.25], [1.0, 0.5])
    assert len(jumps.positions) == 1
    found = network_from_jumps(jumps)
    on = np.array([[2.0, -0.5], [-3.0, 0.0]])
    np.testing.assert_allclose(found(on), network(on), rtol=1e-12)
    assert abs(found([0.0, -5.0]) - network([0.0, -5.0])) == pytest.approx(4)


def test_kinks_at_one_point_are_unresolved_or_of_higher_rank():
    twins = ReLUNetwork([np.eye(2), np.eye(2)])
    jumps = jump_blocks(twins, [-1.0, -1.0], [1.5, 1.5])
    assert len(jumps.positions) == 1
    assert np.array_equal(jumps.blocks[0], np.eye(2))
    with pytest.raises(ValueError, match="rank one"):
        network_from_jumps(jumps)
    # Closer than the shortest interval: not separated.
    close = ReLUNetwork([np.eye(2), np.eye(2)], [[0.0, 1e-4], [0.0, 0.0]])
    jumps = jump_blocks(close, [-1.0, -1.0], [1.5, 1.5], shortest=0.01)
    assert len(jumps.unresolved) >= 1
    assert len(jumps.positions) == 0
    left, right = jumps.unresolved[0]
    assert left < 0.4 < right
    assert 0.004 < right - left < 0.01
    parts = (3 / 7) ** np.arange(9)[:, None] * (4 / 7) ** np.arange(9)
    assert np.abs(parts - (right - left)).min() < 1e-12
    with pytest.raises(ValueError, match="unresolved"):
        network_from_jumps(jumps)
    assert len(jump_blocks(close, [-1.0, -1.0], [1.5, 1.5]).positions) == 2


def test_deeper_networks_jump_too():
    rng = np.random.default_rng(0)
    weights = [
        rng.standard_normal((6, 3)),
        rng.standard_normal((6, 6)),
        rng.standard_normal((4, 6)),
    ]
    network = ReLUNetwork(weights, [rng.standard_normal(6), rng.standard_normal(6), np.zeros(4)])
    start, stop = line(network, 0, 100)
    jumps = jump_blocks(network, start, stop)
    t = np.linspace(0, 1, 100001)
    patterns = np.concatenate(
        network.activation_pattern(start + t[:, None] * (stop - start)), axis=1
    )
    changes = np.flatnonzero((patterns[1:] != patterns[:-1]).any(axis=1))
    assert len(jumps.positions) >= len(changes) > 6
    for change in changes:
        assert np.abs(jumps.positions - t[change]).min() < 2e-5
    sizes = np.linalg.svd(jumps.blocks, compute_uv=False)
    assert (sizes[:, 1] < 1e-9 * sizes[:, 0]).all()


def test_values_are_compared_relative_to_their_terms():
    # f = 3x + 1 on [2, 4]: |3| (|2| + |2|) for the terms, and the two values 7 and 13.
    line = _Line(
        CountingOracle(ReLUNetwork([[[3.0]]], [[1.0]])), np.array([2.0]), np.array([2.0]), 0
    )
    assert line._sizes(line.at(0), line.at(1)).tolist() == [12 + 7 + 13]


def test_a_smooth_function_is_refused():
    class Sine(ReLUNetwork):
        def __call__(self, x):
            return np.sin(x)

        def jacobian(self, x):
            return np.cos(x)[..., None]

    with pytest.raises(ValueError, match="few affine pieces on the segment, 50"):
        jump_blocks(Sine([[[1.0]]]), [0.0], [10.0], most=500)


def test_an_affine_function_has_no_kinks():
    jumps = jump_blocks(ReLUNetwork([[[1.0, 2.0]]], [[3.0]]), [0, 0], [1, 1])
    assert jumps.blocks.shape == (0, 1, 2)
    assert jumps.unresolved.shape == (0, 2)
    assert jumps.queries.jacobians == 2
    found = network_from_jumps(jumps)
    np.testing.assert_allclose(found([5.0, -7.0]), [5 - 14 + 3], rtol=1e-12)
    constant = network_from_jumps(jump_blocks(ReLUNetwork([[[0.0]]], [[3.0]]), [0], [1]))
    assert constant([9.0]) == 3


def test_arguments():
    network = ReLUNetwork([[[1.0, 2.0]]])
    for ends in (([0.0], [1.0]), ([0.0, 0.0], [0.0, 0.0]), ([0.0, 0.0], [np.inf, 0.0])):
        with pytest.raises(ValueError, match="start, stop"):
            jump_blocks(network, *ends)
    with pytest.raises(TypeError, match="Oracle"):
        jump_blocks(3, [0.0], [1.0])
