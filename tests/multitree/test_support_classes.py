"""The tractable family: one SVD per piece against formulas, factorize, and many descents."""

import numpy as np
import pytest
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.fixed_support import local_minima
from openblackbox.multitree.support_classes import (
    NotTractableError,
    classes_of_supports,
    solve_by_classes,
)
from openblackbox.multitree.supports import is_multitree, kronecker_supports, random_multitree


def tail(block, rank):
    """Squared error of the best approximation of a block, from its singular values."""
    return (np.linalg.svd(block, compute_uv=False)[rank:] ** 2).sum()


def from_blocks(shape, blocks):
    """Supports of neurons with given blocks (rows, columns)."""
    first = np.zeros((len(blocks), shape[1]), bool)
    second = np.zeros((shape[0], len(blocks)), bool)
    for neuron, (rows, columns) in enumerate(blocks):
        first[neuron, list(columns)] = second[list(rows), neuron] = True
    return first, second


def random_supports(rng, shape=(3, 3), neurons=3, density=0.6):
    return rng.random((neurons, shape[1])) < density, rng.random((shape[0], neurons)) < density


def check_fit(matrix, supports, fit):
    """Supports, residual and pieces of a fit agree with its factors."""
    first, second = fit.factors
    assert not first[~np.asarray(supports[0], bool)].any()
    assert not second[~np.asarray(supports[1], bool)].any()
    error = np.linalg.norm(matrix - second @ first)
    np.testing.assert_allclose(fit.residual, error, rtol=1e-10, atol=1e-12)
    parts = np.linalg.norm([fit.outside, *fit.piece_residuals])
    np.testing.assert_allclose(fit.residual, parts, rtol=1e-12, atol=1e-12)


@pytest.mark.claim("LQ-04")
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_identical_or_disjoint_blocks_are_solved_by_one_svd_per_class(kind):
    rng = np.random.default_rng(0)
    a, b, c = ((0, 1, 4), (0, 2, 3)), ((2, 3), (0, 1, 2, 3)), ((0, 4), (1, 4))
    supports = from_blocks((6, 6), [a, b, a, c, b])
    matrix = rng.standard_normal((6, 6))
    if kind == "complex":
        matrix = matrix + 1j * rng.standard_normal((6, 6))
    found = classes_of_supports(supports)
    assert [group.neurons for group in found.classes] == [(0, 2), (1, 4), (3,)]
    assert [(group.rows, group.columns) for group in found.classes] == [a, b, c]
    assert found.is_tractable
    fit = solve_by_classes(matrix, supports)
    check_fit(matrix, supports, fit)
    covered = np.zeros((6, 6), bool)
    expected = 0.0
    for (rows, columns), rank in ((a, 2), (b, 2), (c, 1)):
        covered[np.ix_(rows, columns)] = True
        expected += tail(matrix[np.ix_(rows, columns)], rank)
    outside = np.linalg.norm(matrix[~covered])
    np.testing.assert_allclose(fit.outside, outside, rtol=1e-13)
    np.testing.assert_allclose(fit.residual**2, expected + outside**2, rtol=1e-12)
    rows = np.linalg.norm(fit.factors[0], axis=1)
    np.testing.assert_allclose(rows, np.linalg.norm(fit.factors[1], axis=0), rtol=1e-12)


@pytest.mark.claim("LQ-04")
def test_what_is_accepted_is_optimal_and_many_descents_agree():
    rng = np.random.default_rng(1)
    accepted = refused = filled = 0
    for _ in range(45):
        supports = random_supports(rng)
        matrix = rng.standard_normal((3, 3))
        found = classes_of_supports(supports)
        if not found.classes:
            continue
        if not found.is_tractable:
            refused += 1
            with pytest.raises(NotTractableError, match="not in the tractable family"):
                solve_by_classes(matrix, supports)
            continue
        accepted += 1
        filled += any(piece.is_filled for piece in found.pieces)
        fit = solve_by_classes(matrix, supports)
        check_fit(matrix, supports, fit)
        ends = local_minima(matrix, supports, rng=rng, starts=2, steps=200).endings
        assert ends.min() >= fit.residual**2 - 1e-9
        assert ends.min() <= fit.residual**2 + 1e-3
    assert accepted > 20
    assert refused > 5
    assert filled > 15


@pytest.mark.claim("LQ-04")
def test_the_answer_does_not_depend_on_order_or_transposition():
    rng = np.random.default_rng(2)
    tractable = 0
    for _ in range(60):
        first, second = random_supports(rng, (4, 5), 4, 0.45)
        matrix = rng.standard_normal((4, 5))
        found = classes_of_supports([first, second])
        p, q, r = (rng.permutation(n) for n in (4, 5, 4))
        others = [([first[r][:, q], second[p][:, r]], matrix[p][:, q])]
        others.append(([second.T, first.T], matrix.T))
        for supports, moved in others:
            assert classes_of_supports(supports).is_tractable == found.is_tractable
            if found.is_tractable:
                residual = solve_by_classes(matrix, [first, second]).residual
                np.testing.assert_allclose(
                    solve_by_classes(moved, supports).residual, residual, rtol=1e-9, atol=1e-12
                )
                tractable += 1
    assert tractable > 15


def test_two_layers_are_a_multitree_when_blocks_are_disjoint():
    rng = np.random.default_rng(3)
    count = 0
    for _ in range(300):
        first, second = random_supports(rng, (3, 3), 3, 0.4)
        cover = sum(np.outer(second[:, h], first[h]).astype(int) for h in range(3))
        assert is_multitree([first, second]) == (cover.max() <= 1)
        if cover.max() <= 1:
            count += 1
            found = classes_of_supports([first, second])
            assert found.is_tractable
            assert all(len(group.neurons) == 1 for group in found.classes)
    assert count > 20


@pytest.mark.claim("LQ-05")
@pytest.mark.parametrize("seed", range(4))
def test_on_multitrees_it_agrees_with_factorize(seed):
    rng = np.random.default_rng(seed)
    supports = random_multitree([6, 5, 7], rng=rng)
    matrix = rng.standard_normal((7, 6))
    fit = solve_by_classes(matrix, supports)
    check_fit(matrix, supports, fit)
    peeled = factorize(matrix, supports, allow_outside=True)
    np.testing.assert_allclose(fit.residual, peeled.residual, rtol=1e-12)
    np.testing.assert_allclose(fit.outside, peeled.outside, rtol=1e-12)
    products = [factors[1] @ factors[0] for factors in (fit.factors, peeled.factors)]
    np.testing.assert_allclose(*products, atol=1e-10)


def test_a_chainable_pair_of_rank_two_is_tractable_and_no_multitree():
    supports = kronecker_supports(2, 4, 3, 1), kronecker_supports(1, 3, 4, 2)
    assert not is_multitree(supports)
    found = classes_of_supports(supports)
    assert found.is_tractable
    assert [len(group.neurons) for group in found.classes] == [2] * 4
    matrix = np.random.default_rng(4).standard_normal((6, 6))
    fit = solve_by_classes(matrix, supports)
    check_fit(matrix, supports, fit)
    blocks = [matrix[np.ix_(group.rows, group.columns)] for group in found.classes]
    assert [block.shape for block in blocks] == [(3, 3)] * 4
    expected = sum(tail(block, 2) for block in blocks)
    np.testing.assert_allclose(fit.residual**2, expected, rtol=1e-12)


def test_dense_supports_are_the_truncated_svd():
    matrix = np.random.default_rng(5).standard_normal((5, 4))
    for rank in (1, 2, 3, 4, 6):
        fit = solve_by_classes(matrix, [np.ones((rank, 4)), np.ones((5, rank))])
        np.testing.assert_allclose(fit.residual**2, tail(matrix, rank), atol=1e-12)


def test_filled_classes_repair_what_the_others_do():
    """Neuron 1 fills an entry, and the rest of the block of neuron 0 is the top row."""
    supports = from_blocks((2, 2), [((0, 1), (0, 1)), ((1,), (0,)), ((1,), (1,))])
    matrix = np.array([[3.0, 4.0], [5.0, 6.0]])
    found = classes_of_supports(supports)
    assert [piece.is_filled for piece in found.pieces] == [True, True, True]
    assert solve_by_classes(matrix, supports).residual < 1e-14
    # In a larger block what is left is a rectangle of rank two, and one neuron for it.
    blocks = [((0, 1, 2), (0, 1, 2)), ((2,), (0, 1, 2)), ((0, 1), (2,))]
    matrix = np.arange(9.0).reshape(3, 3) ** 2
    fit = solve_by_classes(matrix, from_blocks((3, 3), blocks))
    check_fit(matrix, from_blocks((3, 3), blocks), fit)
    np.testing.assert_allclose(fit.residual**2, tail(matrix[:2, :2], 1), rtol=1e-10)


def test_filling_goes_on_in_rounds():
    """Neuron 1 can fill row 1 once neuron 2 has filled row 2; then the rest of 0 is a rectangle."""
    blocks = [((0, 1, 3), (0, 1)), ((1, 2), (0, 1, 2)), ((2,), (0, 1, 2))]
    supports = from_blocks((4, 3), blocks)
    found = classes_of_supports(supports)
    assert found.is_tractable
    # Fitted in the reverse of the order of filling, after the part of lower rank.
    assert [piece.number for piece in found.pieces] == [0, 1, 2]
    assert [piece.is_filled for piece in found.pieces] == [False, True, True]
    assert (found.pieces[0].rows, found.pieces[0].columns) == ((0, 3), (0, 1))
    matrix = np.random.default_rng(6).standard_normal((4, 3))
    fit = solve_by_classes(matrix, supports)
    check_fit(matrix, supports, fit)
    outside = matrix[0, 2] ** 2 + matrix[3, 2] ** 2
    expected = tail(matrix[np.ix_([0, 3], [0, 1])], 1) + outside
    np.testing.assert_allclose(fit.residual**2, expected, rtol=1e-10)


def test_a_block_diagonal_rest_is_solved_block_by_block():
    """Filled corners leave two diagonal blocks of one neuron: two separate SVDs."""
    corners = [((0, 1), (2,)), ((0, 1), (3,)), ((2, 3), (0,)), ((2, 3), (1,))]
    supports = from_blocks((4, 4), [((0, 1, 2, 3), (0, 1, 2, 3)), *corners])
    matrix = np.random.default_rng(7).standard_normal((4, 4))
    fit = solve_by_classes(matrix, supports)
    check_fit(matrix, supports, fit)
    expected = tail(matrix[:2, :2], 1) + tail(matrix[2:, 2:], 1)
    np.testing.assert_allclose(fit.residual**2, expected, rtol=1e-10)


@pytest.mark.claim("LQ-04")
def test_what_is_refused_and_why():
    triangles = [np.triu(np.ones((2, 2))), np.tril(np.ones((2, 2)))]
    assert classes_of_supports(triangles).pieces == ()
    with pytest.raises(NotTractableError, match=r"block of neuron 0 .* not made of rectangles"):
        solve_by_classes(np.eye(2), triangles)
    overlap = from_blocks((3, 3), [((0, 1), (0, 1)), ((1, 2), (1, 2))])
    with pytest.raises(NotTractableError, match="neurons 0 and 1 differ and overlap"):
        solve_by_classes(np.eye(3), overlap)


def test_empty_blocks_and_bad_arguments():
    found = classes_of_supports([np.zeros((2, 3)), np.ones((2, 2))])
    assert found.classes == ()
    assert found.is_tractable
    fit = solve_by_classes(np.full((2, 3), 2), [np.zeros((2, 3)), np.ones((2, 2))])
    np.testing.assert_allclose(fit.residual, 24**0.5, rtol=1e-14)
    np.testing.assert_allclose(fit.outside, 24**0.5, rtol=1e-14)
    assert fit.factors[0].dtype == np.float64
    with pytest.raises(ValueError, match="expected two layers, got 1"):
        classes_of_supports([np.ones((2, 2))])
    with pytest.raises(
        ValueError, match=r"expected shape \(2, 3\) from the supports, got \(3, 2\)"
    ):
        solve_by_classes(np.ones((3, 2)), [np.ones((1, 3)), np.ones((2, 1))])
    with pytest.raises(ValueError, match="NaN"):
        solve_by_classes([[np.nan]], [[[1]], [[1]]])
