"""The multi-marginal cost: permutations tried, barycentres, bounds, special cases, bad input."""

import itertools

import numpy as np
import ot
import pytest
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.multimarginal import (
    LP_LIMIT,
    multimarginal_cost,
    pairwise_w2,
    tuple_cost,
)
from row_cases import drawn, polygon
from scipy.optimize import linprog


def over_permutations(rows):
    """The cheapest way to match the rows by permutations: an upper bound of the cost."""
    s, m, _ = rows.shape
    orders = [list(order) for order in itertools.permutations(range(m))]
    return min(
        sum(
            ((a - b) ** 2).sum()
            for a, b in itertools.combinations(
                [rows[0], *(row[order] for row, order in zip(rows[1:], chosen, strict=True))], 2
            )
        )
        / m
        for chosen in itertools.product(orders, repeat=s - 1)
    )


@pytest.mark.parametrize("s, m, p", [(2, 4, 2), (3, 2, 3), (3, 3, 2), (3, 4, 2), (4, 2, 2)])
def test_against_permutations(s, m, p):
    """For these draws a best law is a permutation; in general it need not be one."""
    for seed in range(3):
        rows = drawn(s, m, p, seed)
        found = multimarginal_cost(rows)
        assert (found.method, found.exact) == ("lp", True)
        assert found.lower == found.upper <= over_permutations(rows) * (1 + 1e-9)
        assert found.lower == pytest.approx(over_permutations(rows), rel=1e-9)


def test_two_rows_are_the_distance():
    rows = drawn(2, 9, 3)
    least = assignment_cost(rows[0], rows[1]).cost
    assert multimarginal_cost(rows).lower == pytest.approx(least, rel=1e-9)
    bounds = multimarginal_cost(rows, method="bounds")
    assert bounds.lower == pytest.approx(least, rel=1e-13)
    assert bounds.upper == pytest.approx(least, rel=1e-13)


def test_hexagon():
    rows = polygon(3, 2)
    assert pairwise_w2(rows) == pytest.approx(1 - np.eye(3), abs=1e-14)
    assert multimarginal_cost(rows).lower == pytest.approx(5, rel=1e-9)
    bounds = multimarginal_cost(rows, method="bounds")
    assert (bounds.lower, bounds.upper) == pytest.approx((3, 5), rel=1e-12)


@pytest.mark.parametrize("m", [2, 3, 5, 12])
def test_polygons_of_three_rows(m):
    """The ratio of M and S is known, and it tends to 2."""
    rows = polygon(3, m)
    ratio = multimarginal_cost(rows).lower / (pairwise_w2(rows).sum() / 2)
    assert ratio == pytest.approx((2 + 4 * np.cos(np.pi / (3 * m)) ** 2) / 3, rel=1e-8)


def test_five_rows_and_copies_of_rows():
    rows = polygon(5, 5)
    ratio = multimarginal_cost(rows).lower / (pairwise_w2(rows).sum() / 2)
    assert 1.9 < ratio < 2
    once, twice = polygon(3, 2), np.repeat(polygon(3, 2), 2, axis=0)
    assert multimarginal_cost(twice).lower == pytest.approx(
        4 * multimarginal_cost(once).lower, rel=1e-8
    )


@pytest.mark.parametrize("s, m", [(3, 4), (4, 5), (5, 3)])
def test_the_line(s, m):
    rows = drawn(s, m, 1)
    sorted_ = multimarginal_cost(rows)
    assert sorted_.method == "sorted"
    assert sorted_.lower == pytest.approx(multimarginal_cost(rows, method="lp").lower, rel=1e-9)
    assert sorted_.lower == pytest.approx(pairwise_w2(rows).sum() / 2, rel=1e-12)
    assert multimarginal_cost(rows, method="bounds").upper == pytest.approx(
        sorted_.lower, rel=1e-12
    )


@pytest.mark.parametrize("s, m, p", [(3, 6, 2), (3, 12, 5), (4, 5, 2), (5, 4, 3)])
def test_bounds(s, m, p):
    rows = drawn(s, m, p)
    found, bounds = multimarginal_cost(rows), multimarginal_cost(rows, method="bounds")
    total = pairwise_w2(rows).sum() / 2
    assert not bounds.exact
    assert bounds.lower == pytest.approx(total, rel=1e-12)
    assert total <= found.lower * (1 + 1e-9)
    assert found.lower <= bounds.upper * (1 + 1e-9)
    assert bounds.upper <= 2 * total
    star = pairwise_w2(rows).sum(axis=1).min() * s
    assert bounds.upper <= star * (1 + 1e-12)
    glued = [
        np.stack([row[assignment_cost(centre, row).permutation] for row in rows]) for centre in rows
    ]
    least = min(tuple_cost(points).mean() for points in glued)
    assert bounds.upper == pytest.approx(least, rel=1e-12)


def test_the_barycentre():
    """s times the least mean distance to a common law: a linear program over its weights."""
    rows = drawn(3, 3, 2)
    s, m, _ = rows.shape
    middles = rows[np.arange(s)[:, None], np.indices((m,) * s).reshape(s, -1)].mean(axis=0)
    n = len(middles)
    costs = np.concatenate([ot.dist(row, middles).ravel() for row in rows] + [np.zeros(n)])
    sources = np.kron(np.eye(s * m), np.ones(n))
    targets = np.kron(np.eye(s), np.kron(np.ones(m), np.eye(n)))
    equations = np.block(
        [[sources, np.zeros((s * m, n))], [targets, -np.tile(np.eye(n), s).T.reshape(s * n, n)]]
    )
    right = np.concatenate([np.full(s * m, 1 / m), np.zeros(s * n)])
    least = linprog(costs, A_eq=equations, b_eq=right).fun
    assert multimarginal_cost(rows).lower == pytest.approx(s * least, rel=1e-8)


def test_invariances():
    rows = drawn(3, 4, 2)
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    least = multimarginal_cost(rows).lower
    changed = np.stack([row[rng.permutation(4)] for row in rows[[2, 0, 1]]])
    assert multimarginal_cost(changed @ turn + 5).lower == pytest.approx(least, rel=1e-9)
    assert multimarginal_cost(3 * rows).lower == pytest.approx(9 * least, rel=1e-9)
    assert multimarginal_cost(np.zeros((3, 2, 2))).lower == 0
    twice = np.concatenate([rows, rows], axis=1)
    assert multimarginal_cost(twice).lower == pytest.approx(least, rel=1e-9)


def test_tuple_cost():
    points = drawn(4, 5, 2)
    pairs = sum(((a - b) ** 2).sum(axis=-1) for a, b in itertools.combinations(points, 2))
    assert tuple_cost(points) == pytest.approx(pairs, rel=1e-12)


def test_large_problems():
    rows = drawn(3, 28, 2)
    assert 28**3 > LP_LIMIT >= 27**3
    assert multimarginal_cost(rows).method == "bounds"
    with pytest.raises(ValueError, match=r"got 28\^3: take method='bounds'"):
        multimarginal_cost(rows, method="lp")


def test_bad_input():
    for function in (multimarginal_cost, pairwise_w2):
        for bad in (np.zeros((1, 2, 2)), np.zeros((3, 2)), np.zeros((3, 0, 1))):
            with pytest.raises(ValueError, match="rows: expected shape"):
                function(bad)
        with pytest.raises(ValueError, match="rows: expected finite numbers"):
            function([[[0.0]], [[np.nan]]])
        for far in (1e151, 1.5e308):
            with pytest.raises(ValueError, match="rows: expected differences up to 1e"):
                function([[[far]], [[-far]]])
    with pytest.raises(ValueError, match="method: expected one of"):
        multimarginal_cost(polygon(3, 2), method="sinkhorn")
    with pytest.raises(ValueError, match="'sorted' for p = 1 only, got p = 2"):
        multimarginal_cost(polygon(3, 2), method="sorted")
