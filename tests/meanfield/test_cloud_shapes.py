"""The place, size and shape of clouds: closed forms, invariances, and what is kept."""

import numpy as np
import pytest
from openblackbox.meanfield import cloud_shapes
from openblackbox.meanfield.cloud_shapes import at_the_origin, balanced, tails


def clouds(m, p):
    return np.random.default_rng([m, p]).standard_normal((2, m, p))


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_clouds_are_moved_to_the_origin(scale):
    u, _ = clouds(7, 3)
    moved = at_the_origin(scale * (u + 5))
    assert np.abs(moved.mean(axis=0)).max() < 1e-14
    expected = u - u.mean(axis=0)
    assert moved / moved[0, 0] == pytest.approx(expected / expected[0, 0], rel=1e-12)
    assert (moved[0, 0] == pytest.approx(expected[0, 0], rel=1e-12)) == (scale == 1)


def test_balanced_clouds_have_nearly_equal_covariances(monkeypatch):
    monkeypatch.setattr(cloud_shapes, "RIDGE", 0.0)
    u, v = clouds(500, 4)
    v = v @ np.diag([5, 1, 0.5, 0.1])
    u, v = u - u.mean(axis=0), v - v.mean(axis=0)
    first, second = balanced(u, v)
    assert first.T @ first == pytest.approx(second.T @ second, rel=1e-9, abs=1e-9)
    assert first @ second.T == pytest.approx(u @ v.T, rel=1e-9, abs=1e-9)
    wide, tall = clouds(20, 8)  # too few points for covariances: the sizes alone
    first, second = balanced(wide, 9 * tall)
    assert (first**2).sum() == pytest.approx((second**2).sum(), rel=1e-12)
    assert first @ second.T == pytest.approx(9 * wide @ tall.T, rel=1e-12)


def test_a_direction_without_variance():
    """There the map is given by the ridge: 1e-4 of the mean variance of all directions."""
    u, v = np.zeros((40, 2)), np.zeros((40, 2))
    u[:, 0], v[:, 0] = np.tile([-1, 1], 20), np.tile([-3, 3], 20)
    v[:, 1] = np.repeat([-2, 2], 20)
    _, second = balanced(u, v)
    ridges = 1e-4 / 2, 1e-4 * 13 / 2
    assert second[:, 0] == pytest.approx(v[:, 0] * ((1 + ridges[0]) / (9 + ridges[1])) ** 0.25)
    expected = v[:, 1] * (ridges[0] / (4 + ridges[1])) ** 0.25
    assert second[:, 1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-150, 1, 1e150])
@pytest.mark.parametrize(("radius", "share"), [(1, 0.5), (3, 0.1), (5, 0.02)])
def test_tails_of_points_at_two_distances(radius, share, scale):
    m = 100
    far = round(share * m)
    u = np.tile([[-1.0, 2.0], [1.0, 2.0]], (m // 2, 1))
    u[:far, 0] *= radius
    fourth, second = (far * radius**k + m - far for k in (4, 2))
    assert tails(scale * u) == pytest.approx(m * fourth / second**2, rel=1e-11)


def test_tails_of_one_point_repeated():
    assert tails(np.full((4, 2), 3.0)) == 1


def test_normal_points_of_the_plane_have_tails_of_two():
    # The squared distance is exponential, and the quotient then has a variance near 4 / m.
    assert abs(tails(clouds(10_000, 2)[0]) - 2) < 4 * np.sqrt(4 / 10_000)
