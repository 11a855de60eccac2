"""Training of students: against Adam written out by hand, and on the smallest bad minimum."""

import numpy as np
import pytest
import torch
from openblackbox.multitree.distillation import distill
from openblackbox.multitree.gauge import gauge_distance
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.students import perturbed_starts, random_starts, relative_error
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.multitree.teachers import random_butterfly
from openblackbox.networks import CountingOracle, ReLUNetwork

ONE = [np.ones((1, 1)), np.ones((1, 1))]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def adam(weights, masks, gradient, steps, learning_rate):
    """Adam with a half cosine, for a list of arrays; gradient(masked weights, step)."""
    weights = [weight.copy() for weight in weights]
    first = [np.zeros_like(weight) for weight in weights]
    second = [np.zeros_like(weight) for weight in weights]
    for step in range(steps):
        rate = learning_rate * (1 + np.cos(np.pi * step / steps)) / 2
        masked = [weight * mask for weight, mask in zip(weights, masks, strict=True)]
        for k, slope in enumerate(gradient(masked, step)):
            slope = slope * masks[k]
            first[k] = 0.9 * first[k] + 0.1 * slope
            second[k] = 0.999 * second[k] + 0.001 * slope**2
            ahead = first[k] / (1 - 0.9 ** (step + 1))
            size = np.sqrt(second[k] / (1 - 0.999 ** (step + 1)))
            weights[k] -= rate * ahead / (size + 1e-8)
    return [weight * mask for weight, mask in zip(weights, masks, strict=True)]


@pytest.mark.parametrize("jacobians", [False, True])
@pytest.mark.parametrize("samples, batch", [(20, 256), (40, 16)])
def test_training_is_adam_on_the_relative_loss(jacobians, samples, batch):
    masks = dyadic_supports(2)
    teacher = random_butterfly(2, rng=np.random.default_rng(0))
    starts = random_starts(masks, 1, rng=np.random.default_rng(1))
    students = distill(
        teacher, starts, masks, samples=samples, rng=np.random.default_rng(2),
        steps=7, batch=batch, jacobians=jacobians, tests=10,
    )  # fmt: skip
    rng = np.random.default_rng(2)
    fresh, points = rng.standard_normal((10, 4)), rng.standard_normal((samples, 4))
    chosen = [
        np.arange(samples) if samples <= batch else rng.integers(0, samples, batch)
        for _ in range(7)
    ]
    size = np.mean(teacher(points) ** 2)

    def gradient(weights, step):
        x = points[chosen[step]]
        z = x @ weights[0].T
        active = z > 0
        error = 2 * ((z * active) @ weights[1].T - teacher(x)) / (x.size * size)
        slopes = [(error @ weights[1] * active).T @ x, error.T @ (z * active)]
        if jacobians:
            exact = teacher.jacobian(x)
            jacobian = weights[1] @ (active[..., None] * weights[0])
            error = 2 * (jacobian - exact) / exact.size / np.mean(exact**2)
            slopes[0] = slopes[0] + np.einsum("toi,oh,th->hi", error, weights[1], active)
            slopes[1] = slopes[1] + np.einsum("toi,hi,th->oh", error, weights[0], active)
        return slopes

    expected = ReLUNetwork(adam([start[0] for start in starts], masks, gradient, 7, 0.02))
    (student,) = students.networks
    for mine, true in zip(student.weights, expected.weights, strict=True):
        np.testing.assert_allclose(mine, true, rtol=1e-9, atol=1e-12)
    assert students.samples == samples
    for errors, x in ((students.test_errors, fresh), (students.train_errors, points[:10])):
        exact = np.linalg.norm(expected(x) - teacher(x)) / np.linalg.norm(teacher(x))
        np.testing.assert_allclose(errors, [exact], rtol=1e-9)


def test_defaults_are_those_of_the_chapter():
    options = distill.__kwdefaults__
    assert options["learning_rate"] == 0.02
    assert (options["steps"], options["batch"], options["tests"]) == (1500, 256, 4096)
    assert options["jacobians"] is False


def test_students_do_not_influence_each_other_and_stay_in_the_supports():
    masks = dyadic_supports(3)
    teacher = random_butterfly(3, rng=np.random.default_rng(3))
    starts = random_starts(masks, 3, rng=np.random.default_rng(4))
    starts = [start + 1 for start in starts]  # mass outside the supports is not used
    options = {"samples": 100, "steps": 20, "batch": 50}
    together = distill(teacher, starts, masks, rng=np.random.default_rng(5), **options)
    for k, network in enumerate(together.networks):
        alone = distill(
            teacher, [s[[k]] for s in starts], masks, rng=np.random.default_rng(5), **options
        )
        assert gauge_distance(network, alone.networks[0]) < 1e-10
        for weight, mask in zip(network.weights, masks, strict=True):
            assert not weight[mask == 0].any()
            assert weight[mask != 0].all()


def test_only_what_is_paid_for_is_asked():
    masks = dyadic_supports(2)
    teacher = CountingOracle(random_butterfly(2, rng=np.random.default_rng(0)))
    starts = random_starts(masks, 2, rng=np.random.default_rng(1))
    distill(teacher, starts, masks, samples=30, rng=np.random.default_rng(2), steps=3, tests=5)
    # the samples once; then 5 points of each error and student
    assert teacher.queries.evaluations == 30 + 2 * (5 + 5)
    assert teacher.queries.jacobians == teacher.queries.jvps == teacher.queries.vjps == 0


@pytest.mark.claim("SL-30")
def test_training_from_random_starts_stops_at_the_same_error_whatever_the_samples():
    masks = dyadic_supports(3)
    teacher = random_butterfly(3, rng=np.random.default_rng(0))
    for samples in (256, 8192):
        starts = random_starts(masks, 4, rng=np.random.default_rng(1))
        students = distill(
            teacher, starts, masks, samples=samples, rng=np.random.default_rng(2), steps=500
        )
        assert students.test_errors.min() > 0.1
        np.testing.assert_allclose(students.train_errors, students.test_errors, rtol=0.15)


@pytest.mark.claim("SL-30")
def test_reconstruction_needs_few_samples_of_the_same_teacher():
    from openblackbox.multitree.deep import recover_deep

    teacher = random_butterfly(3, rng=np.random.default_rng(0))
    found = recover_deep(teacher, dyadic_supports(3), rng=np.random.default_rng(3))
    x = np.random.default_rng(4).standard_normal((1000, 8))
    assert relative_error(found.network, teacher, x) < 1e-12
    assert found.jacobians < 64


@pytest.mark.claim("SL-30", counterexample=True)
def test_with_a_good_start_distillation_needs_no_more_samples():
    # One neuron, two values: as many as a reconstruction asks, which asks Jacobians besides.
    teacher = ReLUNetwork([[[1.5]], [[-2.0]]])
    asked = recover_shallow(teacher, ONE, rng=np.random.default_rng(0)).queries
    starts = [np.full((1, 1, 1), 1.0), np.full((1, 1, 1), -1.0)]
    students = distill(teacher, starts, ONE, samples=2, rng=np.random.default_rng(2), steps=400)
    assert students.test_errors[0] < 1e-3
    assert asked.jacobians >= 2
    assert asked.evaluations >= 2
    # And a butterfly, from 64 values, when every weight begins within about a quarter.
    butterfly = random_butterfly(2, rng=np.random.default_rng(0))
    near = perturbed_starts(butterfly, 0.25, 3, rng=np.random.default_rng(1))
    students = distill(
        butterfly, near, dyadic_supports(2), samples=64, rng=np.random.default_rng(2), steps=600
    )
    assert students.test_errors.max() < 0.01
    assert gauge_distance(students.networks[0], butterfly) < 0.05


def test_the_wrong_side_is_a_bad_minimum():
    teacher = ReLUNetwork([[[1.0]], [[1.0]]])
    starts = [np.reshape(s, (4, 1, 1)) for s in ([1, 1, -1, 0.3], [1, -0.3, 0.3, -1])]
    students = distill(teacher, starts, ONE, samples=200, rng=np.random.default_rng(0), steps=400)
    np.testing.assert_allclose(students.test_errors, [0, 0, 1, 1], atol=0.02)


def test_a_teacher_that_is_zero():
    teacher = ReLUNetwork([[[1.0]], [[0.0]]])
    starts = random_starts(ONE, 1, rng=np.random.default_rng(0))
    for jacobians in (False, True):
        students = distill(
            teacher, starts, ONE, samples=9, rng=np.random.default_rng(1), jacobians=jacobians,
            steps=200,
        )  # fmt: skip
        assert abs(students.networks[0]([[1.0], [-1.0]])).max() < 0.01
        assert np.isinf(students.test_errors).all()


def test_wrong_arguments_are_told_together():
    teacher = random_butterfly(2, rng=np.random.default_rng(0))
    masks, rng = dyadic_supports(2), np.random.default_rng(1)
    starts = random_starts(masks, 2, rng=rng)
    with pytest.raises(TypeError, match="oracle: expected an Oracle"):
        distill(lambda x: x, starts, masks, samples=3, rng=rng)
    with pytest.raises(TypeError, match="rng: expected a numpy"):
        distill(teacher, starts, masks, samples=3, rng=0)
    with pytest.raises(ValueError, match=r"samples: .*steps: .*batch: .*tests: "):
        distill(teacher, starts, masks, samples=0, rng=rng, steps=1.5, batch=-1, tests=0)
    with pytest.raises(ValueError, match="starts: expected as many students"):
        distill(teacher, [starts[0], starts[1][:1]], masks, samples=3, rng=rng)
    with pytest.raises(ValueError, match="starts: expected shapes"):
        distill(teacher, starts[:1], masks, samples=3, rng=rng)
    with pytest.raises(ValueError, match="starts: holds NaN"):
        distill(teacher, [starts[0] * np.nan, starts[1]], masks, samples=3, rng=rng)
    with pytest.raises(ValueError, match="4 inputs and 4 outputs, the teacher has 1 and 1"):
        distill(ReLUNetwork([[[1.0]], [[1.0]]]), starts, masks, samples=3, rng=rng)
