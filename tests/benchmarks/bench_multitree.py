"""The multitree test, the factorization and the recovery, against the time to read their input.

The peers of the rows are the time to add up all entries of the input once, and, for the
factorization, one full singular value decomposition of the product.
"""

import numpy as np

from book_tools.bench import median_seconds
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.shallow_study import random_shallow_network
from openblackbox.multitree.supports import dyadic_supports, is_multitree, kronecker_supports


def _row(what, size, seconds, reading, peer=None):
    return {
        "what": what,
        "size": size,
        "time (ms)": 1e3 * seconds,
        "reading (ms)": 1e3 * reading,
        "time / reading": seconds / reading,
        "one SVD / time": "" if peer is None else peer / seconds,
    }


def measure():
    """Yield one row for each task and size."""
    for levels in (8, 9, 10):
        supports = dyadic_supports(levels)
        reading = median_seconds(lambda: [support.sum() for support in supports])
        seconds = median_seconds(lambda: is_multitree(supports))
        yield _row("is_multitree, dyadic", f"N = {2**levels}", seconds, reading)
    rng = np.random.default_rng(0)
    for levels in (6, 8, 10):
        supports = dyadic_supports(levels)
        product = np.linalg.multi_dot([s * rng.standard_normal(s.shape) for s in supports[::-1]])
        reading = median_seconds(product.sum)
        seconds = median_seconds(lambda: factorize(product, supports))
        peer = median_seconds(lambda: np.linalg.svd(product), repeats=3)
        yield _row("factorize, dyadic", f"N = {2**levels}", seconds, reading, peer)
    for block in (8, 16, 32):
        supports = [
            kronecker_supports(block, block, block, 1),
            kronecker_supports(1, block, block, block),
        ]
        network = random_shallow_network(supports, 1.0, rng=np.random.default_rng(0))
        point = rng.standard_normal(network.n_inputs)
        reading = median_seconds(lambda: network.jacobian(point))
        seconds = median_seconds(
            lambda: recover_shallow(network, supports, rng=np.random.default_rng(1)), repeats=3
        )
        yield _row("recover_shallow (reading: one Jacobian)", f"H = {block**2}", seconds, reading)
