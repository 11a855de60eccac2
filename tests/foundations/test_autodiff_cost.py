"""The cost of the sweep: every node is run with arrays that count what is done to them."""

import numpy as np
import pytest
from openblackbox.foundations.autodiff import Node, tape, vjp
from openblackbox.foundations.autodiff_images import convolution, cross_correlation, max_pool
from openblackbox.foundations.autodiff_nodes import (
    cross_entropy,
    exp,
    log,
    log_softmax,
    relu,
    sigmoid,
    tanh,
)

CHECKS = {"isfinite", "logical_and"}
counted = 0


class Counting(np.ndarray):
    """Adds up the operations: one for each entry computed, copied or moved."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        global counted
        inputs = [plain(entry) for entry in inputs]
        if out is not None:
            options["out"] = tuple(plain(entry) for entry in out)
        result = getattr(ufunc, method)(*inputs, **options)
        if method == "reduce":
            counted += np.size(inputs[0]) if ufunc.__name__ not in CHECKS else 0
        elif ufunc is np.matmul:
            counted += result.size * (2 * inputs[0].shape[-1] - 1)
        elif ufunc.__name__ not in CHECKS:
            counted += np.size(result)
        return result if out is not None else np.asanyarray(result).view(Counting)

    def __array_function__(self, function, types, arguments, options):
        global counted
        arguments = [plain(entry) for entry in arguments]
        result = function(*arguments, **options)
        if function is np.einsum:
            letters = arguments[0].split("->")[0].replace(",", "")
            sizes = dict(zip(letters, arguments[1].shape + arguments[2].shape, strict=True))
            counted += 2 * np.prod([*sizes.values()]) - result.size
        else:
            counted += result.size
        return result.view(Counting)

    def move(name):
        def moved(self, *arguments, **options):
            global counted
            counted += self.size
            return getattr(np.ndarray, name)(self, *arguments, **options)

        return moved

    reshape, transpose, swapaxes = move("reshape"), move("transpose"), move("swapaxes")

    def argmax(self, *arguments, **options):
        global counted
        counted += self.size
        return plain(self).argmax(*arguments, **options).view(Counting)


def plain(entry):
    return entry.view(np.ndarray) if isinstance(entry, Counting) else entry


@pytest.fixture
def counting(monkeypatch):
    """Let every node hold a counting array."""
    as_array = np.asarray
    monkeypatch.setattr(np, "asarray", lambda *given: as_array(*given).view(Counting))


def cost(function, *arrays):
    """Return the operations of the forward pass, and of the sweep if all messages are added."""
    global counted
    nodes = [Node(array) for array in arrays]
    counted = 0
    y = function(*nodes)
    forward, cotangent = counted, np.ones(y.shape)
    counted = 0
    vjp(y, cotangent, nodes)
    messages = sum(parent.value.size for node in tape(y) for parent in node.parents)
    return forward, counted + messages


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


UNARY = {
    "exp": (exp, 2),
    "log": (log, 2),
    "relu": (relu, 3),
    "power": (lambda a: a**3, 4),
    "tanh": (tanh, 10),
    "reshape": (lambda a: a.reshape(-1), 2),
    "transpose": (lambda a: a.T, 2),
    "sum": (lambda a: a.sum(), 2),
}


@pytest.mark.parametrize("name", UNARY)
def test_entry_by_entry(counting, name):
    function, ratio = UNARY[name]
    for shape in ((1, 1), (3, 5)):
        forward, sweep = cost(function, 1 + normal(*shape) ** 2)
        assert forward == np.prod(shape)
        assert sweep == ratio * forward


BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
}
SHAPES = [((), ()), ((3,), (1, 3)), ((1,), (7,)), ((2, 1), (1, 2)), ((4, 1, 3), (2, 1))]


@pytest.mark.parametrize("name", BINARY)
def test_with_broadcasting(counting, name):
    for left, right in SHAPES:
        forward, sweep = cost(BINARY[name], normal(*left), normal(*right))
        assert forward == np.prod(np.broadcast_shapes(left, right))
        assert sweep < 10 * forward
    alone = {"add": 2, "subtract": 3, "multiply": 4, "divide": 6}
    assert cost(BINARY[name], 2.0, 3.0) == (1, alone[name])


@pytest.mark.parametrize(("p", "q", "r"), [(1, 1, 1), (2, 3, 4), (1, 5, 1), (5, 1, 5), (9, 8, 7)])
def test_matrix_products(counting, p, q, r):
    forward, sweep = cost(lambda a, b: a @ b, normal(p, q), normal(q, r))
    assert forward == p * r * (2 * q - 1)
    assert sweep == 4 * p * q * r + p * q + q * r
    assert sweep / forward == pytest.approx(q / (2 * q - 1) * (4 + 1 / p + 1 / r), rel=1e-12)
    assert sweep <= 6 * forward


def test_stacks_of_products(counting):
    for left, right in [((5, 2, 3), (3, 4)), ((9, 1, 1, 1), (9, 1, 1)), ((5, 1, 2, 3), (6, 3, 4))]:
        forward, sweep = cost(lambda a, b: a @ b, normal(*left), normal(*right))
        assert sweep <= 6 * forward


OTHERS = {
    "sigmoid": (sigmoid, [(3, 5)]),
    "log_softmax": (log_softmax, [(3, 5)]),
    "cross_entropy": (lambda z: cross_entropy(z, [0, 1, 2]), [(3, 5)]),
    "max_pool": (lambda z: max_pool(z, 2), [(2, 3, 4, 4)]),
    "max_pool of size 1": (lambda z: max_pool(z, 1), [(2, 3, 4, 4)]),
    "cross_correlation": (cross_correlation, [(2, 3, 6, 5), (4, 3, 3, 2)]),
    "cross_correlation of size 1": (cross_correlation, [(1, 1, 9, 9), (1, 1, 1, 1)]),
    "convolution": (convolution, [(2, 3, 6, 5), (4, 3, 3, 2)]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_nodes(counting, name):
    function, shapes = OTHERS[name]
    forward, sweep = cost(function, *(normal(*shape) for shape in shapes))
    assert forward >= normal(*shapes[0]).size
    assert sweep <= 5 * forward


def test_the_start_is_paid_by_the_message_that_is_not_added(counting):
    """A chain of tanh at a number: 9 operations and an addition each, but for the messages."""
    x = Node(0.5)
    y = tanh(tanh(tanh(x)))
    before = counted
    vjp(y, 1.0, [x])
    assert counted - before == 3 * 9  # one message for each node: none is added
    assert 1 + counted - before <= 10 * 3


def test_without_entries_nothing_bounds_the_sweep(counting):
    forward, sweep = cost(lambda a, b: a @ b, np.ones((2, 3)), np.ones((3, 0)))
    assert forward == 0
    assert sweep > 0
