r"""Opening a multitree network with one hidden layer, from values and Jacobians alone.

The unknown is :math:`f(x) = W_2\,\mathrm{relu}(W_1 x + b) + b_2`, where the two supports are known
and form a multitree. `recover_shallow` runs three steps: `openblackbox.multitree.blocks` sees and
factorizes the blocks of the Jacobian, `openblackbox.multitree.isolation` reads the biases, and
fresh points check the result.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator
from openblackbox.multitree.blocks import see_blocks, split_blocks
from openblackbox.multitree.isolation import isolate_biases
from openblackbox.multitree.supports import check_multitree
from openblackbox.networks import CountingOracle, Queries, ReLUNetwork

__all__ = ["Recovery", "recover_shallow"]


@dataclass(frozen=True)
class Recovery:
    r"""What `recover_shallow` returns.

    Parameters
    ----------
    network : ReLUNetwork
        The recovered network, float64. Every row of :math:`W_1` has norm 1, or is 0 for an
        ``unseen`` neuron.
    queries : Queries
        What was asked, the final check included.
    unseen : numpy.ndarray of int
        Hidden neurons that contributed to no Jacobian. They have zero weights in ``network``.
    always_on : numpy.ndarray of int
        Hidden neurons that were active at every point of the search. Their weights are recovered,
        their bias is not: ``network`` keeps them active on the ball of the given ``radius``.
    first_seen : numpy.ndarray of int, shape (H,)
        Number of doublings after which a neuron was active at exactly one of the two points;
        -1 for the unseen and the always active ones.
    doublings : int
        Number of doublings made.
    radius : float
        Norm of the farthest point of the search.
    residual : float
        Largest error of an output over the points of the final check, relative to the sum of
        :math:`|b_{2,j}|` and :math:`|W_2[j,h]| (|w_h| |x| + |b_h|)` over the active neurons
        (absolute values entry by entry): the size of what is rounded in that output.

    Notes
    -----
    Defined in the chapter One hidden layer.
    """

    network: ReLUNetwork
    queries: Queries
    unseen: np.ndarray
    always_on: np.ndarray
    first_seen: np.ndarray
    doublings: int
    radius: float
    residual: float


def recover_shallow(
    oracle, supports, *, rng, growth=2.0, max_doublings=40, noise=0.0, tolerance=None, checks=16
):
    r"""Recover a multitree network with one hidden layer, biases included.

    .. math::

       f(x) = W_2\,\mathrm{relu}(W_1 x + b) + b_2, \qquad
       Df(x) = \sum_h 1\{\langle w_h, x\rangle + b_h > 0\}\, W_2[:, h]\, W_1[h, :],

    where the blocks of the sum have disjoint supports.

    Parameters
    ----------
    oracle : Oracle
        The black box. Only its values and its Jacobians are asked.
    supports : sequence of two boolean arrays, shapes (H, n_0) and (n_2, H)
        Where the weights may be nonzero. A multitree.
    rng : numpy.random.Generator
        Draws the direction of the search and the points of the final check.
    growth : float
        What the point is multiplied by until every neuron was seen; above 1.
    max_doublings : int
        How many times at most.
    noise : float
        Size up to which an entry of a Jacobian counts as 0. The Jacobian of a masked network,
        computed by the chain rule, has exact zeros.
    tolerance : float, optional
        Relative size up to which answers may contradict the model; the square root of the
        unit roundoff of the oracle's Jacobians when omitted.
    checks : int
        Number of fresh points of the final check, at least 2.

    Returns
    -------
    Recovery
        The network and what was needed to find it.

    Raises
    ------
    TypeError
        If ``oracle`` is not an `Oracle` or ``rng`` not a numpy generator.
    NotMultitreeError
        If two neurons are joined by two paths; a ValueError.
    ValueError
        If an argument is out of range, the sizes disagree, an answer has a wrong shape or is not
        finite, or the answers contradict the model: mass outside the supports, a block that is
        not of rank one or changes from point to point, values that contradict the Jacobians.

    Notes
    -----
    1. A Gaussian x is drawn, and Df(x) and Df(-x) are asked, then x is doubled, until every neuron
       shows its block in exactly one of the two: then its bias is smaller than
       :math:`|\langle w_h, x\rangle|` in absolute value.
    2. Every block is factorized, and its sign is such that the neuron is active on the side where
       it was seen.
    3. For an output j let :math:`y_0 = -\sum_h p_h w_h`, over the neurons h that feed j, with
       :math:`|w_h| = 1` and :math:`p_h > |b_h|`: all of them are off. Switching h alone on, by
       :math:`+p_h w_h`, gives :math:`b_h = (f_j(y_1) - f_j(y_0)) / W_2[j, h] - p_h`. Then
       :math:`p_h` is lowered to about :math:`2 |b_h|` and the value is read again. And
       :math:`b_{2, j} = f_j(y_0)`.
    4. ``checks`` fresh points, at all the scales explored, compare the two functions.

    Exact in exact arithmetic, with probability one, on the whole space, when no neuron is unseen or
    always active. A neuron that never was seen has a zero row or column, or is inactive, or
    active, on the whole segment from the last -x to the last x; the two functions agree on this
    segment in any case.

    Cost: 2 (doublings + 1) Jacobians, and at most 3 H + n_2 + ``checks`` evaluations. Outputs that
    read disjoint sets of inputs share their evaluations.

    Defined in the chapter One hidden layer.

    References
    ----------
    * V. Castin and R. Gribonval, Ouvrons la boîte noire : reconstruction de réseaux de neurones
      parcimonieux par échantillonnage, slides, 2025. The search and the weights are theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.multitree.shallow import recover_shallow
    >>> from openblackbox.networks import ReLUNetwork
    >>> secret = ReLUNetwork([[[3.0, 4.0, 0], [0, 0, 2.0]], [[1.0, -2.0]]], [[5.0, -3.0], [7.0]])
    >>> found = recover_shallow(secret, secret.supports, rng=np.random.default_rng(0))
    >>> [np.round(weight, 6).tolist() for weight in found.network.weights]
    [[[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]], [[5.0, -4.0]]]
    >>> [np.round(bias, 6).tolist() for bias in found.network.biases]
    [[1.0, -1.5], [7.0]]
    """
    first, second = _checked(oracle, supports, rng, growth, max_doublings, noise, tolerance, checks)
    max_doublings, checks = int(max_doublings), int(checks)
    counter = CountingOracle(oracle)
    ask = _Answers(counter)
    x = rng.standard_normal(first.shape[1])
    seen = see_blocks(ask, x, first, second, growth, max_doublings, noise, tolerance)
    weights = split_blocks(seen, first, second, x)
    offsets = 2 * np.abs(weights[0] @ x) * growth ** np.maximum(seen.first_seen, 0)
    biases = isolate_biases(ask, weights, offsets, seen, first, second)
    radius = float(np.linalg.norm(x) * growth**seen.doublings)
    network = _with_always_on(weights, biases, seen.always_on, radius)
    residual = _checked_residual(ask, network, x, seen, growth, rng, checks)
    return Recovery(
        network=network,
        queries=counter.queries,
        unseen=np.flatnonzero(~seen.shown),
        always_on=np.flatnonzero(seen.always_on),
        first_seen=seen.first_seen,
        doublings=seen.doublings,
        radius=radius,
        residual=residual,
    )


class _Answers:
    """The oracle, with the shape and the finiteness of every answer checked."""

    def __init__(self, counter):
        self._counter = counter

    def values(self, x):
        return self._checked("value", self._counter(x), (len(x), self._counter.n_outputs))

    def jacobians(self, x):
        shape = (len(x), self._counter.n_outputs, self._counter.n_inputs)
        return self._checked("Jacobian", self._counter.jacobian(x), shape)

    @staticmethod
    def _checked(kind, answer, shape):
        answer = np.asarray(answer)
        if answer.shape != shape:
            raise ValueError(f"oracle: expected {kind}s of shape {shape}, got {answer.shape}")
        if answer.dtype.kind != "f":
            raise ValueError(f"oracle: expected real {kind}s, got an array of {answer.dtype}")
        if not np.isfinite(answer).all():
            raise ValueError(f"oracle: expected finite {kind}s, got nan or infinity")
        return answer


def _checked(oracle, supports, rng, growth, max_doublings, noise, tolerance, checks):
    """Return the two supports, or raise with all the problems of the arguments."""
    CountingOracle(oracle)
    generator(rng)
    problems = []
    if not (np.isfinite(growth) and growth > 1):
        problems.append(f"growth: expected a number above 1, got {growth}")
    if max_doublings != int(max_doublings) or max_doublings < 0:
        problems.append(f"max_doublings: expected an integer, at least 0, got {max_doublings}")
    if not problems and max_doublings * np.log(growth) >= np.log(np.finfo(float).max):
        problems.append(
            f"growth: {growth} to the power of max_doublings, {max_doublings}, overflows"
        )
    if not (np.isfinite(noise) and noise >= 0):
        problems.append(f"noise: expected a number, at least 0, got {noise}")
    if tolerance is not None and not 0 < tolerance < 1:
        problems.append(f"tolerance: expected a number from 0 to 1, got {tolerance}")
    if checks != int(checks) or checks < 2:
        problems.append(f"checks: expected an integer, at least 2, got {checks}")
    supports = check_multitree(supports)
    if len(supports) != 2:
        problems.append(f"supports: expected 2, one hidden layer, got {len(supports)}")
    if supports[0].shape[1] != oracle.n_inputs:
        problems.append(
            f"supports: the first has {supports[0].shape[1]} columns, "
            f"the oracle {oracle.n_inputs} inputs"
        )
    if supports[-1].shape[0] != oracle.n_outputs:
        problems.append(
            f"supports: the last has {supports[-1].shape[0]} rows, "
            f"the oracle {oracle.n_outputs} outputs"
        )
    if problems:
        raise ValueError("; ".join(problems))
    return supports


def _with_always_on(weights, biases, always_on, radius):
    """Return the network, with the always active neurons active on the ball of that radius."""
    hidden = np.where(always_on, radius, biases[0])
    return ReLUNetwork(weights, [hidden, biases[1] - weights[1] @ np.where(always_on, radius, 0)])


def _checked_residual(ask, network, x, seen, growth, rng, checks):
    """Return the residual on fresh points, or raise when the functions differ.

    Half of the points are on the segment from -x to x at its largest, where the two functions agree
    whatever was not seen; half are Gaussian, with scales from the smallest bias to the largest x.
    """
    on_segment = np.arange(checks) < checks // 2
    largest = growth**seen.doublings
    biases = np.abs(network.biases[0][seen.first_seen >= 0])
    # A bias of 0 comes back as rounding of any size: the check goes down to the unit roundoff.
    smallest = max(np.min(biases[biases > 0], initial=1.0), seen.tolerance**2)
    scales = np.exp(rng.uniform(np.log(smallest), np.log(largest), checks))
    points = scales[:, None] * rng.standard_normal((checks, x.size))
    points[on_segment] = rng.uniform(-largest, largest, on_segment.sum())[:, None] * x
    values = ask.values(points)
    # Of z = <w, x> + b only |w| |x| + |b|, before any cancellation, is known to the last digits.
    z = network.preactivations(points)[0]
    reach = np.abs(points) @ np.abs(network.weights[0]).T + np.abs(network.biases[0])
    reach[z < -seen.tolerance * reach] = 0
    terms = reach @ np.abs(network.weights[1]).T + np.abs(network.biases[1])
    sizes = np.maximum(np.abs(values), terms)
    errors = np.abs(network(points) - values)
    ratios = np.divide(errors, sizes, out=np.zeros(errors.shape), where=sizes > 0)
    residuals = ratios.max(axis=1)
    missed = np.setdiff1d(seen.owner, np.append(np.flatnonzero(seen.first_seen >= 0), -1))
    judged = residuals[on_segment] if missed.size else residuals
    if judged.max() > seen.tolerance:
        raise ValueError(
            f"oracle: not a network with these supports, the recovered function is off by "
            f"{judged.max():.1e} (relative), the tolerance is {seen.tolerance:.1e}"
        )
    return float(residuals.max())
