"""Activations and images on the tape: stable forms, torch and scipy as oracles, kinks."""

import inspect
import math

import numpy as np
import pytest
import scipy.signal
import scipy.special
import torch
from openblackbox.foundations.autodiff import Node, gradient, record, vjp
from openblackbox.foundations.autodiff_images import convolution, cross_correlation, max_pool
from openblackbox.foundations.autodiff_nodes import (
    cross_entropy,
    exp,
    log,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from test_autodiff import normal

ACTIVATIONS = {
    "exp": (exp, torch.exp),
    "relu": (relu, torch.relu),
    "tanh": (tanh, torch.tanh),
    "sigmoid": (sigmoid, torch.sigmoid),
    "softmax": (softmax, lambda z: torch.softmax(z, -1)),
    "log_softmax": (log_softmax, lambda z: torch.log_softmax(z, -1)),
    "log": (lambda z: log(z * z), lambda z: torch.log(z * z)),
}


def check_beside_torch(function, oracle, *arrays, rtol=1e-13):
    nodes = [Node(array) for array in arrays]
    tensors = [torch.tensor(node.value, requires_grad=True) for node in nodes]
    output, expected = function(*nodes), oracle(*tensors)
    np.testing.assert_allclose(output.value, expected.detach().numpy(), rtol=rtol, atol=1e-14)
    cotangent = normal(98, *output.shape)
    wanted = torch.autograd.grad(expected, tensors, torch.tensor(cotangent))
    for a, b in zip(vjp(output, cotangent, nodes), wanted, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=rtol, atol=1e-13)


@pytest.mark.claim("LN-02")
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_beside_torch(name):
    check_beside_torch(*ACTIVATIONS[name], 2 * normal(0, 5, 4), rtol=1e-12)


@pytest.mark.claim("LN-02")
def test_the_formulas_of_the_notes():
    z = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(sigmoid(z).value, 1 / (1 + np.exp(-z)), rtol=1e-15)
    ratio = (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))
    np.testing.assert_allclose(tanh(z).value, ratio, rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(tanh(z).value, 2 * sigmoid(2 * z).value - 1, rtol=1e-13, atol=1e-15)
    assert np.array_equal(relu(z).value, np.maximum(z, 0))
    np.testing.assert_allclose(softmax(z).value, scipy.special.softmax(z), rtol=1e-14)


@pytest.mark.claim("LN-02")
def test_the_formulas_of_the_notes_overflow_and_ours_do_not():
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.array([1000.0, 0.0])
        assert np.isnan(np.exp(z) / np.exp(z).sum())[0]
        assert np.isnan((np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)))[0]
    z = Node([-1000.0, 1000.0])
    assert sigmoid(z).value.tolist() == [0.0, 1.0]
    assert tanh(z).value.tolist() == [-1.0, 1.0]
    assert softmax(z).value.tolist() == [0.0, 1.0]
    assert log_softmax(z).value.tolist() == [-2000.0, 0.0]
    for function in (sigmoid, tanh, softmax):
        assert np.array_equal(vjp(function(z), [1.0, 3.0], [z])[0], [0.0, 0.0])
    assert vjp(log_softmax(z), [1.0, 0.0], [z])[0].tolist() == [1.0, -1.0]


def test_derivatives_keep_their_digits_far_from_zero():
    z = np.array([-700.0, -40.0, -1.0, 0.0, 1.0, 40.0, 300.0])
    node = Node(z)
    slopes = vjp(sigmoid(node), np.ones(7), [node])[0]
    expected = [1 / (2 + math.exp(t) + math.exp(-t)) for t in z]
    np.testing.assert_allclose(slopes, expected, rtol=1e-14)
    slopes = vjp(tanh(node), np.ones(7), [node])[0]
    expected = [1 / math.cosh(t) ** 2 if abs(t) < 300 else 4 * math.exp(-2 * abs(t)) for t in z]
    np.testing.assert_allclose(slopes, expected, rtol=1e-13)
    np.testing.assert_allclose(sigmoid(z).value, scipy.special.expit(z), rtol=1e-14)


def test_the_softmax_does_not_see_a_shift_and_its_gradients_sum_to_zero():
    z, u = normal(0, 3, 5), normal(1, 3, 5)
    node = Node(z)
    np.testing.assert_allclose(softmax(z + 512).value, softmax(z).value, rtol=1e-13)
    np.testing.assert_allclose(vjp(softmax(node), u, [node])[0].sum(axis=-1), 0, atol=1e-15)
    np.testing.assert_allclose(vjp(log_softmax(node), u, [node])[0].sum(axis=-1), 0, atol=1e-14)


def test_cross_entropy():
    labels = np.array([0, 3, 3, 1, 2])
    check_beside_torch(
        lambda z: cross_entropy(z, labels),
        lambda z: torch.nn.functional.cross_entropy(z, torch.tensor(labels)),
        3 * normal(0, 5, 4),
    )
    assert cross_entropy(np.zeros((3, 7)), [0, 1, 6]).value == pytest.approx(np.log(7), rel=1e-15)
    scores = Node([[0.0, 2000.0]])
    loss = cross_entropy(scores, [0])
    assert loss.value == 2000
    assert gradient(loss, [scores])[0].tolist() == [[-1.0, 1.0]]


@pytest.mark.claim("LN-06")
def test_the_convention_at_the_kink():
    z = Node([-1.0, 0.0, 1.0])
    assert gradient(relu(z).sum(), [z])[0].tolist() == [0.0, 0.0, 1.0]
    tied = Node(np.array([5.0, 5.0, 5.0, 5.0]).reshape(1, 1, 2, 2))
    assert gradient(max_pool(tied, 2).sum(), [tied])[0].ravel().tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.claim("LN-06")
def test_at_a_kink_the_tape_need_not_return_a_derivative():
    """relu(x) - relu(-x) = x has the derivative 1 everywhere; the tape returns 0 at 0."""
    for point, slope in ((-2.0, 1), (0.0, 0), (2.0, 1)):
        x = Node(point)
        y = relu(x) - relu(-x)
        assert y.value == point
        assert gradient(y, [x])[0] == slope
    x = Node(0.0)  # and |x| = relu(x) + relu(-x) with a subgradient
    assert gradient(relu(x) + relu(-x), [x])[0] == 0


@pytest.mark.claim("LN-06")
def test_almost_everywhere_the_tape_returns_the_derivative():
    """A network of relu and pooling, equal to linear pieces: exact differences at random points."""
    weights = [np.round(8 * normal(i, *s)) / 8 for i, s in enumerate([(8, 3), (16, 8), (1, 4)])]

    def network(x):
        h = relu(weights[0] @ x)
        return (weights[2] @ max_pool((weights[1] @ h).reshape(1, 1, 4, 4), 2).reshape(4))[0]

    rng = np.random.default_rng(4)
    for _ in range(50):
        point, way = rng.standard_normal((2, 3))
        x = Node(point)
        slope = gradient(network(x), [x])[0] @ way
        h = 1e-7
        difference = network(Node(point + h * way)).value - network(Node(point - h * way)).value
        assert difference / (2 * h) == pytest.approx(slope, rel=1e-5, abs=1e-5)


IMAGE_SHAPES = [
    ((2, 3, 6, 5), (4, 3, 3, 2)),
    ((1, 1, 4, 4), (1, 1, 4, 4)),
    ((3, 2, 1, 7), (2, 2, 1, 3)),
]


@pytest.mark.parametrize("shapes", IMAGE_SHAPES, ids=str)
def test_cross_correlation_beside_torch(shapes):
    z, k = (normal(i, *shape) for i, shape in enumerate(shapes))
    check_beside_torch(cross_correlation, torch.nn.functional.conv2d, z, k)
    check_beside_torch(convolution, lambda z, k: torch.nn.functional.conv2d(z, k.flip(2, 3)), z, k)


@pytest.mark.claim("LN-03")
def test_convolution_beside_scipy():
    z, k = normal(0, 6, 5), normal(1, 3, 2)
    found = convolution(z[None, None], k[None, None]).value[0, 0]
    np.testing.assert_allclose(found, scipy.signal.convolve2d(z, k, mode="valid"), rtol=1e-12)
    found = cross_correlation(z[None, None], k[None, None]).value[0, 0]
    np.testing.assert_allclose(found, scipy.signal.correlate2d(z, k, mode="valid"), rtol=1e-12)
    signal, filter_ = normal(2, 9), normal(3, 4)
    found = convolution(signal.reshape(1, 1, 1, 9), filter_.reshape(1, 1, 1, 4)).value.ravel()
    np.testing.assert_allclose(found, np.convolve(signal, filter_, mode="valid"), rtol=1e-12)


@pytest.mark.claim("LN-03", counterexample=True)
def test_the_convolution_as_printed_does_not_depend_on_its_argument():
    """f(z) = x * k, with x fixed, is the same for all z, with the derivative 0; z * k is linear."""
    x, k = np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 2))
    z = Node(np.zeros((1, 1, 1, 2)))
    printed, meant = convolution(x, k), convolution(z, k)
    assert printed.value.item() == 2  # at z = 0, as everywhere
    assert vjp(printed, np.ones((1, 1, 1, 1)), [z])[0].ravel().tolist() == [0.0, 0.0]
    assert meant.value.item() == 0
    assert vjp(meant, np.ones((1, 1, 1, 1)), [z])[0].ravel().tolist() == [1.0, 1.0]
    a, b = normal(0, 2, 1, 1, 3, 3), normal(1, 1, 1, 2, 2)
    both = convolution(2 * a[0] + 3 * a[1], b).value
    apart = 2 * convolution(a[0], b).value + 3 * convolution(a[1], b).value
    np.testing.assert_allclose(both, apart, rtol=1e-12)


def test_max_pool_beside_torch_ties_included():
    images = np.random.default_rng(0).integers(0, 3, (2, 3, 6, 4)).astype(float)
    check_beside_torch(
        lambda z: max_pool(z, 2), lambda z: torch.nn.functional.max_pool2d(z, 2), images
    )
    check_beside_torch(
        lambda z: max_pool(z, 3),
        lambda z: torch.nn.functional.max_pool2d(z, 3),
        normal(1, 1, 2, 6, 9),
    )


def test_a_small_convolutional_network_beside_torch():
    labels = np.array([1, 0, 2])

    def ours(z, k, w):
        h = relu(convolution(z, k))
        h = max_pool(h + tanh(h) * h, 2).reshape(3, -1)
        return cross_entropy(h @ w, labels)

    def theirs(z, k, w):
        h = torch.relu(torch.nn.functional.conv2d(z, k.flip(2, 3)))
        h = torch.nn.functional.max_pool2d(h + torch.tanh(h) * h, 2).reshape(3, -1)
        return torch.nn.functional.cross_entropy(h @ w, torch.tensor(labels))

    shapes = [(3, 2, 7, 7), (4, 2, 2, 2), (36, 3)]
    arrays = [normal(i, *shape) for i, shape in enumerate(shapes)]
    nodes = [Node(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    theirs(*tensors).backward()
    found = gradient(ours(*nodes), nodes)
    for a, tensor in zip(found, tensors, strict=True):
        b = tensor.grad.numpy()
        assert np.abs(a - b).max() < 1e-14 * np.abs(b).max()


def test_a_pullback_keeps_values_of_nodes_and_nothing_else():
    """So that counting the values of the nodes counts what the tape stores."""
    z = normal(0, 2, 1, 4, 4)
    image, flat = Node(z), Node(normal(1, 3, 4))
    made = [
        *(function(flat) for function in (exp, relu, tanh, sigmoid, log_softmax)),
        *(flat @ flat.T, flat[1:], flat.sum(axis=0), flat / 2, flat**3, flat.T),
        cross_entropy(flat, [0, 1, 2]),
        cross_correlation(image, normal(2, 1, 1, 2, 2)),
        max_pool(image, 2),
    ]
    for node in made:
        kept, seen = [node.pullback], set()
        values = [node.value, *(parent.value for parent in node.parents)]
        while kept:
            entry = kept.pop()
            if id(entry) in seen:
                continue
            seen.add(id(entry))
            if isinstance(entry, np.ndarray) and entry.size > 3:
                assert any(entry is value for value in values), node
            elif inspect.isfunction(entry):
                kept += [cell.cell_contents for cell in entry.__closure__ or ()]
            elif isinstance(entry, list | tuple):
                kept += entry


def test_a_node_of_the_reader():
    """The straight-through sign: forward the sign, backward the identity."""
    z = Node([-0.3, 0.7])
    y = record("sign", np.sign, [lambda g, y, z: g], z)
    assert y.value.tolist() == [-1.0, 1.0]
    assert vjp(y, [2.0, 5.0], [z])[0].tolist() == [2.0, 5.0]


SCORES = np.zeros((2, 3))
ERRORS = {
    "scores: expected shape": lambda: cross_entropy(np.zeros(3), [0]),
    "scores: expected shape .* both": lambda: cross_entropy(np.zeros((0, 3)), []),
    "labels: expected 2 integers": lambda: cross_entropy(SCORES, [0]),
    "labels: expected 2 integers, got an array of float64": lambda: cross_entropy(SCORES, [0.0, 1]),
    "labels: expected 0 to 2, got 0 to 3": lambda: cross_entropy(SCORES, [0, 3]),
    "labels: expected 0 to 2, got -1 to 1": lambda: cross_entropy(SCORES, [-1, 1]),
    "z: expected scores along the last axis": lambda: log_softmax(1.0),
    "z: expected scores along the last axis, got shape .2, 0": lambda: softmax(np.zeros((2, 0))),
    "images: expected four axes": lambda: cross_correlation(SCORES, np.ones((1, 1, 1, 1))),
    "kernels: expected four axes": lambda: cross_correlation(np.ones((1, 1, 2, 2)), SCORES),
    "kernels: expected shape": lambda: convolution(np.ones((1, 1, 2, 2)), SCORES),
    "kernels: expected 1 channels": lambda: convolution(
        np.ones((1, 1, 2, 2)), np.ones((1, 2, 1, 1))
    ),
    "kernels: .* at most 2 rows": lambda: convolution(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 1))),
    "kernels: .* and 2 columns": lambda: convolution(np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 3))),
    "size: expected a divisor of 4 and 6": lambda: max_pool(np.ones((1, 1, 4, 6)), 4),
    "size: expected a positive integer": lambda: max_pool(np.ones((1, 1, 4, 6)), 0),
    "images: expected four": lambda: max_pool(SCORES, 1),
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors_name_the_argument(message):
    with pytest.raises(ValueError, match=f"^{message}"):
        ERRORS[message]()
