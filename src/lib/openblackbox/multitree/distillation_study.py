r"""How well students learn a butterfly, and how recovery bears a teacher that is not quite one.

The tables of the book are made by::

    python -m openblackbox.study openblackbox.multitree.distillation_study:STUDY
        --out book/data/distillation.csv
    python -m openblackbox.study openblackbox.multitree.distillation_study:NEARBY
        --out book/data/near-multitree.csv
"""

import numpy as np

from openblackbox.multitree.distillation import distill
from openblackbox.multitree.nearby import recover_nearby
from openblackbox.multitree.students import (
    balanced,
    perturbed_starts,
    random_starts,
    relative_error,
)
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.multitree.teachers import add_edges, add_network, random_butterfly
from openblackbox.study import Study

__all__ = [
    "NEARBY",
    "STUDY",
    "copied_supports",
    "dense_supports",
    "train_nearby",
    "train_students",
]

REACHED = 1 / 128
"""A student whose relative test error is below this has reached the teacher."""

SPREAD = 1 / 4
"""Relative size of the change of every weight in a start near the solution."""

HIDDEN = 256
"""Width of the two hidden levels of the dense student."""

COPIES = 4
"""How often the student with copies has each hidden neuron."""


def dense_supports(width, hidden=HIDDEN):
    """Return the supports of a dense student with two hidden levels.

    Parameters
    ----------
    width : int
        Number of inputs and of outputs.
    hidden : int
        Number of neurons of each hidden level.

    Returns
    -------
    list of 3 boolean arrays
        Full supports.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> sum(int(support.sum()) for support in dense_supports(16))
    73728
    """
    widths = [width, hidden, hidden, width]
    return [np.ones((widths[k + 1], widths[k]), dtype=bool) for k in range(3)]


def copied_supports(supports, copies=COPIES):
    """Return the supports of a student that has several copies of each hidden neuron.

    Parameters
    ----------
    supports : sequence of L boolean arrays
        The supports of the teacher, first layer first.
    copies : int
        The number r of copies.

    Returns
    -------
    list of L boolean arrays
        Every copy of a neuron reads all copies of its parents. For r above 1 no multitree.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> [support.shape for support in copied_supports([np.eye(3), np.eye(3)], 2)]
    [(6, 3), (3, 6)]
    """
    last = len(supports) - 1
    return [
        np.tile(support, (1 if k == last else copies, 1 if k == 0 else copies)).astype(bool)
        for k, support in enumerate(supports)
    ]


def train_students(way, depth, samples, seed):
    r"""Distil one random butterfly.

    Parameters
    ----------
    way : str
        ``"support"``: students with the supports of the teacher, from 6 random starts;
        ``"jacobians"``: the same, which also learn Jacobians; ``"near"``: 2 students that begin
        near the solution; ``"copies"``: 2 students with `COPIES` copies of each hidden
        neuron; ``"dense"``: one dense student.
    depth : int
        Number of layers of the teacher.
    samples : int
        Number of points at which the teacher is asked.
    seed : int
        Of the teacher, the starts and the points.

    Returns
    -------
    dict
        ``best`` and ``median`` test error over the starts, the ``train`` error of the best one,
        rounded to three digits and at least 0.0001, the number of ``starts`` and of those which
        ``reached`` the teacher, and the number of weights of one student, ``parameters``. For
        ``"copies"`` also ``merged``: the test error of a student with the supports of the teacher,
        which begins with what `recover_nearby` finds in the student of the smallest training error,
        from :math:`4^{L+1}` of its Jacobians, and learns from as many values of the teacher.

    Notes
    -----
    Errors are relative root mean squares at Gaussian points.

    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> row = train_students("near", 2, 64, 0)
    >>> row["reached"], row["starts"], row["parameters"]
    (2, 2, 16)
    """
    rng = np.random.default_rng(seed)
    teacher, supports, options = random_butterfly(depth, rng=rng), dyadic_supports(depth), {}
    if way == "dense":
        supports = dense_supports(2**depth)
        starts, options = random_starts(supports, 1, rng=rng), {"learning_rate": 0.01}
    elif way == "copies":
        supports = copied_supports(supports)
        starts = random_starts(supports, 2, rng=rng)
    elif way == "near":
        starts = perturbed_starts(teacher, SPREAD, 2, rng=rng)
    elif way in ("support", "jacobians"):
        starts = random_starts(supports, 6, rng=rng)
        options = {"jacobians": True, "batch": 16} if way == "jacobians" else {}
    else:
        raise ValueError(f"way: expected support, jacobians, near, copies or dense, got {way!r}")
    students = distill(teacher, starts, supports, samples=samples, rng=rng, **options)
    best, merged = np.argmin(students.test_errors), None
    if way == "copies":
        wide = students.networks[np.argmin(students.train_errors)]
        merged = _stored(_merged(wide, teacher, samples, rng))
    return {
        "best": _stored(students.test_errors[best]),
        "median": _stored(np.median(students.test_errors)),
        "train": _stored(students.train_errors[best]),
        "merged": merged,
        "starts": len(students.networks),
        "reached": int((students.test_errors < REACHED).sum()),
        "parameters": int(sum(support.sum() for support in supports)),
    }


def train_nearby(kind, depth, delta, seed):
    r"""Recover a butterfly from a teacher that is not quite one, and distil from there.

    Parameters
    ----------
    kind : str
        ``"edges"``: small weights on all edges outside the supports; ``"network"``: a small dense
        network beside the butterfly.
    depth : int
        Number of layers L.
    delta : float
        Relative size of what is added.
    seed : int
        Of the teacher, the recovery and the students.

    Returns
    -------
    dict
        Relative errors at fresh Gaussian points: ``butterfly``, of the butterfly that the teacher
        was made from; ``recovered``, by `recover_nearby` with :math:`4^{L+1}` Jacobians; ``tuned``,
        of the recovered network after distillation with 4096 samples; ``tuned_butterfly``, of the
        butterfly after the same; ``distilled``, the best of 4 random starts. Rounded to three
        digits and at least 0.0001.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> row = train_nearby("network", 2, 0.1, 0)
    >>> row["tuned"] < row["butterfly"] < 0.1
    True
    """
    rng = np.random.default_rng(seed)
    butterfly, supports = random_butterfly(depth, rng=rng), dyadic_supports(depth)
    if kind == "edges":
        teacher = add_edges(butterfly, supports, delta, rng=rng)
    elif kind == "network":
        teacher = add_network(butterfly, delta, 2 ** (depth + 1), rng=rng)
    else:
        raise ValueError(f"kind: expected edges or network, got {kind!r}")
    found = recover_nearby(teacher, supports, rng=rng, samples=4 ** (depth + 1)).network
    starts = [
        np.concatenate([[first], [second], random])
        for first, second, random in zip(
            balanced(found).weights,
            balanced(butterfly).weights,
            random_starts(supports, 4, rng=rng),
            strict=True,
        )
    ]
    students = distill(teacher, starts, supports, samples=4096, rng=rng, learning_rate=0.01)
    points = rng.standard_normal((4096, 2**depth))
    return {
        "butterfly": _stored(relative_error(butterfly, teacher, points)),
        "recovered": _stored(relative_error(found, teacher, points)),
        "tuned": _stored(students.test_errors[0]),
        "tuned_butterfly": _stored(students.test_errors[1]),
        "distilled": _stored(students.test_errors[2:].min()),
    }


def _merged(wide, teacher, samples, rng):
    """Recover a butterfly from a student, distil from there, and return the test error."""
    depth = wide.n_layers
    supports = dyadic_supports(depth)
    found = recover_nearby(wide, supports, rng=rng, samples=4 ** (depth + 1)).network
    starts = [weight[None] for weight in balanced(found).weights]
    return distill(teacher, starts, supports, samples=samples, rng=rng).test_errors[0]


def _stored(error):
    """Keep what every machine finds again: three digits, and no error below 0.0001."""
    return max(float(f"{error:.3g}"), 0.0001)


STUDY = Study(
    "students of a butterfly",
    train_students,
    {
        "way": ["support", "jacobians", "near", "copies", "dense"],
        "depth": [2, 3, 4, 5],
        "samples": [64, 512, 4096, 32768],
        "seed": range(3),
    },
    ["best", "median", "train", "merged", "starts", "reached", "parameters"],
)
"""The study of the chapter Distillation or reconstruction."""

NEARBY = Study(
    "teachers that are not quite a multitree",
    train_nearby,
    {
        "kind": ["edges", "network"],
        "depth": [2, 3, 4, 5],
        "delta": [0.001, 0.01, 0.1, 0.3],
        "seed": range(3),
    },
    ["butterfly", "recovered", "tuned", "tuned_butterfly", "distilled"],
)
"""The study of its section on robustness."""
