"""The certified minimizer: its certificate by brute force, its class, its rate, its refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations import erm
from openblackbox.foundations.erm import Certificate, certify, fit_certified, outer_norm
from openblackbox.foundations.erm_study import draw_task
from openblackbox.foundations.losses import LOSSES, as_loss
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
from scipy.optimize import linprog, minimize

ANGLES = np.linspace(0, 2 * np.pi, 20001)


def task(seed, n=25, d=1, radius=1.0):
    rng = np.random.default_rng(seed)
    X = radius * rng.uniform(-1, 1, (n, d)) / np.sqrt(d)
    return X, np.where(rng.random(n) < 0.5 + 0.4 * np.sin(4 * X[:, 0] / radius), 1.0, -1.0)


def dictionary(X, radius, budget, count=400):
    """Signed neurons at many angles, d = 1, with the largest weight."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    values = np.maximum(X * np.cos(angles) + radius * np.sin(angles), 0)
    return budget * np.hstack([values, -values])


def sums_over_the_circle(X, slopes, radius):
    """Sums of the slopes over neurons at many angles, the kinks of the points among them."""
    kinks = np.arctan2(-X[:, 0], radius)
    angles = np.concatenate([ANGLES, kinks, kinks + np.pi])
    return slopes @ np.maximum(X * np.cos(angles) + radius * np.sin(angles), 0)


def brute_gap(net, X, y, radius, budget, loss):
    values = net(X)
    slopes = loss.derivative(y, values) / len(y)
    return slopes @ values + budget * np.abs(sums_over_the_circle(X, slopes, radius)).max()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("radius, budget", [(1.0, 3.0), (2.0, 0.7)])
def test_the_fit_reports_itself(name, radius, budget):
    X, y = task(1, radius=radius)
    tol = 1e-6 if name == "absolute" else 1e-9
    fit = fit_certified(X, y, radius=radius, budget=budget, loss=name, tol=tol)
    loss = as_loss(name)
    assert fit.risk == pytest.approx(loss.value(y, fit.net(X)).mean(), rel=1e-12)
    assert fit.norm == pytest.approx(outer_norm(fit.net, radius=radius), rel=1e-14)
    assert fit.norm <= budget * (1 + 1e-12)
    assert fit.gap <= tol
    sizes = fit.net.w[:, 0] ** 2 + fit.net.b**2 / radius**2
    np.testing.assert_allclose(sizes, 1, rtol=1e-12)
    assert fit.lower == fit.risk - fit.gap
    assert (fit.risks[-1], fit.gaps[-1], fit.nets[-1]) == (fit.risk, fit.gap, fit.net)
    assert len(fit.risks) == len(fit.gaps) == len(fit.nets) == fit.steps + 1
    assert not fit.nets[0](X).any()
    assert (np.diff(fit.risks) <= 1e-12).all()


@pytest.mark.parametrize("name", ["logistic", "squared", "linear"])
@pytest.mark.parametrize("radius, budget", [(1.0, 3.0), (2.0, 0.7)])
def test_every_gap_on_the_way_is_the_supremum_of_the_theorem(name, radius, budget):
    X, y = task(2, radius=radius)
    fit = fit_certified(X, y, radius=radius, budget=budget, loss=name, tol=1e-9)
    for net, risk, gap in zip(fit.nets, fit.risks, fit.gaps, strict=True):
        brute = brute_gap(net, X, y, radius, budget, as_loss(name))
        assert gap == pytest.approx(brute, rel=1e-6, abs=1e-7)
        found = certify(net, X, y, radius=radius, budget=budget, loss=name)
        assert found.risk == pytest.approx(risk, rel=1e-12)
        assert found.gap == pytest.approx(gap, rel=1e-9, abs=1e-13)
        assert found.norm == pytest.approx(outer_norm(net, radius=radius), rel=1e-14)


@pytest.mark.parametrize("name", ["logistic", "squared"])
def test_the_smallest_risk_of_a_dictionary_is_just_above(name):
    X, y = task(3)
    fit = fit_certified(X, y, radius=1, budget=2, loss=name, tol=1e-10)
    columns, loss = dictionary(X, 1, 2, count=48), as_loss(name)
    columns = np.column_stack([columns, 2 * np.maximum(X @ fit.net.w.T + fit.net.b, 0)])
    columns = np.column_stack([columns, -columns[:, -len(fit.net.eta) :]])
    k = columns.shape[1]
    peer = minimize(
        lambda w: loss.value(y, columns @ w).mean(),
        np.full(k, 0.5 / k),
        jac=lambda w: columns.T @ loss.derivative(y, columns @ w) / len(y),
        bounds=[(0, 1)] * k,
        constraints={"type": "ineq", "fun": lambda w: 1 - w.sum(), "jac": lambda w: -np.ones(k)},
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 1000},
    )
    assert fit.lower <= peer.fun + 1e-12
    assert peer.fun == pytest.approx(fit.risk, rel=1e-6)


def test_the_absolute_loss_against_a_linear_program():
    X, y = task(4)
    fit = fit_certified(X, y, radius=1, budget=2, loss="absolute", tol=1e-7)
    mine = 2 * np.maximum(X @ fit.net.w.T + fit.net.b, 0)
    n, columns = len(y), np.hstack([dictionary(X, 1, 2), mine, -mine])
    k = columns.shape[1]
    eye, cost = np.eye(n), np.concatenate([np.zeros(k), np.full(n, 1 / n)])
    rows = np.block([[columns, -eye], [-columns, -eye], [np.ones((1, k)), np.zeros((1, n))]])
    peer = linprog(cost, A_ub=rows, b_ub=np.concatenate([y, -y, [1]]), bounds=(0, None))
    assert fit.lower <= peer.fun + 1e-9
    assert peer.fun == pytest.approx(fit.risk, abs=2e-7)


@pytest.mark.parametrize("seed", range(3))
def test_the_absolute_loss_does_not_stall(seed):
    # With the merged neurons alone in the linear program, the gap stays above 1e-3 for seed 2.
    X, y = draw_task(100, rng=np.random.default_rng(seed))
    fit = fit_certified(X, y, radius=1, budget=3, loss="absolute", max_steps=100)
    assert fit.gap <= 1e-6
    assert len(fit.net.eta) < fit.steps
    values = fit.net(X)
    assert fit.risk == pytest.approx(np.abs(y - values).mean(), rel=1e-12)


def test_slopes_that_are_no_subgradients_cost_what_they_miss():
    # The risk is 2, and the slopes give the lower line 1/2 * 1 + 0 * 3 only.
    y, values, slopes = np.zeros(2), np.array([1.0, 3.0]), np.array([0.5, 0.0])
    assert erm._slack(as_loss("absolute"), y, values, slopes, 2.0) == 1.5
    assert erm._slack(as_loss("squared"), y, values, slopes, 2.0) == 0


def test_the_linear_loss_takes_one_neuron():
    X, y = task(5)
    fit = fit_certified(X, y, radius=1, budget=3, loss="linear")
    largest = np.abs(sums_over_the_circle(X, y, 1)).max() / len(y)
    assert fit.risk == pytest.approx(-3 * largest, rel=1e-7)
    assert fit.steps == 1
    assert len(fit.net.eta) == 1
    assert abs(fit.gap) < 1e-14


@pytest.mark.parametrize("x, y", [(0.6, 1.0), (0.6, -9.0)])
def test_one_point_in_closed_form(x, y):
    # The class takes all values in [-D |z|, D |z|] at one point.
    fit = fit_certified([x], [y], radius=0.8, budget=2, loss="squared", tol=1e-13)
    reach = 2 * np.hypot(x, 0.8)
    assert fit.net([[x]])[0] == pytest.approx(np.clip(y, -reach, reach), rel=1e-12)
    assert fit.risk == pytest.approx(max(0, abs(y) - reach) ** 2 / 2, rel=1e-12, abs=1e-14)


def test_labels_zero_need_no_neuron():
    fit = fit_certified([0.2, 0.4], [0.0, 0.0], radius=1, budget=1, loss="squared")
    assert fit.steps == 0
    assert fit.risk == fit.gap == fit.norm == 0
    assert fit.net.eta.tolist() == [0]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_no_network_of_the_class_goes_below_the_bound(seed, m):
    X, y = task(6)
    fit = fit_certified(X, y, radius=1, budget=3, tol=1e-6)
    rng = np.random.default_rng(seed)
    net = OneHiddenLayer(*(rng.standard_normal(s) for s in (m, (m, 1), m)))
    net = OneHiddenLayer(net.eta * 3 / outer_norm(net, radius=1), net.w, net.b)
    found = certify(net, X, y, radius=1, budget=3)
    assert found.risk >= fit.lower
    assert found.lower <= fit.risk


@pytest.mark.parametrize("d", [1, 2])
def test_rotations_and_scales_change_nothing(d):
    X, y = task(7, n=20, d=d)
    fit = fit_certified(X, y, radius=1, budget=3, tol=1e-9)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((d, d)))[0]
    turned = fit_certified(X @ turn, y, radius=1, budget=3, tol=1e-9)
    scaled = fit_certified(5 * X, y, radius=5, budget=0.6, tol=1e-9)
    order = np.random.default_rng(1).permutation(20)
    shuffled = fit_certified(X[order], y[order], radius=1, budget=3, tol=1e-9)
    for other in (turned, scaled, shuffled):
        assert other.risk == pytest.approx(fit.risk, abs=2e-9)
    flat = fit_certified(np.column_stack([X, 0 * X]), y, radius=1, budget=3, tol=1e-9)
    assert flat.risk == pytest.approx(fit.risk, abs=2e-9)


@pytest.mark.claim("LN-25")
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("name, beta", [("logistic", 0.25), ("squared", 1.0)])
def test_the_rate_of_the_theorem_holds(name, beta, d):
    X, y = task(8, n=30, d=d)
    fit = fit_certified(X, y, radius=1, budget=2, loss=name, tol=1e-8)
    bound = 8 * beta * 2**2  # the curvature, with M = 1
    for t, risk in enumerate(fit.risks[1:], start=1):
        assert risk - fit.lower <= 2 * bound / (t + 2) + 1e-8
    for t in range(4, fit.steps + 1, 2):
        assert fit.gaps[:t].min() <= 4 * bound / t


def test_two_inputs_certificate_by_many_directions():
    X, y = task(9, n=30, d=2)
    fit = fit_certified(X, y, radius=1, budget=3, tol=1e-8)
    rng = np.random.default_rng(0)
    u = rng.standard_normal((20000, 3))
    u /= np.linalg.norm(u, axis=1)[:, None]
    lifted = np.column_stack([X, np.ones(30)])
    for net, gap in zip(fit.nets[:4], fit.gaps[:4], strict=True):
        slopes = as_loss("logistic").derivative(y, net(X)) / 30
        found = slopes @ net(X) + 3 * np.abs(slopes @ np.maximum(lifted @ u.T, 0)).max()
        assert found <= gap * (1 + 1e-12)
        assert gap == pytest.approx(found, rel=0.01)


def test_neurons_that_agree_on_the_data_are_merged():
    X, y = task(10, n=60)
    fit = fit_certified(X, y, radius=1, budget=3, tol=1e-9)
    for net in fit.nets:
        active = (X @ net.w.T + net.b > 0).T
        keys = {(row.tobytes(), sign) for row, sign in zip(active, net.eta > 0, strict=True)}
        assert len(keys) == len(net.eta)


def test_the_norm_of_a_network():
    net = OneHiddenLayer([2.0, -1.0], [[3.0, 0.0], [0.0, 6.0]], [8.0, 16.0])
    assert outer_norm(net, radius=2) == 2 * 5 + 10
    assert outer_norm(OneHiddenLayer([1.0], [[3.0]], [4.0]), radius=1) == 5
    assert Certificate(1.0, 0.25, 3.0).lower == 0.75


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"X": [[np.nan], [0.0]]}, "X: expected finite numbers"),
        ({"X": np.zeros((0, 1)), "y": []}, "X: expected the shape"),
        ({"X": np.zeros((2, 1, 1))}, "X: expected the shape"),
        ({"X": [[0.5], [1.5]]}, "X: expected norms of at most radius = 1"),
        ({"X": 0.4 * np.eye(3), "y": [1.0, -1.0, 1.0]}, None),
        ({"X": 0.4 * np.eye(4), "y": [1.0, -1.0, 1.0, 1.0]}, "span at most 3 dimensions, got 4"),
        ({"y": [1.0]}, "y: expected the shape"),
        ({"y": [1.0, np.inf]}, "y: expected finite numbers"),
        ({"y": [1.0, 0.0]}, "y: expected labels -1 and 1 for the logistic loss"),
        ({"radius": 0.0}, "radius: expected a number above 0, got 0.0"),
        ({"budget": -1.0}, "budget: expected a finite number, at least 0, got -1.0"),
        ({"tol": 0.0}, "tol: expected a number above 0, got 0.0"),
        ({"max_steps": 0}, "max_steps: expected a positive integer"),
        ({"loss": "hinge"}, "loss: expected one of"),
    ],
)
def test_bad_input_is_named(changes, message):
    arguments = {"X": [[0.5], [-0.5]], "y": [1.0, -1.0], "radius": 1.0, "budget": 1.0} | changes
    X, y = arguments.pop("X"), arguments.pop("y")
    if message is None:  # three lifted points span three dimensions: exact
        assert fit_certified(X, y, **arguments).gap <= 1e-6
        return
    with pytest.raises(ValueError, match=message):
        fit_certified(X, y, **arguments)
    if not {"tol", "max_steps"} & set(changes):
        with pytest.raises(ValueError, match=message):
            certify(OneHiddenLayer([0.0], [[1.0]], [0.0]), X, y, **arguments)


def test_a_network_outside_the_class_has_no_certificate():
    with pytest.raises(ValueError, match="net: expected a norm of at most budget"):
        certify(OneHiddenLayer([1.001], [[1.0]], [0.0]), [0.5], [1.0], radius=1, budget=1)
    with pytest.raises(ValueError, match="x: expected points of 1 entries, got 2"):
        certify(OneHiddenLayer([1.0], [[1.0]], [0.0]), [[0.5, 0.5]], [1.0], radius=1, budget=1)


def test_a_gap_that_is_not_reached_is_no_answer():
    X, y = task(11)
    with pytest.raises(RuntimeError, match="not reached in max_steps = 2 steps"):
        fit_certified(X, y, radius=1, budget=3, tol=1e-9, max_steps=2)
