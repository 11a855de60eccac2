"""Random clouds, what they learn, and the gradient of torch, for the tests of several modules."""

import numpy as np
import torch
from openblackbox.meanfield.particles import Cloud, Regression
from openblackbox.meanfield.starts import start


def normal_cloud(m, d=2, seed=0, scale=1.0):
    """Draw m independent normal particles; another m, d or seed is another draw."""
    rng = np.random.default_rng([m, d, seed])
    return start("gaussian", m=m, d=d, rng=rng, scale=scale)


def normal_task(seed=0, *, m=7, d=3, n=11, dtype=float, **options):
    """Draw normal particles, points and labels; the decay is 0.3, unless an option says another."""
    rng = np.random.default_rng(seed)
    a, w = rng.standard_normal(m), rng.standard_normal((m, d))
    x, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    task = Regression(x.astype(dtype), y.astype(dtype), **({"decay": 0.3} | options))
    return Cloud(a.astype(dtype), w.astype(dtype)), task


def torch_gradient(cloud, task):
    """Write the risk again, in torch: its value and its gradient, rows :math:`(a_j, w_j)`."""
    a, w = (torch.tensor(array, requires_grad=True) for array in (cloud.a, cloud.w))
    x, y = torch.tensor(task.x), torch.tensor(task.y)
    f = getattr(torch, task.activation)(x @ w.T) @ a / len(a)
    if task.penalty == "path":
        cost = (a.abs() * w.norm(dim=1)).mean()
    else:
        cost = (a**2 + (w**2).sum(dim=1)).mean() / 2
    value = ((f - y) ** 2).mean() + task.decay * cost
    slopes = torch.autograd.grad(value, (a, w))
    return float(value.detach()), np.column_stack([slope.numpy() for slope in slopes])
