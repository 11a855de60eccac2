r"""The training loop that the report prints, with the least repairs that let it run."""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer, number
from openblackbox.meanfield.teacher_task import best_constant
from openblackbox.meanfield.three_layer import BlockNetwork, evaluate
from openblackbox.meanfield.training import one_thread
from openblackbox.optional import needed_by

__all__ = ["PrintedRun", "printed_regularizer", "train_printed"]


def printed_regularizer(a, u, w):
    r"""Evaluate the regularizer of the printed loop.

    .. math:: \frac1m \sum_j |a_j|\,\big(\|W\|_F^2 + \|u\|_F^2\big)

    Parameters
    ----------
    a, u, w : numpy.ndarray or torch.Tensor
        Outer weights, all middle weights (also those that a mask hides), inner weights.

    Returns
    -------
    scalar of the kind of the arguments
        The regularizer.

    Notes
    -----
    Each neuron pays for the weights of all; the path norm is another functional.

    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.printed_loop import printed_regularizer
    >>> float(printed_regularizer(np.array([1.0, -3.0]), np.eye(2), np.array([[2.0], [0.0]])))
    12.0
    """
    return abs(a).mean() * ((w**2).sum() + (u**2).sum())


@dataclass(frozen=True, eq=False)
class PrintedRun:
    r"""What the printed loop gives.

    Parameters
    ----------
    teacher : BlockNetwork
        Whose labels are learned: m blocks of s inner neurons.
    mask : numpy.ndarray of bool, shape (m, m)
        Independent entries with probability s/m.
    times : numpy.ndarray of int, shape (k,)
        Numbers of steps done.
    errors : numpy.ndarray, shape (k,)
        Relative test errors.
    constant : float
        That of the best constant.

    Notes
    -----
    Defined in the chapter Training synchronized networks.
    """

    teacher: BlockNetwork
    mask: np.ndarray
    times: np.ndarray
    errors: np.ndarray
    constant: float


def train_printed(
    *, rng, masked=True, n=4000, d=100, m=50, s=16, decay=0.1, rate=0.001, iterations=1000, every=50
):
    r"""Run the loop of the report's cell 7, for its "hard" model.

    .. math:: \frac1n \sum_i \Big(\sum_j a_j\,\sigma\big((M \odot u)\,\sigma(W x_i)\big)_j
              - y_i\Big)^2 + \lambda \cdot \text{printed\_regularizer}

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws, in this order, the mask, the points, the teacher, the points for testing, the start.
    masked : bool
        If false, all entries of M are 1: the same draws, a dense network.
    n, d, m, s : int
        Points of each kind, dimension, neurons, mean degree.
    decay, rate : float
        :math:`\lambda` and the step size of Adam.
    iterations, every : int
        Steps on all points, and steps from one record to the next.

    Returns
    -------
    PrintedRun
        The records.

    Raises
    ------
    ValueError
        A number out of range.
    TypeError
        If ``rng`` is no generator.
    ImportError
        If torch is not installed.

    Notes
    -----
    Kept from the print: the labels of cell 7, by an average of m blocks; a Bernoulli mask; no
    factor 1/m in the student; the start of ``nn.Linear``, uniform on
    :math:`\pm 1/\sqrt{\text{inputs}}`, because the printed initialization is never reached; no
    bias; all points in each step. Repaired: what stops the program. Float64 in place of float32.

    Cost of a step: 6 n m (d + m) operations.

    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.printed_loop import train_printed
    >>> run = train_printed(rng=np.random.default_rng(0), n=50, d=4, m=6, s=2, iterations=20)
    >>> run.teacher.m, run.teacher.s, run.times.tolist()
    (6, 2, [0, 20])
    """
    rng, n, d = generator(rng), integer("n", n, least=2), integer("d", d)
    m, iterations, every = (
        integer(*pair) for pair in (("m", m), ("iterations", iterations), ("every", every))
    )
    s = integer("s", s, most=m)
    decay, rate = number("decay", decay, zero=True), number("rate", rate)
    with needed_by("train_printed", "torch"):
        import torch
    mask = rng.random((m, m)) < s / m
    points = rng.standard_normal((n, d))
    teacher = BlockNetwork(
        rng.standard_normal(m), rng.standard_normal((m, s)), rng.standard_normal((m, s, d))
    )
    tests = rng.standard_normal((n, d))
    a, u, w = (
        torch.tensor(rng.uniform(-1, 1, shape) / np.sqrt(shape[-1]), requires_grad=True)
        for shape in ((m,), (m, m), (m, d))
    )
    kept = torch.tensor(mask if masked else np.ones((m, m)), dtype=torch.float64)
    x, x_test = torch.from_numpy(points), torch.from_numpy(tests)
    y, y_test = (torch.from_numpy(evaluate(teacher, z)) for z in (points, tests))
    descent, times, errors = torch.optim.Adam([a, u, w], lr=rate), [], []

    def student(z):
        return ((z @ w.T).relu() @ (u * kept).T).relu() @ a

    with one_thread(torch):
        for step in range(iterations + 1):
            if step % every == 0 or step == iterations:
                with torch.no_grad():
                    gap = ((student(x_test) - y_test) ** 2).sum() / (y_test**2).sum()
                times.append(step)
                errors.append(gap.item())
            if step < iterations:
                objective = ((student(x) - y) ** 2).mean() + decay * printed_regularizer(a, u, w)
                descent.zero_grad()
                objective.backward()
                descent.step()
    return PrintedRun(
        teacher, mask, np.array(times), np.array(errors), best_constant(y_test.numpy())
    )
