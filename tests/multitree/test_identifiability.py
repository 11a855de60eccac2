"""Identifiability from blocks against the peel, against brute force, and on fast transforms."""

import itertools
from functools import reduce

import numpy as np
import pytest
import scipy.fft
from openblackbox.multitree.factorization import factorize, split_errors
from openblackbox.multitree.gauge import gauge_distance, rescale
from openblackbox.multitree.identifiability import (
    NOT_A_PRODUCT,
    NOT_UNIQUE,
    UNIQUE,
    Uniqueness,
    uniqueness,
)
from openblackbox.multitree.supports import (
    NotMultitreeError,
    ancestors,
    descendants,
    dyadic_supports,
    random_multitree,
)
from openblackbox.multitree.transforms import dft, hadamard


def chain(factors):
    """W_L ... W_1 for factors listed first layer first."""
    return reduce(lambda product, factor: factor @ product, factors)


def draw(rng, supports, zeros=0.0):
    """Random weights on the supports; each is zero with the given probability."""
    return [s * rng.standard_normal(s.shape) * (rng.random(s.shape) >= zeros) for s in supports]


def slow_values(product, supports, level):
    """Singular values of the blocks, one SVD each."""
    below, above = ancestors(supports, level), descendants(supports, level)
    pairs = []
    for h in range(below.shape[0]):
        block = product[np.ix_(above[:, h], below[h])]
        values = np.linalg.svd(block, compute_uv=False) if block.size else []
        pairs.append([*values, 0, 0][:2])
    return np.array(pairs).T


# --- the theorem of the blocks


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_verdicts_on_random_multitrees(seed, zeros):
    rng = np.random.default_rng(seed)
    supports = random_multitree([6, 5, 7, 5, 6], rng=rng)
    weights = draw(rng, supports, zeros)
    product = chain(weights)
    result = uniqueness(product, supports)
    used = [
        ancestors(weights, level).any(axis=1) & descendants(weights, level).any(axis=0)
        for level in range(1, 4)
    ]
    wired = [supports[level - 1].any(axis=1) | supports[level].any(axis=0) for level in range(1, 4)]
    silent = tuple(
        (level, int(h))
        for level in range(1, 4)
        for h in np.flatnonzero(wired[level - 1] & ~used[level - 1])
    )
    assert result.undetermined == silent
    assert result.verdict == (NOT_UNIQUE if silent else UNIQUE)
    assert result.unique == (not silent)
    assert len(result.reasons) == len(silent)
    assert result.outside == 0
    assert result.degeneracy < 1e-12
    noisy = product + 1e-3 * rng.standard_normal(product.shape)
    assert uniqueness(noisy, supports).verdict == NOT_A_PRODUCT
    assert uniqueness(noisy, supports).undetermined == ()
    for level in range(1, 4):
        largest, second = slow_values(noisy, supports, level)
        found = uniqueness(noisy, supports)
        np.testing.assert_allclose(found.largest[level - 1], largest, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(found.second[level - 1], second, rtol=1e-9, atol=1e-15)


def test_all_blocks_of_rank_one_is_a_product_and_one_bad_block_is_not():
    rng = np.random.default_rng(0)
    supports = dyadic_supports(3)
    product = chain(draw(rng, supports))
    assert uniqueness(product, supports).unique
    bad = product.copy()
    bad[3, 5] *= 1.5
    result = uniqueness(bad, supports)
    assert result.verdict == NOT_A_PRODUCT
    assert len(result.reasons) == 2
    # Every level whose cut loses something is named, and no other.
    assert min(split_errors(bad, supports)) > 1e-3
    assert "1 of 8 blocks" in result.reasons[0]
    assert "of neuron 5" in result.reasons[0]


@pytest.mark.claim("LZ-04")
def test_unique_exactly_when_no_block_is_zero_two_factors_by_brute_force():
    """All factors over {-1, 0, 1}: up to scaling one, or several, as the blocks tell."""
    supports = [np.array([[1, 1], [0, 1]]), np.array([[1, 0], [0, 1]])]
    weights = []
    for values in itertools.product((-1, 0, 1), repeat=5):
        first, second = np.zeros((2, 2)), np.zeros((2, 2))
        first[supports[0] > 0], second[supports[1] > 0] = values[:3], values[3:]
        weights.append((first, second))
    table = {}
    for first, second in weights:
        table.setdefault((second @ first).tobytes(), []).append((first, second))
    for key, factors in table.items():
        product = np.frombuffer(key).reshape(2, 2)
        result = uniqueness(product, supports)
        # Over {-1, 0, 1} a scaling is a sign; the zero pattern tells apart what no sign joins.
        patterns = {tuple(np.concatenate([f.ravel(), s.ravel()]) != 0) for f, s in factors}
        assert result.unique == (len(patterns) == 1)
        if result.unique:
            assert all(gauge_distance(pair, factors[0]) < 1e-14 for pair in factors)


@pytest.mark.claim("LZ-08")
@pytest.mark.parametrize("seed", range(4))
def test_unique_factors_are_found_up_to_scaling_by_every_order_of_splits(seed):
    rng = np.random.default_rng(seed)
    supports = dyadic_supports(4)
    weights = draw(rng, supports)
    product = chain(weights)
    assert uniqueness(product, supports).unique
    forwards = factorize(product, supports).factors
    backwards = factorize(product.T, [s.T for s in supports[::-1]]).factors
    backwards = [factor.T for factor in backwards[::-1]]
    left, right = chain(dyadic_supports(4)[2:]), chain(dyadic_supports(4)[:2])
    halves = factorize(product, [right, left]).factors  # first a cut in the middle
    nested = [
        *factorize(halves[0], supports[:2]).factors,
        *factorize(halves[1], supports[2:]).factors,
    ]
    for found in (forwards, backwards, nested):
        assert gauge_distance(list(found), weights) < 1e-8


def test_determined_weights_next_to_a_zero_block():
    """The neurons with a block of their own are still determined."""
    rng = np.random.default_rng(3)
    supports = dyadic_supports(3)
    weights = draw(rng, supports)
    weights[1][2] = 0  # neuron 2 of level 2 gets no signal
    product = chain(weights)
    result = uniqueness(product, supports)
    assert result.undetermined == ((2, 2),)
    assert result.verdict == NOT_UNIQUE
    assert result.reasons == ("level 2: the block of neuron 2 is zero",)
    assert not result.unique
    other = [weight.copy() for weight in weights]
    other[2][:, 2] = 0
    other[1][2] = supports[1][2]  # the column is zero now, and the row is not
    assert np.array_equal(chain(other), product)
    for factors in (weights, other):
        factors[1][2], factors[2][:, 2] = 0, 0
    assert gauge_distance(other, weights) == 0
    assert gauge_distance(list(factorize(product, supports).factors), weights) < 1e-9


def test_neurons_without_an_edge_are_nobodys_concern_and_dead_ends_are():
    supports = [np.array([[1, 0], [0, 0], [0, 1]]), np.array([[1, 0, 0]])]
    result = uniqueness([[2.0, 0.0]], supports)
    assert result.undetermined == ((1, 2),)  # neuron 1 has no edge, neuron 2 no child
    supports[0][2] = 0
    assert uniqueness([[2.0, 0.0]], supports).unique
    assert uniqueness([[2.0, 1.0]], supports).outside == 1.0
    assert uniqueness([[2.0, 1.0]], supports).verdict == NOT_A_PRODUCT
    assert "norm 1" in uniqueness([[2.0, 1.0]], supports).reasons[0]


def test_one_layer_is_always_unique():
    result = uniqueness([[1.0, 0.0], [3.0, 4.0]], [np.array([[1, 0], [1, 1]])])
    assert result.unique
    assert result.largest == ()
    assert result.degeneracy == 0.0


# --- thresholds and errors


def test_tolerances_are_used_as_stated():
    supports = [np.ones((1, 2)), np.ones((2, 1))]
    for ratio, expected in ((0.9995, UNIQUE), (1.0005, NOT_A_PRODUCT)):
        assert uniqueness(np.diag([1.0, 1e-10 * ratio]), supports).verdict == expected
        scaled = np.diag([1e5, 1e-4 * ratio])
        assert uniqueness(scaled, supports, tol=1e-9).verdict == expected
        assert uniqueness(scaled, supports, tol=0, noise=1e-4).verdict == expected
    zero = 1e-9 * np.ones((2, 2)) / 2
    assert uniqueness(zero, supports).unique
    assert uniqueness(zero, supports, noise=0.9995e-9).unique
    assert uniqueness(zero, supports, noise=1.0005e-9).verdict == NOT_UNIQUE
    outside = [[1.0, 1e-9]]
    assert uniqueness(outside, [[[1, 0]]], noise=1.0005e-9).unique
    assert uniqueness(outside, [[[1, 0]]], noise=0.9995e-9).verdict == NOT_A_PRODUCT


def test_single_precision_has_a_tolerance_of_its_own():
    rng = np.random.default_rng(0)
    supports = dyadic_supports(4)
    product = chain([weight.astype(np.float32) for weight in draw(rng, supports)])
    assert product.dtype == np.float32
    assert uniqueness(product, supports).unique
    pair = [np.ones((1, 2)), np.ones((2, 1))]
    for ratio, expected in ((0.9995, UNIQUE), (1.0005, NOT_A_PRODUCT)):
        assert uniqueness(np.diag(np.float32([1, 1e-4 * ratio])), pair).verdict == expected
        assert uniqueness(np.diag(np.complex64([1, 1e-4 * ratio])), pair).verdict == expected


def test_any_scale_is_read():
    rng = np.random.default_rng(5)
    supports = dyadic_supports(4)
    weights = draw(rng, supports)
    moved = [w * 10.0 ** rng.uniform(-30, 30, w.shape) for w in weights]
    product = chain(moved)
    assert uniqueness(product, supports).unique
    assert uniqueness(1e-200 * chain(weights), supports).unique


def test_results_of_a_known_block():
    result = uniqueness([[3.0, 0.0], [0.0, 4.0]], [np.ones((1, 2)), np.ones((2, 1))])
    assert result.largest[0][0] == pytest.approx(4, rel=1e-12)
    assert result.second[0][0] == pytest.approx(3, rel=1e-12)
    assert result.degeneracy == pytest.approx(0.75, rel=1e-12)
    assert "sigma2/sigma1 = 0.75" in result.reasons[0]
    single = uniqueness(np.float32([[3, 0], [0, 4]]), [np.ones((1, 2)), np.ones((2, 1))])
    assert single.largest[0].dtype == np.float32
    assert isinstance(result, Uniqueness)


def test_errors_name_the_argument():
    supports = dyadic_supports(2)
    with pytest.raises(ValueError, match=r"product: expected shape \(4, 4\)"):
        uniqueness(np.eye(3), supports)
    with pytest.raises(NotMultitreeError):
        uniqueness(np.eye(2), [np.tril(np.ones((2, 2))), np.triu(np.ones((2, 2)))])
    with pytest.raises(ValueError, match="tol: expected a finite number from 0 on, got -1"):
        uniqueness(np.eye(4), supports, tol=-1)
    with pytest.raises(ValueError, match="noise: expected"):
        uniqueness(np.eye(4), supports, noise=np.inf)
    with pytest.raises(ValueError, match="product: holds NaN"):
        uniqueness(np.nan * np.eye(4), supports)


# --- fast transforms


@pytest.mark.claim("LZ-09")
@pytest.mark.parametrize("n_layers", range(1, 8))
def test_fourier_and_hadamard_are_butterflies_in_one_way(n_layers):
    supports = dyadic_supports(n_layers)
    for matrix in (dft(n_layers), hadamard(n_layers)):
        result = uniqueness(matrix, supports)
        assert result.verdict == UNIQUE
        assert result.degeneracy < 1e-12
        for largest in result.largest:
            # A rank-one block of numbers of modulus 1, with N entries in all.
            np.testing.assert_allclose(largest, 2 ** (n_layers / 2), rtol=1e-12)
        factors = list(factorize(matrix, supports).factors)
        scales = [np.full(2**n_layers, -2.0)] * (n_layers - 1)
        assert gauge_distance(rescale(factors, scales), factors) < 1e-10


@pytest.mark.claim("LZ-09", counterexample=True)
@pytest.mark.parametrize("n_layers", range(2, 7))
def test_fourier_in_natural_order_is_no_butterfly(n_layers):
    """Without the bit reversal the matrix is far from every product of butterfly factors."""
    matrix, supports = dft(n_layers, reverse=False), dyadic_supports(n_layers)
    result = uniqueness(matrix, supports)
    assert result.verdict == NOT_A_PRODUCT
    ratio = result.second[0] / result.largest[0]
    np.testing.assert_allclose(ratio, 1, rtol=1e-12)  # every block of the first level
    bound = max(split_errors(matrix, supports)) / np.linalg.norm(matrix)
    assert bound >= np.sqrt(0.5) - 1e-12
    assert uniqueness(dft(n_layers), supports).unique  # with it, it is one


@pytest.mark.parametrize("transform", [scipy.fft.dct, scipy.fft.dst])
@pytest.mark.parametrize("size", [4, 6, 8, 64])
def test_cosine_and_sine_with_their_supports_told(transform, size):
    matrix = transform(np.eye(size), axis=0, norm="ortho")
    mirror = np.arange(size // 2)
    first, second = np.zeros((size, size)), np.zeros((size, size))
    for parity in (0, 1):
        rows = mirror + parity * (size // 2)
        first[rows, mirror], first[rows, size - 1 - mirror] = 1, 1
        second[parity::2, rows] = 1
    result = uniqueness(matrix, [first, second])
    assert result.unique
    assert result.degeneracy < 1e-14
    W1, _ = factorize(matrix, [first, second]).factors
    sign = np.repeat([1, -1], size // 2)
    expected = first / np.sqrt(2)
    expected[np.arange(size), size - 1 - np.tile(mirror, 2)] *= sign
    np.testing.assert_allclose(W1, expected, rtol=0, atol=1e-14)
