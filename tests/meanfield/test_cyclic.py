"""The cheapest ring: enumeration of all rings, the interval, special cases."""

import itertools

import numpy as np
import pytest
from openblackbox.meanfield.assignment import assignment_cost, dual_potentials
from openblackbox.meanfield.cyclic import EXACT_LIMIT, cyclic_cost
from openblackbox.meanfield.merging import cycle_labels, gap_bounds
from row_cases import PAIRS, pair
from scipy.spatial.distance import cdist


def enumerated(u, v):
    """The cheapest of the (m - 1)! rings."""
    costs, m = ((u[:, None] - v[None]) ** 2).sum(axis=2), len(u)
    rings = ((0, *rest) for rest in itertools.permutations(range(1, m)))
    return min(sum(costs[a, b] for a, b in zip(r, (*r[1:], r[0]), strict=True)) for r in rings) / m


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("m, p", [(1, 1), (2, 1), (3, 2), (5, 1), (6, 3), (7, 2)])
def test_enumeration(m, p, kind):
    for seed in range(3):
        u, v = pair(kind, m, p, seed)
        least = enumerated(u, v)
        found = cyclic_cost(u, v)
        assert found.exact
        assert found.lower == found.upper == pytest.approx(least, rel=1e-12)
        assert found.assignment == assignment_cost(u, v).cost
        interval = cyclic_cost(u, v, exact_up_to=0)
        assert interval.lower <= least * (1 + 1e-12) + 1e-15
        assert least <= interval.upper * (1 + 1e-12)
        for result in (found, interval):
            ring = result.permutation
            assert cycle_labels(ring).max() == 0
            assert ((u - v[ring]) ** 2).sum() / m == pytest.approx(result.upper, rel=1e-13)


def test_by_hand():
    points = np.array([[0.0], [1.0], [3.0]])
    found = cyclic_cost(points, points)
    assert found.upper == pytest.approx(14 / 3, rel=1e-15)
    assert found.assignment == 0
    assert cyclic_cost([[1.0]], [[4.0]]).upper == 9
    assert cyclic_cost(np.eye(9), np.eye(9)).upper == pytest.approx(2, rel=1e-15)
    # The rows are a shift of each other: the ring costs nothing.
    order = np.roll(np.arange(8), 1)
    u = np.random.default_rng(0).standard_normal((8, 2))
    assert cyclic_cost(u, u[order]).upper == 0


def test_tours_of_a_circle():
    """For u = v on a circle the best tour of squared steps follows the circle."""
    angle = 2 * np.pi * np.arange(11) / 11
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    order = np.random.default_rng(0).permutation(11)
    found = cyclic_cost(circle[order], circle[order])
    assert found.upper == pytest.approx((2 * np.sin(np.pi / 11)) ** 2, rel=1e-12)


def test_the_exact_method_and_the_interval_agree_where_both_run():
    for seed in range(4):
        u, v = pair("near", 13, 2, seed)
        exact = cyclic_cost(u, v, exact_up_to=13)
        interval = cyclic_cost(u, v)
        assert exact.exact
        assert not interval.exact
        assert interval.lower <= exact.upper <= interval.upper <= 1.3 * exact.upper
        assert interval.lower > 1.5 * exact.assignment  # the potentials say more


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("p", [1, 2, 10])
def test_the_interval(p, kind):
    u, v = pair(kind, 60, p)
    found = cyclic_cost(u, v)
    bounds = gap_bounds(u, v, assignment_cost(u, v).permutation)
    assert found.assignment <= found.lower <= found.upper
    assert found.upper <= found.assignment + bounds.sums
    if kind == "independent" and p > 1:
        assert found.upper < 1.1 * found.lower


@pytest.mark.parametrize("m, draws", [(40, 8), (80, 4)])
def test_pieces_are_moved_until_none_improves(m, draws):
    """No piece of up to three neurons can be moved to a better place, by trying all."""
    for seed in range(draws):
        u, v = pair("same", m, 2, seed)
        costs, found = cdist(u, v, "sqeuclidean"), cyclic_cost(u, v)
        ring = [0]
        while (ahead := found.permutation[ring[-1]]) != 0:
            ring.append(ahead)
        for size, start in itertools.product((1, 2, 3), range(m)):
            turned = ring[start:] + ring[:start]
            piece, rest = turned[:size], turned[size:]
            for place in range(len(rest)):
                moved = np.array(rest[:place] + piece + rest[place:])
                assert costs[moved, np.roll(moved, -1)].sum() > m * found.upper * (1 - 1e-12)


def test_the_lower_end_is_the_better_of_leaving_and_entering():
    better = []
    for seed in range(36):
        u, v = pair("near", 20, 2, seed)
        f, g, reduced = dual_potentials(u, v)
        labels = cycle_labels(assignment_cost(u, v).permutation)
        inside = [labels == label for label in range(labels.max() + 1)]
        leaving = sum(reduced[np.ix_(s, ~s)].min() for s in inside)
        entering = sum(reduced[np.ix_(~s, s)].min() for s in inside)
        bound = (f.sum() + g.sum() + max(leaving, entering)) / 20
        assert cyclic_cost(u, v).lower == pytest.approx(bound, rel=1e-12)
        better.append(leaving > entering)
    assert 0 < sum(better) < 36  # in one draw of six


def test_relabelling_both_rows_changes_nothing_and_one_row_does():
    u, v = pair("near", 8, 2)
    order = np.random.default_rng(1).permutation(8)
    cost = cyclic_cost(u, v).upper
    assert cyclic_cost(u[order], v[order]).upper == pytest.approx(cost, rel=1e-12)
    assert cyclic_cost(v, u).upper == pytest.approx(cost, rel=1e-12)
    alone = cyclic_cost(u, v[order])
    assert alone.assignment == pytest.approx(assignment_cost(u, v).cost, rel=1e-12)
    assert abs(alone.upper - cost) > 0.01


@pytest.mark.parametrize(
    "options, message",
    [
        ({"exact_up_to": EXACT_LIMIT + 1}, "returns an interval"),
        ({"exact_up_to": np.int64(EXACT_LIMIT + 1)}, "returns an interval"),
        ({"exact_up_to": -1}, "exact_up_to: expected an integer, at least 0"),
        ({"exact_up_to": 2.5}, "exact_up_to: expected an integer"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        cyclic_cost([[0.0]], [[0.0]], **options)


def test_bad_clouds():
    with pytest.raises(ValueError, match="unequal masses"):
        cyclic_cost([[0.0]], [[0.0], [1.0]])
    with pytest.raises(ValueError, match="u: expected finite"):
        cyclic_cost([[np.nan]], [[0.0]])
