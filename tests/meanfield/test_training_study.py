"""The studies of training: their tables are what the function gives, row by row."""

import numpy as np
import pytest
from openblackbox.data import data_path
from openblackbox.meanfield import training_study
from openblackbox.meanfield.teacher_task import best_constant, make_student
from openblackbox.meanfield.training import train
from openblackbox.meanfield.training_study import (
    FLAT,
    LEARNERS,
    OTHERS,
    STRONG,
    STUDY,
    TIMES,
    task_of_seed,
    train_learner,
)
from openblackbox.study import read_study

TABLES = {
    "synchronized-training.csv": STUDY,
    "synchronized-strong.csv": STRONG,
    "synchronized-others.csv": OTHERS,
    "synchronized-flat.csv": FLAT,
}


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_those_of_the_studies(name):
    study, table = TABLES[name], read_study(data_path(name))
    assert list(table) == list(study.header)
    for key in study.grid:
        assert table[key] == [cell[key] for cell in study.cells()]
    assert all(0 < error < 1.2 for step in TIMES for error in table[f"error_{step}"])


@pytest.mark.parametrize(
    "name, cell",
    [
        ("synchronized-training.csv", ("hard", 1, "ring")),
        ("synchronized-training.csv", ("hard", 2, "soft .003")),
        ("synchronized-strong.csv", ("hard", 4, "soft 1")),
        ("synchronized-flat.csv", ("two-layer", 4, "hard")),
        ("synchronized-others.csv", ("blocks", 0, "soft .03")),
        ("synchronized-flat.csv", ("two-layer", 1, "two-layer")),
    ],
)
def test_a_row_is_what_the_function_gives(name, cell):
    teacher, seed, learner = cell
    fresh = train_learner(teacher, 0.03, seed, learner, iterations=100)
    table = read_study(data_path(name))
    row = (
        TABLES[name]
        .cells()
        .index({"teacher": teacher, "decay": 0.03, "seed": seed, "learner": learner})
    )
    assert len(fresh) == 2 + 2 * 4
    for key, value in fresh.items():
        if key != "penalty":  # at the end of the shorter run
            stored = table[key][row]
            # Five digits are stored, and another machine may round the last one otherwise.
            assert value == (None if stored is None else pytest.approx(stored, rel=1.1e-4)), key


def test_learners_of_one_seed_share_what_they_should():
    rows = [
        train_learner("blocks", 0.03, 0, learner, iterations=1)
        for learner in ("unsynchronized", "soft .03")
    ]
    for key in ("constant", "error_0", "fit_0", "term_0", "size_0"):
        assert rows[0][key] == rows[1][key]
    assert rows[0]["term_1"] > rows[1]["term_1"]
    assert rows[0]["constant"] == float(f"{best_constant(task_of_seed('blocks', 0).y_test):.5g}")


def test_the_options_reach_the_training(monkeypatch):
    seen = {}

    def spy(student, task, *, rng, **options):
        seen.update(options, student=student, first=rng.integers(10**9))
        return train(student, task, rng=rng, **options)

    monkeypatch.setattr(training_study, "train", spy)
    train_learner("hard", 0.1, 7, "soft 1", iterations=1)
    assert (seen["decay"], seen["weight"], seen["iterations"]) == (0.1, 1.0, 1)
    assert seen["first"] == np.random.default_rng([7, 2]).integers(10**9)
    start = make_student("blocks", rng=np.random.default_rng([7, 1]))
    np.testing.assert_array_equal(seen["student"].w, start.w)
    assert LEARNERS["unsynchronized"] == ("blocks", 0.0)


def test_an_interrupted_training_is_no_row(monkeypatch):
    def stop(student, task, *, rng, **options):
        def report(step, error):
            raise KeyboardInterrupt

        return train(student, task, rng=rng, report=report, **options)

    monkeypatch.setattr(training_study, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        train_learner("hard", 0.03, 0, "hard", iterations=5)


def test_an_unknown_learner_is_refused():
    with pytest.raises(ValueError, match="learner: expected one of"):
        train_learner("hard", 0.03, 0, "medium")
