"""Factorization against slow references: one SVD per block, loops, and exact instances."""

import itertools
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.factorization import best_rank_one, factorize, split_errors
from openblackbox.multitree.rankone import _top_rows
from openblackbox.multitree.supports import (
    NotMultitreeError,
    descendants,
    dyadic_supports,
    path_counts,
    random_multitree,
)


def chain(factors):
    """W_L ... W_1 for factors listed first layer first."""
    return reduce(lambda product, factor: factor @ product, factors)


def draw(rng, supports, *, complex_=False, decades=0.0):
    """Random weights on the supports, nonzero there, over a number of decades."""
    weights = []
    for support in supports:
        size = rng.uniform(0.5, 2.0, support.shape) * 10 ** rng.uniform(
            -decades, decades, support.shape
        )
        phase = rng.uniform(0, 2 * np.pi, support.shape)
        sign = np.exp(1j * phase) if complex_ else np.where(phase < np.pi, -1.0, 1.0)
        weights.append(np.where(support, size * sign, 0))
    return weights


def slow_factorize(product, supports):
    """The peel of the book with Python loops and one LAPACK SVD per block."""
    remaining, factors, losses = np.array(product), [], []
    for level in range(1, len(supports)):
        factor = np.zeros(supports[level - 1].shape, remaining.dtype)
        following = np.zeros((remaining.shape[0], factor.shape[0]), remaining.dtype)
        loss = 0.0
        for h in range(factor.shape[0]):
            rows = np.flatnonzero(descendants(supports, level)[:, h])
            columns = np.flatnonzero(supports[level - 1][h])
            if rows.size and columns.size:
                u, s, vh = np.linalg.svd(remaining[np.ix_(rows, columns)])
                factor[h, columns], following[rows, h] = vh[0], s[0] * u[:, 0]
                loss += (s[1:] ** 2).sum()
        factors.append(factor)
        losses.append(loss**0.5)
        remaining = following
    return [*factors, remaining], losses


def worst_case(n_layers, excess):
    """L unit entries, of which the peel keeps only one, made larger by `excess`."""
    matrix = np.zeros((2**n_layers, 2**n_layers))
    matrix[0, 0] = 1 + excess
    for level in range(1, n_layers):  # lost by the split of this level, in the block of neuron 0
        matrix[2**level, 2 ** (level - 1)] = 1.0
    return matrix


# ---------------------------------------------------------------- one block


@pytest.mark.parametrize("shape", [*itertools.product((1, 2, 3, 7), repeat=2), (40, 5), (5, 40)])
@pytest.mark.parametrize("complex_", [False, True])
def test_best_rank_one_is_the_truncated_svd(shape, complex_):
    rng = np.random.default_rng(list(shape))
    block = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)
    best = best_rank_one(block)
    u, s, vh = np.linalg.svd(block)
    np.testing.assert_allclose(
        np.outer(best.left, best.right), s[0] * np.outer(u[:, 0], vh[0]), atol=1e-12
    )
    np.testing.assert_allclose(best.residual, np.sqrt((s[1:] ** 2).sum()), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(best.right), 1, rtol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(best.left), s[0], rtol=1e-13)


@pytest.mark.parametrize("shape", [(4, 1), (4, 2), (1, 2), (5, 3), (3, 5)])
def test_the_direction_before_the_sweep_is_already_the_singular_vector(shape):
    block = np.random.default_rng(1).standard_normal(shape)
    row, right = _top_rows(block), np.linalg.svd(block)[2][0]
    np.testing.assert_allclose(row * np.sign(row @ right), right, rtol=1e-12)
    assert not _top_rows(np.zeros((2, 3, 5))).any()


@pytest.mark.parametrize("block, residual", [([[2, 0], [0, 1]], 1), ([[0, 1], [-1, 0]], 1)])
def test_ties_and_diagonals(block, residual):
    best = best_rank_one(np.array(block))
    assert best.left.dtype == np.float64
    np.testing.assert_allclose(best.residual, residual, rtol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(best.right), 1, rtol=1e-15)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_near_ties_lose_nothing_that_counts(n):
    """With almost equal singular values the direction is loose; the residual is not."""
    rng = np.random.default_rng(n)
    u, v = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in "uv")
    for gap in 10.0 ** np.arange(-16, 0):
        s = np.r_[1.0, 1.0 - gap, rng.uniform(0, 0.5, n - 2)]
        best = best_rank_one(u @ np.diag(s) @ v)
        np.testing.assert_allclose(best.residual, np.sqrt((s[1:] ** 2).sum()), rtol=4e-15)


def test_stack_equals_one_by_one_and_zero_stays_zero():
    rng = np.random.default_rng(0)
    stack = rng.standard_normal((2, 3, 4, 3))
    stack[1, 2] = 0
    best = best_rank_one(stack)
    assert (best.left.shape, best.right.shape, best.residual.shape) == (
        (2, 3, 4),
        (2, 3, 3),
        (2, 3),
    )
    for index in np.ndindex(2, 3):
        one = best_rank_one(stack[index])
        np.testing.assert_allclose(best.left[index], one.left, rtol=1e-13)
        np.testing.assert_allclose(best.right[index], one.right, rtol=1e-13)
    for part in (best.left, best.right, best.residual):
        assert not part[1, 2].any()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (0, 2, 2), (0, 0)])
def test_empty_blocks_give_zeros(shape):
    best = best_rank_one(np.zeros(shape, np.float32))
    assert best.left.shape == shape[:-1]
    assert best.right.shape == (*shape[:-2], shape[-1])
    assert best.residual.shape == shape[:-2]
    assert best.left.dtype == best.right.dtype == np.float32
    assert not best.right.any()


@pytest.mark.parametrize("scale", [5e-324, 1e-320, 1e-300, 1e-200, 1.0, 1e200, 1e307])
def test_any_scale(scale):
    block = np.array([[1.0, -2.0, 2.0], [2.0, -4.0, 4.0]]) * scale
    best = best_rank_one(block)
    assert best.residual <= 5e-15 * scale
    np.testing.assert_allclose(np.outer(best.left, best.right), block, rtol=1e-15, atol=1e-323)
    if scale > 1e-310:
        np.testing.assert_allclose(best.right, np.array([1.0, -2.0, 2.0]) / 3, rtol=1e-15)
        np.testing.assert_allclose(best.left / scale, [3, 6], rtol=1e-15)


@pytest.mark.parametrize("shape", [(2, 2), (6, 2), (2, 6), (5, 4), (4, 5), (3, 1), (1, 3)])
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("decades", [6, 100])
def test_entrywise_accuracy_under_scale_disparity(shape, complex_, decades):
    """Rows and columns over many decades: every entry of the factors is right, relatively."""
    rng = np.random.default_rng([*shape, decades])
    lost = 0.0
    for _ in range(20):
        u, w = (10.0 ** rng.uniform(-decades, decades, n) * rng.choice([-1, 1], n) for n in shape)
        if complex_:
            u, w = u * np.exp(1j * rng.uniform(0, 6, len(u))), w * (0.6 + 0.8j)
        block = np.outer(u, w)
        best = best_rank_one(block)
        np.testing.assert_allclose(np.outer(best.left, best.right), block, rtol=2e-14)
        np.testing.assert_allclose(best.right / best.right[0], w / w[0], rtol=2e-14)
        np.testing.assert_allclose(np.abs(best.right), np.abs(w) / np.linalg.norm(w), rtol=2e-14)
        left, values, right = np.linalg.svd(block)
        svd = values[0] * np.outer(left[:, 0], right[0])
        lost = max(lost, np.abs(svd / block - 1).max())
    if min(shape) > 3:
        assert lost > 1e-6  # what the SVD alone would give


@pytest.mark.parametrize("small, positive", [(0.30015, 0), (0.29985, 1)])
def test_sign_rule(small, positive):
    row = np.array([-small, -1.0, 0.5]) / np.linalg.norm([small, 1, 0.5])
    best = best_rank_one(np.outer([3.0, 1.0], row))
    assert best.right[positive] > 0
    assert best.right[0] > 0 or positive == 1
    twisted = best_rank_one(np.outer([3.0, 1.0], np.exp(1j) * np.array([small, -1.0, 0.5j])))
    assert twisted.right[positive].real > 0
    assert abs(twisted.right[positive].imag) < 1e-16
    flipped = np.array([-small, 1.0])
    first = best_rank_one(np.outer([1.0, 1.0], flipped)).right[0]
    assert (first > 0) == (positive == 0)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays_single(dtype):
    rng = np.random.default_rng(3)
    supports = dyadic_supports(4)
    weights = [w.astype(dtype) for w in draw(rng, supports, complex_=dtype == np.complex64)]
    product = chain(weights)
    result = factorize(product, supports)
    assert {f.dtype for f in result.factors} == {np.dtype(dtype)}
    np.testing.assert_allclose(chain(result.factors), product, rtol=2e-5)
    assert isinstance(result.residual, float)


# ---------------------------------------------------------------- exact products


@pytest.mark.claim("SL-10")
@pytest.mark.parametrize("n_layers", range(1, 8))
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("decades", [0, 2])
def test_dyadic_products_are_recovered_up_to_diagonal_matrices(n_layers, complex_, decades):
    rng = np.random.default_rng([n_layers, decades])
    supports = dyadic_supports(n_layers)
    weights = draw(rng, supports, complex_=complex_, decades=decades)
    product = chain(weights)
    result = factorize(product, supports)
    np.testing.assert_allclose(chain(result.factors), product, rtol=1e-12)
    assert result.residual < 1e-14 * np.linalg.norm(product) * n_layers
    scale = np.ones(product.shape[1])
    for mine, theirs, support in zip(result.factors, weights, supports, strict=True):
        assert not mine[~support].any()
        moved = theirs / scale  # W_l D_{l-1}^{-1}: each row of mine must be a multiple of it
        pick = support.argmax(axis=1), np.arange(len(support))
        scale = mine[pick[1], pick[0]] / moved[pick[1], pick[0]]
        np.testing.assert_allclose(mine[support], (scale[:, None] * moved)[support], rtol=1e-11)
    np.testing.assert_allclose(scale, 1, rtol=1e-11)  # D_L = I


@pytest.mark.claim("SL-09")
def test_two_factors_with_nonzero_blocks():
    rng = np.random.default_rng(9)
    for _ in range(50):
        supports = random_multitree(rng.integers(1, 7, 3), rng=rng, density=0.7)
        w1, w2 = draw(rng, supports, decades=3)
        result = factorize(w2 @ w1, supports)
        for h in range(len(w1)):
            block_rows, block_columns = supports[1][:, h], supports[0][h]
            if block_rows.any() and block_columns.any():
                d = result.factors[0][h, block_columns] / w1[h, block_columns]
                np.testing.assert_allclose(d, d[0], rtol=1e-13)
                np.testing.assert_allclose(
                    result.factors[1][block_rows, h], w2[block_rows, h] / d[0], rtol=1e-13
                )


@pytest.mark.claim("SL-09")
@pytest.mark.claim("SL-10")
def test_zero_block_is_the_counterexample():
    """W_2[:, h] = 0 with W_1[h, :] != 0: the same product, and no invertible D joins the two."""
    supports = [np.ones((1, 1)), np.ones((1, 1))]
    w1, w2 = np.array([[1.0]]), np.array([[0.0]])
    result = factorize(w2 @ w1, supports)
    assert result.factors[0].item() == result.factors[1].item() == 0.0  # zeros, no nan
    assert result.residual == result.lower_bound == 0.0
    # W_1^ = D W_1 would need D = 0: not invertible. Nor is any other choice right for both
    # (w1, w2) = (1, 0) and (0, 1), which have the same product.
    np.testing.assert_array_equal(w2 @ w1, w1 @ w2)
    # three factors: the same neuron, one layer later
    deep = factorize(np.zeros((1, 1)), [np.ones((1, 1))] * 3)
    assert [f.item() for f in deep.factors] == [0, 0, 0]


@st.composite
def irregular(draw_):
    widths = draw_(st.lists(st.integers(1, 6), min_size=2, max_size=6))
    seed = draw_(st.integers(0, 10**6))
    density = draw_(st.sampled_from([0.3, 0.7, 1.0]))
    parents = draw_(st.booleans())
    rng = np.random.default_rng(seed)
    return rng, random_multitree(widths, rng=rng, density=density, parents=parents)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(irregular(), st.booleans(), st.booleans())
def test_irregular_multitrees_with_dead_ends(instance, complex_, zeros):
    rng, supports = instance
    weights = draw(rng, supports, complex_=complex_, decades=2)
    if zeros:
        weights = [w * (rng.random(w.shape) < 0.8) for w in weights]
    product = chain(weights)
    result = factorize(product, supports)
    np.testing.assert_allclose(chain(result.factors), product, rtol=1e-12, atol=0)
    for factor, support in zip(result.factors, supports, strict=True):
        assert factor.shape == support.shape
        assert not factor[~support].any()
    for factor in result.factors[:-1]:
        norms = np.linalg.norm(factor, axis=1)
        np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-14)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(irregular(), st.booleans())
def test_noisy_input_agrees_with_one_svd_per_block(instance, complex_):
    rng, supports = instance
    shape = (supports[-1].shape[0], supports[0].shape[1])
    noise = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)
    product = noise * (path_counts(supports) > 0)
    result = factorize(product, supports)
    factors, losses = slow_factorize(product, supports)
    np.testing.assert_allclose(chain(result.factors), chain(factors), atol=1e-9)
    np.testing.assert_allclose(result.split_residuals, losses, rtol=1e-9, atol=1e-12)
    size = np.linalg.norm(product)
    direct = np.linalg.norm(product - chain(result.factors))
    assert result.residual == pytest.approx(direct, rel=1e-10, abs=1e-14 * size)
    assert result.residual == pytest.approx(np.linalg.norm(losses), rel=1e-9, abs=1e-12)
    assert result.lower_bound == pytest.approx(max(losses, default=0), rel=1e-9, abs=1e-12)
    # the certificate and the theorem: any factors bound E* from above
    other = np.linalg.norm(product - chain(draw(rng, supports)))
    assert result.lower_bound <= other
    cuts = split_errors(product, supports)
    assert len(cuts) == len(supports) - 1
    for rho, tau in zip(result.split_residuals, cuts, strict=True):
        assert rho <= tau * (1 + 1e-12) + 1e-14 * size
    assert max(cuts, default=0) <= result.residual * (1 + 1e-12) + 1e-14 * size


def test_split_errors_against_loops():
    rng = np.random.default_rng(4)
    for n_layers in (2, 3, 4):
        supports = dyadic_supports(n_layers)
        product = rng.standard_normal((2**n_layers, 2**n_layers))
        for level, error in enumerate(split_errors(product, supports), start=1):
            loss = 0.0
            for h in range(2**n_layers):
                rows = path_counts(supports, start=level)[:, h] > 0
                columns = path_counts(supports, stop=level)[h] > 0
                s = np.linalg.svd(product[np.ix_(rows, columns)], compute_uv=False)
                loss += (s[1:] ** 2).sum()
            np.testing.assert_allclose(error, loss**0.5, rtol=1e-12)


# ---------------------------------------------------------------- the error bound


@pytest.mark.parametrize("n_layers", range(2, 9))
@pytest.mark.parametrize("excess", [1e-3, 1e-9])
def test_the_constant_of_the_error_bound_is_sharp(n_layers, excess):
    matrix, supports = worst_case(n_layers, excess), dyadic_supports(n_layers)
    result = factorize(matrix, supports)
    np.testing.assert_allclose(result.split_residuals, 1, rtol=1e-12)
    np.testing.assert_allclose(result.residual, np.sqrt(n_layers - 1), rtol=1e-12)
    np.testing.assert_allclose(result.lower_bound, 1, rtol=1e-12)
    backwards = factorize(matrix.T, [support.T for support in supports[::-1]])
    np.testing.assert_allclose(backwards.residual, np.sqrt(n_layers - 1), rtol=1e-12)
    # dropping the large entry instead leaves an exact product, so E* <= 1 + excess
    matrix[0, 0] = 0
    assert factorize(matrix, supports).residual < 1e-14


@pytest.mark.parametrize("n_layers", [2, 4, 6])
def test_white_noise_ratio_stays_below_the_bound(n_layers):
    rng = np.random.default_rng(n_layers)
    result = factorize(rng.standard_normal((2**n_layers,) * 2), dyadic_supports(n_layers))
    ratio = result.residual / result.lower_bound
    assert 1 <= ratio <= np.sqrt(n_layers - 1)
    if n_layers == 2:
        assert ratio == 1


def test_residual_of_a_two_factor_problem_is_optimal():
    supports = [np.kron(np.eye(2), np.ones((1, 2))), np.ones((2, 2))]
    product = np.array([[2.0, 0.0, 0.0, 3.0], [0.0, 1.0, 4.0, 0.0]])
    result = factorize(product, supports)
    np.testing.assert_allclose(result.residual, np.sqrt(1 + 9), rtol=1e-14)
    np.testing.assert_allclose(result.lower_bound, np.sqrt(1 + 9), rtol=1e-14)


@pytest.mark.parametrize("n_layers", [5, 6])
def test_noise_is_reduced_to_the_degrees_of_freedom(n_layers):
    """Relative error sqrt((L + 1) / N) of the factorized product, to first order in the noise."""
    rng = np.random.default_rng(n_layers)
    supports = dyadic_supports(n_layers)
    shape = (2**n_layers,) * 2
    product = chain([w / np.sqrt(2) for w in draw(rng, supports)])
    ratios = []
    for _ in range(20):
        noise = 1e-6 * rng.standard_normal(shape)
        result = factorize(product + noise, supports)
        ratios.append(np.linalg.norm(chain(result.factors) - product) / np.linalg.norm(noise))
    predicted = np.sqrt((n_layers + 1) / 2**n_layers)
    assert np.sqrt(np.mean(np.square(ratios))) == pytest.approx(predicted, rel=0.02)


def test_bit_reversed_fourier_matrix_is_a_butterfly():
    n_layers = 5
    n = 2**n_layers
    reverse = [int(f"{i:0{n_layers}b}"[::-1], 2) for i in range(n)]
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    result = factorize(fourier[:, reverse], dyadic_supports(n_layers))
    assert result.residual < 1e-13
    ratio = result.factors[0][0, 0] * result.factors[0][1, 1]
    ratio /= result.factors[0][0, 1] * result.factors[0][1, 0]
    np.testing.assert_allclose(ratio, -1, atol=1e-13)
    assert factorize(fourier, dyadic_supports(n_layers)).lower_bound > 0.5 * n**0.5


# ---------------------------------------------------------------- scales


@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e150])
def test_blocks_of_extreme_scale_side_by_side(scale):
    rng = np.random.default_rng(7)
    supports = dyadic_supports(4)
    weights = draw(rng, supports, decades=1)
    product = chain(weights)
    product[:, :2] *= scale
    result = factorize(product, supports)
    np.testing.assert_allclose(chain(result.factors), product, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-250, 1e-160, 1e160, 1e250])
def test_residual_and_bound_scale_with_the_product(scale):
    rng = np.random.default_rng(8)
    product = rng.standard_normal((8, 8))
    reference = factorize(product, dyadic_supports(3))
    result = factorize(scale * product, dyadic_supports(3))
    assert result.residual == pytest.approx(scale * reference.residual, rel=1e-12)
    assert result.lower_bound == pytest.approx(scale * reference.lower_bound, rel=1e-12)
    assert max(split_errors(scale * product, dyadic_supports(3))) == pytest.approx(
        scale * max(split_errors(product, dyadic_supports(3))), rel=1e-12
    )


def test_neurons_scaled_over_twelve_decades_keep_every_entry():
    rng = np.random.default_rng(10)
    for _ in range(5):
        supports = random_multitree([6, 8, 8, 5], rng=rng)
        product = chain(draw(rng, supports, decades=6))
        result = factorize(product, supports)
        np.testing.assert_allclose(chain(result.factors), product, rtol=1e-13)


# ---------------------------------------------------------------- outside, bad input


def test_mass_outside_the_supports():
    supports = [np.eye(2), np.eye(2)]
    product = np.array([[1.0, 3.0], [4.0, 2.0]])
    with pytest.raises(ValueError, match=r"2 nonzero entries .* norm 5 out of 5\.477"):
        factorize(product, supports)
    with pytest.raises(ValueError, match="1 nonzero entries"):
        factorize(product, [np.tril(np.ones((2, 2)))])
    result = factorize(product, supports, allow_outside=True)
    np.testing.assert_allclose(chain(result.factors), np.diag([1.0, 2.0]), rtol=1e-15)
    assert result.outside == result.residual == result.lower_bound == 5.0
    assert split_errors(product, supports) == (5.0,)
    single = factorize(product, [np.eye(2)], allow_outside=True)
    np.testing.assert_array_equal(single.factors[0], np.diag([1.0, 2.0]))
    assert (single.residual, single.lower_bound, single.split_residuals) == (5.0, 5.0, ())


def test_outside_and_inside_losses_add_in_quadrature():
    supports = [np.array([[1, 1, 0]]), np.array([[1], [1]])]
    product = np.array([[3.0, 0.0, 12.0], [0.0, 1.0, 0.0]])
    result = factorize(product, supports, allow_outside=True)
    assert result.residual == pytest.approx(np.sqrt(145), rel=1e-14)
    assert result.lower_bound == pytest.approx(np.sqrt(145), rel=1e-14)
    assert result.split_residuals == pytest.approx((1.0,), rel=1e-14)
    assert split_errors(product, supports) == pytest.approx((np.sqrt(145),), rel=1e-14)


def test_one_layer_is_returned_as_it_is():
    result = factorize([[1, 2], [0, 3]], [np.triu(np.ones((2, 2)))])
    np.testing.assert_array_equal(result.factors[0], [[1, 2], [0, 3]])
    assert (result.residual, result.lower_bound, result.outside) == (0.0, 0.0, 0.0)


def test_input_is_left_alone():
    product, supports = np.ones((2, 2)), [np.ones((2, 2))]
    result = factorize(product, supports)
    result.factors[0][:] = 7
    assert (product == 1).all()


def test_overlapping_blocks_are_refused():
    """LU: |A - L U| can be made as small as one likes and never 0; no multitree, no theorem."""
    supports = [np.triu(np.ones((2, 2))), np.tril(np.ones((2, 2)))]
    with pytest.raises(NotMultitreeError, match="neuron 1 of layer 0 and neuron 1 of layer 2"):
        factorize(np.array([[0.0, 1.0], [1.0, 0.0]]), supports)
    for e in (0.1, 0.01):
        upper, lower = np.array([[e, 1 / e], [0, -1 / e]]), np.array([[e, 0], [1 / e, 1 / e]])
        gap = np.linalg.norm(lower @ upper - [[0, 1], [1, 0]])
        np.testing.assert_allclose(gap, e**2, rtol=1e-12)


@pytest.mark.parametrize(
    "product, supports, error, match",
    [
        (np.ones((2, 3)), [np.ones((2, 2))], ValueError, r"expected shape \(2, 2\).*got \(2, 3\)"),
        (np.ones(2), [np.ones((2, 2))], ValueError, r"got \(2,\)"),
        ([[np.nan]], [np.ones((1, 1))], ValueError, "product: holds NaN or infinity"),
        ([[np.inf]], [np.ones((1, 1))], ValueError, "product: holds NaN or infinity"),
        ([["a"]], [np.ones((1, 1))], TypeError, "product: expected integers or numbers"),
        (np.ones((1, 1), np.float16), [np.ones((1, 1))], TypeError, "float16"),
        ([[1.0]], [], ValueError, "at least one layer"),
        ([[1.0]], [[[np.nan]]], ValueError, "NaN"),
        (
            [[1.0]],
            [np.ones((2, 1)), np.ones((1, 2)), np.zeros((1, 1))],
            NotMultitreeError,
            "neuron 0 of layer 0 and neuron 0 of layer 2",
        ),
        (np.full((2, 2), 1.7e308), [np.ones((1, 2)), np.ones((2, 1))], OverflowError, "too large"),
    ],
)
def test_bad_input_is_named(product, supports, error, match):
    for function in (factorize, split_errors):
        if function is split_errors and len(supports) < 2 and error is OverflowError:
            continue
        with pytest.raises(error, match=match):
            function(product, supports)


@pytest.mark.parametrize(
    "block, match", [(np.ones(3), "got 1 dimension"), ([[np.inf]], "block: holds NaN")]
)
def test_bad_block_is_named(block, match):
    with pytest.raises(ValueError, match=match):
        best_rank_one(block)
