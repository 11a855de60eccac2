"""The assignment of two clouds, beside the solvers alone.

Normal points; *kind* says how the second cloud differs: independent of the first, the same with
other variances in each direction (largest where the first has its smallest), shifted by 10, equal
to the first plus a tenth of noise, or with the heavy tails of Student's law with 2 degrees.
*Ours* is the whole of `assignment_cost`, checks and costs included; *scipy* is
`linear_sum_assignment` and *POT* is `ot.emd`, each on squared distances given to it, whose
*costs* by `ot.dist` are timed apart. *Ours / best* compares ours with the faster of the two, costs
included. *W2 squared* is the minimum; all agree to ten digits, else the benchmark stops.
*Ring* is the relative width of the interval of `cyclic_cost`, up to 1000 points.
"""

from functools import partial

import numpy as np
import ot
from openblackbox.meanfield.assignment import MANY_PIVOTS, assignment_cost
from openblackbox.meanfield.cyclic import cyclic_cost
from scipy.optimize import linear_sum_assignment

from book_tools.bench import median_seconds

SIZES = (50, 200, 1000, 4000)
DIMENSIONS = (2, 100)
SHAPED = (50, 1000)
"""Sizes for which all kinds are measured; elsewhere independent clouds alone."""


def clouds(kind, m, p):
    """Draw the two clouds of a row."""
    rng = np.random.default_rng([m, p])
    u, v = rng.standard_normal((2, m, p))
    scales = np.geomspace(0.1, 3, p)
    return {
        "independent": (u, v),
        "other variances": (u * scales, v * scales[::-1]),
        "shifted": (u, v + 10),
        "near": (u, u + 0.1 * v),
        "heavy tails": (u, rng.standard_t(2, (m, p))),
    }[kind]


KINDS = ("independent", "other variances", "shifted", "near", "heavy tails")


def measure():
    """Yield one row for each dimension, size and kind."""
    for p in DIMENSIONS:
        for m in SIZES:
            for kind in KINDS if m in SHAPED else KINDS[:1]:
                yield row(kind, m, p)


def row(kind, m, p):
    """Measure one pair of clouds."""
    u, v = clouds(kind, m, p)
    repeats, ones, costs = (9 if m < 1000 else 3 if m < 4000 else 1), np.ones(m), ot.dist(u, v)
    found = assignment_cost(u, v)
    rows, columns = linear_sum_assignment(costs)
    plan = ot.emd(ones, ones, costs, numItermax=MANY_PIVOTS)
    for other in (costs[rows, columns].mean(), (plan * costs).sum() / m):
        assert abs(other - found.cost) <= 1e-10 * max(1, costs.max()), "the minima differ"
    ours = median_seconds(partial(assignment_cost, u, v), repeats=repeats)
    alone = median_seconds(partial(linear_sum_assignment, costs), repeats=repeats)
    emd = partial(ot.emd, ones, ones, costs, numItermax=MANY_PIVOTS)
    pot = median_seconds(emd, repeats=repeats)
    dist = median_seconds(partial(ot.dist, u, v), repeats=repeats)
    ring = cyclic_cost(u, v) if m <= 1000 else None
    return {
        "p": p,
        "m": m,
        "kind": kind,
        "ours (ms)": 1e3 * ours,
        "scipy (ms)": 1e3 * alone,
        "POT (ms)": 1e3 * pot,
        "costs (ms)": 1e3 * dist,
        "ours / best": ours / (dist + min(alone, pot)),
        "W2 squared": found.cost,
        "ring": ring and ring.upper / ring.lower - 1,
    }
