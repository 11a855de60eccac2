r"""A task with a teacher, and students to compare on it, all drawn from one seed.

The sizes are those of the report: n = 4000 points in dimension 100, teachers of 10 neurons of
degree 4, students of 50 neurons of degree 16.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import choice, generator, integer, real_array
from openblackbox.meanfield.particles import Cloud, predict
from openblackbox.meanfield.three_layer import (
    BlockNetwork,
    SharedNetwork,
    evaluate,
    exact_degree_masks,
)

__all__ = [
    "STUDENTS",
    "TEACHERS",
    "Task",
    "best_constant",
    "make_student",
    "make_task",
    "make_teacher",
    "network_values",
    "ring_mask",
]

TEACHERS = ("hard", "blocks", "two-layer")
"""A shared first layer and masks of exact degree; blocks that share nothing; two layers."""
STUDENTS = ("two-layer", "wide", "hard", "ring", "blocks")
"""`make_student` says what they are."""


def network_values(network, x):
    r"""Evaluate a network with two or three layers of ReLUs.

    Parameters
    ----------
    network : Cloud, BlockNetwork or SharedNetwork
        The network.
    x : array_like, shape (n, d)
        The points.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The values.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.particles import Cloud
    >>> from openblackbox.meanfield.teacher_task import network_values
    >>> network_values(Cloud([2.0], [[1.0]]), [[3.0], [-3.0]])
    array([6., 0.])
    """
    return predict(network, x) if isinstance(network, Cloud) else evaluate(network, x)


def ring_mask(m, s):
    r"""Make the mask of a ring: neuron j reads the first neurons j, ..., j + s - 1 modulo m.

    Parameters
    ----------
    m, s : int
        Number of neurons of both layers, and the degree, at most m.

    Returns
    -------
    numpy.ndarray of bool, shape (m, m)
        The mask.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.teacher_task import ring_mask
    >>> ring_mask(4, 2).astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1],
           [1, 0, 0, 1]])
    """
    m = integer("m", m)
    ahead = (np.arange(m) - np.arange(m)[:, None]) % m
    return ahead < integer("s", s, most=m)


def make_teacher(kind, *, rng, d=100, m=10, s=4):
    r"""Draw a teacher with independent normal weights.

    Parameters
    ----------
    kind : {"hard", "blocks", "two-layer"}
        "hard": m first neurons, and m second neurons that read exactly s of them; "blocks": m
        blocks of s inner neurons; "two-layer": m neurons.
    rng : numpy.random.Generator
        Draws the weights.
    d, m, s : int
        Dimension of the inputs, neurons, degree.

    Returns
    -------
    SharedNetwork, BlockNetwork or Cloud
        The teacher.

    Raises
    ------
    ValueError
        An unknown kind or a number out of range.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.teacher_task import make_teacher
    >>> teacher = make_teacher("hard", rng=np.random.default_rng(0))
    >>> teacher.m, teacher.k, teacher.s, teacher.d
    (10, 10, 4, 100)
    """
    choice("kind", kind, TEACHERS)
    return _draw(kind, generator(rng), integer("d", d), integer("m", m), s, (1.0, 1.0))


def make_student(kind, *, rng, d=100, m=50, s=16):
    r"""Draw a student before its training.

    .. math:: a_j \sim N(0, 1), \qquad u_{jk} \sim N(0, 2/s), \qquad w_{jk} \sim N(0, 2 I_d/d)

    Parameters
    ----------
    kind : {"two-layer", "wide", "hard", "ring", "blocks"}
        "two-layer": m neurons; "wide": m s neurons, as many weights as the blocks; "hard": a first
        layer of m shared neurons and random masks of exact degree s; "ring": the same with
        `ring_mask`; "blocks": m blocks of s inner neurons that share nothing.
    rng : numpy.random.Generator
        Draws the weights.
    d, m, s : int
        Dimension of the inputs, neurons, degree.

    Returns
    -------
    Cloud, SharedNetwork or BlockNetwork
        The student.

    Raises
    ------
    ValueError
        An unknown kind or a number out of range.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    With the same state of ``rng``, all students with three layers have the same a and the same
    nonzero u.

    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.teacher_task import make_student
    >>> pair = [make_student(kind, rng=np.random.default_rng(0)) for kind in ("hard", "blocks")]
    >>> [student.w.size for student in pair], bool((pair[0].a == pair[1].a).all())
    ([5000, 80000], True)
    """
    choice("kind", kind, STUDENTS)
    rng, d, m, s = generator(rng), integer("d", d), integer("m", m), integer("s", s)
    if kind == "wide":
        kind, m = "two-layer", m * s
    return _draw(kind, rng, d, m, s, (np.sqrt(2 / s), np.sqrt(2 / d)))


def _draw(kind, rng, d, m, s, scales):
    a = rng.standard_normal(m)
    if kind == "two-layer":
        return Cloud(a, scales[1] * rng.standard_normal((m, d)))
    s = integer("s", s) if kind == "blocks" else integer("s", s, most=m)
    u = scales[0] * rng.standard_normal((m, s))
    if kind == "blocks":
        return BlockNetwork(a, u, scales[1] * rng.standard_normal((m, s, d)))
    w = scales[1] * rng.standard_normal((m, d))
    mask = ring_mask(m, s) if kind == "ring" else exact_degree_masks(m, m, s, rng=rng)
    middle = np.zeros((m, m))
    middle[mask] = u.ravel()
    return SharedNetwork(a, middle, w, mask)


@dataclass(frozen=True, eq=False)
class Task:
    """Data of a teacher, for training and for testing. Made by `make_task`.

    Parameters
    ----------
    teacher : SharedNetwork, BlockNetwork or Cloud
        Scaled so that ``y`` has unit variance.
    x, x_test : numpy.ndarray, shape (n, d)
        Standard normal points.
    y, y_test : numpy.ndarray, shape (n,)
        The values of the teacher there.

    Notes
    -----
    Defined in the chapter Training synchronized networks.
    """

    teacher: object
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def make_task(kind, *, rng, n=4000, d=100, m=10, s=4):
    r"""Draw a teacher and its data, with labels of unit variance.

    Parameters
    ----------
    kind : {"hard", "blocks", "two-layer"}
        As in `make_teacher`.
    rng : numpy.random.Generator
        Draws the teacher, the points for training and those for testing, in this order.
    n, d, m, s : int
        Number of points of each kind, at least 2; dimension, neurons and degree.

    Returns
    -------
    Task
        The teacher and its data.

    Raises
    ------
    ValueError
        An unknown kind, a number out of range, or a teacher that is constant on the points.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    The outer weights are divided by the standard deviation of the labels for training, so that one
    decay means the same for every teacher. The mean of the labels is not removed.

    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.teacher_task import make_task
    >>> task = make_task("hard", rng=np.random.default_rng(0), n=50, d=8)
    >>> round(float(task.y.std()), 12), task.x_test.shape
    (1.0, (50, 8))
    """
    n = integer("n", n, least=2)
    teacher = make_teacher(kind, rng=rng, d=d, m=m, s=s)
    x, x_test = rng.standard_normal((n, d)), rng.standard_normal((n, d))
    spread = network_values(teacher, x).std()
    if not spread > 0:
        raise ValueError("rng: expected a teacher that varies on its points, got a constant one")
    rest = {name: getattr(teacher, name) for name in ("u", "w", "mask") if hasattr(teacher, name)}
    teacher = type(teacher)(teacher.a / spread, **rest)
    return Task(teacher, x, network_values(teacher, x), x_test, network_values(teacher, x_test))


def best_constant(y):
    r"""Return the smallest relative error of a constant.

    Parameters
    ----------
    y : array_like, shape (n,)
        The values to be predicted, not all zero.

    Returns
    -------
    float
        :math:`\min_c \sum_i (c - y_i)^2 / \sum_i y_i^2`, between 0 and 1.

    Raises
    ------
    ValueError
        Values that are all zero, not finite, or not of one axis.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.teacher_task import best_constant
    >>> best_constant([1.0, 3.0])
    0.2
    """
    y = real_array("y", y, ndim=1)
    if not y.any():
        raise ValueError("y: expected values that are not all zero")
    return float(np.var(y) / np.mean(y**2))
