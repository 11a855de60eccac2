"""Cycles and how they are merged: enumeration, cases by hand, the theorem."""

import numpy as np
import pytest
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.merging import (
    cycle_labels,
    gap_bounds,
    merge_cycles,
)
from row_cases import PAIRS, pair


def mean_cost(u, v, permutation):
    return ((u - v[permutation]) ** 2).sum() / len(u)


def test_cycles():
    assert cycle_labels([0]).tolist() == [0]
    assert cycle_labels([1, 2, 0, 3, 5, 4]).tolist() == [0, 0, 0, 1, 2, 2]
    rng = np.random.default_rng(0)
    for m in (5, 30):
        permutation = rng.permutation(m)
        labels = cycle_labels(permutation)
        assert np.array_equal(labels, labels[permutation])
        starts, count = set(range(m)), 0
        while starts:
            count, now = count + 1, min(starts)
            while now in starts:
                starts.remove(now)
                now = permutation[now]
        assert labels.max() + 1 == count


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("m, p", [(2, 1), (7, 2), (40, 1), (60, 3), (30, 20)])
def test_merging_gives_one_ring_within_the_theorem(m, p, kind):
    for seed in range(3):
        u, v = pair(kind, m, p, seed)
        sigma = assignment_cost(u, v).permutation
        ring = merge_cycles(u, v, sigma)
        assert cycle_labels(ring).max() == 0
        rise = mean_cost(u, v, ring) - mean_cost(u, v, sigma)
        bounds = gap_bounds(u, v, sigma)
        assert -1e-12 < rise <= bounds.sums * (1 + 1e-12)
        count = cycle_labels(sigma).max() + 1
        for merges in range(count):
            part = merge_cycles(u, v, sigma, merges=merges)
            assert cycle_labels(part).max() + 1 == count - merges
        assert np.array_equal(merge_cycles(u, v, sigma, merges=0), sigma)


def test_merging_any_permutation():
    """The bound holds for every permutation, not for cheapest ones alone."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        u, v, sigma = rng.standard_normal((9, 2)), rng.standard_normal((9, 2)), rng.permutation(9)
        rise = mean_cost(u, v, merge_cycles(u, v, sigma)) - mean_cost(u, v, sigma)
        assert rise <= gap_bounds(u, v, sigma).sums


def test_the_cheaper_direction_is_taken():
    """With u = v both directions cost the same; else the rise is at most the mean of the two."""
    rng = np.random.default_rng(4)
    strict = 0
    for _ in range(20):
        u, v = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
        ring = merge_cycles(u, v, np.arange(6))
        there, back = mean_cost(u, v, ring), mean_cost(u, v, np.argsort(ring))
        assert there <= back
        strict += there < back
    assert strict == 20


def test_short_edges_come_first():
    points = [[0.0], [1.0], [3.0], [7.0]]
    for merges, left in ((1, [1, 0, 2, 3]), (2, [2, 0, 1, 3])):
        merged = merge_cycles(points, points, np.arange(4), merges=merges)
        assert merged.tolist() == left or np.argsort(merged).tolist() == left


def test_bounds_by_hand():
    u, v = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [5.0], [1.0]])
    bounds = gap_bounds(u, v, [0, 2, 1])
    assert bounds.first == pytest.approx(2 / 3 * 5 * 3, rel=1e-14)
    assert bounds.second == pytest.approx(2 / 3 * 3 * 5, rel=1e-14)
    assert bounds.sums == pytest.approx(1.5 / 3 * (2**2 + 6**2), rel=1e-14)  # sums 0, 2, 8
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    bounds = gap_bounds(square, 2 * square, [0, 1, 2, 3])
    assert bounds.first == pytest.approx(0.5 * 2 * np.sqrt(2) * 3, rel=1e-14)
    assert bounds.second == pytest.approx(0.5 * np.sqrt(2) * 6, rel=1e-14)
    assert bounds.sums == pytest.approx(1.5 / 4 * 3 * 9, rel=1e-14)
    only = gap_bounds([[1.0]], [[2.0]], [0])
    assert (only.first, only.second, only.sums) == (0, 0, 0)


@pytest.mark.parametrize("permutation", [[0, 0], [1, 2], [0.0, 1.0], [], [[0, 1]], "ab"])
def test_no_permutation(permutation):
    u = [[0.0], [1.0]]
    for call in (cycle_labels, lambda s: merge_cycles(u, u, s), lambda s: gap_bounds(u, u, s)):
        with pytest.raises(
            ValueError, match=r"permutation: expected 0, \.\.\., m - 1 in some order"
        ):
            call(permutation)


def test_other_bad_input():
    u = [[0.0], [1.0]]
    with pytest.raises(ValueError, match="permutation: expected 2 entries, got 3"):
        merge_cycles(u, u, [0, 1, 2])
    with pytest.raises(ValueError, match="permutation: expected 2 entries, got 1"):
        gap_bounds(u, u, [0])
    with pytest.raises(ValueError, match="merges: expected an integer from 0 to 1, got 2"):
        merge_cycles(u, u, [0, 1], merges=2)
    with pytest.raises(ValueError, match="unequal masses"):
        merge_cycles(u, [[0.0]], [0, 1])
