r"""Probes: does a neuron that no point shows fire, and would we see it?

A *pair* is an edge from a neuron h of level m to a child g. Its context is a point that shows g.
There the inputs X of h are set to 0, and then one of them, in turn, to a tiny number of either
sign. A derivative along that input, and at the same time along the other inputs of g, tells two
things at once: the input is heard when h fires, and the others are heard as long as g is visible.
The first direction is loud and the second quiet, so that the two are told apart by size.
"""

from dataclasses import dataclass, field

import numpy as np

from openblackbox.multitree.bank import ends
from openblackbox.multitree.sketch import DARK, contradiction, finite

__all__ = ["Job", "Prober", "tiny"]

ENTRIES = 2**19
"""How many numbers a batch of points may hold: they should fit into a processor's cache."""


@dataclass
class Job:
    r"""Probes of one block of inputs, in the context of one point, for several pairs.

    Parameters
    ----------
    point : int
        The number of the point in the bank; -1 for the origin, where outputs need no context.
    block, wide : int
        The class of inputs X of the neurons h, and the class of inputs of their children g.
    pairs : numpy.ndarray of int
        The edges, as numbers in their layer.
    gap : int
        How many binary orders of magnitude the tiny inputs are below the smallest entry of the
        point.
    hits, kept : numpy.ndarray of bool, shape (2 n, number of pairs)
        Filled by `Prober.ask`, n inputs: whether a probe fires h, and whether g was visible when it
        did not. Probes 2 j and 2 j + 1 set input j of the block to a negative and a positive
        number.

    Notes
    -----
    Defined in the chapter Deep recovery.
    """

    point: int
    block: int
    wide: int
    pairs: np.ndarray
    gap: int
    hits: np.ndarray = field(default=None, repr=False)
    kept: np.ndarray = field(default=None, repr=False)


class Prober:
    """Asks the probes of one level.

    Parameters
    ----------
    oracle : Oracle
        The black box; only jvp is asked.
    bank : openblackbox.multitree.bank.Bank
        The points that serve as contexts.
    sides : openblackbox.multitree.bank.FloatRange
        The exponents that the entries of a point may have.
    level : int
        The level of the neurons h, from 1 to L - 1.

    Notes
    -----
    *Loud and quiet.* An answer is A (s + q) at an output above g, where A is the product of the
    weights from g to the output, s is what comes from the input through h and q what comes from the
    others. A q is known: it was asked with the block at 0. The others are softened until A q is
    just above the smallest numbers, as far as the others then stay in the range. Then h fires when
    the answer is more than twice A q, and g is visible when it is A q. Silence is a proof where the
    softened A q, or the softening, is below the square root of the smallest number: what may be
    overlooked has a product of weights that small, or is that much smaller than q.

    Defined in the chapter Deep recovery.
    """

    def __init__(self, oracle, bank, sides, level):
        """Look up the classes of the level."""
        self.oracle, self.bank, self.sides = oracle, bank, sides
        graph = bank.graph
        self.top = level + 1 == graph.n_layers
        self.children, self.n_outputs = graph.rows[level], graph.widths[-1]
        self.blocks, self.wides = graph.inputs[level], graph.inputs[level + 1]
        self.outputs = graph.outputs[level + 1]

    def context(self, job):
        """Return the point of a job with its block at 0, and the exponent of a tiny input."""
        if job.point < 0:
            return np.zeros(self.blocks.sets.shape[1]), 1
        x = self.bank.points[job.point].copy()
        x[self.blocks.members(job.block)] = 0
        if not x.any():
            raise contradiction(DARK, self.bank.sketcher.noise)
        return x, ends(x)[0] + 1 - job.gap

    def points(self, job, numbers):
        """Return the points of some probes of a job, one a column."""
        x, low = self.context(job)
        members = self.blocks.members(job.block)
        exponent = self.sides.shift(low, ends(x)[1] if x.any() else low)
        columns = np.repeat(np.ldexp(x, exponent)[:, None], len(numbers), axis=1)
        columns[members[numbers // 2], np.arange(len(numbers))] = tiny(numbers, low + exponent)
        return columns

    def ask(self, jobs):
        """Ask all probes of all jobs, in batches, and fill their ``hits`` and ``kept``."""
        rows = max(1, ENTRIES // self.blocks.sets.shape[1])
        for start in range(0, len(jobs), rows):
            self._ask_some(jobs[start : start + rows], rows)
        return sum(len(job.hits) for job in jobs) + (0 if self.top else len(jobs))

    def _ask_some(self, jobs, rows):
        """Ask the probes of as many jobs as a batch may hold points, in batches."""
        reaches = [self._reach(job) for job in jobs]
        contexts = self._contexts(jobs, reaches)
        for job in jobs:
            count = 2 * self.blocks.members(job.block).size
            job.hits = np.zeros((count, job.pairs.size), dtype=bool)
            job.kept = np.zeros_like(job.hits)
        pieces = [
            (index, np.arange(first, min(first + rows, len(job.hits))))
            for index, job in enumerate(jobs)
            for first in range(0, len(job.hits), rows)
        ]
        while pieces:
            part, total = [], 0
            while pieces and (not part or total + len(pieces[0][1]) <= rows):
                part.append(pieces.pop(0))
                total += len(part[-1][1])
            self._ask_batch(jobs, part, contexts, reaches)

    def _direction(self, job):
        """Return a direction along the inputs of the children outside the block."""
        w = np.zeros(self.blocks.sets.shape[1])
        if not self.top:
            wide = self.wides.members(job.wide)
            w[wide] = self.bank.sketcher.v[wide]
            w[self.blocks.members(job.block)] = 0
        return w

    def _contexts(self, jobs, reaches):
        """Return quiet directions, the answers to them, and beside which answers silence counts."""
        if self.top:
            pairs = zip(jobs, reaches, strict=True)
            return [(self._direction(job), np.zeros(reach[0].size), np.inf) for job, reach in pairs]
        x = np.stack([self.sides.normalized(self.context(job)[0]) for job in jobs])
        directions = np.stack([self._direction(job) for job in jobs])
        answers = np.abs(finite(self.oracle.jvp(x, directions), (len(x), self.n_outputs)))
        contexts = []
        for direction, answer, (outputs, starts) in zip(directions, answers, reaches, strict=True):
            size, softer = answer[outputs].astype(float), 0
            heard = np.maximum.reduceat(size, starts)
            if self.bank.sketcher.noise == 0 and heard.any():
                softer = self.sides.softening(heard[heard > 0].min())
            far = self.bank.sketcher.noise > 0 or softer >= self.sides.bits // 2
            most = np.inf if far else self.sides.quiet
            contexts.append((np.ldexp(direction, -softer), np.ldexp(size, -softer), most))
        return contexts

    def _ask_batch(self, jobs, part, contexts, reaches):
        """Ask some probes, given as (number of the job, numbers of the probes).

        Points are columns here, and the oracle gets a transposed view. An oracle that computes on
        columns needs no copy, and copies that transpose are slow for widths that are powers of two.
        """
        x, v = [], []
        for index, numbers in part:
            job = jobs[index]
            x.append(self.points(job, numbers))
            directions = np.repeat(contexts[index][0][:, None], len(numbers), axis=1)
            members = self.blocks.members(job.block)
            directions[members[numbers // 2], np.arange(len(numbers))] = self.sides.loud
            v.append(directions)
        x, v = np.concatenate(x, axis=1), np.concatenate(v, axis=1)
        answers = np.abs(finite(self.oracle.jvp(x.T, v.T), (x.shape[1], self.n_outputs))).T
        noise, first = self.bank.sketcher.noise, 0
        least = noise if self.top or noise else self.sides.audible
        for index, numbers in part:
            job = jobs[index]
            outputs, starts = reaches[index]
            _, before, most = contexts[index]
            before = before[:, None]
            mine = answers[outputs, first : first + len(numbers)]
            first += len(numbers)
            loud = mine > 2 * before + least
            job.hits[numbers] = np.logical_or.reduceat(loud, starts, axis=0).T
            same = self.top | ((mine > before / 2) & (before > least) & (before <= most))
            job.kept[numbers] = np.logical_or.reduceat(~loud & same, starts, axis=0).T

    def _reach(self, job):
        """List the outputs of the child of every pair in a row, and where each list starts."""
        children = self.children[job.pairs]
        lists = [self.outputs.members(index) for index in self.outputs.of[children]]
        return np.concatenate(lists), np.cumsum([0] + [outputs.size for outputs in lists[:-1]])


def tiny(numbers, exponent):
    """Return the tiny inputs of some probes: negative for even numbers, positive for odd ones.

    Parameters
    ----------
    numbers : numpy.ndarray of int
        The numbers of the probes.
    exponent : int
        The binary exponent of the inputs, as `numpy.frexp` counts it.

    Returns
    -------
    numpy.ndarray
        The inputs.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> tiny(np.array([0, 1, 2]), -1)
    array([-0.25,  0.25, -0.25])
    """
    return np.ldexp(np.where(numbers % 2, 1, -1), exponent - 1)
