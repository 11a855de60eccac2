"""Supports as matrices that were checked: what every module about paths starts from."""

from collections.abc import Sequence

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
    matrices, problems = [], []
    for layer, support in enumerate(supports):
        array = support.toarray() if sp.issparse(support) else np.asarray(support)
        if array.ndim != 2:
            problems.append(f"supports[{layer}]: expected a matrix, got {array.ndim} dimension(s)")
        elif array.dtype.kind not in "biufc":
            problems.append(f"supports[{layer}]: expected numbers, got dtype {array.dtype}")
        elif array.dtype.kind in "fc" and np.isnan(array).any():
            problems.append(f"supports[{layer}]: holds NaN")
        matrices.append(array.astype(bool, copy=False) if array.dtype.kind in "biufc" else array)
    if not matrices:
        problems.append("supports: expected at least one layer, got none")
    if not problems:
        for layer in range(1, len(matrices)):
            got, expected = matrices[layer].shape[1], matrices[layer - 1].shape[0]
            if got != expected:
                problems.append(
                    f"supports[{layer}]: expected {expected} columns (the rows of "
                    f"supports[{layer - 1}]), got {got}"
                )
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(matrices)


def sparse_rows(matrix: np.ndarray) -> sp.csr_array:
    """Sparse form of a boolean matrix, faster than the generic conversion of scipy."""
    matrix = np.ascontiguousarray(matrix)
    indices = np.flatnonzero(matrix) % max(1, matrix.shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(matrix, axis=1))])
    return sp.csr_array((np.ones(indices.size, dtype=bool), indices, indptr), shape=matrix.shape)
