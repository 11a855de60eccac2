"""The repaired loop against the printed lines themselves, run with torch modules."""

import numpy as np
import pytest
import torch
from openblackbox.meanfield.printed_loop import printed_regularizer, train_printed
from openblackbox.meanfield.teacher_task import best_constant
from openblackbox.meanfield.three_layer import evaluate
from torch import nn
from torch.nn import functional as F

SIZES = {"n": 60, "d": 4, "m": 6, "s": 2}


class NeuralNetwork3(nn.Module):
    """The printed class, with `forward` as a method and in float64."""

    def __init__(self, d_in, m_neur, mask):
        super().__init__()
        self.W = nn.Linear(d_in, m_neur)
        self.u = nn.Linear(m_neur, m_neur)
        self.a = nn.Linear(m_neur, 1)
        self.mask = mask

    def forward(self, x):
        x = F.relu(torch.matmul(self.W.weight, x.t()))
        x = F.relu(torch.matmul(self.u.weight * self.mask, x))
        return torch.matmul(self.a.weight, x)


def printed(masked, *, iterations, decay=0.1, rate=0.001):
    """Run the printed loop on the draws of `train_printed`."""
    n, d, m, s = SIZES.values()
    rng = np.random.default_rng(5)
    mask = rng.random((m, m)) < s / m
    x = rng.standard_normal((n, d))
    a, u, w = (
        rng.standard_normal(m),
        rng.standard_normal((m, s)),
        rng.standard_normal((m, s, d)),
    )

    def label(x):
        return np.array(
            [
                sum(
                    a[j] * max(np.dot(u[j], [max(np.dot(w[j][k], z), 0) for k in range(s)]), 0)
                    for j in range(m)
                )
                / m
                for z in x
            ]
        )

    x_test = rng.standard_normal((n, d))
    y, y_test = torch.from_numpy(label(x)), torch.from_numpy(label(x_test))
    kept = torch.from_numpy(mask.astype(float)) if masked else torch.ones(m, m)
    model = NeuralNetwork3(d, m, kept).double()
    with torch.no_grad():
        for layer in (model.a, model.u, model.W):
            size = layer.weight.shape
            start = rng.uniform(-1, 1, size).reshape(size) / np.sqrt(size[1])
            layer.weight.copy_(torch.from_numpy(start))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    criterion, errors = nn.MSELoss(), []
    for step in range(iterations + 1):
        out = model(torch.from_numpy(x_test)).flatten()
        errors.append((torch.norm(out - y_test) ** 2 / torch.norm(y_test) ** 2).item())
        if step == iterations:
            return errors, mask, (a, u, w), y_test.numpy(), model
        optimizer.zero_grad()
        pred = torch.flatten(model(torch.from_numpy(x)))
        reg = (
            1
            / m
            * torch.sum(
                abs(model.a.weight)
                * (torch.norm(model.W.weight).pow(2) + torch.norm(model.u.weight).pow(2))
            )
        )
        (criterion(pred, y) + decay * reg).backward()
        optimizer.step()


@pytest.mark.parametrize("masked", [True, False])
def test_the_repaired_loop_is_the_printed_one(masked):
    errors, mask, teacher, y_test, model = printed(masked, iterations=20)
    run = train_printed(
        rng=np.random.default_rng(5), masked=masked, iterations=20, every=1, **SIZES
    )
    np.testing.assert_allclose(run.errors, errors, rtol=1e-9)
    np.testing.assert_array_equal(run.mask, mask)
    for mine, theirs in zip((run.teacher.a, run.teacher.u, run.teacher.w), teacher, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert run.constant == pytest.approx(best_constant(y_test), rel=1e-12)
    # The biases of nn.Linear are never used: they have no gradient.
    assert all(layer.bias.grad is None for layer in (model.W, model.u, model.a))


def test_both_runs_share_their_draws():
    one, two = (
        train_printed(rng=np.random.default_rng(1), masked=m, iterations=30, every=10, **SIZES)
        for m in (True, False)
    )
    np.testing.assert_array_equal(one.mask, two.mask)
    np.testing.assert_array_equal(one.teacher.w, two.teacher.w)
    assert one.constant == two.constant
    assert one.errors[0] != two.errors[0]
    assert one.times.tolist() == [0, 10, 20, 30]
    assert one.errors[-1] < one.errors[0]
    assert two.errors[-1] < two.errors[0]


def test_options_are_used():
    base = {"iterations": 40, "every": 40, **SIZES}
    plain = train_printed(rng=np.random.default_rng(1), **base)
    for change in ({"decay": 0.0}, {"rate": 0.002}):
        assert (
            train_printed(rng=np.random.default_rng(1), **base, **change).errors[1]
            != (plain.errors[1])
        )
    assert evaluate(plain.teacher, np.ones((1, 4))).shape == (1,)


def test_the_regularizer_by_hand():
    a, u, w = np.array([1.0, -3.0]), np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[2.0], [1.0]])
    assert printed_regularizer(a, u, w) == 2 * (5 + 6)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="s: expected an integer from 1 to 6, got 7"):
        train_printed(rng=np.random.default_rng(0), **SIZES | {"s": 7})
    with pytest.raises(TypeError, match="rng"):
        train_printed(rng=None)
