"""The exact supremum of a sum of ReLUs, and its bounds where it is not exact.

Lifted points (x, 1), with x uniform in the unit ball of dimension d, and random signs. *Prepare*
is the sort, which depends on the points alone; *sup* is the time of one vector of signs after it,
the mean over several, each the median of some calls; *slowest* is the largest of them. *Cells* is
the number of cells of the arrangement, up to sign: n for d = 1, n (n - 1) / 2 + 1 for d = 2.
For d > 2 the time is that of the interval, with 64 starts; *lower / upper* is its quality.
*Sort* is `numpy.argsort` of n random numbers.
"""

import math
from functools import partial

import numpy as np
from openblackbox.relu_supremum import Arrangement, relu_sup

from book_tools.bench import median_seconds

CASES = ((1, 100), (1, 1000), (1, 5000), (1, 50000), (2, 50), (2, 200), (2, 500), (5, 200))
SIGNS = 20


def ball(rng, n, d):
    """Draw points of the uniform law in the unit ball."""
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True) * rng.uniform(size=(n, 1)) ** (1 / d)


def measure():
    """Yield one row for each dimension and number of points."""
    for d, n in CASES:
        rng = np.random.default_rng([d, n])
        points = np.column_stack([ball(rng, n, d), np.ones(n)])
        arrangement, keys = Arrangement(points), rng.uniform(size=n)
        seconds, quality = [], []
        for signs in rng.choice([-1.0, 1.0], (SIGNS, n)):
            found = relu_sup(arrangement, signs, rng=rng)
            assert found.lower == found.upper or d > 2, "the supremum is not exact"
            quality.append(found.lower / found.upper)
            call = partial(relu_sup, arrangement, signs, rng=rng)
            seconds.append(median_seconds(call, repeats=5))
        yield {
            "d": d,
            "n": n,
            "prepare (ms)": 1e3 * median_seconds(partial(Arrangement, points)),
            "sup (ms)": 1e3 * float(np.mean(seconds)),
            "slowest (ms)": 1e3 * max(seconds),
            "cells": {1: n, 2: math.comb(n, 2) + 1}.get(d),
            "sort (ms)": 1e3 * median_seconds(partial(np.argsort, keys)),
            "lower / upper": float(np.mean(quality)),
        }
