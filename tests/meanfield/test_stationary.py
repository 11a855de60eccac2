"""The cost of a law: copies of the neurons, the bounds, special cases, bad input."""

import numpy as np
import pytest
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.multimarginal import multimarginal_cost
from openblackbox.meanfield.stationary import stationary_cost
from openblackbox.meanfield.synchronization import (
    gap_costs,
    shift_constants,
    shift_cost,
    synchronization_cost,
)
from row_cases import drawn


def copied(rows, times):
    return np.concatenate([np.asarray(rows, dtype=float)] * times, axis=1)


@pytest.mark.parametrize("s, m, p", [(2, 5, 2), (3, 4, 1), (3, 5, 2), (4, 3, 2), (5, 3, 1)])
def test_between_its_bounds(s, m, p):
    for seed in range(4):
        rows = drawn(s, m, p, seed)
        cost, shift = stationary_cost(rows).cost, shift_cost(rows).cost
        low, high = shift_constants(s)
        assert max(low * shift, gap_costs(rows).sum()) <= cost * (1 + 1e-9)
        assert multimarginal_cost(rows).lower <= cost * (1 + 1e-9)
        assert cost <= synchronization_cost(rows).upper * (1 + 1e-9)
        assert cost <= high * shift * (1 + 1e-9)


@pytest.mark.parametrize("s, m, p", [(3, 4, 2), (4, 3, 1)])
def test_the_law_of_the_windows(s, m, p):
    rows = drawn(s, m, p)
    found = stationary_cost(rows)
    law = found.windows
    assert law.shape == (m,) * s
    assert law.min() >= -1e-12
    assert law.sum(axis=-1) == pytest.approx(law.sum(axis=0), abs=1e-9)
    for axis in range(s):
        others = tuple(k for k in range(s) if k != axis)
        assert law.sum(axis=others) == pytest.approx(1 / m, abs=1e-9)
    total = 0.0
    for places in np.ndindex(law.shape):
        points = np.stack([rows[k, i] for k, i in enumerate(places)])
        total += law[places] * ((points[:, None] - points[None]) ** 2).sum() / 2
    assert found.cost == pytest.approx(total, rel=1e-9)


def test_two_rows_are_the_distance():
    rows = drawn(2, 6, 3)
    assert stationary_cost(rows).cost == pytest.approx(assignment_cost(*rows).cost, rel=1e-9)


def test_copies_by_hand():
    """Two neurons cost 2; two copies of each cost 1, which is the cost of the law."""
    rows = np.array([[0.0, 1], [0, 0], [1, 0]])[:, :, None]
    costs = [synchronization_cost(copied(rows, n)).upper for n in (1, 2, 3)]
    assert costs == pytest.approx([2, 1, 4 / 3], rel=1e-12)
    assert stationary_cost(rows).cost == pytest.approx(1, rel=1e-12)


def test_copies_of_random_neurons():
    """Copies never cost more, and never less than the law; two copies may do."""
    reached = 0
    for seed in range(12):
        rows = drawn(3, 3, 1, seed)
        least = stationary_cost(rows).cost
        one, two = (synchronization_cost(copied(rows, n)).upper for n in (1, 2))
        assert least <= two * (1 + 1e-9)
        assert two <= one * (1 + 1e-12)
        assert stationary_cost(copied(rows, 2)).cost == pytest.approx(least, rel=1e-9)
        reached += two < least * (1 + 1e-9)
    assert reached >= 6


def test_the_root_is_lipschitz():
    for seed in range(6):
        first, second = drawn(3, 4, 2, seed), drawn(3, 4, 2, seed + 20)
        near = first + 0.3 * second
        clouds = [x.transpose(1, 0, 2).reshape(4, -1) for x in (first, near)]
        step = np.sqrt(3 * assignment_cost(*clouds).cost)
        roots = [np.sqrt(stationary_cost(x).cost) for x in (first, near)]
        assert abs(roots[0] - roots[1]) <= step * (1 + 1e-9)


def test_convex_in_the_law():
    for seed in range(6):
        first, second = drawn(3, 3, 1, seed), drawn(3, 3, 1, seed + 30)
        mixed = stationary_cost(np.concatenate([first, second], axis=1)).cost
        mean = (stationary_cost(first).cost + stationary_cost(second).cost) / 2
        assert mixed <= mean * (1 + 1e-9)


def test_bad_input():
    with pytest.raises(ValueError, match="rows: expected shape"):
        stationary_cost(np.zeros((1, 2, 1)))
    with pytest.raises(ValueError, match="rows: expected finite"):
        stationary_cost(np.full((2, 2, 1), np.nan))
    with pytest.raises(ValueError, match=r"got 28\^3: synchronization_cost returns a certified"):
        stationary_cost(np.zeros((3, 28, 1)))
