"""Both sides of the contraction inequalities, against enumeration and against the theorems."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations.contraction import (
    contraction_sides,
    expected_supremum,
    largest_ratio,
    mean_absolute_sum,
    sign_vectors,
)

TRIANGLE = [[-1, 1, 0], [0, -1, -1], [-1, 0, -1]]
SIGNED = [v for v in itertools.product((-1, 0, 1), repeat=3) if v > (0, 0, 0)]


def by_hand(T, absolute):
    """The definition, sign by sign, with Python's own numbers."""
    total = 0.0
    for signs in itertools.product((-1, 1), repeat=len(T[0])):
        sums = [sum(s * t for s, t in zip(signs, row, strict=True)) for row in T]
        total += max(abs(value) for value in sums) if absolute else max(sums)
    return total / 2 ** len(T[0])


def relu(t):
    return np.maximum(t, 0)


def kinked(t):
    """1-Lipschitz, zero at zero, neither monotone nor even."""
    return np.abs(t - 0.5) - 0.5 + 0 * t


FUNCTIONS = [(np.abs, 1), (relu, 1), (np.sin, 1), (kinked, 1), (lambda t: 3 * t, 3)]
numbers = st.integers(-8, 8).map(lambda k: k / 4)
sets = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=1, max_size=5)
)


# --- signs and complexities


@pytest.mark.parametrize("n", [1, 2, 5])
def test_all_sign_vectors_are_listed_once(n):
    signs = sign_vectors(n)
    assert signs.tolist() == [list(s) for s in itertools.product((-1.0, 1.0), repeat=n)]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(T=sets, absolute=st.booleans())
def test_the_complexity_is_its_definition(T, absolute):
    assert expected_supremum(T, absolute=absolute) == pytest.approx(
        by_hand(T, absolute), rel=1e-13, abs=1e-13
    )


def test_special_cases():
    assert expected_supremum([[3.0, -2.0]]) == 0
    assert expected_supremum([[3.0, -2.0]], absolute=True) == 3
    assert expected_supremum(np.vstack([np.eye(4), -np.eye(4)])) == 1
    assert expected_supremum(np.eye(4)) == 1 - 2 / 16
    # The cube: the dual norm of a sign vector is its length.
    assert expected_supremum(sign_vectors(4)) == 4


# --- contraction


@settings(deadline=None, derandomize=True, max_examples=80)
@given(T=sets, which=st.lists(st.sampled_from(FUNCTIONS), min_size=5, max_size=5))
def test_without_absolute_values_the_constant_is_one(T, which):
    which = which[: len(T[0])]
    lip = max(constant for _, constant in which)
    sides = contraction_sides(T, [function for function, _ in which])
    assert sides.after <= lip * sides.before + 1e-12
    shifted = [lambda t, f=function: f(t) + 7 for function, _ in which]
    assert contraction_sides(T, shifted).after == pytest.approx(sides.after, abs=1e-12)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(T=sets, which=st.lists(st.sampled_from(FUNCTIONS), min_size=5, max_size=5))
def test_with_absolute_values_the_constant_is_two(T, which):
    which = which[: len(T[0])]
    lip = max(constant for _, constant in which)
    sides = contraction_sides(T, [function for function, _ in which], absolute=True)
    assert sides.after <= 2 * lip * sides.before + 1e-12


@pytest.mark.claim("LN-22", counterexample=True)
def test_the_factor_of_lipschitz_is_needed():
    sides = contraction_sides([[1.0]], lambda t: 10 * t, absolute=True)
    assert sides.after == 10 > 2 * sides.before == 2
    assert sides.ratio == 10 <= 2 * 10


@pytest.mark.claim("LN-22")
def test_the_triangle_needs_more_than_one():
    sides = contraction_sides(TRIANGLE, np.abs, absolute=True)
    assert (sides.before, sides.after) == (1.5, 2)
    assert sides.ratio == pytest.approx(4 / 3, rel=1e-15)
    assert np.array_equal(sides.vectors, TRIANGLE)


@pytest.mark.claim("LN-22")
def test_functions_must_vanish_at_zero():
    sides = contraction_sides([[0, 0, 0]], np.ones_like, absolute=True)
    assert (sides.before, sides.after, sides.ratio) == (0, 1.5, math.inf)


@pytest.mark.claim("LN-22")
def test_all_small_sets_of_signed_edges():
    best = largest_ratio(SIGNED, size=3)
    assert best.ratio == pytest.approx(4 / 3, rel=1e-12)
    ratios = [
        contraction_sides(subset, np.abs, absolute=True).ratio
        for count in (1, 2, 3)
        for subset in itertools.combinations(SIGNED, count)
    ]
    assert len(ratios) == 13 + 78 + 286
    assert max(ratios) == best.ratio
    smaller = largest_ratio(SIGNED, size=2)
    assert smaller.ratio == 1
    assert len(smaller.vectors) == 1


def test_the_search_returns_the_first_of_the_largest():
    best = largest_ratio(SIGNED, size=3)
    subsets = itertools.combinations(SIGNED, 3)
    ratio = lambda T: contraction_sides(T, np.abs, absolute=True).ratio  # noqa: E731
    first = next(T for T in subsets if ratio(T) > 1.33)
    assert np.array_equal(best.vectors, first)
    assert (best.before, best.after) == (1.5, 2.0)  # the frustrated triangle
    # Ratios that differ by rounding only do not displace the first.
    thirds = [[1 / 3, 0], [0.1, 0], [0.7, 0]]
    assert largest_ratio(thirds, size=1).vectors.tolist() == [[1 / 3, 0]]
    assert largest_ratio([[2.0]], size=1, phi=lambda t: 5 * t).ratio == 5


def test_ratios_at_zero():
    assert contraction_sides([[0.0]], np.abs).ratio == 1
    assert contraction_sides([[1.0]], np.abs).ratio == 1
    # The complexity of one vector is zero, and so is that of its image.
    assert contraction_sides([[3.0, 4.0]], lambda t: t**2).after == 0


def test_one_function_for_each_coordinate():
    sides = contraction_sides([[1.0, 2.0]], [np.zeros_like, lambda t: 3 * t], absolute=True)
    assert (sides.before, sides.after, sides.ratio) == (2, 6, 3)


# --- sums of signs


@pytest.mark.parametrize("n", range(1, 13))
def test_the_mean_absolute_sum_is_the_mean(n):
    assert mean_absolute_sum(n) == np.abs(sign_vectors(n).sum(axis=1)).mean()


def test_the_mean_absolute_sum_between_its_bounds():
    ratio = [mean_absolute_sum(n) / math.sqrt(n) for n in range(1, 2000)]
    assert min(ratio) == ratio[1] == pytest.approx(math.sqrt(0.5), rel=1e-15)
    assert max(ratio) == ratio[0] == 1
    # Even n rise to the limit, odd n fall to it; the distance is about 1/(4n) of it.
    assert np.all(np.diff(ratio[1::2]) > 0)
    assert np.all(np.diff(ratio[0::2]) < 0)
    limit = math.sqrt(2 / math.pi)
    for n in (1998, 1999):
        assert ratio[n - 1] == pytest.approx(limit * (1 + (-1) ** (n + 1) / (4 * n)), rel=1e-7)


# --- errors


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: sign_vectors(0), ValueError, "n: expected an integer from 1 to 20"),
        (lambda: sign_vectors(21), ValueError, "n: expected an integer from 1 to 20"),
        (lambda: expected_supremum([1, 2]), ValueError, r"T: .* got shape \(2,\)"),
        (lambda: expected_supremum(np.zeros((0, 3))), ValueError, "T: expected a non-empty"),
        (lambda: expected_supremum(np.zeros((1, 21))), ValueError, "at most 20 entries, got 21"),
        (lambda: expected_supremum([[math.nan]]), ValueError, "T: expected finite"),
        (lambda: contraction_sides([[1.0]], [np.abs, 3]), TypeError, "phi"),
        (lambda: contraction_sides([[1.0]], [np.abs] * 2), ValueError, "phi: expected 1 functions"),
        (lambda: contraction_sides([[1.0]], lambda t: t / 0.0 * 0), ValueError, "function 0"),
        (lambda: contraction_sides([[1.0]], np.sum), ValueError, "phi: function 0"),
        (lambda: largest_ratio([[1.0]], size=2), ValueError, "size: expected an integer from 1 to"),
        (lambda: mean_absolute_sum(0), ValueError, "n: expected a positive integer"),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with np.errstate(all="ignore"), pytest.raises(error, match=words):
        call()
