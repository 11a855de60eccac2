"""The two splits against each other, the general factorization and dense arithmetic."""

import numpy as np
import pytest
from butterfly_cases import draw, white
from openblackbox.multitree.butterfly import Butterfly
from openblackbox.multitree.butterfly_splits import balanced_split, distance, output_peel
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.multitree.transforms import dft


def through_the_transpose(matrix):
    """The general peel starts at the inputs: its losses on the transposed problem."""
    n_layers = len(matrix).bit_length() - 1
    return factorize(matrix.T, [s.T for s in dyadic_supports(n_layers)[::-1]])


@pytest.mark.parametrize("n_layers", range(1, 10))
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("split", [balanced_split, lambda matrix: output_peel(matrix)[0]])
def test_exact_butterflies_entry_by_entry(n_layers, complex_, split):
    matrix = draw(n_layers, n_layers, complex_=complex_).toarray()
    kept = matrix.copy()
    product = Butterfly(split(matrix)).toarray()
    np.testing.assert_allclose(product, matrix, rtol=1e-13)
    np.testing.assert_array_equal(matrix, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays(dtype):
    matrix = draw(6, 0, complex_=dtype == np.complex64, dtype=np.float32).toarray()
    for blocks in (balanced_split(matrix), output_peel(matrix)[0]):
        assert blocks.dtype == dtype
        np.testing.assert_allclose(Butterfly(blocks).toarray(), matrix, rtol=1e-4)


@pytest.mark.parametrize("n_layers", range(2, 8))
def test_zeros_and_scales_inside_the_supports(n_layers):
    rng = np.random.default_rng(n_layers)
    for _ in range(5):
        blocks = draw(n_layers, rng.integers(1000)).blocks
        sparse = blocks * (rng.random(blocks.shape) < 0.8)
        wide = blocks * 10.0 ** rng.uniform(-9, 9, blocks.shape)
        for case in (sparse, wide):
            matrix = Butterfly(case).toarray()
            for found in (balanced_split(matrix), output_peel(matrix)[0]):
                np.testing.assert_allclose(Butterfly(found).toarray(), matrix, rtol=1e-12)


@pytest.mark.parametrize("n_layers", range(1, 8))
@pytest.mark.parametrize("complex_", [False, True])
def test_distance_is_the_norm_of_the_difference(n_layers, complex_):
    butterfly = draw(n_layers, 1, complex_=complex_)
    matrix = white(butterfly.size, 2, complex_=complex_)
    expected = np.linalg.norm(matrix - butterfly.toarray())
    found = distance(matrix, butterfly.blocks)
    assert found == pytest.approx(expected, rel=1e-12)
    assert distance(matrix, butterfly.blocks, limit=1.0001 * expected) == found
    assert distance(matrix, butterfly.blocks, limit=0.9999 * expected) == np.inf
    assert distance(butterfly.toarray(), butterfly.blocks) == 0
    matrix[0, 0] = np.nan
    assert distance(matrix, butterfly.blocks) == np.inf


def test_distance_in_many_pieces(monkeypatch):
    butterfly, matrix = draw(6, 1), white(64, 2)
    expected = distance(matrix, butterfly.blocks)
    monkeypatch.setattr("openblackbox.multitree.butterfly_splits.CHUNK", 64)
    assert distance(matrix, butterfly.blocks) == pytest.approx(expected, rel=1e-13)
    exact = butterfly.toarray()
    np.testing.assert_allclose(Butterfly(balanced_split(exact)).toarray(), exact, rtol=1e-13)
    pieces, losses = output_peel(matrix)
    monkeypatch.undo()
    whole, others = output_peel(matrix)
    np.testing.assert_allclose(pieces, whole, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(losses, others, rtol=1e-12)


@pytest.mark.parametrize("n_layers", range(1, 8))
@pytest.mark.parametrize("complex_", [False, True])
def test_peel_agrees_with_the_general_factorization(n_layers, complex_):
    matrix = white(2**n_layers, n_layers, complex_=complex_)
    blocks, losses = output_peel(matrix)
    general = through_the_transpose(matrix)
    np.testing.assert_allclose(losses, general.split_residuals, rtol=1e-9, atol=1e-15)
    product = np.eye(len(matrix))
    for factor in general.factors:
        product = factor @ product
    np.testing.assert_allclose(Butterfly(blocks).toarray(), product.T, atol=1e-9)


def test_peel_has_unit_columns_and_leaves_what_it_does_not_see_at_zero():
    matrix = white(16, 0)
    for factor in Butterfly(output_peel(matrix)[0]).factors()[1:]:
        np.testing.assert_allclose(np.linalg.norm(factor, axis=0), 1, rtol=1e-13)
    blocks, losses = output_peel(np.zeros((8, 8)))
    assert not blocks.any()
    assert losses == [0.0, 0.0]


def test_equal_and_orthogonal_rows_are_not_lost():
    blocks, losses = output_peel(dft(2, reverse=False))
    assert losses[0] == pytest.approx(np.sqrt(8), rel=1e-12)
    assert distance(dft(2, reverse=False), blocks) == pytest.approx(np.sqrt(8), rel=1e-12)
    assert np.linalg.norm(Butterfly(blocks).toarray()) == pytest.approx(np.sqrt(8), rel=1e-12)


@pytest.mark.parametrize("n_layers", range(2, 9))
def test_the_bound_of_the_peel_is_sharp(n_layers):
    """The matrix of the chapter Factorization on which the general peel loses sqrt(L - 1)."""
    matrix = np.zeros((2**n_layers, 2**n_layers))
    matrix[0, 0] = 1 + 1e-9
    for level in range(1, n_layers):
        matrix[2 ** (level - 1), 2**level] = 1
    # The transposed problem has its layers in reverse order: reverse the binary digits too.
    digits = [int(f"{k:0{n_layers}b}"[::-1], 2) for k in range(2**n_layers)]
    matrix = matrix.T[np.ix_(digits, digits)].T
    blocks, losses = output_peel(matrix)
    np.testing.assert_allclose(losses, 1, rtol=1e-12)
    assert distance(matrix, blocks) == pytest.approx(np.sqrt(n_layers - 1), rel=1e-12)
    matrix[0, 0] = 0  # the large entry dropped: an exact butterfly at distance 1 + 1e-9
    assert max(output_peel(matrix)[1]) < 1e-15
