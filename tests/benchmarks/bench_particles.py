"""Many particles beside matrix products and torch.

One velocity of all particles, as one step of the flow takes it: n = 1000 points in dimension 100,
single precision, ReLU, weight decay. *Share*: operations per second of the blocked velocity
(4 n m d by its time), beside those of the product of two square matrices of 1024 rows, the better
one of numpy and torch; the last column is the share. *Time*: the blocked velocity beside the
gradient of the same risk by the autograd of torch; the last column is torch by ours. *Arrays*: the
peak of what numpy allocated for the blocked velocity, with its result, beside the same for the
plain one; the last column is plain by blocked.
"""

import tracemalloc
from functools import partial

import numpy as np
from openblackbox.meanfield.blocked import velocity_blocked
from openblackbox.meanfield.energy import velocity
from openblackbox.meanfield.particles import Cloud, Regression
from openblackbox.meanfield.starts import start

from book_tools.bench import median_seconds

PACKAGES = ("torch",)
POINTS, DIMENSION = 1000, 100
SIZES = (10_000, 100_000)
THREADS = (1, 2)


def problem(m, points=POINTS, d=DIMENSION):
    """Return a cloud and a task in single precision."""
    rng = np.random.default_rng(m)
    cloud = start("balanced", m=m, d=d, rng=rng)
    x = rng.standard_normal((points, d)).astype(np.float32)
    y = np.tanh(x[:, 0])
    cloud = Cloud(cloud.a.astype(np.float32), cloud.w.astype(np.float32))
    return cloud, Regression(x, y, decay=0.01)


def gradient_of_torch(cloud, task):
    """Return a function that computes m times the gradient of the risk by autograd."""
    import torch

    x, y = torch.tensor(task.x), torch.tensor(task.y)
    a, w = (torch.tensor(array, requires_grad=True) for array in (cloud.a, cloud.w))

    def run():
        f = torch.relu(x @ w.T) @ a / len(a)
        cost = ((a * a).sum() + (w * w).sum()) / (2 * len(a))
        risk = ((f - y) ** 2).mean() + task.decay * cost
        return torch.autograd.grad(len(a) * risk, (a, w))

    return run


def check(cloud, task):
    """Compare the three ways to the velocity."""
    ours, plain = velocity_blocked(cloud, task), velocity(cloud, task)
    a, w = gradient_of_torch(cloud, task)()
    scale = np.abs(plain.theta).max()
    for found in (ours, Cloud(-a.numpy(), -w.numpy())):
        assert np.abs(found.theta - plain.theta).max() < 1e-5 * scale


def matrix_rate(threads):
    """Return the operations per second of the better matrix product."""
    import torch

    rng = np.random.default_rng(0)
    a, out = (
        rng.standard_normal((1024, 1024)).astype(np.float32),
        np.empty((1024, 1024), np.float32),
    )
    tensor, result = torch.tensor(a), torch.empty(1024, 1024)
    seconds = [median_seconds(lambda: torch.mm(tensor, tensor, out=result), repeats=21)]
    if threads == 1:  # the threads of numpy are those of the environment: make bench gives it one
        seconds.append(median_seconds(lambda: np.matmul(a, a, out=out), repeats=21))
    return 2 * 1024**3 / min(seconds)


def peak_of_arrays(function):
    """Return the peak of what was allocated while a function ran, in bytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def measure():
    """Yield shares and times for each size and number of threads, and memory for each size."""
    import torch

    for m in SIZES:
        cloud, task = problem(m)
        check(cloud, task)
        for threads in THREADS:
            torch.set_num_threads(threads)
            rate = matrix_rate(threads)
            ours = median_seconds(partial(velocity_blocked, cloud, task, workers=threads))
            theirs = median_seconds(gradient_of_torch(cloud, task), repeats=5)
            label = f"m = {m}, {threads} thread{'s' if threads > 1 else ''}"
            done = 4 * POINTS * m * DIMENSION / ours
            yield {
                "what": f"share, {label}: blocked, matrix product (10^9/s)",
                "this": done / 1e9,
                "beside": rate / 1e9,
                "quotient": done / rate,
            }
            yield {
                "what": f"time, {label}: blocked, torch (ms)",
                "this": 1e3 * ours,
                "beside": 1e3 * theirs,
                "quotient": theirs / ours,
            }
        blocked, plain = (
            peak_of_arrays(partial(function, cloud, task)) / 2**20
            for function in (velocity_blocked, velocity)
        )
        yield {
            "what": f"arrays, m = {m}: blocked, plain (MiB)",
            "this": blocked,
            "beside": plain,
            "quotient": plain / blocked,
        }
