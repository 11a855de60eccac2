"""The squared distance in torch: values, gradients by formula and by differences, bad input."""

import numpy as np
import ot
import pytest
import torch
from openblackbox.meanfield.assignment import assignment_cost
from openblackbox.meanfield.transport_torch import w2_squared_torch

METHODS = ("pot", "assignment")


def clouds(m, p, n=None, seed=0):
    rng = np.random.default_rng([m, p, seed])
    u, v = rng.standard_normal((m, p)), rng.standard_normal((n or m, p))
    return torch.tensor(u, requires_grad=True), torch.tensor(v, requires_grad=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("m, p", [(1, 1), (5, 1), (8, 3), (40, 2), (10, 30)])
def test_value_and_gradient(m, p, method):
    u, v = clouds(m, p)
    value = w2_squared_torch(u, v, method=method)
    found = assignment_cost(u.detach().numpy(), v.detach().numpy())
    assert value.shape == ()
    assert value.item() == pytest.approx(found.cost, rel=1e-12)
    value.backward()
    expected = 2 / m * (u.detach().numpy() - v.detach().numpy()[found.permutation])
    assert u.grad.numpy() == pytest.approx(expected, abs=1e-14)
    assert v.grad.numpy()[found.permutation] == pytest.approx(-expected, abs=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_gradient_by_differences(method):
    u, v = clouds(6, 2, seed=1)
    assert torch.autograd.gradcheck(lambda a, b: w2_squared_torch(a, b, method=method), (u, v))


def test_clouds_of_different_sizes():
    u, v = clouds(4, 2, n=7)
    value = w2_squared_torch(u, v)
    costs = ot.dist(u.detach().numpy(), v.detach().numpy())
    plan = ot.emd(np.full(4, 1 / 4), np.full(7, 1 / 7), costs)
    assert value.item() == pytest.approx((plan * costs).sum(), rel=1e-12)
    value.backward()
    expected = 2 * (u.detach().numpy() / 4 - plan @ v.detach().numpy())
    assert u.grad.numpy() == pytest.approx(expected, abs=1e-13)
    with pytest.raises(ValueError, match="unequal masses"):
        w2_squared_torch(u, v, method="assignment")


@pytest.mark.parametrize("method", METHODS)
def test_single_precision(method):
    u, v = clouds(9, 3)
    single = w2_squared_torch(u.detach().float(), v.detach().float(), method=method)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(w2_squared_torch(u, v).item(), rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_descent_reaches_the_other_cloud(method):
    """A step of size m / 2 against the gradient moves each point to its partner."""
    u, v = clouds(7, 2)
    w2_squared_torch(u, v, method=method).backward()
    moved = (u - 7 / 2 * u.grad).detach()
    assert w2_squared_torch(moved, v.detach(), method=method).item() == pytest.approx(0, abs=1e-25)


def test_bad_input():
    u = torch.zeros(2, 1, dtype=torch.float64)
    with pytest.raises(TypeError, match="u: expected a torch tensor of real numbers, got a list"):
        w2_squared_torch([[0.0]], u)
    with pytest.raises(TypeError, match="v: expected a torch tensor of real numbers, got a tensor"):
        w2_squared_torch(u, torch.zeros(2, 1, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"v: expected torch\.float64 on cpu as u, got"):
        w2_squared_torch(u, u.float())
    with pytest.raises(ValueError, match="u: expected shape"):
        w2_squared_torch(u[:, 0], u)
    with pytest.raises(ValueError, match="v: expected shape"):
        w2_squared_torch(u, u[:0])
    with pytest.raises(ValueError, match="u: expected finite"):
        w2_squared_torch(u + torch.nan, u)
    with pytest.raises(ValueError, match="v: expected points of 1 entries"):
        w2_squared_torch(u, torch.zeros(2, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="method: expected one of"):
        w2_squared_torch(u, u, method="sinkhorn")
