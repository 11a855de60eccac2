"""The best nonnegative measure: by hand, against grids, and its certificate."""

import numpy as np
import pytest
from openblackbox.meanfield.energy import risk
from openblackbox.meanfield.particles import Regression, predict
from openblackbox.meanfield.positive_cone import kink_directions, positive_cone
from openblackbox.meanfield.starts import plane_teacher
from scipy.optimize import nnls


def circle(k):
    angles = np.linspace(0, 2 * np.pi, k, endpoint=False)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def draw(seed, n=12):
    rng = np.random.default_rng(seed)
    return Regression(rng.standard_normal((n, 2)), rng.standard_normal(n))


def plane_task(seed=0, n=200):
    x = np.random.default_rng(seed).standard_normal((n, 2))
    return Regression(x, predict(plane_teacher(), x))


def test_two_opposite_points_by_hand():
    # (u.x)_+ can be had at e_1 alone: the label -1 at -e_1 stays, and costs 1/2.
    fit = positive_cone(Regression([[1.0, 0.0], [-1.0, 0.0]], [1.0, -1.0]))
    assert (fit.value, fit.lower) == (0.5, 0.5)
    np.testing.assert_allclose(fit.directions, [[1, 0]], atol=1e-15)
    assert fit.masses == pytest.approx([1])
    assert fit.dual == pytest.approx([0, 1])


def test_three_points_by_hand():
    # e_1, -e_1 and e_1 + e_2 with labels 0, 0, 1: the direction e_2 does it.
    fit = positive_cone(Regression([[1.0, 0.0], [-1.0, 0.0], [1.0, 1.0]], [0.0, 0.0, 1.0]))
    assert fit.value < 1e-30
    np.testing.assert_allclose(fit.directions, [[0, 1]], atol=1e-15)
    assert fit.lower == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_meets_the_value(seed):
    for task in (draw(seed), plane_task(seed, n=60)):
        fit = positive_cone(task)
        assert fit.lower <= fit.value * (1 + 1e-12)
        assert fit.value - fit.lower < 1e-11 * np.mean(task.y**2)


@pytest.mark.parametrize("seed", range(4))
def test_the_dual_point_is_feasible_on_the_whole_circle(seed):
    for task in (draw(seed), plane_task(seed, n=40)):
        fit = positive_cone(task)
        heights = np.maximum(circle(20000) @ task.x.T, 0) @ fit.dual
        assert heights.min() > -1e-12
        value = -(2 * fit.dual @ task.y + fit.dual @ fit.dual) / task.n
        assert fit.lower == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("seed", range(4))
def test_a_fine_grid_does_not_find_better(seed):
    task = draw(seed)
    fit = positive_cone(task)
    _, norm = nnls(np.maximum(task.x @ circle(1440).T, 0), task.y)
    assert fit.lower <= norm**2 / task.n + 1e-12
    assert norm**2 / task.n == pytest.approx(fit.value, rel=5e-3)


def test_features_of_the_circle_are_in_the_cone_of_the_kinks():
    task = draw(0, n=5)
    features = np.maximum(task.x @ kink_directions(task.x).T, 0)
    for u in circle(97):
        assert nnls(features, np.maximum(task.x @ u, 0))[1] < 1e-12


def test_parallel_points_have_half_circles():
    x = np.array([[1.0, 1.0], [-2.0, -2.0], [3.0, 3.0]])
    directions = kink_directions(x)
    assert len(directions) == 8
    # Each is a unit vector, orthogonal to the points or, where the arc is a half circle, parallel.
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-14)
    across = np.abs(directions @ [0.5**0.5, 0.5**0.5])
    np.testing.assert_allclose(across, [0] * 6 + [1] * 2, rtol=1e-14, atol=1e-15)
    fit = positive_cone(Regression(x, [1.0, 4.0, 3.0]))
    assert fit.value < 1e-28
    alone = positive_cone(Regression([[0.0, 2.0]], [3.0]))
    assert alone.value < 1e-28


def test_the_cloud_has_the_value():
    task = plane_task(n=50)
    fit = positive_cone(task)
    assert risk(fit.cloud, task) == pytest.approx(fit.value, rel=1e-11)
    np.testing.assert_allclose(np.linalg.norm(fit.cloud.w, axis=1), fit.cloud.a, rtol=1e-14)


def test_labels_that_no_feature_helps():
    task = Regression([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [-1.0, -2.0, -3.0])
    fit = positive_cone(task)
    assert (fit.value, fit.lower) == (pytest.approx(14 / 3), pytest.approx(14 / 3))
    assert len(fit.masses) == 0
    assert fit.cloud.m == 1
    assert not fit.cloud.theta.any()
    nothing = positive_cone(Regression([[0.0, 0.0]], [2.0]))
    assert (nothing.value, nothing.lower) == (4, 4)


def test_the_dual_repairs_a_residual_that_is_not_exact(monkeypatch):
    # A solver that stops early: the bound must stay true, and only be weaker.
    task = draw(1)
    exact = positive_cone(task)

    def early(features, y):
        masses, norm = nnls(features, y)
        return masses * 0.97, norm

    monkeypatch.setattr("openblackbox.meanfield.positive_cone.nnls", early)
    rough = positive_cone(task)
    assert rough.value > exact.value
    assert 0.5 * exact.value < rough.lower < exact.value
    heights = np.maximum(circle(5000) @ task.x.T, 0) @ rough.dual
    assert heights.min() > -1e-12


def test_rescaling_and_rotation():
    task = draw(2)
    fit = positive_cone(task)
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    other = positive_cone(Regression(3 * task.x @ turn, 2 * task.y))
    assert other.value == pytest.approx(4 * fit.value, rel=1e-11)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"^x: expected points in the plane, shape \(n, 2\), got"):
        positive_cone(Regression([[1.0]], [1.0]))
    with pytest.raises(ValueError, match=r"^x: expected 2 axes, got shape \(2,\)"):
        kink_directions([1.0, 0.0])
    with pytest.raises(ValueError, match=r"^x: expected finite numbers"):
        kink_directions([[1.0, np.nan]])
    with pytest.raises(ValueError, match=r"^task: expected no decay, got 0.1"):
        positive_cone(Regression([[1.0, 0.0]], [1.0], decay=0.1))
    with pytest.raises(ValueError, match=r"^task: expected the activation 'relu', got 'tanh'"):
        positive_cone(Regression([[1.0, 0.0]], [1.0], activation="tanh"))
