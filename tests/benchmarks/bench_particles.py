"""Many particles beside matrix products and torch.

One velocity of all particles, as one step of the flow takes it: n = 1000 points in dimension 100,
single precision, ReLU, weight decay. *Share*: operations per second of the blocked velocity
(4 n m d by its time), beside those of products of square matrices of 1024 rows by numpy, in each of
the threads; both are medians of rounds that time one after the other, and the last column is the
median of the shares of the rounds. *Time*: the blocked velocity beside the
gradient of the same risk by the autograd of torch; the last column is torch by ours. *Arrays*: the
peak of what numpy allocated for the blocked velocity, with its result, beside the same for the
plain one; the last column is plain by blocked.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from openblackbox.meanfield.blocked import velocity_blocked
from openblackbox.meanfield.energy import velocity
from openblackbox.meanfield.particles import Cloud, Regression
from openblackbox.meanfield.starts import start

from book_tools.bench import median_seconds, peak_of_arrays

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


def matrix_rate(threads, products=8):
    """Return the operations per second of matrix products in several threads.

    Each calls numpy, whose own threads are those of the environment: `make bench` gives it one.
    """
    factors = np.random.default_rng(0).standard_normal((threads, 1024, 1024)).astype(np.float32)
    results = np.empty_like(factors)

    def work(i):
        for _ in range(products):
            np.matmul(factors[i], factors[i], out=results[i])

    with ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        list(pool.map(work, range(threads)))
        return 2 * 1024**3 * threads * products / (time.perf_counter() - begin)


def shares(cloud, task, threads, rounds=15):
    """Return the operations per second of the velocity and of products, and the share."""
    pairs = []
    for _ in range(rounds):
        rate = matrix_rate(threads)
        seconds = median_seconds(partial(velocity_blocked, cloud, task, workers=threads), repeats=1)
        pairs.append((4 * POINTS * cloud.m * DIMENSION / seconds, rate))
    ours, rates = np.array(pairs).T
    return np.median(ours), np.median(rates), np.median(ours / rates)


def measure():
    """Yield shares and times for each size and number of threads, and memory for each size."""
    import torch

    for m in SIZES:
        cloud, task = problem(m)
        check(cloud, task)
        for threads in THREADS:
            torch.set_num_threads(threads)
            done, rate, share = shares(cloud, task, threads)
            label = f"m = {m}, {threads} thread{'s' if threads > 1 else ''}"
            yield {
                "what": f"share, {label}: blocked, matrix product (10^9/s)",
                "this": done / 1e9,
                "beside": rate / 1e9,
                "quotient": share,
            }
            ours = median_seconds(partial(velocity_blocked, cloud, task, workers=threads))
            theirs = median_seconds(gradient_of_torch(cloud, task), repeats=5)
            time.sleep(1)  # the threads of torch keep cores busy for a while after their work
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
