"""The study of global convergence: its problems, its rows, its table."""

import numpy as np
import pytest
from openblackbox.data import data_path
from openblackbox.meanfield.balance import run_balanced
from openblackbox.meanfield.certificate import certify
from openblackbox.meanfield.convergence_study import DECAY, STEP, STEPS, STUDY, draw_problem, train
from openblackbox.meanfield.starts import start
from openblackbox.study import read_study


@pytest.mark.parametrize("seed", range(3))
def test_the_teacher_has_two_positive_neurons_and_a_negative_one(seed):
    task = draw_problem(seed)
    assert (task.n, task.d, task.decay, task.penalty) == (15, 2, DECAY, "half-square")
    rng = np.random.default_rng([seed, 0])
    assert np.array_equal(task.x, rng.standard_normal((15, 2)))
    v = rng.standard_normal((3, 2))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    y = np.maximum(task.x @ v.T, 0) @ [1, -1, 1]
    np.testing.assert_allclose(task.y, y, rtol=1e-13, atol=1e-15)


def test_a_row_is_the_certificate_of_the_end():
    row = train("balanced", 3, 4)
    task = draw_problem(4)
    cloud = start("balanced", m=3, d=2, rng=np.random.default_rng([4, 1, 3]))
    end = run_balanced(cloud, task, step=STEP, steps=STEPS, every=STEPS).last
    found = certify(end, task)
    assert (row["risk"], row["lower"], row["relative"]) == (
        found.risk,
        found.lower,
        found.relative,
    )


def test_the_table_is_complete_and_consistent():
    table = {k: np.array(v) for k, v in read_study(data_path("global-convergence.csv")).items()}
    assert (DECAY, STEP, STEPS) == (0.004, 0.1, 10000)  # what the table was made with
    assert list(table) == list(STUDY.header)
    assert len(table["m"]) == len(STUDY.cells()) == 160
    assert np.all(table["lower"] <= table["risk"])
    np.testing.assert_allclose(table["relative"], 1 - table["lower"] / table["risk"], atol=1e-12)
    # One problem a seed: one floor, and no cloud below the best of all lower bounds.
    for seed in range(10):
        mine = table["seed"] == seed
        assert len(set(table["floor"][mine])) == 1
        assert table["lower"][mine].max() <= table["risk"][mine].min()
    one_sided = table["kind"] == "one-sided"
    assert np.all(table["risk"][one_sided] >= table["floor"][one_sided])


@pytest.mark.parametrize(("kind", "m", "seed"), [("balanced", 6, 2), ("one-sided", 10, 1)])
def test_a_row_of_the_table_again(kind, m, seed):
    # Long training amplifies rounding on another machine: two digits of the risk are asked for.
    table = read_study(data_path("global-convergence.csv"))
    row = STUDY.cells().index({"kind": kind, "m": m, "seed": seed})
    assert train(kind, m, seed)["risk"] == pytest.approx(table["risk"][row], rel=0.01)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^seed: expected an integer, at least 0, got -1"):
        draw_problem(-1)
    with pytest.raises(ValueError, match=r"^kind: expected one of"):
        train("sphere", 2, 0)
    with pytest.raises(ValueError, match=r"^m: expected a positive integer"):
        train("balanced", 0, 0)
