r"""The biases of a multitree network with any number of layers, from values of the function.

The weights are those of the network without biases, which `openblackbox.multitree.infinity` shows
far from the origin. `recover_biases` adds the biases, from the first level to the last: two values
of f for a bias. `recover_deep_biased` does both and checks the result.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.agreement import Agreement, agreement
from openblackbox.multitree.bias_plans import BiasPlan
from openblackbox.multitree.infinity import AtInfinity
from openblackbox.networks import CountingOracle, Queries, ReLUNetwork

__all__ = ["BiasedRecovery", "recover_biases", "recover_deep_biased"]

PASSES = 3
"""How often the biases are read nearer to the origin, with the knowledge of the pass before."""


@dataclass(frozen=True)
class BiasedRecovery:
    r"""What `recover_deep_biased` returns.

    Parameters
    ----------
    network : ReLUNetwork
        The recovered network.
    queries : Queries
        What was asked of the black box, the final check included.
    unsettled : tuple of L - 1 arrays of bool
        Hidden neurons whose bias changed whenever the points were moved farther away: it is beyond
        all of them, and meaningless in ``network``.
    agreement : Agreement
        The final check.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.
    """

    network: ReLUNetwork
    queries: Queries
    unsettled: tuple
    agreement: Agreement


def recover_deep_biased(oracle, supports, *, rng, checks=200, **options):
    r"""Recover a multitree network with biases, as far as it can be seen from far away.

    Parameters
    ----------
    oracle : Oracle
        The black box. Its values and products with its Jacobian are asked.
    supports : sequence of L matrices
        Where the weights may be nonzero, first layer first, dense or sparse. A multitree.
    rng : numpy.random.Generator
        Draws the points.
    checks : int
        Number of fresh points of the final check.
    **options
        Passed on to `openblackbox.multitree.deep.recover_deep`.

    Returns
    -------
    BiasedRecovery
        The network, and on which part of the fresh points it agrees with the black box.

    Raises
    ------
    TypeError
        If ``oracle`` is not an `Oracle` or ``rng`` not a numpy generator.
    NotMultitreeError
        If two neurons are joined by two paths; a ValueError.
    ValueError
        If the sizes disagree, or the answers contradict the model.

    Notes
    -----
    1. `recover_deep` is asked to open the network without biases, through
       `openblackbox.multitree.infinity.AtInfinity`: it finds the weights of all neurons that are
       alive at infinity.
    2. `recover_biases` adds the biases.
    3. `openblackbox.multitree.agreement.agreement` compares the two functions on fresh points.

    Exact in exact arithmetic, on the whole space, if and only if no activatable path leads over a
    neuron that is alive thanks to biases only: in particular when the biases of the hidden levels
    from the second on are not positive. With such neurons the result is wrong somewhere, the third
    step says on which part of its points, and no polynomial number of questions would do in the
    worst case.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.networks import ReLUNetwork
    >>> weights = [[[1.0, 0], [0, 2.0]], [[1.0, -1.0]], [[3.0]]]
    >>> secret = ReLUNetwork(weights, [[1.0, -2.0], [-0.5], [4.0]])
    >>> found = recover_deep_biased(secret, secret.supports, rng=np.random.default_rng(0))
    >>> found.agreement.fraction, bool(np.isclose(found.network([3.0, 2.0]), secret([3.0, 2.0])))
    (1.0, True)
    """
    from openblackbox.multitree.deep import recover_deep

    ask = CountingOracle(oracle)
    limit = recover_deep(AtInfinity(ask), supports, rng=rng, **options)
    network, unsettled = recover_biases(ask, [w.toarray() for w in limit.network.weights])
    compared = agreement(ask, network, rng=rng, count=checks)
    return BiasedRecovery(network, ask.queries, unsettled, compared)


def recover_biases(oracle, weights, *, scale=2**16, steps=4):
    r"""Find biases for a multitree network whose weights are known.

    For a hidden neuron h and an output j that it reaches, let :math:`x^+` and :math:`x^-` be two
    far points that differ in the inputs of h only, and there drive h to its largest and to its
    smallest value, while the other inputs drive the path from h to j as high as they can. With
    :math:`P_{jh}` the product of the weights on this path, and s what h receives from its parents,

    .. math:: \hat b_h = \max_j \frac{f_j(x^+) - f_j(x^-)}{P_{jh}} - s_h(x^+) .

    Parameters
    ----------
    oracle : Oracle
        The black box; only values are asked.
    weights : sequence of L arrays
        First layer first. Every hidden neuron is alive without biases, or has weights 0.
    scale : float
        How far away the points are, in units of the input.
    steps : int
        How often the scale is multiplied by 64, where a bias still changes.

    Returns
    -------
    network : ReLUNetwork
        With these weights. A neuron with weights 0 has the bias 0.
    unsettled : tuple of L - 1 arrays of bool
        The hidden neurons whose bias did not become steady.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.
    ValueError
        If a hidden neuron has weights and is dead without biases, or the sizes disagree.

    Notes
    -----
    The biases are found level by level, as s depends on those of earlier levels. Each is then read
    again at points as close to the origin as the network found so far allows, which removes the
    cancellation. The biases found need not be those of the black box: of a neuron that is never
    seen inactive, a part of the bias is moved towards the outputs, and the function is the same.

    Cost: one evaluation at 0, and at most 10, and 2 for each further step, for each neuron and each
    of its outputs that is tried. One output is tried when some neuron after it has another parent
    with a positive weight, all that it reaches otherwise.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.networks import ReLUNetwork
    >>> weights = [[[1.0, 0], [0, 2.0]], [[1.0, -1.0]], [[3.0]]]
    >>> secret = ReLUNetwork(weights, [[1.0, -2.0], [-0.5], [4.0]])
    >>> network, unsettled = recover_biases(secret, weights)
    >>> [bias.round(6).tolist() for bias in network.biases]
    [[0.5, -2.0], [0.0], [4.0]]
    """
    plan = BiasPlan(weights)
    widths = ReLUNetwork(plan.weights).widths
    if (oracle.n_inputs, oracle.n_outputs) != (widths[0], widths[-1]):
        raise ValueError(
            f"weights: expected {oracle.n_inputs} inputs and {oracle.n_outputs} outputs, got "
            f"{widths[0]} and {widths[-1]}"
        )
    biases = [np.zeros(width) for width in widths[1:]]
    unsettled = tuple(np.zeros(width, dtype=bool) for width in widths[1:-1])
    origin = np.zeros(widths[0])
    value = oracle(origin)
    readings = []
    for level in range(1, plan.n_layers):
        reading = _Reading(plan, plan.tries(level), oracle, biases, scale, steps)
        readings.append(reading)
        unsettled[level - 1][reading.tries.neurons[reading.moved]] = True
    biases[-1] = value - plan.network(biases)(origin)
    for _ in range(PASSES):
        for reading in readings:
            reading.come_nearer(oracle, biases)
        biases[-1] += value - plan.network(biases)(origin)
    return plan.network(biases), unsettled


class _Reading:
    """The tries of a level, what was read at which scales, and the biases that follow."""

    def __init__(self, plan, tries, oracle, biases, scale, steps):
        """Read at two scales, farther and farther until they agree; `moved` never do."""
        self.plan, self.tries = plan, tries
        network = plan.network(biases)
        self.rises = plan.rise(oracle, tries, scale)
        for step in range(steps):
            farther = 64 * scale
            rises = plan.rise(oracle, tries, farther)
            change = rises - plan.received(network, tries, farther)
            change -= self.rises - plan.received(network, tries, scale)
            self.moved = np.abs(change) > 16 * plan.doubt(network, tries, farther)
            if not self.moved.any() or step == steps - 1:
                break
            scale, self.rises = farther, rises
        self.scales = np.full(len(self.rises), float(scale))
        self._settle(biases)

    def come_nearer(self, oracle, biases):
        """Read again as close to the origin as the network found so far allows."""
        network = self.plan.network(biases)
        near = self.plan.near(network, self.tries, self.scales)
        rises = self.plan.rise(oracle, self.tries, near)
        change = rises - self.plan.received(network, self.tries, near)
        change -= self.rises - self.plan.received(network, self.tries, self.scales)
        good = np.abs(change) <= 16 * self.plan.doubt(network, self.tries, self.scales)
        self.rises = np.where(good, rises, self.rises)
        self.scales = np.where(good, near, self.scales)
        self._settle(biases)

    def _settle(self, biases):
        """Take the largest value of a neuron, of equal ones the sharpest; drop the others."""
        network = self.plan.network(biases)
        values = self.rises - self.plan.received(network, self.tries, self.scales)
        doubt = self.plan.doubt(network, self.tries, self.scales)
        best = self.tries.best(values - doubt)
        biases[self.tries.level - 1][self.tries.neurons[best]] = values[best]
        least = np.full(len(biases[self.tries.level - 1]), -np.inf)
        least[self.tries.neurons[best]] = (values - doubt)[best]
        kept = values + doubt >= least[self.tries.neurons]
        self.tries, self.scales = self.tries.only(kept), self.scales[kept]
        self.rises, self.moved = self.rises[kept], self.moved[kept]
