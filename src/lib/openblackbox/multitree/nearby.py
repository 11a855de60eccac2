r"""Recovery of a black box that is close to a multitree network.

A function that is not quite a multitree network has no exact zeros to read and no exact product to
factorize. What is left is one number for each entry of the Jacobian: the value that it takes, up to
a small error, when its path is open.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer_problems
from openblackbox.multitree.factorization import Factorization, factorize
from openblackbox.multitree.students import relative_error
from openblackbox.multitree.supports import (
    ancestors,
    check_multitree,
    descendants,
)
from openblackbox.networks import CountingOracle, Queries, ReLUNetwork

__all__ = [
    "NearbyRecovery",
    "open_values",
    "recover_nearby",
]


RARE = (0, 1 / 256, 1 / 64, 1 / 16)
"""The fractions that `recover_nearby` tries."""


@dataclass(frozen=True)
class NearbyRecovery:
    r"""What `recover_nearby` returns.

    Parameters
    ----------
    network : ReLUNetwork
        A multitree network without biases, with rows of norm 1 or 0 in all layers but the last.
    product : numpy.ndarray, shape (n_L, n_0)
        The estimate A of the product of the weights along the paths that were open.
    opened : numpy.ndarray of int, shape (n_L, n_0)
        At how many points each entry was more than half of its k-th largest value.
    factorization : Factorization
        Of ``product``, with its residual and lower bound; before the signs are chosen.
    rare : float
        The fraction that was chosen.
    residual : float
        Relative root mean square error of the network at the points asked.
    queries : Queries
        What was asked.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.
    """

    network: ReLUNetwork
    product: np.ndarray
    opened: np.ndarray
    factorization: Factorization
    rare: float
    residual: float
    queries: Queries


def open_values(jacobians, rank=1):
    r"""Estimate the value that each entry of a Jacobian takes when its path is open.

    Parameters
    ----------
    jacobians : array, shape (T, n_L, n_0)
        Jacobians at T points.
    rank : int
        The number k: an entry counts as open when it exceeds half of its k-th largest modulus.

    Returns
    -------
    values : numpy.ndarray, shape (n_L, n_0)
        Of the open values of each entry, the one of middle modulus; 0 if all values are 0.
    opened : numpy.ndarray of int, shape (n_L, n_0)
        How many values were open.

    Notes
    -----
    *Lemma.* Let every value of an entry be within :math:`\eta` of 0 (closed) or of p (open). If
    :math:`|p| > 3\eta` and at least k values are open, the result is within :math:`\eta` of p. If
    fewer than k/2 are open, it is within :math:`\eta` of 0.

    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> values, opened = open_values([[[0.0]], [[5.1]], [[0.1]], [[5.0]], [[4.9]]])
    >>> values.item(), opened.item()
    (5.0, 3)
    """
    jacobians = np.asarray(jacobians, dtype=float)
    if jacobians.ndim != 3 or not 1 <= rank <= len(jacobians):
        raise ValueError(
            f"jacobians: expected shape (T, n_L, n_0) with T >= rank = {rank}, "
            f"got {jacobians.shape}"
        )
    order = np.argsort(-np.abs(jacobians), axis=0, kind="stable")
    values = np.take_along_axis(jacobians, order, axis=0)
    opened = (2 * np.abs(values) > np.abs(values[rank - 1])).sum(axis=0)
    opened[values[rank - 1] == 0] = 0
    middle = np.maximum(opened - 1, 0) // 2
    chosen = np.take_along_axis(values, middle[None], axis=0)[0]
    return np.where(opened > 0, chosen, 0), opened


def recover_nearby(oracle, supports, *, rng, samples, rare=RARE):
    r"""Recover a multitree network without biases that is close to a black box.

    Parameters
    ----------
    oracle : Oracle
        The black box f, not quite a multitree network. Only its Jacobians are asked.
    supports : sequence of L boolean arrays
        The supports of the multitree, first layer first.
    rng : numpy.random.Generator
        Draws the points, from N(0, I).
    samples : int
        Their number T.
    rare : sequence of float
        Fractions of the points to try: a path that is open at fewer may be taken for one that
        never is. 0 asks for one point only. The network that fits best is returned.

    Returns
    -------
    NearbyRecovery
        The network, and how it was found.

    Raises
    ------
    TypeError
        If ``oracle`` is no oracle or ``rng`` no generator.
    NotMultitreeError
        If two paths join two neurons.
    ValueError
        If the sizes disagree or a number is out of range.

    Notes
    -----
    1. `open_values` with :math:`k = \max(1, \lceil r T \rceil)`, r from ``rare``, gives a matrix A.
    2. `factorize` gives factors of A, up to signs. Entries that no path reaches are dropped.
    3. Level by level, the sign of a neuron h is that of
       :math:`\sum_t z_h(x_t)\, \|Df(x_t)[O_h, I_h]\|_F^2`, with the outputs and the inputs joined
       to h: where its block is large, h is open and :math:`z_h > 0`.
    4. Of the networks for all r the one nearest to :math:`Df(x_t)\,x_t = f(x_t)` is kept, the first
       of equals. No further answer is needed.

    *Theorem.* If the signs are right and :math:`A^*` is the product of the weights of a multitree
    network f* of the same supports, then :math:`\|\hat f(x) - f^*(x)\| \le
    \sqrt L\,(1 + \sqrt{L-1})\, \|A - A^*\|_F\, \|x\|` for all x.

    Defined in the chapter Distillation or reconstruction.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> from openblackbox.multitree.teachers import random_butterfly
    >>> secret = random_butterfly(2, rng=np.random.default_rng(0))
    >>> found = recover_nearby(secret, dyadic_supports(2), rng=np.random.default_rng(1), samples=50)
    >>> x = np.random.default_rng(2).standard_normal((100, 4))
    >>> bool(np.allclose(found.network(x), secret(x), rtol=0, atol=1e-12))
    True
    """
    counter = CountingOracle(oracle)
    supports = _checked(oracle, supports, rng, samples, rare)
    x = rng.standard_normal((int(samples), oracle.n_inputs))
    jacobians = np.asarray(counter.jacobian(x), dtype=float)
    values = np.einsum("toi,ti->to", jacobians, x)
    masks = [
        (descendants(supports, level).astype(float), ancestors(supports, level).astype(float))
        for level in range(1, len(supports))
    ]
    blocks = [np.einsum("toi,oh,hi->th", jacobians**2, *mask, optimize=True) for mask in masks]
    best = None
    for fraction in rare:
        product, opened = open_values(jacobians, max(1, int(np.ceil(fraction * samples))))
        fit = factorize(product, supports, allow_outside=True)
        network = _with_signs(fit.factors, x, blocks)
        residual = relative_error(network, lambda x: values, x)
        if best is None or residual < best.residual:
            best = NearbyRecovery(
                network, product, opened, fit, float(fraction), residual, counter.queries
            )
    return best


def _with_signs(factors, x, blocks):
    """Return the network with the signs for which neurons are on where their blocks are large."""
    weights, y = [factor.copy() for factor in factors], x
    for level, sizes in enumerate(blocks, start=1):
        z = y @ weights[level - 1].T
        signs = np.where((z * sizes).sum(axis=0) < 0, -1, 1)
        weights[level - 1] *= signs[:, None]
        weights[level] *= signs
        y = np.maximum(z * signs, 0)
    return ReLUNetwork(weights)


def _checked(oracle, supports, rng, samples, rare):
    """Return the supports, or raise with all the problems of the arguments."""
    generator(rng)
    supports = check_multitree(supports)
    problems = []
    ends = (supports[0].shape[1], supports[-1].shape[0])
    if ends != (oracle.n_inputs, oracle.n_outputs):
        problems.append(
            f"supports: {ends[0]} inputs and {ends[1]} outputs, "
            f"the oracle has {oracle.n_inputs} and {oracle.n_outputs}"
        )
    problems += integer_problems("samples", samples)
    if not hasattr(rare, "__len__") or not len(rare) or not all(0 <= r < 1 for r in rare):
        problems.append(f"rare: expected fractions, at least 0 and below 1, got {rare!r}")
    if problems:
        raise ValueError("; ".join(problems))
    return supports
