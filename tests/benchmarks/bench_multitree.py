"""The multitree test, the factorization and the recovery, beside the time to read their input.

Reading is the sum of all entries of the input, supports included, once; for the recovery it is one
Jacobian of the network that is opened. The peer of the factorization is one full singular value
decomposition.
"""

import numpy as np
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.shallow_study import random_shallow_network
from openblackbox.multitree.supports import dyadic_supports, is_multitree, kronecker_supports

from book_tools.bench import median_seconds


def _row(what, size, seconds, reading, peer=None):
    return {
        "what": what,
        "size": size,
        "time (ms)": 1e3 * seconds,
        "reading (ms)": 1e3 * reading,
        "time / reading": seconds / reading,
        "one SVD / time": "" if peer is None else peer / seconds,
    }


def _test(levels):
    supports = dyadic_supports(levels)
    reading = median_seconds(lambda: [support.sum() for support in supports])
    seconds = median_seconds(lambda: is_multitree(supports))
    return _row("is_multitree, dyadic", f"N = {2**levels}", seconds, reading)


def _factorization(levels):
    rng, supports = np.random.default_rng(0), dyadic_supports(levels)
    product = np.linalg.multi_dot([s * rng.standard_normal(s.shape) for s in supports[::-1]])
    reading = median_seconds(lambda: [product.sum(), *(support.sum() for support in supports)])
    seconds = median_seconds(lambda: factorize(product, supports))
    peer = median_seconds(lambda: np.linalg.svd(product), repeats=3)
    return _row("factorize, dyadic", f"N = {2**levels}", seconds, reading, peer)


def _recovery(block):
    supports = [
        kronecker_supports(block, block, block, 1),
        kronecker_supports(1, block, block, block),
    ]
    network = random_shallow_network(supports, 1.0, rng=np.random.default_rng(0))
    point = np.random.default_rng(1).standard_normal(network.n_inputs)
    reading = median_seconds(lambda: network.jacobian(point))
    seconds = median_seconds(
        lambda: recover_shallow(network, supports, rng=np.random.default_rng(2)), repeats=3
    )
    return _row("recover_shallow", f"H = {block**2}", seconds, reading)


def measure():
    """Yield one row for each task and size."""
    yield from (_test(levels) for levels in (8, 9, 10))
    yield from (_factorization(levels) for levels in (6, 8, 10))
    yield from (_recovery(block) for block in (8, 16, 32))
