"""Alive neurons, activatable paths and masks against all activation patterns (linear programs)."""

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from openblackbox.multitree.alive import (
    activatable_mask,
    alive_neurons,
    masked_factors,
    useful_neurons,
    visible_edges,
)
from openblackbox.multitree.supports import (
    NotMultitreeError,
    dyadic_supports,
    enumerate_paths,
    random_multitree,
)
from openblackbox.networks import ReLUNetwork
from scipy.optimize import linprog


def random_weights(supports, rng, zeros=0.2):
    """Small integers: an activation region is empty, or not too thin for a linear program."""
    sizes = [rng.choice([1.0, 2.0], s.shape) * rng.choice([-1, 1], s.shape) for s in supports]
    return [w * s * (rng.random(s.shape) >= zeros) for w, s in zip(sizes, supports, strict=True)]


def patterns(weights):
    """All activation patterns that occur: one linear program per candidate, level by level.

    A pattern occurs when z > 0 at the active and z <= 0 at the inactive neurons has a solution x.
    By homogeneity x may be taken in a cube and the smallest active z as large as possible.
    """
    n_inputs = weights[0].shape[1]
    found = []

    def extend(level, gradient, rows, pattern):
        if level == len(weights) - 1:
            found.append(pattern)
            return
        slopes = weights[level] @ gradient  # the neurons of the level as linear functions of x
        for signs in product([False, True], repeat=len(slopes)):
            on = np.array(signs)
            if (on & ~slopes.any(axis=1)).any():
                continue
            # -z + t <= 0 for the active neurons, z <= 0 for the others; the largest t.
            new = np.c_[np.where(on[:, None], -slopes, slopes), on]
            inequalities = np.r_[rows, new]
            bounds = [(-1, 1)] * n_inputs + [(0, 1)]
            objective = np.r_[np.zeros(n_inputs), -1.0]
            solved = linprog(objective, inequalities, np.zeros(len(inequalities)), bounds=bounds)
            active = on.any() or any(level.any() for level in pattern)
            if active and -solved.fun < 1e-7:
                continue
            extend(level + 1, on[:, None] * slopes, inequalities, (*pattern, on))

    extend(0, np.eye(n_inputs), np.zeros((0, n_inputs + 1)), ())
    return found


def on_path(path, hidden):
    """Whether all the hidden neurons of a path are in the given sets."""
    return all(level[neuron] for level, neuron in zip(hidden, path[1:-1], strict=True))


def networks():
    """Tiny multitrees: irregular, with dead ends, zeros inside the supports, dead neurons."""
    cases = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        widths = [[3, 3, 2, 2], [3, 2, 3, 2, 1], [4, 3, 2, 2], [2, 2, 2, 2, 2]][seed % 4]
        supports = random_multitree(widths, rng=rng, density=0.9, parents=bool(seed % 3))
        cases.append(random_weights(supports, rng))
    rng = np.random.default_rng(100)
    cases.append(random_weights(dyadic_supports(2), rng))
    return cases


CASES = networks()


@pytest.mark.parametrize("case", range(len(CASES)))
def test_alive_activatable_and_useful_are_those_of_all_patterns(case):
    weights = CASES[case]
    occurring = patterns(weights)
    hidden = len(weights) - 1
    alive = [np.any([p[level] for p in occurring], axis=0) for level in range(hidden)]
    for expected, got in zip(alive, alive_neurons(weights), strict=True):
        assert np.array_equal(expected, got)

    mask = np.zeros((weights[-1].shape[0], weights[0].shape[1]), dtype=bool)
    useful = [np.zeros(len(level), dtype=bool) for level in alive]
    for path in enumerate_paths(weights):  # paths of nonzero weights
        if any(on_path(path, pattern) for pattern in occurring):
            mask[path[-1], path[0]] = True
            for level, neuron in zip(useful, path[1:-1], strict=True):
                level[neuron] = True
    assert np.array_equal(activatable_mask(weights), mask)
    for expected, got in zip(useful, useful_neurons(weights), strict=True):
        assert np.array_equal(expected, got)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_one_signed_input_activates_every_alive_neuron(case):
    weights = CASES[case]
    network = ReLUNetwork(weights)
    probes = np.r_[np.eye(network.n_inputs), -np.eye(network.n_inputs)]
    for level, alive in zip(
        network.activation_pattern(probes), alive_neurons(weights), strict=True
    ):
        assert np.array_equal(level.any(axis=0), alive)


def linear_product(weights):
    result = np.eye(weights[0].shape[1])
    for weight in weights:
        result = weight @ result
    return result


@pytest.mark.parametrize("case", range(len(CASES)))
def test_masked_product_is_a_product_and_keeps_the_function(case):
    weights = CASES[case]
    masked = masked_factors(weights)
    expected = np.where(activatable_mask(weights), linear_product(weights), 0)
    assert np.array_equal(linear_product(masked), expected)  # integers: exact
    with_dead_only = list(weights)  # D_l instead of U_l: the same product
    for level, alive in enumerate(alive_neurons(weights)):
        with_dead_only[level] = alive[:, None] * with_dead_only[level]
    assert np.array_equal(linear_product(with_dead_only), expected)
    x = np.random.default_rng(case).standard_normal((200, weights[0].shape[1]))
    assert np.allclose(ReLUNetwork(masked)(x), ReLUNetwork(weights)(x), rtol=1e-12, atol=1e-12)


def test_there_are_dead_useless_and_activatable_ones_among_the_cases():
    alive = np.concatenate([np.concatenate(alive_neurons(w)) for w in CASES])
    useful = np.concatenate([np.concatenate(useful_neurons(w)) for w in CASES])
    assert (~alive).any()
    assert (alive & ~useful).any()
    assert not (useful & ~alive).any()
    rows = np.concatenate([w.any(axis=1) for weights in CASES for w in weights[1:-1]])
    later = np.concatenate([a for w in CASES for a in alive_neurons(w)[1:]])
    assert (rows & ~later).any()  # dead although the row is not zero


def test_masks_of_single_neurons_are_rectangles():
    rng = np.random.default_rng(3)
    weights = random_weights(dyadic_supports(4), rng)
    alive, mask = alive_neurons(weights), activatable_mask(weights)
    through = {}
    for path in enumerate_paths(weights):
        for level, neuron in enumerate(path[1:-1]):
            through.setdefault((level, neuron), []).append((path[-1], path[0]))
    shown = 0
    for (level, neuron), pairs in through.items():
        seen = {pair for pair in pairs if mask[pair]}
        outputs, inputs = {o for o, _ in seen}, {i for _, i in seen}
        assert len(seen) == len(outputs) * len(inputs)
        assert alive[level][neuron] or not seen
        shown += len(seen) > 1
    assert shown > 10


def brute_visible(network, x):
    edges = [np.zeros(w.shape, dtype=bool) for w in network.weights]
    pattern = network.activation_pattern(x)
    for path in enumerate_paths(network.weights):
        if on_path(path, pattern):
            for layer, edge in enumerate(edges):
                edge[path[layer + 1], path[layer]] = True
    return edges


@pytest.mark.parametrize("case", range(len(CASES)))
def test_visible_edges_are_those_of_the_visible_paths(case):
    network = ReLUNetwork(CASES[case])
    for x in np.random.default_rng(case).standard_normal((6, network.n_inputs)):
        edges = visible_edges(network, x)
        for got, expected in zip(edges, brute_visible(network, x), strict=True):
            assert got.dtype == bool
            assert np.array_equal(got, expected)
        jacobian = network.jacobian(x) != 0
        assert np.array_equal(linear_product([e.astype(int) for e in edges]) > 0, jacobian)


def test_visible_edges_of_a_network_with_biases_and_dead_ends():
    network = ReLUNetwork([[[1.0], [0.0]], [[1.0, 1.0]]], [[0.0, 5.0], [0.0]])
    first, second = visible_edges(network, [1.0])
    assert first.tolist() == [[True], [False]]
    # The second hidden neuron is on, but no input reaches it: no path, nothing in the Jacobian.
    assert second.tolist() == [[True, False]]


def test_sparse_weights_give_the_same_answers_and_stay_sparse():
    weights = random_weights(dyadic_supports(4), np.random.default_rng(0))
    sparse = [sp.csr_array(w) for w in weights]
    for function in (alive_neurons, useful_neurons):
        for a, b in zip(function(weights), function(sparse), strict=True):
            assert np.array_equal(a, b)
    assert np.array_equal(activatable_mask(weights), activatable_mask(sparse))
    for dense, kept in zip(masked_factors(weights), masked_factors(sparse), strict=True):
        assert sp.issparse(kept)
        assert kept.nnz == np.count_nonzero(dense)
        assert np.array_equal(kept.toarray(), dense)

    class Known:
        def __init__(self, weights):
            self.weights = weights

        def activation_pattern(self, x):
            return ReLUNetwork([w.toarray() for w in self.weights]).activation_pattern(x)

    x = np.random.default_rng(1).standard_normal(16)
    expected = visible_edges(ReLUNetwork(weights), x)
    for a, b in zip(expected, visible_edges(Known(sparse), x), strict=True):
        assert sp.issparse(b)
        assert np.array_equal(a, b.toarray())


def test_sparse_weights_are_left_as_they_are_and_entries_that_are_stored_twice_add_up():
    first = sp.csr_array((np.array([1.0, -1.0, 2.0]), [0, 0, 1], [0, 3]), shape=(1, 2))
    weights = [first, sp.csr_array((np.array([0.0]), [0], [0, 1]), shape=(1, 1))]
    assert alive_neurons(weights)[0].tolist() == [True]
    assert useful_neurons(weights)[0].tolist() == [False]
    assert activatable_mask([first, [[1.0]]]).tolist() == [[False, True]]
    assert [w.nnz for w in weights] == [3, 1]  # not changed in place


def test_types_are_kept_and_one_layer_has_no_hidden_level():
    single = [np.array([[1.0, 0.0]], dtype=np.float32)]
    assert alive_neurons(single) == useful_neurons(single) == ()
    assert masked_factors(single)[0].dtype == np.float32
    assert masked_factors(single)[0].tolist() == [[1.0, 0.0]]
    assert activatable_mask(single).tolist() == [[True, False]]
    integers = masked_factors([[[2]], [[-1]], [[1]]])
    assert [w.tolist() for w in integers] == [[[0]], [[0]], [[0]]]


def test_bad_arguments_are_refused():
    diamond = [[[1.0], [1.0]], [[1.0, 1.0]]]
    for function in (alive_neurons, useful_neurons, masked_factors, activatable_mask):
        with pytest.raises(NotMultitreeError):
            function(diamond)
        with pytest.raises(ValueError, match=r"weights\[1\]: expected 2 columns"):
            function([np.ones((2, 1)), np.ones((1, 3))])
        with pytest.raises(ValueError, match=r"weights\[0\]: expected finite"):
            function([[[np.inf]]])
    with pytest.raises(ValueError, match=r"x: expected shape \(1,\), got \(2,\)"):
        visible_edges(ReLUNetwork([[[1.0]]]), [1.0, 2.0])
    with pytest.raises(NotMultitreeError):
        visible_edges(ReLUNetwork(diamond), [1.0])
