r"""A cloud of m particles beside a large one: the table of the chapter Many particles.

It is made by::

    python -m openblackbox.study openblackbox.meanfield.chaos_study:STUDY
        --out book/data/many-particles.csv
"""

from functools import lru_cache

import numpy as np

from openblackbox.arguments import integer, real_array
from openblackbox.meanfield.chaos import (
    cloud_distance,
    first_particles,
    function_error,
    sliced_distance,
)
from openblackbox.meanfield.coupling import coupled_error
from openblackbox.meanfield.flow import run_flow
from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.starts import plane_teacher, start
from openblackbox.study import Study

__all__ = [
    "LARGE",
    "SCALE",
    "STEP",
    "STUDY",
    "TIMES",
    "chaos_task",
    "column",
    "compare",
    "fitted_slope",
]

LARGE = 1600
"""Particles M of the two large clouds."""
SCALE = 0.5
"""Standard deviation of the entries of a particle at the start."""
STEP = 0.1
r"""The step :math:`\tau` of the flow."""
TIMES = (0, 1, 5)
"""The times at which clouds are compared."""


def chaos_task(d, *, activation="relu", n=200):
    r"""Draw the regression of the study: the teacher of the plane, in dimension d.

    Parameters
    ----------
    d : int
        The dimension, at least 2. The function depends on the first two coordinates alone.
    activation : {"relu", "tanh"}
        :math:`\sigma`, of the teacher and of the particles.
    n : int
        The number of points, independent standard normal vectors.

    Returns
    -------
    Regression
        The task, without decay. It is the same for every call.

    Raises
    ------
    ValueError
        Numbers out of range, or an unknown activation.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos_study import chaos_task
    >>> chaos_task(10).x.shape
    (200, 10)
    """
    d, n = integer("d", d, least=2), integer("n", n)
    plane = plane_teacher()
    teacher = Cloud(plane.a, np.pad(plane.w, ((0, 0), (0, d - 2))))
    x = np.random.default_rng([2026, d]).standard_normal((n, d))
    return Regression(x, predict(teacher, x, activation=activation), activation=activation)


@lru_cache(maxsize=3)
def _clouds(activation, d, seed, part, m):
    """Return the clouds at TIMES: the first m of M particles drawn, moved by themselves."""
    task = chaos_task(d, activation=activation)
    rng = np.random.default_rng([d, seed, part])
    cloud = first_particles(start("gaussian", m=LARGE, d=d, rng=rng, scale=SCALE), m)
    per_time = round(1 / STEP)
    path = run_flow(cloud, task, step=STEP, steps=TIMES[-1] * per_time, every=per_time)
    return {time: path.cloud(time) for time in TIMES}


def compare(activation, d, seed, m, time):
    r"""Compare a cloud of m particles with an independent one of M.

    Parameters
    ----------
    activation : {"relu", "tanh"}
        :math:`\sigma`.
    d : int
        The dimension of the points.
    seed : int
        Of the clouds.
    m : int
        The number of particles, at most `LARGE`.
    time : int
        One of `TIMES`.

    Returns
    -------
    dict
        ``distance``, ``sliced``, ``function``: what separates the cloud from the large one;
        ``sample``: the squared distance from the large one to the partners, the same m particles
        moved by M of their own; ``coupled``: the mean of the squared distances of particles and
        partners.

    Raises
    ------
    ValueError
        An argument outside its range.

    Notes
    -----
    At time 0 a cloud is the cloud of its partners. For m = M it is so at all times, and
    ``distance`` is that of two independent clouds of M.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos_study import compare
    >>> row = compare("relu", 2, 0, 50, 0)
    >>> row["coupled"], row["distance"] == row["sample"]
    (0.0, True)
    """
    m = integer("m", m, most=LARGE)
    if time not in TIMES:
        raise ValueError(f"time: expected one of {TIMES}, got {time!r}")
    large = _clouds(activation, d, seed, 0, LARGE)[time]
    own = _clouds(activation, d, seed, 1, LARGE)[time]
    cloud = _clouds(activation, d, seed, 1, m)[time]
    partners = first_particles(own, m)
    distance = cloud_distance(cloud, large)
    same = time == 0 or m == LARGE
    return {
        "distance": distance,
        "sample": distance if same else cloud_distance(partners, large),
        "sliced": sliced_distance(cloud, large, rng=np.random.default_rng([d, seed])),
        "function": function_error(
            cloud, large, chaos_task(d, activation=activation).x, activation=activation
        ),
        "coupled": coupled_error(cloud, own),
    }


STUDY = Study(
    "a cloud of m particles beside a large one",
    compare,
    {
        "activation": ["tanh", "relu"],
        "d": [2, 10],
        "seed": range(8),
        "m": [25, 50, 100, 200, 400, 800, LARGE],
        "time": list(TIMES),
    },
    ["distance", "sample", "sliced", "function", "coupled"],
)
"""Distances and errors against m, in two dimensions and in ten."""


def column(rows, name, **cell):
    r"""Pick the values of one column of the study, with some parameters fixed.

    Parameters
    ----------
    rows : dict
        What `openblackbox.study.read_study` returns.
    name : str
        The column. "function" is divided by 1 + m/M: what is left is the share of the cloud, as if
        the large cloud were the law.
    **cell
        Values of parameters.

    Returns
    -------
    numpy.ndarray, shape (seeds, sizes)
        A row for each seed and a column for each m that is left, in the order of the study.

    Raises
    ------
    ValueError
        An unknown name, or no row with these parameters.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos_study import column
    >>> rows = {"d": [2, 2, 10], "seed": [0, 1, 0], "m": [25, 25, 25], "distance": [3.0, 4.0, 5.0]}
    >>> column(rows, "distance", d=2)
    array([[3.],
           [4.]])
    """
    if unknown := {name, *cell} - set(rows):
        raise ValueError(f"name, cell: expected names of columns, got {sorted(unknown)}")
    where = np.all([np.asarray(rows[key]) == value for key, value in cell.items()], axis=0)
    if not np.any(where):
        raise ValueError(f"cell: expected parameters of the study, got {cell}")
    seeds, m = (np.asarray(rows[key])[where] for key in ("seed", "m"))
    values = np.asarray(rows[name])[where]
    if name == "function":
        values = values / (1 + m / LARGE)
    return np.array([values[seeds == seed] for seed in dict.fromkeys(seeds.tolist())])


def fitted_slope(m, values):
    r"""Fit :math:`\log y = \alpha + \beta \log m` for each seed.

    Parameters
    ----------
    m : array_like, shape (sizes,)
        Numbers of particles.
    values : array_like, shape (seeds, sizes)
        y, positive; at least two seeds.

    Returns
    -------
    slope : float
        The mean of the slopes of least squares.
    error : float
        Its standard error, from the spread over the seeds.

    Raises
    ------
    ValueError
        Shapes that do not fit, or values that are not positive.

    Notes
    -----
    The clouds of one seed contain each other, so its points are not independent; those of different
    seeds are.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos_study import fitted_slope
    >>> slope, error = fitted_slope([1, 10], [[1.0, 10.0], [1.0, 1000.0]])
    >>> round(slope, 12), round(error, 12)
    (2.0, 1.0)
    """
    m, values = real_array("m", m, ndim=1), real_array("values", values, ndim=2)
    if values.shape[1] != len(m) or len(m) < 2 or len(values) < 2:
        raise ValueError(f"values: expected shape (seeds >= 2, {len(m)} >= 2), got {values.shape}")
    if m.min() <= 0 or values.min() <= 0:
        raise ValueError("m, values: expected positive numbers")
    slopes = np.polyfit(np.log(m), np.log(values).T, 1)[0]
    return float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(len(slopes)))
