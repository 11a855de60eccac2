r"""How many queries open a butterfly of L layers: networks to open, and the studies.

The tables of the book are made by::

    python -m openblackbox.study openblackbox.multitree.deep_study:STUDY
        --out book/data/deep-queries.csv
    python -m openblackbox.study openblackbox.multitree.deep_study:BASELINE
        --out book/data/deep-gaussian.csv
    python -m openblackbox.study openblackbox.multitree.deep_study:LARGE
        --out book/data/deep-large.csv
"""

import numpy as np
import scipy.sparse as sp

from openblackbox.multitree.alive import masked_factors, useful_neurons
from openblackbox.multitree.butterfly import butterfly_supports
from openblackbox.multitree.deep import recover_deep
from openblackbox.sparse_network import SparseReLUNetwork
from openblackbox.study import Study

__all__ = [
    "BASELINE",
    "LARGE",
    "LAWS",
    "STUDY",
    "count_baseline",
    "count_deep_queries",
    "random_deep_network",
    "weight_errors",
]

EXACT = 2.0**-36
"""The relative error below which a recovered weight counts as exact."""


def _gaussian(count, rng):
    return rng.standard_normal(count)


def _uniform(count, rng):
    return rng.choice([-1.0, 1.0], count) * rng.uniform(0.5, 2, count)


def _heavy(count, rng):
    return rng.choice([-1.0, 1.0], count) * 10 ** rng.uniform(-2, 2, count)


LAWS = {"gaussian": _gaussian, "uniform": _uniform, "heavy": _heavy}
"""Three laws of a weight: N(0, 1), ± U(1/2, 2), and ± 10 to the power U(-2, 2)."""


def random_deep_network(supports, law="gaussian", *, rng, zeros=0.0):
    r"""Draw a bias-free network with independent weights.

    Parameters
    ----------
    supports : sequence of L matrices
        Where the weights are, dense or sparse, first layer first.
    law : {"gaussian", "uniform", "heavy"}
        The law of a weight: N(0, 1), :math:`\pm U(1/2, 2)`, or :math:`\pm 10^{U(-2, 2)}`.
    rng : numpy.random.Generator
        Draws the weights.
    zeros : float
        The probability that a weight is 0.

    Returns
    -------
    SparseReLUNetwork
        The network.

    Raises
    ------
    ValueError
        If the law is not one of the three.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.butterfly import butterfly_supports
    >>> random_deep_network(butterfly_supports(3), "uniform", rng=np.random.default_rng(0))
    SparseReLUNetwork(8 -> 8 -> 8 -> 8, 48 weights)
    """
    if law not in LAWS:
        raise ValueError(f"law: expected one of {', '.join(LAWS)}, got {law!r}")
    weights = []
    for support in supports:
        matrix = sp.csr_array(support).astype(float)
        matrix.data = LAWS[law](matrix.nnz, rng) * (rng.random(matrix.nnz) >= zeros)
        weights.append(matrix)
    return SparseReLUNetwork(weights)


def weight_errors(found, secret):
    r"""Return the largest relative error of a recovered weight, and how many useful are missing.

    Parameters
    ----------
    found : sequence of L matrices
        The recovered weights, first layer first.
    secret : sequence of L matrices
        The true ones, with the same supports.

    Returns
    -------
    error : float
        The largest relative error of a nonzero weight, once useless neurons are dropped and the
        rows of the hidden layers scaled to norm 1. Infinite where the zeros differ.
    missing : int
        The number of useful neurons whose recovered row is 0.

    Notes
    -----
    Two such networks without biases have the same function exactly when the scaled weights are
    equal: see the chapter.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> weight_errors([[[1.0, 0.0]], [[6.0]]], [[[2.0, 0.0]], [[3.0]]])
    (0.0, 0)
    """
    mine, true = (_unit_rows(masked_factors(w)) for w in (found, secret))
    useful = useful_neurons(secret)
    missing = sum(
        int((level & (np.diff(weight.indptr) == 0)).sum())
        for level, weight in zip(useful, mine, strict=False)
    )
    error = 0.0
    for a, b in zip(mine, true, strict=True):
        if a.nnz != b.nnz or (a.indices != b.indices).any() or (a.indptr != b.indptr).any():
            return np.inf, missing
        if a.nnz:
            error = max(error, float(np.max(np.abs(a.data / b.data - 1))))
    return error, missing


def _unit_rows(weights):
    """Scale the rows of the hidden layers to norm 1, and the columns after them to make up."""
    scale, scaled = np.ones(weights[0].shape[1]), []
    for layer, weight in enumerate(weights):
        matrix = sp.csr_array(weight, dtype=float).copy()
        matrix.eliminate_zeros()
        matrix.sort_indices()
        matrix.data *= scale[matrix.indices]
        if layer + 1 < len(weights):
            rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            largest = np.ones(matrix.shape[0])
            np.maximum.at(largest, rows, np.abs(matrix.data))
            matrix.data /= largest[rows]  # squares of weights of any size may overflow
            norms = np.sqrt(np.bincount(rows, matrix.data**2, minlength=matrix.shape[0]))
            norms = np.where(norms > 0, norms, 1)
            matrix.data /= norms[rows]
            scale = norms * largest
        scaled.append(matrix)
    return scaled


def count_deep_queries(n_layers, law, zeros, seed):
    """Open one random dyadic butterfly and count the queries.

    Parameters
    ----------
    n_layers : int
        L; the width is 2 to the power L.
    law : str
        The law of the weights, see `random_deep_network`.
    zeros : float
        The probability that a weight inside the supports is 0.
    seed : int
        Of the network and of the search.

    Returns
    -------
    dict
        ``products`` (jvps and vjps), ``jacobians`` (those, divided by the width and rounded to two
        decimals), ``points`` (sketched), ``found`` and ``spliced`` (those of them that the search
        added), ``pairs`` (proved silent), ``useful`` (neurons), ``missed`` (useful ones not found),
        ``exact``: whether all weights are right to a relative error of `EXACT`.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> counts = count_deep_queries(4, "gaussian", 0.0, 0)
    >>> counts["missed"], counts["exact"]
    (0, True)
    """
    rng = np.random.default_rng([n_layers, seed])
    supports = butterfly_supports(n_layers)
    secret = random_deep_network(supports, law, rng=rng, zeros=zeros)
    found = recover_deep(secret, supports, rng=rng)
    error, missed = weight_errors(found.network.weights, secret.weights)
    products = found.queries.jvps + found.queries.vjps
    reasons = [reason for reason, _ in found.origins]
    return {
        "products": products,
        "jacobians": round(products / 2**n_layers, 2),
        "points": len(found.origins),
        "found": reasons.count("found"),
        "spliced": reasons.count("splice"),
        "pairs": sum(found.certificate.pairs),
        "useful": sum(int(level.sum()) for level in useful_neurons(secret.weights)),
        "missed": missed,
        "exact": bool(error < EXACT),
    }


def count_baseline(n_layers, law, seed, *, most=2048):
    """Sample one random dyadic butterfly with Gaussian points, and count what they miss.

    Parameters
    ----------
    n_layers : int
        L; the width is 2 to the power L.
    law : str
        The law of the weights, see `random_deep_network`.
    seed : int
        Of the network, the one of `count_deep_queries`, and of the points.
    most : int
        Where the sampling ends in any case.

    Returns
    -------
    dict
        ``points``, ``stopped`` (whether 64 points in a row showed no new entry before the end),
        ``useful`` (neurons), ``missed`` (useful ones not seen), ``unresolved`` (neurons whose row
        the entries seen do not determine), ``exact``.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> counts = count_baseline(3, "gaussian", 1)
    >>> counts["points"] >= 64, counts["missed"], counts["exact"]
    (True, 0, True)
    """
    rng = np.random.default_rng([n_layers, seed])
    supports = butterfly_supports(n_layers)
    secret = random_deep_network(supports, law, rng=rng)
    found = recover_deep(secret, supports, rng=rng, method="gaussian", points=most)
    error, missed = weight_errors(found.network.weights, secret.weights)
    return {
        "points": len(found.origins),
        "stopped": len(found.origins) < most,
        "useful": sum(int(level.sum()) for level in useful_neurons(secret.weights)),
        "missed": missed,
        "unresolved": sum(len(neurons) for neurons in found.unresolved),
        "exact": bool(error < EXACT),
    }


_COUNTS = [
    "products",
    "jacobians",
    "points",
    "found",
    "spliced",
    "pairs",
    "useful",
    "missed",
    "exact",
]

STUDY = Study(
    "queries to open a deep butterfly",
    count_deep_queries,
    {
        "n_layers": [2, 3, 4, 5, 6, 7, 8, 9, 10],
        "law": list(LAWS),
        "zeros": [0.0, 0.2],
        "seed": range(5),
    },
    _COUNTS,
)
"""The study of the chapter Deep recovery."""

BASELINE = Study(
    "Gaussian points in a deep butterfly",
    count_baseline,
    {"n_layers": [2, 3, 4, 5, 6, 7], "law": list(LAWS), "seed": range(5)},
    ["points", "stopped", "useful", "missed", "unresolved", "exact"],
)
"""The baseline of the chapter Deep recovery."""

LARGE = Study(
    "queries to open a large butterfly",
    count_deep_queries,
    {"n_layers": [11, 12, 13, 14], "law": ["gaussian"], "zeros": [0.0], "seed": [0]},
    _COUNTS,
)
"""A few large networks, for the chapter Deep recovery."""
