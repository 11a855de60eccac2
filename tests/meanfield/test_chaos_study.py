"""The study of clouds of two sizes: its task, its clouds, its table."""

import numpy as np
import pytest
from openblackbox.data import data_path
from openblackbox.meanfield.chaos import cloud_distance, function_error
from openblackbox.meanfield.chaos_study import (
    LARGE,
    SCALE,
    STEP,
    STUDY,
    chaos_task,
    column,
    compare,
    fitted_slope,
)
from openblackbox.meanfield.coupling import coupled_error
from openblackbox.meanfield.flow import run_flow
from openblackbox.meanfield.particles import Cloud, predict
from openblackbox.meanfield.starts import plane_teacher, start
from openblackbox.study import read_study


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_task_is_the_teacher_of_the_plane(activation):
    task = chaos_task(5, activation=activation, n=30)
    plane = predict(plane_teacher(), task.x[:, :2], activation=activation)
    np.testing.assert_allclose(task.y, plane, rtol=1e-14)
    assert np.array_equal(task.x, chaos_task(5, n=30).x)
    assert (task.n, task.d, task.decay, task.activation) == (30, 5, 0.0, activation)
    assert np.abs(np.cov(chaos_task(3, n=5000).x.T) - np.eye(3)).max() < 0.1


def test_a_cell_by_its_parts():
    # the same clouds, drawn here; equal up to rounding, which the flow may amplify
    task = chaos_task(2, activation="tanh")
    clouds = []
    for part in (0, 1):
        rng = np.random.default_rng([2, 3, part])
        clouds.append(start("gaussian", m=LARGE, d=2, rng=rng, scale=SCALE))
    own = clouds[1]
    small = Cloud(own.a[:30], own.w[:30])
    ends = [run_flow(c, task, step=STEP, steps=10, every=10).last for c in (*clouds, small)]
    row = compare("tanh", 2, 3, 30, 1)
    partners = Cloud(ends[1].a[:30], ends[1].w[:30])
    expected = {
        "distance": cloud_distance(ends[2], ends[0]),
        "sample": cloud_distance(partners, ends[0]),
        "function": function_error(ends[2], ends[0], task.x, activation="tanh"),
        "coupled": coupled_error(ends[2], partners),
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-9), name
    assert 0 < row["sliced"] < row["distance"]


def test_the_large_cloud_is_its_own_partner():
    row = compare("relu", 2, 0, LARGE, 0)
    assert row["coupled"] == 0
    assert row["distance"] == row["sample"] > 0


def test_the_table_is_whole_and_a_cell_agrees():
    rows = read_study(data_path("many-particles.csv"))
    assert set(rows) == set(STUDY.header)
    assert len(rows["m"]) == len(STUDY.cells())
    keys = list(zip(*(rows[name] for name in STUDY.grid), strict=True))
    for cell in (("tanh", 2, 1, 25, 5), ("tanh", 10, 7, 100, 1)):
        at, row = keys.index(cell), compare(*cell)
        for name in STUDY.columns:
            assert row[name] == pytest.approx(rows[name][at], rel=1e-6), (cell, name)


def test_columns_of_the_table():
    rows = read_study(data_path("many-particles.csv"))
    values = column(rows, "sliced", activation="relu", d=10, time=5)
    assert values.shape == (8, 7)
    keys = list(zip(*(rows[name] for name in STUDY.grid), strict=True))
    assert values[3, 2] == rows["sliced"][keys.index(("relu", 10, 3, 100, 5))]
    errors = column(rows, "function", activation="relu", d=10, time=5)
    raw = rows["function"][keys.index(("relu", 10, 3, 400, 5))]
    assert errors[3, 4] == pytest.approx(raw / 1.25, rel=1e-14)
    one = column(rows, "function", activation="relu", d=10, time=5, m=400)
    assert np.array_equal(one, errors[:, 4:5])
    with pytest.raises(ValueError, match=r"got \['length'\]"):
        column(rows, "length", d=2)
    with pytest.raises(ValueError, match="cell: expected parameters of the study"):
        column(rows, "sliced", d=3)


def test_slopes_of_powers():
    m = np.array([10.0, 40.0, 90.0])
    slope, error = fitted_slope(m, [2 * m**-0.5, 7 * m**-1.0, m**-1.2])
    assert slope == pytest.approx(-0.9, rel=1e-12)
    assert error == pytest.approx(np.std([0.5, 1, 1.2], ddof=1) / np.sqrt(3), rel=1e-12)
    y = np.array([[3.0, 1.0, 2.0], [1.0, 5.0, 1.0]])
    x = np.log(m) - np.log(m).mean()
    assert fitted_slope(m, y)[0] == pytest.approx((np.log(y) @ x / (x @ x)).mean(), rel=1e-12)
    with pytest.raises(ValueError, match="values: expected shape"):
        fitted_slope(m, [m])
    with pytest.raises(ValueError, match="positive"):
        fitted_slope(m, [m, -m])


@pytest.mark.parametrize(
    "cell, message",
    [
        (("tanh", 2, 0, LARGE + 1, 0), "m: expected an integer from 1 to 1600"),
        (("tanh", 2, 0, 25, 2), "time: expected one of"),
        (("tanh", 1, 0, 25, 0), "d: expected"),
        (("sine", 2, 0, 25, 0), "activation"),
    ],
)
def test_bad_input(cell, message):
    with pytest.raises(ValueError, match=message):
        compare(*cell)
