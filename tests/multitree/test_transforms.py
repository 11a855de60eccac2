"""Fast transforms against scipy, numpy and their definitions."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.multitree.transforms import (
    bit_reversal,
    dft,
    dft_butterfly,
    hadamard,
    hadamard_butterfly,
)


@pytest.mark.parametrize("n_layers", range(8))
def test_bit_reversal_reverses_the_digits(n_layers):
    images = bit_reversal(n_layers)
    expected = [int(f"{k:0{n_layers}b}"[::-1], 2) for k in range(2**n_layers)] if n_layers else [0]
    assert images.tolist() == expected
    np.testing.assert_array_equal(images[images], np.arange(2**n_layers))


@pytest.mark.parametrize("n_layers", range(8))
def test_hadamard_is_a_kronecker_power(n_layers):
    expected = np.ones((1, 1))
    for _ in range(n_layers):
        expected = np.kron(expected, [[1, 1], [1, -1]])
    matrix = hadamard(n_layers)
    np.testing.assert_array_equal(matrix, expected)
    np.testing.assert_array_equal(matrix @ matrix.T, 2**n_layers * np.eye(2**n_layers))


@pytest.mark.parametrize("n_layers", range(9))
def test_dft_agrees_with_scipy_and_numpy(n_layers):
    size = 2**n_layers
    plain, reverse = dft(n_layers, reverse=False), bit_reversal(n_layers)
    np.testing.assert_allclose(plain, scipy.fft.fft(np.eye(size)), atol=2e-15)
    np.testing.assert_allclose(plain, scipy.linalg.dft(size), atol=1e-12)
    np.testing.assert_array_equal(dft(n_layers), plain[:, reverse])
    rng = np.random.default_rng(n_layers)
    x = rng.standard_normal(size)
    np.testing.assert_allclose(dft(n_layers) @ x[reverse], np.fft.fft(x), atol=1e-12)


def test_roots_at_quarter_turns_are_exact():
    for n_layers in range(2, 7):
        matrix = dft(n_layers, reverse=False)
        quarters = matrix[2 ** (n_layers - 2)]  # row N / 4: powers of -i
        np.testing.assert_array_equal(quarters, np.resize([1, -1j, -1, 1j], 2**n_layers))
    np.testing.assert_array_equal(dft(1), [[1, 1], [1, -1]])
    np.testing.assert_array_equal(dft(0), [[1]])


@pytest.mark.parametrize("n_layers", range(1, 7))
def test_both_are_butterflies_and_the_plain_transform_is_not(n_layers):
    supports = dyadic_supports(n_layers)
    for matrix in (hadamard(n_layers), dft(n_layers)):
        assert factorize(matrix, supports).residual < 1e-13
    residual = factorize(dft(n_layers, reverse=False), supports).lower_bound
    assert (residual > 0.4 * 2 ** (n_layers / 2)) == (n_layers >= 2)


@pytest.mark.parametrize("function", [bit_reversal, hadamard, dft])
@pytest.mark.parametrize("n_layers", [-1, 63, 2.0, "3", None])
def test_bad_numbers_of_digits_are_named(function, n_layers):
    with pytest.raises(ValueError, match="n_layers: expected an integer from 0 to 62, got"):
        function(n_layers)


@pytest.mark.parametrize("function", [hadamard_butterfly, dft_butterfly])
@pytest.mark.parametrize("n_layers", [0, 63, 2.0])
def test_bad_numbers_of_factors_are_named(function, n_layers):
    with pytest.raises(ValueError, match="n_layers: expected an integer from 1 to 62, got"):
        function(n_layers)
