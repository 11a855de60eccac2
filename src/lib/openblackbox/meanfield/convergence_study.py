r"""How often the flow reaches the certified optimum, against the number of particles.

The table of the book is made by::

    python -m openblackbox.study openblackbox.meanfield.convergence_study:STUDY
        --out book/data/global-convergence.csv
"""

import numpy as np

from openblackbox.arguments import integer
from openblackbox.meanfield.balance import run_balanced
from openblackbox.meanfield.certificate import certify
from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.positive_cone import positive_cone
from openblackbox.meanfield.starts import start
from openblackbox.study import Study

__all__ = ["DECAY", "STEP", "STEPS", "STUDY", "draw_problem", "train"]

DECAY = 0.004
r"""The decay :math:`\lambda` of the study."""

STEP, STEPS = 0.1, 10000
r"""Steps of the flow, each rebalanced: :math:`\tau` and their number."""


def draw_problem(seed):
    r"""Draw a problem: 15 normal points in the plane and a teacher of three neurons.

    .. math:: y_i = (v_1 \cdot x_i)_+ - (v_2 \cdot x_i)_+ + (v_3 \cdot x_i)_+

    Parameters
    ----------
    seed : int
        At least 0. The directions :math:`v_k` are uniform on the unit circle.

    Returns
    -------
    Regression
        The data, with the half-square penalty and the decay `DECAY`.

    Raises
    ------
    ValueError
        A seed that is no such integer.

    Notes
    -----
    Defined in the chapter Global convergence.

    Examples
    --------
    >>> from openblackbox.meanfield.convergence_study import draw_problem
    >>> task = draw_problem(0)
    >>> task.n, task.d, task.decay
    (15, 2, 0.004)
    """
    rng = np.random.default_rng([integer("seed", seed, least=0), 0])
    x = rng.standard_normal((15, 2))
    v = start("one-sided", m=3, d=2, rng=rng).w
    return Regression(x, predict(Cloud([3.0, -3.0, 3.0], v), x), decay=DECAY)


def train(kind, m, seed):
    r"""Follow the flow from a random start and certify its end.

    Parameters
    ----------
    kind : {"balanced", "one-sided"}
        The law of the start, as in :func:`openblackbox.meanfield.starts.start`.
    m : int
        Number of particles.
    seed : int
        Of the problem and of the start.

    Returns
    -------
    dict
        ``risk`` at the end; ``lower``, the certified lower bound; ``relative``, the certified
        relative gap; ``floor``, a certified lower bound for clouds with :math:`a_j \ge 0`.

    Raises
    ------
    ValueError
        Arguments out of range.

    Notes
    -----
    All clouds of one seed are trained on the same problem.

    Defined in the chapter Global convergence.

    Examples
    --------
    >>> from openblackbox.meanfield.convergence_study import train
    >>> row = train("one-sided", 2, 0)
    >>> row["lower"] < row["floor"] < row["risk"]
    True
    """
    task = draw_problem(seed)
    rng = np.random.default_rng([seed, 1, integer("m", m)])
    cloud = start(kind, m=m, d=2, rng=rng)
    end = run_balanced(cloud, task, step=STEP, steps=STEPS, every=STEPS).last
    found = certify(end, task)
    return {
        "risk": found.risk,
        "lower": found.lower,
        "relative": found.relative,
        "floor": positive_cone(Regression(task.x, task.y)).lower,
    }


STUDY = Study(
    "global convergence",
    train,
    {
        "kind": ["balanced", "one-sided"],
        "m": [2, 3, 4, 6, 10, 20, 40, 100],
        "seed": range(10),
    },
    ["risk", "lower", "relative", "floor"],
)
"""Two kinds of starts, eight numbers of particles, ten problems."""
