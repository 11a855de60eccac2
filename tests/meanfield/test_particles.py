"""Clouds, regressions and the functions of clouds: by hand, symmetries, and what is refused."""

import numpy as np
import pytest
from openblackbox.meanfield import particles
from openblackbox.meanfield.particles import ACTIVATIONS, Cloud, Regression, predict


def draw(m=6, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return Cloud(rng.standard_normal(m), rng.standard_normal((m, d))), rng


def test_one_particle_by_hand():
    cloud = Cloud([3.0], [[1.0, -2.0]])
    assert predict(cloud, [[1.0, 0.0], [1.0, 1.0]]).tolist() == [3.0, 0.0]
    expected = 3 * np.tanh([1.0, -1.0])
    np.testing.assert_allclose(
        predict(cloud, [[1.0, 0.0], [1.0, 1.0]], activation="tanh"), expected, rtol=1e-15
    )


def test_the_function_is_the_mean_over_particles_and_not_their_sum():
    cloud, rng = draw()
    x = rng.standard_normal((7, 3))
    slow = [
        sum(a * max(w @ point, 0) for a, w in zip(cloud.a, cloud.w, strict=True)) / 6 for point in x
    ]
    np.testing.assert_allclose(predict(cloud, x), slow, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_order_and_copies_of_particles_do_not_matter(activation):
    cloud, rng = draw()
    x, order = rng.standard_normal((7, 3)), rng.permutation(6)
    f = predict(cloud, x, activation=activation)
    for other in (
        Cloud(cloud.a[order], cloud.w[order]),
        Cloud(np.repeat(cloud.a, 3), np.repeat(cloud.w, 3, axis=0)),
    ):
        np.testing.assert_allclose(
            predict(other, x, activation=activation), f, rtol=1e-13, atol=1e-15
        )


def test_relu_is_homogeneous_of_degree_two():
    cloud, rng = draw()
    x = rng.standard_normal((7, 3))
    scaled = predict(Cloud(2 * cloud.a, 2 * cloud.w), x)
    np.testing.assert_allclose(scaled, 4 * predict(cloud, x), rtol=1e-14)


def test_blocks_do_not_change_the_function(monkeypatch):
    cloud, rng = draw(m=100)
    x = rng.standard_normal((7, 3))
    whole = predict(cloud, x)
    monkeypatch.setattr(particles, "ENTRIES", 7 * 17)  # blocks of 17, the last of 15
    np.testing.assert_allclose(predict(cloud, x), whole, rtol=1e-13, atol=1e-15)
    monkeypatch.setattr(particles, "ENTRIES", 1)  # blocks of 16, the least
    np.testing.assert_allclose(predict(cloud, x), whole, rtol=1e-13, atol=1e-15)
    assert predict(cloud, np.empty((0, 3))).shape == (0,)


def test_derivatives_of_the_activations_against_differences():
    h = np.array([-2.0, -0.3, 0.4, 1.7])
    for sigma in ACTIVATIONS.values():
        slope = (sigma.value(h + 1e-6) - sigma.value(h - 1e-6)) / 2e-6
        np.testing.assert_allclose(sigma.derivative(h), slope, atol=1e-9)
    assert ACTIVATIONS["relu"].derivative(np.zeros(1)).tolist() == [0.0]


def test_single_precision_is_kept_when_both_arrays_have_it():
    a, w = np.ones(2, np.float32), np.ones((2, 3), np.float32)
    assert Cloud(a, w).a.dtype == Cloud(a, w).w.dtype == np.float32
    assert Cloud(a.astype(float), w).w.dtype == Cloud(a, w.astype(float)).a.dtype == np.float64
    assert predict(Cloud(a, w), w).dtype == np.float32
    assert Regression(w, a).x.dtype == np.float32
    assert Regression(w.astype(float), a).y.dtype == np.float64


def test_arrays_are_copied_and_frozen():
    a, w = np.ones(2), np.ones((2, 3))
    cloud, task = Cloud(a, w), Regression(w, a)
    a[0] = w[0, 0] = 7
    assert cloud.a[0] == cloud.w[0, 0] == task.x[0, 0] == task.y[0] == 1
    for array in (cloud.a, cloud.w, task.x, task.y):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    assert cloud.theta.tolist() == [[1, 1, 1, 1]] * 2


@pytest.mark.parametrize(
    ("a", "w", "message"),
    [
        ([], np.empty((0, 2)), "a: expected at least one particle, got none"),
        ([1.0], [1.0], r"w: expected 2 axes, got shape \(1,\)"),
        ([[1.0]], [[1.0]], r"a: expected 1 axis, got shape \(1, 1\)"),
        ([1.0], [[1.0], [2.0]], r"w: expected shape \(1, d\) with d >= 1, got \(2, 1\)"),
        ([1.0], np.empty((1, 0)), r"w: expected shape \(1, d\) with d >= 1, got \(1, 0\)"),
        ([np.nan], [[1.0]], "a: expected finite numbers"),
        ([1.0], [[np.inf]], "w: expected finite numbers"),
        ([1j], [[1.0]], "a: expected real numbers"),
    ],
)
def test_what_is_no_cloud_is_refused(a, w, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Cloud(a, w)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.empty((0, 1)), []), {}, r"x: expected at least one point with one entry"),
        ((np.empty((1, 0)), [1.0]), {}, r"x: expected at least one point with one entry"),
        (([[1.0]], [1.0, 2.0]), {}, "y: expected 1 values, one per point, got 2"),
        (([[1.0]], [np.inf]), {}, "y: expected finite numbers"),
        (([[1.0]], [1.0]), {"decay": -0.1}, "decay: expected a finite number, at least 0"),
        (([[1.0]], [1.0]), {"decay": np.nan}, "decay: expected a finite number"),
        (([[1.0]], [1.0]), {"penalty": "l2"}, "penalty: expected one of"),
        (([[1.0]], [1.0]), {"activation": "gelu"}, "activation: expected one of"),
    ],
)
def test_what_is_no_regression_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Regression(*arguments, **options)


def test_points_that_do_not_fit_are_refused():
    cloud = Cloud([1.0], [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"^x: expected points of 2 entries, got 3"):
        predict(cloud, [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match=r"^activation: expected one of"):
        predict(cloud, [[1.0, 2.0]], activation="sin")
