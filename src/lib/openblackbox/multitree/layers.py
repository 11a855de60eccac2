"""Supports as matrices that were checked: what every module about paths starts from."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

__all__ = ["as_supports"]


def as_supports(supports: Sequence) -> tuple[np.ndarray, ...]:
    """Return supports as a tuple of boolean matrices, after checking them.

    Parameters
    ----------
    supports : sequence of 2-D array_like or sparse matrices
        One matrix per layer, first layer first. Numbers count as edges where they are nonzero, so
        a sequence of weight matrices is accepted and stands for its zero pattern.

    Returns
    -------
    tuple of 2-D bool arrays
        Shapes ``(n_1, n_0), ..., (n_L, n_{L-1})``.

    Raises
    ------
    ValueError
        No layer, a matrix that is not 2-D, neighbouring shapes that do not match, or NaN. All the
        problems are listed.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> as_supports([[[2.0, 0.0]]])
    (array([[ True, False]]),)
    """
    return checked_layers(supports, _boolean)


def checked_layers(supports, convert):
    """Return supports, each converted, or raise ValueError with all their problems.

    ``convert`` gets a matrix of numbers, dense or sparse, and returns it as booleans, and whether
    it holds NaN.
    """
    matrices, problems = [], []
    for layer, support in enumerate(supports):
        matrix = support if sp.issparse(support) else np.asarray(support)
        if matrix.ndim != 2:
            problems.append(f"supports[{layer}]: expected a matrix, got {matrix.ndim} dimension(s)")
        elif matrix.dtype.kind not in "biufc":
            problems.append(f"supports[{layer}]: expected numbers, got dtype {matrix.dtype}")
        else:
            matrix, holds_nan = convert(matrix)
            problems += [f"supports[{layer}]: holds NaN"] if holds_nan else []
        matrices.append(matrix)
    if not matrices:
        problems.append("supports: expected at least one layer, got none")
    if not problems:
        for layer, (before, after) in enumerate(pairwise(matrices), 1):
            if after.shape[1] != before.shape[0]:
                problems.append(
                    f"supports[{layer}]: expected {before.shape[0]} columns (the rows of "
                    f"supports[{layer - 1}]), got {after.shape[1]}"
                )
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(matrices)


def _boolean(matrix):
    """Return a support as a dense matrix, and whether it holds NaN."""
    array = matrix.toarray() if sp.issparse(matrix) else matrix
    return array.astype(bool, copy=False), array.dtype.kind in "fc" and bool(np.isnan(array).any())


def sparse_rows(matrix: np.ndarray) -> sp.csr_array:
    """Sparse form of a boolean matrix, faster than the generic conversion of scipy."""
    matrix = np.ascontiguousarray(matrix)
    indices = np.flatnonzero(matrix) % max(1, matrix.shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(matrix, axis=1))])
    return sp.csr_array((np.ones(indices.size, dtype=bool), indices, indptr), shape=matrix.shape)
