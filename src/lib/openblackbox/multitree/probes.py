r"""Probes: does a neuron that no point shows fire, and would we see it?

A *pair* is an edge from a neuron h of level m to a parent g. Its context is a point that shows g.
There the inputs X of h are set to 0, and then one of them, in turn, to a tiny number of either
sign. A derivative along that input, and at the same time along the other inputs of g, tells two
things at once: the input is heard when h fires, and the others are heard as long as g is visible.
"""

from dataclasses import dataclass, field

import numpy as np

from openblackbox.multitree.sketch import finite

__all__ = ["Job", "Prober"]

ENTRIES = 2**20
"""How many numbers a batch of points may hold."""


@dataclass
class Job:
    r"""Probes of one block of inputs, in the context of one point, for several pairs.

    Parameters
    ----------
    point : int
        The number of the point in the bank; -1 for the origin, where outputs need no context.
    block, wide : int
        The class of inputs X of the neurons h, and the class of inputs of their parents g.
    pairs : numpy.ndarray of int
        The edges, as numbers in their layer.
    ratio : float
        The size of the tiny inputs, relative to the smallest entry of the point.
    hits, kept : numpy.ndarray of bool, shape (2 |X|, number of pairs)
        Filled by `Prober.ask`: whether a probe fires h, and whether g still was visible when it
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
    ratio: float
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
    Defined in the chapter Deep recovery.
    """

    def __init__(self, oracle, bank, sides, level):
        """Look up the classes of the level."""
        self.oracle, self.bank, self.sides = oracle, bank, sides
        graph = bank.graph
        self.top = level + 1 == graph.n_layers
        self.parents = graph.rows[level]
        self.blocks, self.wides = graph.inputs[level], graph.inputs[level + 1]
        self.outputs = graph.outputs[level + 1]

    def context(self, job):
        """Return the point of a job with its block at 0, and the size of a tiny input."""
        if job.point < 0:
            return np.zeros(self.blocks.sets.shape[1]), 1.0
        x = self.bank.points[job.point].copy()
        x[self.blocks.members(job.block)] = 0
        return x, float(np.ldexp(job.ratio, int(np.frexp(np.abs(x[x != 0]).min())[1])))

    def points(self, job, numbers):
        """Return the points of some probes of a job, one a column."""
        x, small = self.context(job)
        members = self.blocks.members(job.block)
        x[members[0]] = small
        exponent = self.sides.shift(x)
        x[members[0]] = 0
        columns = np.repeat(np.ldexp(x, exponent)[:, None], len(numbers), axis=1)
        signs = np.where(numbers % 2, small, -small)
        columns[members[numbers // 2], np.arange(len(numbers))] = np.ldexp(signs, exponent)
        return columns

    def ask(self, jobs):
        """Ask all probes of all jobs, in batches, and fill their ``hits`` and ``kept``."""
        width = self.blocks.sets.shape[1]
        rows = max(1, ENTRIES // width)
        contexts, reaches = [], []
        for start in range(0, len(jobs), rows):
            part = jobs[start : start + rows]
            contexts += self._contexts(part)
        for job in jobs:
            count = 2 * self.blocks.members(job.block).size
            job.hits = np.zeros((count, job.pairs.size), dtype=bool)
            job.kept = np.zeros_like(job.hits)
            reaches.append(self._reach(job))
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
        return sum(len(job.hits) for job in jobs) + (0 if self.top else len(jobs))

    def _direction(self, job):
        """Return a direction along the inputs of the parents outside the block."""
        w = np.zeros(self.blocks.sets.shape[1])
        if not self.top:
            wide = self.wides.members(job.wide)
            w[wide] = self.bank.sketcher.v[wide]
            w[self.blocks.members(job.block)] = 0
        return w

    def _contexts(self, jobs):
        """Return the answers to the directions of the jobs while the blocks are at 0."""
        if self.top:
            return [0.0] * len(jobs)
        x = np.stack([self.sides.normalized(self.context(job)[0]) for job in jobs])
        answers = self.oracle.jvp(x, np.stack([self._direction(job) for job in jobs]))
        return list(np.abs(finite(answers)))

    def _ask_batch(self, jobs, part, contexts, reaches):
        """Ask some probes, given as (number of the job, numbers of the probes).

        Points are columns here, and the oracle gets a transposed view. An oracle that computes on
        columns needs no copy, and copies that transpose are slow for widths that are powers of two.
        """
        x, v = [], []
        for index, numbers in part:
            job = jobs[index]
            x.append(self.points(job, numbers))
            directions = np.repeat(self._direction(job)[:, None], len(numbers), axis=1)
            members = self.blocks.members(job.block)
            directions[members[numbers // 2], np.arange(len(numbers))] = self.sides.loud
            v.append(directions)
        x, v = np.concatenate(x, axis=1), np.concatenate(v, axis=1)
        answers = np.abs(finite(self.oracle.jvp(x.T, v.T))).T
        noise, first = self.bank.sketcher.noise, 0
        for index, numbers in part:
            job, context = jobs[index], contexts[index]
            outputs, starts = reaches[index]
            mine = answers[outputs, first : first + len(numbers)]
            first += len(numbers)
            before = context if self.top else context[outputs][:, None]
            loud = mine > 2 * before + noise
            job.hits[numbers] = np.logical_or.reduceat(loud, starts, axis=0).T
            same = True if self.top else (mine > before / 2) & (before > noise)
            job.kept[numbers] = np.logical_or.reduceat(~loud & same, starts, axis=0).T

    def _reach(self, job):
        """List the outputs of the parent of every pair in a row, and where each list starts."""
        parents = self.parents[job.pairs]
        lists = [self.outputs.members(index) for index in self.outputs.of[parents]]
        return np.concatenate(lists), np.cumsum([0] + [outputs.size for outputs in lists[:-1]])
