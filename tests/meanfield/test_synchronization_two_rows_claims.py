"""The statements of the report on the synchronization of two rows, tested one by one."""

import itertools

import numpy as np
import ot
import pytest
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.cyclic import cyclic_cost
from openblackbox.meanfield.merging import cycle_labels, gap_bounds
from openblackbox.meanfield.trees import spanning_tree
from scipy.optimize import linear_sum_assignment

LINE = np.array([[0.0], [1.0], [3.0]])


def arranged(u, v):
    """The definition as printed, with 1/m: the minimum over all arrangements on the ring."""
    m = len(u)
    return min(
        ((u[list(s)] - v[np.roll(s, -1)]) ** 2).sum() / m for s in itertools.permutations(range(m))
    )


def soft_and_hard(rng, m=7, p=3):
    """Values of a soft network with equal partners on a random ring, and of the hard network."""
    ring = rng.permutation(m)
    tau = np.empty(m, dtype=int)
    tau[ring] = np.roll(ring, -1)
    u, x = rng.standard_normal((m, p)), rng.standard_normal((30, p))
    v = np.empty_like(u)
    v[tau] = u
    a, b, c = rng.standard_normal((3, m))
    soft = np.maximum(b * np.maximum(x @ u.T, 0) + c * np.maximum(x @ v.T, 0), 0) @ a / m
    shared = np.maximum(x @ u[ring].T, 0)  # neuron k of the shared first layer
    hard = np.zeros(30)
    for k, i in enumerate(ring):
        hard += a[i] * np.maximum(b[i] * shared[:, k] + c[i] * shared[:, k - 1], 0) / m
    return soft, hard, u, v


@pytest.mark.claim("RS-41")
def test_a_synchronized_soft_network_is_a_hard_one():
    rng = np.random.default_rng(0)
    for _ in range(10):
        soft, hard, u, v = soft_and_hard(rng)
        assert soft == pytest.approx(hard, abs=1e-13)
        assert np.abs(soft).max() > 0.01
        assert cyclic_cost(u, v).upper == 0


@pytest.mark.claim("RS-42", counterexample=True)
@pytest.mark.parametrize("m", [2, 5, 12, 80])
def test_rows_in_a_space_that_grows_have_another_limit(m):
    found = cyclic_cost(np.eye(m), np.eye(m))
    assert found.assignment == 0
    assert found.lower == pytest.approx(2, rel=1e-12)
    assert found.upper == pytest.approx(2, rel=1e-12)


@pytest.mark.claim("RS-42")
def test_rows_in_a_fixed_space_have_the_rate_of_the_theorem():
    beta = 4 + 2 * np.sqrt(3)
    rng = np.random.default_rng(1)
    for p, m in itertools.product((1, 2, 3, 6), (20, 200)):
        points = rng.standard_normal((2, m, p))
        points /= np.linalg.norm(points, axis=2).max()
        constant = 24 / m if p == 1 else 6 * beta**2 * m ** (-2 / p)
        for v in points:
            found = cyclic_cost(points[0], v)
            assert found.upper - found.assignment <= constant
        edges = spanning_tree(points[0])[1]
        assert (edges**p).sum() <= beta**p
        midpoints = points[0][spanning_tree(points[0])[0]].mean(axis=1)
        apart = np.linalg.norm(midpoints[:, None] - midpoints[None], axis=2)
        radii = (np.sqrt(3) - 1) / 4 * edges
        np.fill_diagonal(apart, np.inf)
        assert (apart - radii[:, None] - radii >= -1e-12).all()  # the balls are disjoint


@pytest.mark.claim("RS-43")
def test_the_order_of_the_neurons_does_not_count():
    rng = np.random.default_rng(2)
    for _ in range(5):
        u, v = rng.standard_normal((2, 6, 2))
        order = rng.permutation(6)
        assert cyclic_cost(u[order], v[order]).upper == pytest.approx(arranged(u, v), rel=1e-12)


@pytest.mark.claim("RS-44", counterexample=True)
def test_the_printed_change_of_variables_changes_the_minimum():
    assert arranged(LINE, LINE) == pytest.approx(14 / 3, rel=1e-14)
    assert assignment_cost(LINE, LINE).cost == 0


@pytest.mark.claim("RS-44")
@pytest.mark.parametrize("m", [2, 3, 4, 6])
def test_the_change_of_variables_gives_all_rings(m):
    seen = {}
    for sigma in itertools.permutations(range(m)):
        back = np.argsort(sigma)
        tau = tuple(int(sigma[(back[j] + 1) % m]) for j in range(m))
        seen[tau] = seen.get(tau, 0) + 1
    rings = {s for s in itertools.permutations(range(m)) if cycle_labels(s).max() == 0}
    assert set(seen) == rings
    assert set(seen.values()) == {m}


@pytest.mark.claim("RS-45", counterexample=True)
def test_the_problem_is_no_assignment_problem():
    found = cyclic_cost(LINE, LINE)
    assert (found.assignment, found.upper) == (0, pytest.approx(14 / 3, rel=1e-14))


@pytest.mark.claim("RS-45")
@pytest.mark.parametrize("p", [1, 2, 4])
def test_it_lies_between_the_assignment_and_the_assignment_plus_the_bounds(p):
    rng = np.random.default_rng(p)
    for noise in (0, 0.1, 2):
        u = rng.standard_normal((7, p))
        v = u + noise * rng.standard_normal((7, p))
        cost, bounds = arranged(u, v), gap_bounds(u, v, assignment_cost(u, v).permutation)
        gap = cost - assignment_cost(u, v).cost
        assert -1e-12 <= gap <= min(bounds.first, bounds.second, bounds.sums)
        assert cyclic_cost(u, v).upper == pytest.approx(cost, rel=1e-12)


@pytest.mark.claim("RS-46", counterexample=True)
def test_the_printed_factor_makes_the_cost_vanish():
    rng = np.random.default_rng(3)
    for m in (10, 100, 1000):
        u, v = rng.uniform(size=(2, m, 1)) + [[[0]], [[1]]]
        costs = ot.dist(u, v)
        printed = costs[linear_sum_assignment(costs)].sum() / m**2
        assert 0.4 / m < printed < 1.7 / m  # the squared distance of the laws is 1
        assert m * printed == pytest.approx(assignment_cost(u, v).cost, rel=1e-11)


@pytest.mark.claim("RS-46")
def test_with_one_over_m_it_is_the_squared_distance():
    rng = np.random.default_rng(4)
    u, v = rng.standard_normal((2, 30, 2))
    masses = np.full(30, 1 / 30)
    assert assignment_cost(u, v).cost == pytest.approx(
        ot.emd2(masses, masses, ot.dist(u, v)), rel=1e-12
    )


@pytest.mark.claim("RS-47", counterexample=True)
def test_the_double_integral_is_something_else():
    points = np.array([0.0, 1.0])
    values = [((points[:, None] - image[None]) ** 2).mean() for image in (points, points[::-1])]
    assert values == [0.5, 0.5]
    assert assignment_cost(points[:, None], points[:, None]).cost == 0


@pytest.mark.claim("RS-47")
def test_the_single_integral_over_maps():
    rng = np.random.default_rng(5)
    u, v = rng.standard_normal((2, 6, 2))
    maps = (((u - v[list(s)]) ** 2).sum(axis=1).mean() for s in itertools.permutations(range(6)))
    assert assignment_cost(u, v).cost == pytest.approx(min(maps), rel=1e-13)


@pytest.mark.claim("RS-48", counterexample=True)
def test_the_equality_fails_for_finite_m_and_depends_on_the_pairs():
    assert cyclic_cost(LINE, LINE).upper > 4.6
    assert cyclic_cost(LINE, np.roll(LINE, 1, axis=0)).upper == 0


@pytest.mark.claim("RS-48")
def test_the_limit_for_a_fixed_dimension():
    """Pairs (x, x + 1) with x uniform in the square: the limit is 2, the squared shift."""
    rng = np.random.default_rng(6)
    gaps = []
    for m in (30, 120, 480):
        u = rng.uniform(size=(m, 2))
        found = cyclic_cost(u, u + 1)
        assert found.assignment == pytest.approx(2, rel=1e-12)
        gaps.append(found.upper - 2)
    assert gaps[0] > 2.5 * gaps[1] > 6 * gaps[2] > 0  # the rate is 1 / m: factors near 4


@pytest.mark.claim("RS-49")
def test_convexity_in_the_law():
    rng = np.random.default_rng(7)
    for _ in range(200):
        pairs = rng.standard_normal((2, 5, 2, 2))  # two laws on five pairs of points each
        masses, t = rng.dirichlet([1.0] * 5, 2), rng.uniform()
        costs = [
            ot.emd2(w, w, ot.dist(x[:, 0], x[:, 1])) for w, x in zip(masses, pairs, strict=True)
        ]
        both, mixed = np.concatenate(pairs), np.concatenate([t * masses[0], (1 - t) * masses[1]])
        joint = ot.emd2(mixed, mixed, ot.dist(both[:, 0], both[:, 1]))
        assert joint <= t * costs[0] + (1 - t) * costs[1] + 1e-12


@pytest.mark.claim("RS-49")
def test_the_cost_of_the_ring_is_not_convex_in_the_law():
    """The mean of the laws of (0, 0) and (1, 1) is the law of (0, 1); doubled, it has half of D."""
    both, zeros, ones = (np.array(x)[:, None] for x in ([0.0, 1], [0.0, 0], [1.0, 1]))
    assert [arranged(x, x) for x in (zeros, ones, both)] == [0, 0, 1]
    assert arranged(np.repeat(both, 2, axis=0), np.repeat(both, 2, axis=0)) == 0.5
    assert cyclic_cost(both, both).upper == 1


@pytest.mark.claim("RS-48", counterexample=True)
@pytest.mark.parametrize("m", [2, 9, 80])
def test_weak_convergence_is_not_enough_for_the_limit(m):
    u = np.append(np.zeros(m - 1), np.sqrt(m))[:, None]
    found = cyclic_cost(u, u)
    assert found.assignment == 0
    assert found.lower <= 2 * (1 + 1e-12)
    assert found.upper == pytest.approx(2, rel=1e-12)


@pytest.mark.claim("RS-50", counterexample=True)
def test_the_cost_is_no_polynomial_and_homogeneous_of_degree_one():
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])

    def cost(t):
        return ot.emd2([t, 1 - t], [1 - t, t], swap)

    grid = np.linspace(0, 1, 5)
    assert [cost(t) for t in grid] == pytest.approx([1, 0.5, 0, 0.5, 1], abs=1e-14)
    quadratic = np.polynomial.Polynomial.fit([0, 0.5, 1], [1, 0, 1], 2)
    assert quadratic(0.25) == pytest.approx(0.25, abs=1e-12)
    doubled = ot.emd2([0.4, 1.6], [1.6, 0.4], swap)
    assert doubled == pytest.approx(2 * cost(0.2), rel=1e-12)
    assert doubled != pytest.approx(4 * cost(0.2), rel=0.1)


@pytest.mark.claim("RS-50", counterexample=True)
def test_the_leading_coefficient_can_be_negative():
    # T exchanges 0 and 1. It carries the first marginal of each mixture to the second: their masses
    # are (t, 1 - t) and (1 - t, t).
    cost = np.array([[(x - (1 - y)) ** 2 for y in (0, 1)] for x in (0, 1)])  # |u - T(v)|^2

    def double_integral(t):
        return np.array([t, 1 - t]) @ cost @ np.array([1 - t, t])

    alpha = cost[0, 1] + cost[1, 0] - cost[0, 0] - cost[1, 1]  # mu = (0, 1), nu = (1, 0)
    assert alpha == -2
    assert double_integral(0) == double_integral(1) == 0
    for t in (0.25, 0.5, 0.9):
        assert double_integral(t) == pytest.approx(alpha * (t - 1) * t, rel=1e-12)


@pytest.mark.claim("RS-50", counterexample=True)
def test_it_is_not_convex_in_the_positions():
    v = [[0.0], [1.0]]
    costs = [assignment_cost(u, v).cost for u in ([[0.0], [1.0]], [[0.5], [0.5]], [[1.0], [0.0]])]
    assert costs == [0, 0.25, 0]
