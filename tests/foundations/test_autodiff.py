"""The tape: every operation against torch, the sum over consumers, deep graphs, errors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations.autodiff import Node, gradient, record, tape, vjp
from openblackbox.foundations.autodiff_nodes import cross_entropy, exp, log, relu, sigmoid, tanh
from openblackbox.networks import ReLUNetwork


def check_beside_torch(function, *arrays, rtol=1e-13):
    """Compare the value and the transposed Jacobian of a function with those of torch."""
    nodes = [Node(array) for array in arrays]
    tensors = [torch.tensor(node.value, requires_grad=True) for node in nodes]
    output, expected = function(*nodes), function(*tensors)
    np.testing.assert_allclose(output.value, expected.detach().numpy(), rtol=rtol, atol=1e-14)
    cotangent = np.random.default_rng(99).standard_normal(output.shape)
    found = vjp(output, cotangent, nodes)
    wanted = torch.autograd.grad(expected, tensors, torch.tensor(cotangent))
    for a, b, node in zip(found, wanted, nodes, strict=True):
        assert a.shape == node.shape
        assert a.flags.writeable
        np.testing.assert_allclose(a, b.numpy(), rtol=rtol, atol=1e-13)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
}
SHAPES = [((3,), (3,)), ((), (2, 3)), ((2, 1), (1, 3)), ((4, 1, 3), (2, 1)), ((1,), (5, 2, 1))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_with_broadcasting(name, shapes):
    a, b = (normal(i, *shape) for i, shape in enumerate(shapes))
    check_beside_torch(BINARY[name], a, b)
    check_beside_torch(BINARY[name], b, a)


MATRICES = [
    ((2, 3), (3, 4)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3,)),
    ((5, 2, 3), (3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
]


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matmul(shapes):
    a, b = (normal(i, *shape) for i, shape in enumerate(shapes))
    check_beside_torch(lambda a, b: a @ b, a, b)


def test_numbers_and_arrays_on_either_side():
    x = np.array([1.5, -2.0])
    check_beside_torch(lambda a: (2 - a) * 3 + 1 / a - a / 4 + (-a), x)
    matrix = np.array([[1.0, 2.0], [3.0, 5.0]])
    node = Node(x)
    for product in (matrix @ node, matrix * node, matrix + node, matrix - node, matrix / node):
        assert isinstance(product, Node)
    found = gradient((matrix @ node).sum(), [node])[0]
    assert found.tolist() == [4.0, 7.0]


@pytest.mark.parametrize("power", [0, 1, 2, 3, -1, 0.5])
def test_powers(power):
    check_beside_torch(lambda a: a**power, np.array([0.5, 2.0, 3.0]))


def test_powers_at_zero():
    for power, slope in ((0, 0.0), (1, 1.0), (2, 0.0)):
        x = Node(0.0)
        assert gradient(x**power, [x])[0] == slope


INDICES = [
    0,
    (slice(None), 1),
    (slice(0, 3, 2), slice(None, None, -1)),
    ([0, 0, 2], [1, 1, 0]),
    [2, 0, 2, 2],
    (Ellipsis, None, 0),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing(index):
    a = Node(normal(0, 3, 2))
    y = a[index]
    assert np.array_equal(y.value, a.value[index])
    cotangent = normal(1, *y.shape)
    expected = np.zeros((3, 2))
    np.add.at(expected, index, cotangent)
    assert np.array_equal(vjp(y, cotangent, [a])[0], expected)


def test_an_entry_read_twice_receives_both():
    a = Node([1.0, 5.0])
    assert gradient(a[[1, 1, 1, 0]].sum(), [a])[0].tolist() == [1.0, 3.0]


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2)], ids=str)
def test_sums(axis):
    a = Node(normal(0, 2, 3, 4))
    y = a.sum(axis)
    cotangent = normal(1, *y.shape)
    kept = np.sum(a.value, axis=axis, keepdims=True).shape
    expected = np.broadcast_to(cotangent.reshape(kept), a.shape)
    assert np.array_equal(vjp(y, cotangent, [a])[0], expected)


def test_shapes_are_changed_and_changed_back():
    check_beside_torch(lambda a: a.reshape(3, 4) * 2, normal(0, 2, 6))
    check_beside_torch(lambda a: a.T, normal(0, 2, 6))
    a = Node(normal(0, 2, 3, 4))
    turned = a.transpose(2, 0, 1)
    assert turned.shape == (4, 2, 3)
    cotangent = normal(1, 4, 2, 3)
    assert np.array_equal(vjp(turned, cotangent, [a])[0], cotangent.transpose(1, 2, 0))


@pytest.mark.claim("LN-04", counterexample=True)
def test_the_chain_rule_needs_the_sum_over_consumers():
    """Loss = b c with b = 2 a and c = 3 a: one consumer gives half of the derivative 12 a."""
    a = Node(5.0)
    b, c = 2 * a, 3 * a
    loss = b * c
    (through_b,) = gradient(loss, [b])
    printed = through_b * 2  # dLoss/db times db/da
    assert printed == 30
    assert gradient(loss, [a])[0] == 60
    (through_c,) = gradient(loss, [c])
    assert printed + through_c * 3 == 60


def test_the_chain_rule_as_printed_is_right_on_a_chain():
    a = Node(0.7)
    b = a * a
    loss = sigmoid(b)
    slope = gradient(loss, [b])[0] * gradient(b, [a])[0]
    assert gradient(loss, [a])[0] == pytest.approx(slope, rel=1e-15)


@pytest.mark.claim("LN-05", counterexample=True)
def test_the_adjoints_of_inputs_and_outputs_do_not_give_those_of_parameters():
    """Two nodes theta * a with one theta and one loss, and other inputs a."""
    seen = []
    for a in (1.0, 2.0):
        entry, theta = Node(a), Node(3.0)
        output = theta * entry
        seen.append(gradient(7 * output, [entry, output, theta]))
    assert seen[0][:2] == seen[1][:2] == [21.0, 7.0]
    assert [found[2] for found in seen] == [7.0, 14.0]


@pytest.mark.claim("LN-05")
def test_one_backward_sweep_gives_all_derivatives_of_a_network_with_fan_out():
    def network(x, a, b, c):
        h = (x @ a).relu() if torch.is_tensor(x) else relu(x @ a)
        h = h + ((h @ b).tanh() if torch.is_tensor(x) else tanh(h @ b)) * h
        s = (h @ b).sigmoid() if torch.is_tensor(x) else sigmoid(h @ b)
        return ((s * h + h[:, :1]) @ c).sum()

    check_beside_torch(
        network, *(normal(i, *s) for i, s in enumerate([(7, 5), (5, 4), (4, 4), (4, 2)]))
    )


@pytest.mark.claim("LN-05")
def test_every_node_is_visited_once_after_its_consumers():
    visits = []

    def noted(x, name):
        def pull(g, y, a):
            visits.append(name)
            return g

        return record(name, np.copy, [pull], x)

    x = Node(1.0)
    a = noted(x, "a")
    b, c = noted(a, "b"), noted(a, "c")
    loss = noted(b * c + a, "loss")
    assert gradient(loss, [x])[0] == 3
    assert visits == ["loss", "c", "b", "a"]


def test_unneeded_pullbacks_are_not_run():
    def fail(g, y, *values):
        raise AssertionError

    x, data = Node(2.0), Node(3.0)
    y = record("product", np.multiply, [lambda g, y, a, b: g * b, fail], x, data)
    assert gradient(y + record("dead", np.copy, [fail], data), [x])[0] == 3


@pytest.mark.claim("LN-01")
def test_the_formula_of_the_notes_is_a_graph():
    """A_out sigma(... sigma(A_1 x + b_1) ...) + b_out, in value and derivative."""
    rng = np.random.default_rng(3)
    widths = [4, 6, 5, 3]
    weights = [rng.standard_normal(s) for s in zip(widths[1:], widths[:-1], strict=True)]
    biases = [rng.standard_normal(width) for width in widths[1:]]
    network = ReLUNetwork(weights, biases)
    x = Node(rng.standard_normal(4))
    y = weights[0] @ x + biases[0]
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        y = weight @ relu(y) + bias
    np.testing.assert_allclose(y.value, network(x.value), rtol=1e-13)
    u = rng.standard_normal(3)
    np.testing.assert_allclose(vjp(y, u, [x])[0], network.vjp(x.value, u), rtol=1e-12)


@pytest.mark.claim("LN-01")
@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10_000))
def test_the_tape_of_a_random_graph_is_a_topological_order(seed):
    rng = np.random.default_rng(seed)
    nodes = [Node(rng.standard_normal()) for _ in range(2)]
    for _ in range(20):
        i, j = rng.integers(len(nodes), size=2)
        nodes.append(nodes[i] * 0.5 + tanh(nodes[j]))
    order = tape(nodes[-1])
    place = {node: position for position, node in enumerate(order)}
    assert order[-1] is nodes[-1]
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    assert len(place) == len(order)


def test_graphs_of_any_depth():
    x = Node(1.0)
    y = x
    for _ in range(10_000):
        y = y * 0.9999 + x * 1e-4
    assert len(tape(y)) == 1 + 5 * 10_000
    assert gradient(y, [x])[0] == pytest.approx(1, rel=1e-10)
    y = x
    for _ in range(10_000):
        y = y + y  # 2^10000 paths from x to y
        y = y * 0.5
    assert gradient(y, [x])[0] == 1
    del y


def test_interior_nodes_and_nodes_without_influence():
    a, other = Node([1.0, 2.0]), Node(np.ones((2, 2)))
    b = a * 3
    loss = (b * b).sum()
    found = gradient(loss, [b, other, a, loss, a])
    assert found[0].tolist() == [6.0, 12.0]
    assert found[1].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert found[2].tolist() == found[4].tolist() == [18.0, 36.0]
    assert found[3] == 1
    found[2][:] = 0
    assert found[4].tolist() == [18.0, 36.0]
    assert gradient(loss, [a])[0].tolist() == [18.0, 36.0]


def test_the_answer_is_not_the_cotangent_itself():
    x = Node([1.0, 2.0])
    cotangent = np.ones(2)
    found = vjp(x + 0, cotangent, [x])[0]
    found[0] = 5
    assert cotangent.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", [bool, int, np.float32, float])
def test_real_numbers_of_any_kind(dtype):
    assert Node(np.ones(2, dtype)).value.dtype == float


@pytest.mark.parametrize("bad", [np.nan, np.inf, [1.0, -np.inf]], ids=str)
def test_a_value_must_be_finite(bad):
    with pytest.raises(ValueError, match=r"^value: expected finite numbers"):
        Node(bad)


@pytest.mark.parametrize("bad", [1j, "a", None, [Node(1.0)]], ids=str)
def test_a_value_must_be_real(bad):
    with pytest.raises(TypeError, match=r"^value: expected real numbers"):
        Node(bad)


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("exp", lambda: exp(1000.0)),
        ("log", lambda: log([1.0, 0.0])),
        ("divide", lambda: Node(1.0) / 0),
        ("power", lambda: Node(-1.0) ** 0.5),
        ("multiply", lambda: Node(1e200) * 1e200),
        ("matmul", lambda: Node([[1e200]]) @ [[1e200]]),
    ],
)
def test_an_operation_that_overflows_names_itself(name, operation):
    with pytest.raises(ValueError, match=f"^{name}: expected finite numbers"):
        operation()


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("add", lambda a: a + np.ones(4)),
        ("matmul", lambda a: a @ a),
        ("reshape", lambda a: a.reshape(7)),
        ("sum", lambda a: a.sum(axis=5)),
        ("transpose", lambda a: a.transpose(0, 0)),
    ],
)
def test_shapes_that_do_not_fit(name, operation):
    with pytest.raises(ValueError, match=rf"^{name}: inputs of shape \(2, 3\).* do not fit"):
        operation(Node(np.ones((2, 3))))


def test_what_cannot_be_differentiated():
    x = Node([1.0, 2.0])
    with pytest.raises(ValueError, match=r"^loss: expected a scalar node, got shape \(2,\)"):
        gradient(x * 2, [x])
    with pytest.raises(ValueError, match=r"^cotangent: expected shape \(2,\), got \(3,\)"):
        vjp(x, np.ones(3), [x])
    with pytest.raises(ValueError, match=r"^cotangent: expected finite"):
        vjp(x, [1.0, np.nan], [x])
    with pytest.raises(TypeError, match=r"^nodes: expected a sequence"):
        gradient(x.sum(), x)
    with pytest.raises(TypeError, match=r"^nodes: expected a sequence"):
        gradient(x.sum(), [np.ones(2)])
    with pytest.raises(TypeError, match=r"^output: expected a Node, got a float"):
        gradient(1.0, [x])
    with pytest.raises(TypeError, match=r"^power: expected a number"):
        x**x


def test_a_derivative_that_does_not_exist_is_an_error():
    x = Node([0.0, 1.0])
    with pytest.raises(ValueError, match=r"^nodes: a derivative is not finite"):
        gradient((x**0.5).sum(), [x])


def test_a_pullback_of_a_wrong_shape_is_an_error():
    x = Node(np.ones((2, 3)))
    for wrong in (np.ones(3), np.ones((3, 3)), np.ones(())):
        y = record("mine", np.sum, [lambda g, y, a, wrong=wrong: wrong], x)
        with pytest.raises(ValueError, match=r"^mine: its pullback gave shape"):
            gradient(y, [x])


def test_the_scores_of_a_classifier_beside_torch():
    x, w, labels = normal(0, 20, 6), normal(1, 6, 4), np.arange(20) % 4
    weight = Node(w)
    loss = cross_entropy(relu(x @ weight), labels)
    tensor = torch.tensor(w, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(
        torch.relu(torch.tensor(x) @ tensor), torch.tensor(labels)
    )
    expected.backward()
    assert float(loss.value) == pytest.approx(expected.item(), rel=1e-14)
    np.testing.assert_allclose(
        gradient(loss, [weight])[0], tensor.grad.numpy(), rtol=1e-12, atol=1e-16
    )


def test_how_a_node_is_shown():
    assert repr(Node(2.0) * 3) == "Node(multiply, 6.0)"
    assert repr(Node(np.ones((2, 3)))) == "Node(value, shape (2, 3))"
