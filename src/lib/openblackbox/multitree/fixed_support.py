r"""Two factors with given supports: local methods, and what they find.

.. math:: \min \|A - W_2 W_1\|_F^2, \qquad \operatorname{supp} W_1 \subseteq S_1,\
          \operatorname{supp} W_2 \subseteq S_2

Any supports are accepted, also those whose blocks overlap. Nothing here is guaranteed to find the
best factors, which need not exist. What can be solved exactly is in
`openblackbox.multitree.support_classes`, re-exported here. First layer first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.landscape import (
    LocalMinima,
    balanced,
    check_shape,
    local_minima,
    nonnegative,
    real_matrix,
)
from openblackbox.multitree.support_classes import (
    NotTractableError,
    Piece,
    SupportClass,
    SupportClasses,
    TractableFit,
    classes_of_supports,
    solve_by_classes,
    two_supports,
)

__all__ = [
    "Descent",
    "LocalMinima",
    "NotTractableError",
    "Piece",
    "SupportClass",
    "SupportClasses",
    "TractableFit",
    "alternating_least_squares",
    "classes_of_supports",
    "gradient_descent",
    "local_minima",
    "solve_by_classes",
]


@dataclass(frozen=True)
class Descent:
    r"""Where a local method went.

    Parameters
    ----------
    factors : tuple of two arrays
        The last :math:`W_1, W_2`.
    steps : array of int
        The steps that were recorded, 0 for the start.
    losses : array
        :math:`\|A - W_2 W_1\|_F^2` at these steps.
    sizes : array
        :math:`(\|W_1\|_F^2 + \|W_2\|_F^2)^{1/2}` at these steps.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.
    """

    factors: tuple[np.ndarray, np.ndarray]
    steps: np.ndarray
    losses: np.ndarray
    sizes: np.ndarray


def alternating_least_squares(
    matrix: np.ndarray, supports: Sequence, *, start: Sequence, steps: int
) -> Descent:
    r"""Fit the second factor, then the first, each exactly, again and again.

    Parameters
    ----------
    matrix : array_like, shape (n_2, n_0)
        The real matrix :math:`A`.
    supports : sequence of two 2-D array_like
        :math:`S_1, S_2`, any supports.
    start : pair of 2-D array_like
        :math:`W_1, W_2` to start from; only :math:`W_1` matters.
    steps : int
        Number of sweeps, one update of each factor.

    Returns
    -------
    Descent
        Every sweep is recorded. After each, column and row of every neuron that is not zero are
        scaled to equal norms, which changes nothing in the product.

    Raises
    ------
    ValueError
        Bad supports or start, wrong shapes, NaN or infinity, a negative number of steps.
    TypeError
        Complex numbers.

    Notes
    -----
    Given :math:`W_1`, row o of :math:`W_2` is the solution of least norm of a least-squares
    problem in its own unknowns, and likewise each column of :math:`W_1` given :math:`W_2`. So the
    loss never grows. It converges, but the factors need not; and the limit may be far from the
    infimum.

    *Cost*: one small least-squares problem per row and per column in each sweep.

    Defined in the chapter Hardness of fixed supports.

    Examples
    --------
    >>> fit = alternating_least_squares([[2, 0], [0, 1]], [[[1, 1]], [[1], [1]]],
    ...                                 start=([[1, 1]], [[0], [0]]), steps=20)
    >>> fit.losses[[0, 1, 20]].round(6)
    array([5. , 1.6, 1. ])
    """
    matrix, supports, (first, second) = _checked(matrix, supports, start)
    losses, sizes = [_loss(matrix, first, second)], [_size(first, second)]
    for _ in range(nonnegative("steps", steps)):
        second = _rows(matrix, first, supports[1])
        first = _rows(matrix.T, second.T, supports[0].T).T
        losses.append(_loss(matrix, first, second))
        first, second = balanced(first, second)
        sizes.append(_size(first, second))
    return Descent((first, second), np.arange(steps + 1), np.array(losses), np.array(sizes))


def gradient_descent(
    matrix: np.ndarray, supports: Sequence, *, start: Sequence, step_size: float, steps: int
) -> Descent:
    r"""Gradient descent with a constant step on both factors.

    .. math:: W \leftarrow W - \eta\, \nabla \|A - W_2 W_1\|_F^2

    Parameters
    ----------
    matrix : array_like, shape (n_2, n_0)
        The real matrix :math:`A`.
    supports : sequence of two 2-D array_like
        :math:`S_1, S_2`, any supports.
    start : pair of 2-D array_like
        :math:`W_1, W_2` to start from.
    step_size : float
        :math:`\eta > 0`.
    steps : int
        Number of steps.

    Returns
    -------
    Descent
        Recorded at step 0, at the powers of two, and at the last step.

    Raises
    ------
    ValueError
        Bad supports or start, wrong shapes, NaN or infinity, a step size that is not positive, a
        negative number of steps.
    OverflowError
        The loss exceeds the range of numbers: the step size is too large.
    TypeError
        Complex numbers.

    Notes
    -----
    Where the infimum is not attained the loss tends to it and the factors to infinity; the step
    then has to stay below the inverse of a growing curvature.

    Defined in the chapter Hardness of fixed supports.

    Examples
    --------
    >>> fit = gradient_descent([[4.0]], [[[1]], [[1]]], start=([[1.0]], [[1.0]]), step_size=0.01,
    ...                        steps=200)
    >>> fit.steps, fit.losses[[0, -1]].round(6)
    (array([  0,   1,   2,   4,   8,  16,  32,  64, 128, 200]), array([9., 0.]))
    """
    matrix, supports, (first, second) = _checked(matrix, supports, start)
    if not step_size > 0:
        raise ValueError(f"step_size: expected a positive number, got {step_size}")
    recorded = sorted({0, nonnegative("steps", steps), *(2**k for k in range(steps.bit_length()))})
    losses, sizes = [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            rest = matrix - second @ first
            if step == recorded[len(losses)]:
                losses.append(float((rest * rest).sum()))
                sizes.append(_size(first, second))
                if not np.isfinite(losses[-1]):
                    raise OverflowError(f"step_size: {step_size} is too large, the loss overflows")
                if step == steps:
                    break
            change = 2 * step_size * rest
            first, second = (
                first + supports[0] * (second.T @ change),
                second + supports[1] * (change @ first.T),
            )
    return Descent((first, second), np.array(recorded), np.array(losses), np.array(sizes))


def _checked(matrix, supports, start):
    """Check the arguments of a descent."""
    matrix, supports = real_matrix("matrix", matrix), two_supports(supports)
    check_shape(matrix, supports)
    factors = [real_matrix(f"start[{k}]", factor) for k, factor in enumerate(start)]
    shapes = [factor.shape for factor in factors]
    expected = [support.shape for support in supports]
    if shapes != expected:
        raise ValueError(f"start: expected shapes {expected} from the supports, got {shapes}")
    if any(factor[~support].any() for factor, support in zip(factors, supports, strict=True)):
        raise ValueError("start: has weights outside the supports")
    return matrix, supports, factors


def _rows(matrix, first, support):
    """Best second factor: each row by least squares over the neurons of its support."""
    second = np.zeros(support.shape)
    for row, neurons in enumerate(support):
        second[row, neurons] = np.linalg.lstsq(first[neurons].T, matrix[row], rcond=None)[0]
    return second


def _loss(matrix, first, second) -> float:
    return float(((matrix - second @ first) ** 2).sum())


def _size(first, second) -> float:
    return float(np.hypot(np.linalg.norm(first), np.linalg.norm(second)))
