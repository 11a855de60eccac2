"""Random clouds, for the tests of several modules."""

import numpy as np
from openblackbox.meanfield.starts import start


def normal_cloud(m, d=2, seed=0, scale=1.0):
    """Draw m independent normal particles; another m, d or seed is another draw."""
    rng = np.random.default_rng([m, d, seed])
    return start("gaussian", m=m, d=d, rng=rng, scale=scale)
