"""The task of the excess risk: its law, its exact risk, its table."""

import numpy as np
import pytest
from openblackbox.data import data_path
from openblackbox.foundations.erm import fit_certified, outer_norm
from openblackbox.foundations.erm_study import (
    BUDGET,
    STUDY,
    TEACHER,
    draw_task,
    excess_risk,
    population_risk,
)
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
from openblackbox.study import read_study
from scipy.integrate import quad
from scipy.special import expit


def integral(net, teacher):
    """The risk by an adaptive rule that knows the kinks."""
    f = lambda g, x: float(g(np.array([[x]]))[0])  # noqa: E731

    def loss(x):
        q, value = expit(f(teacher, x)), f(net, x)
        return q * np.logaddexp(0, -value) + (1 - q) * np.logaddexp(0, value)

    kinks = np.concatenate([-g.b[w] / g.w[w, 0] for g in (net, teacher) for w in [g.w[:, 0] != 0]])
    inside = sorted(k for k in kinks if abs(k) < 1)
    return quad(loss, -1, 1, points=inside or None, epsabs=1e-12, limit=400)[0] / 2


def test_the_teacher_is_on_the_boundary_of_the_class():
    assert outer_norm(TEACHER, radius=1) == pytest.approx(BUDGET, rel=1e-15) == 3
    x = np.array([[-1.0], [0.0], [1.0]])
    np.testing.assert_allclose(TEACHER(x), [-1.68, -0.96, 1.56], rtol=1e-14)


def test_points_and_labels_have_the_law_they_say():
    X, y = draw_task(200_000, rng=np.random.default_rng(0))
    assert np.abs(X).max() <= 1
    assert X.mean() == pytest.approx(0, abs=0.01)
    assert (X**2).mean() == pytest.approx(1 / 3, abs=0.003)
    for low in (-1, -0.5, 0, 0.5):
        cell = (low <= X[:, 0]) & (X[:, 0] < low + 0.5)
        expected = quad(lambda t: expit(TEACHER(np.array([[t]]))[0]), low, low + 0.5)[0] / 0.5
        assert (y[cell] == 1).mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_the_population_risk_is_the_integral(seed):
    rng = np.random.default_rng(seed)
    net = OneHiddenLayer(*(rng.standard_normal(s) for s in (6, (6, 1), 6)))
    assert population_risk(net) == pytest.approx(integral(net, TEACHER), rel=1e-10)
    assert population_risk(net) == pytest.approx(population_risk(net, points=48), rel=1e-13)
    other = OneHiddenLayer([2.0], [[-1.0]], [0.3])
    assert population_risk(net, teacher=other) == pytest.approx(integral(net, other), rel=1e-10)


def test_the_teacher_is_best_and_constants_have_closed_risks():
    zero = OneHiddenLayer([0.0], [[0.0]], [1.0])
    assert population_risk(zero) == pytest.approx(np.log(2), rel=1e-14)
    entropy = population_risk(TEACHER)
    for t in (0.9, 1.1):
        bent = OneHiddenLayer(t * TEACHER.eta, TEACHER.w, TEACHER.b)
        assert population_risk(bent) > entropy
    with pytest.raises(ValueError, match="net: expected one input, got 2"):
        population_risk(OneHiddenLayer([1.0], [[1.0, 0.0]], [0.0]))
    with pytest.raises(ValueError, match="points: expected a positive integer"):
        population_risk(zero, points=0)
    with pytest.raises(TypeError, match="rng: expected"):
        draw_task(3, rng=0)


def test_a_row_is_a_fit_and_an_integral():
    row = excess_risk(60, 5)
    X, y = draw_task(60, rng=np.random.default_rng(5))
    fit = fit_certified(X, y, radius=1, budget=3, tol=1e-8)
    risk = integral(fit.net, TEACHER)
    assert row["excess"] == pytest.approx(risk - integral(TEACHER, TEACHER), rel=1e-6)
    assert row["generalization"] == pytest.approx(risk - fit.risk, rel=1e-6)
    assert row["neurons"] == len(fit.net.eta)
    assert row["certified"] is True


def test_the_table_of_the_book_agrees_and_obeys_the_bound():
    table = read_study(data_path("excess-risk.csv"))
    assert list(table) == list(STUDY.header)
    rows = list(zip(*table.values(), strict=True))
    assert len(rows) == len(STUDY.cells())
    assert all(table["certified"])
    for n, seed, excess, generalization, *_ in rows[::61]:
        if n <= 1000:
            again = excess_risk(n, seed)
            # A gap of 1e-8 leaves the function between the points a little freedom.
            assert again["excess"] == pytest.approx(excess, abs=2e-5)
            assert again["generalization"] == pytest.approx(generalization, abs=2e-5)
    n, excess = np.array(table["n"]), np.array(table["excess"])
    for size in np.unique(n):
        assert 0 < excess[n == size].mean() < 3 * np.sqrt(2) * 3 / np.sqrt(size)
