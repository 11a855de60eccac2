"""The compact form of a butterfly against dense products, scipy and numpy."""

import numpy as np
import pytest
import scipy.sparse as sp
from butterfly_cases import draw
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.butterfly import Butterfly, butterfly_supports
from openblackbox.multitree.supports import dyadic_supports, is_multitree
from openblackbox.multitree.transforms import (
    bit_reversal,
    dft,
    dft_butterfly,
    hadamard,
    hadamard_butterfly,
)
from openblackbox.networks import ReLUNetwork
from openblackbox.sparse_network import SparseReLUNetwork


def multiplied_out(butterfly):
    product = np.eye(butterfly.size)
    for factor in butterfly.factors():
        product = factor @ product
    return product


@pytest.mark.claim("SL-19")
@pytest.mark.parametrize("n_layers", range(1, 9))
def test_sparse_supports_are_the_dyadic_ones(n_layers):
    supports = butterfly_supports(n_layers)
    assert len(supports) == n_layers
    for mine, theirs in zip(supports, dyadic_supports(n_layers), strict=True):
        assert isinstance(mine, sp.csr_array)
        assert mine.dtype == bool
        assert mine.nnz == 2 ** (n_layers + 1)
        assert mine.has_sorted_indices
        np.testing.assert_array_equal(mine.toarray(), theirs)
    assert is_multitree(supports)


def test_large_supports_stay_sparse():
    supports = butterfly_supports(18)
    assert sum(s.nnz for s in supports) == 2 * 2**18 * 18


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(1, 7), st.integers(0, 10**6), st.booleans())
def test_all_forms_are_one_matrix(n_layers, seed, complex_):
    butterfly = draw(n_layers, seed, complex_=complex_)
    matrix = butterfly.toarray()
    np.testing.assert_allclose(matrix, multiplied_out(butterfly), rtol=1e-13)
    for factor, sparse, support in zip(
        butterfly.factors(), butterfly.sparse_factors(), dyadic_supports(n_layers), strict=True
    ):
        assert not factor[~support].any()
        np.testing.assert_array_equal(sparse.toarray(), factor)
    for factors in (butterfly.factors(), butterfly.sparse_factors()):
        again = Butterfly.from_factors(factors)
        np.testing.assert_array_equal(again.blocks, butterfly.blocks)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((5, butterfly.size)) + 1j * rng.standard_normal((5, butterfly.size))
    scale = np.abs(matrix).sum()
    np.testing.assert_allclose(butterfly.apply(x), x @ matrix.T, atol=1e-14 * scale)
    np.testing.assert_allclose(butterfly.adjoint(x), x @ matrix.conj(), atol=1e-14 * scale)
    np.testing.assert_array_equal(butterfly.apply(x)[2], butterfly.apply(x[2]))
    np.testing.assert_array_equal(butterfly.adjoint(x)[2], butterfly.adjoint(x[2]))


def test_place_of_every_block():
    """Block p = d 2**(L - l) + a of layer l has rows and columns a 2**l + {0, 2**(l - 1)} + d."""
    butterfly = draw(5, 0)
    for level, factor in enumerate(butterfly.factors(), start=1):
        for d in range(2 ** (level - 1)):
            for a in range(2 ** (5 - level)):
                ends = a * 2**level + 2 ** (level - 1) * np.arange(2) + d
                block = butterfly.blocks[level - 1, :, :, d * 2 ** (5 - level) + a]
                np.testing.assert_array_equal(factor[np.ix_(ends, ends)], block)


def test_integers_become_floats_and_single_precision_stays():
    assert Butterfly(np.ones((1, 2, 2, 1), int)).dtype == np.float64
    single = draw(4, 1, dtype=np.float32)
    assert single.dtype == single.apply(np.ones(16, np.float32)).dtype == np.float32
    assert single.toarray().dtype == single.factors()[0].dtype == np.float32


@pytest.mark.parametrize("n_layers", [1, 4])
def test_networks_of_a_butterfly(n_layers):
    butterfly = draw(n_layers, 2)
    dense, sparse = butterfly.to_network(), butterfly.to_sparse_network()
    assert isinstance(dense, ReLUNetwork)
    assert isinstance(sparse, SparseReLUNetwork)
    x = np.random.default_rng(3).standard_normal((7, butterfly.size))
    np.testing.assert_allclose(sparse(x), dense(x), atol=1e-12)
    for weight, factor in zip(dense.weights, butterfly.factors(), strict=True):
        np.testing.assert_array_equal(weight, factor)
    product = np.eye(butterfly.size)
    for weight in dense.weights:
        product = weight @ product
    np.testing.assert_allclose(product, butterfly.toarray(), rtol=1e-13)


def test_zero_entries_stay_in_the_sparse_factors():
    butterfly = Butterfly(np.zeros((3, 2, 2, 4)))
    assert [f.nnz for f in butterfly.sparse_factors()] == [16, 16, 16]
    assert not butterfly.toarray().any()


@pytest.mark.parametrize("n_layers", range(1, 11))
def test_hadamard_butterfly(n_layers):
    butterfly = hadamard_butterfly(n_layers)
    np.testing.assert_array_equal(butterfly.toarray(), hadamard(n_layers))
    unit = np.zeros(2**n_layers)
    unit[-1] = 1
    np.testing.assert_array_equal(butterfly.apply(unit), hadamard(n_layers)[:, -1])


@pytest.mark.parametrize("n_layers", range(1, 11))
def test_fourier_butterfly(n_layers):
    butterfly, reverse = dft_butterfly(n_layers), bit_reversal(n_layers)
    np.testing.assert_allclose(butterfly.toarray(), dft(n_layers), atol=1e-14)
    x = np.random.default_rng(n_layers).standard_normal((3, 2**n_layers))
    np.testing.assert_allclose(butterfly.apply(x[:, reverse]), np.fft.fft(x), atol=1e-12)
    inverse = butterfly.adjoint(np.fft.fft(x)) / butterfly.size
    np.testing.assert_allclose(inverse[:, reverse], x, atol=1e-13)


@pytest.mark.parametrize("n_layers", [0, -1, 1.0, None])
def test_bad_numbers_of_layers_are_named(n_layers):
    with pytest.raises(ValueError, match="n_layers: expected a positive integer, got"):
        butterfly_supports(n_layers)


@pytest.mark.parametrize(
    "blocks, error, match",
    [
        (1.0, ValueError, r"expected shape .* got \(\)"),
        (np.ones((0, 2, 2, 1)), ValueError, r"got \(0, 2, 2, 1\)"),
        (np.ones((2, 2, 2, 1)), ValueError, r"got \(2, 2, 2, 1\)"),
        (np.ones((2, 2, 2)), ValueError, r"got \(2, 2, 2\)"),
        (np.full((1, 2, 2, 1), np.nan), ValueError, "blocks: holds NaN or infinity"),
        (np.full((1, 2, 2, 1), "a"), TypeError, "blocks: expected numbers"),
    ],
)
def test_bad_blocks_are_named(blocks, error, match):
    with pytest.raises(error, match=match):
        Butterfly(blocks)


def test_bad_factors_and_vectors_are_named():
    with pytest.raises(ValueError, match=r"factors\[1\]: 2 nonzero entries outside the support"):
        Butterfly.from_factors([np.eye(4), np.eye(4) + np.eye(4)[::-1] * [0, 1, 1, 0]])
    with pytest.raises(ValueError, match=r"factors\[0\]: expected shape \(4, 4\) for 2 factors"):
        Butterfly.from_factors([np.eye(2), np.eye(4)])
    with pytest.raises(ValueError, match="expected shape"):
        Butterfly.from_factors([])
    for method in (draw(2, 0).apply, draw(2, 0).adjoint):
        with pytest.raises(ValueError, match=r"x: expected shape \(4,\) or \(k, 4\), got \(3,\)"):
            method(np.ones(3))
        with pytest.raises(ValueError, match=r"got \(2, 2, 4\)"):
            method(np.ones((2, 2, 4)))
    with pytest.raises(TypeError, match="real"):
        draw(2, 0, complex_=True).to_network()
