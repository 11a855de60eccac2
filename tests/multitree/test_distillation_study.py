"""The studies of distillation: their tables are what the functions give."""

import numpy as np
import pytest
import torch
from openblackbox.data import data_path
from openblackbox.multitree import distillation_study
from openblackbox.multitree.distillation import distill
from openblackbox.multitree.distillation_study import (
    NEARBY,
    REACHED,
    SPREAD,
    STUDY,
    copied_supports,
    dense_supports,
    train_nearby,
    train_students,
)
from openblackbox.multitree.nearby import recover_nearby
from openblackbox.multitree.students import balanced, random_starts, relative_error
from openblackbox.multitree.supports import dyadic_supports, is_multitree
from openblackbox.multitree.teachers import add_network, random_butterfly
from openblackbox.study import read_study


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stored(study, name, **cell):
    """Read one row of a table of the book."""
    table = read_study(data_path(name))
    assert list(table) == list(study.header)
    for key in study.grid:
        assert table[key] == [values[key] for values in study.cells()]
    row = study.cells().index(cell)
    return {key: table[key][row] for key in study.columns}


def check(fresh, row):
    """Counts are equal, errors equal to what training keeps on another machine."""
    for key, value in fresh.items():
        if value is None or isinstance(value, int):
            assert value == row[key]
        else:
            assert value == pytest.approx(row[key], rel=0.01, abs=2e-4), key


@pytest.mark.claim("SL-30")
@pytest.mark.parametrize(
    "way, depth", [("support", 2), ("jacobians", 2), ("near", 3), ("copies", 2), ("dense", 2)]
)
def test_a_row_of_the_students(way, depth):
    cell = {"way": way, "depth": depth, "samples": 64, "seed": 1}
    fresh = train_students(**cell)
    assert set(fresh) == set(STUDY.columns)
    check(fresh, stored(STUDY, "distillation.csv", **cell))
    starts = {"support": 6, "jacobians": 6, "near": 2, "copies": 2}
    assert fresh["starts"] == starts.get(way, 1)
    width = 2**depth
    parameters = {
        "dense": 2 * 256 * width + 256**2,
        "copies": 4 * width * (2 + 8 * (depth - 2) + 2),
    }
    assert fresh["parameters"] == parameters.get(way, 2 * width * depth)
    assert fresh["best"] <= fresh["median"]


@pytest.mark.parametrize("kind", ["network"])  # the chapter makes a row of the other kind
def test_a_row_of_the_teachers_nearby(kind):
    cell = {"kind": kind, "depth": 2, "delta": 0.1, "seed": 2}
    fresh = train_nearby(**cell)
    assert set(fresh) == set(NEARBY.columns)
    check(fresh, stored(NEARBY, "near-multitree.csv", **cell))
    assert fresh["tuned"] < fresh["recovered"] < 0.4


def test_the_students_of_a_teacher_nearby_to_all_digits(monkeypatch):
    monkeypatch.setattr(distillation_study, "_stored", float)
    row = train_nearby("network", 2, 0.1, 0)
    rng = np.random.default_rng(0)
    butterfly, supports = random_butterfly(2, rng=rng), dyadic_supports(2)
    teacher = add_network(butterfly, 0.1, 8, rng=rng)
    found = recover_nearby(teacher, supports, rng=rng, samples=64).network
    random = random_starts(supports, 4, rng=rng)
    starts = [
        np.concatenate([balanced(found).weights[k][None], balanced(butterfly).weights[k][None], r])
        for k, r in enumerate(random)
    ]
    errors = distill(
        teacher, starts, supports, samples=4096, rng=rng, learning_rate=0.01
    ).test_errors
    assert row["tuned"] == pytest.approx(errors[0], rel=1e-9)
    assert row["tuned_butterfly"] == pytest.approx(errors[1], rel=1e-9)
    assert row["distilled"] == pytest.approx(errors[2:].min(), rel=1e-9)
    points = rng.standard_normal((4096, 4))
    assert row["butterfly"] == pytest.approx(relative_error(butterfly, teacher, points), rel=1e-9)
    assert row["recovered"] == pytest.approx(relative_error(found, teacher, points), rel=1e-9)


def test_the_merged_student_to_all_digits(monkeypatch):
    monkeypatch.setattr(distillation_study, "_stored", float)
    row = train_students("copies", 2, 4, 1)
    rng = np.random.default_rng(1)
    teacher, supports = random_butterfly(2, rng=rng), dyadic_supports(2)
    wide = copied_supports(supports)
    students = distill(teacher, random_starts(wide, 2, rng=rng), wide, samples=4, rng=rng)
    chosen = students.networks[np.argmin(students.train_errors)]
    found = recover_nearby(chosen, supports, rng=rng, samples=64).network
    starts = [weight[None] for weight in balanced(found).weights]
    again = distill(teacher, starts, supports, samples=4, rng=rng)
    assert row["merged"] == pytest.approx(again.test_errors[0], rel=1e-6)
    assert row["best"] == pytest.approx(students.test_errors.min(), rel=1e-9)


def test_what_is_stored_has_three_digits():
    assert distillation_study._stored(0.123456) == 0.123
    assert distillation_study._stored(0.0098765) == 0.00988
    assert distillation_study._stored(1e-9) == 0.0001


@pytest.mark.claim("SL-30")
def test_what_the_chapter_says_of_the_table():
    table = {
        key: np.array(column) for key, column in read_study(data_path("distillation.csv")).items()
    }
    sparse = (table["way"] == "support") | (table["way"] == "jacobians")
    # Random starts: from three layers on, no student reaches the teacher, whatever the samples.
    assert not table["reached"][sparse & (table["depth"] >= 3)].any()
    assert table["reached"][sparse & (table["depth"] == 2)].any()
    # Near the solution 512 samples are enough for all of them.
    near = table["way"] == "near"
    assert (table["reached"] == table["starts"])[near & (table["samples"] >= 512)].all()


def test_constants_and_grids():
    assert REACHED == 2.0**-7
    assert SPREAD == 0.25
    assert [support.shape for support in dense_supports(4)] == [(256, 4), (256, 256), (4, 256)]
    assert all(support.all() for support in dense_supports(4, 3))
    wide = copied_supports(dyadic_supports(3), 2)
    assert [support.shape for support in wide] == [(16, 8), (16, 16), (8, 16)]
    for support, small in zip(wide, dyadic_supports(3), strict=True):
        assert (support[:8, :8] == small).all()
    assert (wide[1][8:, :8] == wide[1][:8, :8]).all()
    assert not is_multitree(wide)
    assert len(STUDY.cells()) == 240
    assert len(NEARBY.cells()) == 96
    with pytest.raises(ValueError, match="way: expected"):
        train_students("other", 2, 64, 0)
    with pytest.raises(ValueError, match="kind: expected"):
        train_nearby("other", 2, 0.1, 0)
