r"""The experiment of the report, done again: students side by side on one teacher and one data set.

The tables of the book are made by::

    python -m openblackbox.study openblackbox.meanfield.training_study:STUDY
        --out book/data/synchronized-training.csv
    python -m openblackbox.study openblackbox.meanfield.training_study:STRONG
        --out book/data/synchronized-strong.csv
    python -m openblackbox.study openblackbox.meanfield.training_study:OTHERS
        --out book/data/synchronized-others.csv
    python -m openblackbox.study openblackbox.meanfield.training_study:FLAT
        --out book/data/synchronized-flat.csv
"""

import numpy as np

from openblackbox.arguments import choice
from openblackbox.meanfield.teacher_task import best_constant, make_student, make_task
from openblackbox.meanfield.training import train
from openblackbox.study import Study

__all__ = [
    "FLAT",
    "LEARNERS",
    "OTHERS",
    "STRONG",
    "STUDY",
    "TIMES",
    "task_of_seed",
    "train_learner",
]

LEARNERS = {
    "two-layer": ("two-layer", 0.0),
    "wide": ("wide", 0.0),
    "hard": ("hard", 0.0),
    "ring": ("ring", 0.0),
    "unsynchronized": ("blocks", 0.0),
    "soft .003": ("blocks", 0.003),
    "soft .03": ("blocks", 0.03),
    "soft 1": ("blocks", 1.0),
}
r"""What each learner is: the kind of its student, and the weight :math:`\gamma` of the term."""

TIMES = tuple(range(0, 1001, 100))
"""The steps at which the studies keep what they measure."""

COLUMNS = ("error", "fit", "term", "size")


def task_of_seed(teacher, seed):
    r"""Draw the task that all learners of one seed share.

    Parameters
    ----------
    teacher : {"hard", "blocks", "two-layer"}
        The kind of the teacher.
    seed : int
        Of the teacher and its data.

    Returns
    -------
    openblackbox.meanfield.teacher_task.Task
        With the sizes of the report.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.training_study import task_of_seed
    >>> task_of_seed("hard", 0).x.shape
    (4000, 100)
    """
    return make_task(teacher, rng=np.random.default_rng([seed, 0]))


def train_learner(teacher, decay, seed, learner, *, iterations=1000):
    r"""Train one learner on the task of a seed.

    Parameters
    ----------
    teacher : {"hard", "blocks", "two-layer"}
        The kind of the teacher.
    decay : float
        The weight :math:`\lambda` of the path norm.
    seed : int
        The learners of one seed share teacher, data and batches, and outer weights at the start.
    learner : str
        A key of `LEARNERS`.
    iterations : int
        Steps of Adam.

    Returns
    -------
    dict
        ``constant``, the relative test error of the best constant; ``penalty``, the path norm at
        the end; and for each of `TIMES` up to `iterations` the numbers ``error_t``, ``fit_t``,
        ``term_t``, ``size_t`` of `Training`, rounded to five digits. The term is None where there
        is none.

    Raises
    ------
    KeyboardInterrupt
        If the training was interrupted: an unfinished one is no row of a table.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.training_study import train_learner
    >>> row = train_learner("hard", 0.03, 0, "hard", iterations=100)
    >>> row["error_100"] < 0.1 < row["error_0"], row["term_0"] is None
    (True, True)
    """
    kind, weight = LEARNERS[choice("learner", learner, LEARNERS)]
    task = task_of_seed(teacher, seed)
    student = make_student(kind, rng=np.random.default_rng([seed, 1]))
    done = train(
        student,
        task,
        rng=np.random.default_rng([seed, 2]),
        decay=decay,
        weight=weight,
        iterations=iterations,
    )
    if not done.completed:
        raise KeyboardInterrupt
    row = {"constant": _stored(best_constant(task.y_test)), "penalty": _stored(done.penalties[-1])}
    for k, step in enumerate(done.times):
        for name in COLUMNS:
            row[f"{name}_{step}"] = _stored(getattr(done, f"{name}s")[k])
    return row


def _stored(value):
    return None if np.isnan(value) else float(f"{value:.5g}")


RESULTS = ["constant", "penalty", *(f"{name}_{step}" for step in TIMES for name in COLUMNS)]

STUDY = Study(
    "students of a synchronized teacher",
    train_learner,
    {
        "teacher": ["hard"],
        "decay": [0.03],
        "seed": range(5),
        "learner": [name for name in LEARNERS if name != "soft 1"],
    },
    RESULTS,
)
"""All learners but the last, on five teachers with a shared first layer."""

STRONG = Study(
    "a strong synchronization term",
    train_learner,
    {"teacher": ["hard"], "decay": [0.03], "seed": range(5), "learner": ["soft 1"]},
    RESULTS,
)
"""The last learner, on the same teachers."""

FOUR = ["two-layer", "hard", "unsynchronized", "soft .03"]

OTHERS = Study(
    "students of blocks",
    train_learner,
    {"teacher": ["blocks"], "decay": [0.03], "seed": range(5), "learner": FOUR},
    RESULTS,
)
"""Four learners on teachers whose blocks share nothing."""

FLAT = Study(
    "students of two layers",
    train_learner,
    {"teacher": ["two-layer"], "decay": [0.03], "seed": range(5), "learner": FOUR},
    RESULTS,
)
"""The same on teachers with two layers."""
