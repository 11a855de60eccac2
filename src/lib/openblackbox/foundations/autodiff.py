r"""Reverse-mode differentiation: one backward sweep over the tape of a computation.

Nodes are numbered as they are made, so their numbers are a topological order of the graph. The
sweep goes through it once, from the loss to the inputs, and adds up what the consumers of a node
send. The nodes themselves are in `openblackbox.foundations.autodiff_graph`.
"""

import numpy as np

from openblackbox.foundations.autodiff_graph import Node, record

__all__ = ["Node", "gradient", "record", "tape", "vjp"]


def tape(output):
    r"""List the nodes that a node depends on, itself last, in the order in which they were made.

    Parameters
    ----------
    output : Node
        The node.

    Returns
    -------
    list of Node
        A topological order: parents come before the nodes computed from them.

    Notes
    -----
    No recursion, so that the depth of a graph has no limit.

    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, tape
    >>> a = Node(2.0)
    >>> tape(a * a + 1)
    [Node(value, 2.0), Node(multiply, 4.0), Node(value, 1.0), Node(add, 5.0)]
    """
    if not isinstance(output, Node):
        raise TypeError(f"output: expected a Node, got a {type(output).__name__}")
    found, stack = {output}, [output]
    while stack:
        fresh = set(stack.pop().parents) - found
        found |= fresh
        stack.extend(fresh)
    return sorted(found, key=lambda node: node.number)


def vjp(output, cotangent, nodes):
    r"""Multiply the transposed Jacobian of a node by a vector, in one backward sweep.

    Parameters
    ----------
    output : Node
        The node y.
    cotangent : array_like
        The vector u, of the shape of y.
    nodes : sequence of Node
        The nodes :math:`x_1, x_2, \dots` in which to differentiate: leaves or others.

    Returns
    -------
    list of numpy.ndarray
        :math:`(\partial y / \partial x_k)^\top u`, of the shape of each node; zeros where y does
        not depend on it.

    Raises
    ------
    TypeError
        If ``nodes`` is not a sequence of nodes.
    ValueError
        If the cotangent has another shape than y, or a derivative is not finite.

    Notes
    -----
    The nodes are visited from the last to the first, and the adjoint of a node is the **sum** of
    what all its consumers sent. At a kink, relu and max_pool follow a convention. Cost: at most a
    constant times the forward pass for the nodes of the chapter, where indexing is the exception.

    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, vjp
    >>> x = Node([1.0, 2.0])
    >>> vjp(x * x, [1.0, 10.0], [x])
    [array([ 2., 40.])]
    """
    if isinstance(nodes, Node) or not all(isinstance(node, Node) for node in nodes):
        raise TypeError("nodes: expected a sequence of nodes, such as [weights, bias]")
    order = tape(output)
    cotangent = Node(cotangent, name="cotangent").value
    if cotangent.shape != output.shape:
        raise ValueError(f"cotangent: expected shape {output.shape}, got {cotangent.shape}")
    kept, needed = set(nodes), set(nodes)
    for node in order:
        if not needed.isdisjoint(node.parents):
            needed.add(node)
    adjoints = {output: cotangent}
    with np.errstate(all="ignore"):
        for node in reversed(order):
            wanted = [parent in needed for parent in node.parents]
            if any(wanted):
                parts = node.pullback(adjoints[node], wanted)
                for parent, part in zip(node.parents, parts, strict=True):
                    if part is not None:
                        part = _sum_to(part, parent.shape, node.name)
                        known = adjoints.get(parent)
                        adjoints[parent] = part if known is None else known + part
                if node not in kept:
                    del adjoints[node]
    found = [np.array(adjoints.get(node, np.zeros(node.shape))) for node in nodes]
    if not all(np.isfinite(adjoint).all() for adjoint in found):
        raise ValueError("nodes: a derivative is not finite here, as that of a log or a root at 0")
    return found


def _sum_to(part, shape, name):
    """Sum an adjoint over the axes along which the value of its node was broadcast."""
    if part.shape == shape:
        return part
    total = part.sum(axis=tuple(range(part.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    if total.ndim == len(shape):
        total = total.sum(axis=stretched, keepdims=True)
    if total.shape != shape:
        raise ValueError(f"{name}: its pullback gave shape {part.shape} for a node of {shape}")
    return total


def gradient(loss, nodes):
    r"""Differentiate a scalar node in others, in one backward sweep.

    Parameters
    ----------
    loss : Node
        A node of shape ().
    nodes : sequence of Node
        The nodes in which to differentiate.

    Returns
    -------
    list of numpy.ndarray
        The gradients, of the shapes of the nodes.

    Raises
    ------
    ValueError
        If the loss is not a scalar, or a derivative is not finite.

    Notes
    -----
    `vjp` with the cotangent 1. Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, gradient
    >>> a = Node(2.0)
    >>> b, c = 2 * a, 3 * a
    >>> gradient(b * c, [a, b])
    [array(24.), array(6.)]
    """
    if isinstance(loss, Node) and loss.shape != ():
        raise ValueError(
            f"loss: expected a scalar node, got shape {loss.shape}; sum it, or use vjp"
        )
    return vjp(loss, 1.0, nodes)
