r"""Bringing all the inputs of a neuron into view at one point.

The row of a neuron is read, up to its scale, at a point that shows all of its edges. Where a parent
is missing, a tiny copy of a point that fires it is spliced in: the neuron stays on, and the parent
comes on.
"""

import numpy as np

from openblackbox.multitree.bank import ends
from openblackbox.multitree.sketch import DARK, contradiction

__all__ = ["main_points", "splice"]


def main_points(bank, level):
    """Return for every neuron of a level the first point that shows most of its edges, or -1.

    Parameters
    ----------
    bank : openblackbox.multitree.bank.Bank
        The points so far.
    level : int
        The level of the neurons, from 1 to L.

    Returns
    -------
    numpy.ndarray of int
        The numbers of the points.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.bank import Bank
    >>> from openblackbox.multitree.reach import Graph
    >>> from openblackbox.multitree.sketch import Sketcher
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([np.eye(2), [[1.0, -2.0]], [[3.0]]])
    >>> graph = Graph(network.supports)
    >>> bank = Bank(Sketcher(network, graph, rng=np.random.default_rng(0)))
    >>> number = bank.add(np.array([1.0, -1.0]), ("example", 0))
    >>> main_points(bank, 1), main_points(bank, 2)
    (array([ 0, -1]), array([0]))
    """
    if not len(bank):
        return np.full(bank.graph.widths[level], -1)
    counts = _counts(bank, level)
    return np.where(counts.max(axis=0) > 0, counts.argmax(axis=0), -1)


def splice(bank, sides):
    r"""Add points until each useful neuron is shown at one point with all of its useful parents.

    Parameters
    ----------
    bank : openblackbox.multitree.bank.Bank
        The points so far, after the discovery. Points are added.
    sides : openblackbox.multitree.bank.FloatRange
        The exponents that the entries of a point may have.

    Returns
    -------
    numpy.ndarray of bool, shape (number of edges,)
        The edges between useful neurons whose weight is proved to be 0.

    Raises
    ------
    ValueError
        If a neuron is visible where all of its inputs are 0.
    RangeExhaustedError
        If a splice would need entries outside the range.

    Notes
    -----
    Several neurons that read disjoint inputs share one point. What does not work together is
    repeated alone.

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
    >>> number = bank.add(np.array([5.0, 1.0]), ("example", 1))
    >>> number = bank.add(np.array([-1.0, 1.0]), ("example", 2))
    >>> splice(bank, FloatRange.of(network)).any(), main_points(bank, 2)
    (np.False_, array([1]))
    """
    for level in range(2, bank.graph.n_layers):
        alone = np.zeros(bank.graph.widths[level], dtype=bool)
        gaps = np.full(alone.size, sides.gap)
        zero = np.zeros(bank.graph.rows[level - 1].size, dtype=bool)  # filled as the level goes
        missing = _missing(bank, level, zero)
        while missing.size:
            tried = _splice_once(bank, sides, level, missing, alone, gaps, zero)
            missing = _missing(bank, level, zero)
            failed = tried[np.isin(tried, bank.graph.rows[level - 1][missing])]
            gaps[failed[alone[failed]]] *= 2
            alone[failed] = True
            # Beside any other input the range ends before: there is none, the piece is the point.
            if (gaps > 2 * sides.bits).any():
                raise contradiction(DARK, bank.sketcher.noise)
    return _zeros(bank)


def _zeros(bank):
    """Mark the edges between useful neurons that no point shows."""
    graph, zeros = bank.graph, ~bank.seen
    for level in range(1, graph.n_layers):
        useful = bank.first_seen[level] >= 0
        zeros[graph.layer(level - 1)] &= useful[graph.rows[level - 1]]
        zeros[graph.layer(level)] &= useful[graph.columns[level]]
    return zeros


def _counts(bank, level):
    """Return how many edges of each neuron of a level each point shows."""
    graph = bank.graph
    starts = graph.supports[level - 1].indptr[:-1]
    layer = graph.layer(level - 1)
    counts = np.zeros((len(bank), graph.widths[level]), dtype=np.int32)
    nonempty = np.flatnonzero(np.diff(graph.supports[level - 1].indptr))
    if nonempty.size:
        visible = np.stack([sketch.visible[layer] for sketch in bank.sketches])
        counts[:, nonempty] = np.add.reduceat(visible, starts[nonempty], axis=1, dtype=np.int32)
    return counts


def _missing(bank, level, zero):
    """List the edges still to be shown at the main point of their neuron; mark those proved 0.

    Where both ends of an edge are visible and the edge is not, its weight is 0.
    """
    graph = bank.graph
    rows, columns = graph.rows[level - 1], graph.columns[level - 1]
    visible = np.stack([sketch.visible[graph.layer(level - 1)] for sketch in bank.sketches])
    both = bank.shown(level)[:, rows] & bank.shown(level - 1)[:, columns]
    zero |= (both & ~visible).any(axis=0)
    main = main_points(bank, level)
    useful = (main[rows] >= 0) & (bank.first_seen[level - 1][columns] >= 0)
    shown = visible[np.maximum(main[rows], 0), np.arange(rows.size)]
    return np.flatnonzero(useful & ~zero & ~shown)


def _splice_once(bank, sides, level, missing, alone, gaps, zero):
    """Add one point for each main point (or lone neuron); return the neurons that were tried."""
    graph = bank.graph
    rows, columns = graph.rows[level - 1], graph.columns[level - 1]
    main = main_points(bank, level)
    inputs, below = graph.inputs[level], graph.inputs[level - 1]
    plans, tried = {}, []
    for neuron in np.unique(rows[missing]):
        key = (main[neuron], neuron if alone[neuron] else -1)
        if key not in plans:
            plans[key] = main[neuron], np.zeros(graph.widths[0], dtype=bool), [], []
        _, used, edges, pieces = plans[key]
        reads = inputs.members(inputs.of[neuron])
        if used[reads].any():
            continue
        used[reads] = True
        tried.append(neuron)
        floor = ends(bank.points[main[neuron]])[0]
        for edge in missing[rows[missing] == neuron]:
            parent = columns[edge]
            block = below.members(below.of[parent])
            piece = bank.points[bank.first_seen[level - 1][parent]][block]
            if not piece.any():
                raise contradiction(DARK, bank.sketcher.noise)
            # A power of two: the parent fires on the copy exactly as it did on the original.
            pieces.append((block, piece, floor - ends(piece)[1] - int(gaps[neuron])))
            edges.append(edge)
    for point, _, edges, pieces in plans.values():
        number = bank.add(_spliced(bank.points[point], pieces, sides), ("splice", level))
        # The parents are on: where the neuron is visible, an edge that is not has weight 0.
        visible = bank.sketches[number].visible[graph.layer(level - 1)]
        edges = np.array(edges)
        zero[edges[bank.shown(level)[number][rows[edges]] & ~visible[edges]]] = True
    return np.array(tried)


def _spliced(x, pieces, sides):
    """Return a point with some blocks replaced by pieces, each times a power of two."""
    x, limits = x.copy(), []
    for block, piece, exponent in pieces:
        x[block] = 0
        limits += [limit + exponent for limit in ends(piece)]
    limits += ends(x) if x.any() else []
    shift = sides.shift(min(limits), max(limits))
    x = np.ldexp(x, shift)
    for block, piece, exponent in pieces:
        x[block] = np.ldexp(piece, exponent + shift)
    return x
