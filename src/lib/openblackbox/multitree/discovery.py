r"""Finding every neuron that matters, and proving that the others do not.

A neuron h that no point of the bank shows is tested through a parent g that some point shows. There
the inputs of h are replaced by one tiny input: g stays visible through its other children, and if
h can fire at all, one of these inputs fires it.
"""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Certificate", "discover"]

ENTRIES = 2**21
"""How many numbers a batch of points may hold."""


@dataclass
class Certificate:
    """What was tested, level by level.

    Parameters
    ----------
    silent : list of numpy.ndarray of bool
        For every level 0 to L: the neurons tested through every useful parent without an answer.
    pairs, probes, retries : list of int
        For every level: pairs of a neuron and a parent proved silent, probes asked, probes
        repeated with a smaller block.

    Notes
    -----
    Defined in the chapter Deep recovery.
    """

    silent: list
    pairs: list = field(default_factory=list)
    probes: list = field(default_factory=list)
    retries: list = field(default_factory=list)

    @classmethod
    def empty(cls, graph):
        """Return the certificate before anything was tested."""
        zeros = [0] * (graph.n_layers + 1)
        silent = [np.zeros(width, dtype=bool) for width in graph.widths]
        return cls(silent, list(zeros), list(zeros), list(zeros))


@dataclass
class _Job:
    """Probes of one block of inputs, in the context of one point, for some pairs (h, g)."""

    point: int
    block: int
    wide: int
    pairs: np.ndarray
    ratio: float
    hits: np.ndarray = None
    kept: np.ndarray = None
    reach: np.ndarray = None
    starts: np.ndarray = None
    context: np.ndarray = None


def discover(oracle, bank, sides, *, rng):
    """Add points to a bank until it shows every neuron that can matter; return the certificate.

    Parameters
    ----------
    oracle : Oracle
        The black box; only jvp is asked, besides the sketches.
    bank : openblackbox.multitree.bank.Bank
        The points so far. Points are added.
    sides : openblackbox.multitree.bank.FloatRange
        The exponents that the entries of a point may have.
    rng : numpy.random.Generator
        Draws the directions that check a context.

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
    Defined in the chapter Deep recovery.
    """
    graph = bank.graph
    certificate = Certificate.empty(graph)
    for level in range(graph.n_layers - 1, 0, -1):
        _Level(oracle, bank, sides, rng, level, certificate).run()
    return certificate


class _Level:
    """The search of one level: its unseen neurons, through their parents that are seen."""

    def __init__(self, oracle, bank, sides, rng, level, certificate):
        self.oracle, self.bank, self.sides, self.rng = oracle, bank, sides, rng
        self.graph, self.level, self.certificate = bank.graph, level, certificate
        self.children = self.graph.columns[level]
        self.parents = self.graph.rows[level]
        self.block_of = self.graph.inputs[level].of
        self.wide_of = self.graph.inputs[level + 1].of
        self.top = level + 1 == self.graph.n_layers
        self.noise = bank.sketcher.noise

    def run(self):
        seen = self.bank.first_seen[self.level] >= 0
        useful = (self.bank.first_seen[self.level + 1] >= 0) | self.top
        reached = self.block_of >= 0
        todo = np.flatnonzero(useful[self.parents] & ~seen[self.children] & reached[self.children])
        self.certificate.silent[self.level][self.children[todo]] = True
        ratios = np.full(len(self.children), self.sides.small)
        while todo.size:
            jobs = self._jobs(todo, ratios)
            for job in jobs:
                job.hits = np.zeros((2 * self._size(job), job.pairs.size), dtype=bool)
                job.kept = np.ones_like(job.hits)
            self._ask(jobs)
            self._add_found(jobs)
            done = np.zeros(len(self.children), dtype=bool)
            for job in jobs:
                silent = ~job.hits.any(axis=0)
                proved = silent & job.kept.all(axis=0)
                done[job.pairs[proved]] = True
                lost = job.pairs[silent & ~proved]
                ratios[lost] = ratios[lost] ** 2
                self.certificate.retries[self.level] += lost.size
            seen = self.bank.first_seen[self.level] >= 0
            self.certificate.silent[self.level] &= ~seen
            self.certificate.pairs[self.level] += int((done & ~seen[self.children]).sum())
            todo = todo[~done[todo] & ~seen[self.children[todo]]]

    def _size(self, job):
        return len(self.graph.inputs[self.level].members(job.block))

    def _jobs(self, todo, ratios):
        """For every block and wider block above it, the point that shows most of the parents."""
        blocks, wides = self.block_of[self.children[todo]], self.wide_of[self.parents[todo]]
        keys = np.stack([blocks, wides, np.log2(ratios[todo]).astype(int)])
        order = np.lexsort(keys)
        todo, keys = todo[order], keys[:, order]
        starts = np.flatnonzero(np.r_[True, (np.diff(keys) != 0).any(axis=0)])
        ends = np.r_[starts[1:], todo.size]
        if self.top:
            points = np.full(starts.size, -1)
        else:
            shown = self.bank.shown(self.level + 1)[:, self.parents[todo]]
            counts = np.add.reduceat(shown.astype(np.int32), starts, axis=1)
            points = counts.argmax(axis=0)
        jobs = []
        for start, end, point in zip(starts, ends, points, strict=True):
            pairs = todo[start:end]
            if not self.top:
                pairs = pairs[shown[point, start:end]]
            jobs.append(_Job(point, keys[0, start], keys[1, start], pairs, ratios[pairs[0]]))
        return jobs

    def _context(self, job):
        """Return the point of a job without its block, and the size of what will replace it."""
        members = self.graph.inputs[self.level].members(job.block)
        if job.point < 0:
            return np.zeros(self.graph.widths[0]), members, 1.0
        x = self.bank.points[job.point].copy()
        x[members] = 0
        small = float(np.ldexp(job.ratio, int(np.frexp(np.abs(x[x != 0]).min())[1])))
        return x, members, small

    def _probe(self, job, number):
        """Return the point of one probe."""
        x, members, small = self._context(job)
        x[members[number // 2]] = small if number % 2 else -small
        return self.sides.normalized(x)

    def _ask(self, jobs):
        """Ask about all probes of all jobs, in batches, after one question about every context."""
        width = self.graph.widths[0]
        rows = max(1, ENTRIES // width)
        if not self.top:
            for start in range(0, len(jobs), rows):
                part = jobs[start : start + rows]
                x, w = np.zeros((len(part), width)), np.zeros((len(part), width))
                for row, job in enumerate(part):
                    x[row] = self.sides.normalized(self._context(job)[0])
                    members = self.graph.inputs[self.level].members(job.block)
                    wide = self.graph.inputs[self.level + 1].members(job.wide)
                    w[row, wide] = self.bank.sketcher.v[wide]
                    w[row, members] = 0
                for job, answers in zip(part, np.abs(self.oracle.jvp(x, w)), strict=True):
                    job.context = answers
        queue = [(job, number) for job in jobs for number in range(len(job.hits))]
        self.certificate.probes[self.level] += len(queue)
        for start in range(0, len(queue), rows):
            part = queue[start : start + rows]
            x, v = np.zeros((len(part), width)), np.zeros((len(part), width))
            for row, (job, number) in enumerate(part):
                x[row] = self._probe(job, number)
                members = self.graph.inputs[self.level].members(job.block)
                if not self.top:
                    wide = self.graph.inputs[self.level + 1].members(job.wide)
                    v[row, wide] = self.bank.sketcher.v[wide]
                    v[row, members] = 0
                v[row, members[number // 2]] = self.sides.loud
            answers = np.abs(self.oracle.jvp(x, v))
            for row, (job, number) in enumerate(part):
                context = 0 if self.top else job.context
                job.hits[number] = self._at_parents(answers[row] > 2 * context + self.noise, job)
                if not self.top:
                    kept = (answers[row] > context / 2) & (context > self.noise)
                    job.kept[number] = self._at_parents(kept, job)

    def _at_parents(self, answers, job):
        """Tell for every pair whether an output of its parent answers."""
        parents = self.parents[job.pairs]
        if self.top:
            return answers[parents]
        classes = self.graph.outputs[self.level + 1]
        of = classes.of[parents]
        if job.reach is None:
            reach = [classes.members(index) for index in of]
            job.starts = np.cumsum([0] + [outputs.size for outputs in reach])[:-1]
            job.reach = np.concatenate(reach)
        return np.logical_or.reduceat(answers[job.reach], job.starts)

    def _add_found(self, jobs):
        """Add the points of a few probes that show everything that was hit."""
        chosen = {}
        for job in jobs:
            found = np.unique(self.children[job.pairs[job.hits.any(axis=0)]])
            shows = (
                np.stack(
                    [job.hits[:, self.children[job.pairs] == h].any(axis=1) for h in found], axis=1
                )
                if found.size
                else None
            )
            left = np.ones(found.size, dtype=bool)
            while left.any():
                number = int(shows[:, left].sum(axis=1).argmax())
                chosen.setdefault(job.point, []).append((job, number, found[shows[number]]))
                left &= ~shows[number]
        for point, probes in chosen.items():
            self._add_together(point, probes)

    def _add_together(self, point, probes):
        """Add one point for probes of different blocks; then what it does not show, one by one."""
        waiting = list(probes)
        while waiting:
            used, taken, rest, x = np.zeros(self.graph.widths[0], dtype=bool), [], [], None
            for job, number, found in waiting:
                members = self.graph.inputs[self.level].members(job.block)
                wide = members if self.top else self.graph.inputs[self.level + 1].members(job.wide)
                if used[wide].any():
                    rest.append((job, number, found))
                    continue
                used[wide] = True
                context, _, small = self._context(job)
                if x is None:
                    x = context
                else:
                    x[members] = 0
                x[members[number // 2]] = small if number % 2 else -small
                taken.append((job, number, found))
            if len(taken) > 1:
                self.bank.add(self.sides.normalized(x), ("found", self.level))
            seen = self.bank.first_seen[self.level] >= 0
            for job, number, found in taken:
                if not seen[found].all():
                    self.bank.add(self._probe(job, number), ("found", self.level))
                    seen = self.bank.first_seen[self.level] >= 0
            waiting = [w for w in rest if not seen[w[2]].all()]
