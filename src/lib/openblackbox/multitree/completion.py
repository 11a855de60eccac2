"""Rank-one completion, and how it becomes a factorization with fixed supports.

*Completion*: some entries of a matrix are observed; find a matrix of rank one that is near them.
This is NP-hard, and so is the factorization with fixed supports that it becomes.
"""

import numpy as np

from openblackbox.multitree.rankone import numeric

__all__ = ["completion_factors", "completion_supports", "masked_loss"]


def masked_loss(
    matrix: np.ndarray, observed: np.ndarray, left: np.ndarray, right: np.ndarray
) -> float:
    r"""Squared error of a rank-one matrix on the observed entries.

    .. math:: \sum_{(i,j) \text{ observed}} |a_{ij} - u_i v_j|^2

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        The matrix; what it holds at entries that are not observed does not matter.
    observed : array_like of bool, shape (m, n)
        Which entries are observed.
    left, right : array_like, shapes (m,) and (n,)
        The vectors u and v.

    Returns
    -------
    float
        The loss.

    Raises
    ------
    ValueError
        Shapes that do not match, NaN or infinity.
    TypeError
        Not numbers.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.

    Examples
    --------
    >>> masked_loss([[1, 2], [3, 9]], [[1, 1], [1, 0]], [1, 3], [1, 1])
    1.0
    """
    matrix, observed = _masked(matrix, observed)
    left, right = _vectors(matrix.shape, left, right)
    return float((np.abs(matrix - np.outer(left, right))[observed] ** 2).sum())


def completion_supports(observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Supports of two factors for which fixed-support factorization is rank-one completion.

    Parameters
    ----------
    observed : array_like of bool, shape (m, n)
        Which entries are observed.

    Returns
    -------
    tuple of two bool arrays
        :math:`S_1` of shape (1 + c, n), :math:`S_2` of shape (m, 1 + c), with c the number of
        columns that miss an entry. Neuron 0 has a full block; each of the others has as block the
        missing entries of one column.

    Raises
    ------
    ValueError
        Not a matrix.

    Notes
    -----
    The matrix to factorize is the given one with any values, say 0, at the missing entries. The
    neurons 1, ..., c can produce any values there and nothing elsewhere, so only what neuron 0
    does on the observed entries counts: the infimum of :math:`\|A - W_2 W_1\|_F^2` is that of
    `masked_loss`.

    Defined in the chapter Hardness of fixed supports.

    Examples
    --------
    >>> first, second = completion_supports([[1, 1], [1, 0]])
    >>> first.astype(int).tolist(), second.astype(int).tolist()
    ([[1, 1], [0, 1]], [[1, 0], [1, 1]])
    """
    observed = np.asarray(observed, dtype=bool)
    if observed.ndim != 2:
        raise ValueError(f"observed: expected a matrix, got {observed.ndim} dimension(s)")
    lacking = np.flatnonzero(~observed.all(axis=0))
    m, n = observed.shape
    first = np.vstack([np.ones((1, n), dtype=bool), np.arange(n) == lacking[:, None]])
    second = np.hstack([np.ones((m, 1), dtype=bool), ~observed[:, lacking]])
    return first, second


def completion_factors(
    matrix: np.ndarray, observed: np.ndarray, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Factors with the supports of `completion_supports` whose loss is the masked loss.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        The matrix to factorize, with the values chosen for the missing entries.
    observed : array_like of bool, shape (m, n)
        Which entries are observed.
    left, right : array_like, shapes (m,) and (n,)
        The vectors u and v.

    Returns
    -------
    tuple of two arrays
        :math:`W_1, W_2`: neuron 0 holds v and u, the others what is missing.

    Raises
    ------
    ValueError
        Shapes that do not match, NaN or infinity.
    TypeError
        Not numbers.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.

    Examples
    --------
    >>> first, second = completion_factors([[1, 2], [3, 0]], [[1, 1], [1, 0]], [1, 3], [1, 2])
    >>> second @ first
    array([[1., 2.],
           [3., 0.]])
    """
    matrix, observed = _masked(matrix, observed)
    left, right = _vectors(matrix.shape, left, right)
    first, second = completion_supports(observed)
    first, second = first.astype(right.dtype), second.astype(left.dtype)
    lacking = np.flatnonzero(~observed.all(axis=0))
    first[0], second[:, 0] = right, left
    missing = np.where(observed, 0, matrix - np.outer(left, right))
    return first, np.hstack([second[:, :1], missing[:, lacking]])


def _masked(matrix, observed):
    matrix, observed = numeric("matrix", matrix), np.asarray(observed, dtype=bool)
    if matrix.ndim != 2 or observed.shape != matrix.shape:
        raise ValueError(
            f"observed: expected the shape of the matrix {matrix.shape}, got {observed.shape}"
        )
    return matrix, observed


def _vectors(shape, left, right):
    left, right = numeric("left", left), numeric("right", right)
    if (*left.shape, *right.shape) != shape:
        raise ValueError(
            f"left, right: expected vectors of lengths {shape}, got {left.shape}, {right.shape}"
        )
    return left, right
