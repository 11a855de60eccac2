"""Meeting in the middle against all subsets, and the functions that ask about subset sums."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations.hard_widths import one_sign_instance, zero_instance
from openblackbox.foundations.piecewise import piecewise_affine
from openblackbox.foundations.subset_sums import (
    subset_below_and_above,
    subset_with_sum,
    subset_with_sums,
)
from openblackbox.foundations.width import minimal_width

quick = settings(deadline=None, derandomize=True, max_examples=100)
numbers = st.lists(st.integers(-9, 9), max_size=8)


def subsets(n):
    for size in range(n + 1):
        yield from itertools.combinations(range(n), size)


@quick
@given(numbers, st.integers(-15, 15), st.sampled_from([1, 10**25]), st.booleans())
def test_one_sum(items, target, size, floats):
    exists = any(sum(items[j] for j in chosen) == target for chosen in subsets(len(items)))
    number = float if floats else int
    scaled = [number(size) * item for item in items]
    slack = 0.25 * size if floats else 0
    found = subset_with_sum(scaled, number(size) * target, tolerance=slack)
    assert (found is not None) == exists
    if exists:
        assert sum(items[j] for j in found) == target
        assert list(found) == sorted(set(found))


@quick
@given(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), max_size=8),
    st.tuples(st.integers(-6, 6), st.integers(-6, 6)),
    st.booleans(),
)
def test_two_sums(pairs, targets, floats):
    def sums(chosen):
        return tuple(sum(pairs[j][axis] for j in chosen) for axis in (0, 1))

    exists = any(sums(chosen) == targets for chosen in subsets(len(pairs)))
    scaled = [(p / 3, q / 3) for p, q in pairs] if floats else pairs
    aim = tuple(t / 3 for t in targets) if floats else targets
    found = subset_with_sums(scaled, aim, tolerance=1e-9 if floats else 0)
    assert (found is not None) == exists
    assert not exists or sums(found) == targets


@quick
@given(numbers, st.integers(-12, 12), st.integers(-12, 12), st.data(), st.booleans())
def test_one_sum_below_and_one_above(weights, most, least, data, floats):
    size = st.lists(st.integers(-9, 9), min_size=len(weights), max_size=len(weights))
    worths = data.draw(size)

    def fits(chosen):
        light = sum(weights[j] for j in chosen) <= most
        return light and sum(worths[j] for j in chosen) >= least

    number = float if floats else int
    found = subset_below_and_above(
        [number(w) for w in weights], most, [number(w) for w in worths], least
    )
    assert (found is not None) == any(map(fits, subsets(len(weights))))
    assert found is None or fits(found)


def test_tolerances_are_kept():
    for factor in (0.9995, 1.0005):
        found = subset_with_sum([1.0, 2.0], 3.0 + 0.01 * factor, tolerance=0.01)
        assert (found is not None) == (factor < 1)
        found = subset_with_sum([1.0, 2.0], 3.0 - 0.01 * factor, tolerance=0.01)
        assert (found is not None) == (factor < 1)
        for miss in itertools.product([-0.01 * factor, 0.01 * factor], repeat=2):
            found = subset_with_sums(
                [(1.0, 5.0), (2.0, 1.0)], (3.0 + miss[0], 6.0 + miss[1]), tolerance=0.01
            )
            assert (found is not None) == (factor < 1)


def test_forty_items_with_one_solution():
    rng = np.random.default_rng(0)
    items = [int(p) for p in rng.integers(10**15, 10**16, 40)]
    chosen = tuple(j for j in range(40) if rng.random() < 0.5)
    assert subset_with_sum(items[:36], 1) is None
    found = subset_with_sum(items, sum(items[j] for j in chosen))
    assert found == chosen  # 2^40 sums below 4e17: another one is most unlikely
    with pytest.raises(ValueError, match="at most 40, got 41"):
        subset_with_sum([*items, 1], 1)
    with pytest.raises(ValueError, match="worths: expected 2 numbers, got 1"):
        subset_below_and_above([1, 2], 1, [1], 1)


@pytest.mark.parametrize("items", [[1], [3, 5, 9], [2, 2, 2, 7], [4, 11, 1, 6, 6]])
def test_width_answers_the_question(items):
    sums = {sum(items[j] for j in chosen) for chosen in subsets(len(items))}
    for target in range(sum(items) + 1):
        knots, values, radius = zero_instance(items, target)
        result = minimal_width(knots, values, radius=radius)
        k = result.certificate.function.pieces
        assert k == 2 * len(items) + 1
        assert (result.width == k - 1) == (target in sums)
        knots, values, radius = one_sign_instance(items, target)
        result = minimal_width(knots, values, radius=radius)
        k = result.certificate.function.pieces
        assert k == len(items) + 1
        assert result.width == (k if target in sums else k + 1)


def test_the_functions_are_those_of_the_text():
    f = piecewise_affine(*zero_instance([3, 5], 7)[:2], radius=150)
    assert f.exact
    assert f.kinks == (36, 39, 144, 149)
    assert f.jumps == (1, 1, 1, 1)
    assert f.slope == -2
    assert f.values[0] == 7 + 36 + 144 + 2 * 150
    f = piecewise_affine(*one_sign_instance([3, 5], 7)[:2], radius=1)
    assert f.exact
    assert f.kinks == (Fraction(1, 289), Fraction(2, 290))
    assert f.jumps == (3 * (1 + Fraction(1, 288)), 5 * (1 + Fraction(2, 288)))
    assert f.values[0] == Fraction(15, 2)
    assert f.values[0] + 2 * f.slope == -7


def test_bad_questions_are_refused():
    for make in (zero_instance, one_sign_instance):
        for items, target, name in [([], 0, "numbers"), ([0], 0, "numbers"), ([2], 3, "target")]:
            with pytest.raises(ValueError, match=f"{name}.*: expected"):
                make(items, target)
