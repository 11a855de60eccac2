r"""Finding every neuron that matters, and proving that the others do not.

The search goes from the outputs down. Each neuron that no point shows is probed through each of its
children that some point shows (`openblackbox.multitree.probes`). What fires is added to the bank;
what stays silent under all probes, with its child visible every time, is proved to have no effect.
"""

from dataclasses import dataclass, field

import numpy as np

from openblackbox.multitree.bank import ends
from openblackbox.multitree.probes import Job, Prober, tiny

__all__ = ["Certificate", "discover"]


@dataclass
class Certificate:
    """What was tested, level by level.

    Parameters
    ----------
    silent : list of numpy.ndarray of bool
        For every level 0 to L: the neurons probed through every useful child without an answer,
        and those with a useful child that no input reaches.
    pairs : list of int
        For every level, the pairs of a neuron and a child that were proved silent.
    probes : list of int
        For every level, the products asked.
    retries : list of int
        For every level, the pairs probed again with a smaller block, because a child was lost.
    unconfirmed : int
        Hits that a closer look did not confirm. 0 for an oracle that answers exactly.

    Notes
    -----
    Defined in the chapter Deep recovery.
    """

    silent: list
    pairs: list = field(default_factory=list)
    probes: list = field(default_factory=list)
    retries: list = field(default_factory=list)
    unconfirmed: int = 0

    @classmethod
    def empty(cls, graph):
        """Return the certificate before anything was tested."""
        zeros = [0] * (graph.n_layers + 1)
        silent = [np.zeros(width, dtype=bool) for width in graph.widths]
        return cls(silent, list(zeros), list(zeros), list(zeros))


def discover(oracle, bank, sides):
    """Add points to a bank until it shows every neuron that can matter.

    Parameters
    ----------
    oracle : Oracle
        The black box; only jvp is asked, besides the sketches.
    bank : openblackbox.multitree.bank.Bank
        The points so far. Points are added.
    sides : openblackbox.multitree.bank.FloatRange
        The exponents that the entries of a point may have.

    Returns
    -------
    Certificate
        What was tested.

    Raises
    ------
    RangeExhaustedError
        If a probe would need entries outside the range.

    Notes
    -----
    *Rounds.* For each block of inputs, the point of the bank that shows most of the children still
    to be used serves as context; all inputs of the block are probed there, with both signs. Pairs
    whose child the point does not show wait for the next round.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.bank import Bank, FloatRange
    >>> from openblackbox.multitree.reach import Graph
    >>> from openblackbox.multitree.sketch import Sketcher
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([np.eye(2), [[1.0, -2.0]], [[3.0]]])
    >>> graph = Graph(network.supports)
    >>> bank = Bank(Sketcher(network, graph, rng=np.random.default_rng(0)))
    >>> number = bank.add(np.array([1.0, -1.0]), ("example", 0))
    >>> bank.first_seen[1]
    array([ 0, -1])
    >>> certificate = discover(network, bank, FloatRange.of(network))
    >>> bank.first_seen[1], certificate.silent[1]
    (array([0, 1]), array([False, False]))
    """
    certificate = Certificate.empty(bank.graph)
    for level in range(bank.graph.n_layers - 1, 0, -1):
        _search(Prober(oracle, bank, sides, level), level, certificate)
    return certificate


def _search(prober, level, certificate):
    """Search one level: its unseen neurons, through their children that are seen."""
    bank, graph = prober.bank, prober.bank.graph
    parents, children = graph.columns[level], graph.rows[level]
    useful = (bank.first_seen[level + 1] >= 0) | prober.top
    silent = certificate.silent[level]
    todo = np.flatnonzero(
        useful[children] & (bank.first_seen[level] < 0)[parents] & (prober.blocks.of >= 0)[parents]
    )
    # Of a neuron that no input reaches, silence is known before any question.
    silent[parents[useful[children]]] = True
    gaps = np.full(len(parents), prober.sides.gap)
    while todo.size:
        jobs = _plan(prober, level, todo, gaps)
        certificate.probes[level] += prober.ask(jobs)
        _add_found(prober, level, jobs)
        seen = bank.first_seen[level] >= 0
        done = seen[parents]
        for job in jobs:
            hit = job.hits.any(axis=0)
            proved = ~hit & job.kept.all(axis=0)
            lost = job.pairs[~hit & ~proved]
            gaps[lost] *= 2
            false = hit & ~seen[parents[job.pairs]]
            certificate.retries[level] += lost.size
            certificate.unconfirmed += int(false.sum())
            certificate.pairs[level] += int((proved & ~seen[parents[job.pairs]]).sum())
            done[job.pairs[proved | false]] = True
            silent[parents[job.pairs[false]]] = False
        todo = todo[~done[todo]]
    silent &= bank.first_seen[level] < 0


def _plan(prober, level, todo, gaps):
    """For every block and wider block above it, take the point that shows most of the children."""
    graph = prober.bank.graph
    blocks = prober.blocks.of[graph.columns[level][todo]]
    wides = prober.wides.of[graph.rows[level][todo]]
    keys = np.stack([blocks, wides, -gaps[todo]])
    order = np.lexsort(keys)
    todo, keys = todo[order], keys[:, order]
    starts = np.flatnonzero(np.append(True, (np.diff(keys) != 0).any(axis=0)))
    ends = np.append(starts[1:], todo.size)
    points = np.full(starts.size, -1)
    if not prober.top:
        shown = prober.bank.shown(level + 1)[:, graph.rows[level][todo]]
        points = np.add.reduceat(shown, starts, axis=1, dtype=np.int32).argmax(axis=0)
    jobs = []
    for start, end, point in zip(starts, ends, points, strict=True):
        pairs = todo[start:end]
        if not prober.top:
            pairs = pairs[shown[point, start:end]]
        jobs.append(Job(int(point), keys[0, start], keys[1, start], pairs, int(gaps[pairs[0]])))
    return jobs


def _add_found(prober, level, jobs):
    """Add the points of a few probes that show everything that was hit."""
    parents, chosen = prober.bank.graph.columns[level], {}
    for job in jobs:
        hit = np.flatnonzero(job.hits.any(axis=0))
        found, where = np.unique(parents[job.pairs[hit]], return_inverse=True)
        shows = np.zeros((len(job.hits), found.size), dtype=bool)
        for column, neuron in zip(hit, where, strict=True):
            shows[:, neuron] |= job.hits[:, column]
        left = np.ones(found.size, dtype=bool)
        while left.any():
            number = int(shows[:, left].sum(axis=1).argmax())
            chosen.setdefault(job.point, []).append((job, number, found[shows[number]]))
            left &= ~shows[number]
    for probes in chosen.values():
        _add_together(prober, level, probes)


def _add_together(prober, level, waiting):
    """Add one point for probes of disjoint blocks; then what it does not show, one by one."""
    bank, origin = prober.bank, ("found", level)
    while waiting:
        used = np.zeros(bank.graph.widths[0], dtype=bool)
        taken, rest = [], []
        for probe in waiting:
            job = probe[0]
            members = prober.blocks.members(job.block)
            needed = members if prober.top else prober.wides.members(job.wide)
            if used[needed].any():
                rest.append(probe)
                continue
            used[needed] = True
            taken.append(probe)
        if len(taken) > 1:
            bank.add(_combined(prober, taken), origin)
        for job, number, found in taken:
            if (bank.first_seen[level][found] < 0).any():
                bank.add(prober.points(job, np.array([number]))[:, 0], origin)
        waiting = [probe for probe in rest if (bank.first_seen[level][probe[2]] < 0).any()]


def _combined(prober, probes):
    """Put the tiny inputs of probes of disjoint blocks, in one context, into one point."""
    x, _ = prober.context(probes[0][0])
    lows = [prober.context(job)[1] for job, _, _ in probes]
    for job, _, _ in probes:
        x[prober.blocks.members(job.block)] = 0
    exponent = prober.sides.shift(min(lows), ends(x)[1] if x.any() else max(lows))
    x = np.ldexp(x, exponent)
    for (job, number, _), low in zip(probes, lows, strict=True):
        x[prober.blocks.members(job.block)[number // 2]] = tiny(number, low + exponent)
    return x
