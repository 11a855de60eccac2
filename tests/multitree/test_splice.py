"""All the inputs of a neuron at one point, and weights proved to be 0."""

import numpy as np
import pytest
from deep_cases import cases, sketcher_of, weights_on
from openblackbox.multitree.alive import useful_neurons
from openblackbox.multitree.bank import Bank, FloatRange, RangeExhaustedError, tropical_points
from openblackbox.multitree.discovery import discover
from openblackbox.multitree.splice import main_points, splice
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.networks import ReLUNetwork


def searched(network, supports, rng, points=1):
    """A bank after the search."""
    bank, sides = Bank(sketcher_of(network, supports, rng)), FloatRange.of(network)
    for x in tropical_points(bank.graph, points, rng=rng):
        bank.add(sides.normalized(x), ("tropical", 0))
    discover(network, bank, sides)
    return bank, sides


def hidden(weights):
    """Useful neurons, with the inputs and the outputs."""
    ends = np.ones(weights[0].shape[1], bool), np.ones(weights[-1].shape[0], bool)
    return [ends[0], *useful_neurons(weights), ends[1]]


@pytest.mark.parametrize("start", [0, 40])
def test_every_neuron_is_shown_with_all_its_inputs_at_one_point(start):
    spliced = 0
    for supports, weights, rng in cases(40, start=start):
        network = ReLUNetwork(weights)
        bank, sides = searched(network, supports, rng)
        before = len(bank)
        zeros = splice(bank, sides)
        spliced += len(bank) - before
        assert all(origin[0] == "splice" for origin in bank.origins[before:])
        graph, useful = bank.graph, hidden(weights)
        for layer, weight in enumerate(weights):
            rows, columns = graph.rows[layer], graph.columns[layer]
            both = useful[layer + 1][rows] & useful[layer][columns]
            nonzero = weight[rows, columns] != 0
            assert np.array_equal(zeros[graph.layer(layer)], both & ~nonzero)
            main = main_points(bank, layer + 1)
            visible = np.stack([s.visible[graph.layer(layer)] for s in bank.sketches])
            shown = visible[np.maximum(main[rows], 0), np.arange(rows.size)] & (main[rows] >= 0)
            if layer + 1 < graph.n_layers:
                assert np.array_equal(shown, both & nonzero)
            assert np.array_equal(visible.any(axis=0), both & nonzero)
    assert spliced > 5


def test_main_points_show_the_most_edges_and_the_first_wins():
    network = ReLUNetwork([np.eye(2), np.ones((1, 2)), np.ones((1, 1))])
    bank = Bank(sketcher_of(network, network.supports, np.random.default_rng(0)))
    assert main_points(bank, 2).tolist() == [-1]
    for x in ([-1.0, -1.0], [1.0, -1.0], [1.0, 2.0], [2.0, 1.0]):
        bank.add(np.array(x), ("test", 0))
    assert main_points(bank, 1).tolist() == [1, 2]
    assert main_points(bank, 2).tolist() == [2]
    silent = ReLUNetwork([np.eye(2), np.zeros((1, 2)), np.ones((1, 1))])
    bank = Bank(sketcher_of(silent, network.supports, np.random.default_rng(0)))
    bank.add(np.ones(2), ("test", 0))
    assert main_points(bank, 2).tolist() == [-1]


def two_points(weight, dtype=float, first=1.0):
    """A child of three parents: one point shows the outer two, one the inner and the last."""
    network = ReLUNetwork(
        [np.eye(3, dtype=dtype), np.array([[1, weight, 1]], dtype=dtype), np.ones((1, 1), dtype)]
    )
    bank = Bank(sketcher_of(network, network.supports, np.random.default_rng(0)))
    sides = FloatRange.of(network)
    bank.add(sides.normalized(np.array([first, -1.0, 1.0])), ("test", 0))
    bank.add(sides.normalized(np.array([-1.0, 1.0, 2 * abs(weight)])), ("test", 1))
    layer = bank.graph.layer(1)
    assert [s.visible[layer].astype(int).tolist() for s in bank.sketches] == [[1, 0, 1], [0, 1, 1]]
    return bank, sides


@pytest.mark.parametrize(
    "weight, added", [(1.0, 1), (-1.0, 1), (-1e15, 1), (-1e30, 3), (-1e60, 4), (-1e90, 5)]
)
def test_a_strong_inhibition_needs_a_smaller_piece(weight, added):
    bank, sides = two_points(weight)
    assert not splice(bank, sides).any()
    assert bank.origins[2:] == [("splice", 2)] * added
    assert bank.sketches[-1].visible.all()


def test_single_precision_runs_out_of_range():
    bank, sides = two_points(-1e30, np.float32)
    splice(bank, sides)
    assert bank.sketches[-1].visible.all()
    bank, sides = two_points(-1e30, np.float32, first=2.0**10)
    with pytest.raises(RangeExhaustedError, match="use an oracle of higher precision"):
        splice(bank, sides)


def test_several_neurons_share_a_point_and_fall_back_to_one_of_their_own():
    rng = np.random.default_rng(0)
    supports = dyadic_supports(5)
    network = ReLUNetwork(weights_on(supports, rng))
    bank, sides = searched(network, supports, rng, points=4)
    before = len(bank)
    missing = 0
    for level in range(2, 5):
        main, graph = main_points(bank, level), bank.graph
        rows, layer = graph.rows[level - 1], graph.layer(level - 1)
        useful = (main[rows] >= 0) & (bank.first_seen[level - 1][graph.columns[level - 1]] >= 0)
        visible = np.stack([s.visible[layer] for s in bank.sketches])
        shown = visible[np.maximum(main[rows], 0), np.arange(rows.size)]
        missing += np.unique(rows[useful & ~shown]).size
    splice(bank, sides)
    assert len(bank) - before < missing


def test_a_piece_that_does_not_fit_is_refused():
    """Pieces keep their ratios: what cannot be scaled without loss is not called a zero."""
    network = ReLUNetwork([[[1.0, 0, 0], [0, 1, 1]], [[1.0, 1.0]], [[1.0]]])
    for width, fits in [(900, True), (1000, False)]:
        bank = Bank(sketcher_of(network, network.supports, np.random.default_rng(0)))
        sides = FloatRange.of(network)
        bank.add(np.array([1.0, -1.0, -1.0]), ("test", 0))
        bank.add(np.array([-1.0, 2.0**-500, 2.0 ** (width - 500)]), ("test", 1))
        if fits:
            splice(bank, sides)
            assert len(bank) == 3
            x = bank.points[2]
            assert np.log2(x[2] / x[1]) == width
            assert np.log2(x[0] / x[2]) == 64
            assert x[1] == 2.0 ** (sides.floor - 1)
        else:
            with pytest.raises(RangeExhaustedError):
                splice(bank, sides)


def test_an_empty_piece_is_a_contradiction():
    bank, sides = two_points(1.0)
    bank.points[1] = np.array([-1.0, 0.0, 2.0])
    with pytest.raises(ValueError, match="visible where all of its inputs are 0"):
        splice(bank, sides)


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_a_neuron_that_is_visible_at_nothing_is_a_contradiction(noise):
    """A smaller piece beside nothing is the same point again: this must end."""
    bank, sides = two_points(1.0)
    bank.sketcher.noise = noise
    bank.points[0] = np.array([0.0, -1.0, 0.0])
    with pytest.raises(ValueError, match="visible where all of its inputs are 0") as caught:
        splice(bank, sides)
    assert ("noise = 1.0e-03" in str(caught.value)) == (noise > 0)
