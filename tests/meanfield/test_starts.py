"""Laws to start from: what holds for every draw, frequencies, and what is refused."""

import numpy as np
import pytest
from openblackbox.meanfield.particles import Cloud
from openblackbox.meanfield.starts import STARTS, degrees_to_teacher, plane_teacher, start


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_balanced_and_one_sided_starts_have_the_radius(scale):
    for kind in ("balanced", "one-sided"):
        cloud = start(kind, m=50, d=4, rng=np.random.default_rng(0), scale=scale)
        np.testing.assert_allclose(np.linalg.norm(cloud.w, axis=1), scale, rtol=1e-14)
        np.testing.assert_allclose(np.abs(cloud.a), scale, rtol=1e-14)
        assert np.all(cloud.a > 0) == (kind == "one-sided")


def test_the_radius_is_one_unless_told():
    cloud = start("balanced", m=5, d=3, rng=np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(cloud.w, axis=1), 1, rtol=1e-14)


def test_gaussian_entries_are_scaled_draws():
    cloud = start("gaussian", m=5, d=3, rng=np.random.default_rng(0), scale=2.0)
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(cloud.a, 2 * rng.standard_normal(5), rtol=1e-15)
    np.testing.assert_allclose(cloud.w, 2 * rng.standard_normal((5, 3)), rtol=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_laws_in_the_mean(seed):
    # Means over 20000 draws have standard errors of 0.007 at most; five of them are allowed.
    rng = np.random.default_rng(seed)
    cloud = start("balanced", m=20000, d=3, rng=rng)
    assert np.abs(cloud.theta.mean(axis=0)).max() < 0.035
    np.testing.assert_allclose(cloud.w.T @ cloud.w / 20000, np.eye(3) / 3, atol=0.015)
    cloud = start("gaussian", m=20000, d=2, rng=rng, scale=2.0)
    np.testing.assert_allclose(cloud.theta.std(axis=0), 2, atol=0.05)
    assert np.abs(cloud.theta.mean(axis=0)).max() < 0.07


def test_the_same_generator_gives_the_same_cloud():
    for kind in STARTS:
        a, b = (start(kind, m=5, d=2, rng=np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(a.theta, b.theta)
        assert a.theta.shape == (5, 3)


def test_the_teacher_by_hand():
    teacher = plane_teacher()
    degrees = np.rad2deg(np.arctan2(teacher.w[:, 1], teacher.w[:, 0])) % 360
    np.testing.assert_allclose(degrees, [10, 130, 250], rtol=1e-13)
    assert teacher.a.tolist() == [1, -1, 1]
    np.testing.assert_allclose(plane_teacher((0, 90), (2, 3)).w, np.eye(2), atol=1e-16)


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        ("sphere", {}, ValueError, "kind: expected one of"),
        ("balanced", {"m": 0}, ValueError, "m: expected a positive integer"),
        ("balanced", {"d": 0.5}, ValueError, "d: expected a positive integer"),
        ("balanced", {"scale": 0}, ValueError, "scale: expected a number above 0"),
        ("balanced", {"rng": 3}, TypeError, "rng: expected a numpy.random.Generator"),
    ],
)
def test_bad_starts_are_refused(kind, options, error, message):
    given = {"m": 3, "d": 2, "rng": np.random.default_rng(0)} | options
    with pytest.raises(error, match=f"^{message}"):
        start(kind, **given)


def test_degrees_to_a_teacher_by_hand():
    teacher = plane_teacher((10, 130, 250), (1, -1, 1))
    degrees = np.array([10.0, 0.0, 130.0, 130.0, 200.0, 310.0, 300.0])
    signs, lengths = np.array([2.0, 1.0, -3.0, 1.0, 1.0, -1.0, 0.0]), np.arange(1, 8)
    w = lengths[:, None] * np.column_stack(
        [np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))]
    )
    found = degrees_to_teacher(Cloud(signs, w), teacher)
    np.testing.assert_allclose(found, [0, 10, 0, 120, 50, 180, 180], atol=1e-5)
    longer = Cloud(5 * teacher.a, teacher.w * [[1], [2], [3]])
    np.testing.assert_allclose(degrees_to_teacher(Cloud(signs, w), longer), found, atol=1e-5)


def test_degrees_to_a_teacher_need_directions():
    teacher, still = plane_teacher(), Cloud([1.0], [[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"^cloud: expected inner weights that are not zero"):
        degrees_to_teacher(still, teacher)
    with pytest.raises(ValueError, match=r"^teacher: expected inner weights that are not zero"):
        degrees_to_teacher(teacher, still)
    with pytest.raises(ValueError, match=r"^teacher: expected inner weights of 1 entries, got 2"):
        degrees_to_teacher(Cloud([1.0], [[1.0]]), teacher)


def test_bad_teachers_are_refused():
    with pytest.raises(ValueError, match=r"^signs: expected 2 of them, one per angle, got 3"):
        plane_teacher((0, 90), (1, 1, 1))
    with pytest.raises(ValueError, match=r"^a: expected at least one particle, got none"):
        plane_teacher((), ())
    with pytest.raises(ValueError, match=r"^degrees: expected 1 axis"):
        plane_teacher([[0]], [1])
