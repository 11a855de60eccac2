"""The shift cost and the distances of rows in torch: enumeration, gradients, bad input."""

import itertools

import numpy as np
import pytest
import torch
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.synchronization_torch import pairwise_w2_torch, shift_cost_torch
from row_cases import drawn

METHODS = ("assignment", "pot")


def both(s, m, p, seed=0):
    rows = drawn(s, m, p, seed)
    return rows, torch.tensor(rows, requires_grad=True)


def best_shift(rows):
    """The least shift cost over all permutations, and a permutation that attains it."""
    s, m, _ = rows.shape
    costs = {
        order: sum(((rows[k] - rows[k + 1][list(order)]) ** 2).sum() for k in range(s - 1)) / m
        for order in itertools.permutations(range(m))
    }
    order = min(costs, key=costs.get)
    return costs[order], list(order)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("s, m, p", [(2, 5, 1), (3, 1, 2), (3, 5, 1), (4, 4, 2), (5, 3, 3)])
def test_shift_cost_against_all_permutations(s, m, p, method):
    rows, tensor = both(s, m, p)
    least, order = best_shift(rows)
    value = shift_cost_torch(tensor, method=method)
    assert value.shape == ()
    assert value.item() == pytest.approx(least, rel=1e-12)
    value.backward()
    expected = np.zeros_like(rows)
    for k in range(s - 1):
        step = 2 / m * (rows[k] - rows[k + 1][order])
        expected[k] += step
        expected[k + 1][order] -= step
    assert tensor.grad.numpy() == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_by_differences(method):
    _, tensor = both(3, 4, 2, seed=1)
    assert torch.autograd.gradcheck(lambda x: shift_cost_torch(x, method=method), (tensor,))
    assert torch.autograd.gradcheck(lambda x: pairwise_w2_torch(x, method=method), (tensor,))


@pytest.mark.parametrize("method", METHODS)
def test_pairwise(method):
    rows, tensor = both(4, 6, 2)
    found = pairwise_w2_torch(tensor, method=method)
    assert found.shape == (4, 4)
    for k, other in itertools.product(range(4), repeat=2):
        expected = assignment_cost(rows[k], rows[other]).cost
        assert found[k, other].item() == pytest.approx(expected, rel=1e-12)
    assert found.diagonal().tolist() == [0] * 4
    found.sum().backward()
    assert tensor.grad.sum(dim=(0, 1)).numpy() == pytest.approx(0, abs=1e-13)


def test_two_rows_are_the_distance_and_precision_is_kept():
    rows, tensor = both(2, 7, 3)
    assert shift_cost_torch(tensor).item() == pytest.approx(
        assignment_cost(rows[0], rows[1]).cost, rel=1e-13
    )
    single = tensor.detach().float()
    assert shift_cost_torch(single).dtype == pairwise_w2_torch(single).dtype == torch.float32


def test_bad_rows():
    zeros = torch.zeros(3, 2, 1)
    for function in (shift_cost_torch, pairwise_w2_torch):
        with pytest.raises(TypeError, match="rows: expected a torch tensor of real numbers, got a"):
            function([[[0.0]]])
        with pytest.raises(TypeError, match=r"got a tensor of torch\.int64"):
            function(zeros.long())
        for bad in (zeros[:1], zeros[0], zeros[:, :0]):
            with pytest.raises(ValueError, match="rows: expected shape"):
                function(bad)
        with pytest.raises(ValueError, match="rows: expected finite"):
            function(zeros + torch.inf)
        with pytest.raises(ValueError, match="method: expected one of"):
            function(zeros, method="sinkhorn")
