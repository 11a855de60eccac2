"""The baseline: what Gaussian points show, how it is completed, and what it misses in silence."""

import numpy as np
import pytest
from deep_cases import Watched, cases, product, weights_on
from openblackbox.multitree.alive import masked_factors, useful_neurons
from openblackbox.multitree.deep_study import weight_errors
from openblackbox.multitree.gaussian import Samples, complete, sample
from openblackbox.multitree.reach import Graph
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.networks import ReLUNetwork


def test_sampling_stops_after_points_that_show_nothing_new():
    network = Watched(ReLUNetwork([[[1.0]], [[2.0]]]))
    found = sample(network, rng=np.random.default_rng(0), most=100, patience=5)
    x = np.random.default_rng(0).standard_normal(100)
    first = int(np.flatnonzero(x > 0)[0])
    assert first < 5  # the single path shows at the first positive input
    count = first + 1 + 5
    assert len(found.points) == count
    assert [name for name, _ in network.asked] == ["jacobian"] * count
    assert np.array_equal(found.points[:, 0], x[:count])
    assert found.product.tolist() == [[2.0]]
    assert found.first.tolist() == [[first]]


def test_sampling_stops_at_the_limit():
    network = ReLUNetwork([np.eye(3)])
    found = sample(network, rng=np.random.default_rng(0), most=4, patience=9)
    assert len(found.points) == 4
    assert found.product.tolist() == np.eye(3).tolist()
    assert found.first.tolist() == (np.eye(3) - 1).tolist()


def test_noise_is_not_an_entry():
    network = ReLUNetwork([[[1.0, 1e-3]]])
    found = sample(network, rng=np.random.default_rng(0), most=2, patience=2, noise=1e-2)
    assert found.product.tolist() == [[1.0, 0.0]]


def sampled(weights, supports, rng, count):
    """Jacobians at so many points, and the firsts to show each path, by hand."""
    network = ReLUNetwork(weights)
    found = sample(network, rng=rng, most=count, patience=count)
    jacobians = network.jacobian(found.points)
    shown = jacobians != 0
    first = np.where(shown.any(axis=0), shown.argmax(axis=0), -1)
    assert np.array_equal(found.first, first)
    seen = jacobians[np.maximum(first, 0), *np.indices(first.shape)]
    assert np.allclose(found.product, np.where(first >= 0, seen, 0), rtol=1e-12, atol=0)
    return network, found


def test_what_many_points_show_is_completed_exactly():
    exact = 0
    for supports, weights, rng in cases(36, start=30):
        network, found = sampled(weights, supports, rng, 250)
        graph = Graph(supports)
        matrices, first_seen, unresolved = complete(found, graph)
        dense = [matrix.toarray() for matrix in matrices]
        # The first point that shows a neuron: by hand, from the entries that pass through it.
        paths = [np.eye(network.n_inputs, dtype=bool)]
        for support in supports:
            paths.append(np.asarray(support) @ paths[-1])
        for level in range(1, len(weights)):
            after = np.eye(network.n_outputs, dtype=bool)
            for support in supports[: level - 1 : -1]:
                after = after @ np.asarray(support)
            for neuron in range(len(weights[level - 1])):
                through = np.outer(after[:, neuron], paths[level][neuron])
                firsts = found.first[through & (found.first >= 0)]
                assert first_seen[level][neuron] == (firsts.min() if firsts.size else -1)
            norms = np.linalg.norm(dense[level - 1], axis=1)
            assert np.allclose(norms[norms > 0], 1, rtol=1e-12)
        complete_mask = (found.product != 0) == (product(masked_factors(weights)) != 0)
        if complete_mask.all():
            exact += 1
            assert all(len(rows) == 0 for rows in unresolved)
            error, missing = weight_errors(dense, weights)
            assert error < 1e-9
            assert missing == 0
    assert exact > 20


def test_entries_are_completed_through_other_parents():
    # Two parents are never seen at one output, but both with a third.
    product = np.array([[2.0, 4.0, 0.0], [0.0, 12.0, 3.0]])
    first = np.where(product != 0, 0, -1)
    graph = Graph([np.ones((1, 3)), np.ones((2, 1))])
    samples = Samples(np.ones((1, 3)), product, first)
    matrices, _, unresolved = complete(samples, graph)
    full = matrices[1].toarray() @ matrices[0].toarray()
    np.testing.assert_allclose(full, [[2.0, 4.0, 1.0], [6.0, 12.0, 3.0]], rtol=1e-12)
    assert [rows.tolist() for rows in unresolved] == [[], [], []]


def test_what_the_entries_do_not_determine_is_listed():
    product = np.array([[2.0, 0.0], [0.0, 3.0]])
    first = np.array([[4, -1], [-1, 7]])
    graph = Graph([np.ones((1, 2)), np.ones((2, 1))])
    matrices, first_seen, unresolved = complete(Samples(np.ones((8, 2)), product, first), graph)
    assert [rows.tolist() for rows in unresolved] == [[], [0], []]
    assert [seen.tolist() for seen in first_seen] == [[4, 7], [4], [4, 7]]
    assert matrices[0].toarray().tolist() == [[1.0, 0.0]]
    assert matrices[1].toarray().tolist() == [[2.0], [0.0]]


@pytest.mark.parametrize("large", [0, 1])
def test_a_ratio_below_all_numbers_is_listed(large):
    """1e-200 / 1e200 underflows to 0: the weight is not found, and the search for it ends."""
    weights = np.full((1, 2), 1e-200)
    weights[0, large] = 1e200
    samples = Samples(np.ones((1, 2)), weights, np.zeros((1, 2), dtype=int))
    graph = Graph([np.ones((1, 2)), np.ones((1, 1))])
    if large:
        with np.errstate(all="ignore"):
            matrices, _, _ = complete(samples, graph)
        assert not np.isfinite(matrices[0].toarray()).all()
    else:
        matrices, _, unresolved = complete(samples, graph)
        assert matrices[0].toarray().tolist() == [[1.0, 0.0]]
        assert [rows.tolist() for rows in unresolved] == [[], [0], []]


def test_the_sign_is_that_of_a_point_that_shows_the_neuron():
    product, first = np.array([[-6.0]]), np.array([[1]])
    points = np.array([[5.0], [-2.0]])
    matrices, _, _ = complete(Samples(points, product, first), Graph([[[1]], [[1]]]))
    assert [matrix.toarray().item() for matrix in matrices] == [-1.0, 6.0]


@pytest.mark.parametrize("seed", range(3))
def test_few_points_miss_neurons_of_a_deep_butterfly(seed):
    supports = dyadic_supports(6)
    weights = weights_on(supports, np.random.default_rng(seed))
    found = sample(ReLUNetwork(weights), rng=np.random.default_rng(9), most=4, patience=4)
    _, first_seen, _ = complete(found, Graph(supports))
    for seen, useful in zip(first_seen[1:-1], useful_neurons(weights), strict=True):
        assert not (seen >= 0)[~useful].any()
    missed = sum(
        int((useful & (seen < 0)).sum())
        for seen, useful in zip(first_seen[1:-1], useful_neurons(weights), strict=True)
    )
    assert missed > 0
