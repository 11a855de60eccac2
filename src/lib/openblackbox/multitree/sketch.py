r"""What a few products with the derivative show of a multitree network at one point.

A path is *visible* at x when its weights are nonzero and its hidden neurons active. A sketch lists
the visible edges, and numbers from which `openblackbox.multitree.peel` reads the weights.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

__all__ = ["DARK", "Sketch", "Sketcher", "contradiction", "finite"]

DARK = "a neuron is visible where all of its inputs are 0"
"""What no network without biases shows."""


@dataclass(frozen=True)
class Sketch:
    r"""What one point shows.

    Parameters
    ----------
    visible : numpy.ndarray of bool, shape (number of edges,)
        The edges on a visible path from an input to an output.
    inputs, groups, values : numpy.ndarray
        The nonzero answers below the cut: ``values`` is :math:`(Df(x)^\top u_Y)_i` for the input i
        and the class Y (a group of outputs).
    outputs, blocks, responses : numpy.ndarray
        The nonzero answers above the cut: ``responses`` is :math:`(Df(x) v_X)_o` for the output o
        and the class X (a block of inputs).

    Notes
    -----
    Defined in the chapter Deep recovery.
    """

    visible: np.ndarray
    inputs: np.ndarray
    groups: np.ndarray
    values: np.ndarray
    outputs: np.ndarray
    blocks: np.ndarray
    responses: np.ndarray


class Sketcher:
    r"""Asks an oracle, at any point, for products with a fixed set of directions.

    .. math::

       Df(x)\, v_X, \quad X \text{ a set of inputs of neurons of level } k, \qquad
       Df(x)^\top u_Y, \quad Y \text{ a set of their outputs,}

    where :math:`v_X` and :math:`u_Y` are two Gaussian vectors restricted to the sets.

    Parameters
    ----------
    oracle : Oracle
        The black box; only jvp and vjp are asked.
    graph : openblackbox.multitree.reach.Graph
        The multitree.
    rng : numpy.random.Generator
        Draws the two Gaussian vectors, once.
    noise : float
        Size up to which an answer counts as 0.

    Notes
    -----
    The inputs of the neurons of one class X are the same, so no output is reached by two of them:
    the answer at an output belongs to one path from the level k upwards. It is not zero, almost
    surely, exactly when that path is visible, continued downwards by some visible path. Groups of
    outputs show the edges below the level in the same way. The level k is the one with the fewest
    classes: :math:`2 \sqrt N` products for a dyadic butterfly of even depth, where a Jacobian takes
    N.

    Defined in the chapter Deep recovery.
    """

    def __init__(self, oracle, graph, *, rng, noise=0.0):
        """Draw the directions and tabulate the paths."""
        self.oracle, self.graph, self.noise = oracle, graph, noise
        self.v = rng.standard_normal(graph.widths[0])
        self.u = rng.standard_normal(graph.widths[-1])
        # Directions are stored as columns, for oracles that compute on columns.
        self._blocks = self._groups = None
        if graph.cut < graph.n_layers and len(graph.inputs[graph.cut]):
            self._blocks = (graph.inputs[graph.cut].sets.T.toarray() * self.v[:, None]).T
        if graph.cut > 0 and len(graph.outputs[graph.cut]):
            self._groups = (graph.outputs[graph.cut].sets.T.toarray() * self.u[:, None]).T
        self.down, self.up = _tables(graph)
        self._known = [tables[0][1] >= 0 if tables else None for tables in (self.up, self.down)]

    @property
    def products(self):
        """The number of products one sketch asks for."""
        return sum(len(d) for d in (self._blocks, self._groups) if d is not None)

    def __call__(self, x):
        """Return the `Sketch` of one point."""
        graph = self.graph
        visible = np.zeros(graph.n_edges, dtype=bool)
        nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
        below = above = nothing
        if self._groups is not None:
            below = self._nonzero(self.oracle.vjp, x, self._groups, self._known[0])
            self._mark(visible, *below[:2], self.up, graph.rows)
        if self._blocks is not None:
            above = self._nonzero(self.oracle.jvp, x, self._blocks, self._known[1])
            self._mark(visible, *above[:2], self.down, graph.columns)
        return Sketch(visible, *below, *above)

    def _nonzero(self, ask, x, directions, known):
        """Ask, and list the answers that are not 0 and belong to one path, with their positions.

        In an irregular graph an input that no neuron of class Y sees may have other paths to some
        of the outputs of Y: such an answer is a sum of several paths.
        """
        answers = finite(ask(x, directions), known.shape[::-1]).T
        position, direction = np.nonzero((np.abs(answers) > self.noise) & known)
        return position, direction, answers[position, direction]

    def _mark(self, visible, position, direction, tables, ends):
        """Follow the path of every pair up to the cut, and mark its edges."""
        for layer, table in tables:
            edge = table[position, direction]
            marked = np.zeros(len(ends[layer]), dtype=bool)
            marked[edge] = True
            visible[self.graph.layer(layer)] |= marked
            # Paths meet on their way: each pair is followed once.
            follow = np.zeros((ends[layer].max(initial=0) + 1, table.shape[1]), dtype=bool)
            follow[ends[layer][edge], direction] = True
            position, direction = np.nonzero(follow)


def finite(answers, shape):
    """Return the answers of an oracle as an array, or raise when they are not what was asked for.

    Parameters
    ----------
    answers : array_like
        Products with a derivative.
    shape : tuple of int
        The shape that they must have.

    Returns
    -------
    numpy.ndarray
        The same numbers.

    Raises
    ------
    ValueError
        If the shape is another, or a number is NaN or infinite.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> finite([1, 2], (2,))
    array([1, 2])
    """
    answers = np.asarray(answers)
    if answers.shape != shape:
        raise ValueError(f"oracle: expected an answer of shape {shape}, got {answers.shape}")
    if not np.isfinite(answers).all():
        raise ValueError("oracle: expected finite answers, got nan or infinity")
    return answers


def contradiction(what, noise=0.0):
    """Return the error to raise when answers cannot come from a network of the assumed kind.

    Parameters
    ----------
    what : str
        What was found.
    noise : float
        Size up to which an answer counted as 0. Where it is positive, a multitree network leads
        here too, if errors are larger, or answers smaller, than that.

    Returns
    -------
    ValueError
        The error.

    Notes
    -----
    Rounding alone leads here only where products of weights leave the floating range.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> error = contradiction("a number is odd and even")
    >>> str(error).split(";")[0]
    'oracle: not a bias-free network with these supports, a number is odd and even'
    """
    kind, noisy = "oracle: not a bias-free network with these supports", "if answers carry errors"
    if noise > 0:
        kind += f", or noise = {noise:.1e} does not part its zeros from its other answers"
        noisy = "between the two"
    return ValueError(
        f"{kind}, {what}; check the supports, give a noise {noisy}, or use recover_nearby "
        f"for a network that is only close to one"
    )


def _tables(graph):
    """For every layer, the edge on the only path to a class of neurons of the cut, or -1.

    Above the cut, a table holds for a neuron and a class X the edge down to the parent over X.
    Below, for a neuron and a class Y the edge up to the child above which Y lies.
    """

    def start(classes):
        neurons = np.flatnonzero(classes.of >= 0)
        ones = np.ones(neurons.size, dtype=np.int64)
        shape = (classes.of.size, len(classes))
        return sp.csr_array((ones, (neurons, classes.of[neurons])), shape=shape)

    def grow(matrices, reach):
        tables = []
        for layer, matrix in matrices:
            edges = sp.csr_array(matrix @ reach)
            table = np.full(edges.shape, -1, dtype=np.int32)
            table[np.repeat(np.arange(edges.shape[0]), np.diff(edges.indptr)), edges.indices] = (
                edges.data - 1
            )
            tables.append((layer, table))
            reach = sp.csr_array(
                (np.ones_like(edges.data), edges.indices, edges.indptr), shape=edges.shape
            )
        return tables[::-1]

    above = [(layer, graph.numbered(layer)) for layer in range(graph.cut, graph.n_layers)]
    below = [(layer, graph.numbered(layer).T.tocsr()) for layer in range(graph.cut - 1, -1, -1)]
    return grow(above, start(graph.inputs[graph.cut])), grow(below, start(graph.outputs[graph.cut]))
