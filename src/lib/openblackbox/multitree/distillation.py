r"""Distillation: students that learn a network from random samples of its answers.

The peer of reconstruction: a student of known supports (those of the teacher, or full ones for a
dense student) is trained by Adam on answers at Gaussian points. Several students that differ in
their starts are trained side by side on the same samples.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer_problems
from openblackbox.multitree.students import relative_error
from openblackbox.multitree.supports import as_supports
from openblackbox.networks import ReLUNetwork
from openblackbox.optional import needed_by
from openblackbox.oracles import as_arrays, check_oracle

__all__ = ["Distillation", "distill"]


@dataclass(frozen=True)
class Distillation:
    """Students that were trained from several starts, and how well they do.

    Parameters
    ----------
    networks : tuple of k ReLUNetwork
        One student for each start, zero outside the supports.
    train_errors : numpy.ndarray, shape (k,)
        `relative_error` of every student at the points of the samples.
    test_errors : numpy.ndarray, shape (k,)
        The same at fresh Gaussian points.
    samples : int
        Number of different points at which the teacher was asked for the training.

    Notes
    -----
    Defined in the chapter Distillation or reconstruction.
    """

    networks: tuple[ReLUNetwork, ...]
    train_errors: np.ndarray
    test_errors: np.ndarray
    samples: int


def distill(
    teacher,
    starts,
    supports,
    *,
    samples,
    rng,
    steps=1500,
    batch=256,
    learning_rate=0.02,
    jacobians=False,
    tests=4096,
):
    r"""Train students on answers of a teacher at random points.

    .. math:: \min_{\operatorname{supp} W_\ell \subseteq S_\ell}\ \frac1n \sum_{t=1}^n
              \|R_W(x_t) - f(x_t)\|^2, \qquad x_t \sim N(0, I)

    Parameters
    ----------
    teacher : Oracle
        The function f. Its Jacobians are asked with ``jacobians`` only.
    starts : sequence of L arrays, shapes (k, n_{l+1}, n_l)
        The weights of k students without biases, first layer first.
    supports : sequence of L boolean arrays
        Where the weights may be nonzero.
    samples : int
        The number n of points.
    rng : numpy.random.Generator
        Draws, in this order, the points of the test, the points of the samples, and, when
        ``samples > batch``, the points of each step.
    steps : int
        Number of steps of Adam.
    batch : int
        Number of samples of a step, drawn with replacement; all of them when
        ``samples <= batch``.
    learning_rate : float
        Of the first step; it falls to 0 along half a cosine.
    jacobians : bool
        Ask :math:`Df(x_t)` as well, and add its relative mean square error to the loss.
    tests : int
        Number of points of the test.

    Returns
    -------
    Distillation
        The students and their errors.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError
        If ``teacher`` is no oracle or ``rng`` no generator.
    ValueError
        If the supports, starts and teacher do not fit together, or a number is out of range.

    Notes
    -----
    The loss of each student is divided by the mean square of what it has to learn, and the losses
    are added: Adam works weight by weight, so the students do not influence each other. All is
    in float64. Training in one thread (``torch.set_num_threads(1)``) gives the same numbers at
    every run, and the same to about eight digits on every machine we tried.

    Cost: a step is one product of each layer, forwards and backwards, per sample and student;
    with ``jacobians`` n_0 times that.

    Defined in the chapter Distillation or reconstruction.

    References
    ----------
    * G. Hinton, O. Vinyals, J. Dean, Distilling the knowledge in a neural network, 2015.
    * W. M. Czarnecki, S. Osindero, M. Jaderberg, G. Swirszcz, R. Pascanu, Sobolev training for
      neural networks, NeurIPS 2017.

    Examples
    --------
    >>> teacher = ReLUNetwork([[[1.0]], [[1.0]]])
    >>> starts = [np.array([[[0.5]], [[-0.5]]]), np.array([[[0.5]], [[0.5]]])]
    >>> students = distill(
    ...     teacher, starts, [[[1]], [[1]]], samples=100, rng=np.random.default_rng(0), steps=300
    ... )
    >>> students.test_errors.round(3)  # the second begins on the wrong side
    array([0., 1.])
    """
    with needed_by("distill", "torch"):
        import torch
    masks, starts = _checked(teacher, starts, supports, rng, samples, steps, batch, tests)
    width = masks[0].shape[1]
    test_points = rng.standard_normal((int(tests), width))
    points = rng.standard_normal((int(samples), width))
    values = np.asarray(teacher(points), dtype=float)
    inputs, targets = torch.tensor(points), torch.tensor(values)
    masks = [torch.tensor(mask, dtype=torch.float64) for mask in masks]
    weights = [torch.tensor(start, requires_grad=True) for start in starts]
    optimizer = torch.optim.Adam(weights, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, int(steps))
    size = _mean_square(targets)
    for _ in range(int(steps)):
        few = samples <= batch
        chosen = np.arange(samples) if few else rng.integers(0, samples, batch)
        masked = [weight * mask for weight, mask in zip(weights, masks, strict=True)]
        found, slopes = _forward(masked, inputs[chosen], jacobians)
        loss = ((found - targets[chosen]) ** 2).mean(dim=(1, 2)) / size
        if jacobians:
            exact = torch.tensor(np.asarray(teacher.jacobian(points[chosen]), dtype=float))
            loss = loss + ((slopes - exact) ** 2).mean(dim=(1, 2, 3)) / _mean_square(exact)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        schedule.step()
    trained = [(w * mask).detach().numpy() for w, mask in zip(weights, masks, strict=True)]
    networks = tuple(ReLUNetwork(list(layers)) for layers in zip(*trained, strict=True))
    return Distillation(
        networks=networks,
        train_errors=np.array([relative_error(g, teacher, points[:tests]) for g in networks]),
        test_errors=np.array([relative_error(g, teacher, test_points) for g in networks]),
        samples=int(samples),
    )


def _forward(weights, inputs, jacobians):
    """Return the values (k, n, n_L) and, if asked, the Jacobians (k, n, n_L, n_0) of k students."""
    y, slopes = inputs, None
    if jacobians:
        slopes = weights[0][:, None]
    for layer, weight in enumerate(weights):
        y = y @ weight.mT
        if layer == len(weights) - 1:
            continue
        if jacobians:
            active = (y > 0).to(y.dtype)
            slopes = weights[layer + 1][:, None] @ (active[..., None] * slopes)
        y = y.relu()
    if jacobians:
        slopes = slopes.expand(*y.shape, inputs.shape[1])
    return y, slopes


def _mean_square(tensor):
    """Mean square, or 1 where all is 0: the loss is then absolute."""
    size = (tensor**2).mean()
    return size if size > 0 else size + 1


def _checked(teacher, starts, supports, rng, samples, steps, batch, tests):
    """Return the supports and the starts as arrays, or raise."""
    check_oracle(teacher)
    generator(rng)
    masks = as_supports(supports)
    starts = [array.astype(float) for array in as_arrays("starts", starts)]
    shapes = [start.shape for start in starts]
    problems = []
    if [shape[1:] for shape in shapes] != [mask.shape for mask in masks]:
        problems.append(
            f"starts: expected shapes (k, n, m) with the supports' "
            f"{[mask.shape for mask in masks]}, got {shapes}"
        )
    elif len({shape[0] for shape in shapes}) != 1 or not shapes[0][0]:
        problems.append(f"starts: expected as many students in every layer, got {shapes}")
    if not all(np.isfinite(start).all() for start in starts):
        problems.append("starts: holds NaN or infinity")
    ends = (masks[0].shape[1], masks[-1].shape[0])
    if ends != (teacher.n_inputs, teacher.n_outputs):
        problems.append(
            f"supports: {ends[0]} inputs and {ends[1]} outputs, "
            f"the teacher has {teacher.n_inputs} and {teacher.n_outputs}"
        )
    for name, number in {
        "samples": samples,
        "steps": steps,
        "batch": batch,
        "tests": tests,
    }.items():
        problems += integer_problems(name, number)
    if problems:
        raise ValueError("; ".join(problems))
    return masks, starts
