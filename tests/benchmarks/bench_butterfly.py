"""The factorization of butterflies, beside peers and the time to read the matrix once.

Times in milliseconds, the best of several runs of one thread. *Reading* is the sum of all entries.
*Noisy* is the robust method, on the matrix with noise of relative norm 1e-6. Of each peer the
fastest of its options is shown: `ksd` of lazylinop, on numpy arrays and on torch tensors, with both
orders, with and without orthonormalization; `butterfly` of pyfaust with a balanced tree, which is
its fastest. `ksd` on numpy arrays, the slowest at every size, is run up to N = 1024. Errors are
relative, in Frobenius norm.
"""

import time
import warnings

import numpy as np
from openblackbox.multitree.butterfly import Butterfly, factorize_butterfly
from openblackbox.multitree.transforms import dft, hadamard

PACKAGES = ("lazylinop", "torch", "pyfaust")
DATA = "butterfly-peers.csv"
LEVELS = range(6, 13)
SECONDS = 1  # for each function, and at least two calls unless one takes ten times as long


def _best(function):
    """Best time of several calls, and the last result."""
    times, spent = [], 0
    while not times or (spent < 10 * SECONDS and len(times) < 2) or spent < SECONDS:
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
        spent += times[-1]
    return min(times), result


def _peers():
    """Import the peers; return functions from a matrix to callables, by name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyfaust.fact
            import torch
            from lazylinop.butterfly import Chain, ksd
    except ImportError as error:
        raise ImportError(f'{error}; the peers come with: pip install -e ".[peers]"') from error
    torch.set_num_threads(1)

    def run_ksd(matrix):
        chain = Chain.square_dyadic(matrix.shape)
        return [
            lambda ortho=ortho, order=order: ksd(matrix, chain, ortho=ortho, order=order)
            for ortho in (False, True)
            for order in ("l2r", "balanced")
        ]

    return {
        "ksd, numpy": run_ksd,
        "ksd, torch": lambda matrix: run_ksd(torch.from_numpy(matrix)),
        "pyfaust": lambda matrix: [lambda: pyfaust.fact.butterfly(matrix, type="bbtree")],
    }


def _matrices(levels):
    blocks = np.random.default_rng(levels).standard_normal((levels, 2, 2, 2**levels // 2))
    yield "Hadamard", hadamard(levels)
    yield "DFT", dft(levels)
    yield "random", Butterfly(blocks).toarray()


def _error(matrix, found):
    found = found.toarray()
    return float(np.linalg.norm(np.asarray(found) - matrix) / np.linalg.norm(matrix))


def measure():
    """Yield one row for each size and matrix."""
    peers = _peers()
    for levels in LEVELS:
        for name, matrix in _matrices(levels):
            reading, _ = _best(matrix.sum)
            ours, fit = _best(lambda matrix=matrix: factorize_butterfly(matrix))
            noise = np.random.default_rng(0).standard_normal(matrix.shape)
            noise *= 1e-6 * np.linalg.norm(matrix) / np.linalg.norm(noise)
            noisy = matrix + noise
            robust, _ = _best(lambda noisy=noisy: factorize_butterfly(noisy, method="peel"))
            row = {
                "N": 2**levels,
                "matrix": name,
                "reading": 1e3 * reading,
                "ours": 1e3 * ours,
                "ours, noisy": 1e3 * robust,
            }
            errors, times = {"ours": _error(matrix, fit.butterfly)}, {}
            for peer, options in peers.items():
                times[peer], errors[peer] = None, None
                if peer == "ksd, numpy" and levels > 10:
                    continue
                timed = [_best(option) for option in options(matrix)]
                times[peer], found = min(timed, key=lambda pair: pair[0])
                errors[peer] = _error(matrix, found)
            row |= {peer: seconds and 1e3 * seconds for peer, seconds in times.items()}
            row["best peer / ours"] = min(filter(None, times.values())) / ours
            row["ours / reading"] = ours / reading
            yield row | {f"error, {who}": error for who, error in errors.items()}
