"""Weights from ratios, against the weights themselves."""

import numpy as np
import pytest
from deep_cases import cases, irregular, product, weights_on
from openblackbox.multitree.alive import masked_factors
from openblackbox.multitree.bank import Bank, FloatRange, tropical_points
from openblackbox.multitree.deep_study import weight_errors
from openblackbox.multitree.discovery import discover
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.peel import peel, unread
from openblackbox.multitree.reach import Graph
from openblackbox.multitree.sketch import Sketcher
from openblackbox.multitree.splice import splice
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.networks import ReLUNetwork


def prepared(network, supports, rng, cut=None):
    """A bank that shows all there is."""
    graph = Graph(supports)
    if cut is not None:
        graph.cut = min(cut, graph.n_layers)
    bank, sides = Bank(Sketcher(network, graph, rng=rng)), FloatRange.of(network)
    for x in tropical_points(graph, 2, rng=rng):
        bank.add(sides.normalized(x), ("tropical", 0))
    discover(network, bank, sides)
    splice(bank, sides)
    return bank


def check(bank, weights):
    """The rows are right, of norm 1, and 0 where no path is."""
    matrices = peel(bank)
    dense = [matrix.toarray() for matrix in matrices]
    error, missing = weight_errors(dense, weights)
    assert missing == 0
    assert error < 1e-9
    true, mine = product(masked_factors(weights)), product(dense)
    assert np.allclose(mine, true, rtol=1e-9, atol=0)
    for level, weight in enumerate(dense[:-1], start=1):
        norms = np.linalg.norm(weight, axis=1)
        seen = bank.first_seen[level] >= 0
        assert np.allclose(norms[seen], 1, rtol=1e-12)
        assert not norms[~seen].any()
    assert all(len(rows) == 0 for rows in unread(bank, matrices))
    assert len(unread(bank, matrices)) == len(weights) + 1


def test_weights_are_read_exactly():
    for supports, weights, rng in cases(40, start=1000):
        check(prepared(ReLUNetwork(weights), supports, rng), weights)


@pytest.mark.parametrize("cut", range(5))
def test_wherever_the_cut_is(cut):
    for seed in range(8):
        supports, rng = irregular(seed + 300) if seed else (dyadic_supports(4), irregular(0)[1])
        weights = weights_on(supports, rng)
        check(prepared(ReLUNetwork(weights), supports, rng, cut=cut), weights)


def test_it_agrees_with_the_factorization_of_the_masked_product():
    rng = np.random.default_rng(5)
    supports = dyadic_supports(3)
    weights = weights_on(supports, rng)
    bank = prepared(ReLUNetwork(weights), supports, rng)
    masked = product(masked_factors(weights))
    theirs = product(factorize(masked, supports).factors)
    mine = product([matrix.toarray() for matrix in peel(bank)])
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_scales_of_the_layers_do_not_matter(scale):
    rng = np.random.default_rng(6)
    supports = dyadic_supports(4)
    weights = weights_on(supports, rng)
    scaled = [scale ** (-1) ** layer * weight for layer, weight in enumerate(weights)]
    bank = prepared(ReLUNetwork(scaled), supports, np.random.default_rng(7))
    check(bank, scaled)


def test_rows_that_cannot_be_read_are_listed():
    network = ReLUNetwork([np.eye(2), np.ones((1, 2)), np.ones((1, 1))])
    bank = Bank(Sketcher(network, Graph(network.supports), rng=np.random.default_rng(0)))
    for x in ([1.0, -1.0], [-1.0, 1.0]):
        bank.add(np.array(x), ("test", 0))
    weights = peel(bank)  # without a splice: the two parents are never seen together
    assert [rows.tolist() for rows in unread(bank, weights)] == [[], [], [0], []]
    assert weights[1].toarray().tolist() == [[1.0, 0.0]]


def test_a_neuron_that_rounding_switches_off_is_left_out():
    """The oracle shows a neuron at a point where the recovered one is off: no division by 0."""
    weights = [np.array([[1.0, -1.0], [1.0, 1.0]]), np.ones((1, 2)), np.ones((1, 1))]
    network = ReLUNetwork(weights)
    for cut in (1, 2):
        bank = prepared(network, [np.ones((2, 2)), [[1, 0]], [[1]]], np.random.default_rng(1), cut)
        bank.add(np.array([2.0, 1.0]), ("test", 0))
        bank.points[-1] = np.array([1.0, 2.0])
        matrices = peel(bank)
        assert np.allclose(matrices[0].toarray()[0], [np.sqrt(0.5), -np.sqrt(0.5)])
        assert all(np.isfinite(matrix.data).all() for matrix in matrices)
