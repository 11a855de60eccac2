"""Local minima of the squared error of two factors with given supports.

Re-exported by `openblackbox.multitree.fixed_support`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from openblackbox.multitree.rankone import numeric
from openblackbox.multitree.support_classes import two_supports

__all__ = ["LocalMinima", "local_minima"]


@dataclass(frozen=True)
class LocalMinima:
    r"""Where many descents of the same problem ended.

    Parameters
    ----------
    values : array
        The distinct local minima found, as losses, increasing.
    counts : array of int
        How many starts ended at each value.
    factors : tuple of pairs of arrays
        :math:`W_1, W_2` for each value.
    curvatures : array
        Smallest eigenvalue of the Hessian at these factors, apart from the directions that change
        nothing in the product.
    endings : array
        The last loss of every start, increasing, settled or not.
    settled : array of bool
        Which of the `endings` are local minima: zero gradient, positive curvature. The others
        were still on their way, as all are that run away to infinity.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.
    """

    values: np.ndarray
    counts: np.ndarray
    factors: tuple[tuple[np.ndarray, np.ndarray], ...]
    curvatures: np.ndarray
    endings: np.ndarray
    settled: np.ndarray


def local_minima(
    matrix: np.ndarray,
    supports: Sequence,
    *,
    rng: np.random.Generator,
    starts: int,
    steps: int = 300,
) -> LocalMinima:
    r"""Descend from many random starts and list the local minima found.

    Parameters
    ----------
    matrix : array_like, shape (n_2, n_0)
        The real matrix :math:`A`, not zero.
    supports : sequence of two 2-D array_like
        :math:`S_1, S_2`, any supports.
    rng : numpy random Generator
        Draws the starts: Gaussian weights, scaled so that the product has the norm of the matrix.
    starts : int
        Number of starts.
    steps : int, optional
        Steps of L-BFGS at most.

    Returns
    -------
    LocalMinima
        `values`, `counts`, `factors`, `curvatures`, `endings`, `settled`.

    Raises
    ------
    ValueError
        Bad supports, a wrong shape, NaN or infinity, a zero matrix, supports without a path, or a
        negative number.
    TypeError
        Complex numbers.

    Notes
    -----
    *Algorithm.* The quasi-Newton method L-BFGS (`scipy.optimize.minimize`), then steps of Newton's
    method, each halved until the loss does not grow. Some directions change nothing: the rescaling
    of a neuron, and the mixing of two neurons g, h when g feeds all that h feeds and h is fed by
    all that feeds g (column g plus t times column h, row h minus t times row g). At a minimum the
    Hessian is zero along them. An ending is *settled* when, for the matrix scaled to norm 1 and
    neurons with column and row of equal norms, the gradient is below :math:`2^{-24}` and the
    Hessian is above :math:`2^{-10}` across these directions: this is a strict local minimum up to
    the symmetry. Settled endings are the same value when they differ by less than
    :math:`2^{-20}` of the squared norm.

    It finds some local minima, not necessarily all. What is not settled is no proof of anything:
    runs to infinity end so, and slow ones, and minima that are flat.

    Defined in the chapter Hardness of fixed supports.

    References
    ----------
    * J. Nocedal and S. J. Wright, Numerical Optimization, 2nd edition, Springer, 2006.

    Examples
    --------
    >>> found = local_minima([[2, 0], [0, 1]], [[[1, 1]], [[1], [1]]],
    ...                      rng=np.random.default_rng(0), starts=10)
    >>> found.values.round(6), found.counts, bool(found.settled.all())
    (array([1.]), array([10]), True)
    """
    matrix, supports = real_matrix("matrix", matrix), two_supports(supports)
    check_shape(matrix, supports)
    norm = float(np.linalg.norm(matrix))
    if norm == 0 or not (supports[1] @ supports[0]).any():
        raise ValueError("matrix, supports: expected a nonzero matrix and a path")
    problem, scale = _Problem(matrix / norm, supports), norm**0.5
    nonnegative("steps", steps)
    found = [problem.descend(rng, steps) for _ in range(nonnegative("starts", starts))]
    found.sort(key=lambda ending: ending[0])
    endings = np.array([ending[0] for ending in found])
    curvatures = np.array([ending[1] for ending in found])
    settled = np.array([ending[2] for ending in found], dtype=bool)
    chosen = np.flatnonzero(settled)
    is_new = np.diff(endings[chosen], prepend=-1) > 2**-20
    best = chosen[is_new]
    return LocalMinima(
        values=norm**2 * endings[best],
        counts=np.diff(np.flatnonzero(np.append(is_new, True))),
        factors=tuple(tuple(scale * w for w in found[index][3]) for index in best),
        curvatures=norm * curvatures[best],
        endings=norm**2 * endings,
        settled=settled,
    )


class _Problem:
    """Loss, gradient and Hessian of the squared error, as functions of the free weights."""

    def __init__(self, matrix, supports):
        """Index the free weights, those of the first factor first."""
        used = supports[0].any(axis=1) & supports[1].any(axis=0)  # the others add nothing
        self.matrix, self.supports = matrix, (supports[0] & used[:, None], supports[1] & used)
        supports = self.supports
        self.first, self.second = np.nonzero(supports[0]), np.nonzero(supports[1])
        self.split = len(self.first[0])
        inside = [~((~s).T @ s) for s in (supports[1], supports[0].T)]  # [g, h]: h's part in g's
        self.mixed = np.argwhere(inside[0] & inside[1].T & np.outer(used, used))

    def factors(self, weights):
        first, second = (np.zeros(support.shape) for support in self.supports)
        first[self.first], second[self.second] = weights[: self.split], weights[self.split :]
        return first, second

    def loss(self, weights):
        first, second = self.factors(weights)
        rest = second @ first - self.matrix
        steps = 2 * second.T @ rest, 2 * rest @ first.T
        gradient = np.concatenate([steps[0][self.first], steps[1][self.second]])
        return float((rest * rest).sum()), gradient

    def hessian(self, weights):
        first, second = self.factors(weights)
        rest, size = second @ first - self.matrix, len(weights)
        jacobian = np.zeros((*self.matrix.shape, size))
        (h1, i1), (o2, h2) = self.first, self.second
        jacobian[:, i1, np.arange(self.split)] = second[:, h1]
        jacobian[o2, :, np.arange(self.split, size)] = first[h2]
        flat = jacobian.reshape(-1, size)
        cross = (h1[:, None] == h2) * rest[o2, i1[:, None]]
        hessian = flat.T @ flat
        hessian[: self.split, self.split :] += cross
        hessian[self.split :, : self.split] += cross.T
        return 2 * hessian

    def descend(self, rng, steps):
        """Give loss, curvature across the symmetry, whether it is a minimum, factors."""
        weights = rng.standard_normal(self.split + len(self.second[0]))
        first, second = self.factors(weights)
        weights = weights / np.sqrt(np.linalg.norm(second @ first))
        options = {"maxiter": steps, "gtol": 0, "ftol": 0}
        rough = minimize(self.loss, weights, jac=True, method="L-BFGS-B", options=options)
        first, second = balanced(*self.factors(rough.x))
        weights = np.concatenate([first[self.first], second[self.second]])
        for _ in range(16):  # Newton's method ends what L-BFGS began
            values, vectors = np.linalg.eigh(self.hessian(weights))
            sizes = np.maximum(np.abs(values), 2**-12)  # the symmetry has no curvature
            loss, gradient = self.loss(weights)
            step = vectors @ ((vectors.T @ gradient) / sizes)  # descends, if it is short enough
            trials = (weights - step / 2**halvings for halvings in range(16))
            better = (trial for trial in trials if self.loss(trial)[0] <= loss + 2**-40)
            weights = next(better, weights)
        loss, gradient = self.loss(weights)
        eigenvalues = np.linalg.eigvalsh(self.hessian(weights))
        lowest, following = eigenvalues[0], [*eigenvalues, 0.0][self.symmetries(weights)]
        settled = np.linalg.norm(gradient) < 2**-24 and lowest > -(2**-20) and following > 2**-10
        return loss, float(following), settled, self.factors(weights)

    def symmetries(self, weights):
        """Count independent changes that leave the product alone: rescaling, mixing of neurons."""
        (first, second), directions = self.factors(weights), []
        for g, h in self.mixed:  # column g + t column h, and row h - t row g
            change = np.zeros_like(first), np.zeros_like(second)
            change[0][h], change[1][:, g] = -first[g], second[:, h]
            directions.append(np.concatenate([change[0][self.first], change[1][self.second]]))
        return np.linalg.matrix_rank(directions, rtol=2**-10)


def nonnegative(name, number) -> int:
    """Check a number of steps."""
    if number < 0:
        raise ValueError(f"{name}: expected a number of at least 0, got {number}")
    return number


def real_matrix(name, matrix):
    """Check a real matrix."""
    matrix = numeric(name, matrix)
    if np.iscomplexobj(matrix):
        raise TypeError(f"{name}: expected real numbers, got dtype {matrix.dtype}")
    return matrix.astype(np.float64)


def check_shape(matrix, supports):
    """Check the shape of the matrix."""
    shape = (supports[1].shape[0], supports[0].shape[1])
    if matrix.shape != shape:
        raise ValueError(f"matrix: expected shape {shape} from the supports, got {matrix.shape}")


def balanced(first, second):
    """Scale column and row of each neuron to equal norms, unless one of them is zero."""
    rows, columns = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=0)
    both = (rows > 0) & (columns > 0)
    ratio = np.sqrt(np.where(both, columns, 1) / np.where(both, rows, 1))
    return first * ratio[:, None], second / ratio
