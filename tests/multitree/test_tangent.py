"""The tangent map against finite differences, the dimension formula, cross ratios."""

from functools import reduce

import numpy as np
import pytest
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.gauge import rescale
from openblackbox.multitree.supports import NotMultitreeError, dyadic_supports, random_multitree
from openblackbox.multitree.tangent import (
    cross_ratios,
    is_locally_unique,
    product_dimension,
    scaling_dimension,
    tangent_map,
    tangent_rank,
)
from openblackbox.multitree.transforms import dft, hadamard


def chain(factors):
    """W_L ... W_1 for factors listed first layer first."""
    return reduce(lambda product, factor: factor @ product, factors)


def draw(rng, supports):
    """Random weights on the supports."""
    return [s * rng.standard_normal(s.shape) for s in supports]


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_the_map_is_the_derivative(n_layers):
    rng = np.random.default_rng(n_layers)
    supports = random_multitree([4, 5, 3, 4][: n_layers + 1], rng=rng)
    weights = draw(rng, supports)
    matrix = tangent_map(weights, supports)
    change = [s * rng.standard_normal(s.shape) for s in supports]
    moved = [
        chain([w + sign * 1e-5 * c for w, c in zip(weights, change, strict=True)])
        for sign in (1, -1)
    ]
    along = np.concatenate([c[s.astype(bool)] for c, s in zip(change, supports, strict=True)])
    difference = (moved[0] - moved[1]).ravel() / 2e-5
    np.testing.assert_allclose(matrix @ along, difference, rtol=1e-6, atol=1e-8)
    # Euler: along the weights themselves, the product grows L times.
    itself = np.concatenate([w[s.astype(bool)] for w, s in zip(weights, supports, strict=True)])
    np.testing.assert_allclose(matrix @ itself, n_layers * chain(weights).ravel(), atol=1e-12)


def test_rank_of_the_fourier_butterflies_is_the_dimension_formula():
    ranks = []
    for n_layers in (2, 3, 4, 5):
        size = 2**n_layers
        factors = factorize(dft(n_layers), dyadic_supports(n_layers)).factors
        ranks.append(tangent_rank(factors, dyadic_supports(n_layers)))
        assert ranks[-1] == 2 * size * n_layers - size * (n_layers - 1) == size * (n_layers + 1)
        assert ranks[-1] == product_dimension(dyadic_supports(n_layers))
        assert is_locally_unique(factors)
        assert scaling_dimension(factors) == size * (n_layers - 1)
    assert ranks == [12, 32, 80, 192]


@pytest.mark.parametrize("seed", range(5))
def test_rank_at_generic_weights_of_any_multitree(seed):
    rng = np.random.default_rng(seed)
    supports = random_multitree([5, 6, 4, 6, 3], rng=rng)
    assert tangent_rank(draw(rng, supports), supports) == product_dimension(supports)


def test_a_zero_block_lowers_the_rank():
    rng = np.random.default_rng(0)
    supports = dyadic_supports(3)
    weights = draw(rng, supports)
    weights[0][0], weights[1][:, 0] = 0, 0  # neuron 0 of level 1: four edges, one scale
    assert tangent_rank(weights, supports) == product_dimension(supports) - 3
    assert scaling_dimension(weights) == 16 - 1
    assert not is_locally_unique(weights, supports)
    assert is_locally_unique(weights)  # among the factors with these zeros, it is


def test_supports_that_are_no_multitree():
    """An LU decomposition is unique up to scaling; two dense factors are not."""
    rng = np.random.default_rng(1)
    supports = [np.triu(np.ones((4, 4))), np.tril(np.ones((4, 4)))]
    weights = draw(rng, supports)
    assert tangent_rank(weights, supports) == 16
    assert is_locally_unique(weights)
    dense = [rng.standard_normal((2, 3)), rng.standard_normal((3, 2))]
    assert tangent_rank(dense) == 8  # rank-two matrices: 2 (3 + 3 - 2)
    assert not is_locally_unique(dense)
    with pytest.raises(NotMultitreeError):
        product_dimension(supports)


def test_scaling_dimension_is_that_of_the_orbit():
    rng = np.random.default_rng(2)
    for seed in range(6):
        supports = random_multitree([3, 5, 5, 2], rng=np.random.default_rng(seed), density=0.6)
        weights = draw(rng, [s & (rng.random(s.shape) < 0.6) for s in supports])
        sizes = [len(w) for w in weights[:-1]]
        rows = []
        for neuron in range(sum(sizes)):
            log = np.zeros(sum(sizes))
            log[neuron] = 1
            parts = np.split(log, np.cumsum(sizes)[:-1])
            scales = [np.zeros(weights[0].shape[1]), *parts, np.zeros(len(weights[-1]))]
            rows.append(
                np.concatenate(
                    [
                        (w * (scales[k + 1][:, None] - scales[k])).ravel()
                        for k, w in enumerate(weights)
                    ]
                )
            )
        assert scaling_dimension(weights) == np.linalg.matrix_rank(np.array(rows))


def test_empty_maps():
    assert tangent_rank([np.zeros((2, 2))]) == 0
    assert tangent_map([np.zeros((2, 2))]).shape == (4, 0)
    assert scaling_dimension([np.zeros((2, 2)), np.zeros((2, 2))]) == 0


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="supports: expected the shapes of the factors"):
        tangent_map([np.eye(2)], [np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"factors\[0\]: a nonzero weight lies outside"):
        tangent_map([np.ones((2, 2))], [np.eye(2)])
    with pytest.raises(ValueError, match=r"factors\[0\]: holds NaN"):
        tangent_map([[[np.nan]]])


# --- cross ratios


@pytest.mark.parametrize("n_layers", range(1, 6))
def test_cross_ratios_of_fast_transforms_are_minus_one(n_layers):
    for matrix in (dft(n_layers), hadamard(n_layers)):
        for factor in factorize(matrix, dyadic_supports(n_layers)).factors:
            ratios = cross_ratios(factor)
            assert ratios.shape == (2 ** (n_layers - 1),)
            np.testing.assert_allclose(ratios, -1, rtol=1e-12)


def test_cross_ratios_can_be_read_from_four_entries_of_the_product():
    rng = np.random.default_rng(3)
    n_layers, size = 4, 16
    weights = [w * 10.0 ** rng.uniform(-3, 3, w.shape) for w in draw(rng, dyadic_supports(4))]
    product = chain(weights)
    scales = [rng.uniform(0.1, 10, size) * rng.choice([-1, 1], size) for _ in range(3)]
    moved = rescale(weights, scales)
    for layer in range(n_layers):
        bit = 2**layer
        rows = np.flatnonzero(np.arange(size) & bit == 0)
        # outputs with the low digits of the neuron, inputs with its high digits
        o, i = rows, rows
        read = (
            product[o, i] * product[o + bit, i + bit] / (product[o, i + bit] * product[o + bit, i])
        )
        np.testing.assert_allclose(cross_ratios(weights[layer]), read, rtol=1e-9)
        np.testing.assert_allclose(cross_ratios(moved[layer]), read, rtol=1e-9)


def test_cross_ratios_refuse_other_matrices():
    with pytest.raises(ValueError, match="two nonzero entries in each row"):
        cross_ratios(np.eye(2))
    with pytest.raises(ValueError, match="disjoint blocks"):
        cross_ratios([[1, 1, 0], [0, 1, 1]])
    with pytest.raises(ValueError, match="disjoint blocks"):
        cross_ratios([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 1, 1]])
