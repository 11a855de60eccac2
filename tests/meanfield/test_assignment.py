"""The assignment of two clouds: enumeration, other solvers, invariances, closed forms."""

import itertools

import numpy as np
import ot
import pytest
from openblackbox.meanfield import assignment as module
from openblackbox.meanfield.assignment import assignment_cost, dual_potentials
from openblackbox.meanfield.cloud_shapes import tails
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

METHODS = ("scipy", "pot")


def clouds(m, p, seed=0):
    rng = np.random.default_rng([m, p, seed])
    return rng.standard_normal((m, p)), rng.standard_normal((m, p))


def enumerated(u, v):
    """The smallest mean over all permutations."""
    costs, m = ((u[:, None] - v[None]) ** 2).sum(axis=2), len(u)
    return min(costs[np.arange(m), list(s)].mean() for s in itertools.permutations(range(m)))


def solver_alone(u, v):
    """SciPy's solver on the squared distances, and nothing else."""
    costs = cdist(u, v, "sqeuclidean")
    rows, columns = linear_sum_assignment(costs)
    return costs[rows, columns].mean()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("m, p", [(1, 1), (2, 3), (4, 1), (5, 2), (6, 4)])
def test_enumeration(m, p, method):
    u, v = clouds(m, p)
    found = assignment_cost(u, v, method=method)
    assert found.cost == pytest.approx(enumerated(u, v), rel=1e-13)
    assert np.sort(found.permutation).tolist() == list(range(m))
    differences = u - v[found.permutation]
    assert found.cost == pytest.approx((differences**2).sum() / m, rel=1e-14)
    assert found.method == method
    assert p == 1 or assignment_cost(u, v).method == "scipy"


SHAPES = {
    "plain": lambda v: v,
    "small": lambda v: 0.01 * v,
    "shifted": lambda v: v + 10,
    "flat": lambda v: v * np.geomspace(1e-3, 3, v.shape[1]),
    "on a line": lambda v: np.outer(v[:, 0], np.ones(v.shape[1])),
    "one point": lambda v: 0 * v + 1,
    "far and small": lambda v: 1e-3 * v + 1e3,
    "cubed": lambda v: v**3,
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("m, p", [(30, 2), (250, 1), (250, 5), (220, 80)])
def test_against_the_solver_alone(m, p, shape, method):
    """From 200 points on the clouds are mapped first: the minimum must not move."""
    u, v = clouds(m, p)
    v = SHAPES[shape](v)
    found = assignment_cost(u, v, method=method)
    assert found.cost == pytest.approx(solver_alone(u, v), rel=1e-12)


def test_sorted_on_the_line():
    u, v = clouds(300, 1)
    found = assignment_cost(u, v)
    assert found.method == "sorted"
    assert found.cost == pytest.approx(((np.sort(u, 0) - np.sort(v, 0)) ** 2).mean(), rel=1e-13)
    assert found.cost == pytest.approx(ot.emd2_1d(u.ravel(), v.ravel()), rel=1e-12)
    assert found.cost == pytest.approx(assignment_cost(u, v, method="scipy").cost, rel=1e-12)
    assert np.array_equal(np.argsort(v[found.permutation, 0]), np.argsort(u[:, 0]))


def test_by_hand():
    assert assignment_cost([[0.0], [3.0]], [[3.0], [1.0]]).cost == 0.5
    assert assignment_cost([[0.0, 0.0]], [[3.0, 4.0]]).cost == 25
    same = assignment_cost([[1.0, 2.0], [3.0, 4.0]], [[3.0, 4.0], [1.0, 2.0]])
    assert same.cost == 0
    assert same.permutation.tolist() == [1, 0]


@pytest.mark.parametrize("method", METHODS)
def test_invariances(method):
    rng = np.random.default_rng(1)
    u, v = clouds(12, 3)
    cost = assignment_cost(u, v, method=method).cost
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    shift = rng.standard_normal(3)
    order = rng.permutation(12)
    for first, second, factor in (
        (v, u, 1),
        (u[order], v, 1),
        (u @ rotation + shift, v @ rotation + shift, 1),
        (3 * u, 3 * v, 9),
        (1e150 * u, 1e150 * v, 1e300),
        (1e-120 * u, 1e-120 * v, 1e-240),
    ):
        found = assignment_cost(first, second, method=method).cost
        assert found == pytest.approx(factor * cost, rel=1e-12)
    # A shift of one cloud adds |shift|^2 and twice its product with the difference of the means.
    moved = assignment_cost(u + shift, v, method=method).cost
    extra = shift @ shift + 2 * shift @ (u.mean(axis=0) - v.mean(axis=0))
    assert moved == pytest.approx(cost + extra, rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("m, p", [(20, 2), (20, 30), (230, 3)])
def test_what_is_far_too_large_or_small(m, p, method):
    """The permutation is that of the shifted and scaled clouds, whatever way the costs take."""
    u, v = clouds(m, p)
    sigma = assignment_cost(u, v, method=method).permutation
    for a, b in ((1e-120, 1e-120), (1e150, 1e150), (1e-90, 1e90), (1e-158, 1e-158)):
        assert np.array_equal(assignment_cost(a * u, b * v, method=method).permutation, sigma)
    assert np.array_equal(assignment_cost(u + 1e7, v - 1e7, method=method).permutation, sigma)
    order = np.random.default_rng(3).permutation(m)
    same = assignment_cost(1e200 * u, 1e200 * u[order], method=method)
    assert same.cost == 0
    assert np.array_equal(order[same.permutation], np.arange(m))


def test_linear_images_of_a_cloud():
    """The optimal map from a cloud to its image under a positive definite matrix is the matrix."""
    u, _ = clouds(300, 3)
    matrix = np.array([[2, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 0.1]])
    order = np.random.default_rng(2).permutation(300)
    v = (u @ matrix)[order]
    found = assignment_cost(u, v, method="scipy")
    assert np.array_equal(order[found.permutation], np.arange(300))


def test_the_plane_is_left_to_pot_where_it_is_crowded(monkeypatch):
    u, v = clouds(30, 2)
    monkeypatch.setattr(module, "CROWDED", 30)
    monkeypatch.setattr(module, "CROWDED_WITH_TAILS", 20)
    assert assignment_cost(u, v).method == "pot"
    assert assignment_cost(u[1:], v[1:]).method == "scipy"
    assert assignment_cost(*clouds(30, 3)).method == "scipy"
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert assignment_cost(u, v).method == "scipy"


def test_large_clouds_are_balanced_and_small_ones_are_not(monkeypatch):
    called = []
    monkeypatch.setattr(module, "balanced", lambda u, v: (called.append(len(u)), u, v)[1:])
    for m in (199, 200):
        assignment_cost(*clouds(m, 2))
    assert called == [200]


def test_the_crowded_plane():
    rng = np.random.default_rng(0)
    u = rng.standard_normal((3000, 2))
    near = u + 1e-4 * rng.standard_normal((3000, 2))
    for m, method in ((2999, "scipy"), (3000, "pot")):
        assert module._faster(u[:m], near[:m]) == method
    assert assignment_cost(u, near, method="scipy").cost < 3e-8


@pytest.mark.parametrize("scale", [1e-150, 1, 1e150])
def test_tails_leave_the_plane_to_pot_earlier(scale):
    u = np.zeros((500, 2))
    u[:, 0] = np.tile([-scale, scale], 250)
    v = u.copy()
    assert tails(u) == pytest.approx(1, rel=1e-12)
    v[:2, 0] *= 100
    far = (498 + 2e8) * 500 / (498 + 2e4) ** 2
    assert tails(v) == pytest.approx(far, rel=1e-12)
    for one, other in ((u, v), (v, u)):
        assert module._faster(one, other) == "pot"
        assert module._faster(one[:499], other[:499]) == "scipy"
        space = (np.pad(cloud, ((0, 0), (0, 1))) for cloud in (one, other))
        assert module._faster(*space) == "scipy"
    assert module._faster(u, u) == "scipy"
    assert tails(np.ones((4, 2))) == 1


@pytest.mark.parametrize(("far", "method"), [(8.1, "scipy"), (8.4, "pot")])
def test_tails_are_heavy_above_eight(far, method):
    u = np.tile([[-1.0, 0.0], [1.0, 0.0]], (500, 1))
    v = u.copy()
    v[:2] *= far
    expected = 1000 * (998 + 2 * far**4) / (998 + 2 * far**2) ** 2
    assert tails(v) == pytest.approx(expected, rel=1e-12)
    assert (expected > 8) == (method == "pot")
    assert module._faster(u, v) == method


@pytest.mark.parametrize("m, p", [(1, 2), (5, 2), (60, 3), (40, 50)])
def test_potentials_certify_the_cost(m, p):
    u, v = clouds(m, p)
    f, g, reduced = dual_potentials(u, v)
    costs = cdist(u, v, "sqeuclidean")
    assert (costs - f[:, None] - g).min() > -1e-12 * costs.max()
    assert reduced == pytest.approx(costs - f[:, None] - g, abs=1e-13 * costs.max())
    found = assignment_cost(u, v)
    assert (f.sum() + g.sum()) / m == pytest.approx(found.cost, rel=1e-11)
    assert reduced[np.arange(m), found.permutation] == pytest.approx(0, abs=1e-11 * costs.max())


def test_clouds_of_ints_and_ties():
    square = [[0, 0], [0, 1], [1, 0], [1, 1]]
    for method in METHODS:
        found = assignment_cost(square, square, method=method)
        assert found.cost == 0
        assert found.permutation.tolist() == [0, 1, 2, 3]
        assert assignment_cost([[0]] * 5, [[1]] * 5, method=method).cost == 1


@pytest.mark.parametrize(
    "u, v, method, message",
    [
        ([[0.0]], [[0.0], [1.0]], "auto", "unequal masses"),
        ([[0.0]], [[0.0, 1.0]], "auto", "v: expected points of 1 entries"),
        ([0.0], [0.0], "auto", "u: expected 2 axes"),
        ([[np.nan]], [[0.0]], "auto", "u: expected finite"),
        ([[0.0]], [[np.inf]], "auto", "v: expected finite"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "auto", "u: expected at least one point"),
        (np.zeros((2, 0)), np.zeros((2, 0)), "auto", "u: expected at least one point"),
        ([[0.0, 0.0]], [[0.0, 0.0]], "sorted", "p = 1 only"),
        ([[0.0]], [[0.0]], "hungarian", "method: expected one of"),
        ([["a"]], [[0.0]], "auto", "u: expected real numbers"),
        ([[0.0]], [[1e200]], "auto", "finite squares"),
    ],
)
def test_bad_input(u, v, method, message):
    with pytest.raises(ValueError, match=message):
        assignment_cost(u, v, method=method)


def test_potentials_of_bad_input():
    with pytest.raises(ValueError, match="unequal masses"):
        dual_potentials([[0.0]], [[0.0], [1.0]])


def test_a_solver_that_gives_up_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "MANY_PIVOTS", 3)
    u, v = clouds(50, 2)
    with (
        pytest.warns(UserWarning, match="numItermax"),
        pytest.raises(RuntimeError, match="no optimum"),
    ):
        assignment_cost(u, v, method="pot")
