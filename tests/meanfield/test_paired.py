"""Paired differences against SciPy, by hand, and under symmetry."""

import numpy as np
import pytest
from openblackbox.meanfield.paired import paired_difference, select
from scipy.stats import permutation_test, ttest_rel


@pytest.mark.parametrize("n", [2, 5, 9])
def test_against_scipy(n):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((2, n)) + [[0.4], [0]]
    found = paired_difference(x, y)
    other = ttest_rel(x, y)
    low, high = other.confidence_interval()
    np.testing.assert_allclose([found.low, found.high], [low, high], rtol=1e-10)
    assert found.mean == pytest.approx((x - y).mean(), rel=1e-12)
    assert found.mean / found.error == pytest.approx(other.statistic, rel=1e-12)
    exact = permutation_test(
        (x - y,), np.mean, permutation_type="samples", n_resamples=10**5, vectorized=False
    )
    assert found.p == pytest.approx(exact.pvalue, abs=1e-12)


def test_by_hand():
    found = paired_difference([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    # |1+2+3| is reached twice among the 8; |d| = 6
    assert (found.mean, found.p) == (2.0, 0.25)
    assert found.error == pytest.approx(1 / np.sqrt(3), rel=1e-14)
    assert found.high - found.mean == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert found.mean - found.low == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    # 3 - 1 - 1: sums 5, 1, 3, 3 and their negatives; |1| is reached by all.
    assert paired_difference([3.0, -1.0, -1.0], [0.0, 0.0, 0.0]).p == 1.0
    assert paired_difference([3.0, 1.0, -1.0], [0.0, 0.0, 0.0]).p == 0.75


def test_ties_by_rounding_count():
    # 0.1 + 0.2 - 0.3 is not 0 in floats: signs that differ by rounding only are equal.
    assert paired_difference([0.1, 0.2, -0.3], [0.0, 0.0, 0.0]).p == 1.0
    assert paired_difference([0.0, 0.0], [0.0, 0.0]).p == 1.0


def test_the_smallest_p_value_and_the_order():
    for n in (2, 5, 8):
        x = np.arange(1.0, n + 1)
        one, other = paired_difference(x, np.zeros(n)), paired_difference(np.zeros(n), x)
        assert one.p == other.p == 2.0 ** (1 - n)
        assert other.mean == -one.mean
        assert (other.low, other.high) == (-one.high, -one.low)


def test_the_level_of_the_sign_flips():
    rng = np.random.default_rng(0)
    ps = [paired_difference(rng.standard_normal(6), np.zeros(6)).p for _ in range(1000)]
    assert abs(np.mean(np.array(ps) <= 0.25) - 0.25) < 0.06  # 4 standard errors
    assert min(ps) == 2.0**-5


def test_selection():
    table = {"seed": [0, 1, 1], "who": ["a", "a", "b"], "e": [1.5, None, 2.5]}
    assert select(table, "e", who="b").tolist() == [2.5]
    np.testing.assert_array_equal(select(table, "e", who="a"), [1.5, np.nan])
    assert select(table, "e", who="a", seed=0).tolist() == [1.5]
    with pytest.raises(ValueError, match="column: expected one of seed, who, e, got 'f'"):
        select(table, "f")
    with pytest.raises(ValueError, match="column: expected one of seed, who, e, got 'how'"):
        select(table, "e", how=1)
    with pytest.raises(ValueError, match="where: expected values of some row"):
        select(table, "e", who="c")


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="second: expected 2 errors, as in first, got 3"):
        paired_difference([1, 2], [1, 2, 3])
    for n in (1, 21):
        with pytest.raises(ValueError, match=f"from 2 to 20 errors, got {n}"):
            paired_difference(np.ones(n), np.ones(n))
    with pytest.raises(ValueError, match="first: expected finite"):
        paired_difference([1, np.nan], [1, 2])
