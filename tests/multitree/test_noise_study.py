"""What a factorization leaves of the noise: the first-order law, the study and its table."""

import numpy as np
import pytest
from openblackbox.data import data_path
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.noise_study import (
    LEVELS,
    STUDY,
    degrees_of_freedom,
    noise_reduction,
    normalized_product,
    shape_supports,
)
from openblackbox.multitree.supports import check_multitree, dyadic_supports
from openblackbox.study import read_study

SHAPES = [("layer", 2), ("layer", 3), ("butterfly", 2), ("butterfly", 3), ("butterfly", 4)]


def tangent_basis(weights, supports):
    """An orthonormal basis of the first-order changes of a product, from all its weights."""
    columns = []
    for layer, support in enumerate(supports):
        for row, column in np.argwhere(support):
            change = list(weights)
            change[layer] = np.zeros(support.shape)
            change[layer][row, column] = 1
            columns.append(np.linalg.multi_dot(change[::-1]).ravel())
    basis, values, _ = np.linalg.svd(np.transpose(columns), full_matrices=False)
    return basis[:, values > 1e-9 * values[0]]


@pytest.mark.parametrize("kind, size", SHAPES)
def test_the_degrees_of_freedom_are_the_rank_of_the_derivative(kind, size):
    supports = check_multitree(shape_supports(kind, size))
    rng = np.random.default_rng(0)
    weights = [s * rng.uniform(0.5, 1.5, s.shape) for s in supports]
    dimension, entries = degrees_of_freedom(kind, size)
    assert tangent_basis(weights, supports).shape == (entries, dimension)


def test_the_two_formulas():
    for p in (2, 5):
        dimension, entries = degrees_of_freedom("layer", p)
        assert dimension * p**2 == entries * (2 * p - 1)
    for depth in (2, 6):
        dimension, entries = degrees_of_freedom("butterfly", depth)
        assert dimension * 2**depth == entries * (depth + 1)


@pytest.mark.parametrize("kind, size", SHAPES)
def test_to_first_order_the_noise_is_projected(kind, size):
    # The tangent space of the product alone: the projection of E is what factorize keeps of it.
    supports = shape_supports(kind, size)
    rng = np.random.default_rng(1)
    weights = [s * rng.uniform(0.5, 1.5, s.shape) for s in supports]
    product = np.linalg.multi_dot(weights[::-1])
    basis = tangent_basis(weights, supports)
    noise = rng.standard_normal(product.shape)
    expected = (basis @ (basis.T @ noise.ravel())).reshape(product.shape)
    estimate = np.linalg.multi_dot(factorize(product + 1e-7 * noise, supports).factors[::-1])
    np.testing.assert_allclose((estimate - product) / 1e-7, expected, atol=1e-4)


@pytest.mark.claim("SL-27")
@pytest.mark.parametrize("kind, size", [("layer", 4), ("layer", 8), ("butterfly", 5)])
@pytest.mark.parametrize("sigma", [1e-6, 1e-3])
def test_small_noise_is_reduced_to_the_degrees_of_freedom(kind, size, sigma):
    got = [noise_reduction(kind, size, "even", sigma, seed) for seed in range(100, 104)]
    dimension, entries = degrees_of_freedom(kind, size)
    mean = np.mean([one["mean"] for one in got])
    error = np.sqrt(np.sum([one["error"] ** 2 for one in got])) / len(got)
    assert abs(mean - dimension / entries) < 4 * error < 0.1 * mean


@pytest.mark.claim("SL-27")
def test_large_noise_is_not():
    dimension, entries = degrees_of_freedom("butterfly", 5)
    for law, sigma in (("even", 1.0), ("gaussian", 0.5)):
        got = noise_reduction("butterfly", 5, law, sigma, 0)
        assert got["mean"] - 4 * got["error"] > 1.1 * dimension / entries


def test_the_numbers_of_a_cell_are_what_they_say():
    got = noise_reduction("butterfly", 3, "gaussian", 0.5, 7)
    rng = np.random.default_rng(7)
    product = normalized_product("butterfly", 3, "gaussian", rng=rng)
    ratios = []
    for _ in range(got["draws"]):
        noisy = product + 0.5 * rng.standard_normal((8, 8))
        factors = factorize(noisy, dyadic_supports(3)).factors
        left = np.linalg.norm(factors[2] @ factors[1] @ factors[0] - product) ** 2
        ratios.append(left / (64 * 0.25))
    assert got["draws"] == 64
    assert got["mean"] == pytest.approx(np.mean(ratios), rel=6e-4)
    assert got["error"] == pytest.approx(np.std(ratios, ddof=1) / 8, rel=6e-4)
    assert got["mean"] == float(f"{got['mean']:.4g}")
    assert got["error"] == float(f"{got['error']:.4g}")


@pytest.mark.parametrize("kind, size, draws", [("layer", 5, 64), ("butterfly", 5, 64),
                                               ("layer", 6, 16), ("butterfly", 8, 16)])  # fmt: skip
def test_the_number_of_draws(kind, size, draws):
    assert noise_reduction(kind, size, "even", 1e-3, 0)["draws"] == draws


@pytest.mark.parametrize("law", ["even", "gaussian"])
def test_products_have_mean_square_one_and_the_law_asked(law):
    product = normalized_product("layer", 8, law, rng=np.random.default_rng(2))
    assert np.mean(product**2) == pytest.approx(1, rel=1e-12)
    weights = normalized_product("layer", 1, law, rng=np.random.default_rng(2))
    assert np.abs(weights) == pytest.approx(1)
    # Replay the draws: the product is that of the weights, up to the norm.
    rng = np.random.default_rng(2)
    supports = shape_supports("layer", 8)
    if law == "even":
        draws = [rng.choice([-1, 1], s.shape) * rng.uniform(0.5, 1.5, s.shape) for s in supports]
    else:
        draws = [rng.standard_normal(s.shape) for s in supports]
    expected = (supports[1] * draws[1]) @ (supports[0] * draws[0])
    np.testing.assert_allclose(product, expected / np.sqrt(np.mean(expected**2)), rtol=1e-12)


def test_other_words_are_refused():
    with pytest.raises(ValueError, match="kind: expected 'layer' or 'butterfly', got 'tree'"):
        shape_supports("tree", 3)
    with pytest.raises(ValueError, match="law: expected 'even' or 'gaussian', got 'cauchy'"):
        normalized_product("layer", 2, "cauchy", rng=np.random.default_rng(0))


@pytest.mark.claim("SL-27")
def test_the_table_in_the_book_is_that_of_the_study():
    assert STUDY.function is noise_reduction
    assert STUDY.grid["sigma"] == tuple(LEVELS)
    assert LEVELS == [
        1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 8
    ]  # fmt: skip
    stored = read_study(data_path("noise.csv"))
    for name in STUDY.grid:
        assert stored[name] == [cell[name] for cell in STUDY.cells()]
    for number in (0, 500, 900, 1200):
        cell = STUDY.cells()[number]
        if (cell["kind"], cell["size"]) != ("butterfly", 10):
            fresh = noise_reduction(**cell)
            for name, value in fresh.items():
                assert stored[name][number] == pytest.approx(value, rel=2e-3)
    # Every shape follows the formula for small noise, within its confidence interval.
    rows = list(zip(*(stored[name] for name in STUDY.header), strict=True))
    for kind in ("layer", "butterfly"):
        for size in STUDY.grid["size"]:
            small = [r for r in rows if r[:2] == (kind, size) and r[3] <= 1e-3]
            mean = np.mean([r[5] for r in small])
            error = np.sqrt(np.mean([r[6] ** 2 for r in small]) / 8)  # 2 laws, 4 seeds
            dimension, entries = degrees_of_freedom(kind, size)
            assert abs(mean - dimension / entries) < 4 * error
