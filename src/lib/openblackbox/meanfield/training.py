r"""Training of a student on a task: Adam, batches, a path-norm penalty, a synchronization term."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer, number
from openblackbox.meanfield.synchronization_torch import shift_cost_torch
from openblackbox.meanfield.three_layer_torch import to_torch
from openblackbox.optional import needed_by

__all__ = ["Training", "train"]


@dataclass(frozen=True, eq=False)
class Training:
    r"""What a training recorded, at the times ``times``.

    Parameters
    ----------
    times : numpy.ndarray of int, shape (k,)
        Numbers of steps done: 0, ``every``, 2 ``every``, ..., and the last.
    errors : numpy.ndarray, shape (k,)
        Relative test errors :math:`\|f - f^*\|^2 / \|f^*\|^2`.
    fits : numpy.ndarray, shape (k,)
        Mean squared errors on all points for training.
    penalties : numpy.ndarray, shape (k,)
        Path norms.
    terms : numpy.ndarray, shape (k,)
        Shift costs P of the rows of blocks; nan for other networks, and for s = 1.
    sizes : numpy.ndarray, shape (k,)
        :math:`\frac1m \sum_{j,k} \|w_{jk}\|^2`.
    network : Cloud, BlockNetwork or SharedNetwork
        The student after the last step.
    completed : bool
        False if the training was interrupted.

    Notes
    -----
    Defined in the chapter Training synchronized networks.
    """

    times: np.ndarray
    errors: np.ndarray
    fits: np.ndarray
    penalties: np.ndarray
    terms: np.ndarray
    sizes: np.ndarray
    network: object
    completed: bool


def train(
    student,
    task,
    *,
    rng,
    decay=0.03,
    weight=0.0,
    iterations=1000,
    batch=256,
    rate=0.01,
    every=100,
    report=None,
):
    r"""Train a student by Adam.

    .. math:: \frac1b \sum_{i \in B} (f(x_i) - y_i)^2 + \lambda\,V + \gamma\,P

    Parameters
    ----------
    student : Cloud, BlockNetwork or SharedNetwork
        The start.
    task : openblackbox.meanfield.teacher_task.Task
        The data.
    rng : numpy.random.Generator
        Draws the batch B of each step, with replacement.
    decay : float
        :math:`\lambda \ge 0`, the weight of the path norm V.
    weight : float
        :math:`\gamma \ge 0`, the weight of the shift cost P of the rows :math:`w_{\cdot k}` of
        blocks; 0 for other students.
    iterations, batch : int
        Numbers of steps, and of points in a batch.
    rate : float
        Step size of Adam.
    every : int
        Steps from one record to the next.
    report : callable, optional
        Called with (steps done, test error) at each record.

    Returns
    -------
    Training
        The records and the trained student. After a KeyboardInterrupt: what there is by then, with
        ``completed`` false.

    Raises
    ------
    ValueError
        A number out of range, inputs of another dimension than the task's, a synchronization
        weight for a student without rows, or an objective that is no longer finite.
    TypeError
        If `student` is no network or ``rng`` no generator.
    ImportError
        If torch is not installed.

    Notes
    -----
    In float64 and with one thread, so that two machines agree better than training needs. All
    random numbers come from ``rng``; the state of torch is left as it was. Adam divides each
    gradient by its own size, so that the factor 1/m does not make the steps small.

    Cost of a step for blocks: 6 b m s d operations and one assignment of m points in dimension
    (s - 1) d.

    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.teacher_task import make_student, make_task
    >>> from openblackbox.meanfield.training import train
    >>> task = make_task("two-layer", rng=np.random.default_rng(0), n=100, d=2, m=3)
    >>> student = make_student("hard", rng=np.random.default_rng(1), d=2, m=8, s=2)
    >>> done = train(student, task, rng=np.random.default_rng(2), iterations=200)
    >>> done.times.tolist(), bool(done.errors[-1] < 0.5 * done.errors[0]), done.completed
    ([0, 100, 200], True, True)
    """
    rng, decay = generator(rng), number("decay", decay, zero=True)
    weight, rate = number("weight", weight, zero=True), number("rate", rate)
    iterations, batch = integer("iterations", iterations), integer("batch", batch)
    every, network = integer("every", every), to_torch(student)
    if student.d != (d := task.x.shape[1]):
        raise ValueError(f"student: expected inputs in dimension {d}, got {student.d}")
    with needed_by("train", "torch"):
        import torch
    synchronized = network.kind == "blocks" and student.s > 1
    if weight and not synchronized:
        raise ValueError(f"weight: expected 0 for a student without rows to compare, got {weight}")
    x, y, x_test, y_test = (
        torch.from_numpy(np.array(values, dtype=float))
        for values in (task.x, task.y, task.x_test, task.y_test)
    )
    descent = torch.optim.Adam(network.weights.values(), lr=rate)
    times, records, completed = [], [], False
    with one_thread(torch):
        try:
            for step in range(iterations + 1):
                if step % every == 0 or step == iterations:
                    record = _record(torch, network, x, y, x_test, y_test, synchronized)
                    times.append(step)
                    records.append(record)
                    if report is not None:
                        report(step, record[0])
                if step == iterations:
                    break
                chosen = torch.from_numpy(rng.integers(len(x), size=batch))
                objective = ((network(x[chosen]) - y[chosen]) ** 2).mean()
                objective = objective + decay * network.path_norm()
                if weight:
                    objective = objective + weight * shift_cost_torch(network.rows())
                if not torch.isfinite(objective):
                    raise ValueError(f"rate: no finite objective after {step} steps of {rate}")
                descent.zero_grad()
                objective.backward()
                descent.step()
            completed = True
        except KeyboardInterrupt:
            pass
    columns = np.array(records).reshape(-1, 5).T
    return Training(np.array(times, dtype=int), *columns, network.to_numpy(), completed)


def _record(torch, network, x, y, x_test, y_test, synchronized):
    """Return the test error, the fit, the path norm, the term and the size."""
    with torch.no_grad():
        error = ((network(x_test) - y_test) ** 2).sum() / (y_test**2).sum()
        fit = ((network(x) - y) ** 2).mean()
        term = shift_cost_torch(network.rows()).item() if synchronized else np.nan
        size = (network.weights["w"] ** 2).sum() / len(network.weights["a"])
        return [error.item(), fit.item(), network.path_norm().item(), term, size.item()]


@contextmanager
def one_thread(torch):
    """Let torch use one thread, and then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
