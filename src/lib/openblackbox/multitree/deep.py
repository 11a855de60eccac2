r"""Opening a bias-free multitree network of any depth, with a certificate.

The unknown is :math:`f(x) = W_L\,\mathrm{relu}(W_{L-1} \cdots \mathrm{relu}(W_1 x))`, where the
supports are known and form a multitree. `recover_deep` looks at many points at once
(`openblackbox.multitree.sketch`), searches for what they did not show until nothing can be missing
(`openblackbox.multitree.discovery`), brings the inputs of each neuron together
(`openblackbox.multitree.splice`) and reads the weights (`openblackbox.multitree.peel`).
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer_problems
from openblackbox.multitree.bank import Bank, FloatRange, RangeExhaustedError, tropical_points
from openblackbox.multitree.discovery import Certificate, discover
from openblackbox.multitree.gaussian import complete, sample
from openblackbox.multitree.peel import peel, unread
from openblackbox.multitree.reach import Graph
from openblackbox.multitree.sketch import Sketcher, contradiction, finite
from openblackbox.multitree.splice import splice
from openblackbox.oracles import CountingOracle, Queries
from openblackbox.sparse_network import SparseReLUNetwork

__all__ = ["DeepRecovery", "recover_deep"]


@dataclass(frozen=True)
class DeepRecovery:
    r"""What `recover_deep` returns.

    Parameters
    ----------
    network : SparseReLUNetwork
        The recovered network. Rows of hidden layers have norm 1, or are 0 for neurons that no
        point showed. It is exactly 0 outside the supports.
    queries : Queries
        What was asked, the final check included: jvps, vjps and evaluations.
    useful : tuple of numpy.ndarray of bool
        For the hidden levels 1 to L - 1: the neurons that some point shows, so that they can fire
        and change an output.
    silent : tuple of numpy.ndarray of bool
        The neurons proved to be without effect, through every useful child: each of them is dead,
        or its weights into all of these children are 0. Nowhere True for ``method="gaussian"``.
    zeros : tuple of numpy.ndarray of int, shape (k, 2)
        For the layers 1 to L: the edges (row, column) between useful neurons proved to be 0.
    unresolved : tuple of numpy.ndarray of int
        For the hidden levels: useful neurons whose rows are not determined by what was seen.
        Empty for ``method="certified"``.
    first_seen : tuple of numpy.ndarray of int
        For the hidden levels: the number of the first point that shows a neuron, or -1.
    origins : tuple
        For every point why it was asked: ("tropical", 0), ("found", level), ("splice", level), or
        ("gaussian", 0).
    certificate : Certificate
        The pairs and probes of the search, level by level.
    certified : bool
        Whether the search proves that nothing is missing.
    residual : float
        Largest error of an output at fresh points, relative to the largest output there.
    method : str
        ``"certified"`` or ``"gaussian"``.

    Notes
    -----
    A neuron that is neither useful nor silent has no useful child: nothing it does can be seen.

    Defined in the chapter Deep recovery.
    """

    network: SparseReLUNetwork
    queries: Queries
    useful: tuple
    silent: tuple
    zeros: tuple
    unresolved: tuple
    first_seen: tuple
    origins: tuple
    certificate: Certificate
    certified: bool
    residual: float
    method: str

    @property
    def jacobians(self):
        """The cost in Jacobians: all products and evaluations, divided by the number of inputs."""
        asked = self.queries.jvps + self.queries.vjps + self.queries.evaluations
        return asked / self.network.n_inputs + self.queries.jacobians


def recover_deep(
    oracle,
    supports,
    *,
    rng,
    method="certified",
    points=None,
    patience=64,
    noise=0.0,
    tolerance=None,
    checks=8,
):
    r"""Recover a bias-free multitree network of any depth.

    .. math::

       f(x) = W_L\,\mathrm{relu}(W_{L-1} \cdots \mathrm{relu}(W_1 x)), \qquad
       \operatorname{supp} W_l \subseteq S_l

    Parameters
    ----------
    oracle : Oracle
        The black box. Only jvp and vjp are asked (Jacobians, by the baseline), and values for the
        final check.
    supports : sequence of L matrices
        First layer first, dense or sparse: where the weights may be nonzero. A multitree.
    rng : numpy.random.Generator
        Draws points and directions.
    method : {"certified", "gaussian"}
        The search with a proof that nothing is missing, or the baseline: Jacobians at Gaussian
        points until ``patience`` of them in a row show no new entry.
    points : int, optional
        Number of points to start from (certified; an eighth of the number of inputs, and at
        least 8, when omitted), or of Jacobians to ask at most (gaussian; 2048 when omitted).
    patience : int
        The stopping rule of the baseline.
    noise : float
        Size up to which an answer counts as 0. The derivative of a network, computed by the chain
        rule, has exact zeros.
    tolerance : float, optional
        Largest residual of the final check. The square root of the unit roundoff of the oracle
        when omitted; infinity for the baseline, and where ``noise`` is positive.
    checks : int
        Number of fresh points of the final check.

    Returns
    -------
    DeepRecovery
        The network and what was needed to find it.

    Raises
    ------
    TypeError
        If ``oracle`` is not an `Oracle` or ``rng`` not a numpy generator.
    NotMultitreeError
        If two neurons are joined by two paths; a ValueError.
    ValueError
        If an argument is out of range, the sizes disagree, an answer is not finite, or the
        answers are not those of a bias-free network with these supports: they contradict each
        other, or the recovered function differs from them at the points of the final check.
    RangeExhaustedError
        If a probe needs more orders of magnitude than floating-point numbers have, and ``noise``
        is 0.

    Notes
    -----
    1. Points with entries of very different magnitudes are sketched: each shows many paths.
    2. From the outputs down, each neuron h not seen yet is probed through its seen children g, at
       a point that shows g: the block of inputs of h is replaced by a single tiny input,
       every one of them and both signs. One product tells whether h fires, and whether g still is
       visible; where it is not, the block is made smaller. If h can fire at all, it is seen.
    3. Where two parents of a neuron never are visible together, a point is built where they are.
    4. The weights are read from ratios of answers.
    5. Fresh points, larger and larger, compare the two functions: biases show when they can.

    With exact arithmetic, and with probability one, the recovered function is f everywhere. In
    floating-point arithmetic a neuron may count as dead when the products of the weights on its
    paths are below the square root of the smallest number, or that much smaller than others.

    Cost: at most 2 products for each input of each pair (neuron, child), and
    :math:`2 \sqrt N` a point for a dyadic butterfly. Nothing of size N x N is formed.

    Defined in the chapter Deep recovery.

    References
    ----------
    * V. Castin and R. Gribonval, Ouvrons la boîte noire : reconstruction de réseaux de neurones
      parcimonieux par échantillonnage, slides, 2025. The Gaussian method is theirs.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> rng = np.random.default_rng(0)
    >>> supports = dyadic_supports(4)
    >>> secret = SparseReLUNetwork([s * rng.standard_normal(s.shape) for s in supports])
    >>> found = recover_deep(secret, supports, rng=rng)
    >>> found.certified, bool(found.residual < 1e-12)
    (True, True)
    """
    graph = _checked(oracle, supports, rng, method, points, patience, noise, tolerance, checks)
    counter = CountingOracle(oracle)
    sides = FloatRange.of(oracle)
    certificate = Certificate.empty(graph)
    zeros = np.zeros(graph.n_edges, dtype=bool)
    if method == "gaussian":
        most = 2048 if points is None else int(points)
        samples = sample(counter, rng=rng, most=most, patience=int(patience), noise=noise)
        with np.errstate(all="ignore"):  # what is not finite is refused below
            weights, first_seen, unresolved = complete(samples, graph)
        origins = [("gaussian", 0)] * len(samples.points)
    else:
        bank = Bank(Sketcher(counter, graph, rng=rng, noise=noise))
        # What a point costs is balanced with the probes it saves; measured on butterflies.
        count = max(8, graph.widths[0] // 8) if points is None else int(points)
        for x in tropical_points(graph, count, rng=rng, budget=sides.bits / 3):
            bank.add(sides.normalized(x), ("tropical", 0))
        try:
            certificate = discover(counter, bank, sides)
            zeros = splice(bank, sides)
        except RangeExhaustedError as error:
            if noise == 0:
                raise
            what = "a probe needs numbers out of the floating-point range"
            raise contradiction(what, noise) from error
        with np.errstate(all="ignore"):  # what is not finite is refused below
            weights, first_seen, origins = peel(bank), bank.first_seen, bank.origins
        unresolved = unread(bank, weights)
        if noise == 0:
            _check_consistency(certificate, unresolved)
    if not all(np.isfinite(weight.data).all() for weight in weights):
        raise contradiction("ratios of its answers leave the floating-point range", noise)
    network = SparseReLUNetwork(weights)
    exact = method == "certified" and noise == 0
    residual = _residual(counter, network, graph, sides, rng, int(checks), exact)
    if tolerance is None:
        dtype = getattr(oracle, "dtype", np.float64)
        tolerance = float(np.sqrt(np.finfo(dtype).eps)) if exact else np.inf
    if not (np.isfinite(residual) and residual <= tolerance):
        raise contradiction(
            f"the recovered function is off by {residual:.1e} (relative), "
            f"the tolerance is {tolerance:.1e}",
            noise,
        )
    hidden = range(1, graph.n_layers)
    return DeepRecovery(
        network=network,
        queries=counter.queries,
        useful=tuple(first_seen[level] >= 0 for level in hidden),
        silent=tuple(certificate.silent[level] for level in hidden),
        zeros=tuple(_ends(graph, layer, zeros) for layer in range(graph.n_layers)),
        unresolved=tuple(unresolved[level] for level in hidden),
        first_seen=tuple(first_seen[level] for level in hidden),
        origins=tuple(origins),
        certificate=certificate,
        certified=exact,
        residual=residual,
        method=method,
    )


def _checked(oracle, supports, rng, method, points, patience, noise, tolerance, checks):
    """Return the graph, or raise with all the problems of the arguments."""
    CountingOracle(oracle)
    generator(rng)
    problems = []
    if method not in ("certified", "gaussian"):
        problems.append(f"method: expected 'certified' or 'gaussian', got {method!r}")
    problems += [] if points is None else integer_problems("points", points)
    problems += integer_problems("patience", patience) + integer_problems("checks", checks)
    if not (_is_number(noise) and np.isfinite(noise) and noise >= 0):
        problems.append(f"noise: expected a number, at least 0, got {noise!r}")
    if tolerance is not None and not (_is_number(tolerance) and tolerance > 0):
        problems.append(f"tolerance: expected a positive number, got {tolerance!r}")
    graph = Graph(supports)
    if 0 in (graph.widths[0], graph.widths[-1]):
        problems.append("supports: expected at least one input and one output")
    if graph.widths[0] != oracle.n_inputs:
        problems.append(
            f"supports: the first has {graph.widths[0]} columns, "
            f"the oracle {oracle.n_inputs} inputs"
        )
    if graph.widths[-1] != oracle.n_outputs:
        problems.append(
            f"supports: the last has {graph.widths[-1]} rows, the oracle {oracle.n_outputs} outputs"
        )
    if problems:
        raise ValueError("; ".join(problems))
    return graph


def _is_number(value):
    return isinstance(value, int | float | np.integer | np.floating)


def _residual(oracle, network, graph, sides, rng, checks, exact):
    """Compare the two functions at fresh points, half of them Gaussian."""
    points = rng.standard_normal((checks, graph.widths[0]))
    points[::2] = tropical_points(graph, len(points[::2]), rng=rng, budget=sides.bits / 3)
    if exact:  # noise has a size of its own
        points = np.ldexp(points, np.arange(checks)[:, None] // 2 * (sides.bits // 32))
    values = finite(oracle(points), (checks, graph.widths[-1]))
    size = np.abs(values).max(axis=1)
    with np.errstate(all="ignore"):  # infinity and nan pass no check
        errors = np.abs(network(points) - values).max(axis=1)
        return float(np.max(np.where(errors > 0, errors / np.where(size > 0, size, 1), 0)))


def _check_consistency(certificate, unresolved):
    """Raise where exact answers of a multitree network cannot lead."""
    if certificate.unconfirmed:
        raise contradiction("a neuron answers to a probe and no sketch shows it")
    for level, neurons in enumerate(unresolved):
        if len(neurons):
            raise contradiction(
                f"the inputs of neuron {neurons[0]} of level {level} are not seen together"
            )


def _ends(graph, layer, zeros):
    """List the ends of the edges of a layer that are marked."""
    marked = np.flatnonzero(zeros[graph.layer(layer)])
    return np.stack([graph.rows[layer][marked], graph.columns[layer][marked]], axis=1)
