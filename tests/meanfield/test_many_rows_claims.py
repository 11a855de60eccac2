"""The statements of the report on three rows and more, tested one by one."""

import itertools

import numpy as np
import pytest
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.merging import cycle_labels
from openblackbox.meanfield.multimarginal import pairwise_w2
from openblackbox.meanfield.synchronization import (
    permutation_cost,
    shift_constants,
    shift_cost,
    synchronization_cost,
)
from row_cases import drawn


def column(*rows):
    return np.array(rows, dtype=float)[:, :, None]


def printed(rows, sigma):
    """The first form of the report, with indices modulo m, times 1/m."""
    u1, u2, u3 = rows
    m = len(u1)
    at = [sigma[i % m] for i in range(-2, m + 1)]  # at[i + 2] is sigma(i)
    return (
        sum(
            ((u1[at[i + 2]] - u2[at[i + 3]]) ** 2).sum()
            + ((u2[at[i + 2]] - u3[at[i]]) ** 2).sum()
            + ((u3[at[i + 2]] - u1[at[i + 3]]) ** 2).sum()
            for i in range(m)
        )
        / m
    )


def changed(rows, sigma):
    """The second form of the report, after the change of variables, times 1/m."""
    u1, u2, u3 = rows
    sigma = np.array(sigma)
    back = np.argsort(sigma)
    terms = (u1 - u2[sigma]), (u2 - u3[back[back]]), (u3 - u1[sigma])
    return sum((term**2).sum() for term in terms) / len(u1)


def orders(m):
    return [list(order) for order in itertools.permutations(range(m))]


def total(rows):
    return pairwise_w2(rows).sum() / 2


# --- RS-51, RS-52, RS-57: the cost and its forms


@pytest.mark.claim("RS-51")
@pytest.mark.parametrize("m, p", [(2, 1), (3, 2), (4, 1), (5, 2)])
def test_the_printed_form_is_the_cost_of_rings_in_the_order_3_1_2(m, p):
    for seed in range(3):
        rows = drawn(3, m, p, seed)
        least = min(printed(rows, sigma) for sigma in orders(m))
        ring = synchronization_cost(rows[[2, 0, 1]], cyclic=True)
        assert ring.upper == pytest.approx(least, rel=1e-12)


@pytest.mark.claim("RS-52")
@pytest.mark.parametrize("m, p", [(2, 1), (4, 2), (5, 1)])
def test_the_substitution(m, p):
    """Term by term it is right, and over all permutations the second form is D."""
    rows = drawn(3, m, p)
    shift = np.roll(np.arange(m), -1)
    for sigma in orders(m):
        substituted = np.array(sigma)[shift][np.argsort(sigma)]
        assert changed(rows, substituted) == pytest.approx(printed(rows, sigma), rel=1e-12)
        assert changed(rows, sigma) == pytest.approx(
            permutation_cost(rows[[2, 0, 1]], sigma), rel=1e-12
        )


@pytest.mark.claim("RS-52", counterexample=True)
def test_the_minimum_over_all_permutations_is_smaller():
    same = column([0, 1], [0, 1], [0, 1])
    assert min(changed(same, sigma) for sigma in orders(2)) == 0
    assert min(printed(same, sigma) for sigma in orders(2)) == 2


def general(rows, sigma, shifts):
    """The general form of the report for integers j(k, l), with factor 1/m."""
    s, m, _ = rows.shape
    powers = [np.arange(m)]
    for _ in range(m * s):
        powers.append(np.array(sigma)[powers[-1]])
    return (
        sum(
            ((rows[k] - rows[other][powers[shifts[k, other]]]) ** 2).sum()
            for k, other in itertools.combinations(range(s), 2)
        )
        / m
    )


@pytest.mark.claim("RS-57")
def test_additive_shifts_give_the_cost():
    rows = drawn(4, 4, 2)
    shifts = {(k, other): other - k for k in range(4) for other in range(4)}
    for sigma in orders(4):
        assert general(rows, sigma, shifts) == pytest.approx(
            permutation_cost(rows, sigma), rel=1e-12
        )


@pytest.mark.claim("RS-57", counterexample=True)
def test_other_shifts_do_not():
    """Rows that agree along the orbit of an exchange, with j(1, 3) = 1 in place of 2."""
    rows = column([0, 1], [1, 0], [0, 1])
    additive = {(0, 1): 1, (1, 2): 1, (0, 2): 2}
    assert min(general(rows, sigma, additive) for sigma in orders(2)) == 0
    other = additive | {(0, 2): 1}
    assert min(general(rows, sigma, other) for sigma in orders(2)) == 1


# --- RS-53: the problem is hard


def free_matrices(first, second, *, s=3):
    """Rows with u1.u2 = -first, u1.u3 = -second, and all other products 0."""
    unit, nil = np.eye(len(first)), np.zeros(first.shape)
    rows = np.zeros((s, len(first), 2 * len(first)))
    pairs = [(unit, unit), (-first.T, nil), (nil, -second.T)][:s]
    for row, pair in zip(rows, pairs, strict=False):
        row[:] = np.hstack(pair)
    return rows


def free_part(rows, **options):
    """The least sum of entries of the two matrices, from the synchronization cost."""
    s, m, _ = rows.shape
    cost = synchronization_cost(rows, exact_up_to=9, **options).upper
    return (m * cost - (s - 1) * (rows**2).sum()) / 2


def zeros_at(m, places):
    matrix = np.ones((m, m))
    for place in places:
        matrix[place] = 0
    return matrix


@pytest.mark.claim("RS-53")
@pytest.mark.parametrize("s", [3, 4])
@pytest.mark.parametrize("cyclic", [False, True])
def test_two_matrices_are_free(s, cyclic):
    first, second = np.random.default_rng(s).integers(0, 2, (2, 5, 5))
    least = min(
        sum(first[i, order[i]] + second[i, order[order[i]]] for i in range(5))
        for order in orders(5)
        if not cyclic or cycle_labels(np.array(order)).max() == 0
    )
    rows = free_matrices(first, second, s=s)
    assert free_part(rows, cyclic=cyclic) == pytest.approx(least, abs=1e-9)


@pytest.mark.claim("RS-53")
@pytest.mark.parametrize(
    "triples",
    [
        [(0, 0, 0), (1, 1, 1)],
        [(0, 1, 0), (1, 0, 1)],
        [(0, 0, 0), (1, 1, 0)],
        [(0, 0, 0), (0, 1, 1)],
        [(0, 0, 0), (1, 0, 1)],
        [(0, 0, 0), (1, 1, 0), (0, 0, 1)],
        [(0, 0, 0), (1, 1, 0), (0, 1, 1)],
    ],
)
def test_a_matching_of_triples(triples):
    """The cost is at its least value exactly if some triples contain each element once."""
    q = 2
    x, y, z = np.arange(3 * q).reshape(3, q)
    m, t = 3 * q + len(triples), 3 * q + np.arange(len(triples))
    first = [*itertools.product(y, z), *itertools.product(z, x)]
    second = [*itertools.product(x, y), *itertools.product(y, x), *itertools.product(z, t)]
    for name, (a, b, c) in zip(t, triples, strict=True):
        first += [(x[a], name), (name, y[b]), (name, name)]
        second += [(name, name), (name, z[c])]
    matched = any(
        all({triple[k] for triple in chosen} == {0, 1} for k in range(3))
        for chosen in itertools.combinations(triples, q)
    )
    least = free_part(free_matrices(zeros_at(m, first), zeros_at(m, second)))
    assert (least < 0.5) == matched
    assert least == pytest.approx(round(least), abs=1e-9)


@pytest.mark.claim("RS-53")
@pytest.mark.parametrize("s", [2, 3])
@pytest.mark.parametrize("arcs, circuit", [("01 12 23 30", True), ("01 12 20 33", False)])
def test_a_circuit_of_a_graph(arcs, circuit, s):
    first = zeros_at(4, [(int(arc[0]), int(arc[1])) for arc in arcs.split()])
    rows = free_matrices(first, np.zeros((4, 4)), s=s)
    least = free_part(rows, cyclic=True)
    assert (least < 0.5) == circuit
    assert free_part(rows) == pytest.approx(0, abs=1e-9)


# --- RS-54, RS-55: two rows agree


@pytest.mark.claim("RS-54")
@pytest.mark.claim("RS-55")
@pytest.mark.parametrize("m, p", [(1, 1), (4, 2), (6, 1)])
def test_the_other_terms_coincide(m, p):
    for seed in range(4):
        rows = drawn(3, m, p, seed)
        sigma = np.random.default_rng(seed).permutation(m)
        rows[1][sigma] = rows[0]
        back = np.argsort(sigma)
        second = ((rows[1] - rows[2][back[back]]) ** 2).sum()
        third = ((rows[2] - rows[0][sigma]) ** 2).sum()
        assert second == pytest.approx(third, rel=1e-12)
        assert changed(rows, sigma) == pytest.approx(2 * third / m, rel=1e-12)


@pytest.mark.claim("RS-54", counterexample=True)
def test_the_third_row_is_free():
    rows = column([0], [0], [1])
    assert changed(rows, [0]) == 2


@pytest.mark.claim("RS-55", counterexample=True)
def test_no_assignment_problem_is_left():
    """Rows 1 and 2 agree along the identity alone; the third term is above its own optimum."""
    rows = column([0, 1], [0, 1], [1, 0])
    agreeing = [sigma for sigma in orders(2) if np.array_equal(rows[1][sigma], rows[0])]
    assert agreeing == [[0, 1]]
    assert changed(rows, [0, 1]) == 2
    assert assignment_cost(rows[2], rows[0]).cost == 0


# --- RS-56, RS-58, RS-59: the conjecture


@pytest.mark.claim("RS-58", counterexample=True)
@pytest.mark.claim("RS-56", counterexample=True)
def test_the_smallest_counterexample():
    rows = column([0, 1], [0, 1], [1, 0])
    assert total(rows) == 0
    assert min(changed(rows, sigma) for sigma in orders(2)) == 2
    assert min(printed(rows, sigma) for sigma in orders(2)) == 2
    for order, cost in (([0, 1, 2], 2), ([2, 0, 1], 2), ([0, 2, 1], 0)):
        assert synchronization_cost(rows[order]).upper == pytest.approx(cost, rel=1e-12)


@pytest.mark.claim("RS-58")
@pytest.mark.parametrize("m", [2, 3, 4, 5, 6, 7])
def test_every_number_of_neurons(m):
    n = np.arange(1, m + 1)
    rows = column(n, n, [2, 1, *n[2:]])
    assert total(rows) == 0
    assert synchronization_cost(rows).upper > 1 / m
    assert synchronization_cost(rows[[2, 0, 1]]).upper > 1 / m


@pytest.mark.claim("RS-56")
@pytest.mark.parametrize("m", [2, 4, 6, 50, 200])
def test_the_gap_stays(m):
    x = np.tile([1, -1], m // 2)
    for order in ([0, 1, 2], [2, 0, 1]):
        rows = column(x, x, -x)[order]
        assert total(rows) == 0
        assert synchronization_cost(rows).lower >= 4 * (1 - 1e-12)


@pytest.mark.claim("RS-58")
@pytest.mark.parametrize("s, m, p", [(3, 3, 1), (3, 5, 2), (4, 4, 1), (5, 3, 2)])
def test_the_inequality_is_the_opposite_one(s, m, p):
    above = 0
    for seed in range(20):
        rows = drawn(s, m, p, seed)
        found = synchronization_cost(rows)
        assert total(rows) <= found.upper * (1 + 1e-12)
        above += found.upper > 1.001 * total(rows)
    assert above >= 12


@pytest.mark.claim("RS-59")
def test_the_shift_cost_vanishes_with_the_cost():
    row = np.random.default_rng(0).standard_normal((6, 2))
    rows = np.stack([np.roll(row, k, axis=0) for k in range(3)])
    assert synchronization_cost(rows).upper < 1e-28
    assert shift_cost(rows).cost < 1e-28
    low, high = shift_constants(3)
    for seed in range(10):
        rows = drawn(3, 5, 2, seed)
        found = synchronization_cost(rows)
        assert low * found.shift <= found.upper <= high * found.shift


@pytest.mark.claim("RS-59", counterexample=True)
def test_the_sum_of_distances_vanishes_without_the_cost():
    rows = column([0, 1], [0, 1], [1, 0])
    assert total(rows) == 0
    assert shift_cost(rows).cost == 1


# --- RS-60: the last inequality


def right_side(rows, first, second):
    def pair(k, other):
        return np.concatenate([rows[k - 1], rows[other - 1]], axis=1)

    return (
        assignment_cost(pair(*first), pair(*second)).cost + assignment_cost(rows[1], rows[2]).cost
    )


@pytest.mark.claim("RS-60", counterexample=True)
def test_the_last_inequality_as_printed():
    rows = column([0], [1], [1])
    assert total(rows) == 2
    assert right_side(rows, (1, 2), (1, 3)) == 0


@pytest.mark.claim("RS-60")
@pytest.mark.parametrize("m, p", [(1, 1), (3, 2), (5, 1), (20, 3)])
def test_the_last_inequality(m, p):
    for seed in range(20):
        rows = drawn(3, m, p, seed)
        right = right_side(rows, (3, 1), (1, 2))
        assert total(rows) <= right * (1 + 1e-12)
        if m <= 5:
            assert right <= synchronization_cost(rows[[2, 0, 1]]).upper * (1 + 1e-12)
