"""Teachers, students and their data: sizes, laws, and what a seed shares."""

import numpy as np
import pytest
from openblackbox.meanfield.particles import Cloud
from openblackbox.meanfield.teacher_task import (
    STUDENTS,
    TEACHERS,
    best_constant,
    make_student,
    make_task,
    make_teacher,
    network_values,
    ring_mask,
)
from openblackbox.meanfield.three_layer import BlockNetwork, SharedNetwork, duplicate


def rng(seed=0):
    return np.random.default_rng(seed)


def test_teachers_have_the_sizes_of_the_report():
    hard, blocks, flat = (make_teacher(kind, rng=rng()) for kind in TEACHERS)
    assert isinstance(hard, SharedNetwork)
    assert (hard.m, hard.k, hard.s, hard.d) == (10, 10, 4, 100)
    assert (hard.mask.sum(axis=1) == 4).all()
    assert (hard.u != 0).sum() == 40
    assert isinstance(blocks, BlockNetwork)
    assert (blocks.m, blocks.s, blocks.d) == (10, 4, 100)
    assert isinstance(flat, Cloud)
    assert (flat.m, flat.d) == (10, 100)


def test_students_have_the_sizes_of_the_report():
    flat, wide, hard, ring, blocks = (make_student(kind, rng=rng()) for kind in STUDENTS)
    assert flat.w.shape == (50, 100)
    assert wide.w.shape == (800, 100)
    assert (hard.m, hard.k, hard.s, hard.d) == (ring.m, ring.k, ring.s, ring.d) == (50, 50, 16, 100)
    assert blocks.w.shape == (50, 16, 100)
    # As many weights as the blocks, up to the 50 middle and outer ones.
    assert wide.a.size + wide.w.size == blocks.a.size + blocks.u.size + blocks.w.size - 50


def test_weights_have_the_stated_law():
    teacher = make_teacher("blocks", rng=rng(1), m=200, s=20, d=50)
    assert np.std(teacher.w) == pytest.approx(1, rel=0.02)
    assert np.std(teacher.u) == pytest.approx(1, rel=0.05)
    assert np.std(teacher.a) == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("kind", STUDENTS)
def test_the_draws_of_a_student_one_by_one(kind):
    draws, student = rng(6), make_student(kind, rng=rng(6), d=5, m=4, s=3)
    m = 12 if kind == "wide" else 4
    np.testing.assert_array_equal(student.a, draws.standard_normal(m))
    if kind in ("hard", "ring", "blocks"):
        u = np.sqrt(2 / 3) * draws.standard_normal((4, 3))
        blocks = student if kind == "blocks" else duplicate(student)
        np.testing.assert_allclose(blocks.u, u, rtol=1e-14)
    shape = (4, 3, 5) if kind == "blocks" else (m, 5)
    np.testing.assert_allclose(student.w, np.sqrt(2 / 5) * draws.standard_normal(shape), rtol=1e-14)


@pytest.mark.parametrize("kind", TEACHERS)
def test_teachers_are_the_same_draws_without_factors(kind):
    teacher, student = (
        make(kind, rng=rng(6), d=5, m=4, s=3) for make in (make_teacher, make_student)
    )
    np.testing.assert_array_equal(teacher.a, student.a)
    np.testing.assert_allclose(teacher.w, student.w * np.sqrt(5 / 2), rtol=1e-14)
    if kind != "two-layer":
        np.testing.assert_allclose(teacher.u, student.u * np.sqrt(3 / 2), rtol=1e-14)


def test_students_of_one_seed_are_paired():
    hard, ring, blocks = (make_student(kind, rng=rng(2)) for kind in ("hard", "ring", "blocks"))
    for other in (ring, blocks):
        np.testing.assert_array_equal(hard.a, other.a)
    for shared in (hard, ring):
        np.testing.assert_array_equal(duplicate(shared).u, blocks.u)
    np.testing.assert_array_equal(hard.w, ring.w)
    np.testing.assert_array_equal(ring.mask, ring_mask(50, 16))


def test_a_ring():
    mask = ring_mask(7, 3)
    assert (mask.sum(axis=0) == 3).all()
    assert (mask.sum(axis=1) == 3).all()
    for j in range(7):
        assert set(np.nonzero(mask[j])[0]) == {j % 7, (j + 1) % 7, (j + 2) % 7}
    assert ring_mask(4, 4).all()


@pytest.mark.parametrize("kind", TEACHERS)
def test_labels_are_those_of_the_teacher_with_unit_variance(kind):
    task = make_task(kind, rng=rng(3), n=300, d=20)
    assert np.var(task.y) == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(network_values(task.teacher, task.x), task.y, rtol=1e-12)
    np.testing.assert_allclose(network_values(task.teacher, task.x_test), task.y_test, rtol=1e-12)
    assert task.x.shape == task.x_test.shape == (300, 20)
    assert abs(task.x.std() - 1) < 0.03
    assert abs(np.corrcoef(task.x[0], task.x_test[0])[0, 1]) < 0.9
    plain = make_teacher(kind, rng=rng(3), d=20)
    np.testing.assert_array_equal(plain.w, task.teacher.w)
    ratios = plain.a / task.teacher.a
    np.testing.assert_allclose(ratios, network_values(plain, task.x).std(), rtol=1e-12)
    again = make_task(kind, rng=rng(3), n=300, d=20)
    np.testing.assert_array_equal(again.y_test, task.y_test)


def test_the_best_constant_is_the_mean():
    y = rng(4).standard_normal(50) + 0.7
    errors = [((c - y) ** 2).sum() / (y**2).sum() for c in (y.mean(), y.mean() + 0.01, 0.0)]
    assert best_constant(y) == pytest.approx(errors[0], rel=1e-13)
    assert errors[0] < errors[1] < errors[2] == 1
    assert best_constant([2.0, 2.0]) == 0


def test_bad_input_is_refused():
    for make in (make_teacher, make_student, make_task):
        with pytest.raises(ValueError, match="kind: expected one of"):
            make("soft", rng=rng())
        with pytest.raises(TypeError, match="rng"):
            make("hard", rng=0)
        with pytest.raises(ValueError, match="s: expected an integer from 1 to 3, got 4"):
            make("hard", rng=rng(), m=3, s=4)
        with pytest.raises(ValueError, match="d: expected a positive integer"):
            make("hard", rng=rng(), d=0)
    with pytest.raises(ValueError, match="n: expected an integer, at least 2"):
        make_task("hard", rng=rng(), n=1)
    with pytest.raises(ValueError, match="s: expected an integer from 1 to 4, got 5"):
        ring_mask(4, 5)
    with pytest.raises(ValueError, match="y: expected values that are not all zero"):
        best_constant([0.0, 0.0])
    with pytest.raises(ValueError, match="y: expected finite numbers"):
        best_constant([1.0, np.nan])
    dead = next(k for k in range(100) if (make_teacher("blocks", rng=rng(k), m=1, s=1).u < 0).all())
    with pytest.raises(ValueError, match="a constant one"):
        make_task("blocks", rng=rng(dead), m=1, s=1)
