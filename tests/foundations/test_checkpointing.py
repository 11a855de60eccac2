"""Checkpoints: the same gradients, less memory, and memory counted to the byte."""

import numpy as np
import pytest
from openblackbox.foundations.autodiff import Node, gradient, vjp
from openblackbox.foundations.autodiff_graph import watchers
from openblackbox.foundations.autodiff_nodes import relu, tanh
from openblackbox.foundations.checkpointing import chain, checkpoint, measure_memory, stored_bytes

ROWS, WIDTH = 16, 8
BYTES = ROWS * WIDTH * 8


def layer(x, weight):
    return relu(x @ weight + 0.1)


def deep(n_layers, segment, *, shared=False):
    """Return a function that computes a loss and its gradients from scratch."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, WIDTH))
    weights = [
        Node(rng.standard_normal((WIDTH, WIDTH)) / 2) for _ in range(1 if shared else n_layers)
    ]
    used = weights * n_layers if shared else weights

    def run():
        loss = chain(layer, x, used, segment=segment).sum()
        return [loss.value.copy(), *gradient(loss, weights)]

    return run


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("segment", [1, 3, 4, 12])
def test_checkpoints_change_no_digit(segment, shared):
    plain = deep(12, None, shared=shared)()
    light = deep(12, segment, shared=shared)()
    assert np.array_equal(plain[0], light[0])
    for a, b in zip(plain[1:], light[1:], strict=True):
        if shared:  # the sums over the uses are added in another order
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13 * np.abs(a).max())
        else:
            assert np.array_equal(a, b)


@pytest.mark.parametrize(("n_layers", "segment"), [(12, 3), (12, 4), (16, 4), (10, 4)])
def test_the_memory_of_the_chapter(n_layers, segment):
    """Three arrays a layer: plain 3 L; with checkpoints one a segment and 3 of one segment."""
    plain = measure_memory(deep(n_layers, None))
    assert plain.peak == 3 * n_layers * BYTES + 8
    assert plain.kept == 0
    light = measure_memory(deep(n_layers, segment))
    segments = -(-n_layers // segment)
    assert light.peak == (segments + 3 * segment) * BYTES + 8
    assert light.kept == 0


def test_what_is_stored():
    x, w = Node(np.ones((4, 5))), Node(np.ones((5, 5)))
    y = x @ w
    assert stored_bytes(x) == 0
    assert stored_bytes(y) == 160
    assert stored_bytes(relu(y)) == 320
    assert stored_bytes(y.T) == stored_bytes(y.reshape(20)) == stored_bytes(y[1:]) == 160
    assert stored_bytes(x.T) == 0
    assert stored_bytes(y + y * y) == 480
    assert stored_bytes(y.sum()) == 168
    assert stored_bytes(checkpoint(layer, x, w)) == 160
    assert stored_bytes(layer(x, w)) == 480


def test_memory_is_counted_while_it_is_held():
    x = Node(np.ones(10))
    memory = measure_memory(lambda: x * 2 + 1)
    assert (memory.peak, memory.kept, memory.result.value[0]) == (160, 160, 3)
    memory = measure_memory(lambda: [(x * k).value[0] for k in range(5)])
    assert (memory.peak, memory.kept) == (80, 0)
    memory = measure_memory(lambda: (x * 2).reshape(2, 5).T)
    assert (memory.peak, memory.kept) == (80, 80)
    outer = measure_memory(lambda: measure_memory(lambda: x * 2).peak)
    assert (outer.peak, outer.result) == (80, 80)


def test_counting_ends_with_the_computation():
    def fail():
        raise KeyError("stop")

    with pytest.raises(KeyError):
        measure_memory(fail)
    assert watchers == []


def test_checkpoints_in_checkpoints():
    rng = np.random.default_rng(1)
    weights = [Node(rng.standard_normal((4, 4)) / 2) for _ in range(8)]

    def halves(x, *weights):
        if len(weights) == 1:
            return tanh(x @ weights[0])
        middle = len(weights) // 2
        x = checkpoint(halves, x, *weights[:middle])
        return checkpoint(halves, x, *weights[middle:])

    x = Node(rng.standard_normal((3, 4)))
    y = x
    for weight in weights:
        y = tanh(y @ weight)
    found = vjp(halves(x, *weights), np.ones((3, 4)), [x, *weights])
    for a, b in zip(found, vjp(y, np.ones((3, 4)), [x, *weights]), strict=True):
        assert np.array_equal(a, b)


def test_only_what_is_needed_is_differentiated():
    x, w = Node(2.0), Node(3.0)
    y = checkpoint(lambda x, w: x * x * w, x, w)
    assert gradient(y, [w])[0] == 4
    assert gradient(y, [x])[0] == 12
    assert gradient(checkpoint(lambda x: x, x), [x])[0] == 1


def test_one_parameter_used_twice_in_one_checkpoint():
    w = Node(3.0)
    y = checkpoint(lambda x, a, b: x * a * b, 2.0, w, w)
    assert gradient(y, [w])[0] == 12


def test_a_parameter_that_was_not_given_is_an_error():
    x, w = Node(2.0), Node(3.0)
    with pytest.raises(ValueError, match=r"^function: it reads a node that is not among x"):
        checkpoint(lambda x: x * w, x)


def test_a_function_that_changes_its_mind_is_an_error():
    rng = np.random.default_rng(0)
    x = Node(2.0)
    y = checkpoint(lambda x: x * rng.standard_normal(), x)
    with pytest.raises(ValueError, match=r"^function: it gave another value"):
        gradient(y, [x])


def test_a_function_must_return_a_node():
    with pytest.raises(TypeError, match=r"^function: expected to return a Node, got float"):
        checkpoint(lambda x: 1.0, 2.0)


@pytest.mark.parametrize("segment", [0, -1, 1.5, "all"])
def test_the_length_of_a_segment_is_a_positive_integer(segment):
    with pytest.raises(ValueError, match=r"^segment: expected a positive integer"):
        chain(layer, np.ones((2, 2)), [Node(np.ones((2, 2)))], segment=segment)


def test_a_chain_without_layers_is_its_input():
    x = Node(2.0)
    assert chain(layer, x, []) is x
    assert chain(layer, x, [], segment=3) is x


def test_what_is_measured_is_returned_as_it_is():
    x = Node(np.array([1.5, -2.5]))
    memory = measure_memory(lambda: (x * x).value)
    assert memory.result.tolist() == [2.25, 6.25]
