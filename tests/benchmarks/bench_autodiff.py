"""The tape beside torch, and checkpoints beside none.

*Step*: value and gradient of the cross-entropy of a network with two hidden layers of ReLUs, for
one batch, in double precision on one thread; torch in its eager mode. *Stored*: the most bytes that
activations held at one time, counted as arrays, for a value and its gradient through layers
`relu(y @ w + 0.01)` of 2048 by 64 numbers, with a checkpoint every 2, 4 or 6 layers, beside those
without. *Arrays*: the peak of all that numpy allocated, adjoints and temporary arrays too. The last
column is the first of the two numbers before it, divided by the second.
"""

import numpy as np
from openblackbox.foundations.autodiff import Node, gradient
from openblackbox.foundations.autodiff_nodes import cross_entropy, relu
from openblackbox.foundations.checkpointing import chain, measure_memory

from book_tools.bench import median_seconds, peak_of_arrays

PACKAGES = ("torch",)
SIZES = ((32, 64), (128, 256), (256, 1024))  # batch and width
DEPTHS = ((16, 2), (64, 4), (144, 6))  # layers, and layers in a segment
ROWS, WIDTH = 2048, 64


def steps(batch, width):
    """Return the same step on the tape and in torch, as functions that return the gradients."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng([batch, width])
    x, labels = rng.standard_normal((batch, 64)), rng.integers(10, size=batch)
    shapes = [(64, width), (width,), (width, width), (width,), (width, 10), (10,)]
    arrays = [rng.standard_normal(shape) / np.sqrt(width) for shape in shapes]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    tensor_x, tensor_labels = torch.tensor(x), torch.tensor(labels)

    def ours():
        a, b, c, d, e, f = nodes = [Node(array) for array in arrays]
        scores = relu(relu(x @ a + b) @ c + d) @ e + f
        return gradient(cross_entropy(scores, labels), nodes)

    def theirs():
        a, b, c, d, e, f = tensors
        scores = torch.relu(torch.relu(tensor_x @ a + b) @ c + d) @ e + f
        return torch.autograd.grad(
            torch.nn.functional.cross_entropy(scores, tensor_labels), tensors
        )

    for found, expected in zip(ours(), theirs(), strict=True):
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-8, atol=1e-12)
    return ours, theirs


def deep(n_layers, segment):
    """Return a function that computes the gradients of a deep network, with or without segments."""
    rng = np.random.default_rng(n_layers)
    x = rng.standard_normal((ROWS, WIDTH))
    shape = (n_layers, WIDTH, WIDTH)
    weights = [Node(weight) for weight in rng.standard_normal(shape) * np.sqrt(2 / WIDTH)]

    def run():
        y = chain(lambda y, weight: relu(y @ weight + 0.01), x, weights, segment=segment)
        return gradient((y * y).sum(), weights)

    return run


def measure():
    """Yield one row for each size of the step and three for each depth."""
    for batch, width in SIZES:
        ours, theirs = (median_seconds(step) for step in steps(batch, width))
        yield {
            "what": f"step, batch {batch}, width {width}: tape, torch (ms)",
            "this": 1e3 * ours,
            "beside": 1e3 * theirs,
            "this / beside": ours / theirs,
        }
    for n_layers, segment in DEPTHS:
        light, plain = deep(n_layers, segment), deep(n_layers, None)
        for a, b in zip(light(), plain(), strict=True):
            assert np.array_equal(a, b), "checkpoints changed a gradient"
        for what, count in (
            ("stored", lambda run: measure_memory(run).peak),
            ("arrays", peak_of_arrays),
        ):
            ours, theirs = count(light) / 2**20, count(plain) / 2**20
            yield {
                "what": f"{what}, {n_layers} layers: checkpoints, none (MiB)",
                "this": ours,
                "beside": theirs,
                "this / beside": ours / theirs,
            }
        ours, theirs = (median_seconds(run, repeats=3) for run in (light, plain))
        yield {
            "what": f"time, {n_layers} layers: checkpoints, none (ms)",
            "this": 1e3 * ours,
            "beside": 1e3 * theirs,
            "this / beside": ours / theirs,
        }
