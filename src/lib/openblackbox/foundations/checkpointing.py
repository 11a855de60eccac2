r"""Memory for time: recompute activations in the backward sweep, and count what is stored."""

import weakref
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer
from openblackbox.foundations import autodiff_graph
from openblackbox.foundations.autodiff import Node, tape, vjp
from openblackbox.foundations.autodiff_graph import as_node

__all__ = ["Memory", "chain", "checkpoint", "measure_memory", "stored_bytes"]


def checkpoint(function, x, *parameters):
    r"""Compute a function and forget its activations; the backward sweep computes them again.

    Parameters
    ----------
    function : callable
        Maps nodes (x, parameters) to a node. It must give the same value when it is run again, and
        read no other node.
    x : Node or array_like
        What goes in.
    *parameters : Node or array_like
        All other nodes that the function reads. One parameter may serve several checkpoints, or
        one checkpoint several times: its adjoints are added.

    Returns
    -------
    Node
        The value of the function. Its parents are x and the parameters.

    Raises
    ------
    TypeError
        If the function does not return a node.
    ValueError
        If the function reads a node that it was not given, whose gradient would be lost; or, in
        the backward sweep, if it gives another value than before.

    Notes
    -----
    One more evaluation of the function, in the backward sweep. Checkpoints can be nested.

    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, gradient
    >>> from openblackbox.foundations.checkpointing import checkpoint
    >>> x, weight = Node(2.0), Node(3.0)
    >>> y = x
    >>> for _ in range(3):
    ...     y = checkpoint(lambda y, weight: weight * y, y, weight)
    >>> y, gradient(y, [x, weight])  # w^3 x, its derivatives w^3 and 3 w^2 x
    (Node(checkpoint, 54.0), [array(27.), array(54.)])
    """
    inputs = [as_node(entry) for entry in (x, *parameters)]

    def run():
        leaves = [Node(entry.value) for entry in inputs]
        output = function(*leaves)
        if not isinstance(output, Node):
            raise TypeError(f"function: expected to return a Node, got {type(output).__name__}")
        if any(node.number < leaves[0].number for node in tape(output)):
            raise ValueError("function: it reads a node that is not among x and the parameters")
        return leaves, output

    value = run()[1].value

    def pullback(adjoint, needed):
        leaves, output = run()
        if not np.array_equal(output.value, value):
            raise ValueError("function: it gave another value when it was run again")
        wanted = [leaf for leaf, need in zip(leaves, needed, strict=True) if need]
        found = iter(vjp(output, adjoint, wanted))
        return [next(found) if need else None for need in needed]

    return Node(value, parents=inputs, pullback=pullback, name="checkpoint")


def chain(layer, x, parameters, *, segment=None):
    r"""Apply a layer once for each parameter, with a checkpoint after every few layers.

    Parameters
    ----------
    layer : callable
        Maps a node and a parameter to a node.
    x : Node or array_like
        What goes into the first layer.
    parameters : sequence of Node
        One for each layer, in order; the same node may occur several times.
    segment : int, optional
        The number of layers between two checkpoints; without it everything is stored.

    Returns
    -------
    Node
        What comes out of the last layer.

    Raises
    ------
    ValueError
        If ``segment`` is not a positive integer.

    Notes
    -----
    With L layers that store a bytes each, of which c are the output, the activations take a L
    bytes at most, or c L / s + a s with checkpoints every s layers (s a divisor of L).

    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, gradient
    >>> from openblackbox.foundations.checkpointing import chain
    >>> w = Node(3.0)
    >>> y = chain(lambda y, w: w * y, 1.0, [w] * 4, segment=2)
    >>> y, gradient(y, [w])
    (Node(checkpoint, 81.0), [array(108.)])
    """

    def apply(y, *parameters):
        for parameter in parameters:
            y = layer(y, parameter)
        return y

    y, parameters = as_node(x), list(parameters)
    if segment is None:
        return apply(y, *parameters)
    segment = integer("segment", segment)
    for start in range(0, len(parameters), segment):
        y = checkpoint(apply, y, *parameters[start : start + segment])
    return y


def _buffer(array):
    """Return the array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _own_buffer(node):
    """Return the memory that a node added to that of its parents; None for leaves and views."""
    buffer = _buffer(node.value)
    if not node.parents or any(buffer is _buffer(parent.value) for parent in node.parents):
        return None
    return buffer


def stored_bytes(output):
    r"""Count the bytes of the activations that a graph keeps for the backward sweep.

    Parameters
    ----------
    output : Node
        The last node of the graph.

    Returns
    -------
    int
        The bytes of the values of all nodes that `output` depends on, leaves excluded. What views
        share is counted once.

    Notes
    -----
    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.foundations.autodiff import Node
    >>> from openblackbox.foundations.checkpointing import stored_bytes
    >>> x = Node(np.ones((10, 10)))
    >>> stored_bytes((x * x).T @ x)  # two matrices of 800 bytes
    1600
    """
    buffers = [_own_buffer(node) for node in tape(output)]
    return sum({id(entry): entry.nbytes for entry in buffers if entry is not None}.values())


@dataclass(frozen=True)
class Memory:
    r"""What a computation stored in nodes.

    Parameters
    ----------
    peak : int
        The largest number of bytes that the activations held at one time.
    kept : int
        The bytes held at the end, while the result was still there.
    result : object
        What the computation returned.

    Notes
    -----
    Defined in the chapter Computational graphs.
    """

    peak: int
    kept: int
    result: object


def measure_memory(computation):
    r"""Run a computation and count the bytes of the activations that it holds at one time.

    Parameters
    ----------
    computation : callable
        A function without arguments, such as a forward pass with its backward sweep.

    Returns
    -------
    Memory
        The peak, what was kept, and the result.

    Notes
    -----
    Counted are the values of the nodes made meanwhile, leaves excluded, from their creation to the
    moment when nothing refers to them; not the adjoints, and not the temporary arrays inside of an
    operation. The count is of arrays and not of pages of memory, so it is the same on every
    machine.

    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.foundations.autodiff import Node
    >>> from openblackbox.foundations.checkpointing import measure_memory
    >>> x = Node(np.ones(100))
    >>> memory = measure_memory(lambda: (x * x + 1).value)
    >>> memory.peak, memory.kept
    (1600, 800)
    """
    alive, now, peak = set(), 0, 0

    def forget(key, size):
        nonlocal now
        alive.remove(key)
        now -= size

    def watch(node):
        nonlocal now, peak
        buffer = _own_buffer(node)
        if buffer is not None and id(buffer) not in alive:
            alive.add(id(buffer))
            now += buffer.nbytes
            peak = max(peak, now)
            weakref.finalize(buffer, forget, id(buffer), buffer.nbytes).atexit = False

    autodiff_graph.watchers.append(watch)
    try:
        result = computation()
        return Memory(peak=peak, kept=now, result=result)
    finally:
        autodiff_graph.watchers.remove(watch)
