r"""Reading the weights, level by level, from the sketches of a bank of points.

An answer of a sketch is a product of the weights of one path, times a number common to all the
answers that end in the same place. Ratios of answers are ratios of weights.
"""

import numpy as np

from openblackbox.multitree.splice import main_points

__all__ = ["peel", "unread"]


def peel(bank):
    r"""Read the weights of all the useful neurons.

    Parameters
    ----------
    bank : openblackbox.multitree.bank.Bank
        Points and sketches.

    Returns
    -------
    list of scipy.sparse.csr_array
        The weights, first layer first. Rows of hidden neurons have norm 1, or are 0 where no point
        shows the neuron. Edges that the main point of a neuron does not show are 0.

    Notes
    -----
    *Below the cut.* At the main point t of a neuron h, the answer at an input i is the product of
    the weights from i to h times a number that does not depend on i: divided by the product of the
    weights already known, up to the parent c, it is W[h, c] up to one factor for the row.

    *Above the cut.* The answer at an output is the derivative of a neuron of the cut in the
    direction v, which the recovered layers give, times the weights of the path up to it. Parents
    are compared at one output. Of the several blocks under a parent, the one is taken whose
    derivative loses the fewest digits.

    The factor of a row has the sign that makes the neuron active at t. The weights into the outputs
    have no free factor.

    Every step is a product or a quotient, so the relative error of a weight is a few units of
    rounding, except for the cancellation in the derivatives at the cut.

    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.bank import Bank
    >>> from openblackbox.multitree.reach import Graph
    >>> from openblackbox.multitree.sketch import Sketcher
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[3.0, -4.0]], [[2.0]]])
    >>> bank = Bank(Sketcher(network, Graph(network.supports), rng=np.random.default_rng(0)))
    >>> number = bank.add(np.array([1.0, -1.0]), ("example", 0))
    >>> first, last = peel(bank)
    >>> first.toarray().round(3), last.toarray().round(3)
    (array([[ 0.6, -0.8]]), array([[10.]]))
    """
    graph = bank.graph
    state = _State(bank)
    for layer in range(graph.cut):
        state.below(layer)
    state.turn()
    for layer in range(graph.cut, graph.n_layers):
        state.above(layer)
    return [graph.matrix(layer, values) for layer, values in enumerate(state.weights)]


def unread(bank, weights):
    """List the neurons with an edge that some point shows, and whose weight was not read.

    Parameters
    ----------
    bank : openblackbox.multitree.bank.Bank
        Points and sketches.
    weights : list of scipy.sparse.csr_array
        What `peel` returned.

    Returns
    -------
    list of numpy.ndarray of int
        For the levels 0 to L. Empty where the answers are exact.

    Notes
    -----
    Defined in the chapter Deep recovery.

    Examples
    --------
    >>> from openblackbox.multitree.bank import Bank
    >>> from openblackbox.multitree.reach import Graph
    >>> from openblackbox.multitree.sketch import Sketcher
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[2.0]], [[-3.0]]])
    >>> bank = Bank(Sketcher(network, Graph(network.supports), rng=np.random.default_rng(0)))
    >>> number = bank.add(np.array([1.0]), ("example", 0))
    >>> weights = peel(bank)
    >>> [weight.toarray().item() for weight in weights]
    [1.0, -6.0]
    >>> [len(rows) for rows in unread(bank, weights)]
    [0, 0, 0]
    """
    graph, lists = bank.graph, [np.zeros(0, dtype=np.int64)]
    for layer, weight in enumerate(weights):
        seen = bank.seen[graph.layer(layer)]
        lists.append(np.unique(graph.rows[layer][seen & (weight.data == 0)]))
    return lists


class _State:
    """What is known while the layers are read: weights, and the answers divided by them."""

    def __init__(self, bank):
        self.bank, self.graph = bank, bank.graph
        sketcher, sketches = bank.sketcher, bank.sketches
        self.weights = []
        self.y = np.array(bank.points)
        self.tangent = np.broadcast_to(sketcher.v, self.y.shape)
        self.size = np.abs(self.tangent)  # the same sums without cancellation
        self.tables = dict(sketcher.up), dict(sketcher.down)
        self.point = np.repeat(np.arange(len(bank)), [s.inputs.size for s in sketches])
        self.node = np.concatenate([s.inputs for s in sketches])
        self.group = np.concatenate([s.groups for s in sketches])
        self.value = np.concatenate([s.values for s in sketches])

    def below(self, layer):
        """Read a layer below the cut, from the answers at the inputs."""
        graph = self.graph
        edge = self.tables[0][layer][self.node, self.group].astype(np.int64)
        neuron = graph.rows[layer][edge]
        weights = np.zeros(graph.columns[layer].size)
        if layer + 1 == graph.n_layers:  # the cut is at the outputs
            u = self.bank.sketcher.u[neuron]
            _, first = np.unique(edge, return_index=True)
            weights[edge[first]] = self.value[first] / u[first]
        else:
            main = main_points(self.bank, layer + 1)
            mine = np.flatnonzero(self.point == main[neuron])
            group = np.full(graph.widths[layer + 1], -1)
            group[neuron[mine[::-1]]] = self.group[mine[::-1]]  # the first group of each
            mine = mine[self.group[mine] == group[neuron[mine]]]
            weights[edge[mine]] = self.value[mine]
            weights = self._unit(layer, weights, main)
        self._advance(layer, weights)
        # One answer is kept for each point, neuron and group: the one under the largest weight.
        known = np.flatnonzero(weights[edge] != 0)
        order = known[np.argsort(-np.abs(weights[edge[known]]), kind="stable")]
        keys = (self.point * graph.widths[layer + 1] + neuron) * len(
            graph.outputs[graph.cut]
        ) + self.group
        _, first = np.unique(keys[order], return_index=True)
        kept = order[first]
        self.point, self.group = self.point[kept], self.group[kept]
        self.value = self.value[kept] / weights[edge[kept]]
        self.node = neuron[kept]

    def turn(self):
        """Pass from the answers at the inputs to those at the outputs, with their paths."""
        graph, sketches = self.graph, self.bank.sketches
        self.point = np.repeat(np.arange(len(sketches)), [s.outputs.size for s in sketches])
        self.output = np.concatenate([s.outputs for s in sketches])
        self.value = np.concatenate([s.responses for s in sketches])
        block = np.concatenate([s.blocks for s in sketches])
        self.edges, node = {}, self.output
        for layer in range(graph.n_layers - 1, graph.cut - 1, -1):
            self.edges[layer] = self.tables[1][layer][node, block].astype(np.int64)
            node = graph.columns[layer][self.edges[layer]]
        if self.edges:
            tangent, size = self.tangent[self.point, node], self.size[self.point, node]
            # By rounding, a neuron may be off here that was barely on for the oracle.
            on = tangent != 0
            self.value, self.digits = self.value[on] / tangent[on], np.abs(tangent[on]) / size[on]
            self.point, self.output = self.point[on], self.output[on]
            self.edges = {layer: edge[on] for layer, edge in self.edges.items()}

    def above(self, layer):
        """Read a layer above the cut, from the answers at the outputs."""
        graph, edge = self.graph, self.edges[layer]
        neuron = graph.rows[layer][edge]
        weights = np.zeros(graph.columns[layer].size)
        last = layer + 1 == graph.n_layers
        if last:
            mine = np.arange(edge.size)
        else:
            main = main_points(self.bank, layer + 1)
            mine = np.flatnonzero(self.point == main[neuron])
            output = np.full(graph.widths[layer + 1], -1)
            output[neuron[mine[::-1]]] = self.output[mine[::-1]]
            mine = mine[self.output[mine] == output[neuron[mine]]]
        mine = mine[np.argsort(-self.digits[mine], kind="stable")]
        _, first = np.unique(edge[mine], return_index=True)
        weights[edge[mine[first]]] = self.value[mine[first]]
        if not last:
            weights = self._unit(layer, weights, main)
            self._advance(layer, weights)
            kept = np.flatnonzero(weights[edge] != 0)
            self.value = self.value[kept] / weights[edge[kept]]
            self.point, self.output, self.digits = (
                array[kept] for array in (self.point, self.output, self.digits)
            )
            self.edges = {number: array[kept] for number, array in self.edges.items()}
        else:
            self.weights.append(weights)

    def _unit(self, layer, weights, main):
        """Scale rows to norm 1, with the sign that makes each neuron active at its main point."""
        graph = self.graph
        rows, columns = graph.rows[layer], graph.columns[layer]
        size = np.zeros(graph.widths[layer + 1])
        np.maximum.at(size, rows, np.abs(weights))
        weights = weights / np.where(size > 0, size, 1)[rows]
        norms = np.sqrt(np.bincount(rows, weights**2, minlength=size.size))
        inputs = self.y[np.maximum(main[rows], 0), columns]
        z = np.bincount(rows, weights * inputs, minlength=size.size)
        scale = np.where(norms > 0, np.where(z < 0, -norms, norms), 1)
        return weights / scale[rows]

    def _advance(self, layer, weights):
        """Push the points, and the direction v, through a layer that is known now."""
        self.weights.append(weights)
        if layer >= self.graph.cut and layer + 2 >= self.graph.n_layers:
            return
        matrix = self.graph.matrix(layer, weights)
        z = (matrix @ self.y.T).T
        self.y = np.maximum(z, 0)
        if layer < self.graph.cut:
            self.tangent = (matrix @ self.tangent.T).T * (z > 0)
            self.size = (abs(matrix) @ self.size.T).T * (z > 0)
