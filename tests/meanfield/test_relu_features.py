"""The feature of ReLU and its differential: quadrature, random points, ends, and bad input."""

import math

import numpy as np
import pytest
from openblackbox.meanfield.relu_features import (
    differential_gap,
    feature_kernel,
    sample_differential_gap,
    tangent_gap,
)

ANGLES = [0.01, 0.3, 1.0, 2.0, 3.0]


def circle(n=200_000):
    """Points of a fine grid on the circle of radius sqrt(2): a rotation-invariant law."""
    t = (np.arange(n) + 0.5) * 2 * math.pi / n
    return math.sqrt(2) * np.column_stack([np.cos(t), np.sin(t)]), t


@pytest.mark.parametrize("angle", ANGLES)
def test_the_kernel_against_quadrature(angle):
    x, _ = circle()
    v = np.array([math.cos(angle), math.sin(angle)])
    slow = np.mean(np.maximum(x[:, 0], 0) * np.maximum(x @ v, 0))
    assert feature_kernel(angle) == pytest.approx(slow, rel=1e-7)


@pytest.mark.parametrize("angle", ANGLES)
def test_the_gap_of_differentials_against_quadrature(angle):
    x, _ = circle()
    v = [math.cos(angle), math.sin(angle)]
    assert differential_gap(angle) == pytest.approx(
        sample_differential_gap([1.0, 0.0], v, x), rel=1e-3
    )


@pytest.mark.parametrize("angle", ANGLES)
def test_the_gap_along_a_circle_against_quadrature(angle):
    x, _ = circle()
    c, s = math.cos(angle), math.sin(angle)
    one = x[:, 1] * (x[:, 0] > 0)
    other = (x @ [-s, c]) * (x @ [c, s] > 0)
    assert tangent_gap(angle) == pytest.approx(math.sqrt(np.mean((one - other) ** 2)), rel=1e-3)


def test_the_dimension_does_not_occur():
    # 4 standard errors; the law of the points is normal in dimension 5, and the plane is random.
    rng = np.random.default_rng(3)
    x = rng.standard_normal((40_000, 5))
    basis, _ = np.linalg.qr(rng.standard_normal((5, 2)))
    w, v = basis[:, 0], basis @ [math.cos(1.0), math.sin(1.0)]
    assert sample_differential_gap(w, v, x) ** 2 == pytest.approx(
        float(differential_gap(1.0)) ** 2, abs=0.03
    )


def test_both_gaps_have_the_same_first_order():
    small = np.array([1e-2, 1e-4, 1e-6])
    for gap, order in ((differential_gap, 2), (tangent_gap, 1)):
        ratio = gap(small) / np.sqrt(small)
        assert np.abs(ratio / math.sqrt(2 / math.pi) - 1).max() < 1e-2
        assert abs(ratio[1] / math.sqrt(2 / math.pi) - 1) < 10.0 ** (-2 * order - 1)
    expansion = 2 * 0.1 / math.pi + 0.1**2 / 2 - 2 * 0.1**3 / (3 * math.pi)
    assert tangent_gap(0.1) ** 2 == pytest.approx(expansion, rel=1e-4)


def test_the_square_of_the_tangent_gap_is_a_difference_of_second_derivatives():
    for angle in ANGLES[1:]:
        h = 1e-4
        around = feature_kernel([angle - h, angle, angle + h])
        second = (around[0] - 2 * around[1] + around[2]) / h**2
        at_zero = -0.5
        assert tangent_gap(angle) ** 2 == pytest.approx(2 * (second - at_zero), rel=1e-5)


def test_a_sample_by_hand():
    x = [[0.0, 3.0], [4.0, 0.0], [1.0, 5.0]]
    gap = sample_differential_gap([1.0, 0.01], [1.0, -0.01], x)
    assert gap == pytest.approx(math.sqrt(9 / 3), rel=1e-14)
    assert sample_differential_gap([1.0, 0.01], [2.0, 0.02], x) == 0
    slopes = [1 - math.tanh(t) ** 2 for t in (1.0, 3.0)]
    gap = sample_differential_gap([1.0], [3.0], [[1.0]], activation="tanh")
    assert gap == pytest.approx(slopes[0] - slopes[1], rel=1e-13)


@pytest.mark.parametrize("function", [feature_kernel, differential_gap, tangent_gap])
def test_angles_that_are_refused(function):
    for bad in (-0.1, 3.2, np.nan, "x"):
        with pytest.raises(ValueError, match="angle"):
            function(bad)
    assert function(np.ones((2, 3))).shape == (2, 3)


def test_samples_that_are_refused():
    with pytest.raises(ValueError, match="x: expected at least one point"):
        sample_differential_gap([1.0], [1.0], np.ones((0, 1)))
    with pytest.raises(ValueError, match="v: expected 2 numbers"):
        sample_differential_gap([1.0, 0.0], [1.0], np.ones((3, 2)))
    with pytest.raises(ValueError, match="activation"):
        sample_differential_gap([1.0], [1.0], [[1.0]], activation="sine")
    with pytest.raises(ValueError, match="w: expected 2 numbers, not all zero"):
        sample_differential_gap([0.0, 0.0], [1.0, 0.0], np.ones((3, 2)))
