"""Edges and classes of a multitree, against brute force over all pairs of neurons."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from deep_cases import irregular
from openblackbox.multitree.reach import Graph, sparse_supports
from openblackbox.multitree.supports import (
    NotMultitreeError,
    as_supports,
    dyadic_supports,
    is_multitree,
)


def reached(supports):
    """For every level, which inputs reach each neuron; for every level, which outputs it does."""
    below = [np.eye(supports[0].shape[1], dtype=int)]
    for support in supports:
        below.append(support.astype(int) @ below[-1])
    above = [np.eye(supports[-1].shape[0], dtype=int)]
    for support in supports[::-1]:
        above.append(support.T.astype(int) @ above[-1])
    return below, above[::-1]


@pytest.mark.parametrize("seed", range(60))
def test_classes_are_the_sets_of_inputs_and_outputs(seed):
    supports = irregular(seed)[0] if seed > 4 else dyadic_supports(seed + 1)
    graph = Graph(supports)
    for levels, sets in zip((graph.inputs, graph.outputs), reached(supports), strict=True):
        for classes, reach in zip(levels, sets, strict=True):
            assert classes.sets.shape[1] == reach.shape[1]
            for neuron, expected in enumerate(reach):
                if classes.of[neuron] < 0:
                    assert not expected.any()
                else:
                    members = classes.members(classes.of[neuron])
                    assert np.array_equal(members, np.flatnonzero(expected))
                    assert members.size
            # No class without a neuron.
            assert np.array_equal(np.unique(classes.of[classes.of >= 0]), np.arange(len(classes)))
            assert (classes.sets.data == 1).all()


@pytest.mark.parametrize("n_layers", [1, 2, 5, 8])
def test_a_butterfly_has_few_classes(n_layers):
    graph = Graph(dyadic_supports(n_layers))
    assert [len(level) for level in graph.inputs] == [2**k for k in range(n_layers, -1, -1)]
    assert [len(level) for level in graph.outputs] == [2**k for k in range(n_layers + 1)]
    # 2^{L-k} + 2^k products at level k, and half of them where one of the two is not needed.
    assert graph.cut == {1: 0, 2: 0, 5: 2, 8: 4}[n_layers]
    assert graph.n_edges == n_layers * 2 ** (n_layers + 1)


def test_the_cut_is_the_cheapest_level():
    for seed in range(30):
        graph = Graph(irregular(seed)[0])
        costs = [
            (len(graph.inputs[k]) if k < graph.n_layers else 0)
            + (len(graph.outputs[k]) if k else 0)
            for k in range(graph.n_layers + 1)
        ]
        assert costs[graph.cut] == min(costs)


def test_it_raises_exactly_when_it_is_not_a_multitree():
    kinds = [agrees_that_it_is_a_multitree(seed) for seed in range(300)]
    assert 60 < sum(kinds) < 240


def agrees_that_it_is_a_multitree(seed):
    """Whether a random graph is a multitree, on which the two tests must agree."""
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 6, int(rng.integers(2, 7)))
    density = rng.choice([0.15, 0.3, 0.5])
    supports = [rng.random((b, a)) < density for a, b in itertools.pairwise(widths)]
    if seed % 2:
        supports = [sp.coo_array(support) for support in supports]
    if is_multitree(supports):
        counts = [s.nnz if seed % 2 else np.count_nonzero(s) for s in supports]
        assert Graph(supports).n_edges == sum(counts)
        return True
    with pytest.raises(NotMultitreeError) as caught:
        Graph(supports)
    first, second = caught.value.paths
    assert first != second
    return False


def test_two_paths_between_hidden_neurons_are_enough():
    # The source of the two paths has no input, and their end reaches no output.
    for supports in ([[[0]], [[1], [1]], [[1, 1]]], [[[0]], [[1], [1]], [[1, 1]], [[0]]]):
        with pytest.raises(NotMultitreeError):
            Graph(supports)


def test_edges_are_numbered_by_rows():
    supports, _ = irregular(7)
    graph = Graph(supports)
    count = 0
    for layer, support in enumerate(supports):
        rows, columns = np.nonzero(support)
        assert np.array_equal(graph.rows[layer], rows)
        assert np.array_equal(graph.columns[layer], columns)
        assert graph.layer(layer) == slice(count, count + rows.size)
        numbers = graph.numbered(layer).toarray()
        assert np.array_equal(numbers[rows, columns], np.arange(1, rows.size + 1))
        assert np.count_nonzero(numbers) == rows.size
        count += rows.size
    assert graph.n_edges == count
    assert graph.widths == (supports[0].shape[1], *(len(s) for s in supports))


@pytest.mark.parametrize(
    "supports",
    [
        [],
        [[1, 0]],
        [np.zeros((1, 1, 1))],
        [[["a"]]],
        [[[np.nan]]],
        [np.eye(2), np.eye(3)],
        [np.eye(2), np.eye(3), [1.0]],
    ],
)
def test_bad_supports_are_those_of_the_dense_reader(supports):
    with pytest.raises(ValueError, match="support") as dense:
        as_supports(supports)
    with pytest.raises(ValueError, match="support") as sparse:
        sparse_supports(supports)
    assert str(dense.value).split(";")[0] in str(sparse.value)


def test_supports_are_read_and_left_alone():
    stored = sp.csr_array((np.array([3.0, 0.0, -1.0]), [1, 0, 0], [0, 2, 3]), shape=(2, 2))
    indices = stored.indices.copy()
    matrix = sparse_supports([stored])[0]
    assert matrix.dtype == bool
    assert matrix.nnz == 2
    assert matrix.has_sorted_indices
    assert matrix.toarray().tolist() == [[False, True], [True, False]]
    assert np.array_equal(stored.indices, indices)
    assert stored.nnz == 3
    # Entries stored twice are sums, as scipy has it.
    twice = sp.csr_array((np.array([1.0, -1.0]), [0, 0], [0, 2]), shape=(1, 1))
    assert not sparse_supports([twice])[0].nnz
    for dtype in (bool, np.int8, np.float32, complex):
        assert sparse_supports([np.eye(2, dtype=dtype)])[0].nnz == 2
