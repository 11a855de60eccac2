r"""The velocity of many particles in blocks: no array of points by particles is formed.

For ReLU both gradients of a particle come from one vector. With the residual
:math:`r_i = f(x_i) - y_i` and :math:`g_j = \sum_i r_i\,\mathbf 1\{w_j \cdot x_i > 0\}\,x_i`,

.. math:: \sum_i r_i\,\sigma(w_j \cdot x_i) = w_j \cdot g_j, \qquad
          \sum_i r_i\,a_j\,\sigma'(w_j \cdot x_i)\,x_i = a_j\,g_j .
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial

import numpy as np

from openblackbox.arguments import integer
from openblackbox.meanfield.energy import check_dimensions
from openblackbox.meanfield.particles import adopt
from openblackbox.meanfield.penalties import slopes
from openblackbox.optional import needed_by

__all__ = ["velocity_blocked"]

ENTRIES = 1 << 19  # inner products held at one time: 2 MiB of float32
GROUPS = 64  # partial sums of f, whatever the number of blocks
# Row k holds the eight bits of k: one look-up unpacks eight signs.
BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)


def velocity_blocked(cloud, task, *, block=None, workers=1, device=None):
    r"""Evaluate the velocity of each particle of ReLU, a block of particles at a time.

    .. math:: \dot a_j = -\tfrac2n\,w_j \cdot g_j - \lambda\,\partial_a V(\theta_j), \qquad
              \dot w_j = -\tfrac2n\,a_j\,g_j - \lambda\,\nabla_w V(\theta_j)

    Parameters
    ----------
    cloud : Cloud
        The particles.
    task : Regression
        The data and the penalty; its activation is "relu".
    block : int, optional
        Particles in a block. By default a multiple of 16, with at most 2^19 inner products where
        that can be.
    workers : int
        Threads that share the blocks. Each calls the matrix product of numpy: let that use one
        thread then (``OPENBLAS_NUM_THREADS=1``).
    device : str, optional
        Without it numpy computes. With the name of a device of torch, "cpu" or "cuda", torch does,
        on that device, and `workers` is not used.

    Returns
    -------
    Cloud
        What `openblackbox.meanfield.energy.velocity` returns, up to rounding.

    Raises
    ------
    ValueError
        Particles and points of different dimensions, another activation, a block or a number of
        workers that is not positive, a device that torch does not have, or an overflow.
    ImportError
        A device is named and torch is not installed.

    Notes
    -----
    First pass: the inner products of a block, their signs, which are kept, and its part of f, as
    :math:`\sigma(h) = \frac12 (h + |h|)`; the part linear in h needs no block. Second pass:
    :math:`g_j` by a product of the signs with the matrix of the :math:`r_i x_i`.

    Cost: two matrix products, 4 n m d operations, as in `velocity`, and no others of that order.
    Memory besides cloud and result: the signs as bits, n m / 8 bytes, for each worker a block and
    a few arrays of its particles, and at most 64 partial sums of f; of arrays of float32 beside
    float64 also copies in double. With torch the signs are n m bytes. The result does not depend
    on `workers`.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.blocked import velocity_blocked
    >>> from openblackbox.meanfield.particles import Cloud, Regression
    >>> moved = velocity_blocked(Cloud([3.0], [[1.0]]), Regression([[1.0]], [1.0]))
    >>> moved.a, moved.w
    (array([-4.]), array([[-12.]]))
    """
    check_dimensions(cloud, task)
    if task.activation != "relu":
        raise ValueError(f"task: expected the activation 'relu', got {task.activation!r}")
    size = max(16, ENTRIES // task.n // 16 * 16) if block is None else integer("block", block)
    workers = integer("workers", workers)
    parts = [slice(k, min(k + size, cloud.m)) for k in range(0, cloud.m, size)]
    dtype = np.result_type(cloud.w, task.x)
    arrays = [array.astype(dtype, copy=False) for array in (cloud.a, cloud.w, task.x, task.y)]
    a, w = arrays[:2]
    moved_a = np.empty_like(a)

    def finish(part):
        """Turn the vectors -(2/n) g_j of a block, in `moved_w`, into velocities."""
        np.einsum("jd,jd->j", w[part], moved_w[part], out=moved_a[part])
        moved_w[part] *= a[part, None]
        if task.decay:
            slope_a, slope_w = slopes(cloud.a[part], cloud.w[part], task.penalty)
            moved_a[part] -= task.decay * slope_a
            moved_w[part] -= task.decay * slope_w

    if device is None:
        moved_w = np.empty_like(w)
        _pull_numpy(*arrays, parts, workers, moved_w, finish)
    else:
        moved_w = _pull_torch(*arrays, parts, device)
        for part in parts:
            finish(part)
    return adopt(moved_a, moved_w)


def _pull_numpy(a, w, x, y, parts, workers, pull, finish):
    """Write the vectors -(2/n) g_j into `pull`, shape (m, d), and `finish` each block."""
    n, size = len(x), parts[0].stop
    signs = [None] * len(parts)
    groups = np.array_split(np.arange(len(parts)), min(len(parts), GROUPS))
    # The parts of sum_j a_j |w_j . x_i| and of sum_j a_j w_j.
    even, odd = np.zeros((len(groups), n), x.dtype), np.zeros((len(groups), w.shape[1]), x.dtype)
    table = BITS.astype(x.dtype)
    columns = np.ascontiguousarray(x.T)
    # One for both passes of each worker, with room to the end of a byte of signs.
    scratch = np.empty((workers, -(-size * n // 8) * 8), x.dtype)
    positive = np.empty((workers, size * n), bool)

    def forward(worker):
        """Fill `signs`, `even` and `odd` for every block of one worker."""
        for g in range(worker, len(groups), workers):
            for k in groups[g]:
                outer, rows = a[parts[k]], w[parts[k]]
                count = len(rows) * n
                h = np.matmul(rows, columns, out=scratch[worker, :count].reshape(-1, n))
                signs[k] = np.packbits(np.greater(h.ravel(), 0, out=positive[worker, :count]))
                even[g] += outer @ np.abs(h, out=h)
                odd[g] += outer @ rows

    def backward(worker):
        """Fill `pull` for every block of one worker."""
        for k in range(worker, len(parts), workers):
            floats = scratch[worker, : 8 * len(signs[k])].reshape(-1, 8)
            np.take(table, signs[k], axis=0, out=floats, mode="clip")
            rows = pull[parts[k]]
            np.matmul(floats.reshape(-1)[: len(rows) * n].reshape(-1, n), weighted, out=rows)
            finish(parts[k])

    settings = np.geterr()  # a thread does not inherit what the caller does about overflow

    def run(work, worker):
        with np.errstate(**settings):
            work(worker)

    with ThreadPoolExecutor(workers) if workers > 1 else nullcontext() as pool:
        share = pool.map if pool else map
        list(share(partial(run, forward), range(workers)))
        residual = (x @ odd.sum(axis=0) + even.sum(axis=0)) / (2 * len(a)) - y
        weighted = (-2 / n) * residual[:, None] * x
        list(share(partial(run, backward), range(workers)))


def _pull_torch(a, w, x, y, parts, device):
    """Return the vectors -(2/n) g_j, shape (m, d), computed by torch."""
    with needed_by("velocity_blocked", "torch", hint=", or pip install 'openblackbox[book]'"):
        import torch
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter: torch built without CUDA
        raise ValueError(f"device: expected a device of torch, got {device!r}: {error}") from error
    a, w, x, y = (torch.tensor(array, device=device) for array in (a, w, x, y))
    signs, f = [], torch.zeros_like(y)
    for part in parts:
        h = w[part] @ x.T
        signs.append(h > 0)
        f += a[part] @ h.relu_()
    weighted = (-2 / len(x)) * (f / len(a) - y)[:, None] * x
    for part, positive in zip(parts, signs, strict=True):
        w[part] = positive.to(x.dtype) @ weighted
    return w.cpu().numpy()
