"""The supremum of a sum of ReLUs, against all faces by enumeration, grids, and exact cases."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from openblackbox.relu_interval import _climb, _settle, ascend, upper_bound
from openblackbox.relu_sphere import BATCH, Circles, Plane, Space
from openblackbox.relu_supremum import Arrangement, relu_sup


def h(points, weights, u):
    """The sum at unit vectors u, one in each row."""
    return np.maximum(np.atleast_2d(u) @ np.transpose(points), 0) @ weights


def slow_sup(points, weights):
    """The supremum by enumeration.

    Where |h| is largest, u is orthogonal to some rows, possibly none; in the space orthogonal to
    them u has the direction of the gradient of the cell. All sets of rows and all subsets of
    active rows are tried.
    """
    points, weights = np.array(points, float), np.array(weights, float)
    n, k = points.shape
    active = np.array(list(itertools.product((0, 1), repeat=n)))
    gradients = (active * weights) @ points
    best = 0.0
    for size in range(k):
        for rows in map(list, itertools.combinations(range(n), size)):
            _, values, basis = np.linalg.svd(points[rows]) if size else (0, np.zeros(0), np.eye(k))
            free = basis[(values > 1e-9).sum() :]
            u = gradients @ free.T @ free
            length = np.linalg.norm(u, axis=1)
            # A gradient orthogonal to the face leaves h = 0 or the same value on a smaller face.
            u = np.vstack([u[length > 1e-9] / length[length > 1e-9, None], free])
            best = max(best, np.abs(h(points, weights, np.vstack([u, -u]))).max(initial=0))
    return best


def check(found, points, weights):
    """What every result must fulfil."""
    assert np.linalg.norm(found.direction) == pytest.approx(1, abs=1e-12)
    at = h(points, weights, found.direction)[0]
    scale = np.abs(weights) @ np.linalg.norm(points, axis=1) + 1e-300
    assert found.value == pytest.approx(abs(at), abs=1e-13 * scale)
    assert found.sign * at == pytest.approx(found.value, abs=1e-13 * scale)
    assert found.lower == found.value <= found.upper
    assert found.value >= np.linalg.norm(weights @ points) / 2 - 1e-12 * scale


def rotation(rng, k):
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((k, k)))[0]


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_small_sets_against_enumeration(n, k):
    rng = np.random.default_rng([n, k])
    for _ in range(12):
        points, weights = rng.standard_normal((n, k)), rng.standard_normal(n)
        found = relu_sup(points, weights)
        check(found, points, weights)
        assert found.upper == found.value == pytest.approx(slow_sup(points, weights), rel=1e-12)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.data())
def test_zero_parallel_and_equal_rows_against_enumeration(data):
    n, k = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    points = data.draw(arrays(int, (n, k), elements=st.integers(-2, 2)))
    weights = data.draw(arrays(int, n, elements=st.integers(-2, 2)))
    found = relu_sup(points, weights, rng=np.random.default_rng(0), starts=8)
    check(found, points, weights)
    exact = slow_sup(points, weights)
    if np.linalg.matrix_rank(points) <= 3:
        assert found.upper == found.value == pytest.approx(exact, rel=1e-12, abs=1e-12)
    else:
        assert found.lower <= exact + 1e-12
        assert exact <= found.upper + 1e-12


@pytest.mark.parametrize("k", [1, 2, 3])
def test_orthogonal_points(k):
    """h(u) is the sum of c_i (u_i)_+: the positive c make the largest value, or the negative."""
    rng = np.random.default_rng(k)
    for _ in range(20):
        c, lengths = rng.standard_normal(k), rng.uniform(0.1, 3, k)
        points = rotation(rng, k) * lengths[:, None]
        expected = max(np.linalg.norm(np.maximum(s * c, 0)) for s in (1, -1))
        assert relu_sup(points, c / lengths).value == pytest.approx(expected, rel=1e-12)


def test_a_maximum_at_a_kink_of_the_circle():
    # The gradient (1.5, 2) of the cell where all are active points out of it.
    found = relu_sup([[1, 1], [-1, 1], [0.5, 1]], [1, -1, 1])
    assert found.value == pytest.approx(3.5 / 2**0.5, rel=1e-14)
    assert found.direction == pytest.approx(np.ones(2) / 2**0.5)
    assert found.sign == 1
    assert relu_sup([[1, 1], [-1, 1], [0.5, 1]], [-1, 1, -1]).sign == -1


@pytest.mark.parametrize("k", [2, 3])
def test_nothing_on_a_fine_grid_is_larger(k):
    rng = np.random.default_rng(k)
    if k == 2:
        angle = np.linspace(0, 2 * np.pi, 40001)
        grid = np.column_stack([np.cos(angle), np.sin(angle)])
    else:
        height = 1 - (2 * np.arange(60000) + 1) / 60000
        angle = np.pi * (1 + 5**0.5) * np.arange(60000)
        ring = np.sqrt(1 - height**2)
        grid = np.column_stack([ring * np.cos(angle), ring * np.sin(angle), height])
    for n in (20, 60):
        points, weights = rng.standard_normal((n, k)), rng.choice([-1.0, 1.0], n)
        found, best = relu_sup(points, weights).value, np.abs(h(points, weights, grid)).max()
        assert best <= found * (1 + 1e-12)
        assert found == pytest.approx(best, rel=2e-3)


def test_many_points_in_space_against_the_ascent():
    rng = np.random.default_rng(5)
    points = rng.standard_normal((120, 3))
    arrangement = Arrangement(points)
    for _ in range(5):
        weights = rng.choice([-1.0, 1.0], 120)
        starts = rng.standard_normal((400, 3))
        climbed = np.abs(h(points, weights, ascend(points, weights, starts)))[0]
        exact = relu_sup(arrangement, weights).value
        assert climbed <= exact * (1 + 1e-12)
        assert climbed == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("k", [2, 3])
def test_rotation_order_and_scale(k):
    rng = np.random.default_rng(k)
    points, weights = rng.standard_normal((40, k)), rng.standard_normal(40)
    found, turn = relu_sup(points, weights), rotation(rng, k)
    turned = relu_sup(points @ turn.T, weights)
    assert turned.value == pytest.approx(found.value, rel=1e-12)
    assert turned.direction == pytest.approx(turn @ found.direction, abs=1e-7)
    order = rng.permutation(40)
    assert relu_sup(points[order], weights[order]).value == pytest.approx(found.value, rel=1e-12)
    assert relu_sup(4 * points, -8 * weights).value == pytest.approx(32 * found.value, rel=1e-13)
    assert relu_sup(4 * points, -8 * weights).sign == -found.sign
    lengths = rng.uniform(0.01, 5, 40)
    scaled = relu_sup(points * lengths[:, None], weights / lengths)
    assert scaled.value == pytest.approx(found.value, rel=1e-12)


@pytest.mark.parametrize("k", [2, 3])
def test_split_rows_change_nothing(k):
    rng = np.random.default_rng(k)
    points, weights = rng.standard_normal((15, k)), rng.standard_normal(15)
    found = relu_sup(points, weights).value
    doubled = np.concatenate([points, 0.3 * points, np.zeros((2, k))])
    shares = np.concatenate([0.25 * weights, 2.5 * weights, [7, -7]])
    assert relu_sup(doubled, shares).value == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("k", [2, 3])
def test_opposite_rows_with_opposite_weights_are_linear(k):
    rng = np.random.default_rng(k)
    points, weights = rng.standard_normal((9, k)), rng.standard_normal(9)
    both = relu_sup(np.concatenate([points, -points]), np.concatenate([weights, -weights]))
    assert both.value == pytest.approx(np.linalg.norm(weights @ points), rel=1e-12)
    assert abs(both.direction @ (weights @ points)) == pytest.approx(both.value, rel=1e-12)


@pytest.mark.parametrize("k, wide", [(1, 2), (1, 3), (2, 3), (2, 5), (3, 4), (3, 8)])
def test_points_of_a_subspace_stay_exact(k, wide):
    rng = np.random.default_rng([k, wide])
    points, weights = rng.standard_normal((20, k)), rng.standard_normal(20)
    flat = relu_sup(points, weights)
    inclusion = rotation(rng, wide)[:, :k]
    arrangement = Arrangement(points @ inclusion.T)
    found = relu_sup(arrangement, weights)
    assert (arrangement.dimension, arrangement.exact) == (k, True)
    assert found.lower == found.upper == pytest.approx(flat.value, rel=1e-11)
    assert found.direction == pytest.approx(inclusion @ flat.direction, abs=1e-7)


def test_rows_that_are_almost_parallel():
    rng = np.random.default_rng(0)
    points, weights = rng.standard_normal((12, 3)), rng.standard_normal(24)
    exact = relu_sup(np.concatenate([points, points]), weights).value
    for gap in (1e-15, 1e-13, 1e-12, 1e-10, 1e-8):
        near = np.concatenate([points, points + gap * rng.standard_normal((12, 3))])
        assert relu_sup(near, weights).value == pytest.approx(exact, abs=100 * gap + 1e-11)


@pytest.mark.parametrize("k", [2, 3])
def test_sizes_far_from_one(k):
    rng = np.random.default_rng(k)
    points, weights = rng.standard_normal((10, k)), rng.standard_normal(10)
    found = relu_sup(points, weights).value
    assert relu_sup(points * 1e-200, weights).value == pytest.approx(1e-200 * found, rel=1e-12)
    assert relu_sup(points * 1e200, weights * 1e100).value == pytest.approx(
        1e300 * found, rel=1e-12
    )
    tiny = np.concatenate([points, np.full((1, k), 1e-170)])
    assert relu_sup(tiny, [*weights, 1]).value == pytest.approx(found, rel=1e-12)


def test_nothing_to_maximise():
    for points, weights in (
        (np.zeros((3, 4)), [1, 2, 3]),
        (np.eye(2), [0, 0]),
        (np.eye(3), [0, 0, 0]),
        (np.eye(1), [0]),
    ):
        found = relu_sup(points, weights)
        assert found.value == found.lower == found.upper == 0
        assert np.linalg.norm(found.direction) == pytest.approx(1)
    found = relu_sup(np.eye(5), np.zeros(5), rng=np.random.default_rng(0))
    assert found.value == found.upper == 0


def test_one_row():
    for k in (1, 2, 3, 6):
        row = np.arange(1.0, k + 1)
        found = relu_sup([row], [-2])
        assert found.value == found.upper == pytest.approx(2 * np.linalg.norm(row), rel=1e-14)
        assert found.direction == pytest.approx(row / np.linalg.norm(row))
        assert found.sign == -1


def test_the_sort_is_shared():
    rng = np.random.default_rng(0)
    for k in (2, 3):
        points = rng.standard_normal((30, k))
        arrangement = Arrangement(points)
        for weights in rng.standard_normal((4, 30)):
            ours, fresh = relu_sup(arrangement, weights), relu_sup(points, weights)
            assert ours.value == fresh.value
            assert (ours.direction == fresh.direction).all()


def test_points_are_copied():
    points = np.eye(2)
    arrangement = Arrangement(points)
    points[:] = 0
    assert relu_sup(arrangement, [1, 1]).value == pytest.approx(2**0.5, rel=1e-14)


# The parts.


@pytest.mark.parametrize("kind, k", [(Plane, 2), (Space, 3)])
def test_the_parts_return_unit_vectors(kind, k):
    """On an arc, in a cell, on an edge and at a vertex."""
    rng = np.random.default_rng(k)
    for n in (3, 4, 6, 30):
        for _ in range(10):
            points, weights = rng.standard_normal((n, k)), rng.standard_normal(n)
            u = kind(points).direction(weights)
            assert np.linalg.norm(u) == pytest.approx(1, abs=1e-12)


def test_gradients_on_half_the_circle():
    rng = np.random.default_rng(0)
    points, weights = rng.standard_normal((7, 2)), rng.standard_normal(7)
    circle = Circles(points[None, :, 0], points[None, :, 1])
    kinks = np.stack(circle.kinks, axis=-1)[0]
    assert np.linalg.norm(kinks, axis=1) == pytest.approx(np.ones(7), rel=1e-14)
    ends = np.vstack([kinks[1:], -kinks[:1]])
    middles = kinks + ends
    shares = weights[circle.order]
    gradients = np.concatenate([circle.gradients(shares, a) for a in (circle.x, circle.y)]).T
    expected = (weights * (middles @ points.T > 0)) @ points
    # The parts of flipped points are missing nowhere: half the circle starts with them active.
    assert gradients == pytest.approx(expected, rel=1e-12)
    assert circle.following(np.array([[1.0, 2.0, 3.0]])).tolist() == [[2, 3, -1]]


def test_best_of_two_circles():
    """The first circle has the sum (u_1)_+ + (u_2)_+, the second half of it less a kink."""
    x, y = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    circles = Circles(x, y)
    gx, gy = (circles.gradients(np.array([[1.0, 1.0], [3.0, -1.0]]), a) for a in (x, y))
    value, circle, u = circles.best(gx, gy, np.array([[[1.0], [3.0]], [[1.0], [-1.0]]]))
    assert (value, circle) == (3, 1)
    assert u.tolist() in ([1, 0], [-1, 0])
    gx, gy = (circles.gradients(np.array([[3.0, 4.0], [3.0, -1.0]]), a) for a in (x, y))
    value, circle, u = circles.best(gx, gy, np.array([[[3.0], [3.0]], [[4.0], [-1.0]]]))
    assert (value, circle) == (pytest.approx(5, rel=1e-14), 0)
    assert np.abs(u) == pytest.approx([0.6, 0.8], rel=1e-14)


def test_the_best_of_the_edges_is_a_value_on_a_circle():
    rng = np.random.default_rng(2)
    points, weights = rng.standard_normal((9, 3)), rng.standard_normal(9)
    space = Space(points)
    opposite, c = space.opposite * weights, weights * np.linalg.norm(points, axis=1)
    b = opposite @ points
    for block in space.blocks:
        value, u, _ = block.edges(b, c, weights @ points)
        assert np.linalg.norm(u) == pytest.approx(1, rel=1e-13)
        assert np.abs(space.normals @ u).min() < 1e-14
        values = np.abs(h(points, weights, np.array([u, -u])))
        assert values.max() == pytest.approx(value, rel=1e-12)


def test_candidates_are_gradients_of_cells(monkeypatch):
    rng = np.random.default_rng(1)
    active = np.array(list(itertools.product((0, 1), repeat=6)))
    seen = []

    def record(self, gradients, *_):
        seen.append(gradients)
        return np.array([1.0, 0, 0])

    monkeypatch.setattr(Space, "_largest", record)
    for _ in range(20):
        points, weights = rng.standard_normal((6, 3)), rng.standard_normal(6)
        Space(points).direction(weights)
        sums = (active * weights) @ points
        for gradient in seen.pop():
            assert np.linalg.norm(sums - gradient, axis=1).min() < 1e-12


def test_the_best_candidate_is_found_in_any_batch():
    """Candidates that all look promising are all tried, whatever their order."""
    rng = np.random.default_rng(0)
    points, weights = rng.standard_normal((8, 3)), rng.uniform(0.5, 1, 8)
    directions = rng.standard_normal((4 * BATCH, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    values = np.abs(h(points, weights, np.vstack([directions, -directions])))
    mass = weights * np.linalg.norm(points, axis=1)
    for scale in (100, 100 * rng.uniform(1, 2, (4 * BATCH, 1))):
        u = Space(points)._largest(scale * directions, np.zeros(3), mass, 0.0, None)
        found = np.abs(h(points, weights, np.vstack([u, -u]))).max()
        assert found == pytest.approx(values.max(), rel=1e-12)


# Above three dimensions.


@pytest.mark.parametrize("n", [4, 6, 7])
def test_the_interval_contains_the_supremum(n):
    rng = np.random.default_rng(n)
    for _ in range(4):
        points, weights = rng.standard_normal((n, 4)), rng.standard_normal(n)
        found, exact = relu_sup(points, weights, rng=rng), slow_sup(points, weights)
        check(found, points, weights)
        assert found.lower <= exact * (1 + 1e-12)
        assert exact <= found.upper * (1 + 1e-12)
        assert found.lower == pytest.approx(exact, rel=1e-9)


def test_upper_bound_of_orthogonal_points():
    turn, ones = rotation(np.random.default_rng(0), 4), np.ones(4)
    # With positive weights the bound is attained, whatever the signs.
    assert upper_bound(turn, ones) == pytest.approx(2, rel=1e-8)
    assert upper_bound(turn, -ones) == pytest.approx(2, rel=1e-8)
    assert upper_bound(turn, [1, 1, 1, -1]) == pytest.approx(1 + 3**0.5 / 2, rel=1e-8)
    assert upper_bound(5 * turn, 2 * ones) == pytest.approx(20, rel=1e-8)
    # Two points of opposite weights in the same place: G = 0, q is the least of s/2 - 1 + 2/s.
    twice = np.concatenate([turn, turn])
    assert upper_bound(twice, [*ones, *-ones]) == pytest.approx(0.5, rel=1e-8)
    assert upper_bound(turn, 0 * ones) == 0


def test_upper_bound_against_a_grid():
    rng = np.random.default_rng(1)
    points, weights = rng.standard_normal((30, 5)), rng.standard_normal(30)
    lengths = np.linalg.norm(points, axis=1)
    units, c = points / lengths[:, None], weights * lengths
    even = 0
    for sign in (1, -1):
        plus, minus = np.maximum(sign * c, 0), np.maximum(-sign * c, 0)
        grow, shrink = (units.T @ (part[:, None] * units) for part in (plus, minus))
        s = np.exp(np.linspace(0, 4, 2001))[:, None, None]
        top = np.linalg.eigvalsh(s * grow / 2 - shrink)[:, -1]
        even = max(even, (top + plus.sum() / (2 * s[:, 0, 0])).min())
    expected = (np.linalg.norm(weights @ points) + even) / 2
    assert upper_bound(points, weights) == pytest.approx(expected, rel=1e-6)


def test_the_interval_is_made_of_the_bound():
    rng = np.random.default_rng(6)
    points, weights = rng.standard_normal((20, 6)), rng.standard_normal(20)
    upper = relu_sup(points, weights, rng=rng).upper
    assert upper == pytest.approx(upper_bound(points, weights), rel=1e-8)
    # In a subspace of dimension 5: the same, in its coordinates.
    flat = points[:, :5] @ rotation(rng, 8)[:5]
    upper = relu_sup(flat, weights, rng=rng).upper
    assert upper == pytest.approx(upper_bound(flat, weights), rel=1e-6)


def test_the_interval_scales():
    rng = np.random.default_rng(2)
    points, weights = rng.standard_normal((20, 6)), rng.standard_normal(20)
    one = relu_sup(points, weights, rng=np.random.default_rng(0))
    other = relu_sup(6 * points, 0.5 * weights, rng=np.random.default_rng(0))
    assert other.lower == pytest.approx(3 * one.lower, rel=1e-6)
    assert other.upper == pytest.approx(3 * one.upper, rel=1e-8)


def test_the_steps_of_the_ascent():
    rng = np.random.default_rng(8)
    points, weights = rng.standard_normal((9, 5)), rng.standard_normal(9)
    u = rng.standard_normal((4, 5))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    gradients = ((u @ points.T > 0) * weights) @ points
    signs = np.array([1.0, -1, 1, -1])
    for sign, factor in ((None, np.ones(4)), (signs, signs)):
        value, gradient = _climb(points, weights, u, sign)
        assert value == pytest.approx(factor * h(points, weights, u), rel=1e-12)
        assert gradient == pytest.approx(factor[:, None] * gradients, rel=1e-12)
    for start in u:
        value, end = _settle(points, weights, start, np.float64(-1))
        assert value == pytest.approx(-h(points, weights, end)[0], rel=1e-12)
        assert value >= -h(points, weights, start)[0]


def test_the_ascent_climbs():
    rng = np.random.default_rng(3)
    points, weights = rng.standard_normal((50, 7)), rng.choice([-1.0, 1.0], 50)
    starts = rng.standard_normal((5, 7))
    starts /= np.linalg.norm(starts, axis=1, keepdims=True)
    first = np.abs(h(points, weights, starts)).max()
    reached = ascend(points, weights, starts)
    assert np.linalg.norm(reached) == pytest.approx(1, abs=1e-12)
    assert np.abs(h(points, weights, reached))[0] > 1.1 * first


def test_the_ascent_reaches_the_gradient_of_its_cell():
    """With positive weights h is convex, and has no kinks at a maximum: there u = g / |g|."""
    rng = np.random.default_rng(4)
    points, weights = rng.standard_normal((50, 7)), rng.uniform(0.5, 1, 50)
    u = ascend(points, weights, rng.standard_normal((20, 7)))
    gradient = (weights * (points @ u > 0)) @ points
    assert u == pytest.approx(gradient / np.linalg.norm(gradient), abs=1e-9)


@pytest.mark.parametrize(
    "points, weights, options, error, message",
    [
        ([], [], {}, ValueError, r"points: .* got the shape \(0,\)"),
        (np.zeros((0, 2)), [], {}, ValueError, r"points: .* got the shape \(0, 2\)"),
        ([1.0, 2.0], [1, 1], {}, ValueError, "points: expected a matrix"),
        ([[1.0], [1.0, 2.0]], [1, 1], {}, ValueError, "points: expected an array of numbers"),
        ([[1j, 1]], [1], {}, ValueError, "points: expected real numbers, got .* complex"),
        ([["a"]], [1], {}, ValueError, "points: expected real numbers"),
        ([[np.nan, 1]], [1], {}, ValueError, "points: expected finite"),
        (np.eye(2), [1, np.inf], {}, ValueError, "weights: expected finite"),
        (np.eye(2), [1, 1, 1], {}, ValueError, r"weights: expected the shape \(2,\), got \(3,\)"),
        (np.eye(2), [[1, 1]], {}, ValueError, "weights: expected the shape"),
        (np.eye(2), [1, 1j], {}, ValueError, "weights: expected real numbers"),
        (np.eye(4), [1] * 4, {}, TypeError, "rng: expected a numpy.random.Generator"),
        (np.eye(2), [1, 1], {"starts": 0}, ValueError, "starts: expected a positive integer"),
    ],
)
def test_bad_input(points, weights, options, error, message):
    with pytest.raises(error, match=message):
        relu_sup(points, weights, **options)
