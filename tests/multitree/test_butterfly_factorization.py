"""Factorization of butterflies: exact, noisy, and matrices that are none."""

import numpy as np
import pytest
import scipy.linalg
from butterfly_cases import draw, white
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.butterfly import Butterfly, ButterflyFit, factorize_butterfly
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.gauge import gauge_distance
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.multitree.transforms import bit_reversal, dft, hadamard


def check(fit, matrix):
    """Both numbers are what they claim to be, as far as dense arithmetic can tell."""
    assert isinstance(fit, ButterflyFit)
    unit = np.finfo(fit.butterfly.dtype).eps * fit.norm
    assert fit.norm == pytest.approx(np.linalg.norm(matrix), rel=1e-6)
    direct = np.linalg.norm(matrix - fit.butterfly.toarray())
    assert fit.residual == pytest.approx(direct, rel=1e-9, abs=4 * unit)
    assert 0 <= fit.lower_bound <= fit.residual
    n_layers = fit.butterfly.n_layers
    assert fit.residual <= np.sqrt(max(1, n_layers - 1)) * fit.lower_bound + 4 * n_layers * unit
    assert fit.rounding == pytest.approx(8 * len(matrix) * unit, rel=1e-12)
    if fit.method == "peel":
        assert len(fit.split_residuals) == n_layers - 1
        assert fit.residual == pytest.approx(np.linalg.norm(fit.split_residuals), rel=1e-12)
        assert fit.lower_bound == max(fit.split_residuals, default=0)
    else:
        assert fit.split_residuals == ()
        assert fit.lower_bound == 0


# ---------------------------------------------------------------- exact


@pytest.mark.parametrize("n_layers", range(1, 10))
@pytest.mark.parametrize("name", ["hadamard", "dft", "real", "complex"])
def test_exact_butterflies_take_the_fast_path(n_layers, name):
    matrix = {
        "hadamard": lambda: hadamard(n_layers),
        "dft": lambda: dft(n_layers),
        "real": lambda: draw(n_layers, 0).toarray(),
        "complex": lambda: draw(n_layers, 0, complex_=True).toarray(),
    }[name]()
    fit = factorize_butterfly(matrix)
    check(fit, matrix)
    assert (fit.verdict, fit.method) == ("exact", "balanced")
    assert fit.residual < 1e-15 * fit.norm
    assert fit.noise == 0


@pytest.mark.parametrize("method", ["balanced", "peel"])
def test_factors_are_the_true_ones_up_to_rescaling(method):
    for n_layers in range(1, 8):
        butterfly = draw(n_layers, n_layers, complex_=n_layers % 2 == 0)
        fit = factorize_butterfly(butterfly.toarray(), method=method)
        assert fit.method == method
        found, true = fit.butterfly.factors(), butterfly.factors()
        assert gauge_distance(found, true, entrywise=True) < 1e-9


def test_fourier_with_the_columns_of_scipy():
    """`scipy.linalg.dft` takes powers: its errors grow with N, and the verdict allows for that."""
    for n_layers in (3, 6, 9):
        matrix = scipy.linalg.dft(2**n_layers)[:, bit_reversal(n_layers)]
        fit = factorize_butterfly(matrix)
        check(fit, matrix)
        assert fit.verdict == "exact"


def test_cross_ratios_of_fourier_blocks():
    """Rescaling leaves w00 w11 / (w01 w10) alone: it is -1 in every block of the transform."""
    for method in ("balanced", "peel"):
        b = factorize_butterfly(dft(7), method=method).butterfly.blocks
        ratios = b[:, 0, 0] * b[:, 1, 1] / (b[:, 0, 1] * b[:, 1, 0])
        np.testing.assert_allclose(ratios, -1, rtol=1e-13)


@pytest.mark.parametrize("n_layers", [2, 3, 6])
def test_sparse_butterflies_are_exact_too(n_layers):
    size = 2**n_layers
    rng = np.random.default_rng(n_layers)
    index = np.arange(size)
    flip = np.zeros((size, size))
    flip[index ^ (size - 2), index] = 1  # a permutation that flips binary digits
    for matrix in (np.eye(size), flip, np.zeros((size, size))):
        fit = factorize_butterfly(matrix)
        check(fit, matrix)
        assert fit.verdict == "exact"
        np.testing.assert_allclose(fit.butterfly.toarray(), matrix, atol=1e-15)
    for _ in range(10):
        butterfly = draw(n_layers, rng.integers(10**6))
        butterfly = Butterfly(butterfly.blocks * (rng.random(butterfly.blocks.shape) < 0.8))
        fit = factorize_butterfly(butterfly.toarray())
        check(fit, butterfly.toarray())
        assert fit.verdict == "exact"


@pytest.mark.parametrize("exponent", [-900, -600, -300, 300, 600, 1000])
@pytest.mark.parametrize("method", ["auto", "balanced", "peel"])
def test_scales_near_the_limits(exponent, method):
    butterfly, noise = draw(4, 3).toarray(), white(16, 4)
    fit = factorize_butterfly(np.ldexp(butterfly, exponent), method=method)
    assert fit.verdict == "exact"
    np.testing.assert_allclose(
        fit.butterfly.toarray(), np.ldexp(butterfly, exponent), rtol=1e-13, atol=0
    )
    mine = factorize_butterfly(np.ldexp(noise, exponent), method=method)
    theirs = factorize_butterfly(noise, method=method)
    for name in ("norm", "residual", "lower_bound", "rounding", "split_residuals"):
        expected = np.ldexp(getattr(theirs, name), exponent)
        np.testing.assert_allclose(getattr(mine, name), expected, rtol=1e-12)
    assert mine.verdict == theirs.verdict


def test_numbers_below_the_normal_range_do_no_harm():
    fit = factorize_butterfly(np.full((4, 4), 5e-324))
    assert fit.residual <= 5e-324
    assert np.isfinite(fit.butterfly.blocks).all()


def test_types_and_layouts():
    matrix = draw(5, 0).toarray()
    reference = factorize_butterfly(matrix)
    padded = np.zeros((32, 64))
    padded[:, ::2] = matrix
    for other in (np.asfortranarray(matrix), padded[:, ::2], matrix.tolist()):
        np.testing.assert_array_equal(
            factorize_butterfly(other).butterfly.blocks, reference.butterfly.blocks
        )
    kept = matrix.copy()
    factorize_butterfly(matrix).butterfly.blocks[:] = 7
    np.testing.assert_array_equal(matrix, kept)
    small = np.array([[1, 2], [3, 4]])
    fit = factorize_butterfly(small)
    fit.butterfly.blocks[:] = 7
    np.testing.assert_array_equal(small, [[1, 2], [3, 4]])
    assert factorize_butterfly(hadamard(3).astype(int)).butterfly.dtype == np.float64
    for dtype in (np.float32, np.complex64):
        single = draw(6, 1, complex_=dtype == np.complex64, dtype=np.float32).toarray()
        for fit in (factorize_butterfly(single), factorize_butterfly(single, method="peel")):
            assert fit.butterfly.dtype == dtype
            assert fit.verdict == "exact"
            assert fit.residual < 1e-6 * fit.norm


def test_size_two_is_always_a_butterfly():
    for method in ("auto", "balanced", "peel"):
        fit = factorize_butterfly([[1, 2], [3, 4]], method=method)
        np.testing.assert_array_equal(fit.butterfly.toarray(), [[1, 2], [3, 4]])
        assert (fit.residual, fit.lower_bound, fit.verdict) == (0, 0, "exact")
        assert fit.norm == pytest.approx(np.sqrt(30), rel=1e-15)


# ---------------------------------------------------------------- noise


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.integers(1, 6), st.integers(0, 10**6), st.booleans(), st.sampled_from([1e-13, 1e-6, 0.3, 5])
)
def test_noisy_butterflies(n_layers, seed, complex_, level):
    butterfly = draw(n_layers, seed, complex_=complex_)
    exact = butterfly.toarray()
    noise = level * np.linalg.norm(exact) * white(len(exact), seed, complex_=complex_)
    size = np.linalg.norm(noise)
    fit = factorize_butterfly(exact + noise, noise=size)
    check(fit, exact + noise)
    assert fit.method == "peel"
    assert fit.noise == size
    # the exact butterfly is at distance `size`, so E* is at most that
    assert fit.lower_bound <= size * (1 + 1e-9)
    assert fit.residual <= np.sqrt(max(1, n_layers - 1)) * size * (1 + 1e-9)
    assert fit.verdict != "not a butterfly"


@pytest.mark.parametrize("n_layers", [2, 5, 7])
@pytest.mark.parametrize("complex_", [False, True])
def test_noise_is_reduced_to_the_degrees_of_freedom(n_layers, complex_):
    ratios = []
    for seed in range(12):
        exact = draw(n_layers, seed, complex_=complex_).toarray()
        noise = 1e-7 * np.linalg.norm(exact) * white(len(exact), seed, complex_=complex_)
        fit = factorize_butterfly(exact + noise, noise=np.linalg.norm(noise))
        assert fit.verdict == "within noise"
        error = np.linalg.norm(fit.butterfly.toarray() - exact)
        ratios.append(error / np.linalg.norm(noise))
    predicted = np.sqrt((n_layers + 1) / 2**n_layers)
    assert np.sqrt(np.mean(np.square(ratios))) == pytest.approx(predicted, rel=0.05)


def test_the_trap_one_step_on_noise():
    """The fast method alone is poor on noisy input; it says so, and "auto" does not use it."""
    worst = []
    for seed in range(5):
        exact = draw(8, seed).toarray()
        noise = 1e-6 * np.linalg.norm(exact) * white(256, seed)
        trap = factorize_butterfly(exact + noise, method="balanced")
        check_residual = np.linalg.norm(exact + noise - trap.butterfly.toarray())
        assert trap.residual == pytest.approx(check_residual, rel=1e-9)
        assert trap.verdict == "undecided"
        safe = factorize_butterfly(exact + noise)
        assert safe.method == "peel"
        assert safe.residual < np.linalg.norm(noise)
        worst.append(trap.residual / safe.residual)
    assert min(worst) > 2


@pytest.mark.parametrize("level", [1e-15, 1e-14, 1e-13, 1e-12])
def test_near_the_rounding_level_the_fit_is_good_all_the_same(level):
    for n_layers in (4, 8):
        exact = draw(n_layers, 0).toarray()
        noise = level * np.linalg.norm(exact) * white(len(exact), 1)
        fit = factorize_butterfly(exact + noise)
        assert fit.residual <= 2 * np.linalg.norm(noise) + 1e-15 * n_layers * fit.norm


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize("n_layers", range(2, 9))
def test_fourier_without_bit_reversal_is_refused(n_layers):
    fit = factorize_butterfly(dft(n_layers, reverse=False))
    check(fit, dft(n_layers, reverse=False))
    assert fit.verdict == "not a butterfly"
    # every block of the last split has two equal singular values: half of the squares is lost
    assert fit.split_residuals[0] == pytest.approx(fit.norm / np.sqrt(2), rel=1e-12)
    assert fit.lower_bound == pytest.approx(fit.norm / np.sqrt(2), rel=1e-12)


def test_the_four_verdicts():
    exact = draw(4, 0).toarray()
    noise = 0.01 * white(16, 0)
    matrix = exact + noise
    fit = factorize_butterfly(matrix, noise=0.01)
    assert fit.lower_bound < fit.residual < 0.01
    between = (fit.lower_bound + fit.residual) / 2
    assert fit.verdict == "within noise"
    assert factorize_butterfly(matrix, noise=fit.residual).verdict == "within noise"
    assert factorize_butterfly(matrix, noise=between).verdict == "undecided"
    assert factorize_butterfly(matrix, noise=0.99 * fit.lower_bound).verdict == "not a butterfly"
    assert factorize_butterfly(matrix).verdict == "not a butterfly"
    assert factorize_butterfly(exact, noise=1).verdict == "exact"
    assert factorize_butterfly(white(16, 1)).verdict == "not a butterfly"


def test_lower_bound_never_passes_a_known_distance():
    rng = np.random.default_rng(0)
    for n_layers in (2, 3, 4):
        for _ in range(20):
            matrix = rng.standard_normal((2**n_layers,) * 2)
            fit = factorize_butterfly(matrix)
            other = draw(n_layers, rng.integers(10**6)).toarray()
            step = (other * matrix).sum() / (other**2).sum()
            assert fit.lower_bound <= np.linalg.norm(matrix - step * other)
            backwards = factorize(matrix, dyadic_supports(n_layers))
            assert fit.lower_bound <= backwards.residual * (1 + 1e-12)
            assert backwards.lower_bound <= fit.residual * (1 + 1e-12)


@pytest.mark.parametrize(
    "matrix, error, match",
    [
        (np.ones((2, 3)), ValueError, r"matrix: expected a square matrix, got shape \(2, 3\)"),
        (np.ones(4), ValueError, r"got shape \(4,\)"),
        (np.float64(1), ValueError, r"got shape \(\)"),
        (np.ones((2, 2, 2)), ValueError, r"got shape \(2, 2, 2\)"),
        (np.ones((1, 1)), ValueError, "a power of two from 2 on, got 1"),
        (np.ones((0, 0)), ValueError, "a power of two from 2 on, got 0"),
        (np.ones((6, 6)), ValueError, "a power of two from 2 on, got 6"),
        ([[np.nan, 1], [1, 1]], ValueError, "matrix: holds NaN or infinity"),
        ([[np.inf, 1], [1, 1]], ValueError, "matrix: holds NaN or infinity"),
        (np.ones((2, 2), np.float16), TypeError, "float16"),
        ([["a"]], TypeError, "matrix: expected integers or numbers"),
        (np.full((2, 2), 1.7e308), OverflowError, "matrix: too large, its norm exceeds"),
    ],
)
def test_bad_matrices_are_named(matrix, error, match):
    with pytest.raises(error, match=match):
        factorize_butterfly(matrix)


@pytest.mark.parametrize("noise", [-1, np.nan, np.inf])
def test_bad_options_are_named(noise):
    with pytest.raises(ValueError, match="noise: expected a number from 0 on, got"):
        factorize_butterfly(np.eye(2), noise=noise)
    with pytest.raises(ValueError, match='method: expected "auto", "balanced" or "peel", got'):
        factorize_butterfly(np.eye(2), method="fast")


def test_factors_beyond_the_range_are_refused():
    """The last factor of the fast method may be a little larger than the matrix."""
    matrix = np.zeros((4, 4))
    matrix[0, :2] = 1, 1 / np.pi
    matrix *= 0.99 * np.finfo(float).max / np.linalg.norm(matrix)
    assert factorize_butterfly(matrix, method="peel").verdict == "exact"
    with pytest.raises(OverflowError, match="matrix: too large, its factors exceed the range"):
        factorize_butterfly(matrix, method="balanced")
