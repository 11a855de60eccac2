"""The synchronization cost: definition, enumeration, bounds, constants, invariances, bad input."""

import itertools
import math

import numpy as np
import pytest
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.cyclic import cyclic_cost
from openblackbox.meanfield.merging import cycle_labels
from openblackbox.meanfield.multimarginal import multimarginal_cost, pairwise_w2
from openblackbox.meanfield.synchronization import (
    EXACT_LIMIT,
    gap_costs,
    permutation_cost,
    shift_constants,
    shift_cost,
    synchronization_cost,
)
from row_cases import drawn


def defined(rows, order):
    """The definition, term by term."""
    m = rows.shape[1]
    total = 0.0
    for i in range(m):
        place, points = i, []
        for row in rows:
            place = order[place]
            points.append(row[place])
        total += sum(((a - b) ** 2).sum() for a, b in itertools.combinations(points, 2))
    return total / m


def least(rows, *, cyclic=False):
    orders = itertools.permutations(range(rows.shape[1]))
    return min(
        defined(rows, order)
        for order in orders
        if not cyclic or cycle_labels(np.array(order)).max() == 0
    )


CASES = [(2, 4, 1), (3, 1, 2), (3, 2, 1), (3, 5, 2), (4, 4, 1), (5, 3, 2), (6, 4, 1)]


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("s, m, p", CASES)
def test_enumeration(s, m, p, cyclic):
    for seed in range(2):
        rows = drawn(s, m, p, seed)
        expected = least(rows, cyclic=cyclic)
        found = synchronization_cost(rows, cyclic=cyclic)
        assert found.exact
        assert found.lower == found.upper == pytest.approx(expected, rel=1e-12)
        assert defined(rows, found.permutation) == pytest.approx(found.upper, rel=1e-12)
        assert found.shift == shift_cost(rows).cost
        interval = synchronization_cost(rows, cyclic=cyclic, exact_up_to=0)
        assert not interval.exact
        assert interval.shift == found.shift
        assert interval.lower <= expected * (1 + 1e-12)
        assert expected <= interval.upper * (1 + 1e-12)
        assert defined(rows, interval.permutation) == pytest.approx(interval.upper, rel=1e-12)
        if cyclic:
            assert cycle_labels(found.permutation).max() == 0
            assert cycle_labels(interval.permutation).max() == 0


def test_the_interval_by_hand():
    rows = drawn(4, 30, 2)
    found = synchronization_cost(rows)
    low, high = shift_constants(4)
    assert found.lower == pytest.approx(max(low * found.shift, gap_costs(rows).sum()), rel=1e-13)
    assert found.upper == pytest.approx(defined(rows, shift_cost(rows).permutation), rel=1e-12)
    assert found.lower < found.upper <= high * found.shift
    ring = synchronization_cost(rows, cyclic=True)
    assert ring.lower == found.lower
    assert ring.upper >= found.upper
    # Equal on both sides: rows that are shifts of each other cost nothing.
    row = np.random.default_rng(0).standard_normal((12, 2))
    still = np.stack([np.roll(row, k, axis=0) for k in range(4)])
    assert synchronization_cost(still).upper == pytest.approx(0, abs=1e-28)


def test_each_lower_bound_is_the_larger_one_somewhere():
    stuck = np.array([[0.0, 1], [0, 1], [1, 0], [1, 0]])[:, :, None]
    assert gap_costs(stuck).tolist() == [1, 0, 0]
    found = synchronization_cost(stuck, exact_up_to=0)
    assert found.lower == pytest.approx(1 / math.cos(math.pi / 8) ** 2, rel=1e-12)
    assert synchronization_cost(stuck).upper == 4
    rows = drawn(3, 20, 2)
    low = shift_constants(3)[0] * shift_cost(rows).cost
    assert synchronization_cost(rows).lower > 1.01 * low


def test_two_rows():
    rows = drawn(2, 6, 2)
    found = synchronization_cost(rows)
    assert found.upper == pytest.approx(assignment_cost(*rows).cost, rel=1e-12)
    assert found.upper == pytest.approx(found.shift, rel=1e-12)
    ring = synchronization_cost(rows, cyclic=True)
    assert ring.upper == pytest.approx(cyclic_cost(*rows).upper, rel=1e-12)
    interval = synchronization_cost(rows, exact_up_to=0)
    assert interval.lower == pytest.approx(interval.upper, rel=1e-12)


@pytest.mark.parametrize("s", range(2, 9))
def test_constants_are_eigenvalues_and_are_attained(s):
    path = np.diag([1, *[2] * (s - 2), 1]) - np.eye(s, k=1) - np.eye(s, k=-1)
    values, vectors = np.linalg.eigh(path)
    low, high = shift_constants(s)
    assert low == pytest.approx(s / values[-1], rel=1e-12)
    assert high == pytest.approx(s / values[1], rel=1e-12)
    for column, constant in ((-1, low), (1, high)):
        rows = vectors[:, column].reshape(s, 1, 1)
        found = synchronization_cost(rows)
        assert found.upper == pytest.approx(constant * found.shift, rel=1e-12)
    slow = np.cos(np.pi * (np.arange(s) + 0.5) / s).reshape(s, 1, 1)
    assert synchronization_cost(slow).upper == pytest.approx(high * shift_cost(slow).cost)


@pytest.mark.parametrize("s, m, p", CASES)
def test_the_bounds_hold(s, m, p):
    for seed in range(5):
        rows = drawn(s, m, p, seed + 10)
        found = synchronization_cost(rows)
        low, high = shift_constants(s)
        assert low * found.shift <= found.upper * (1 + 1e-12)
        assert found.upper <= high * found.shift * (1 + 1e-12)
        distances, gaps = pairwise_w2(rows), gap_costs(rows)
        apart = sum(distances[k, j] for k in range(s) for j in range(k + 2, s))
        assert gaps[0] == pytest.approx(found.shift, rel=1e-12)
        assert gaps[-1] == pytest.approx(distances[0, -1], rel=1e-12)
        assert found.shift + apart <= gaps.sum() * (1 + 1e-12)
        assert gaps.sum() <= found.upper * (1 + 1e-12)
        middle = multimarginal_cost(rows)
        assert distances.sum() / 2 <= middle.lower * (1 + 1e-9)
        assert middle.lower <= found.upper * (1 + 1e-9)


def test_gap_costs_against_permutations():
    rows = drawn(4, 4, 2)
    for gap, value in zip((1, 2, 3), gap_costs(rows), strict=True):
        costs = [
            sum(((rows[k] - rows[k + gap][list(order)]) ** 2).sum() for k in range(4 - gap)) / 4
            for order in itertools.permutations(range(4))
        ]
        assert value == pytest.approx(min(costs), rel=1e-12)


@pytest.mark.parametrize("cyclic", [False, True])
def test_invariances(cyclic):
    rows = drawn(3, 5, 2)
    rng = np.random.default_rng(1)
    cost = synchronization_cost(rows, cyclic=cyclic).upper
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    moved = 2 * rows[:, rng.permutation(5)] @ turn + 7
    assert synchronization_cost(moved, cyclic=cyclic).upper == pytest.approx(4 * cost, rel=1e-10)
    back = synchronization_cost(rows[::-1], cyclic=cyclic).upper
    assert back == pytest.approx(cost, rel=1e-12)
    assert abs(synchronization_cost(rows[[1, 0, 2]], cyclic=cyclic).upper - cost) > 0.01


def test_the_shift_cost_is_a_function_of_the_law():
    rows = drawn(3, 4, 2)
    copies = np.concatenate([rows, rows], axis=1)
    assert shift_cost(copies).cost == pytest.approx(shift_cost(rows).cost, rel=1e-12)
    found = synchronization_cost(np.concatenate([rows[:, :3]] * 2, axis=1))
    assert found.upper <= synchronization_cost(rows[:, :3]).upper * (1 + 1e-12)


def test_bad_input():
    zeros = np.zeros((3, 2, 1))
    for function in (synchronization_cost, shift_cost, gap_costs):
        for bad in (zeros[:1], zeros[0], zeros[:, :0]):
            with pytest.raises(ValueError, match="rows: expected shape"):
                function(bad)
        with pytest.raises(ValueError, match="rows: expected finite numbers"):
            function(zeros + np.inf)
        for far in (1e151, 1.5e308):
            with pytest.raises(ValueError, match="rows: expected differences up to 1e"):
                function([[[far]], [[-far]]])
    for limit in (EXACT_LIMIT + 1, np.int64(EXACT_LIMIT + 1)):
        with pytest.raises(ValueError, match="returns a certified interval"):
            synchronization_cost(zeros, exact_up_to=limit)
    with pytest.raises(ValueError, match="exact_up_to: expected an integer"):
        synchronization_cost(zeros, exact_up_to=1.5)
    with pytest.raises(ValueError, match="cyclic: expected True or False"):
        synchronization_cost(zeros, cyclic=1)
    with pytest.raises(ValueError, match="permutation: expected 2 entries, got 3"):
        permutation_cost(zeros, [0, 1, 2])
    with pytest.raises(ValueError, match="permutation"):
        permutation_cost(zeros, [0, 0])
    with pytest.raises(ValueError, match="s: expected an integer, at least 2"):
        shift_constants(1)
