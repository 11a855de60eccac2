"""The statements of the lecture notes on generalization, tested one by one."""

import itertools
import math

import numpy as np
import pytest
from openblackbox.foundations.contraction import (
    contraction_sides,
    expected_supremum,
    mean_absolute_sum,
    sign_vectors,
)
from openblackbox.foundations.rademacher import bounds, lift, rademacher_complexity
from openblackbox.relu_supremum import Arrangement, relu_sup
from scipy.optimize import linprog, minimize


def circle(count):
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def exact_complexity(points):
    """The mean of the supremum over all signs, divided by n."""
    arrangement = Arrangement(points)
    signs = sign_vectors(len(points))
    return np.mean([relu_sup(arrangement, s).value for s in signs]) / len(points)


# --- LN-16: the constraint


@pytest.mark.claim("LN-16", counterexample=True)
def test_the_two_constraints_printed_are_two_sets():
    # One point x = M = 1. The neuron w = b = 1 / sqrt(2) satisfies the first constraint, not the
    # later one, and under the later one no neuron reaches its value.
    w = b = 1 / math.sqrt(2)
    assert w**2 + b**2 == pytest.approx(1, rel=1e-15)
    assert w + b > 1
    corners = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])  # |w| + |b| <= 1 is their hull
    later = np.maximum(corners @ [1, 1], 0).max()
    assert later == 1
    assert relu_sup(lift([1.0], 1.0), [1]).value == pytest.approx(math.sqrt(2), rel=1e-14)


@pytest.mark.claim("LN-16")
def test_lifting_makes_the_constraint_a_sphere():
    rng = np.random.default_rng(0)
    for _ in range(20):
        M, d = rng.uniform(0.5, 3), 3
        u = rng.standard_normal(d + 1)
        u /= np.linalg.norm(u)
        w, b = u[:d], M * u[d]
        assert w @ w + b**2 / M**2 == pytest.approx(1, rel=1e-14)
        x = rng.standard_normal(d)
        x *= M * rng.random() / np.linalg.norm(x)
        z = lift(x[None], M)[0]
        assert w @ x + b == pytest.approx(u @ z, abs=1e-14)
        assert z @ z <= 2 * M**2


# --- LN-17, LN-18: symmetrization, with signs or with normal variables


def guesses(N, delta):
    """Losses, one decision a row, one example a column: N guesses and one safe decision."""
    return np.vstack([1 - np.eye(N), np.full(N, delta)])


def excess_and_complexity(losses, n):
    """Expected excess risk of the empirical minimizer, and R_n, over all samples of size n.

    The columns are the examples, uniform.
    """
    N = losses.shape[1]
    risk = losses.mean(axis=1)
    samples = np.array(list(itertools.product(range(N), repeat=n)))
    empirical = losses[:, samples].mean(axis=2)
    excess = (risk[empirical.argmin(axis=0)] - risk.min()).mean()
    signed = [(losses[:, samples] * s).mean(axis=2).max(axis=0).mean() for s in sign_vectors(n)]
    gaps = (risk[:, None] - empirical).max(axis=0).mean()
    return excess, np.mean(signed), gaps


@pytest.mark.claim("LN-17")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_excess_risk_is_at_most_twice_the_complexity(n):
    rng = np.random.default_rng(n)
    for _ in range(30):
        losses = rng.random((rng.integers(2, 9), 5)) ** rng.uniform(0.2, 5)
        excess, complexity, gap = excess_and_complexity(losses, n)
        assert -1e-12 <= excess <= gap + 1e-12
        assert gap <= 2 * complexity + 1e-12


@pytest.mark.claim("LN-17")
def test_the_constant_two_is_reached():
    excess, complexity, gap = excess_and_complexity(guesses(400, 0.001), 1)
    assert complexity == pytest.approx(0.5, rel=1e-12)
    assert excess == pytest.approx(1 - 1 / 400 - 0.001, rel=1e-12)
    assert gap == pytest.approx(1 - 1 / 400, rel=1e-12)


@pytest.mark.claim("LN-17")
def test_the_chain_for_the_class_of_the_notes():
    # Absolute loss, two examples of an explicit law, the exact minimum over the class of one
    # neuron on a fine grid of parameters.
    X, y, M, D = np.array([-1.0, 0.3, 1.0]), np.array([1.0, 0.0, 1.0]), 1.0, 1.0
    neurons = np.maximum(circle(360) @ lift(X, M).T, 0)
    outputs = (np.linspace(-D, D, 41)[:, None, None] * neurons).reshape(-1, 3)
    excess, complexity, _ = excess_and_complexity(np.abs(outputs - y), 2)
    assert 0 < excess <= 2 * complexity
    limit = bounds(2, radius=M, budget=D)
    assert complexity <= limit.improved < limit.source
    assert excess <= limit.excess < limit.excess_source


def normal_complexity_of_one(losses):
    """R_1 with a variable of law N(0, 1/2): E g+ times the largest loss minus the smallest."""
    positive_part = 0.5 / math.sqrt(math.pi)
    return positive_part * (losses.max(axis=0) - losses.min(axis=0)).mean()


@pytest.mark.claim("LN-18", counterexample=True)
def test_normal_noise_of_variance_one_half_is_no_sign():
    losses = guesses(400, 0.001)
    excess, signed, _ = excess_and_complexity(losses, 1)
    normal = normal_complexity_of_one(losses)
    # Twice the complexity bounds the excess risk with signs, and not with N(0, 1/2).
    assert excess <= 2 * signed
    assert excess > 1.7 * 2 * normal


@pytest.mark.claim("LN-18")
def test_normal_noise_costs_the_square_root_of_pi():
    losses = guesses(1500, 1e-4)
    excess, signed, _ = excess_and_complexity(losses, 1)
    normal = normal_complexity_of_one(losses)
    assert signed == pytest.approx(math.sqrt(math.pi) * normal, rel=1e-12)
    assert 0.999 < excess / (2 * math.sqrt(math.pi) * normal) < 1
    assert excess < 4 * normal
    # The mean of |g|, by quadrature.
    t = np.linspace(0, 12, 400001)
    mean = np.trapezoid(2 * t * np.exp(-(t**2)) / math.sqrt(math.pi), t)
    assert mean == pytest.approx(1 / math.sqrt(math.pi), rel=1e-8)


# --- LN-19: contraction of the loss


@pytest.mark.claim("LN-19")
def test_a_lipschitz_loss_goes_away():
    rng = np.random.default_rng(1)
    losses = {
        "absolute": (lambda t, y: np.abs(t - y), 1),
        "logistic": (lambda t, y: np.logaddexp(0, -y * t), 1),
        "hinge": (lambda t, y: 3 * np.maximum(0, 1 - y * t), 3),
    }
    for loss, G in losses.values():
        for _ in range(40):
            Z = lift(rng.uniform(-1, 1, 6), 1.0)
            neurons = np.maximum(circle(50) @ Z.T, 0)
            T, y = np.vstack([neurons, -neurons]), rng.choice([-1, 1], 6)
            functions = [lambda t, s=s, f=loss: f(t, s) for s in y]
            sides = contraction_sides(T, functions)
            assert sides.after <= G * sides.before + 1e-12


@pytest.mark.claim("LN-19")
def test_the_constant_of_the_loss_is_needed():
    sides = contraction_sides([[1.0], [-1.0]], lambda t: 3 * t)
    assert (sides.before, sides.after) == (1, 3)


# --- LN-20, LN-21: duality and redundancy


@pytest.mark.claim("LN-20")
def test_the_dual_of_the_sum_of_absolute_values_is_the_maximum():
    rng = np.random.default_rng(2)
    for m in (1, 2, 5):
        a, D = rng.standard_normal(m), rng.uniform(0.5, 3)
        # gamma = p - q with p, q >= 0 and sum(p + q) <= D: a linear program.
        found = linprog(-np.r_[a, -a], A_ub=np.ones((1, 2 * m)), b_ub=[D])
        assert -found.fun == pytest.approx(D * np.abs(a).max(), rel=1e-9)


@pytest.mark.claim("LN-21")
def test_no_number_of_neurons_beats_one():
    rng = np.random.default_rng(3)
    Z, signs, D = lift(rng.uniform(-1, 1, 7), 1.0), rng.choice([-1, 1], 7), 2.0
    best = D * relu_sup(Z, signs).value
    for m in (1, 3, 6):

        def value(p, m=m):
            u, eta = p[: 2 * m].reshape(m, 2), p[2 * m :]
            u = u / np.linalg.norm(u, axis=1, keepdims=True)
            eta = D * eta / np.abs(eta).sum()
            return -(eta @ np.maximum(u @ Z.T, 0) @ signs)

        found = max(
            -minimize(value, rng.standard_normal(3 * m), method="Nelder-Mead").fun for _ in range(6)
        )
        assert found <= best * (1 + 1e-12)
        assert found > 0.7 * best
    direction = relu_sup(Z, signs).direction
    many = np.tile(np.maximum(Z @ direction, 0), (9, 1)) @ signs
    eta = D / 9 * np.sign(many)
    assert eta @ many == pytest.approx(best, rel=1e-13)


@pytest.mark.claim("LN-21", counterexample=True)
def test_the_factors_g_and_d_cannot_be_dropped():
    # One point, D = 2, G = 3: the class behind the loss 3 |y - t|, with y below all outputs.
    Z, D = lift([1.0], 1.0), 2.0
    printed = relu_sup(Z, [1]).value
    neurons = np.maximum(circle(3600) @ Z.T, 0)
    outputs = np.vstack([D * neurons, -D * neurons])
    assert expected_supremum(outputs) == pytest.approx(D * printed, rel=1e-6)
    losses = 3 * np.abs(outputs + 10)
    behind = expected_supremum(losses)
    assert behind > 5.9 * printed
    assert behind <= 3 * D * printed + 1e-9


# --- LN-23: the second duality


@pytest.mark.claim("LN-23")
def test_the_second_duality():
    rng = np.random.default_rng(4)
    for M in (0.5, 1.0, 2.0):
        x, e = rng.uniform(-M, M, 6), rng.choice([-1, 1], 6)
        xbar, ebar = (e * x).mean(), e.mean()
        u = circle(10**5)
        largest = np.abs(u[:, 0] * xbar + M * u[:, 1] * ebar).max()
        assert largest == pytest.approx(math.hypot(xbar, M * ebar), rel=1e-8)
        assert np.linalg.norm(e @ lift(x, M)) / 6 == pytest.approx(math.hypot(xbar, M * ebar))


@pytest.mark.claim("LN-23", counterexample=True)
def test_the_printed_constraint_does_not_give_a_euclidean_norm():
    # |w| + |b| <= R with R = 1 and xbar = ebar = 1: the supremum is 1, not sqrt(2).
    best = linprog([-1, 1, -1, 1], A_ub=np.ones((1, 4)), b_ub=[1])
    assert -best.fun == pytest.approx(1, rel=1e-12)
    assert math.hypot(1, 1) > 1.4
    # With the constraint of the first line the letter is M: 2 here, and not 1.
    u = circle(10**4)
    assert np.abs(u[:, 0] + 2 * u[:, 1]).max() == pytest.approx(math.sqrt(5), rel=1e-6)


# --- LN-24: the bound, its improvement, and what bounds it from below


@pytest.mark.claim("LN-24")
@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_the_bound_and_its_improvement_for_all_signs(n):
    rng = np.random.default_rng(n)
    for d in (1, 2):
        X = rng.standard_normal((n, d))
        X /= np.maximum(1, np.linalg.norm(X, axis=1, keepdims=True))
        Z, signs = lift(X, 1.0), sign_vectors(n)
        arrangement = Arrangement(Z)
        suprema = np.array([relu_sup(arrangement, s).value for s in signs]) / n
        norms = np.linalg.norm(signs @ Z, axis=1) / n
        assert np.all(suprema >= norms / 2 - 1e-13)
        assert suprema.mean() <= 1.5 * norms.mean()
        limit = bounds(n, radius=1, budget=1)
        assert 1.5 * norms.mean() <= limit.improved * (1 + 1e-12) < limit.source
        assert suprema.mean() >= mean_absolute_sum(n) / n - 1e-13
        assert mean_absolute_sum(n) / n >= limit.lower * (1 - 1e-12)


@pytest.mark.claim("LN-24")
def test_the_mean_of_the_squared_norm():
    x = np.array([-0.3, 0.9, 0.5, -1.0])
    Z = lift(x, 1.0)
    squares = (np.linalg.norm(sign_vectors(4) @ Z, axis=1) ** 2).mean() / 16
    assert squares == pytest.approx(((x**2).sum() + 4) / 16, rel=1e-13)


def test_the_even_part_alone_is_contracted():
    # The identity behind the improvement: sup |h| = sup (|u.g| + |Q(u)|) / 2.
    rng = np.random.default_rng(6)
    Z, u = lift(rng.uniform(-1, 1, 6), 1.0), circle(40000)
    for s in sign_vectors(6)[:20]:
        t = u @ Z.T
        split = (np.abs(t @ s) + np.abs(np.abs(t) @ s)).max() / 2
        assert split == pytest.approx(relu_sup(Z, s).value, rel=1e-3)
        assert split == pytest.approx(np.abs(np.maximum(t, 0) @ s).max(), rel=1e-12)


def test_two_points_at_the_centre_attain_the_lower_bound():
    assert exact_complexity(lift([0.0, 0.0], 3.0)) == pytest.approx(1.5, rel=1e-14)
    assert bounds(2, radius=3, budget=1).lower == pytest.approx(1.5, rel=1e-14)


@pytest.mark.parametrize(
    "points, ratio",
    [
        ([[1, 0], [0, 1], [1, 1]], (8 + 5 * math.sqrt(2)) / (8 + 4 * math.sqrt(2))),
        ([[-1, 1], [-0.4, 1], [-0.4, 1], [0.2, 1]], 1.0321373734119585),
        (
            [[0.012, -0.791, 1], [-0.873, -0.486, 1], [0.136, 0.106, 1], [-0.75, 0.411, 1]],
            1.0342763262933148,
        ),
    ],
)
def test_the_complexity_can_exceed_that_of_linear_functions(points, ratio):
    points = np.array(points, dtype=float)
    norms = np.linalg.norm(sign_vectors(len(points)) @ points, axis=1) / len(points)
    assert exact_complexity(points) / norms.mean() == pytest.approx(ratio, rel=1e-9)


def test_with_a_dominant_mean_of_signs_the_norm_is_a_lower_bound():
    rng = np.random.default_rng(7)
    for _ in range(50):
        x, s = rng.uniform(-1, 1, 9), rng.choice([-1, 1], 9)
        if abs(s @ x) <= abs(s.sum()):
            assert relu_sup(lift(x, 1.0), s).value >= np.linalg.norm(s @ lift(x, 1.0)) - 1e-12


def test_the_estimate_meets_the_enumeration():
    x = np.array([-1.0, -0.2, 0.3, 0.8])
    found = rademacher_complexity(x, radius=1, budget=2, draws=4000, rng=np.random.default_rng(8))
    assert abs(found.mean - 2 * exact_complexity(lift(x, 1.0))) < 4 * found.standard_error
