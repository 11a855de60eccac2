"""The multitree test against brute force: path enumeration and all the boolean products."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.supports import (
    NotMultitreeError,
    ancestors,
    as_supports,
    check_multitree,
    descendants,
    dyadic_supports,
    enumerate_paths,
    is_multitree,
    kronecker_supports,
    path_counts,
    random_multitree,
)

# The trap: no path at all from inputs to outputs, yet two paths from the hidden neuron of layer 1.
NO_INPUT = [np.zeros((1, 1)), np.ones((2, 1)), np.ones((1, 2))]
NO_OUTPUT = [np.ones((2, 1)), np.ones((1, 2)), np.zeros((1, 1))]
DIAMOND = [np.ones((2, 1)), np.ones((1, 2))]


def random_supports(rng, widths, density):
    return [rng.random((b, a)) < density for a, b in itertools.pairwise(widths)]


def brute_force_is_multitree(supports):
    """The definition: integer products for all i <= j have entries at most 1."""
    matrices = [np.asarray(s, dtype=bool).astype(object) for s in supports]
    for i in range(len(matrices)):
        product = matrices[i]
        for j in range(i, len(matrices)):
            product = product if j == i else matrices[j] @ product
            if product.size and product.max() > 1:
                return False
    return True


@st.composite
def layered_supports(draw):
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    density = draw(st.sampled_from([0.2, 0.4, 0.6]))
    seed = draw(st.integers(0, 10**6))
    return random_supports(np.random.default_rng(seed), widths, density)


@pytest.mark.claim("SL-07")
@settings(deadline=None, derandomize=True, max_examples=300)
@given(layered_supports())
def test_sweep_agrees_with_the_definition_and_with_enumerated_paths(supports):
    expected = brute_force_is_multitree(supports)
    assert is_multitree(supports) == expected
    n_layers = len(supports)
    widths = [supports[0].shape[1], *(s.shape[0] for s in supports)]
    unique = True
    for i in range(n_layers + 1):
        for j in range(i, n_layers + 1):
            counts = np.zeros((widths[j], widths[i]), dtype=int)
            for u, v in itertools.product(range(widths[i]), range(widths[j])):
                paths = list(enumerate_paths(supports, start=(i, u), stop=(j, v)))
                assert len(set(paths)) == len(paths)
                counts[v, u] = len(paths)
            np.testing.assert_array_equal(path_counts(supports, start=i, stop=j), counts)
            unique &= counts.max() <= 1
    assert expected == unique


def collision(supports):
    """The error that `check_multitree` raises, or None."""
    try:
        returned = check_multitree(supports)
    except NotMultitreeError as error:
        return error
    for mine, theirs in zip(returned, supports, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    return None


@settings(deadline=None, derandomize=True, max_examples=300)
@given(layered_supports())
def test_error_names_two_paths_that_exist_and_share_only_their_ends(supports):
    error = collision(supports)
    assert brute_force_is_multitree(supports) == (error is None)
    if error is None:
        return
    first, second = error.paths
    layer = error.start[0]
    assert len(first) == len(second) == error.stop[0] - layer + 1 >= 3
    for path in (first, second):
        assert (path[0], path[-1]) == (error.start[1], error.stop[1])
        for k, (u, v) in enumerate(itertools.pairwise(path)):
            assert supports[layer + k][v, u]
    assert all(a != b for a, b in zip(first[1:-1], second[1:-1], strict=True))
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.start, copy.stop, copy.paths) == (error.start, error.stop, error.paths)
    assert str(copy) == str(error)


@pytest.mark.claim("SL-07")
@pytest.mark.parametrize(
    "supports, start, stop",
    [(NO_INPUT, (1, 0), (3, 0)), (NO_OUTPUT, (0, 0), (2, 0)), (DIAMOND, (0, 0), (2, 0))],
)
def test_inputs_and_outputs_alone_do_not_tell(supports, start, stop):
    if supports is not DIAMOND:
        assert path_counts(supports).max() == 0  # the wrong test would say: multitree
    assert not is_multitree(supports)
    with pytest.raises(NotMultitreeError) as caught:
        check_multitree(supports)
    error = caught.value
    assert (error.start, error.stop, error.paths) == (start, stop, ((0, 0, 0), (0, 1, 0)))
    assert f"neuron 0 of layer {start[0]} and neuron 0 of layer {stop[0]}" in str(error)
    assert "0 -> 0 -> 0 and 0 -> 1 -> 0" in str(error)


def test_long_shared_stem_is_left_out_of_the_two_paths():
    supports = [np.ones((1, 1)), np.ones((1, 1)), np.ones((2, 1)), np.ones((1, 2)), np.ones((1, 1))]
    with pytest.raises(NotMultitreeError) as caught:
        check_multitree(supports)
    assert (caught.value.start, caught.value.stop) == ((2, 0), (4, 0))


def test_the_pigeonhole_exit_also_finds_two_paths():
    # 3 inputs, 30 hidden neurons: more paths than inputs in a row, seen before any product
    supports = [np.ones((30, 3)), np.ones((2, 30))]
    with pytest.raises(NotMultitreeError) as caught:
        check_multitree(supports)
    assert caught.value.paths == ((0, 0, 0), (0, 1, 0))


def test_late_virtual_input_is_followed():
    # a neuron born in layer 2 of 5 makes the only double path, among an otherwise thin network
    supports = [np.eye(3), np.diag([1, 1, 0]), np.eye(3), np.eye(4, 3), np.zeros((1, 4))]
    supports[3][3, 2] = 1
    supports[4][0, 2:] = 1
    assert path_counts(supports).max() == 0
    with pytest.raises(NotMultitreeError) as caught:
        check_multitree(supports)
    assert (caught.value.start, caught.value.stop) == ((3, 2), (5, 0))
    assert path_counts(supports, start=2)[0, 2] == 2


@pytest.mark.claim("SL-19")
@pytest.mark.parametrize("n_layers", range(1, 9))
def test_dyadic_butterfly_has_exactly_one_path_everywhere(n_layers):
    supports = dyadic_supports(n_layers)
    assert [s.shape for s in supports] == [(2**n_layers,) * 2] * n_layers
    assert all(s.sum() == 2 * 2**n_layers for s in supports)
    assert is_multitree(supports)
    np.testing.assert_array_equal(path_counts(supports), 1)
    for level, support in enumerate(supports, start=1):
        blocks = np.kron(np.eye(2 ** (n_layers - level)), np.ones((2, 2)))
        np.testing.assert_array_equal(support, np.kron(blocks, np.eye(2 ** (level - 1))))


@pytest.mark.claim("SL-19")
def test_a_thousand_wide_butterfly_and_one_edge_too_many():
    supports = dyadic_supports(10)
    assert is_multitree(supports)
    supports[4][0, 1023] = True
    assert not is_multitree(supports)


def kronecker_pairs(limit=4):
    """All pairs of patterns (left, right) whose product exists, with sizes up to `limit`."""
    sizes = range(1, limit + 1)
    patterns = list(itertools.product(sizes, repeat=4))
    by_rows = {}
    for a, b, c, d in patterns:
        by_rows.setdefault(a * b * d, []).append((a, b, c, d))
    for left in patterns:
        for right in by_rows.get(left[0] * left[2] * left[3], []):
            yield left, right


def test_chainable_kronecker_pairs_are_multitrees_exactly_when_r_is_one():
    """Patterns chainable with r = a1 c1 / a2 = b2 d2 / d1: the product counts r paths."""
    seen = {True: 0, False: 0}
    for left, right in kronecker_pairs():
        (a1, _, c1, d1), (a2, b2, _, d2) = left, right
        if (a1 * c1) % a2 or (b2 * d2) % d1 or a2 % a1 or d1 % d2:
            continue
        ratio = a1 * c1 // a2
        assert ratio == b2 * d2 // d1
        if ratio > 1 and seen[False] > 400:
            continue
        pair = [kronecker_supports(*right), kronecker_supports(*left)]
        assert is_multitree(pair) == (ratio == 1)
        assert path_counts(pair).max() == ratio
        seen[ratio == 1] += 1
    assert seen[True] + seen[False] >= 1000
    assert min(seen.values()) > 100


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("parents", [True, False])
def test_random_multitrees_are_multitrees_and_maximal(seed, parents):
    rng = np.random.default_rng(seed)
    widths = [int(w) for w in rng.integers(1, 6, size=rng.integers(2, 6))]
    supports = random_multitree(widths, rng=rng, parents=parents)
    assert brute_force_is_multitree(supports)
    if parents:
        assert all(s.any(axis=1).all() for s in supports)
    for layer, support in enumerate(supports):
        for edge in np.argwhere(~support):
            supports[layer][tuple(edge)] = True
            assert not is_multitree(supports)  # maximal
            supports[layer][tuple(edge)] = False


def test_random_multitree_without_parents_has_every_kind_of_neuron():
    rng = np.random.default_rng(5)
    orphans = childless = 0
    for _ in range(30):
        supports = random_multitree([4, 5, 4, 3], rng=rng, density=0.4, parents=False)
        assert is_multitree(supports)
        orphans += (~supports[0].any(axis=1)).sum()
        childless += (~supports[1].any(axis=0)).sum()
    assert orphans > 10
    assert childless > 10


def test_density_is_the_share_of_proposed_edges():
    rng = np.random.default_rng(6)
    assert not any(s.any() for s in random_multitree([3, 3], rng=rng, density=0.0, parents=False))
    (half,) = random_multitree([60, 60], rng=rng, density=0.5, parents=False)
    assert abs(half.mean() - 0.5) < 0.04


@settings(deadline=None, derandomize=True, max_examples=100)
@given(layered_supports())
def test_masks_are_boolean_products(supports):
    for layer in range(len(supports) + 1):
        np.testing.assert_array_equal(
            ancestors(supports, layer), path_counts(supports, stop=layer) > 0
        )
        np.testing.assert_array_equal(
            descendants(supports, layer), path_counts(supports, start=layer) > 0
        )


def test_counts_stay_exact_until_they_raise():
    dense = [np.ones((2, 2))] * 53
    assert path_counts(dense).max() == 2**52
    with pytest.raises(OverflowError, match=r"2\*\*53"):
        path_counts([*dense, np.ones((2, 2))])
    assert ancestors([np.ones((8, 8))] * 400, 400).all()


def test_weights_sparse_matrices_and_empty_layers_are_accepted():
    weights = [np.array([[0.0, -2.0], [1e-300, 0.0]]), np.array([[1j, 0.0]])]
    masks = as_supports([sp.csr_matrix(weights[0]), weights[1]])
    assert all(m.dtype == bool for m in masks)
    np.testing.assert_array_equal(masks[0], [[False, True], [True, False]])
    assert is_multitree(weights)
    assert is_multitree([np.zeros((3, 0)), np.zeros((0, 3))])
    assert path_counts([np.zeros((2, 3))]).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_enumeration_order_and_ends():
    supports = [np.ones((2, 2)), np.ones((1, 2))]
    everything = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    assert list(enumerate_paths(supports)) == everything
    assert list(enumerate_paths(supports, start=(1, 1))) == [(1, 0)]
    assert list(enumerate_paths(supports, stop=(1, 0))) == [(0, 0), (1, 0)]
    assert list(enumerate_paths(supports, start=(2, 0), stop=(1, 0))) == []


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: is_multitree([]), "at least one layer"),
        (lambda: is_multitree([np.ones(3)]), r"supports\[0\]: expected a matrix, got 1"),
        (
            lambda: is_multitree([np.ones((2, 3)), np.ones((2, 3))]),
            r"supports\[1\]: expected 2 columns \(the rows of supports\[0\]\), got 3",
        ),
        (lambda: is_multitree([[[np.nan]]]), "NaN"),
        (lambda: is_multitree([np.array([["a"]])]), "expected numbers"),
        (lambda: is_multitree([np.ones(3), [[np.nan]]]), r"matrix.*; supports\[1\]: holds NaN"),
        (lambda: path_counts(DIAMOND, stop=3), "stop: expected a layer from 0 to 2, got 3"),
        (lambda: path_counts(DIAMOND, start=2, stop=1), "start: expected a layer from 0 to 1"),
        (lambda: ancestors(DIAMOND, -1), "layer: expected a layer from 0 to 2, got -1"),
        (lambda: enumerate_paths(DIAMOND, start=(1, 2)), "start: expected an index from 0 to 1"),
        (lambda: enumerate_paths(DIAMOND, stop=(3, 0)), "stop: expected a layer"),
        (lambda: kronecker_supports(1, 0, 1, 1), "b: expected a positive integer, got 0"),
        (lambda: dyadic_supports(0), "n_layers: expected a positive integer, got 0"),
        (lambda: dyadic_supports(2.0), "n_layers"),
        (lambda: random_multitree([3], rng=np.random.default_rng(0)), "widths"),
        (lambda: random_multitree([3, 0], rng=np.random.default_rng(0)), "widths"),
        (
            lambda: random_multitree([2, 2], rng=np.random.default_rng(0), density=1.0005),
            "density: expected a number from 0 to 1, got 1.0005",
        ),
    ],
)
def test_bad_input_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()
