r"""How many queries open a network with one hidden layer: networks to open, and the study.

The table of the book is made by::

    python -m openblackbox.study openblackbox.multitree.shallow_study:STUDY
        --out book/data/shallow-queries.csv
"""

import numpy as np

from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.supports import kronecker_supports
from openblackbox.networks import ReLUNetwork
from openblackbox.study import Study

__all__ = ["STUDY", "count_queries", "expected_doublings", "random_shallow_network"]

EXACT = 1e-13
"""The relative error below which the recovered parameters count as exact."""


def random_shallow_network(supports, ratios, *, rng):
    r"""Draw a network with one hidden layer whose kinks are at given distances from 0.

    .. math:: b_h = \pm r_h \|w_h\|, \qquad w, W_2, b_2 \sim N(0, 1)

    Parameters
    ----------
    supports : sequence of two boolean arrays, shapes (H, n_0) and (n_2, H)
        Where the weights are nonzero.
    ratios : float or array of shape (H,)
        The distances :math:`r_h \ge 0` of the kinks to the origin.
    rng : numpy.random.Generator
        Draws weights, signs and output biases.

    Returns
    -------
    ReLUNetwork
        The network.

    Notes
    -----
    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> supports = [np.eye(2), np.ones((1, 2))]
    >>> network = random_shallow_network(supports, [1, 10], rng=np.random.default_rng(0))
    >>> np.abs(network.biases[0] / np.linalg.norm(network.weights[0], axis=1)).round(6)
    array([ 1., 10.])
    """
    weights = [np.where(support, rng.standard_normal(np.shape(support)), 0) for support in supports]
    signs = rng.choice([-1, 1], len(weights[0]))
    hidden = signs * ratios * np.linalg.norm(weights[0], axis=1)
    return ReLUNetwork(weights, [hidden, rng.standard_normal(len(weights[1]))])


def expected_doublings(ratios, *, growth=2.0, steps=200):
    r"""Return the mean number of doublings until all of several orthogonal neurons are seen.

    .. math::

       \mathbb E[K] = \sum_{k \ge 0} \Big(1 - \prod_h P\big(|g| > r_h \rho^{-k}\big)\Big),
       \qquad g \sim N(0, 1) .

    Parameters
    ----------
    ratios : array of shape (H,)
        The numbers :math:`r_h = |b_h| / \|w_h\|`.
    growth : float
        The factor :math:`\rho > 1`, 2 for doublings.
    steps : int
        Number of terms of the sum.

    Returns
    -------
    float
        The expectation.

    Notes
    -----
    Exact when the rows of :math:`W_1` are orthogonal, such as rows that read disjoint inputs: then
    the numbers :math:`\langle w_h, x\rangle / \|w_h\|` are independent.

    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> round(expected_doublings([1.0]), 4), round(expected_doublings(np.ones(1000)), 4)
    (1.4622, 10.9735)
    """
    from scipy.special import erfc

    ratios = np.asarray(ratios, dtype=float)
    levels = float(growth) ** -np.arange(steps)
    seen = np.prod(erfc(np.multiply.outer(levels, ratios) / np.sqrt(2)), axis=1)
    return float(np.sum(1 - seen))


def count_queries(block, ratio, seed):
    r"""Open one random network with H = block² neurons and count the queries.

    Parameters
    ----------
    block : int
        :math:`p`: the supports are :math:`1_{p \times p} \otimes I_p` and
        :math:`I_p \otimes 1_{p \times p}`; a network of :math:`p^2` inputs, neurons and outputs.
    ratio : float
        The common distance of the kinks to the origin.
    seed : int
        Of the network and of the search.

    Returns
    -------
    dict
        The numbers ``jacobians``, ``evaluations`` (the 16 of the check included), ``doublings``,
        ``parameters`` (entries of the supports and biases), and ``exact``: whether the largest
        error of a parameter, relative to the largest of its kind, is below `EXACT` after
        normalizing the rows. The error itself is rounding noise, another on each machine.

    Notes
    -----
    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> counts = count_queries(2, 1.0, 0)
    >>> counts["jacobians"] == 2 * (counts["doublings"] + 1), counts["parameters"]
    (True, 24)
    """
    supports = [
        kronecker_supports(1, block, block, block),
        kronecker_supports(block, block, block, 1),
    ]
    rng = np.random.default_rng(seed)
    network = random_shallow_network(supports, ratio, rng=rng)
    found = recover_shallow(network, supports, rng=rng)
    norms = np.linalg.norm(network.weights[0], axis=1)
    truth = (
        network.weights[0] / norms[:, None],
        network.weights[1] * norms,
        network.biases[0] / norms,
        network.biases[1],
    )
    got = (*found.network.weights, *found.network.biases)
    errors = [
        np.abs(mine - true).max() / np.abs(true).max()
        for mine, true in zip(got, truth, strict=True)
    ]
    return {
        "jacobians": found.queries.jacobians,
        "evaluations": found.queries.evaluations,
        "doublings": found.doublings,
        "parameters": int(sum(support.sum() + len(support) for support in supports)),
        "exact": bool(max(errors) < EXACT),
    }


STUDY = Study(
    "queries to open one hidden layer",
    count_queries,
    {"block": [2, 4, 8, 16, 32], "ratio": [1.0, 100.0], "seed": range(10)},
    ["jacobians", "evaluations", "doublings", "parameters", "exact"],
)
"""The study of the chapter One hidden layer."""
