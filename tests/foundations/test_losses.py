"""The losses: their derivatives, their constants, and torch as an oracle."""

import numpy as np
import pytest
import torch
from openblackbox.foundations.losses import LOSSES, Loss, as_loss
from torch.nn import functional

GRID = np.linspace(-6, 6, 97) + 1e-3  # no prediction at a kink


def labels(loss):
    return (-1.0, 1.0) if loss.signs else (-1.3, 0.4, 2.0)


@pytest.mark.parametrize("name", LOSSES)
def test_derivatives_are_limits_of_differences(name):
    loss, h = as_loss(name), 1e-5
    for y in labels(loss):
        slope = (loss.value(y, GRID + h) - loss.value(y, GRID - h)) / (2 * h)
        np.testing.assert_allclose(loss.derivative(y, GRID), slope, rtol=1e-7, atol=1e-9)
        bend = (loss.derivative(y, GRID + h) - loss.derivative(y, GRID - h)) / (2 * h)
        np.testing.assert_allclose(loss.second(y, GRID), bend, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_convex_with_the_constants_they_say(name):
    loss, reach = as_loss(name), 2.5
    for y in labels(loss):
        f = np.linspace(-reach, reach, 4001)
        slopes = loss.derivative(y, f)
        assert (np.diff(slopes) >= -1e-15).all()
        bound = loss.lipschitz(np.array([y]), reach)
        assert np.abs(slopes).max() <= bound * (1 + 1e-15)
        assert loss.second(y, f).max() <= loss.smoothness * (1 + 1e-15)
    sharp = {"logistic": 1.0, "squared": 4.5, "linear": 2.0, "absolute": 1.0}
    assert loss.lipschitz(np.array([-2.0, 1.0]), reach) == sharp[name]


def test_the_constants_cannot_be_smaller():
    assert as_loss("logistic").second(1.0, 0.0) == 0.25 == as_loss("logistic").smoothness
    assert as_loss("logistic").derivative(1.0, -40.0) == pytest.approx(-1, rel=1e-15)
    assert as_loss("squared").second([1.0], [0.0]) == 1.0 == as_loss("squared").smoothness
    assert as_loss("linear").smoothness == 0
    assert as_loss("absolute").smoothness == np.inf


def test_values_and_gradients_are_those_of_torch():
    f = torch.tensor(GRID, requires_grad=True)
    y = torch.where(torch.arange(len(GRID)) % 2 == 0, 1.0, -1.0).double()
    peers = {
        "logistic": functional.softplus(-y * f),
        "squared": functional.mse_loss(f, y, reduction="none") / 2,
        "linear": -y * f,
        "absolute": functional.l1_loss(f, y, reduction="none"),
    }
    for name, value in peers.items():
        (gradient,) = torch.autograd.grad(value.sum(), f, retain_graph=True)
        loss = as_loss(name)
        np.testing.assert_allclose(loss.value(y.numpy(), GRID), value.detach(), rtol=1e-12)
        np.testing.assert_allclose(loss.derivative(y.numpy(), GRID), gradient, rtol=1e-12)


def test_the_logistic_loss_does_not_overflow():
    loss, far = as_loss("logistic"), np.array([-1e4, 1e4])
    assert loss.value(1.0, far).tolist() == [1e4, 0.0]
    assert loss.derivative(1.0, far).tolist() == [-1.0, 0.0]
    assert loss.second(1.0, far).tolist() == [0.0, 0.0]


def test_a_kink_has_the_subgradient_zero():
    assert as_loss("absolute").derivative(0.5, 0.5) == 0


def test_a_loss_is_found_by_name_and_others_are_refused():
    assert as_loss(LOSSES["squared"]) is LOSSES["squared"]
    assert isinstance(as_loss("linear"), Loss)
    for wrong in ("hinge", None, 3, ["logistic"]):
        with pytest.raises(ValueError, match="loss: expected one of logistic, squared"):
            as_loss(wrong)
