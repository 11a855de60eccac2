"""The two penalties: by hand, the inequality between them, and gradients."""

import numpy as np
import pytest
from openblackbox.meanfield.particles import Cloud
from openblackbox.meanfield.penalties import PENALTIES, penalty, penalty_gradient


def draw(seed=0, m=8, d=3):
    rng = np.random.default_rng(seed)
    return Cloud(rng.standard_normal(m), rng.standard_normal((m, d)))


def test_by_hand():
    cloud = Cloud([-2.0, 0.0], [[3.0, 4.0], [0.0, 1.0]])
    assert penalty(cloud).tolist() == [14.5, 0.5]
    assert penalty(cloud, kind="path").tolist() == [10.0, 0.0]


@pytest.mark.parametrize("kind", PENALTIES)
def test_both_are_homogeneous_of_degree_two(kind):
    cloud = draw()
    scaled = penalty(Cloud(3 * cloud.a, 3 * cloud.w), kind=kind)
    np.testing.assert_allclose(scaled, 9 * penalty(cloud, kind=kind), rtol=1e-14)


def test_balancing_turns_one_into_the_other():
    cloud = draw()
    path, norms = penalty(cloud, kind="path"), np.linalg.norm(cloud.w, axis=1)
    assert np.all(penalty(cloud) > path)
    scale = np.sqrt(norms / np.abs(cloud.a))
    balanced = Cloud(cloud.a * scale, cloud.w / scale[:, None])
    np.testing.assert_allclose(penalty(balanced), path, rtol=1e-14)
    np.testing.assert_allclose(penalty(balanced, kind="path"), path, rtol=1e-14)


@pytest.mark.parametrize("kind", PENALTIES)
def test_gradients_against_differences(kind):
    cloud, step = draw(), 1e-6
    slope_a, slope_w = penalty_gradient(cloud, kind=kind)
    up, down = (penalty(Cloud(cloud.a + s, cloud.w), kind=kind) for s in (step, -step))
    np.testing.assert_allclose(slope_a, (up - down) / (2 * step), atol=1e-8)
    for k, unit in enumerate(step * np.eye(3)):
        up, down = (penalty(Cloud(cloud.a, cloud.w + s * unit), kind=kind) for s in (1, -1))
        np.testing.assert_allclose(slope_w[:, k], (up - down) / (2 * step), atol=1e-8)


def test_at_a_kink_the_entries_that_do_not_exist_are_zero():
    slope_a, slope_w = penalty_gradient(Cloud([0.0, 2.0], [[3.0, 4.0], [0.0, 0.0]]), kind="path")
    assert slope_a.tolist() == [0.0, 0.0]
    assert slope_w.tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("function", [penalty, penalty_gradient])
def test_an_unknown_kind_is_refused(function):
    with pytest.raises(ValueError, match=r"^kind: expected one of"):
        function(draw(), kind="ridge")
